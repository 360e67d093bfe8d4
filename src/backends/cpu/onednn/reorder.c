/* Tensors from one of oneDNN's layouts into another. */
#include "backends/cpu/onednn/onednn.h"

void tn_onednn_reorder_destroy(void *reorder)
{
    if (!reorder)
        return;
    tn_prim_free(reorder);
    tn_free(reorder);
}

tn_status tn_onednn_reorder_create(tn_backend_device *d, const tn_shape *shape, tn_dtype dtype,
                                   const tn_layout *from, const tn_layout *to, void **reorder)
{
    /* A layout has dimensions of its own (groups, or K x C x h x w for dense weights), and the
     * canonical side takes them over: the bytes are the same. */
    tn_maker m = {.device = d, .op = "reorder", .node = tn_dtype_name(dtype)};
    const tn_md *x = tn_md_of(&m, shape, dtype, from), *y = tn_md_of(&m, shape, dtype, to);
    if (!from && to)
        x = tn_md_canonical(&m, y);
    if (from && !to)
        y = tn_md_canonical(&m, x);
    TN_TRY(m.status);
    if (tn_md_ndim(x) != tn_md_ndim(y))
        return tn_fail(TN_ERR_UNSUPPORTED, "reorder %s: from %s to %s, of other dimensions",
                       tn_shape_format(shape).text, from->name, to->name);
    tn_prim *p = tn_alloc(1, sizeof *p);
    if (!p)
        return tn_no_memory("reorder", sizeof *p);
    tn_make_reorder(&m, p, x, y);
    if (m.status != TN_OK) {
        tn_onednn_reorder_destroy(p);
        return m.status;
    }
    *reorder = p;
    return TN_OK;
}

tn_status tn_onednn_reorder_run(void *reorder, void *to, const void *from)
{
    return tn_prim_run(reorder, (tn_prim_arg[]){{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}, {0}});
}
