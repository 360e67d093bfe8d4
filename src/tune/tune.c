/*
 * tune: for each layer that several kernels can do, each of them in place of the one that does it now, timed against that in
 * turn; the faster goes on. What is compared is the whole run, so that what a kernel costs its neighbours in layouts counts:
 * the sum over the steps of each one's shortest time.
 */
#include <math.h>
#include <string.h>

#include <tenon/tune.h>

#include "base/base.h"
#include "plan/plan_io.h"

/* A plan and the shortest times of its steps. */
typedef struct timed {
    tn_plan *plan;
    double *step, *now; /* of all runs; of one */
    int steps;
} timed;

typedef struct tuning {
    const tn_graph *g;
    tn_device *device;
    tn_plan_opts opts;
    tn_tune_opts how;
    tn_kernel_choice *choice; /* one a layer, then the program's: of two for one the first counts */
    int layers;
    timed best;
} tuning;

/* ---- plans and their times ---------------------------------------------------------------------- */

static void close_timed(timed *t)
{
    tn_plan_destroy(t->plan);
    tn_free(t->step);
    *t = (timed){NULL};
}

/* With the choices as they are. It has run once, so that all it needs is there. */
static tn_status open_timed(const tuning *t, timed *out)
{
    tn_plan_opts opts = t->opts;
    opts.kernels = t->choice;
    opts.num_kernels += t->layers;
    TN_TRY(tn_plan_create(&out->plan, t->g, t->device, &opts));
    if (tn_plan_replicas(out->plan) > 1)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "tune: %s is several devices: what is fastest is found on one",
                       tn_device_name(t->device));
    out->steps = tn_plan_num_steps(out->plan);
    out->step = tn_alloc(2 * (size_t)out->steps, sizeof *out->step);
    if (!out->step)
        return tn_no_memory("tune", 2 * (size_t)out->steps * sizeof *out->step);
    out->now = out->step + out->steps;
    TN_TRY(tn_plan_fill(out->plan));
    return tn_plan_profile(out->plan, 0, out->now);
}

static void forget(timed *t)
{
    for (int i = 0; i < t->steps; i++)
        t->step[i] = INFINITY;
}

static tn_status time_once(timed *t)
{
    TN_TRY(tn_plan_profile(t->plan, 0, t->now));
    for (int i = 0; i < t->steps; i++)
        t->step[i] = fmin(t->step[i], t->now[i]);
    return TN_OK;
}

static double total(const timed *t)
{
    double sum = 0;
    for (int i = 0; i < t->steps; i++)
        sum += t->step[i];
    return sum;
}

/* In turn, so that both see the same machine. */
static tn_status time_both(const tuning *t, timed *a, timed *b)
{
    forget(a);
    forget(b);
    for (int i = 0; i < t->how.runs; i++) {
        TN_TRY(time_once(a));
        TN_TRY(time_once(b));
    }
    return TN_OK;
}

/* ---- layers ------------------------------------------------------------------------------------- */

/* The forward step of a layer; -1: none. */
static tn_status find_step(const tn_plan *p, const char *layer, int *out)
{
    tn_step_info s;
    for (*out = tn_plan_num_steps(p); --*out >= 0;) {
        const char *name;
        TN_TRY(tn_plan_step(p, *out, &s));
        if (s.pass != TN_PASS_FORWARD || strcmp(s.node, layer) != 0)
            continue;
        TN_TRY(tn_plan_kernel(p, *out, TN_KERNEL_NOW, &name));
        if (name)
            break;
    }
    return TN_OK;
}

/* The time of all steps of that layer. */
static double layer_time(const timed *t, const char *layer)
{
    double sum = 0;
    tn_step_info s;
    for (int i = 0; i < t->steps; i++)
        if (tn_plan_step(t->plan, i, &s) == TN_OK && strcmp(s.node, layer) == 0)
            sum += t->step[i];
    return sum;
}

/* Is the layer done by that kernel in this plan? */
static tn_status is_done_by(const tn_plan *p, const tn_kernel_choice *c, bool *yes)
{
    int step;
    const char *name = NULL;
    TN_TRY(find_step(p, c->node, &step));
    if (step >= 0)
        TN_TRY(tn_plan_kernel(p, step, TN_KERNEL_NOW, &name));
    *yes = name && strcmp(name, c->kernel) == 0;
    return TN_OK;
}

/* A kernel in place of the one that number `layer` has now; it stays if it is faster. */
static tn_status compare(tuning *t, int layer, timed *other)
{
    tn_kernel_choice *c = &t->choice[layer];
    bool yes = false;
    tn_status status = open_timed(t, other);
    if (status == TN_ERR_UNSUPPORTED) /* among its neighbours it cannot */
        return TN_OK;
    TN_TRY(status);
    TN_TRY(is_done_by(other->plan, c, &yes));
    if (!yes)
        return TN_OK;
    TN_TRY(time_both(t, &t->best, other));
    const double now = total(&t->best), then = total(other);
    if (t->how.progress)
        TN_TRY(t->how.progress(t->how.arg, c, then, now));
    if (now - then > (double)t->how.gain * layer_time(&t->best, c->node)) {
        const timed slower = t->best;
        t->best = *other;
        *other = slower;
    }
    return TN_OK;
}

static tn_status try_kernel(tuning *t, int layer, char *name)
{
    const char *before = t->choice[layer].kernel;
    tn_plan *plan = t->best.plan;
    timed other = {NULL};
    t->choice[layer].kernel = name;
    const tn_status status = compare(t, layer, &other);
    close_timed(&other);
    if (t->best.plan == plan) {
        t->choice[layer].kernel = before;
        tn_free(name);
    } else {
        tn_free((char *)(uintptr_t)before);
    }
    return status;
}

static tn_status tune_layer(tuning *t, int layer)
{
    for (int i = 0;; i++) {
        int step;
        const char *name = NULL;
        TN_TRY(find_step(t->best.plan, t->choice[layer].node, &step));
        if (step >= 0)
            TN_TRY(tn_plan_kernel(t->best.plan, step, i, &name));
        if (!name)
            return TN_OK;
        if (strcmp(name, t->choice[layer].kernel) == 0)
            continue;
        char *copy = tn_copy_text(name);
        if (!copy)
            return tn_no_memory("tune", strlen(name) + 1);
        TN_TRY(try_kernel(t, layer, copy));
    }
}

/* Can another kernel do the step than the one that does? */
static tn_status has_choice(const tn_plan *p, int step, const char *now, bool *yes)
{
    const char *name;
    *yes = false;
    for (int i = 0; now && !*yes; i++) {
        TN_TRY(tn_plan_kernel(p, step, i, &name));
        if (!name)
            return TN_OK;
        *yes = strcmp(name, now) != 0;
    }
    return TN_OK;
}

/* Those that there is a choice for, with the kernels that they have. */
static tn_status find_layers(tuning *t, tn_tuned *found)
{
    const tn_plan *p = t->best.plan;
    for (int i = 0; i < t->best.steps; i++) {
        tn_step_info s;
        const char *now;
        bool yes;
        TN_TRY(tn_plan_step(p, i, &s));
        TN_TRY(tn_plan_kernel(p, i, TN_KERNEL_NOW, &now));
        TN_TRY(has_choice(p, i, now, &yes));
        if (!yes)
            continue;
        tn_kernel_choice *c = &found->kernels[found->num_kernels++];
        c->node = tn_copy_text(s.node);
        c->kernel = tn_copy_text(now);
        if (!c->node || !c->kernel)
            return tn_no_memory("tune", strlen(s.node) + strlen(now) + 2);
    }
    return TN_OK;
}

/* The program's choices come behind one a layer. */
static tn_status open_choices(tuning *t, tn_tuned *found)
{
    const int most = t->best.steps, own = t->opts.num_kernels;
    found->kernels = tn_alloc((size_t)(most + own) + 1, sizeof *found->kernels);
    if (!found->kernels)
        return tn_no_memory("tune", (size_t)(most + own) * sizeof *found->kernels);
    TN_TRY(find_layers(t, found));
    t->choice = found->kernels;
    t->layers = found->num_kernels;
    for (int i = 0; i < own; i++)
        t->choice[t->layers + i] = t->opts.kernels[i];
    return TN_OK;
}

static tn_status tune(tuning *t, tn_tuned *found)
{
    t->choice = (tn_kernel_choice *)(uintptr_t)t->opts.kernels;
    TN_TRY(open_timed(t, &t->best));
    forget(&t->best);
    for (int i = 0; i < t->how.runs; i++)
        TN_TRY(time_once(&t->best));
    found->before = total(&t->best);
    TN_TRY(open_choices(t, found));
    for (int i = 0; i < t->layers; i++)
        TN_TRY(tune_layer(t, i));
    found->after = total(&t->best);
    return TN_OK;
}

tn_status tn_tune(tn_tuned **out, const tn_graph *g, tn_device *device, const tn_plan_opts *opts,
                  const tn_tune_opts *how)
{
    TN_NEED(out, "out");
    TN_NEED(g, "g");
    TN_NEED(device, "device");
    TN_NEED(opts, "opts");
    tuning t = {.g = g, .device = device, .opts = *opts, .how = how ? *how : (tn_tune_opts){0}};
    TN_COMPLETE(t.how.runs, 10);
    TN_COMPLETE(t.how.gain, 0.05F);
    if (t.how.runs < 1 || !(t.how.gain >= 0))
        return tn_fail(TN_ERR_ARGUMENT, "tune: runs is %d, gain %g", t.how.runs,
                       (double)t.how.gain);
    if (opts->loss.id && opts->weights)
        return tn_fail(TN_ERR_ARGUMENT,
                       "tune: the weights would be trained, which are not its own");
    tn_tuned *found = tn_alloc(1, sizeof *found);
    if (!found)
        return tn_no_memory("tune", sizeof *found);
    const tn_status status = tune(&t, found);
    close_timed(&t.best);
    if (status != TN_OK) {
        tn_tuned_destroy(found);
        return status;
    }
    *out = found;
    return TN_OK;
}

void tn_tuned_destroy(tn_tuned *t)
{
    if (!t)
        return;
    for (int i = 0; i < t->num_kernels; i++) {
        tn_free((char *)(uintptr_t)t->kernels[i].node);
        tn_free((char *)(uintptr_t)t->kernels[i].kernel);
    }
    tn_free(t->kernels);
    tn_free(t);
}
