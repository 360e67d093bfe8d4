/* Layers that bring data: pictures with their preprocessing, labels, arrays. */
#include <string.h>

#include "caffe/input.h"

static tn_status add_array(tn_caffe *c, const tn_caffe_layer *l, int top, tn_shape shape)
{
    tn_value v;
    TN_TRY(tn_caffe_input(c, l->top[top], shape, &v));
    return tn_caffe_top(c, l, top, v);
}

static tn_status add_label(tn_caffe *c, const tn_caffe_layer *l, int top)
{
    return tn_caffe_top(c, l, top,
                        tn_input(c->g, l->top[top], TN_I32, TN_SHAPE(tn_caffe_batch(c))));
}

static tn_status add_input(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_INPUT);
    for (int i = 0; i < l->num_tops; i++) {
        tn_shape shape = {0};
        int at = 0;
        bool known = false;
        for (tn_proto_walk w = tn_proto_begin(&p, INPUT_SHAPE); tn_proto_next(&w); at++)
            if (at == i || (at == 0 && i > 0)) /* one shape is that of all */
                known = tn_caffe_shape(&w.message, &shape);
        if (!known && !tn_caffe_said(c, l->top[i], &shape) && !tn_caffe_said(c, "*", &shape))
            return tn_caffe_refuse(
                c, l, "it does not say how large \"%s\" is: tn_model_opts.input can", l->top[i]);
        TN_TRY(add_array(c, l, i, shape));
    }
    return TN_OK;
}

/* ---- pictures --------------------------------------------------------------------------------- */

/* The file of the mean picture: the program's, or the one that is named, if it is there. */
static tn_status find_mean(tn_caffe *c, const tn_caffe_layer *l, const tn_proto *t,
                           const tn_proto *data, const char **out)
{
    tn_proto_span named = tn_proto_bytes(t, TRANSFORM_MEAN_FILE);
    char *path = NULL;
    *out = c->opts->mean_file;
    if (!named.size)
        named = tn_proto_bytes(data, DATA_MEAN_FILE);
    if (*out || !named.size || c->opts->image)
        return TN_OK;
    const char *copy = tn_caffe_copy(c, named);
    if (!copy)
        return tn_no_memory("a net", named.size);
    TN_TRY(tn_caffe_beside(c, copy, &path));
    if (!path)
        return tn_caffe_note(c, l,
                             "the mean picture that Caffe takes away from each, %s, is not there: "
                             "say where it is or the mean of the channels, or pixels are taken as "
                             "they are",
                             copy);
    *out = tn_caffe_copy(c, (tn_proto_span){(const uint8_t *)path, strlen(path)});
    tn_free(path);
    return *out ? TN_OK : tn_no_memory("a net", named.size);
}

/* Mean and scale, of transform_param or where they were before it. */
static tn_status read_pixels(tn_caffe *c, const tn_caffe_layer *l, const tn_proto *t,
                             const tn_proto *data, int64_t channels, tn_caffe_pixel_opts *out)
{
    float mean[4];
    const size_t count = tn_proto_floats(t, TRANSFORM_MEAN, mean, 4);
    const float scale =
        (float)tn_proto_real(t, TRANSFORM_SCALE, tn_proto_real(data, DATA_SCALE, 1));
    *out = (tn_caffe_pixel_opts){.layer = *l};
    for (int64_t i = 0; i < channels; i++) {
        out->how.mean[i] = count > 1 ? mean[i] : count ? mean[0] : 0;
        out->how.scale[i] = scale;
    }
    if (c->opts->image)
        out->how = *c->opts->image;
    return find_mean(c, l, t, data, &out->mean_file);
}

/* How large the pictures are: as the program says, or as they are cut out; their channels, if nothing says more, are 3. */
static bool read_size(tn_caffe *c, const tn_caffe_layer *l, const tn_proto *t, const tn_proto *data,
                      tn_shape *out)
{
    const int64_t crop = tn_proto_int(t, TRANSFORM_CROP, tn_proto_int(data, DATA_CROP, 0));
    const int64_t height = crop ? crop : tn_proto_int(data, DATA_HEIGHT, 0);
    const int64_t width = crop ? crop : tn_proto_int(data, DATA_WIDTH, 0);
    const bool grey = tn_proto_int(t, TRANSFORM_GREY, 0) || !tn_proto_int(data, DATA_COLOR, 1);
    if (tn_caffe_said(c, l->top[0], out))
        return tn_import_is_picture(out);
    if ((height < 1 || width < 1) && tn_caffe_said(c, "*", out))
        return tn_import_is_picture(out);
    *out = TN_SHAPE(tn_caffe_batch(c), grey ? 1 : 3, height, width);
    return height > 0 && width > 0 && height < 65536 && width < 65536;
}

static tn_status add_pictures(tn_caffe *c, const tn_caffe_layer *l, const tn_proto *data)
{
    const tn_proto t = tn_caffe_param(l, LAYER_TRANSFORM);
    tn_caffe_pixel_opts pixels;
    tn_value x;
    tn_shape shape;
    if (l->num_tops < 1 || l->num_tops > 2)
        return tn_caffe_refuse(c, l, "it makes %d blobs, not pictures and labels", l->num_tops);
    if (!read_size(c, l, &t, data, &shape))
        return tn_caffe_refuse(
            c, l,
            "how large its pictures are only its database knows: tn_model_opts.input can say it, "
            "as \"%s=3x224x224\"",
            l->top[0]);
    c->batch = c->batch ? c->batch : tn_proto_int(data, DATA_BATCH, 0);
    TN_TRY(read_pixels(c, l, &t, data, shape.dim[1], &pixels));
    if (shape.dim[1] == 3) /* so OpenCV decodes them */
        TN_TRY(tn_model_set_fact(c->m, "tenon.fit", "order=bgr"));
    TN_TRY(tn_caffe_pixels(c, l->top[0], &pixels, &shape, &x));
    TN_TRY(tn_caffe_top(c, l, 0, x));
    if (l->num_tops == 1)
        return TN_OK;
    return add_label(c, l, 1);
}

static tn_status add_data(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto data = tn_caffe_param(l, LAYER_DATA);
    return add_pictures(c, l, &data);
}

static tn_status add_image_data(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto data = tn_caffe_param(l, LAYER_IMAGE_DATA);
    return add_pictures(c, l, &data);
}

/* ---- arrays ----------------------------------------------------------------------------------- */

static tn_status add_memory(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_MEMORY);
    const tn_shape shape =
        TN_SHAPE(tn_caffe_batch(c), tn_proto_int(&p, MEMORY_CHANNELS, 0),
                 tn_proto_int(&p, MEMORY_HEIGHT, 0), tn_proto_int(&p, MEMORY_WIDTH, 0));
    if (l->num_tops != 2)
        return tn_caffe_refuse(c, l, "it makes %d blobs, not data and labels", l->num_tops);
    TN_TRY(add_array(c, l, 0, shape));
    return tn_caffe_top(c, l, 1, tn_input(c->g, l->top[1], TN_I32, TN_SHAPE(shape.dim[0])));
}

/* Do layers read it as the numbers of classes? */
static bool is_label(const tn_caffe *c, const char *blob)
{
    for (int i = 0; i < c->num_layers; i++) {
        const tn_caffe_layer *l = &c->layer[i];
        const bool counts = strncmp(l->type, "Softmax", 7) == 0 || strcmp(l->type, "Accuracy") == 0;
        if (counts && l->num_bottoms > 1 && strcmp(l->bottom[1], blob) == 0)
            return true;
    }
    return false;
}

/* Each array is as large as the program says; labels are one a row. */
static tn_status add_hdf5(tn_caffe *c, const tn_caffe_layer *l)
{
    for (int i = 0; i < l->num_tops; i++) {
        const char *name = l->top[i];
        tn_shape shape;
        if (is_label(c, name))
            TN_TRY(add_label(c, l, i));
        else if (tn_caffe_said(c, name, &shape) || tn_caffe_said(c, "*", &shape))
            TN_TRY(add_array(c, l, i, shape));
        else
            return tn_caffe_refuse(
                c, l, "how large \"%s\" is only its file knows: tn_model_opts.input can say it",
                name);
    }
    return TN_OK;
}

static bool dummy_shape(const tn_proto *p, int index, tn_shape *out)
{
    static const int fields[] = {DUMMY_NUM, DUMMY_CHANNELS, DUMMY_HEIGHT, DUMMY_WIDTH};
    int at = 0;
    for (tn_proto_walk w = tn_proto_begin(p, DUMMY_SHAPE); tn_proto_next(&w); at++)
        if (at == index || (at == 0 && index > 0))
            (void)tn_caffe_shape(&w.message, out);
    for (size_t i = 0; i < TN_COUNT(fields) && at == 0; i++) {
        int64_t dims[8];
        const size_t count = tn_proto_ints(p, fields[i], dims, 8);
        if (count && index < 8)
            out->dim[out->ndim++] = dims[count > (size_t)index ? index : 0];
    }
    return out->ndim > 0;
}

static tn_status add_dummy(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_DUMMY);
    for (int i = 0; i < l->num_tops; i++) {
        tn_shape shape = {0};
        if (!dummy_shape(&p, i, &shape))
            return tn_caffe_refuse(c, l, "it does not say how large \"%s\" is", l->top[i]);
        TN_TRY(is_label(c, l->top[i]) ? add_label(c, l, i) : add_array(c, l, i, shape));
    }
    return TN_OK;
}

const tn_caffe_kind tn_caffe_data = {{{"Input", add_input},
                                      {"Data", add_data},
                                      {"ImageData", add_image_data},
                                      {"MemoryData", add_memory},
                                      {"HDF5Data", add_hdf5},
                                      {"DummyData", add_dummy}}};
