/* The calls of oneDNN's C API that differ between 2.x and 3.x (here): primitive descriptors are made
 * at once, memory descriptors are opaque objects. */
#include "backends/cpu/onednn/onednn.h"

#if DNNL_VERSION_MAJOR >= 3

dnnl_status_t tn_md_init_strides(dnnl_memory_desc_t *md, int ndim, const int64_t *dim,
                                 dnnl_data_type_t type, const int64_t *stride)
{
    return dnnl_memory_desc_create_with_strides(md, ndim, dim, type, stride);
}

dnnl_status_t tn_md_init_tag(dnnl_memory_desc_t *md, int ndim, const int64_t *dim,
                             dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_create_with_tag(md, ndim, dim, type, tag);
}

dnnl_status_t tn_md_init_copy(dnnl_memory_desc_t *md, tn_dnnl_md from)
{
    return dnnl_memory_desc_clone(md, from);
}

dnnl_status_t tn_md_init_part(dnnl_memory_desc_t *md, tn_dnnl_md from, const int64_t *dim)
{
    return dnnl_memory_desc_create_submemory(md, from, dim, (dnnl_dims_t){0});
}

tn_dnnl_md tn_md_borrow(const dnnl_memory_desc_t *md)
{
    return *md;
}

void tn_md_end(dnnl_memory_desc_t *md)
{
    dnnl_memory_desc_destroy(*md);
}

/* What a descriptor was asked for and does not have stays as it was: zero. */
tn_md_view tn_md_look(tn_dnnl_md md)
{
    tn_md_view v = {.blocked = false};
    const dnnl_dims_t *dim = NULL, *padded = NULL, *stride = NULL, *block = NULL, *which = NULL;
    dnnl_format_kind_t kind = dnnl_format_kind_undef;
    dnnl_memory_desc_query(md, dnnl_query_format_kind, &kind);
    dnnl_memory_desc_query(md, dnnl_query_data_type, &v.type);
    dnnl_memory_desc_query(md, dnnl_query_ndims_s32, &v.ndim);
    dnnl_memory_desc_query(md, dnnl_query_dims, &dim);
    dnnl_memory_desc_query(md, dnnl_query_padded_dims, &padded);
    v.blocked = kind == dnnl_blocked;
    if (v.blocked) {
        dnnl_memory_desc_query(md, dnnl_query_strides, &stride);
        dnnl_memory_desc_query(md, dnnl_query_submemory_offset_s64, &v.offset);
        dnnl_memory_desc_query(md, dnnl_query_inner_nblks_s32, &v.num_inner);
        dnnl_memory_desc_query(md, dnnl_query_inner_blks, &block);
        dnnl_memory_desc_query(md, dnnl_query_inner_idxs, &which);
    }
    v.dim = dim ? *dim : NULL;
    v.padded = padded ? *padded : NULL;
    v.stride = stride ? *stride : NULL;
    v.inner_block = block ? *block : NULL;
    v.inner_dim = which ? *which : NULL;
    return v;
}

dnnl_status_t tn_post_each(dnnl_post_ops_t ops, dnnl_alg_kind_t alg, float alpha, float beta)
{
    return dnnl_post_ops_append_eltwise(ops, alg, alpha, beta);
}

/* There it is an argument of each run, which nobody has here to give. */
dnnl_status_t tn_attr_factor(dnnl_primitive_attr_t attr, float factor)
{
    (void)attr, (void)factor;
    return dnnl_unimplemented;
}

static const_dnnl_primitive_desc_t hint(const tn_prim_spec *s)
{
    return s->forward ? s->forward->pd : NULL;
}

void tn_whole_convolution(tn_maker *m, tn_prim *p, const tn_prim_spec *s)
{
    tn_making k;
    if (!tn_make_begin(m, &k, s))
        return;
    const tn_window *o = s->window;
    const tn_dnnl_md x = tn_md_raw(s->x), w = tn_md_raw(s->w), b = tn_md_raw(s->b);
    const tn_dnnl_md y = tn_md_raw(s->y);
    const dnnl_engine_t e = m->device->engine;
    const dnnl_alg_kind_t alg = dnnl_convolution_direct;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status;
    if (s->pass == dnnl_backward_data) {
        status = dnnl_convolution_backward_data_primitive_desc_create(
            &pd, e, alg, x, w, y, o->stride, o->skip, o->before, o->after, hint(s), k.attr);
        tn_make_end(m, &k, p, "convolution backward data", status, pd);
    } else if (s->pass == dnnl_backward_weights) {
        status = dnnl_convolution_backward_weights_primitive_desc_create(
            &pd, e, alg, x, w, b, y, o->stride, o->skip, o->before, o->after, hint(s), k.attr);
        tn_make_end(m, &k, p, "convolution backward weights", status, pd);
    } else {
        status = dnnl_convolution_forward_primitive_desc_create(
            &pd, e, s->pass, alg, x, w, b, y, o->stride, o->skip, o->before, o->after, k.attr);
        tn_make_end(m, &k, p, "convolution forward", status, pd);
    }
}

void tn_whole_inner_product(tn_maker *m, tn_prim *p, const tn_prim_spec *s)
{
    tn_making k;
    if (!tn_make_begin(m, &k, s))
        return;
    const tn_dnnl_md x = tn_md_raw(s->x), w = tn_md_raw(s->w), b = tn_md_raw(s->b);
    const tn_dnnl_md y = tn_md_raw(s->y);
    const dnnl_engine_t e = m->device->engine;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status;
    if (s->pass == dnnl_backward_data) {
        status = dnnl_inner_product_backward_data_primitive_desc_create(&pd, e, x, w, y, hint(s),
                                                                        k.attr);
        tn_make_end(m, &k, p, "inner product backward data", status, pd);
    } else if (s->pass == dnnl_backward_weights) {
        status = dnnl_inner_product_backward_weights_primitive_desc_create(&pd, e, x, w, b, y,
                                                                           hint(s), k.attr);
        tn_make_end(m, &k, p, "inner product backward weights", status, pd);
    } else {
        status =
            dnnl_inner_product_forward_primitive_desc_create(&pd, e, s->pass, x, w, b, y, k.attr);
        tn_make_end(m, &k, p, "inner product forward", status, pd);
    }
}

void tn_whole_matmul(tn_maker *m, tn_prim *p, const tn_prim_spec *s)
{
    tn_making k;
    if (!tn_make_begin(m, &k, NULL))
        return;
    dnnl_primitive_desc_t pd = NULL;
    const dnnl_status_t status = dnnl_matmul_primitive_desc_create(
        &pd, m->device->engine, tn_md_raw(s->x), tn_md_raw(s->w), NULL, tn_md_raw(s->y), k.attr);
    tn_make_end(m, &k, p, "matmul", status, pd);
}

void tn_whole_pooling(tn_maker *m, tn_prim *p, const tn_prim_spec *s)
{
    tn_making k;
    if (!tn_make_begin(m, &k, NULL))
        return;
    const tn_window *o = s->window;
    const tn_dnnl_md x = tn_md_raw(s->x), y = tn_md_raw(s->y);
    const dnnl_engine_t e = m->device->engine;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status;
    if (s->pass == dnnl_backward_data) {
        status = dnnl_pooling_backward_primitive_desc_create(&pd, e, s->alg, x, y, o->stride,
                                                             o->kernel, o->skip, o->before,
                                                             o->after, hint(s), k.attr);
        tn_make_end(m, &k, p, "pooling backward", status, pd);
    } else {
        status = dnnl_pooling_forward_primitive_desc_create(&pd, e, s->pass, s->alg, x, y,
                                                            o->stride, o->kernel, o->skip,
                                                            o->before, o->after, k.attr);
        tn_make_end(m, &k, p, "pooling forward", status, pd);
    }
}

void tn_whole_lrn(tn_maker *m, tn_prim *p, const tn_prim_spec *s)
{
    tn_making k;
    if (!tn_make_begin(m, &k, NULL))
        return;
    const tn_dnnl_md x = tn_md_raw(s->x), y = tn_md_raw(s->y);
    const dnnl_engine_t e = m->device->engine;
    const dnnl_alg_kind_t alg = dnnl_lrn_across_channels;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status;
    if (s->pass == dnnl_backward_data) {
        status = dnnl_lrn_backward_primitive_desc_create(&pd, e, alg, y, y, x, s->size, s->alpha,
                                                         s->beta, s->k, hint(s), k.attr);
        tn_make_end(m, &k, p, "lrn backward", status, pd);
    } else {
        status = dnnl_lrn_forward_primitive_desc_create(&pd, e, s->pass, alg, x, x, s->size,
                                                        s->alpha, s->beta, s->k, k.attr);
        tn_make_end(m, &k, p, "lrn forward", status, pd);
    }
}

#endif
