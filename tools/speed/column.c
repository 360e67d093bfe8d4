#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/progress.h"
#include "speed.h"

static void *room(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);
    if (!p)
        run_fail("no memory for %zu bytes", count * size);
    return p;
}

/* ---- data --------------------------------------------------------------------------------- */

void task_make_batch(task *t)
{
    const int64_t channels = t->net->channels, pixels = t->batch * t->size * t->size * channels;
    uint8_t *images = room((size_t)pixels, 1);
    int32_t *labels = room((size_t)t->batch, sizeof *labels);
    uint32_t random = 1; /* Knuth's linear congruential generator: any numbers do */
    for (int64_t i = 0; i < pixels; i++)
        images[i] = (uint8_t)((random = random * 1664525u + 1013904223u) >> 24);
    for (int64_t i = 0; i < t->batch; i++)
        labels[i] =
            (int32_t)(((random = random * 1664525u + 1013904223u) >> 8) % (uint32_t)t->classes);
    t->images = (tn_tensor){TN_U8, TN_SHAPE(t->batch, t->size, t->size, channels), images};
    t->labels = (tn_tensor){TN_I32, TN_SHAPE(t->batch), labels};
}

void task_free(task *t)
{
    free(t->images.data);
    free(t->labels.data);
}

/* ---- one training run --------------------------------------------------------------------- */

enum { SEED = 1 };
static const float rate = 0.001f;

typedef struct run {
    tn_device *device;
    tn_graph *g;
    tn_plan *plan;
    tn_value image, label, loss;
    tn_tensor
        images; /* the task's, where the device copies them from by itself, as a loader's batches are */
} run;

static tn_status run_open(run *r, const column *c, const task *t)
{
    const net *n = t->net;
    tn_status status = tn_device_open(&r->device, c->device);
    if (status == TN_OK)
        status = tn_graph_create(&r->g);
    if (status != TN_OK)
        return status;
    const size_t bytes = (size_t)(t->batch * t->size * t->size * n->channels);
    r->images = t->images;
    r->images.data = NULL;
    status = tn_device_host_alloc(r->device, bytes, &r->images.data);
    if (status != TN_OK)
        return status;
    memcpy(r->images.data, t->images.data, bytes);
    r->image = tn_input(r->g, "image", TN_U8, t->images.shape);
    r->label = tn_input(r->g, "label", TN_I32, t->labels.shape);
    const tn_value x = tn_image_input(r->g, r->image, &n->input);
    const tn_value y = n->build(r->g, x, (int)t->classes);
    r->loss = tn_softmax_xent(r->g, y, r->label, &(tn_softmax_xent_opts){.name = "loss"}).loss;
    const tn_sgd_opts sgd = {.momentum = 0.9f, .weight_decay = 5e-4f};
    return tn_plan_create(
        &r->plan, r->g, r->device,
        &(tn_plan_opts){
            .loss = r->loss, .optim = tn_sgd(&sgd), .seed = SEED, .precision = c->precision});
}

static void run_close(run *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    if (r->device)
        tn_device_host_free(r->device, r->images.data);
    tn_device_close(r->device);
}

/* The batch goes to the device in each, as it does in training. */
static tn_status step(run *r, const task *t)
{
    tn_status status = tn_plan_set(r->plan, r->image, r->images);
    if (status == TN_OK)
        status = tn_plan_set(r->plan, r->label, t->labels);
    if (status == TN_OK)
        status = tn_plan_run(r->plan);
    return status == TN_OK ? tn_plan_update(r->plan, rate) : status;
}

/* Waits for the device. */
static tn_status get_loss(run *r, float *loss)
{
    return tn_plan_get(r->plan, r->loss, (tn_tensor){TN_F32, {0}, loss});
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int64_t count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static tn_status warm_up(run *r, column *c, const task *t)
{
    for (int64_t i = 0; i < t->warm_up; i++) {
        tn_status status = step(r, t);
        if (status == TN_OK && i == 0)
            status = get_loss(r, &c->first_loss);
        if (status != TN_OK)
            return status;
    }
    return get_loss(r, &c->last_loss);
}

/* Rounds of steps, each ended by one wait. */
static tn_status measure_rounds(run *r, column *c, const task *t)
{
    double *round = room((size_t)t->rounds, sizeof *round);
    tn_status status = TN_OK;
    for (int64_t i = 0; i < t->rounds && status == TN_OK; i++) {
        const double start = seconds();
        for (int64_t j = 0; j < c->steps && status == TN_OK; j++)
            status = step(r, t);
        if (status == TN_OK)
            status = get_loss(r, &c->last_loss);
        round[i] = (seconds() - start) / (double)c->steps;
    }
    c->median = median(round, t->rounds);
    c->least = round[0];
    c->most = round[t->rounds - 1];
    free(round);
    return status;
}

/* ---- layers ------------------------------------------------------------------------------- */

static layer *find_layer(column *c, const tn_step_info *s)
{
    char name[sizeof c->layers->name];
    const bool reorder = strcmp(s->op, "reorder") == 0;
    snprintf(name, sizeof name, "%s%s", s->node, reorder ? " (reorder)" : "");
    for (int i = 0; i < c->num_layers; i++)
        if (strcmp(c->layers[i].name, name) == 0)
            return &c->layers[i];
    layer *l = &c->layers[c->num_layers++];
    memcpy(l->name, name, sizeof name);
    return l;
}

/* Each step's median over as many profiles as there are rounds, summed up by layer. */
static tn_status measure_layers(run *r, column *c, const task *t)
{
    const int64_t steps = tn_plan_num_steps(r->plan), rounds = t->rounds;
    double *all = room((size_t)(steps * rounds), sizeof *all);
    double *one = room((size_t)(steps > rounds ? steps : rounds), sizeof *one);
    tn_status status = TN_OK;
    c->layers = room((size_t)steps, sizeof *c->layers);
    for (int64_t i = 0; i < rounds && status == TN_OK; i++) {
        status = tn_plan_profile(r->plan, rate, one);
        for (int64_t j = 0; j < steps; j++)
            all[j * rounds + i] = one[j];
    }
    for (int64_t j = 0; j < steps && status == TN_OK; j++) {
        tn_step_info s;
        status = tn_plan_step(r->plan, (int)j, &s);
        if (status == TN_OK)
            find_layer(c, &s)->seconds += median(all + j * rounds, rounds);
    }
    free(all);
    free(one);
    return status;
}

double column_layer(const column *c, const char *name)
{
    for (int i = 0; i < c->num_layers; i++)
        if (strcmp(c->layers[i].name, name) == 0)
            return c->layers[i].seconds;
    return -1;
}

/* ---- a column ----------------------------------------------------------------------------- */

bool device_is_simulated(const char *name)
{
    return strcspn(name, ":,") == 3 && strncmp(name, "sim", 3) == 0;
}

static tn_status measure(run *r, column *c, const task *t)
{
    tn_status status = run_open(r, c, t);
    if (status != TN_OK)
        return status;
    c->simulated = device_is_simulated(tn_device_name(r->device));
    if (c->simulated)
        return TN_OK;
    snprintf(c->description, sizeof c->description, "%s", tn_device_describe(r->device));
    c->computes_in = tn_precision_name(tn_plan_precision(r->plan));
    c->memory = tn_plan_memory(r->plan);
    status = warm_up(r, c, t);
    if (status == TN_OK)
        status = measure_rounds(r, c, t);
    if (status == TN_OK)
        status = tn_plan_skipped(r->plan, &c->skipped);
    if (status == TN_OK && t->per_layer)
        status = measure_layers(r, c, t);
    return status;
}

void column_measure(column *c, const task *t)
{
    run r = {0};
    const tn_status status = measure(&r, c, t);
    c->absent = status != TN_OK || c->simulated;
    if (c->absent)
        snprintf(c->why, sizeof c->why, "%s",
                 c->simulated
                     ? "it is a simulation of a GPU: how long it takes says nothing about one"
                     : tn_error());
    run_close(&r);
}

double column_ratio(const column *c, const column *to)
{
    return to->absent ? -1 : to->median / c->median;
}

void column_free(column *c)
{
    free(c->layers);
}

const char *column_doubt(const column *c, const column *cpu)
{
    enum { BF16_STEPS = 128 }; /* 1 / relative rounding of 8 bits of fraction */
    const double loss = (double)c->first_loss, want = (double)cpu->first_loss;
    if (c->absent)
        return "";
    if (!isfinite(loss) || !isfinite((double)c->last_loss))
        return "its loss is not a number";
    if (!cpu->absent && !(fabs(loss - want) <= 4 * fabs(want) / BF16_STEPS))
        return "its first loss is not the CPU's: it does not compute the same";
    return "";
}
