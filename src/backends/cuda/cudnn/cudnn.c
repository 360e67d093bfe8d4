#include "backends/cuda/cudnn/cudnn.h"

#include <stdio.h>
#include <string.h>

#include "backends/cuda/cudnn/parts.h"
#include "backends/cuda/device/device.h"
#include "base/number.h"

tn_status tn_cudnn_check(const tn_backend_device *d, const tn_node *n, cudnnStatus_t s,
                         const char *call)
{
    enum { UNSUPPORTED = 3000, UNSUPPORTED_END = 4000 };
    char text[400] = "";
    if (s == CUDNN_STATUS_SUCCESS)
        return TN_OK;
    cudnnGetLastErrorString(text, sizeof text);
    text[strcspn(text, "\r\n")] = 0;
    const tn_status status = s == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED ||
                                     s == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED
                                 ? TN_ERR_MEMORY
                             : (int)s >= UNSUPPORTED && (int)s < UNSUPPORTED_END
                                 ? TN_ERR_UNSUPPORTED
                                 : TN_ERR_DEVICE;
    return tn_fail(status, "%s%s%s on %s: %.*s: %s%s%s", n ? n->op->name : "cuDNN", n ? " " : "",
                   n ? n->name : "", d->name, (int)strcspn(call, "("), call, cudnnGetErrorString(s),
                   *text ? ": " : "", text);
}

/* ---- the device --------------------------------------------------------------------------- */

static tn_status open_properties(tn_backend_device *d)
{
    struct tn_cudnn *dnn = d->cudnn;
    const int32_t index = d->index;
    TN_CUDNN(d, NULL,
             cudnnBackendCreateDescriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, &dnn->device));
    if (index >= 0)
        TN_CUDNN(d, NULL,
                 cudnnBackendSetAttribute(dnn->device, CUDNN_ATTR_DEVICEPROP_DEVICE_ID,
                                          CUDNN_TYPE_INT32, 1, &index));
    else
        TN_CUDNN(d, NULL,
                 cudnnBackendSetAttribute(dnn->device, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION,
                                          CUDNN_TYPE_CHAR, (int64_t)strlen(d->gpu.json) + 1,
                                          d->gpu.json));
    TN_CUDNN(d, NULL, cudnnBackendFinalize(dnn->device));
    return TN_OK;
}

static tn_status open_parts(tn_backend_device *d)
{
    struct tn_cudnn *dnn = d->cudnn;
    const size_t version = cudnnGetVersion();
    snprintf(dnn->text, sizeof dnn->text, "cuDNN %zu.%zu.%zu", version / 10000, version / 100 % 100,
             version % 100);
    if (d->index >= 0) {
        TN_CUDNN(d, NULL, cudnnCreate(&dnn->handle));
        TN_CUDNN(d, NULL, cudnnSetStream(dnn->handle, d->compute));
        TN_CUDA(d, NULL, cudaDriverGetVersion(&dnn->driver));
        if (cudaMalloc(&dnn->zeros, TN_CUDNN_ZEROS) != cudaSuccess) {
            (void)cudaGetLastError(); /* it is told here */
            return tn_no_memory(d->name, TN_CUDNN_ZEROS);
        }
        TN_CUDA(d, NULL, cudaMemsetAsync(dnn->zeros, 0, TN_CUDNN_ZEROS, d->compute));
        TN_TRY(tn_cudnn_cache_folder(&dnn->cache));
    }
    return open_properties(d);
}

tn_status tn_cudnn_open(tn_backend_device *d)
{
    d->cudnn = tn_alloc(1, sizeof *d->cudnn);
    if (!d->cudnn)
        return tn_no_memory(d->name, sizeof *d->cudnn);
    const tn_status status = open_parts(d);
    if (status != TN_OK)
        tn_cudnn_close(d);
    return status;
}

static void destroy_plan(tn_cudnn_plan *p)
{
    tn_cudnn_unmake(&p->maker, 0);
    tn_free(p->key);
    tn_free(p->why);
    tn_free(p);
}

void tn_cudnn_close(tn_backend_device *d)
{
    struct tn_cudnn *dnn = d->cudnn;
    if (!dnn)
        return;
    for (tn_cudnn_plan *p = dnn->plans, *next; p; p = next) {
        next = p->next;
        destroy_plan(p);
    }
    /* Nothing can be done about failures here, nor is anything lost by them. */
    if (dnn->device)
        cudnnBackendDestroyDescriptor(dnn->device);
    if (dnn->zeros)
        cudaFree(dnn->zeros);
    if (dnn->handle)
        cudnnDestroy(dnn->handle);
    tn_free(dnn->cache);
    tn_free(dnn);
    d->cudnn = NULL;
}

const char *tn_cudnn_describe(const tn_backend_device *d)
{
    return d->cudnn->text;
}

const void *tn_cudnn_zeros(const tn_backend_device *d)
{
    return d->cudnn->zeros;
}

/* ---- plans -------------------------------------------------------------------------------- */

/* All that a choice follows from. */
static char *make_key(const tn_backend_device *d, unsigned forbidden, const tn_cudnn_graph *g)
{
    char *graph = tn_cudnn_text(g);
    if (!graph)
        return NULL;
    char *key = tn_format(
        "%s %s of CUDA %zu, %s, sm %d, %d processors, driver %d, notes barred %x, workspace "
        "%zu, autotune %d\n%s\n",
        tn_cuda_name, d->cudnn->text, cudnnGetCudartVersion(), d->gpu.name, d->gpu.sm,
        d->gpu.processors, d->cudnn->driver, forbidden, d->opts.workspace, d->opts.autotune, graph);
    tn_free(graph);
    return key;
}

/* Takes what is in the cache, or chooses; that there is no engine is a result too. */
static tn_status settle(tn_backend_device *d, const tn_node *n, const tn_cudnn_graph *g,
                        unsigned forbidden, tn_cudnn_plan *p)
{
    TN_TRY(tn_cudnn_cache_load(d, p));
    if (p->plan)
        return TN_OK;
    tn_error_kept kept;
    tn_error_keep(&kept);
    const tn_status status = tn_cudnn_choose(d, n, g, forbidden, p);
    if (status == TN_OK)
        tn_cudnn_cache_store(d, p);
    if (status != TN_ERR_UNSUPPORTED)
        return status;
    p->why = tn_copy_text(tn_error());
    if (!p->why)
        return tn_no_memory(d->name, 1);
    tn_error_put_back(&kept);
    return TN_OK;
}

static tn_status plan_for(tn_backend_device *d, const tn_node *n, const tn_cudnn_graph *g,
                          unsigned forbidden, const tn_cudnn_plan **out)
{
    char *key = make_key(d, forbidden, g);
    if (!key)
        return tn_no_memory(n->name, 1);
    for (const tn_cudnn_plan *p = d->cudnn->plans; p; p = p->next)
        if (strcmp(p->key, key) == 0) {
            tn_free(key);
            *out = p;
            return TN_OK;
        }
    tn_cudnn_plan *p = tn_alloc(1, sizeof *p);
    if (!p) {
        tn_free(key);
        return tn_no_memory(n->name, sizeof *p);
    }
    p->key = key;
    const tn_status status = settle(d, n, g, forbidden, p);
    if (status != TN_OK) {
        destroy_plan(p);
        return status;
    }
    p->next = d->cudnn->plans;
    d->cudnn->plans = p;
    *out = p;
    return TN_OK;
}

tn_status tn_cudnn_prepare(tn_backend_device *d, const tn_node *n, tn_precision precision,
                           const char *what, const tn_cudnn_graph *g, tn_cudnn_run *out)
{
    const tn_cudnn_plan *p = NULL;
    if (d->index >= 0)
        TN_TRY(tn_cuda_use(d));
    TN_TRY(plan_for(d, n, g, tn_cudnn_forbidden(d, precision), &p));
    if (!p->plan)
        return tn_fail(TN_ERR_UNSUPPORTED, "%s %s on %s: cuDNN does no %s: %s", n->op->name,
                       n->name, d->name, what, p->why);
    *out = (tn_cudnn_run){.plan = p};
    for (int i = 0; i < g->tensors; i++)
        if (!g->tensor[i].is_virtual)
            out->uid[out->count++] = i + 1;
    return TN_OK;
}

size_t tn_cudnn_workspace(const tn_cudnn_run *r)
{
    return r->plan ? r->plan->choice.workspace : 0;
}

bool tn_cudnn_uses_tensor_cores(const tn_cudnn_run *r)
{
    return r->plan->choice.notes >> CUDNN_NUMERICAL_NOTE_TENSOR_CORE & 1;
}

/* ---- running ------------------------------------------------------------------------------ */

static tn_status make_pack(tn_cudnn_run *r, const tn_call *c, void *const *pointers,
                           void *workspace)
{
    tn_cudnn_maker m = {0};
    tn_cudnn_release(r);
    cudnnBackendDescriptor_t pack = tn_cudnn_make(&m, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    tn_cudnn_set(&m, pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, r->count, r->uid);
    tn_cudnn_set(&m, pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, r->count,
                 pointers);
    tn_cudnn_set(&m, pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    tn_cudnn_finalize(&m, pack);
    const tn_status status = tn_cudnn_check(c->device, c->node, m.status, m.call);
    if (status != TN_OK) {
        tn_cudnn_unmake(&m, 0);
        return status;
    }
    r->pack = pack;
    r->workspace = workspace;
    memcpy(r->pointer, pointers, (size_t)r->count * sizeof *pointers);
    return TN_OK;
}

tn_status tn_cudnn_execute(tn_cudnn_run *r, const tn_call *c, void *const *pointers,
                           void *workspace)
{
    tn_backend_device *d = c->device;
    if (!r->pack || workspace != r->workspace ||
        memcmp(r->pointer, pointers, (size_t)r->count * sizeof *pointers) != 0)
        TN_TRY(make_pack(r, c, pointers, workspace));
    TN_CUDNN(d, c->node, cudnnBackendExecute(d->cudnn->handle, r->plan->plan, r->pack));
    return TN_OK;
}

void tn_cudnn_release(tn_cudnn_run *r)
{
    if (r->pack)
        cudnnBackendDestroyDescriptor(r->pack);
    r->pack = NULL;
}

/* ---- telling ------------------------------------------------------------------------------ */

void tn_cudnn_tell(const tn_cudnn_run *r, const char *what, char *text, size_t size)
{
    static const char *const names[CUDNN_NUMERICAL_NOTE_TYPE_COUNT] = {
        [CUDNN_NUMERICAL_NOTE_TENSOR_CORE] = "TC",
        [CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS] = "DOWN",
        [CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION] = "REDUCED",
        [CUDNN_NUMERICAL_NOTE_FFT] = "FFT",
        [CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC] = "NONDET",
        [CUDNN_NUMERICAL_NOTE_WINOGRAD] = "WINO",
    };
    if (!r->plan)
        return;
    const tn_cudnn_choice *c = &r->plan->choice;
    size_t used = strlen(text);
    used += (size_t)snprintf(text + used, size - used, "%s%s %lld", used ? "; " : "", what,
                             (long long)c->engine);
    if (c->workspace && used < size)
        used += (size_t)tn_print(text + used, size - used, " %.1fMB", (double)c->workspace * 1e-6);
    if (c->compiled && used < size)
        used += (size_t)snprintf(text + used, size - used, " RTC");
    for (size_t i = 0; i < TN_COUNT(names); i++)
        if (names[i] && (c->notes >> i & 1) && used < size)
            used += (size_t)snprintf(text + used, size - used, " %s", names[i]);
    if (r->plan->damaged && used < size)
        snprintf(text + used, size - used, " (made anew: its file was damaged)");
}
