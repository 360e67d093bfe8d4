#define _POSIX_C_SOURCE 200809L /* open_memstream */

/* In what numbers the engine computes, and what that costs: labelled pictures judge. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../common/args.h"
#include "../common/text.h"
#include "build.h"

enum { BATCH = 16 };

/* ---- pictures --------------------------------------------------------------------------------- */

static tn_dataset *open_set(const char *path, bool unlabelled)
{
    tn_dataset *set = NULL;
    if (tn_dataset_open(&set, &(tn_dataset_opts){.path = path, .unlabelled = unlabelled}) != TN_OK)
        args_fail("%s", tn_error());
    return set;
}

/* As the model takes them, one after the other. */
static tn_loader *open_loader(const build *b, const tn_dataset *set)
{
    tn_loader *loader = NULL;
    tn_picture picture;
    if (tn_model_picture(b->model, &picture) != TN_OK)
        args_fail("%s; --calibrate and --check are of pictures", tn_error());
    const tn_loader_opts opts = {.batch = BATCH,
                                 .height = picture.fit.height,
                                 .width = picture.fit.width,
                                 .resize = picture.fit.resize,
                                 .max_bad = 100,
                                 .jpeg_maps = TN_ZERO}; /* each file is read once */
    if (tn_loader_open(&loader, set, &opts) != TN_OK)
        run_fail("%s", tn_error());
    return loader;
}

static void name_broken(const tn_loader *loader)
{
    for (int64_t i = 0; loader && i < tn_loader_num_bad(loader); i++)
        args_warn("%s: %s", tn_loader_bad_path(loader, i), tn_loader_bad_reason(loader, i));
}

/* A label is a number: the set's classes must be the model's, in their order. */
static void check_classes(const build *b, const tn_dataset *set)
{
    const int known = tn_model_num_classes(b->model), classes = tn_dataset_classes(set);
    if (known == 0)
        args_warn("%s names no classes: those of --check %s are taken for its own, in their order; "
                  "--classes names them",
                  b->path, b->q.check);
    for (int i = 0; known > 0 && i < classes; i++) {
        const char *model = tn_model_class(b->model, i), *own = tn_dataset_class_name(set, i);
        if (!model || !text_is_class(model, own))
            args_fail("--check %s: its class %d is \"%s\", but the model's is \"%s\"", b->q.check,
                      i, own, model ? model : "none");
    }
}

/* Which file an item is, whatever it is called; what is no file is known by its name. */
typedef struct identity {
    dev_t device;
    ino_t number;
    const char *part, *path;
} identity;

static identity identify(const char *path)
{
    struct stat s;
    char file[BUILD_PATH];
    const char *end = strrchr(path, '['); /* "images.npy[12]" */
    if (stat(path, &s) == 0)
        return (identity){s.st_dev, s.st_ino, "", path};
    snprintf(file, sizeof file, "%.*s", end ? (int)(end - path) : 0, path);
    if (end && stat(file, &s) == 0)
        return (identity){s.st_dev, s.st_ino, end, path};
    return (identity){0, 0, path, path};
}

static int by_file(const void *a, const void *b)
{
    const identity *x = a, *y = b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return strcmp(x->part, y->part);
}

/* What calibrates must not judge. */
static void check_apart(const build *b, const tn_dataset *one, const tn_dataset *other)
{
    const int64_t count = tn_dataset_count(one);
    identity *file = calloc((size_t)count + 1, sizeof *file);
    if (!file)
        run_fail("no memory for the names of %lld pictures", (long long)count);
    for (int64_t i = 0; i < count; i++)
        file[i] = identify(tn_dataset_item_path(one, i));
    qsort(file, (size_t)count, sizeof *file, by_file);
    for (int64_t i = 0; i < tn_dataset_count(other); i++) {
        const identity own = identify(tn_dataset_item_path(other, i));
        if (!bsearch(&own, file, (size_t)count, sizeof *file, by_file))
            continue;
        free(file);
        args_fail("%s is in --calibrate %s and in --check %s: what scales are found with must "
                  "not judge them",
                  own.path, b->q.calibrate, b->q.check);
    }
    free(file);
}

/* ---- judged ----------------------------------------------------------------------------------- */

void build_tell_gate(const tn_gate *g, FILE *to)
{
    const double rows = g->rows > 0 ? (double)g->rows / 100 : 1;
    fprintf(
        to,
        "%lld pictures: top-1 %.2f %% before, %.2f %% now; top-5 %.2f, %.2f; %.2f %% the same\n",
        (long long)g->rows, (double)g->top_1[0] / rows, (double)g->top_1[1] / rows,
        (double)g->top_k[0] / rows, (double)g->top_k[1] / rows, (double)g->agree / rows);
    fprintf(to,
            "a drop of %.2f points, in 95 of 100 such cases %.2f to %.2f; %lld lost, %lld won\n",
            g->drop, g->low, g->high, (long long)g->lost, (long long)g->won);
    if (g->layers)
        fprintf(to, "%d layers in 8 bits, %d left in f32\n", g->layers, g->left);
    fprintf(to, "%d comparison%s with these pictures\n", g->comparisons,
            g->comparisons == 1 ? "" : "s");
    if (!g->tells && g->rows_needed == 0)
        fprintf(to, "no number of pictures can tell that nothing is lost\n");
    else if (!g->tells)
        fprintf(to,
                "so many pictures cannot tell whether that is within the limit: about %lld could\n",
                (long long)g->rows_needed);
}

/* Status 3, and nothing is written. */
static void stop_if_not_passed(const build *b)
{
    if (b->gate.passed)
        return;
    if (b->q.json)
        build_tell_refused(b, stdout);
    else
        build_tell_gate(&b->gate, stdout);
    fflush(stdout);
    if (b->gate.guesses)
        args_warn("%s is right on %lld of %lld pictures, no more than who guesses: its labels are "
                  "not those of --check %s, or there are too few; nothing was written",
                  b->path, (long long)b->gate.top_1[0], (long long)b->gate.rows, b->q.check);
    else
        args_warn("%s loses more than --max-drop %g points: nothing was written", b->path,
                  b->q.max_drop);
    exit(BUILD_NOT_PASSED);
}

/* A line each, as tn_model_quantise_within() has it. */
static void say_report(build *b)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        run_fail("no memory for the report");
    build_tell_gate(&b->gate, to);
    if (fclose(to) != 0)
        run_fail("no memory for the report");
    if (size > 0)
        text[size - 1] = '\0'; /* the last line's end */
    tn_must(tn_model_tell(b->ready, "tenon.report", text));
    free(text);
}

static void quantise(build *b, tn_device *device, tn_loader *pictures, tn_loader *labelled)
{
    tn_model *whole = NULL;
    const tn_quantise_opts opts = {.all = b->q.all_int8, .leave = b->q.leave};
    const tn_gate_opts limit = {.max_drop = TN_EXACTLY(b->q.max_drop)};
    const tn_status status =
        labelled && pictures
            ? tn_model_quantise_within(&whole, &b->gate, b->ready, device, pictures, labelled,
                                       &opts, &limit)
            : tn_model_quantise(&whole, b->ready, pictures ? device : NULL, pictures, &opts);
    if (status != TN_OK)
        run_fail("%s", tn_error());
    if (labelled && pictures)
        stop_if_not_passed(b);
    tn_model_close(b->ready);
    b->ready = whole;
}

void build_number(build *b)
{
    const build_question *q = &b->q;
    const bool int8 = strcmp(q->precision, "int8") == 0;
    tn_device *device = NULL;
    if (!int8 && q->calibrate)
        args_fail("--calibrate finds scales for --precision int8");
    tn_dataset *calibrate = q->calibrate ? open_set(q->calibrate, true) : NULL;
    tn_dataset *check = q->check ? open_set(q->check, false) : NULL;
    if (calibrate && check)
        check_apart(b, calibrate, check);
    if (check)
        check_classes(b, check);
    tn_loader *pictures = calibrate ? open_loader(b, calibrate) : NULL;
    tn_loader *labelled = check ? open_loader(b, check) : NULL;
    if (tn_device_open(&device, q->device) != TN_OK)
        args_fail("%s", tn_error());
    if (strcmp(q->weights_in, "f32") != 0 &&
        tn_model_round(b->ready, strcmp(q->weights_in, "f16") == 0 ? TN_F16 : TN_BF16) != TN_OK)
        run_fail("%s", tn_error());
    if (int8)
        quantise(b, device, pictures, labelled);
    if (labelled && !(int8 && pictures)) {
        if (tn_model_compare(&b->gate, b->model, b->ready, device, labelled,
                             &(tn_gate_opts){.max_drop = TN_EXACTLY(q->max_drop)}) != TN_OK)
            run_fail("%s", tn_error());
        stop_if_not_passed(b);
        say_report(b);
    }
    name_broken(pictures);
    name_broken(labelled);
    tn_loader_close(pictures);
    tn_loader_close(labelled);
    tn_dataset_close(calibrate);
    tn_dataset_close(check);
    tn_device_close(device);
}
