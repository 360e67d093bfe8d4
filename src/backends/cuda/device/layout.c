#include <stdio.h>
#include <string.h>

#include "backends/cuda/device/device.h"

static bool same(const tn_cuda_layout *a, const tn_cuda_layout *b)
{
    return a->dtype == b->dtype && a->form == b->form && a->channels == b->channels &&
           a->pitch == b->pitch && a->count == b->count &&
           (a->form == TN_CUDA_ROWS || tn_shape_equal(&a->shape, &b->shape));
}

static void name(tn_cuda_layout *l)
{
    const char *dtype = tn_dtype_name(l->dtype);
    char *to = l->base.name;
    const size_t size = sizeof l->base.name;
    if (l->form == TN_CUDA_ROWS)
        snprintf(to, size, "rows %s", dtype);
    else if (l->pitch > l->channels)
        snprintf(to, size, "nhwc of %lld %s", (long long)l->pitch, dtype);
    else if (l->channels > l->shape.dim[1])
        snprintf(to, size, "nhwc%lld %s", (long long)l->channels, dtype);
    else
        snprintf(to, size, "nhwc %s", dtype);
}

/* The object that is like *want. */
static tn_status find_or_make(tn_backend_device *d, const tn_cuda_layout *want,
                              const tn_layout **out)
{
    for (const tn_cuda_layout *l = d->layouts; l; l = l->next)
        if (same(l, want)) {
            *out = &l->base;
            return TN_OK;
        }
    tn_cuda_layout *l = tn_alloc(1, sizeof *l);
    if (!l)
        return tn_no_memory("layout", sizeof *l);
    *l = *want;
    l->base.bytes = (size_t)want->count * tn_dtype_bytes(want->dtype);
    name(l);
    l->next = d->layouts;
    d->layouts = l;
    *out = &l->base;
    return TN_OK;
}

tn_status tn_cuda_layout_of(tn_backend_device *d, const tn_shape *shape, tn_dtype dtype,
                            tn_cuda_form form, int64_t channels, const tn_layout **out)
{
    tn_cuda_layout want = {.dtype = dtype, .form = form, .count = tn_elements(shape)};
    if (form == TN_CUDA_ROWS && dtype == TN_F32) {
        *out = NULL;
        return TN_OK;
    }
    if (form == TN_CUDA_NHWC) {
        const int64_t C = shape->dim[1];
        want.channels = want.pitch = channels > C ? channels : C;
        want.shape = *shape;
        if (want.count / C > INT64_MAX / 8 / want.channels)
            return tn_fail(TN_ERR_SHAPE, "%s: %s has more bytes than can be addressed", d->name,
                           tn_shape_format(shape).text);
        want.count = want.count / C * want.channels;
    }
    return find_or_make(d, &want, out);
}

tn_status tn_cuda_part_layout(tn_backend_device *d, tn_precision precision, const tn_node *n, int i,
                              const tn_layout **out, size_t *offset)
{
    enum { ALIGN = 16 }; /* what cuDNN is promised of all tensors */
    const tn_dtype dtype = tn_cuda_type_of(precision);
    const tn_shape *x = &n->x[i];
    const int64_t bytes = (int64_t)tn_dtype_bytes(dtype), pitch = n->y[0].dim[1];
    const int64_t first = tn_joined_before(n, i);
    *out = NULL;
    if (x->ndim != 4 || first * bytes % ALIGN || pitch * bytes % ALIGN)
        return TN_OK;
    *offset = (size_t)(first * bytes);
    return find_or_make(d,
                        &(tn_cuda_layout){.dtype = dtype,
                                          .form = TN_CUDA_NHWC,
                                          .channels = x->dim[1],
                                          .pitch = pitch,
                                          .count = tn_elements(x),
                                          .shape = *x},
                        out);
}

bool tn_cuda_is_part(const tn_layout *l)
{
    const tn_cuda_layout *c = tn_cuda_layout_from(l);
    return l && c->form == TN_CUDA_NHWC && c->pitch > c->channels;
}

void tn_cuda_free_layouts(tn_backend_device *d)
{
    for (tn_cuda_layout *l = d->layouts, *next; l; l = next) {
        next = l->next;
        tn_free(l);
    }
    d->layouts = NULL;
}

tn_dtype tn_cuda_dtype(const tn_layout *l)
{
    return l ? tn_cuda_layout_from(l)->dtype : TN_F32;
}

int64_t tn_cuda_count(const tn_layout *l, const tn_shape *shape)
{
    return l ? tn_cuda_layout_from(l)->count : tn_elements(shape);
}

tn_status tn_cuda_view_layout(tn_backend_device *d, const tn_shape *x, const tn_layout *from,
                              const tn_layout **out)
{
    return tn_cuda_layout_of(d, x, tn_cuda_dtype(from), TN_CUDA_ROWS, 0, out);
}

/* ---- what kernels ask for ----------------------------------------------------------------- */

tn_status tn_cuda_want_any(tn_backend_device *d, const tn_node *n, tn_binding *b, int i)
{
    const tn_layout *l = b->x[i];
    const tn_dtype dtype = n->x[i].ndim == 0 ? TN_F32 : tn_cuda_type_of(b->precision);
    const bool padded = l && tn_cuda_layout_from(l)->form == TN_CUDA_NHWC &&
                        tn_cuda_layout_from(l)->channels != tn_cuda_layout_from(l)->shape.dim[1];
    if (tn_cuda_dtype(l) == dtype && !padded)
        return TN_OK;
    const tn_cuda_form form = l ? tn_cuda_layout_from(l)->form : TN_CUDA_ROWS;
    return tn_cuda_layout_of(d, &n->x[i], dtype, form, 0, &b->x[i]);
}

tn_status tn_cuda_want_nhwc(tn_backend_device *d, const tn_node *n, tn_binding *b, int i)
{
    return tn_cuda_layout_of(d, &n->x[i], tn_cuda_type_of(b->precision), TN_CUDA_NHWC, 0, &b->x[i]);
}

tn_status tn_cuda_want_rows(tn_backend_device *d, const tn_node *n, tn_binding *b, int i)
{
    return tn_cuda_layout_of(d, &n->x[i], tn_cuda_type_of(b->precision), TN_CUDA_ROWS, 0, &b->x[i]);
}

tn_status tn_cuda_give_nhwc(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    return tn_cuda_layout_of(d, &n->y[0], tn_cuda_type_of(b->precision), TN_CUDA_NHWC, 0, &b->y[0]);
}

tn_status tn_cuda_give_rows(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    return tn_cuda_layout_of(d, &n->y[0], tn_cuda_type_of(b->precision), TN_CUDA_ROWS, 0, &b->y[0]);
}
