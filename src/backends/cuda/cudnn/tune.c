/*
 * The best few engines, each run on memory of its own, and timed.
 */
#include "backends/cuda/cudnn/parts.h"

/* What is timed. */
typedef struct trial {
    tn_backend_device *d;
    char *memory; /* all tensors one after the other, then the workspace */
    int count;
    int64_t uid[TN_CUDNN_TENSORS];
    void *pointer[TN_CUDNN_TENSORS];
    void *workspace;
    cudaEvent_t begin, end;
} trial;

/* Elements from the first to the last. */
static size_t bytes_of(const tn_cudnn_tensor *t)
{
    int64_t last = 0;
    for (int i = 0; i < TN_CUDNN_DIMS; i++)
        last += (t->dim[i] - 1) * t->stride[i];
    return (size_t)(last + 1) * (t->type == CUDNN_DATA_FLOAT ? 4 : 2);
}

/* Scalars in the host's memory are all 1: statistics and the like, which take no more time for it. */
static float one = 1;

/* A GPU is faster on zeros, which cost it less power: signs and digits as of trained numbers. A half is from 1/4 to 1/2
 * as f16 and about 1e-7 as bf16, as is what two of them are as f32. */
static bool fill_with_numbers(const trial *t, size_t total)
{
    enum { PATTERN = 1 << 16 };
    const size_t first = total < PATTERN ? total : PATTERN;
    uint16_t *half = tn_alloc(PATTERN, 1);
    uint32_t state = 1;
    if (!half)
        return false;
    for (size_t i = 0; i < PATTERN / sizeof *half; i++) {
        state = state * 1664525 + 1013904223; /* Numerical Recipes' */
        half[i] = (uint16_t)(0x3400 | (state >> 16 & 0x83ff));
    }
    bool good = cudaMemcpyAsync(t->memory, half, first, cudaMemcpyHostToDevice, t->d->compute) ==
                    cudaSuccess &&
                cudaStreamSynchronize(t->d->compute) == cudaSuccess;
    for (size_t have = first; good && have < total; have *= 2)
        good =
            cudaMemcpyAsync(t->memory + have, t->memory, total - have < have ? total - have : have,
                            cudaMemcpyDeviceToDevice, t->d->compute) == cudaSuccess;
    tn_free(half);
    return good;
}

static bool lay_out(trial *t, const tn_cudnn_graph *g, size_t workspace)
{
    size_t total = 0, at[TN_CUDNN_TENSORS];
    for (int i = 0; i < g->tensors; i++)
        if (!g->tensor[i].is_virtual) {
            at[t->count] = tn_cuda_part(&total, bytes_of(&g->tensor[i]));
            t->uid[t->count++] = i + 1;
        }
    const size_t behind = tn_cuda_part(&total, workspace);
    if (cudaMalloc((void **)&t->memory, total) != cudaSuccess || !fill_with_numbers(t, total))
        return false;
    for (int i = 0; i < t->count; i++) {
        const bool by_value = g->tensor[t->uid[i] - 1].by_value;
        t->pointer[i] = by_value ? (void *)&one : t->memory + at[i];
    }
    t->workspace = t->memory + behind;
    return cudaEventCreateWithFlags(&t->begin, cudaEventDefault) == cudaSuccess &&
           cudaEventCreateWithFlags(&t->end, cudaEventDefault) == cudaSuccess;
}

/* Milliseconds; below 0 if it does not run. */
static float measure(const trial *t, cudnnBackendDescriptor_t plan)
{
    enum { RUNS = 5 };
    tn_cudnn_maker m = {0};
    float ms = -1;
    cudnnBackendDescriptor_t pack = tn_cudnn_make(&m, CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    tn_cudnn_set(&m, pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, t->count, t->uid);
    tn_cudnn_set(&m, pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, t->count,
                 t->pointer);
    tn_cudnn_set(&m, pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1,
                 &t->workspace);
    tn_cudnn_finalize(&m, pack);
    bool good = m.status == CUDNN_STATUS_SUCCESS;
    for (int i = 0; i <= RUNS && good; i++) { /* the first loads it */
        if (i == 1)
            good = cudaEventRecord(t->begin, t->d->compute) == cudaSuccess;
        good = good && cudnnBackendExecute(t->d->cudnn->handle, plan, pack) == CUDNN_STATUS_SUCCESS;
    }
    if (good && cudaEventRecord(t->end, t->d->compute) == cudaSuccess &&
        cudaEventSynchronize(t->end) == cudaSuccess &&
        cudaEventElapsedTime(&ms, t->begin, t->end) != cudaSuccess)
        ms = -1;
    tn_cudnn_unmake(&m, 0);
    return ms;
}

int tn_cudnn_fastest(tn_backend_device *d, const tn_cudnn_graph *g,
                     const cudnnBackendDescriptor_t *plans, const tn_cudnn_choice *choices,
                     int count)
{
    trial t = {.d = d};
    size_t workspace = 0;
    int best = 0;
    float least = -1;
    for (int i = 0; i < count; i++)
        if (choices[i].workspace > workspace)
            workspace = choices[i].workspace;
    const bool ready = lay_out(&t, g, workspace);
    for (int i = 0; i < count && ready; i++) {
        const float ms = measure(&t, plans[i]);
        if (ms >= 0 && (least < 0 || ms < least)) {
            best = i;
            least = ms;
        }
    }
    /* What went wrong here goes wrong again where it counts, and is told there. */
    cudaStreamSynchronize(d->compute);
    (void)cudaGetLastError();
    if (t.begin)
        cudaEventDestroy(t.begin);
    if (t.end)
        cudaEventDestroy(t.end);
    if (t.memory)
        cudaFree(t.memory);
    return best;
}
