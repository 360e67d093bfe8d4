/*
 * tenon model layers: each layer of a net with the figures of its numbers and, of a picture, of what it makes; drawn, if one
 * wants to look.
 */
#define _POSIX_C_SOURCE 200809L /* mkdir */

#include "layers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../common/args.h"
#include "../common/whole.h"
#include "../common/workspace.h"
#include "../train/opening.h"
#include "model.h"

static struct {
    const char *out, *workspace;
    bool json;
    int64_t size;
    opening opening;
} flags;

static const arg options[] = {
    {ARG_TEXT, "out", "DIR",
     "draw weights and what layers make into this folder, as PNG; it is\nmade if it is not there",
     &flags.out, 0, 0},
    {ARG_FLAG, "json", NULL, "everything as JSON", &flags.json, 0, 0},
    ARG_WORKSPACE(&flags.workspace),
    {ARG_INT, "size", "PIXELS",
     "side of the pictures, where the file leaves it open; default: not said", &flags.size, 1,
     4096},
    OPENING_ARGS(&flags.opening),
};

/* ---- which layers ------------------------------------------------------------------------------- */

bool looked_is_of_itself(const looked *l, tn_value v)
{
    const char *op = tn_value_op(l->graph, v);
    return op && strcmp(op, "param") != 0 && strcmp(op, "constant") != 0;
}

int looked_place_of(const looked *l, tn_value v)
{
    for (int i = l->layers - 1; i >= 0; i--)
        if (l->layer[i].id == v.id)
            return i;
    return -1;
}

/* What v is made of, then v; a list of what is still to be done stands for calls, since nets are deep. */
static void add_layers(looked *l, tn_value output)
{
    static struct {
        tn_value v;
        int read;
    } todo[LAYERS];
    int depth = 0;
    todo[depth].v = output;
    todo[depth++].read = 0;
    while (depth > 0) {
        const tn_value v = todo[depth - 1].v;
        const tn_value x = tn_value_read(l->graph, v, todo[depth - 1].read++);
        if (x.id && looked_is_of_itself(l, x) && looked_place_of(l, x) < 0) {
            if (depth == LAYERS)
                args_fail("%s: more than %d layers", l->path, LAYERS);
            todo[depth].v = x;
            todo[depth++].read = 0;
        } else if (!x.id) {
            if (l->layers == LAYERS)
                args_fail("%s: more than %d layers", l->path, LAYERS);
            l->layer[l->layers++] = v;
            depth--;
        }
    }
}

static void find_layers(looked *l)
{
    tn_value v;
    for (int i = 0; (v = tn_graph_output_at(l->graph, i)).id; i++)
        if (looked_place_of(l, v) < 0)
            add_layers(l, v);
    if (l->layers == 0 && (v = tn_graph_loss(l->graph)).id)
        add_layers(l, v);
    if (l->layers == 0)
        args_fail("%s: its net says neither an output nor a loss", l->path);
    for (int i = 0; i < l->layers; i++) {
        tn_dtype type;
        tn_must(tn_value_dtype(l->graph, l->layer[i], &type));
        if (type == TN_F32 && strcmp(tn_value_op(l->graph, l->layer[i]), "input") != 0)
            l->kept[l->num_kept++] = l->layer[i];
    }
}

static void open_all(looked *l, const char *given)
{
    run_model(l->path, flags.workspace, given);
    tn_model_opts opts = opening_opts(&flags.opening, 0, flags.size);
    if (tn_model_open(&l->model, l->path, &opts) != TN_OK)
        args_fail("%s", tn_error());
    opening_tell(l->model);
    if (tn_model_keeps_average(l->model)) {
        tn_model_close(l->model);
        opts.average = true;
        if (tn_model_open(&l->model, l->path, &opts) != TN_OK)
            args_fail("%s", tn_error());
    }
    if (!tn_model_tensor(l->model, 0, NULL))
        args_fail("%s: is the text of a net, without numbers", l->path);
    l->graph = tn_model_graph(l->model);
    find_layers(l);
    /* Without a picture nothing is run, and no memory taken for it. */
    const tn_plan_opts how = {.from = l->model,
                              .keep = l->kept,
                              .num_keep = l->num_kept,
                              .no_fusion = true,
                              .dry = !l->image};
    if (tn_device_open(&l->device, "cpu") != TN_OK ||
        tn_plan_create(&l->plan, l->graph, l->device, &how) != TN_OK)
        args_fail("%s: %s", l->path, tn_error());
}

/* ---- a picture ------------------------------------------------------------------------------------ */

static void run_picture(looked *l)
{
    tn_picture p;
    if (tn_model_picture(l->model, &p) != TN_OK)
        args_fail("%s%s", tn_error(), opening_hint(l->model));
    l->bgr = p.order == TN_ORDER_BGR;
    if (!l->image)
        return;
    const int64_t count = (int64_t)p.fit.height * p.fit.width;
    uint8_t *pixels = malloc((size_t)count * 3);
    if (!pixels)
        run_fail("no memory for a picture of %d x %d", p.fit.height, p.fit.width);
    if (tn_image_load(l->image, &p.fit, pixels) != TN_OK) {
        free(pixels);
        args_fail("%s", tn_error());
    }
    tn_must(tn_picture_pixels(&p, pixels, count, pixels));
    const tn_shape shape = TN_SHAPE(1, p.fit.height, p.fit.width, p.channels);
    if (tn_plan_set(l->plan, p.input, (tn_tensor){TN_U8, shape, pixels}) != TN_OK ||
        tn_plan_evaluate(l->plan) != TN_OK)
        run_fail("%s: %s", l->path, tn_error());
    free(pixels);
}

/* ---- all of it ------------------------------------------------------------------------------------ */

static void tell(const looked *l)
{
    char path[RUN_PATH + 16];
    whole file;
    if (flags.json) {
        layers_tell_json(l, stdout);
        return;
    }
    if (flags.out) {
        snprintf(path, sizeof path, "%s/layers.json", flags.out);
        whole_begin(&file, path, true);
        layers_tell_json(l, file.to);
        whole_end(&file);
    }
    layers_tell(l);
}

int model_layers(int argc, char **argv)
{
    const args a = {
        .usage = "tenon-model layers MODEL [PICTURE] [options]",
        .about = "Tells each layer of a net, in an order in which they can be computed: what it "
                 "makes, its numbers, the\n"
                 "arithmetic of one picture; of a PICTURE also mean, deviation and zeros of what "
                 "it makes. MODEL is a\n"
                 "model's file, or a run, whose best checkpoint is taken. --out draws weights and "
                 "what layers make, and\n"
                 "writes layers.json beside, with histograms.",
        .more = "Exit status: 0; 1: it could not be run or written; 2: flags, a model or a picture "
                "that cannot be.\n\n"
                "Examples:\n"
                "  tenon model layers flowers.safetensors\n"
                "  tenon model layers flowers.safetensors rose.jpg --out rose",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .min_words = 1,
        .max_words = 2,
        .words = "a model"};
    static looked l;
    const int words = args_parse(&a, argc, argv);
    l.image = words > 1 ? argv[2] : NULL;
    l.out = flags.out;
    if (flags.out && mkdir(flags.out, 0777) != 0 && errno != EEXIST)
        args_fail("--out %s: the folder cannot be made: %s", flags.out, strerror(errno));
    open_all(&l, argv[1]);
    run_picture(&l);
    tell(&l);
    tn_plan_destroy(l.plan);
    tn_device_close(l.device);
    tn_model_close(l.model);
    return fflush(stdout) == 0 ? 0 : 1;
}
