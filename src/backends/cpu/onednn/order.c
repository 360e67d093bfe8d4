/* In which order a layout has a tensor's elements. */
#include "backends/cpu/onednn/onednn.h"

/* The outer dimension that is not done yet with the largest step; -1 if there is none. */
static int outermost(const tn_md_view *v, const bool *done)
{
    int found = -1;
    for (int d = 0; d < v->ndim; d++)
        if (!done[d] && (found < 0 || v->stride[d] > v->stride[found]))
            found = d;
    return found;
}

/* Outer dimensions, then those of blocks; false if there is a gap, or something that only fills blocks up. */
static bool find_order(const tn_md_view *v, const tn_shape *shape, tn_memory_order *out)
{
    int64_t block[TN_MAX_DIMS], step = tn_elements(shape);
    bool done[TN_MAX_DIMS] = {false};
    for (int d = 0; d < v->ndim; d++)
        block[d] = 1;
    for (int k = 0; k < v->num_inner; k++)
        block[v->inner_dim[k]] *= v->inner_block[k];
    for (int d; (d = outermost(v, done)) >= 0; done[d] = true) {
        const int64_t dim = v->dim[d] / block[d];
        if (v->dim[d] != v->padded[d])
            return false;
        if (dim == 1)
            continue;
        step /= dim;
        if (v->stride[d] != step)
            return false;
        out->at[out->ndim++] = (tn_memory_dim){.of = d, .dim = dim, .factor = block[d]};
    }
    for (int k = 0; k < v->num_inner; k++) {
        const int d = (int)v->inner_dim[k];
        block[d] /= v->inner_block[k];
        step /= v->inner_block[k];
        out->at[out->ndim++] =
            (tn_memory_dim){.of = d, .dim = v->inner_block[k], .factor = block[d]};
    }
    return step == 1;
}

bool tn_onednn_order(tn_backend_device *d, const tn_node *n, const tn_shape *shape,
                     const tn_layout *layout, tn_memory_order *out)
{
    tn_maker m = tn_maker_begin(d, n);
    const tn_md *md = tn_md_of(&m, shape, TN_F32, layout);
    if (m.status != TN_OK)
        return false;
    const tn_md_view v = tn_md_look(tn_md_raw(md));
    *out = (tn_memory_order){0};
    return v.blocked && v.offset == 0 && v.ndim == shape->ndim && find_order(&v, shape, out);
}
