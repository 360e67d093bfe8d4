#include <string.h>

#include "base/base.h"
#include "plan/toy.h"

int toy_reorders_run;
int toy_arranged;
int toy_blocks;

static tn_status toy_alloc(tn_backend_device *d, size_t bytes, void **out)
{
    (void)d;
    *out = tn_alloc_aligned(bytes);
    if (!*out)
        return tn_no_memory("toy", bytes);
    memset(*out, 0xff, bytes);
    toy_blocks++;
    return TN_OK;
}

static void toy_free(tn_backend_device *d, void *p)
{
    (void)d;
    toy_blocks--;
    tn_free(p);
}

static tn_status toy_copy(tn_backend_device *d, void *to, const void *from, size_t bytes)
{
    (void)d;
    memcpy(to, from, bytes);
    return TN_OK;
}

static tn_status toy_fill(tn_backend_device *d, void *to, int byte, size_t bytes)
{
    (void)d;
    memset(to, byte, bytes);
    return TN_OK;
}

typedef struct toy_reorder {
    int64_t count;
    bool turn;
} toy_reorder;

static tn_status reorder_create(tn_backend_device *d, const tn_shape *shape, tn_dtype dtype,
                                const tn_layout *from, const tn_layout *to, void **out)
{
    (void)d, (void)dtype;
    toy_reorder *r = tn_alloc(1, sizeof *r);
    if (!r)
        return tn_no_memory("toy", sizeof *r);
    *r = (toy_reorder){tn_elements(shape), from != to};
    *out = r;
    return TN_OK;
}

static tn_status reorder_run(void *reorder, void *to, const void *from)
{
    const toy_reorder *r = reorder;
    for (int64_t i = 0; i < r->count; i++)
        ((float *)to)[i] = ((const float *)from)[r->turn ? r->count - 1 - i : i];
    toy_reorders_run++;
    return TN_OK;
}

static tn_status accumulate(tn_backend_device *d, const tn_layout *layout, void *y, const void *x,
                            size_t bytes)
{
    (void)d, (void)layout;
    for (size_t i = 0; i < bytes / sizeof(float); i++)
        ((float *)y)[i] += ((const float *)x)[i];
    return TN_OK;
}

static tn_status tally(tn_backend_device *d, const tn_run_state *run, double *sum, const void *x,
                       tn_dtype dtype)
{
    (void)d, (void)run, (void)dtype;
    sum[1] += 1;
    *sum += (double)*(const float *)x;
    return TN_OK;
}

static tn_status precision(const tn_backend_device *d, tn_precision asked, tn_precision *out)
{
    (void)d, (void)asked;
    *out = TN_PRECISION_F32;
    return TN_OK;
}

static tn_status rates(const tn_backend_device *d, tn_precision p, double *flops, double *bytes)
{
    (void)d, (void)p;
    *flops = TOY_FLOPS;
    if (bytes)
        *bytes = TOY_BANDWIDTH;
    return TN_OK;
}

static const tn_optim_kernel *const optims[] = {NULL};

static const tn_backend backend = {
    .abi = TN_MODULE_ABI,
    .name = "toy",
    .kernels = toy_kernels,
    .optims = optims,
    .alloc = toy_alloc,
    .free = toy_free,
    .upload = toy_copy,
    .download = toy_copy,
    .fill = toy_fill,
    .reorder_create = reorder_create,
    .reorder_run = reorder_run,
    .reorder_destroy = tn_free,
    .accumulate = accumulate,
    .tally = tally,
    .precision = precision,
    .rates = rates,
};

static char name[] = "toy";
tn_device toy_device = {.backend = &backend, .name = name};
