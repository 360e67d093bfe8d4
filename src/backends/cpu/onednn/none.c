/* A build without oneDNN. */
#include <string.h>

#include "backends/cpu/onednn/door.h"
#include "base/base.h"

tn_status tn_onednn_open(tn_backend_device *d)
{
    (void)d;
    return TN_OK;
}

void tn_onednn_close(tn_backend_device *d)
{
    (void)d;
}

tn_cpu_isa tn_cpu_isa_here(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return TN_CPU_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
        __builtin_cpu_supports("f16c"))
        return TN_CPU_AVX2;
#endif
    return TN_CPU_PORTABLE;
}

const char *tn_onednn_isa(void)
{
    static const char *const name[TN_CPU_ISAS] = {"portable", "avx2", "avx512"};
    return name[tn_cpu_isa_here()];
}

const char *tn_onednn_version(void)
{
    return NULL;
}

/* There are no two layouts: what is left is to copy. */
tn_status tn_onednn_reorder_create(tn_backend_device *d, const tn_shape *shape, tn_dtype dtype,
                                   const tn_layout *from, const tn_layout *to, void **reorder)
{
    (void)d, (void)from, (void)to;
    size_t *bytes = tn_alloc(1, sizeof *bytes);
    if (!bytes)
        return tn_no_memory("reorder", sizeof *bytes);
    const tn_status status = tn_shape_bytes(shape, dtype, bytes);
    if (status == TN_OK)
        *reorder = bytes;
    else
        tn_free(bytes);
    return status;
}

tn_status tn_onednn_reorder_run(void *reorder, void *to, const void *from)
{
    memcpy(to, from, *(const size_t *)reorder);
    return TN_OK;
}

void tn_onednn_reorder_destroy(void *reorder)
{
    tn_free(reorder);
}

tn_status tn_onednn_part_layout(tn_backend_device *d, tn_precision precision, const tn_node *n,
                                int i, const tn_layout **out, size_t *offset)
{
    (void)d, (void)precision, (void)n, (void)i, (void)offset;
    *out = NULL;
    return TN_OK;
}

tn_status tn_onednn_conv_blocks(tn_backend_device *d, const tn_node *n, int lanes, bool each,
                                tn_binding *b)
{
    (void)d, (void)lanes, (void)each;
    b->x[0] = b->y[0] = b->w[0] = b->w[1] = NULL;
    if (tn_has_post(n, TN_POST_ADD))
        b->x[1] = NULL;
    return TN_OK;
}

/* Nor is there any but the canonical one. */
bool tn_onednn_order(tn_backend_device *d, const tn_node *n, const tn_shape *shape,
                     const tn_layout *layout, tn_memory_order *out)
{
    (void)d, (void)n, (void)shape, (void)layout, (void)out;
    return false;
}

bool tn_onednn_channels(tn_backend_device *d, const tn_node *n, const tn_shape *shape,
                        const tn_layout *layout, tn_channels *out)
{
    (void)d, (void)n, (void)layout;
    *out = tn_channels_canonical(shape);
    return true;
}
