/* In which order a layout has a tensor's elements, and where those of a channel. */
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

/* Where the channels of an image are. */
static bool find_channels(const tn_md_view *v, tn_channels *p)
{
    p->group = v->stride[1];
    if (v->num_inner == 1 && v->inner_dim[0] == 1 && v->inner_block[0] <= TN_MOST_LANES) {
        p->lanes = v->inner_block[0];
        p->padded = true;
    } else if (v->num_inner > 0) {
        return false;
    } else if (v->stride[1] == 1) {
        p->lanes = p->group = TN_MOST_LANES;
    }
    return p->lanes > 1 || p->step == 1;
}

bool tn_onednn_channels(tn_backend_device *d, const tn_node *n, const tn_shape *shape,
                        const tn_layout *layout, tn_channels *out)
{
    tn_maker m = tn_maker_begin(d, n);
    *out = tn_channels_canonical(shape);
    if (!layout)
        return true;
    const tn_md *md = tn_md_of(&m, shape, TN_F32, layout);
    if (m.status != TN_OK)
        return false;
    const tn_md_view v = tn_md_look(tn_md_raw(md));
    if (!v.blocked || v.offset != 0 || (v.ndim != 4 && v.ndim != 2))
        return false;
    *out =
        (tn_channels){.channels = v.dim[1], .area = 1, .image = v.stride[0], .lanes = 1, .step = 1};
    if (v.ndim == 4) {
        out->area = v.dim[2] * v.dim[3];
        out->step = v.dim[3] > 1 ? v.stride[3] : v.dim[2] > 1 ? v.stride[2] : 1;
        if (v.dim[2] > 1 && v.dim[3] > 1 && v.stride[2] != v.dim[3] * v.stride[3])
            return false;
    }
    return find_channels(&v, out);
}
