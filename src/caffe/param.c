/*
 * param: how parameters begin and learn, and the numbers of a trained net (.caffemodel).
 */
#include <math.h>
#include <string.h>

#include "caffe/import.h"

/* ---- how they begin --------------------------------------------------------------------------- */

static tn_status read_filler(tn_caffe *c, const tn_caffe_layer *l, const tn_proto *f, tn_init *out)
{
    const float value = (float)tn_proto_real(f, FILLER_VALUE, 0);
    const float least = (float)tn_proto_real(f, FILLER_MIN, 0),
                most = (float)tn_proto_real(f, FILLER_MAX, 1);
    const int64_t fan = tn_proto_int(f, FILLER_NORM, 0);
    const tn_proto_span type = tn_proto_bytes(f, FILLER_TYPE);
    const bool plain = !type.at || tn_proto_is(f, FILLER_TYPE, "constant");
    *out = (tn_init){.kind = TN_INIT_DEFAULT};
    if (plain)
        *out = (tn_init){TN_INIT_CONSTANT, value};
    else if (tn_proto_is(f, FILLER_TYPE, "gaussian") && tn_proto_real(f, FILLER_MEAN, 0) == 0 &&
             tn_proto_int(f, FILLER_SPARSE, -1) < 0)
        *out = (tn_init){TN_INIT_NORMAL, (float)tn_proto_real(f, FILLER_STD, 1)};
    else if (tn_proto_is(f, FILLER_TYPE, "uniform") && least == -most)
        *out = (tn_init){TN_INIT_UNIFORM, most};
    else if (tn_proto_is(f, FILLER_TYPE, "xavier") && fan == 0)
        *out = (tn_init){TN_INIT_FAN_IN, sqrtf(3)};
    else if (tn_proto_is(f, FILLER_TYPE, "xavier") && fan == 2)
        *out = (tn_init){.kind = TN_INIT_XAVIER};
    else if (tn_proto_is(f, FILLER_TYPE, "msra") && fan == 0)
        *out = (tn_init){.kind = TN_INIT_HE};
    if (out->kind == TN_INIT_DEFAULT)
        return tn_caffe_note(c, l,
                             "there is no start as its filler \"%.*s\" has it; without a file "
                             "of weights it begins as Tenon's layers do",
                             type.size > 40 ? 40 : (int)type.size,
                             type.at ? (const char *)type.at : "");
    return TN_OK;
}

/* lr_mult and decay_mult of the parameter; -1: not said. */
static void read_rates(const tn_caffe_layer *l, int index, float *rate, float *decay, bool *shared)
{
    int i = 0;
    float rates[8], decays[8];
    *rate = *decay = -1;
    *shared = false;
    if (l->old) {
        const size_t num_rates = tn_proto_floats(&l->message, OLD_RATES, rates, 8);
        const size_t num_decays = tn_proto_floats(&l->message, OLD_DECAYS, decays, 8);
        *rate = (size_t)index < num_rates && index < 8 ? rates[index] : -1;
        *decay = (size_t)index < num_decays && index < 8 ? decays[index] : -1;
        *shared = tn_proto_has(&l->message, OLD_SHARED);
        return;
    }
    for (tn_proto_walk w = tn_proto_begin(&l->message, LAYER_SPEC); tn_proto_next(&w); i++) {
        if (i != index)
            continue;
        *rate = (float)tn_proto_real(&w.message, SPEC_RATE, -1);
        *decay = (float)tn_proto_real(&w.message, SPEC_DECAY, -1);
        *shared = tn_proto_bytes(&w.message, SPEC_NAME).size > 0;
    }
}

/* Do others have a parameter of a name, too? One that nobody else has is not shared. */
static bool is_shared(const tn_caffe *c, const tn_caffe_layer *l)
{
    for (int i = 0; i < c->num_layers; i++) {
        const tn_caffe_layer *other = &c->layer[i];
        if (other == l)
            continue;
        for (tn_proto_walk a = tn_proto_begin(&l->message, LAYER_SPEC); tn_proto_next(&a);)
            for (tn_proto_walk b = tn_proto_begin(&other->message, LAYER_SPEC);
                 tn_proto_next(&b);) {
                const tn_proto_span x = tn_proto_bytes(&a.message, SPEC_NAME);
                const tn_proto_span y = tn_proto_bytes(&b.message, SPEC_NAME);
                if (x.size && x.size == y.size && memcmp(x.at, y.at, x.size) == 0)
                    return true;
            }
    }
    return false;
}

tn_status tn_caffe_param_opts(tn_caffe *c, const tn_caffe_layer *l, int index,
                              const tn_proto *filler, tn_param_opts *out)
{
    bool named;
    *out = (tn_param_opts){.rate = 0};
    read_rates(l, index, &out->rate, &out->decay, &named);
    out->rate = out->rate < 0 ? 0 : out->rate == 0 ? TN_ZERO : out->rate;
    out->decay = out->decay < 0 ? 0 : out->decay == 0 ? TN_ZERO : out->decay;
    if (named && index == 0 && is_shared(c, l))
        TN_TRY(tn_caffe_refuse(c, l,
                               "its parameters are shared with another layer's, by their names"));
    return filler && filler->bytes.at ? read_filler(c, l, filler, &out->init) : TN_OK;
}

/* ---- their numbers ---------------------------------------------------------------------------- */

tn_status tn_caffe_take_blob(tn_caffe *c, const tn_caffe_layer *l, int index, const char *node,
                             const char *part, tn_caffe_how how)
{
    const size_t size = strlen(node) + strlen(part) + 2;
    char *name = tn_arena_alloc(&c->arena, size, 1);
    if (!name)
        return tn_no_memory("a net", size);
    (void)snprintf(name, size, "%s%s%s", node, *part ? "." : "", part);
    float rate, decay;
    bool shared;
    read_rates(l, index, &rate, &decay, &shared);
    TN_TRY(tn_grow((void **)&c->blob, c->num_blobs, &c->blob_capacity, sizeof *c->blob, "a net"));
    c->blob[c->num_blobs++] =
        (tn_caffe_blob_of){l->name, index, name, how, rate < 0 ? 1 : rate, false};
    return TN_OK;
}

/* Where a layer has blobs: each in turn. */
typedef struct blobs {
    const char *file;
    const tn_proto *layer;
    int number;
} blobs;

static bool blob_at(const blobs *b, int index, tn_proto *out)
{
    for (tn_proto_walk w = tn_proto_begin(b->layer, b->number); tn_proto_next(&w);)
        if (index-- == 0) {
            *out = w.message;
            return true;
        }
    return false;
}

/* Its shape without ones in front and behind, which old files have four of. */
static tn_shape blob_shape(const tn_proto *blob)
{
    static const int old[] = {BLOB_NUM, BLOB_CHANNELS, BLOB_HEIGHT, BLOB_WIDTH};
    int64_t dims[16];
    size_t count = 0;
    tn_proto shape;
    tn_shape s = {0};
    if (tn_proto_message(blob, BLOB_SHAPE, &shape))
        count = tn_proto_ints(&shape, SHAPE_DIM, dims, 16);
    else
        for (size_t i = 0; i < TN_COUNT(old); i++)
            dims[count++] = tn_proto_int(blob, old[i], 1);
    for (size_t i = 0; i < count && i < 16; i++)
        if (dims[i] != 1 && s.ndim < TN_MAX_DIMS)
            s.dim[s.ndim++] = dims[i];
    return s;
}

static bool same_but_ones(const tn_shape *blob, const tn_shape *param)
{
    int at = 0;
    for (int i = 0; i < param->ndim; i++)
        if (param->dim[i] != 1 && (at >= blob->ndim || blob->dim[at++] != param->dim[i]))
            return false;
    return at == blob->ndim;
}

static size_t blob_floats(const tn_proto *blob, float *to, size_t room)
{
    const int number = tn_proto_has(blob, BLOB_DOUBLE) ? BLOB_DOUBLE : BLOB_DATA;
    return tn_proto_floats(blob, number, to, room);
}

static void transpose(float *to, const float *from, int64_t rows, int64_t columns)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            to[i * columns + j] = from[j * rows + i];
}

/* Caffe divides by it when it uses them; 0: nothing was summed up yet. */
static float divisor(const blobs *b)
{
    tn_proto third;
    float count = 0;
    if (blob_at(b, 2, &third))
        (void)blob_floats(&third, &count, 1);
    return count;
}

tn_status tn_caffe_put_number(tn_caffe *c, const char *name, const tn_shape *shape,
                              const tn_proto *blob, bool transposed, float by)
{
    int64_t count;
    float *data;
    TN_TRY(tn_shape_count(shape, &count));
    TN_TRY(tn_model_new_number(c->m, name, shape, &data));
    (void)blob_floats(blob, data, (size_t)count);
    if (transposed) {
        float *turned = tn_alloc((size_t)count, sizeof *turned);
        if (!turned)
            return tn_no_memory("weights", (size_t)count * sizeof *turned);
        transpose(turned, data, shape->dim[0], count / shape->dim[0]);
        memcpy(data, turned, (size_t)count * sizeof *data);
        tn_free(turned);
    }
    for (int64_t i = 0; by != 1 && i < count; i++)
        data[i] = by == 0 ? 0 : data[i] / by;
    return TN_OK;
}

size_t tn_caffe_blob_count(const tn_proto *blob)
{
    return blob_floats(blob, NULL, 0);
}

/* Of the parameter, which has as many numbers as its blob, or that is an error. */
static tn_status take_numbers(tn_caffe *c, const blobs *b, tn_caffe_blob_of *of)
{
    tn_proto blob;
    tn_shape want, has;
    int64_t count;
    TN_TRY(tn_value_shape(c->g, tn_graph_value(c->g, of->param), &want));
    TN_TRY(tn_shape_count(&want, &count));
    if (!blob_at(b, of->index, &blob))
        return tn_fail(TN_ERR_SHAPE, "%s: layer \"%s\" has no blob number %d, %s", b->file,
                       of->layer, of->index, of->param);
    has = blob_shape(&blob);
    tn_shape seen = want;
    if (of->how == TN_CAFFE_TRANSPOSED)
        seen = TN_SHAPE(count / want.dim[0], want.dim[0]);
    const size_t numbers = blob_floats(&blob, NULL, 0);
    if ((int64_t)numbers != count || (!same_but_ones(&has, &seen) && has.ndim > 1 && seen.ndim > 1))
        return tn_fail(TN_ERR_SHAPE,
                       "%s: layer \"%s\", blob %d: has %zu numbers (%s), and %s is %s", b->file,
                       of->layer, of->index, numbers, tn_shape_format(&has).text, of->param,
                       tn_shape_format(&want).text);
    of->found = true;
    return tn_caffe_put_number(c, of->param, &want, &blob, of->how == TN_CAFFE_TRANSPOSED,
                               of->how == TN_CAFFE_DIVIDED ? divisor(b) : 1);
}

static tn_status take_layer(tn_caffe *c, const blobs *b, const char *name, int *left)
{
    bool known = false;
    if (!tn_proto_has(b->layer, b->number))
        return TN_OK;
    for (size_t i = 0; i < c->num_blobs; i++)
        if (strcmp(c->blob[i].layer, name) == 0 && !c->blob[i].found) {
            TN_TRY(take_numbers(c, b, &c->blob[i]));
            known = true;
        }
    *left += !known;
    return TN_OK;
}

static tn_status tell_missing(tn_caffe *c, const char *file, int left)
{
    if (left)
        TN_TRY(tn_model_add_notice(c->m, "%s has numbers of %d layers that the net does not have",
                                   file, left));
    for (size_t i = 0; i < c->num_blobs; i++)
        if (!c->blob[i].found)
            TN_TRY(tn_model_add_notice(c->m, "%s has no numbers of %s", file, c->blob[i].param));
    return TN_OK;
}

tn_status tn_caffe_read_blobs(tn_caffe *c, const tn_proto *net, const char *file)
{
    const bool old = tn_proto_has(net, NET_LAYERS);
    int left = 0;
    for (tn_proto_walk w = tn_proto_begin(net, old ? NET_LAYERS : NET_LAYER); tn_proto_next(&w);) {
        const blobs b = {file, &w.message, old ? OLD_BLOBS : LAYER_BLOBS};
        const char *name =
            tn_caffe_copy(c, tn_proto_bytes(&w.message, old ? OLD_NAME : LAYER_NAME));
        if (!name)
            return tn_no_memory("a net", 1);
        TN_TRY(take_layer(c, &b, name, &left));
    }
    return tell_missing(c, file, left);
}
