/* A model and a set of pictures, brought together. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/text.h"
#include "../common/workspace.h"
#include "../train/feed.h"
#include "eval.h"

static void *room(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    if (!p)
        run_fail("no memory for %zu bytes", count * size);
    return p;
}

/* ---- the model -------------------------------------------------------------------------------- */

static void find_logits(evaluation *e)
{
    const tn_graph *g = tn_model_graph(e->model);
    tn_shape shape;
    e->logits = tn_graph_output_at(g, 0);
    if (e->logits.id == 0)
        args_fail("%s: its net says no output: which of its values are the classes?", e->path);
    tn_must(tn_value_shape(g, e->logits, &shape));
    bool classes = shape.ndim >= 2 && shape.dim[0] == e->q.batch && shape.dim[1] <= INT_MAX;
    for (int i = 2; i < shape.ndim; i++)
        classes &= shape.dim[i] == 1;
    if (!classes)
        args_fail("%s: its first output, %s, is %s, not images x classes", e->path,
                  tn_value_name(g, e->logits), tn_shape_format(&shape).text);
    e->classes = (int)shape.dim[1];
    const char *op = tn_value_op(g, e->logits);
    e->shares = strcmp(op, "softmax") == 0;
    if (strcmp(op, "sigmoid") == 0)
        args_fail("%s: its output is a sigmoid of each class by itself: there is no one right "
                  "class to count",
                  e->path);
    const int known = tn_model_num_classes(e->model);
    if (known != 0 && known != e->classes)
        args_fail("%s: names %d classes, but its net tells of %d", e->path, known, e->classes);
}

/* Whoever trains with averages validates them. */
static void take_average(evaluation *e)
{
    tn_model_close(e->model);
    e->model = NULL;
    e->average = true;
    tn_model_opts opts = opening_opts(&e->q.opening, e->q.batch, 0);
    opts.average = true;
    if (tn_model_open(&e->model, e->path, &opts) != TN_OK)
        args_fail("%s", tn_error());
}

static void open_model(evaluation *e)
{
    run_model(e->path, e->q.workspace, e->q.model);
    const tn_model_opts opts = opening_opts(&e->q.opening, e->q.batch, 0);
    if (tn_model_open(&e->model, e->path, &opts) != TN_OK)
        args_fail("%s", tn_error());
    opening_tell(e->model);
    if (tn_model_keeps_average(e->model) && !e->q.trained)
        take_average(e);
    if (tn_model_picture(e->model, &e->picture) != TN_OK)
        args_fail("%s%s", tn_error(), opening_hint(e->model));
    if (!tn_model_tensor(e->model, 0, NULL))
        args_fail("%s: is the text of a net, without numbers", e->path);
    find_logits(e);
    const tn_fit_opts *fit = &e->picture.fit;
    const int larger = fit->height > fit->width ? fit->height : fit->width;
    e->resize = e->q.resize ? (int)e->q.resize : fit->resize ? fit->resize : larger;
    if (e->resize < larger)
        args_fail("--resize %d is less than the %d pixels that %s takes", e->resize, larger,
                  e->path);
    if (e->q.ten_crop && e->resize == fit->height && e->resize == fit->width)
        args_fail("--ten-crop: %s takes all of the %d x %d pixels that pictures are scaled to, so "
                  "its crops are all the same; say --resize",
                  e->path, e->resize, e->resize);
}

/* ---- classes ---------------------------------------------------------------------------------- */

/* A list with numbers as labels: classes 0, 1, 2, ... */
static bool is_numbered(const tn_dataset *set)
{
    for (int i = 0; i < tn_dataset_classes(set); i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", i);
        if (strcmp(tn_dataset_class_name(set, i), number) != 0)
            return false;
    }
    return true;
}

static int find_class(const evaluation *e, const char *name)
{
    for (int i = 0; i < e->classes; i++)
        if (text_is_class(e->name[i], name))
            return i;
    return -1;
}

/* A class keeps its number where one side has no names: only that can be meant. */
static void take_numbers(evaluation *e)
{
    const int classes = tn_dataset_classes(e->set);
    const bool numbered = is_numbered(e->set);
    if (classes > e->classes || (!numbered && classes != e->classes))
        args_fail("%s tells of %d classes%s, but %s has %d: which are they?", e->path, e->classes,
                  e->name[0] ? "" : " without saying their names", e->data, classes);
    e->by_number = true;
    for (int i = 0; i < classes; i++) {
        e->label_of[i] = i;
        if (!e->name[i] && !numbered)
            e->name[i] = tn_dataset_class_name(e->set, i);
    }
}

/* Names some of those that the model does not know. */
static _Noreturn void fail_unknown(const evaluation *e)
{
    enum { MOST = 8 };
    char names[1024] = "";
    size_t used = 0;
    int told = 0;
    for (int i = 0; i < tn_dataset_classes(e->set) && told < MOST; i++)
        if (e->label_of[i] < 0 && used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s\"%.80s\"",
                                     told++ ? ", " : "", tn_dataset_class_name(e->set, i));
    args_fail("%d of the %d classes of %s are none of the %d that %s knows: %s%s; --known leaves "
              "their pictures out",
              e->unknown, tn_dataset_classes(e->set), e->data, e->classes, e->path, names,
              e->unknown > told ? ", ..." : "");
}

/* The set may lack some of the model's classes, or have them in another order: names decide. */
static void match_classes(evaluation *e)
{
    const int classes = tn_dataset_classes(e->set);
    e->label_of = room((size_t)classes, sizeof *e->label_of);
    e->name = room((size_t)e->classes, sizeof *e->name);
    for (int i = 0; i < e->classes; i++)
        e->name[i] = tn_model_class(e->model, i);
    for (int i = 0; i < classes && e->name[0]; i++) {
        e->label_of[i] = find_class(e, tn_dataset_class_name(e->set, i));
        e->unknown += e->label_of[i] < 0;
    }
    if (!e->name[0] || (e->unknown == classes && is_numbered(e->set))) {
        e->unknown = 0;
        take_numbers(e);
    } else if (e->unknown == classes || (e->unknown && !e->q.known)) {
        fail_unknown(e);
    }
}

typedef struct item {
    const char *path;
    int64_t number;
} item;

static int by_path(const void *a, const void *b)
{
    const item *x = a, *y = b;
    const int order = strcmp(x->path, y->path);
    return order ? order : (x->number > y->number) - (x->number < y->number);
}

/* A list may name a picture more than once, and it counts once. */
static void find_doubled(evaluation *e)
{
    const int64_t count = tn_dataset_count(e->set);
    item *sorted = room((size_t)count, sizeof *sorted);
    e->again = room((size_t)count, sizeof *e->again);
    for (int64_t i = 0; i < count; i++)
        sorted[i] = (item){tn_dataset_item_path(e->set, i), i};
    qsort(sorted, (size_t)count, sizeof *sorted, by_path);
    for (int64_t i = 1; i < count; i++) {
        const bool again = strcmp(sorted[i].path, sorted[i - 1].path) == 0;
        e->again[sorted[i].number] = again;
        e->doubled += again;
    }
    free(sorted);
}

static void open_set(evaluation *e)
{
    char train[SETS_PATH];
    if (!sets_find_parts(e->q.data, train, e->data))
        snprintf(e->data, sizeof e->data, "%s", e->q.data);
    const tn_status status =
        tn_dataset_open(&e->set, &(tn_dataset_opts){.path = e->data, .exclude = e->q.exclude});
    if (status == TN_ERR_FORMAT || status == TN_ERR_ARGUMENT)
        args_fail("%s; to measure a model each picture needs its label", tn_error());
    if (status != TN_OK)
        args_fail("%s", tn_error());
    if (tn_dataset_count(e->set) == 0 || tn_dataset_classes(e->set) == 0)
        args_fail("%s: holds no pictures with labels: pictures lie in a folder a class, or a list "
                  "says the label of each",
                  e->q.data);
    match_classes(e);
    find_doubled(e);
}

/* ---- all of it -------------------------------------------------------------------------------- */

void eval_open(evaluation *e, const question *q)
{
    *e = (evaluation){.q = *q};
    open_model(e);
    open_set(e);
    tn_precision precision;
    tn_must(tn_precision_find(q->precision, &precision));
    if (tn_device_open(&e->device, q->device) != TN_OK)
        args_fail("%s", tn_error());
    if (tn_device_ranks(e->device) > 1)
        args_fail("%s: several processes would each count all pictures", q->device);
    const tn_plan_opts opts = {
        .keep = &e->logits, .num_keep = 1, .from = e->model, .precision = precision};
    if (tn_plan_create(&e->plan, tn_model_graph(e->model), e->device, &opts) != TN_OK)
        run_fail("%s", tn_error());
    const char *lacking = tn_plan_from(e->plan, TN_FROM_NEW, 0);
    if (lacking)
        args_fail("%s: has no tensor %s", e->path, lacking);
    tn_must(tn_eval_create(
        &e->eval, &(tn_eval_opts){.classes = e->classes, .shares = e->shares || q->ten_crop}));
}

void eval_close(evaluation *e)
{
    for (int64_t i = 0; i < e->num_broken; i++) {
        free(e->broken[i].file);
        free(e->broken[i].reason);
    }
    free(e->broken);
    free(e->label_of);
    free(e->again);
    free(e->seen);
    free(e->name);
    tn_eval_destroy(e->eval);
    tn_plan_destroy(e->plan);
    tn_device_close(e->device);
    tn_dataset_close(e->set);
    tn_model_close(e->model);
}
