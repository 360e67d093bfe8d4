#include "onnx/ops/_window.h"

#include <tenon/shapes.h>

bool tn_onnx_read_pair(tn_onnx *o, const tn_onnx_node *n, const char *attr, int ndim, int least,
                       int fallback, int out[2])
{
    int64_t both[2];
    const size_t count = tn_onnx_ints(n, attr, both, 2);
    out[0] = out[1] = fallback;
    if (count != 0 && count != (size_t)ndim) {
        (void)tn_onnx_refuse(o, n, "%s has %zu numbers, not %d", attr, count, ndim);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (both[i] < least || both[i] > TN_ONNX_MOST_WINDOW) {
            (void)tn_onnx_refuse(o, n, "%s has a %lld", attr, (long long)both[i]);
            return false;
        }
        out[2 - ndim + (int)i] = (int)both[i];
    }
    return true;
}

static bool read_pads(tn_onnx *o, const tn_onnx_node *n, tn_onnx_window *w)
{
    int64_t pads[4] = {0};
    const size_t count = tn_onnx_ints(n, "pads", pads, 4);
    static const char *const words[] = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER", NULL};
    const int word = tn_onnx_word(o, n, "auto_pad", words, 0);
    w->same = word == 2 ? TN_ONNX_SAME_UPPER : word == 3 ? TN_ONNX_SAME_LOWER : TN_ONNX_SAID;
    if (word != 0)
        return word > 0;
    if (count != 0 && count != 2 * (size_t)w->ndim) {
        (void)tn_onnx_refuse(o, n, "pads has %zu numbers, not %d", count, 2 * w->ndim);
        return false;
    }
    for (int i = 0; i < w->ndim; i++) {
        const int64_t before = pads[i], after = pads[i + w->ndim];
        if (before < 0 || before > TN_ONNX_MOST_WINDOW || after < 0 ||
            after > TN_ONNX_MOST_WINDOW) {
            (void)tn_onnx_refuse(o, n, "pads has %lld and %lld", (long long)before,
                                 (long long)after);
            return false;
        }
        w->before[2 - w->ndim + i] = (int)before;
        w->after[2 - w->ndim + i] = (int)after;
    }
    return true;
}

/* As weights have it, or the attribute. */
static bool read_kernel(tn_onnx *o, const tn_onnx_node *n, const tn_shape *weight,
                        tn_onnx_window *w)
{
    if (!tn_onnx_read_pair(o, n, "kernel_shape", w->ndim, 1, weight ? 1 : 0, w->kernel))
        return false;
    for (int i = 0; i < w->ndim && weight; i++) {
        if (weight->dim[2 + i] < 1 || weight->dim[2 + i] > TN_ONNX_MOST_WINDOW) {
            (void)tn_onnx_refuse(o, n, "its weights are %s", tn_shape_format(weight).text);
            return false;
        }
        w->kernel[2 - w->ndim + i] = (int)weight->dim[2 + i];
    }
    if (w->kernel[1] == 0) {
        (void)tn_onnx_refuse(o, n, "it says no kernel_shape");
        return false;
    }
    return true;
}

bool tn_onnx_read_window(tn_onnx *o, const tn_onnx_node *n, const tn_shape *x,
                         const tn_shape *weight, tn_onnx_window *w)
{
    *w = (tn_onnx_window){.ndim = x->ndim - 2};
    if (w->ndim < 1 || w->ndim > 2 || (weight && weight->ndim != x->ndim)) {
        (void)tn_onnx_refuse(o, n, "its windows are of N x C x H x W or N x C x W, not of %s%s%s",
                             tn_shape_format(x).text, weight ? " by " : "",
                             weight ? tn_shape_format(weight).text : "");
        return false;
    }
    if (!read_kernel(o, n, weight, w) ||
        !tn_onnx_read_pair(o, n, "strides", w->ndim, 1, 1, w->stride) ||
        !tn_onnx_read_pair(o, n, "dilations", w->ndim, 1, 1, w->dilation) || !read_pads(o, n, w))
        return false;
    if (w->ndim == 1)
        w->kernel[0] = w->stride[0] = w->dilation[0] = 1;
    for (int i = 0; i < 2; i++)
        if (tn_onnx_reach(w, i) > TN_ONNX_MOST_REACH) {
            (void)tn_onnx_refuse(o, n, "its windows span %lld pixels",
                                 (long long)tn_onnx_reach(w, i));
            return false;
        }
    return true;
}

void tn_onnx_pad_same(tn_onnx_window *w, const tn_shape *x)
{
    for (int i = 0; i < 2 && w->same != TN_ONNX_SAID; i++) {
        const int64_t size = tn_onnx_size(w, x, i);
        const int64_t count = (size + w->stride[i] - 1) / w->stride[i];
        const int64_t all = (count - 1) * w->stride[i] + tn_onnx_reach(w, i) - size;
        const int64_t whole = all > 0 ? all : 0, less = whole / 2;
        w->before[i] = (int)(w->same == TN_ONNX_SAME_LOWER ? whole - less : less);
        w->after[i] = (int)(whole - w->before[i]);
    }
}

tn_value tn_onnx_as_image(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_window *w, tn_value x)
{
    return w->ndim == 1 ? tn_onnx_reshape(o, n, "image", x, TN_SHAPE(0, 0, 1, -1)) : x;
}

tn_value tn_onnx_as_before(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_window *w, tn_value y)
{
    const tn_reshape_opts opts = {.name = n->name, .shape = TN_SHAPE(0, 0, -1)};
    return w->ndim == 1 ? tn_reshape(o->g, y, &opts) : y;
}
