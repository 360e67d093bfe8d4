/*
 * state: what Caffe's SGD has kept (.solverstate), a blob for each of the net's, in the order in which its .caffemodel has them. Caffe
 * keeps v = m v + rate lr_mult g, Tenon v = m v + g: each is divided by its lr_mult here; the solver's rate, which only its text
 * knows, is left in it.
 */
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "caffe/import.h"
#include "io/mapped.h"

typedef struct state {
    const char *file;
    tn_proto message;
    size_t next; /* of its blobs: the layer's first */
} state;

static bool history_at(const state *s, size_t index, tn_proto *out)
{
    for (tn_proto_walk w = tn_proto_begin(&s->message, STATE_HISTORY); tn_proto_next(&w);)
        if (index-- == 0) {
            *out = w.message;
            return true;
        }
    return false;
}

static tn_status take(tn_caffe *c, const state *s, const tn_caffe_blob_of *of)
{
    tn_proto blob;
    tn_shape shape;
    int64_t count;
    char name[400];
    if (of->how == TN_CAFFE_DIVIDED || of->rate == 0) /* statistics, and what is not trained */
        return TN_OK;
    TN_TRY(tn_value_shape(c->g, tn_graph_value(c->g, of->param), &shape));
    TN_TRY(tn_shape_count(&shape, &count));
    if (!history_at(s, s->next + (size_t)of->index, &blob) ||
        (int64_t)tn_caffe_blob_count(&blob) != count)
        return tn_fail(TN_ERR_SHAPE,
                       "%s: what it has for %s is not of %lld numbers: is it of "
                       "another net?",
                       s->file, of->param, (long long)count);
    (void)tn_print(name, sizeof name, "optimizer.%.360s.momentum", of->param);
    return tn_caffe_put_number(c, name, &shape, &blob, of->how == TN_CAFFE_TRANSPOSED, of->rate);
}

static tn_status take_layer(tn_caffe *c, state *s, const tn_proto *layer, bool old)
{
    const tn_proto_span name = tn_proto_bytes(layer, old ? OLD_NAME : LAYER_NAME);
    for (size_t i = 0; i < c->num_blobs; i++)
        if (strlen(c->blob[i].layer) == name.size &&
            memcmp(c->blob[i].layer, name.at, name.size) == 0 && c->blob[i].found)
            TN_TRY(take(c, s, &c->blob[i]));
    s->next += tn_proto_count(layer, old ? OLD_BLOBS : LAYER_BLOBS);
    return TN_OK;
}

static tn_status take_all(tn_caffe *c, state *s, const tn_proto *net)
{
    const bool old = tn_proto_has(net, NET_LAYERS);
    const size_t history = tn_proto_count(&s->message, STATE_HISTORY);
    char updates[24];
    for (tn_proto_walk w = tn_proto_begin(net, old ? NET_LAYERS : NET_LAYER); tn_proto_next(&w);)
        TN_TRY(take_layer(c, s, &w.message, old));
    if (history != s->next)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "%s: keeps %zu blobs for the %zu of the net; what is taken is the momentum "
                       "of SGD and Nesterov, one for each",
                       s->file, history, s->next);
    (void)tn_print(updates, sizeof updates, "%lld",
                   (long long)tn_proto_int(&s->message, STATE_ITER, 0));
    return tn_model_set_fact(c->m, "tenon.updates", updates);
}

tn_status tn_caffe_read_state(tn_caffe *c, const tn_proto *net, const char *file)
{
    tn_mapped map;
    TN_TRY(tn_map(&map, file));
    state s = {file, {tn_caffe_state, {map.at, map.size}}, 0};
    tn_status status = TN_OK;
    if (map.size >= 4 && memcmp(map.at, "\x89HDF", 4) == 0)
        status = tn_fail(TN_ERR_UNSUPPORTED,
                         "%s: is HDF5; Caffe writes what Tenon reads with snapshot_format: "
                         "BINARYPROTO",
                         file);
    if (status == TN_OK)
        status = tn_proto_check(&s.message, file);
    if (status == TN_OK)
        status = take_all(c, &s, net);
    tn_unmap(&map);
    return status;
}
