/*
 * input: what a net takes. Caffe reads pictures from databases by layers of the net; here they become inputs that the program
 * sets: pixels with the preprocessing that the layer has, and labels.
 */
#include "caffe/input.h"

#include <stdio.h>
#include <string.h>

#include "caffe/mean.h"

/* ---- sizes that the program says ("data=3x227x227,labels=10"), with the batch in front ---------- */

bool tn_caffe_said(const tn_caffe *c, const char *name, tn_shape *out)
{
    tn_shape said;
    if (!tn_import_said(c->opts, name, &said) || said.ndim == TN_MAX_DIMS)
        return false;
    *out = TN_SHAPE(tn_caffe_batch(c));
    for (int i = 0; i < said.ndim; i++)
        out->dim[out->ndim++] = said.dim[i];
    return true;
}

int64_t tn_caffe_batch(const tn_caffe *c)
{
    return c->opts->batch ? c->opts->batch : 1;
}

void tn_caffe_find_batch(tn_caffe *c)
{
    static const int of[][2] = {
        {LAYER_DATA, DATA_BATCH}, {LAYER_IMAGE_DATA, DATA_BATCH}, {LAYER_MEMORY, MEMORY_BATCH}};
    for (int i = 0; i < c->num_layers && !c->batch; i++)
        for (size_t j = 0; j < TN_COUNT(of) && !c->batch; j++) {
            const tn_proto p = tn_caffe_param(&c->layer[i], of[j][0]);
            c->batch = tn_proto_int(&p, of[j][1], 0);
        }
}

/* ---- values ----------------------------------------------------------------------------------- */

tn_status tn_caffe_pixels(tn_caffe *c, const char *name, const tn_caffe_pixel_opts *o,
                          const tn_shape *shape, tn_value *out)
{
    tn_image_input_opts opts = o->how;
    tn_value mean;
    if (o->mean_file)
        memset(opts.mean, 0, sizeof opts.mean);
    *out = tn_import_pixels(c->g, name, tn_caffe_name(c, &o->layer, "pixels"), shape, 0, &opts);
    if (!o->mean_file)
        return TN_OK;
    TN_TRY(tn_caffe_mean(c, o->mean_file, shape, opts.scale, tn_caffe_name(c, &o->layer, "mean"),
                         &mean));
    *out = tn_sub(c->g, *out, mean, &(tn_layer_opts){tn_caffe_name(c, &o->layer, "centred")});
    return TN_OK;
}

tn_status tn_caffe_input(tn_caffe *c, const char *name, tn_shape shape, tn_value *out)
{
    (void)tn_caffe_said(c, name, &shape);
    if (shape.ndim) {
        c->batch = c->batch ? c->batch : shape.dim[0];
        shape.dim[0] = tn_caffe_batch(c);
    }
    if ((!c->opts->image && !c->opts->mean_file) || !tn_import_is_picture(&shape)) {
        *out = tn_input(c->g, name, TN_F32, shape);
        return TN_OK;
    }
    tn_caffe_pixel_opts how = {.layer = {.name = name}, .mean_file = c->opts->mean_file};
    if (c->opts->image)
        how.how = *c->opts->image;
    return tn_caffe_pixels(c, name, &how, &shape, out);
}

/* ---- of the net itself ------------------------------------------------------------------------ */

static bool net_shape(const tn_proto *net, int index, tn_shape *out)
{
    int64_t dims[64];
    int i = 0;
    *out = (tn_shape){0};
    for (tn_proto_walk w = tn_proto_begin(net, NET_INPUT_SHAPE); tn_proto_next(&w); i++)
        if (i == index)
            return tn_caffe_shape(&w.message, out);
    if (tn_proto_ints(net, NET_INPUT_DIM, dims, 64) < 4 * (size_t)(index + 1) || index > 15)
        return false;
    *out = TN_SHAPE(dims[4 * index], dims[4 * index + 1], dims[4 * index + 2], dims[4 * index + 3]);
    return true;
}

bool tn_caffe_shape(const tn_proto *shape, tn_shape *out)
{
    int64_t dims[TN_MAX_DIMS];
    const size_t count = tn_proto_ints(shape, SHAPE_DIM, dims, TN_MAX_DIMS);
    *out = (tn_shape){0};
    for (size_t i = 0; i < count && count <= TN_MAX_DIMS; i++)
        out->dim[out->ndim++] = dims[i];
    return out->ndim > 0;
}

/* Then a name outside of the layers, which says no size, says nothing. */
static bool is_made(const tn_caffe *c, const char *name)
{
    for (int i = 0; i < c->num_layers; i++)
        for (int j = 0; j < c->layer[i].num_tops && c->layer[i].num_bottoms == 0; j++)
            if (strcmp(c->layer[i].top[j], name) == 0)
                return true;
    return false;
}

tn_status tn_caffe_net_inputs(tn_caffe *c, const tn_proto *net)
{
    int i = 0;
    for (tn_proto_walk w = tn_proto_begin(net, NET_INPUT); tn_proto_next(&w); i++) {
        const char *name = tn_caffe_copy(c, w.bytes);
        tn_shape shape;
        if (!name)
            return tn_no_memory("a net", w.bytes.size);
        const bool sized = net_shape(net, i, &shape);
        if (!sized && is_made(c, name))
            continue;
        if (!sized && !tn_caffe_said(c, name, &shape) && !tn_caffe_said(c, "*", &shape))
            return tn_fail(TN_ERR_FORMAT,
                           "%s: does not say how large its input \"%s\" is (input_dim): "
                           "tn_model_opts.input can, as \"%s=3x224x224\"",
                           c->m->path, name, name);
        const tn_caffe_layer whole = {.name = name, .type = "input", .num_tops = 1, .top = &name};
        tn_value v;
        TN_TRY(tn_caffe_input(c, name, shape, &v));
        TN_TRY(tn_caffe_top(c, &whole, 0, v));
    }
    return TN_OK;
}
