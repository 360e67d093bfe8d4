/* Every picture of the set once through the net. */
#define _POSIX_C_SOURCE 200809L /* strdup, isatty, fileno */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/args.h"
#include "eval.h"

/* Buffers of one batch. */
typedef struct work {
    tn_loader *loader;
    uint8_t *pixels; /* what the net takes */
    float *logits;
    double *mean; /* of the ten crops' probabilities */
    int32_t *labels;
} work;

static void *room(size_t count, size_t size)
{
    void *p = malloc(count * size);
    if (!p)
        run_fail("no memory for %zu bytes of a batch", count * size);
    return p;
}

static void begin(evaluation *e, work *w)
{
    const tn_fit_opts *fit = &e->picture.fit;
    const size_t n = (size_t)e->q.batch, k = (size_t)e->classes;
    const bool ten = e->q.ten_crop;
    const tn_loader_opts opts = {.batch = (int)e->q.batch,
                                 .height = ten ? e->resize : fit->height,
                                 .width = ten ? e->resize : fit->width,
                                 .resize = e->resize,
                                 .threads = (int)e->q.threads,
                                 .max_bad = 100,
                                 .jpeg_maps = TN_ZERO}; /* each file is read once */
    tn_must(tn_loader_open(&w->loader, e->set, &opts));
    w->pixels = room(n * (size_t)fit->height * (size_t)fit->width, 3);
    w->logits = room(n * k, sizeof *w->logits);
    w->mean = room(n * k, sizeof *w->mean);
    w->labels = room(n, sizeof *w->labels);
}

static void end(work *w)
{
    tn_loader_close(w->loader);
    free(w->pixels);
    free(w->logits);
    free(w->mean);
    free(w->labels);
}

/* What of the batch's pictures the net sees, by rows; the centre or one of ten crops. */
static void *cut(const evaluation *e, const work *w, const tn_batch *b, int crop)
{
    const tn_picture *p = &e->picture;
    if (!e->q.ten_crop && p->order == TN_ORDER_RGB)
        return b->images.data; /* as the loader made them */
    const int64_t out = (int64_t)p->fit.height * p->fit.width;
    const int64_t in = b->images.shape.dim[1] * b->images.shape.dim[2];
    for (int64_t i = 0; i < e->q.batch; i++) {
        const uint8_t *from = (const uint8_t *)b->images.data + i * in * 3;
        uint8_t *to = w->pixels + i * out * 3;
        const tn_ten_crop_opts opts = {.which = crop,
                                       .from_height = e->resize,
                                       .from_width = e->resize,
                                       .height = p->fit.height,
                                       .width = p->fit.width};
        if (e->q.ten_crop)
            tn_must(tn_image_ten_crop(from, &opts, to));
        tn_must(tn_picture_pixels(p, e->q.ten_crop ? to : from, out,
                                  w->pixels + i * out * p->channels));
    }
    return w->pixels;
}

static void run(const evaluation *e, const work *w, void *pixels)
{
    const tn_picture *p = &e->picture;
    const tn_shape shape = TN_SHAPE(e->q.batch, p->fit.height, p->fit.width, p->channels);
    tn_must(tn_plan_set(e->plan, p->input, (tn_tensor){TN_U8, shape, pixels}));
    tn_must(tn_plan_evaluate(e->plan));
    tn_shape classes;
    tn_must(tn_value_shape(tn_model_graph(e->model), e->logits, &classes));
    tn_must(tn_plan_get(e->plan, e->logits, (tn_tensor){TN_F32, classes, w->logits}));
}

/* Adds exp(x) / sum of exp(x), or x where it is that already. */
static void add_shares(const evaluation *e, const float *x, double *to)
{
    double most = (double)x[0], sum = 0;
    for (int k = 1; k < e->classes; k++)
        most = fmax(most, (double)x[k]);
    for (int k = 0; k < e->classes; k++)
        sum += exp((double)x[k] - most);
    for (int k = 0; k < e->classes; k++)
        to[k] += e->shares ? (double)x[k] : exp((double)x[k] - most) / sum;
}

static void average_crops(const evaluation *e, const work *w, const tn_batch *b)
{
    const int64_t numbers = e->q.batch * e->classes;
    for (int64_t i = 0; i < numbers; i++)
        w->mean[i] = 0;
    for (int crop = 0; crop < TN_TEN_CROPS; crop++) {
        run(e, w, cut(e, w, b, crop));
        for (int64_t i = 0; i < e->q.batch; i++)
            add_shares(e, w->logits + i * e->classes, w->mean + i * e->classes);
    }
    for (int64_t i = 0; i < numbers; i++)
        w->logits[i] = (float)(w->mean[i] / TN_TEN_CROPS);
}

static void take_batch(evaluation *e, const work *w, const tn_batch *b)
{
    const int32_t *label = b->labels.data;
    for (int64_t i = 0; i < e->q.batch; i++) {
        const bool counts = label[i] >= 0 && !e->again[b->item[i]];
        w->labels[i] = counts ? e->label_of[label[i]] : -1;
        e->left_out += counts && w->labels[i] < 0;
    }
    if (e->q.ten_crop) {
        average_crops(e, w, b);
    } else {
        run(e, w, cut(e, w, b, 0));
    }
    eval_keep(e, b, w->labels, w->logits);
    tn_must(tn_eval_add(e->eval, (tn_tensor){TN_F32, TN_SHAPE(e->q.batch, e->classes), w->logits},
                        (tn_tensor){TN_I32, TN_SHAPE(e->q.batch), w->labels}));
}

/* A line that moves, where somebody looks on. */
static void show(const evaluation *e, int64_t seen)
{
    if (!e->q.quiet && isatty(fileno(stderr)))
        fprintf(stderr, "\r%lld of %lld pictures\033[K", (long long)seen,
                (long long)tn_dataset_count(e->set));
}

static void keep_broken(evaluation *e, const tn_loader *loader)
{
    e->num_broken = tn_loader_num_bad(loader);
    e->broken = calloc((size_t)(e->num_broken + 1), sizeof *e->broken);
    for (int64_t i = 0; e->broken && i < e->num_broken; i++) {
        e->broken[i].file = strdup(tn_loader_bad_path(loader, i));
        e->broken[i].reason = strdup(tn_loader_bad_reason(loader, i));
        if (!e->broken[i].file || !e->broken[i].reason)
            run_fail("no memory for the names of pictures that cannot be read");
    }
    if (!e->broken)
        run_fail("no memory for the names of pictures that cannot be read");
}

void eval_measure(evaluation *e)
{
    work w = {0};
    tn_batch b;
    int64_t seen = 0;
    tn_status status;
    begin(e, &w);
    while ((status = tn_loader_next(w.loader, &b)) == TN_OK) {
        take_batch(e, &w, &b);
        show(e, seen += b.count);
    }
    if (!e->q.quiet && isatty(fileno(stderr)))
        fprintf(stderr, "\r\033[K");
    if (status != TN_END)
        run_fail("%s", tn_error());
    keep_broken(e, w.loader);
    end(&w);
    e->total = tn_eval_sum(e->eval);
    if (e->total.rows == 0)
        run_fail("%s: no picture of it could be measured: %lld of %lld cannot be read, the first "
                 "is %s: %s",
                 e->data, (long long)e->num_broken, (long long)tn_dataset_count(e->set),
                 e->num_broken ? e->broken[0].file : "none",
                 e->num_broken ? e->broken[0].reason : "the others are of unknown classes");
    tn_must(tn_eval_confusion(e->eval, &e->cell, &e->cells));
}
