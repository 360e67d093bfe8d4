#include "lab_sim.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* dlsym gives an object's address where a function's is wanted. */
static bool find(void *module, const char *name, void *to)
{
    void *address = dlsym(module, name);
    memcpy(to, &address, sizeof address);
    return address != NULL;
}

const lab_sim *lab_find_sim(void)
{
    static lab_sim sim;
    static bool found;
    char path[1024];
    const char *folder = getenv("TENON_MODULES");
    if (found || !folder)
        return found ? &sim : NULL;
    snprintf(path, sizeof path, "%s/tenon_sim.so", folder);
    if (!lab_exists(path))
        return NULL;
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module)
        fail_msg("%s: %s", path, dlerror());
    found = find(module, "tn_sim_fail_at", &sim.fail_at) &&
            find(module, "tn_sim_set_devices", &sim.set_devices) &&
            find(module, "tn_sim_set_memory", &sim.set_memory) &&
            find(module, "tn_sim_set_gpu", &sim.set_gpu) &&
            find(module, "tn_sim_set_patience", &sim.set_patience) &&
            find(module, "tn_sim_set_seed", &sim.set_seed) &&
            find(module, "tn_sim_set_count_error", &sim.set_count_error) &&
            find(module, "tn_sim_set_refusals", &sim.set_refusals) &&
            find(module, "tn_sim_trace_begin", &sim.trace_begin) &&
            find(module, "tn_sim_trace_counts", &sim.trace_counts) &&
            find(module, "tn_sim_trace_device", &sim.trace_device) &&
            find(module, "tn_sim_trace_calls", &sim.trace_calls) &&
            find(module, "tn_sim_check_leaks", &sim.check_leaks);
    if (!found)
        fail_msg("%s: %s", path, dlerror());
    return &sim;
}

const lab_sim *lab_counting_sim(void)
{
    return getenv("TENON_TEST_GPU") ? NULL : lab_find_sim();
}
