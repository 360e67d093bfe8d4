/*
 * import: a net's text, and the file of its numbers, become a model.
 */
#include <stdio.h>
#include <string.h>

#include "caffe/input.h"
#include "caffe/solver.h"
#include "io/mapped.h"

/* ---- which files ------------------------------------------------------------------------------ */

/* The first words of nets and solvers, with what follows a field's name. */
static bool begins_with_field(const tn_proto_field *type, const char *text, size_t size)
{
    for (const tn_proto_field *f = type; f->number; f++) {
        const size_t length = strlen(f->name);
        if (size > length && strncmp(text, f->name, length) == 0 &&
            strchr(" :{\t\r\n", text[length]))
            return true;
    }
    return false;
}

/* A net in binary form: its name, and behind that its layers or inputs. */
static bool is_binary(const unsigned char *first, size_t size)
{
    enum { NAME_KEY = NET_NAME << 3 | 2, LAYERS_KEY = NET_LAYERS << 3 | 2 };
    enum { INPUT_KEY = NET_INPUT << 3 | 2, LAYER_KEY = ((NET_LAYER << 3 | 2) & 127) | 128 };
    const size_t next = size > 2 ? (size_t)first[1] + 2 : size;
    return size > 2 && first[0] == NAME_KEY && first[1] < 128 && next < size &&
           (first[next] == LAYERS_KEY || first[next] == INPUT_KEY || first[next] == LAYER_KEY);
}

static bool is_called(const char *path, const char *end)
{
    const char *dot = strrchr(path, '.');
    return dot && strcmp(dot, end) == 0;
}

bool tn_caffe_knows(const char *path, const unsigned char *first, size_t size)
{
    const char *text = (const char *)first;
    if (is_called(path, ".prototxt") || is_called(path, ".caffemodel") || is_binary(first, size))
        return true;
    for (size_t i = 0; i < size; i++) { /* past blanks and comments, as far as they are seen */
        if (text[i] == '#')
            while (i < size && text[i] != '\n')
                i++;
        else if (!strchr(" \t\r\n", text[i]) || text[i] == '\0')
            return begins_with_field(tn_caffe_net, text + i, size - i) ||
                   begins_with_field(tn_caffe_solver, text + i, size - i);
    }
    return false;
}

/* ---- layers ----------------------------------------------------------------------------------- */

static tn_caffe_add *adder(const char *type)
{
    for (int k = 0; tn_caffe_kinds[k]; k++)
        for (int i = 0; tn_caffe_kinds[k]->of[i].type; i++)
            if (strcmp(tn_caffe_kinds[k]->of[i].type, type) == 0)
                return tn_caffe_kinds[k]->of[i].add;
    return NULL;
}

/* What forks of Caffe's have added that changes how a layer is computed, or how pictures are brought to it, and not what it
 * is. Of a field of the layer's own, `in` is 0. */
static bool changes_nothing(const tn_caffe_layer *l, int in, tn_proto_span stray)
{
    static const int data[] = {LAYER_TRANSFORM, LAYER_DATA, LAYER_IMAGE_DATA};
    static const char *const how[] = {"engine", "quantization_param"};
    const char *text = (const char *)stray.at;
    const char *name = memchr(text, ' ', stray.size);
    for (size_t i = 0; i < TN_COUNT(data); i++)
        if (in == (l->old ? tn_caffe_old_number(data[i]) : data[i]))
            return true;
    const size_t length = name ? stray.size - (size_t)(++name - text) : 0;
    for (size_t i = 0; i < TN_COUNT(how); i++) /* the field, or a word of that field */
        if (length >= strlen(how[i]) && memcmp(name, how[i], strlen(how[i])) == 0 &&
            (length == strlen(how[i]) || name[strlen(how[i])] == ' '))
            return true;
    return false;
}

/* True: it is refused for one. */
static bool judge_strays(tn_caffe *c, const tn_caffe_layer *l, int in, const tn_proto *m,
                         tn_status *status)
{
    for (tn_proto_walk w = tn_proto_begin(m, TN_PROTO_STRAY); tn_proto_next(&w);) {
        const int size = (int)w.bytes.size;
        const char *text = (const char *)w.bytes.at;
        const bool nothing = changes_nothing(l, in, w.bytes);
        *status = nothing ? tn_caffe_note(c, l, "line %.*s is passed over", size, text)
                          : tn_caffe_refuse(c, l,
                                            "line %.*s is nothing of Caffe's, and what it changes "
                                            "is not known",
                                            size, text);
        if (!nothing || *status != TN_OK)
            return true;
    }
    return false;
}

/* What no table of Caffe's knows, of the layer and of the messages in it. */
static bool has_strays(tn_caffe *c, const tn_caffe_layer *l, tn_status *status)
{
    *status = TN_OK;
    for (const tn_proto_field *f = l->message.type; f->number; f++) {
        if (f->kind != TN_PROTO_MESSAGE || f->number == (l->old ? OLD_BLOBS : LAYER_BLOBS))
            continue;
        for (tn_proto_walk w = tn_proto_begin(&l->message, f->number); tn_proto_next(&w);)
            if (judge_strays(c, l, f->number, &w.message, status))
                return true;
    }
    return judge_strays(c, l, 0, &l->message, status);
}

static tn_status add_layer(tn_caffe *c, const tn_caffe_layer *l)
{
    tn_caffe_add *add = adder(l->type);
    tn_status status;
    if (!add)
        return tn_caffe_refuse(c, l, "Tenon imports no layers of this type");
    if (has_strays(c, l, &status))
        return status;
    TN_TRY(add(c, l));
    /* The graph's own sentence says more than this could. */
    status = tn_graph_status(c->g);
    return status == TN_OK
               ? TN_OK
               : tn_fail(status, "%s:%d: %s", c->m->path, tn_proto_line(&l->message), tn_error());
}

/* What nobody reads is what the net is for. */
static void say_outputs(tn_caffe *c)
{
    for (size_t i = 0; i < c->num_values; i++)
        if (!c->value[i].readers && c->value[i].v.id &&
            strcmp(tn_value_op(c->g, c->value[i].v), "input") != 0)
            tn_output(c->g, c->value[i].v);
    if (c->loss.id)
        tn_minimise(c->g, c->loss);
}

static tn_status add_all(tn_caffe *c, const tn_proto *net)
{
    TN_TRY(tn_caffe_read_layers(c, net));
    TN_TRY(tn_caffe_net_inputs(c, net));
    for (c->at = 0; c->at < c->num_layers; c->at++)
        TN_TRY(add_layer(c, &c->layer[c->at]));
    if (c->num_refused)
        return tn_fail(TN_ERR_UNSUPPORTED, "%s: %d of %d layers cannot be imported: %s", c->m->path,
                       c->num_refused, c->num_layers, c->refused);
    if (!c->num_layers)
        return tn_fail(TN_ERR_FORMAT, "%s: has no layers", c->m->path);
    say_outputs(c);
    return tn_graph_status(c->g);
}

/* ---- files ------------------------------------------------------------------------------------ */

/* A binary net; HDF5, which Caffe writes where snapshot_format says so, is none. */
static tn_status check_binary(const tn_proto *net, const char *path)
{
    if (net->bytes.size >= 4 && memcmp(net->bytes.at, "\x89HDF", 4) == 0)
        return tn_fail(
            TN_ERR_UNSUPPORTED,
            "%s: is HDF5; Caffe writes what Tenon reads with snapshot_format: BINARYPROTO, "
            "or by save() of a net that pycaffe has loaded from it",
            path);
    return tn_proto_check(net, path);
}

static tn_status read_weights(tn_caffe *c, const char *path)
{
    tn_mapped file;
    TN_TRY(tn_map(&file, path));
    const tn_proto net = {tn_caffe_net, {file.at, file.size}};
    tn_status status = check_binary(&net, path);
    if (status == TN_OK)
        status = tn_caffe_read_blobs(c, &net, path);
    if (status == TN_OK && c->opts->state)
        status = tn_caffe_read_state(c, &net, c->opts->state);
    tn_unmap(&file);
    return status;
}

static tn_status import(tn_caffe *c, const tn_proto *net, bool binary)
{
    TN_TRY(tn_graph_create(&c->g));
    TN_TRY(add_all(c, net));
    if (c->opts->weights)
        TN_TRY(read_weights(c, c->opts->weights));
    else if (binary)
        TN_TRY(tn_caffe_read_blobs(c, net, c->m->path));
    if (c->opts->state && !c->opts->weights && binary)
        TN_TRY(tn_caffe_read_state(c, net, c->opts->state));
    else if (c->opts->state && !c->opts->weights)
        return tn_fail(TN_ERR_ARGUMENT,
                       "%s: tells what was kept for each number, and no numbers are given (its "
                       ".caffemodel)",
                       c->opts->state);
    TN_TRY(tn_model_take_graph(c->m, c->g));
    c->g = NULL;
    return tn_caffe_say_batch(c);
}

static tn_status read_text(tn_proto_out *wire, const tn_proto_field *type, const char *path)
{
    tn_mapped file;
    TN_TRY(tn_map(&file, path));
    const tn_status status = tn_proto_of_text(wire, type, path, (const char *)file.at, file.size);
    tn_unmap(&file);
    return status;
}

static tn_status open_net(tn_caffe *c, const char *path)
{
    tn_proto_out wire = {0};
    tn_status status = read_text(&wire, tn_caffe_net, path);
    const tn_proto net = {tn_caffe_net, {wire.bytes, wire.size}};
    if (status == TN_OK)
        status = import(c, &net, false);
    tn_proto_drop(&wire);
    return status;
}

/* How many images a step of a net has, that is not wanted itself. */
static tn_status say_batch_of(tn_caffe *c, const tn_proto *net)
{
    TN_TRY(tn_caffe_read_layers(c, net));
    tn_caffe_find_batch(c);
    return tn_caffe_say_batch(c);
}

/* The same of a file, which may as well be none. */
static tn_status peek(tn_caffe *c, const char *path)
{
    tn_proto_out wire = {0};
    tn_error_kept kept;
    tn_error_keep(&kept);
    tn_status status = read_text(&wire, tn_caffe_net, path);
    const tn_proto net = {tn_caffe_net, {wire.bytes, wire.size}};
    if (status == TN_OK)
        status = say_batch_of(c, &net);
    tn_proto_drop(&wire);
    if (status != TN_ERR_FORMAT && status != TN_ERR_IO)
        return status;
    tn_error_put_back(&kept);
    return TN_OK;
}

/* The net of a solver: the one in it, or the file that it names. */
static tn_status open_solved(tn_caffe *c, const tn_proto *solver)
{
    tn_proto net;
    char *path = NULL;
    const bool inside = tn_caffe_net_inside(solver, &net);
    const char *named = tn_caffe_net_named(c, solver);
    TN_TRY(tn_caffe_read_solver(c, solver));
    if (inside)
        return c->opts->no_net ? say_batch_of(c, &net) : import(c, &net, false);
    if (!named && c->opts->no_net)
        return TN_OK;
    if (!named)
        return tn_fail(TN_ERR_IO, "%s: the solver names no net", c->m->path);
    tn_status status = tn_caffe_beside(c, named, &path);
    if (status == TN_OK && c->opts->no_net)
        status = path ? peek(c, path) : TN_OK;
    else if (status == TN_OK)
        status = path ? open_net(c, path)
                      : tn_fail(TN_ERR_IO,
                                "%s: its net %s is not there, from here or from any folder above "
                                "the solver",
                                c->m->path, named);
    tn_free(path);
    return status;
}

/* A text without layers may be a solver's. */
static tn_status open_text(tn_caffe *c)
{
    tn_proto_out wire = {0};
    tn_status status = read_text(&wire, tn_caffe_net, c->m->path);
    const tn_proto net = {tn_caffe_net, {wire.bytes, wire.size}};
    if (status != TN_OK || tn_proto_has(&net, NET_LAYER) || tn_proto_has(&net, NET_LAYERS)) {
        status = status == TN_OK ? import(c, &net, false) : status;
        tn_proto_drop(&wire);
        return status;
    }
    tn_proto_drop(&wire);
    wire = (tn_proto_out){0};
    status = read_text(&wire, tn_caffe_solver, c->m->path);
    const tn_proto solver = {tn_caffe_solver, {wire.bytes, wire.size}};
    if (status == TN_OK)
        status = tn_caffe_is_solver(&solver)
                     ? open_solved(c, &solver)
                     : tn_fail(TN_ERR_FORMAT, "%s: has no layers, and is no solver", c->m->path);
    tn_proto_drop(&wire);
    return status;
}

/* What the file is; a .caffemodel is the net of its training, with its numbers. */
static tn_status open_any(tn_caffe *c)
{
    tn_mapped file;
    TN_TRY(tn_map(&file, c->m->path));
    const tn_proto net = {tn_caffe_net, {file.at, file.size}};
    const bool binary = is_binary(file.at, file.size) || is_called(c->m->path, ".caffemodel");
    tn_status status = binary ? check_binary(&net, c->m->path) : TN_OK;
    if (status == TN_OK && binary)
        status = import(c, &net, true);
    tn_unmap(&file);
    return status == TN_OK && !binary ? open_text(c) : status;
}

tn_status tn_caffe_open(tn_model *m, const tn_model_opts *opts)
{
    tn_caffe c = {.m = m, .opts = opts};
    const tn_status status = open_any(&c);
    tn_graph_destroy(c.g);
    tn_arena_free(&c.arena);
    tn_free(c.value);
    tn_free(c.blob);
    return status;
}
