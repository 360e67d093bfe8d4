#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../tools/common/args.h"

/* ---- setting up ------------------------------------------------------------------------------- */

static int find_class(const model *m, const char *name)
{
    for (int i = 0; i < m->classes; i++)
        if (strcmp(m->name[i], name) == 0)
            return i;
    return -1;
}

/* To measure, the folder may lack some of the file's classes, or have them in another order. */
static void number_classes(session *s, const char *path)
{
    const tn_dataset *set = s->sets.val ? s->sets.val : s->sets.train;
    const int classes = tn_dataset_classes(set);
    s->label_of = malloc((size_t)classes * sizeof *s->label_of);
    s->labels = malloc((size_t)s->r.batch * sizeof *s->labels);
    if (!s->label_of || !s->labels)
        run_fail("no memory for the numbers of %d classes", classes);
    for (int i = 0; i < classes; i++) {
        const char *name = tn_dataset_class_name(set, i);
        s->label_of[i] = find_class(&s->model, name);
        if (s->label_of[i] < 0)
            args_fail("class \"%s\" of %s is none of the %d that %s knows", name, s->r.folder,
                      s->model.classes, path);
    }
}

tn_tensor session_labels(session *s, const tn_tensor *labels)
{
    tn_tensor numbered = *labels;
    const int32_t *from = labels->data;
    if (!s->label_of)
        return numbered;
    for (int64_t i = 0; i < s->r.batch; i++)
        s->labels[i] = from[i] < 0 ? -1 : s->label_of[from[i]];
    numbered.data = s->labels;
    return numbered;
}

/* To go on, the file's classes must be the folder's, or its labels would mean something else. */
static void check_classes(const session *s, const char *path)
{
    const int classes = tn_dataset_classes(s->sets.train);
    if (classes != s->model.classes)
        args_fail("%s knows %d classes, but %s has %d", path, s->model.classes, s->r.folder,
                  classes);
    for (int i = 0; i < classes; i++)
        if (strcmp(s->model.name[i], tn_dataset_class_name(s->sets.train, i)) != 0)
            args_fail("class %d is \"%s\" in %s, but \"%s\" in %s", i, s->model.name[i], path,
                      tn_dataset_class_name(s->sets.train, i), s->r.folder);
}

/* Network and image size: of the checkpoint if there is one, else as the flags say. */
static void choose_model(session *s)
{
    const recipe *r = &s->r;
    const char *file = r->resume ? r->resume : r->evaluate;
    if (file) {
        tn_checkpoint_info *info = NULL;
        if (tn_checkpoint_info_open(&info, file) != TN_OK)
            args_fail("%s", tn_error());
        model_read(&s->model, info, file);
        tn_checkpoint_info_close(info);
        if (s->model.net->channels != 3)
            args_fail("%s: %s is not for colour images", file, s->model.net->name);
        if (r->net && strcmp(r->net, s->model.net->name) != 0)
            args_fail("--net says %s, but %s is %s", r->net, file, s->model.net->name);
        if (r->size && r->size != s->model.size)
            args_fail("--size says %lld, but %s has %d", (long long)r->size, file, s->model.size);
        if (r->evaluate)
            number_classes(s, file);
        else if (s->sets.train)
            check_classes(s, file);
        return;
    }
    const int classes = s->sets.train ? tn_dataset_classes(s->sets.train) : (int)r->classes;
    model_make(&s->model, net_find(r->net ? r->net : "torchvision"), classes);
    for (int i = 0; i < classes; i++)
        model_name(&s->model, i, s->sets.train ? tn_dataset_class_name(s->sets.train, i) : "none");
    if (r->size) {
        s->model.size = (int)r->size;
        s->model.resize = (int)(r->size * 8 / 7);
    }
    if (r->resize)
        s->model.resize = (int)r->resize;
    if (s->model.resize < s->model.size)
        args_fail("--resize %d is less than the %d pixels that the network takes", s->model.resize,
                  s->model.size);
}

static void open_device(session *s)
{
    const recipe *r = &s->r;
    if (tn_device_open(&s->device, r->device) != TN_OK)
        args_fail("%s", tn_error());
    args_rank(tn_device_rank(s->device), tn_device_ranks(s->device));
    char name[256];
    snprintf(name, sizeof name, "%s,threads=%lld", tn_device_name(s->device),
             (long long)r->threads);
    const bool cpu = strncmp(name, "cpu", 3) == 0 || strncmp(name, "mpi:cpu", 7) == 0;
    if (r->threads == 0 || !cpu || strstr(tn_device_name(s->device), "threads="))
        return;
    tn_device_close(s->device);
    s->device = NULL;
    if (tn_device_open(&s->device, name) != TN_OK)
        args_fail("%s", tn_error());
}

static void build(session *s)
{
    const int64_t n = s->r.batch, size = s->model.size;
    tn_must(tn_graph_create(&s->g));
    s->image = tn_input(s->g, "image", TN_U8, TN_SHAPE(n, size, size, 3));
    s->label = tn_input(s->g, "label", TN_I32, TN_SHAPE(n));
    s->loss = tn_softmax_xent(
        s->g, model_build(&s->model, s->g, s->image), s->label,
        &(tn_softmax_xent_opts){.name = "loss", .label_smoothing = (float)s->r.smoothing});
    const tn_value keep[] = {s->loss.loss, s->loss.top_1, s->loss.top_k};
    tn_plan_opts opts = {
        .keep = keep, .num_keep = 3, .seed = (uint64_t)s->r.seed, .dry = s->r.describe};
    if (!s->r.evaluate) {
        opts.loss = s->loss.loss;
        opts.optim = recipe_optim(&s->r);
        opts.clip_norm = (float)s->r.clip;
        opts.accumulate = (int)s->r.accumulate;
    }
    tn_must(tn_precision_find(s->r.precision, &opts.precision));
    tn_must(tn_plan_create(&s->plan, s->g, s->device, &opts));
}

void session_feeds(session *s)
{
    const recipe *r = &s->r;
    tn_loader_opts opts = recipe_loader(r, s->model.size, s->model.resize);
    opts.device = s->device;
    if (r->synthetic || r->overfit)
        feed_fixed(&s->train, s->sets.train, &opts, s->model.classes, r->max_steps * r->accumulate);
    else if (!r->evaluate)
        feed_open(&s->train, s->sets.train, opts, true);
    opts = (tn_loader_opts){.batch = opts.batch,
                            .height = opts.height,
                            .width = opts.width,
                            .resize = opts.resize,
                            .threads = opts.threads,
                            .on_bad = opts.on_bad,
                            .max_bad = opts.max_bad,
                            .device = opts.device};
    s->validates = r->evaluate || (s->sets.val && !r->overfit);
    if (s->validates)
        feed_open(&s->val, s->sets.val ? s->sets.val : s->sets.train, opts, false);
    if (r->evaluate)
        return;
    s->per_epoch = s->train.batches / r->accumulate;
    s->steps = s->per_epoch * r->epochs;
    if (s->steps == 0)
        args_fail("an epoch has %lld batches, fewer than the %lld that --accumulate wants",
                  (long long)s->train.batches, (long long)r->accumulate);
    s->rate = recipe_rate(r, s->per_epoch);
}

/* ---- opening and closing ---------------------------------------------------------------------- */

void session_open(session *s)
{
    if (s->r.folder)
        sets_open(&s->sets, &s->r);
    choose_model(s);
    open_device(s);
    build(s);
}

void session_close(session *s)
{
    feed_close(&s->val);
    feed_close(&s->train);
    tn_plan_destroy(s->plan);
    tn_device_close(s->device);
    tn_graph_destroy(s->g);
    free(s->label_of);
    free(s->labels);
    model_free(&s->model);
    sets_close(&s->sets);
}
