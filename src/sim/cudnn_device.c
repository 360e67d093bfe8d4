/*
 * Simulated cuDNN: the properties of a device, as JSON or asked of the device itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cudnn_sim.h"

/* What the real library wants to find, all of it. */
static const char *const keys[] = {"maxGridSize",
                                   "maxBlockSize",
                                   "deviceName",
                                   "cudaDeviceId",
                                   "deviceVer",
                                   "multiProcessorCount",
                                   "driverVer",
                                   "maxSharedMemoryPerBlockOptin",
                                   "totalGlobalMem",
                                   "regsPerBlock",
                                   "warpSize",
                                   "maxSharedMemoryPerBlock",
                                   "reservedSharedMemoryPerBlock",
                                   "maxRegistersPerSM",
                                   "maxCtasPerSM",
                                   "maxThreadsPerBlock",
                                   "maxThreadsPerSM",
                                   "pciDeviceId",
                                   "isTccDriver",
                                   "supportCoopLaunch",
                                   "smClockRateKHz",
                                   "memClockRateKHz",
                                   "l2CacheSize"};

static const char *find(const char *json, const char *key)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", key);
    const char *at = strstr(json, quoted);
    at = at ? strchr(at + strlen(quoted), ':') : NULL;
    return at ? at + 1 : NULL;
}

static cudnnStatus_t read_json(tn_dnn_contents *c, const char *json)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (!find(json, keys[i]))
            return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "device properties: no \"%s\"", keys[i]);
    c->device.version = atoi(find(json, "deviceVer"));
    c->device.processors = atoi(find(json, "multiProcessorCount"));
    c->device.driver = atoi(find(json, "driverVer"));
    c->json = tn_sim_new(1, strlen(json) + 1);
    strcpy(c->json, json);
    return CUDNN_STATUS_SUCCESS;
}

tn_dnn_device tn_dnn_ask_device(int index)
{
    const tn_sim_gpu *gpu = tn_sim_set.gpu;
    return (tn_dnn_device){.index = index,
                           .version = 100 * gpu->major + 10 * gpu->minor,
                           .processors = gpu->processors,
                           .driver = CUDART_VERSION};
}

static void write_json(tn_dnn_contents *c)
{
    enum { BYTES = 1024 };
    const tn_sim_gpu *gpu = tn_sim_set.gpu;
    c->json = tn_sim_new(1, BYTES);
    snprintf(c->json, BYTES,
             "{\"maxGridSize\":[2147483647,65535,65535],\"maxBlockSize\":[1024,1024,64],"
             "\"deviceName\":\"%s\",\"cudaDeviceId\":%d,\"deviceVer\":%d,"
             "\"multiProcessorCount\":%d,\"driverVer\":%d,\"maxSharedMemoryPerBlockOptin\":%d,"
             "\"totalGlobalMem\":%zu,\"regsPerBlock\":65536,\"warpSize\":32,"
             "\"maxSharedMemoryPerBlock\":%d,\"reservedSharedMemoryPerBlock\":1024,"
             "\"maxRegistersPerSM\":65536,\"maxCtasPerSM\":16,\"maxThreadsPerBlock\":1024,"
             "\"maxThreadsPerSM\":%d,\"pciDeviceId\":0,\"isTccDriver\":0,\"supportCoopLaunch\":1,"
             "\"smClockRateKHz\":%d,\"memClockRateKHz\":%d,\"l2CacheSize\":%d}",
             gpu->full_name, c->device.index, c->device.version, c->device.processors,
             c->device.driver, gpu->shared_optin, tn_sim_set.memory, TN_SIM_SHARED, gpu->threads,
             gpu->clock, gpu->memory_clock, gpu->l2);
}

cudnnStatus_t tn_dnn_finalize_device(tn_dnn_contents *c)
{
    const tn_dnn_value *json = tn_dnn_value_of(c, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION);
    const tn_dnn_value *handle = tn_dnn_value_of(c, CUDNN_ATTR_DEVICEPROP_HANDLE);
    if (json)
        return read_json(c, json->bytes);
    /* Neither a handle nor an index: the real library takes device 0. */
    int index = (int)tn_dnn_number_of(c, CUDNN_ATTR_DEVICEPROP_DEVICE_ID, 0);
    if (handle)
        index = (*(struct cudnnContext *const *)handle->bytes)->device;
    if (index < 0 || index >= tn_sim_set.devices)
        return tn_dnn_fail(CUDNN_STATUS_NOT_INITIALIZED, "there is no device %d", index);
    c->device = tn_dnn_ask_device(index);
    write_json(c);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t tn_dnn_get_device(const tn_dnn_contents *c, const tn_dnn_attribute *a, int64_t asked,
                                int64_t *count, void *out)
{
    const int64_t bytes = (int64_t)strlen(c->json) + 1;
    if (a->name != CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION)
        return CUDNN_STATUS_NOT_SUPPORTED;
    return tn_dnn_give_text(c->json, bytes, asked, count, out);
}

cudnnStatus_t tn_dnn_device_for(const tn_dnn_contents *c, cudnnBackendAttributeName_t properties,
                                const tn_dnn_contents *graph, tn_dnn_device *out)
{
    const tn_dnn_contents *part = tn_dnn_part_of(c, properties);
    const tn_dnn_value *handle = tn_dnn_value_of(graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE);
    if (part) {
        *out = part->device;
        return CUDNN_STATUS_SUCCESS;
    }
    if (handle) {
        *out = tn_dnn_ask_device((*(struct cudnnContext *const *)handle->bytes)->device);
        return CUDNN_STATUS_SUCCESS;
    }
    /* The real library follows a pointer that is not there. */
    return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: neither device properties nor a handle",
                       tn_dnn_type_name(c->type));
}
