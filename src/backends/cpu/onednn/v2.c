/* The calls of oneDNN's C API that differ between 2.x (here) and 3.x: first an operation descriptor,
 * then a primitive descriptor from it; memory descriptors are plain structs. */
#include "backends/cpu/onednn/onednn.h"

#if DNNL_VERSION_MAJOR < 3

dnnl_status_t tn_md_init_strides(dnnl_memory_desc_t *md, int ndim, const int64_t *dim,
                                 dnnl_data_type_t type, const int64_t *stride)
{
    return dnnl_memory_desc_init_by_strides(md, ndim, dim, type, stride);
}

dnnl_status_t tn_md_init_tag(dnnl_memory_desc_t *md, int ndim, const int64_t *dim,
                             dnnl_data_type_t type, dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_init_by_tag(md, ndim, dim, type, tag);
}

dnnl_status_t tn_md_init_copy(dnnl_memory_desc_t *md, tn_dnnl_md from)
{
    *md = *from;
    return dnnl_success;
}

dnnl_status_t tn_md_init_part(dnnl_memory_desc_t *md, tn_dnnl_md from, const int64_t *dim)
{
    return dnnl_memory_desc_init_submemory(md, from, dim, (dnnl_dims_t){0});
}

tn_dnnl_md tn_md_borrow(const dnnl_memory_desc_t *md)
{
    return md;
}

void tn_md_end(dnnl_memory_desc_t *md)
{
    (void)md;
}

tn_md_view tn_md_look(tn_dnnl_md md)
{
    const dnnl_blocking_desc_t *b = &md->format_desc.blocking;
    return (tn_md_view){.blocked = md->format_kind == dnnl_blocked,
                        .ndim = md->ndims,
                        .num_inner = b->inner_nblks,
                        .type = md->data_type,
                        .dim = md->dims,
                        .padded = md->padded_dims,
                        .stride = b->strides,
                        .inner_block = b->inner_blks,
                        .inner_dim = b->inner_idxs,
                        .offset = md->offset0};
}

dnnl_status_t tn_post_each(dnnl_post_ops_t ops, dnnl_alg_kind_t alg, float alpha, float beta)
{
    return dnnl_post_ops_append_eltwise(ops, 1, alg, alpha, beta);
}

dnnl_status_t tn_attr_factor(dnnl_primitive_attr_t attr, float factor)
{
    return dnnl_primitive_attr_set_output_scales(attr, 1, 0, &factor);
}

/* The second half: from the operation descriptor to the primitive. */
static void finish(tn_maker *m, tn_making *k, tn_prim *p, const char *what, dnnl_status_t status,
                   const_dnnl_op_desc_t op, const tn_prim *forward)
{
    dnnl_primitive_desc_t pd = NULL;
    if (status == dnnl_success)
        status = dnnl_primitive_desc_create(&pd, op, k->attr, m->device->engine,
                                            forward ? forward->pd : NULL);
    tn_make_end(m, k, p, what, status, pd);
}

void tn_whole_convolution(tn_maker *m, tn_prim *p, const tn_prim_spec *s)
{
    tn_making k;
    if (!tn_make_begin(m, &k, s))
        return;
    const tn_window *o = s->window;
    const tn_dnnl_md x = tn_md_raw(s->x), w = tn_md_raw(s->w), b = tn_md_raw(s->b);
    const tn_dnnl_md y = tn_md_raw(s->y);
    const dnnl_alg_kind_t alg = dnnl_convolution_direct;
    dnnl_convolution_desc_t op;
    if (s->pass == dnnl_backward_data)
        finish(m, &k, p, "convolution backward data",
               dnnl_dilated_convolution_backward_data_desc_init(&op, alg, x, w, y, o->stride,
                                                                o->skip, o->before, o->after),
               &op, s->forward);
    else if (s->pass == dnnl_backward_weights)
        finish(m, &k, p, "convolution backward weights",
               dnnl_dilated_convolution_backward_weights_desc_init(&op, alg, x, w, b, y, o->stride,
                                                                   o->skip, o->before, o->after),
               &op, s->forward);
    else
        finish(m, &k, p, "convolution forward",
               dnnl_dilated_convolution_forward_desc_init(&op, s->pass, alg, x, w, b, y, o->stride,
                                                          o->skip, o->before, o->after),
               &op, NULL);
}

void tn_whole_inner_product(tn_maker *m, tn_prim *p, const tn_prim_spec *s)
{
    tn_making k;
    if (!tn_make_begin(m, &k, s))
        return;
    const tn_dnnl_md x = tn_md_raw(s->x), w = tn_md_raw(s->w), b = tn_md_raw(s->b);
    const tn_dnnl_md y = tn_md_raw(s->y);
    dnnl_inner_product_desc_t op;
    if (s->pass == dnnl_backward_data)
        finish(m, &k, p, "inner product backward data",
               dnnl_inner_product_backward_data_desc_init(&op, x, w, y), &op, s->forward);
    else if (s->pass == dnnl_backward_weights)
        finish(m, &k, p, "inner product backward weights",
               dnnl_inner_product_backward_weights_desc_init(&op, x, w, b, y), &op, s->forward);
    else
        finish(m, &k, p, "inner product forward",
               dnnl_inner_product_forward_desc_init(&op, s->pass, x, w, b, y), &op, NULL);
}

void tn_whole_matmul(tn_maker *m, tn_prim *p, const tn_prim_spec *s)
{
    tn_making k;
    if (!tn_make_begin(m, &k, NULL))
        return;
    dnnl_matmul_desc_t op;
    finish(m, &k, p, "matmul",
           dnnl_matmul_desc_init(&op, tn_md_raw(s->x), tn_md_raw(s->w), NULL, tn_md_raw(s->y)), &op,
           NULL);
}

void tn_whole_pooling(tn_maker *m, tn_prim *p, const tn_prim_spec *s)
{
    tn_making k;
    if (!tn_make_begin(m, &k, NULL))
        return;
    const tn_window *o = s->window;
    dnnl_pooling_desc_t op;
    if (s->pass == dnnl_backward_data)
        finish(m, &k, p, "pooling backward",
               dnnl_pooling_backward_desc_init(&op, s->alg, tn_md_raw(s->x), tn_md_raw(s->y),
                                               o->stride, o->kernel, o->before, o->after),
               &op, s->forward);
    else
        finish(m, &k, p, "pooling forward",
               dnnl_pooling_forward_desc_init(&op, s->pass, s->alg, tn_md_raw(s->x),
                                              tn_md_raw(s->y), o->stride, o->kernel, o->before,
                                              o->after),
               &op, NULL);
}

void tn_whole_lrn(tn_maker *m, tn_prim *p, const tn_prim_spec *s)
{
    tn_making k;
    if (!tn_make_begin(m, &k, NULL))
        return;
    const dnnl_alg_kind_t alg = dnnl_lrn_across_channels;
    dnnl_lrn_desc_t op;
    if (s->pass == dnnl_backward_data)
        finish(m, &k, p, "lrn backward",
               dnnl_lrn_backward_desc_init(&op, alg, tn_md_raw(s->y), tn_md_raw(s->x), s->size,
                                           s->alpha, s->beta, s->k),
               &op, s->forward);
    else
        finish(m, &k, p, "lrn forward",
               dnnl_lrn_forward_desc_init(&op, s->pass, alg, tn_md_raw(s->x), s->size, s->alpha,
                                          s->beta, s->k),
               &op, NULL);
}

#endif
