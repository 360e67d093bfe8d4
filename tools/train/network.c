#include "network.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "opening.h"

static void *room(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    if (!p)
        run_fail("no memory for %zu bytes", count * size);
    return p;
}

/* ---- where it comes from ---------------------------------------------------------------------- */

origin origin_find(const char *name, const tn_model_opts *opts, tn_model **model)
{
    const net *named = net_find(name);
    if (named)
        return (origin){.named = named};
    if (!strpbrk(name, "./"))
        args_fail("there is no network \"%s\"; there are %s; or the path of a file", name,
                  net_names());
    if (tn_model_open(model, name, opts) != TN_OK)
        args_fail("%s", tn_error());
    opening_tell(*model);
    return (origin){.model = *model, .path = name};
}

/* ---- one that has a name ---------------------------------------------------------------------- */

static void add_mixed(network *n, tn_shape labels)
{
    n->partner = tn_input(n->g, "partner", TN_I32, labels);
    n->share = tn_input(n->g, "share", TN_F32, labels);
}

static void make_named(network *n, const net *from, const network_opts *o)
{
    const int64_t side = o->size ? o->size : from->size;
    n->about = from->about;
    n->height = n->width = (int)side;
    n->resize = o->size ? (int)(side * 8 / 7) : from->resize;
    n->channels = from->channels;
    n->order = n->channels == 1 ? TN_ORDER_GREY : TN_ORDER_RGB;
    n->classes = o->classes;
    n->image = tn_input(n->g, "image", TN_U8, TN_SHAPE(o->batch, side, side, n->channels));
    const tn_value x = tn_image_input(n->g, n->image, &from->input);
    if (o->no_loss || !from->build_training) {
        n->logits = from->build(n->g, x, o->classes);
        tn_output(n->g, n->logits);
        return;
    }
    const tn_softmax_xent_opts loss = {.name = "loss", .label_smoothing = (float)o->smoothing};
    n->label = tn_input(n->g, "label", TN_I32, TN_SHAPE(o->batch));
    if (o->mixed)
        add_mixed(n, TN_SHAPE(o->batch));
    n->loss = net_train(from, n->g, x, (net_labels){n->label, n->partner, n->share}, o->classes,
                        &loss, &n->logits);
    tn_minimise(n->g, n->loss.loss);
    /* A sum of losses counts nothing itself: find_loss() finds there what does. */
    tn_output(n->g, n->logits);
    tn_output(n->g, n->loss.top_1);
    tn_output(n->g, n->loss.top_k);
}

/* ---- one of a file ---------------------------------------------------------------------------- */

/* In n's graph, which is made of the same text. */
static tn_value same(const network *n, const tn_model *m, tn_value v)
{
    return tn_graph_value(n->g, tn_value_name(tn_model_graph(m), v));
}

static void find_image(network *n, const origin *from)
{
    tn_picture picture;
    if (tn_model_picture(from->model, &picture) != TN_OK)
        args_fail("%s%s", tn_error(), opening_hint(from->model));
    n->image = same(n, from->model, picture.input);
    n->height = picture.fit.height;
    n->width = picture.fit.width;
    n->resize = picture.fit.resize     ? picture.fit.resize
                : n->height > n->width ? n->height
                                       : n->width;
    n->channels = picture.channels;
    n->order = picture.order;
}

/* N x K x 1 x 1, as nets without a dense layer end, are images x classes. */
static tn_value without_ones(network *n, tn_value x)
{
    tn_shape shape;
    tn_must(tn_value_shape(n->g, x, &shape));
    bool ones = shape.ndim > 2;
    for (int i = 2; i < shape.ndim; i++)
        ones &= shape.dim[i] == 1;
    return ones ? tn_flatten(n->g, x, &(tn_layer_opts){"logits"}) : x;
}

static void find_logits(network *n, const char *path)
{
    tn_shape shape;
    n->logits = tn_graph_output_at(n->g, 0);
    if (n->logits.id == 0)
        args_fail("%s: its net says no output: which of its values are the classes?", path);
    if (strcmp(tn_value_op(n->g, n->logits), "softmax") == 0) /* a loss has one of its own */
        n->logits = tn_value_read(n->g, n->logits, 0);
    n->logits = without_ones(n, n->logits);
    tn_must(tn_value_shape(n->g, n->logits, &shape));
    if (shape.ndim != 2 || shape.dim[1] > INT_MAX)
        args_fail("%s: its first output, %s, is %s, not images x classes", path,
                  tn_value_name(n->g, n->logits), tn_shape_format(&shape).text);
    n->classes = (int)shape.dim[1];
}

static bool is_i32(const network *n, tn_value v, int ndim)
{
    tn_shape shape;
    tn_dtype dtype;
    tn_must(tn_value_shape(n->g, v, &shape));
    tn_must(tn_value_dtype(n->g, v, &dtype));
    return dtype == TN_I32 && shape.ndim == ndim;
}

static tn_value find_labels(const network *n)
{
    tn_value v;
    for (int i = 0; (v = tn_graph_input(n->g, i)).id; i++)
        if (is_i32(n, v, 1))
            return v;
    return v;
}

/* What a loss of mixed images reads beside labels. */
static void find_mixed(network *n)
{
    const tn_value partner = tn_graph_value(n->g, "partner"), share = tn_graph_value(n->g, "share");
    if (partner.id == 0 || share.id == 0 || strcmp(tn_value_op(n->g, partner), "input") != 0 ||
        strcmp(tn_value_op(n->g, share), "input") != 0 || !is_i32(n, partner, 1))
        return;
    n->partner = partner;
    n->share = share;
}

/* The loss of the file: what counts right ones is beside it, or else among the outputs. */
static void find_loss(network *n, const char *path)
{
    n->loss.loss = tn_graph_loss(n->g);
    if (strcmp(tn_value_op(n->g, n->loss.loss), "softmax_xent") == 0) {
        n->loss.top_1 = tn_value_beside(n->g, n->loss.loss, 1);
        n->loss.top_k = tn_value_beside(n->g, n->loss.loss, 2);
        return;
    }
    tn_value *const to[] = {&n->loss.top_1, &n->loss.top_k};
    tn_value v;
    int found = 0;
    for (int i = 0; found < 2 && (v = tn_graph_output_at(n->g, i)).id; i++)
        if (is_i32(n, v, 0))
            *to[found++] = v;
    if (found < 2)
        args_fail("%s: its loss, %s, does not count what is right: say which values do as its "
                  "second and third output",
                  path, tn_value_name(n->g, n->loss.loss));
}

static void read_names(network *n, const tn_model *m, const char *path)
{
    const int known = tn_model_num_classes(m);
    if (known != 0 && known != n->classes)
        args_fail("%s: names %d classes, but its net tells of %d", path, known, n->classes);
    for (int i = 0; i < known; i++)
        network_name(n, i, tn_model_class(m, i));
}

/* ---- of either kind --------------------------------------------------------------------------- */

/* Where nobody says another: cross entropy with the labels. */
static void add_loss(network *n, const network_opts *o)
{
    tn_shape labels = {0};
    if (tn_value_shape(n->g, n->logits, &labels) != TN_OK)
        return;    /* the graph says why */
    labels.ndim--; /* images x classes x anything: a label an image and anything */
    for (int i = 1; i < labels.ndim; i++)
        labels.dim[i] = labels.dim[i + 1];
    if (n->label.id == 0)
        n->label = tn_input(n->g, "label", TN_I32, labels);
    const tn_softmax_xent_opts opts = {.name = "loss", .label_smoothing = (float)o->smoothing};
    if (!o->mixed) {
        n->loss = tn_softmax_xent(n->g, n->logits, n->label, &opts);
    } else {
        add_mixed(n, labels);
        n->loss = tn_softmax_xent_mixed(n->g, n->logits, n->label, n->partner, n->share, &opts);
        /* A sum counts nothing itself: find_loss() finds there what does. */
        tn_output(n->g, n->loss.top_1);
        tn_output(n->g, n->loss.top_k);
    }
    tn_minimise(n->g, n->loss.loss);
}

static tn_status make_of_file(network *n, const origin *from, const network_opts *o)
{
    const char *text = tn_model_fact(from->model, "tenon.graph");
    const tn_graph_read_opts opts = {.name = from->path, .batch = o->batch, .classes = o->classes};
    const tn_status status = tn_graph_read(&n->g, text, strlen(text), &opts);
    if (status != TN_OK)
        return status;
    n->about = from->path;
    find_image(n, from);
    find_logits(n, from->path);
    n->label = find_labels(n);
    find_mixed(n);
    n->name = room((size_t)n->classes, sizeof *n->name);
    if (o->classes == 0)
        read_names(n, from->model, from->path);
    return TN_OK;
}

tn_status network_make(network *n, const origin *from, const network_opts *o)
{
    *n = (network){0};
    tn_status status;
    if (from->named) {
        status = tn_graph_create(&n->g);
        if (status == TN_OK)
            make_named(n, from->named, o);
        n->name = room((size_t)o->classes, sizeof *n->name);
    } else {
        status = make_of_file(n, from, o);
    }
    if (status == TN_OK && !o->no_loss) {
        if (tn_graph_loss(n->g).id == 0)
            add_loss(n, o);
        else if (!from->named)
            find_loss(n, from->path);
    }
    if (status == TN_OK)
        status = tn_graph_status(n->g);
    if (status != TN_OK)
        network_free(n);
    return status;
}

void network_name(network *n, int class, const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = room(bytes, 1);
    memcpy(copy, text, bytes);
    for (char *p = copy; *p; p++)
        if (*p == '\n')
            *p = ' ';
    free(n->name[class]);
    n->name[class] = copy;
}

void network_free(network *n)
{
    for (int i = 0; n->name && i < n->classes; i++)
        free(n->name[i]);
    free(n->name);
    tn_graph_destroy(n->g);
    *n = (network){0};
}

/* ---- saving ----------------------------------------------------------------------------------- */

char *network_join_names(const network *n)
{
    size_t bytes = 1;
    if (!n->name[0])
        return NULL;
    for (int i = 0; i < n->classes; i++)
        bytes += strlen(n->name[i]) + 1;
    char *text = room(bytes, 1), *p = text;
    for (int i = 0; i < n->classes; i++)
        p += sprintf(p, "%s%s", i ? "\n" : "", n->name[i]);
    return text;
}

network_fit network_describe_fit(const network *n)
{
    static const char *const orders[] = {
        [TN_ORDER_RGB] = "rgb", [TN_ORDER_BGR] = "bgr", [TN_ORDER_GREY] = "grey"};
    network_fit fit;
    snprintf(fit.text, sizeof fit.text, "resize=%d order=%s", n->resize, orders[n->order]);
    return fit;
}

tn_status network_save(const network *n, tn_plan *plan, const char *path, bool params,
                       const tn_meta *more, int num_more)
{
    const network_fit fit = network_describe_fit(n);
    char *names = network_join_names(n);
    tn_meta *all = room(2 + (size_t)num_more, sizeof *all);
    int count = 0;
    all[count++] = (tn_meta){"tenon.fit", fit.text};
    if (names)
        all[count++] = (tn_meta){"tenon.classes", names};
    for (int i = 0; i < num_more; i++)
        all[count++] = more[i];
    const tn_status status = params ? tn_checkpoint_save_params(plan, path, all, count)
                                    : tn_checkpoint_save(plan, path, all, count);
    free(all);
    free(names);
    return status;
}
