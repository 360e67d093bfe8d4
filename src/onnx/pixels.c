/*
 * pixels: bytes of pictures that a model takes itself, N x H x W x C, and what it does to them before anything else: to channels
 * first, to floats, less a mean, times a scale. All of that is one image_input, which is made when something else reads it.
 */
#include <string.h>

#include <tenon/layers.h>
#include <tenon/shapes.h>

#include "onnx/table.h"

struct tn_onnx_pixels {
    tn_value bytes;
    int channels;
    float mean[4], scale[4];
    bool last; /* channels are: N x H x W x C */
    const char *name;
};

static bool is_bytes(const tn_onnx *o, tn_value v, tn_shape *shape)
{
    tn_dtype dtype;
    return v.id && tn_value_dtype(o->g, v, &dtype) == TN_OK && dtype == TN_U8 &&
           tn_value_shape(o->g, v, shape) == TN_OK && shape->ndim == 4 && shape->dim[3] <= 4;
}

/* Those of input 0; NULL: it is something else. One that begins here has no mean and no scale. */
static const tn_onnx_pixels *read_pixels(const tn_onnx *o, const tn_onnx_node *n,
                                         tn_onnx_pixels *begin)
{
    tn_shape shape;
    if (!tn_onnx_has(n, 0))
        return NULL;
    if (n->in[0]->pixels)
        return n->in[0]->pixels;
    if (!is_bytes(o, n->in[0]->v, &shape))
        return NULL;
    *begin = (tn_onnx_pixels){.bytes = n->in[0]->v, .channels = (int)shape.dim[3], .last = true};
    for (int i = 0; i < 4; i++)
        begin->scale[i] = 1;
    return begin;
}

static bool give(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_pixels *p)
{
    tn_onnx_pixels *copy = tn_arena_alloc(&o->arena, 1, sizeof *copy);
    if (!copy) {
        o->status = tn_no_memory("a model", sizeof *copy);
        return false;
    }
    *copy = *p;
    copy->name = n->name;
    n->out[0]->pixels = copy;
    n->out[0]->made = true;
    return true;
}

/* A number for each channel, or one for all, that is known. */
static bool read_numbers(tn_onnx *o, const tn_onnx_node *n, const tn_onnx_pixels *p, float to[4])
{
    tn_onnx_known *k = tn_onnx_given(n, 1);
    const int at = k ? k->shape.ndim - (p->last ? 1 : 3) : 0; /* where channels are */
    if (!k || !tn_onnx_is_real(k->type) || (k->count != 1 && k->count != p->channels))
        return false;
    if (k->count > 1 && (at < 0 || k->shape.dim[at] != k->count))
        return false;
    if (tn_onnx_read(o, k, to) != TN_OK)
        return false;
    for (int i = (int)k->count; i < 4; i++)
        to[i] = to[k->count == 1 ? 0 : k->count - 1];
    return true;
}

static bool arithmetic(tn_onnx *o, const tn_onnx_node *n, tn_onnx_pixels *p)
{
    float by[4];
    if (!read_numbers(o, n, p, by))
        return false;
    for (int i = 0; i < 4; i++) {
        if (strcmp(n->op, "Mul") == 0)
            p->scale[i] *= by[i];
        else if (strcmp(n->op, "Div") == 0)
            p->scale[i] /= by[i];
        else
            p->mean[i] += (strcmp(n->op, "Sub") == 0 ? by[i] : -by[i]) / p->scale[i];
    }
    for (int i = 0; i < 4; i++)
        if (!(p->scale[i] > 0 || p->scale[i] < 0) || p->scale[i] - p->scale[i] != 0)
            return false; /* 0, or not finite: no image_input has it */
    return true;
}

static bool turned(const tn_onnx_node *n, tn_onnx_pixels *p)
{
    static const int64_t to_first[] = {0, 3, 1, 2}, to_last[] = {0, 2, 3, 1};
    int64_t perm[4];
    if (tn_onnx_ints(n, "perm", perm, 4) != 4 ||
        memcmp(perm, p->last ? to_first : to_last, sizeof perm) != 0)
        return false;
    p->last = !p->last;
    return true;
}

static bool is_to_floats(const tn_onnx_node *n)
{
    const int64_t to = tn_onnx_int(n, "to", ONNX_NONE);
    return to == ONNX_F32 || to == ONNX_F16 || to == ONNX_BF16;
}

bool tn_onnx_of_pixels(tn_onnx *o, const tn_onnx_node *n)
{
    static const char *const plain[] = {"Add", "Sub", "Mul", "Div"};
    tn_onnx_pixels p;
    const tn_onnx_pixels *in = n->num_out == 1 && n->out[0] ? read_pixels(o, n, &p) : NULL;
    if (!in)
        return false;
    p = *in;
    bool good = (strcmp(n->op, "Transpose") == 0 && turned(n, &p)) ||
                (strcmp(n->op, "Cast") == 0 && is_to_floats(n));
    for (size_t i = 0; i < TN_COUNT(plain) && n->in[0]->pixels; i++)
        good |= strcmp(n->op, plain[i]) == 0 && arithmetic(o, n, &p);
    return good && give(o, n, &p);
}

static tn_value make_pixels(tn_onnx *o, const tn_onnx_pixels *p)
{
    tn_image_input_opts opts = {.name = p->name};
    memcpy(opts.mean, p->mean, (size_t)p->channels * sizeof *p->mean);
    memcpy(opts.scale, p->scale, (size_t)p->channels * sizeof *p->scale);
    if (!p->last)
        return tn_image_input(o->g, p->bytes, &opts);
    const char *name = tn_onnx_free_name(o, "pixels");
    opts.name = name;
    return tn_transpose(o->g, tn_image_input(o->g, p->bytes, &opts),
                        &(tn_transpose_opts){.name = p->name, .axes = TN_SHAPE(0, 2, 3, 1)});
}

tn_value tn_onnx_make_pixels(tn_onnx *o, const tn_onnx_pixels *p)
{
    const tn_value v = make_pixels(o, p);
    if (!o->rows.id && v.id && tn_value_batch(o->g, v) == 0)
        o->rows = v;
    return v;
}
