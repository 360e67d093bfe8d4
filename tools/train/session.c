#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"

/* ---- setting up ------------------------------------------------------------------------------- */

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

static void make_ones(session *s)
{
    s->ones = malloc((size_t)s->r.batch * sizeof *s->ones);
    if (!s->ones)
        run_fail("no memory for the shares of %lld images", (long long)s->r.batch);
    for (int64_t i = 0; i < s->r.batch; i++)
        s->ones[i] = 1;
}

/* Images that nothing was mixed into are whole. */
static void set_mixed(session *s, const tn_batch *batch)
{
    const bool mixed = batch->partners.data != NULL;
    const tn_tensor ones = {TN_F32, batch->labels.shape, s->ones};
    tn_must(tn_plan_set(s->plan, s->net.partner,
                        session_labels(s, mixed ? &batch->partners : &batch->labels)));
    tn_must(tn_plan_set(s->plan, s->net.share, mixed ? batch->shares : ones));
}

/* The images in the order that the net takes; in a copy, for the same batch may come again. */
static tn_tensor ordered(session *s, const tn_tensor *images)
{
    tn_tensor turned = *images;
    const tn_shape *shape = &images->shape;
    const int64_t pixels = shape->dim[0] * shape->dim[1] * shape->dim[2];
    const tn_picture picture = {.order = s->net.order, .channels = s->net.channels};
    if (s->net.order != TN_ORDER_BGR)
        return turned;
    if (!s->pixels && !(s->pixels = malloc((size_t)pixels * 3)))
        run_fail("no memory for a batch of images");
    tn_must(tn_picture_pixels(&picture, images->data, pixels, s->pixels));
    turned.data = s->pixels;
    return turned;
}

void session_set(session *s, const tn_batch *batch)
{
    tn_must(tn_plan_set(s->plan, s->net.image, ordered(s, &batch->images)));
    if (s->net.partner.id)
        set_mixed(s, batch);
    tn_must(tn_plan_set(s->plan, s->net.label, session_labels(s, &batch->labels)));
}

void session_start_clock(session *s)
{
    s->clock = seconds();
    s->clock_waited = s->train.waited;
    s->clock_images = s->images;
}

void session_skip_clock(session *s, double idle)
{
    progress_skip(&s->progress, idle);
    s->clock += idle;
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
    if (r->threads == 0 || s->known_as || !cpu || strstr(tn_device_name(s->device), "threads="))
        return;
    tn_device_close(s->device);
    s->device = NULL;
    if (tn_device_open(&s->device, name) != TN_OK)
        args_fail("%s", tn_error());
}

/* Other classes are another last layer, and nothing else: are all parameters of another shape of one node? */
static bool only_one_layer(const tn_plan *p)
{
    const char *first = tn_plan_from(p, TN_FROM_OTHER_SHAPE, 0), *name;
    for (int i = 1; (name = tn_plan_from(p, TN_FROM_OTHER_SHAPE, i)); i++) {
        const char *end = strrchr(first, '.'); /* one of tn_param() is of no layer */
        if (!end || strncmp(first, name, (size_t)(end - first) + 1) != 0)
            return false;
    }
    return true;
}

static void build(session *s)
{
    const recipe *r = &s->r;
    const tn_value keep[] = {s->net.loss.loss, s->net.loss.top_1, s->net.loss.top_k, s->net.logits};
    tn_plan_opts opts = {.keep = keep,
                         .num_keep = 4,
                         .seed = (uint64_t)r->seed,
                         .from = s->from,
                         .from_any_shape =
                             r->init && s->from && tn_model_num_classes(s->from) != s->net.classes,
                         .freeze = r->freeze,
                         .dry = s->dry};
    if (!s->evaluate) {
        opts.loss = s->net.loss.loss;
        opts.optim = recipe_optim(r);
        opts.clip_norm = (float)r->clip;
        opts.accumulate = (int)r->accumulate;
        opts.guard = !r->synthetic; /* which measures the machine: a look at each step is a wait */
        opts.ema = r->ema;
        opts.ema_warmup = r->ema > 0;
    }
    tn_must(tn_precision_find(r->precision, &opts.precision));
    tn_must(tn_plan_create(&s->plan, s->net.g, s->device, &opts));
    if (opts.from_any_shape && !only_one_layer(s->plan)) {
        tn_plan_destroy(s->plan);
        s->plan = NULL;
        opts.from_any_shape = false; /* which says what does not fit */
        tn_must(tn_plan_create(&s->plan, s->net.g, s->device, &opts));
    }
    if (r->init && s->from && !tn_plan_from(s->plan, TN_FROM_TAKEN, 0))
        args_fail("--init: %s has no number that this net can begin with", r->init);
}

/* What a file says that an optimizer has kept, which has the rate of its last step in it. */
static void take_state(session *s)
{
    static const char first[] = "optimizer.", last[] = ".momentum";
    const recipe *r = &s->r;
    const double rate = (double)tn_rate_at(&s->rate, r->first_step > 0 ? r->first_step - 1 : 0);
    tn_tensor to = {.dtype = TN_F32};
    const char *name;
    int taken = 0;
    if (strcmp(r->optim, "sgd") != 0 || r->momentum == 0 || !(rate > 0))
        args_fail("--init-state has momentum of SGD, and %s keeps none at that step", r->optim);
    for (int i = 0; (name = tn_model_tensor(s->from, i, &to.shape)); i++) {
        const size_t length = strlen(name), ends = sizeof first + sizeof last - 2;
        if (length <= ends || strncmp(name, first, sizeof first - 1) != 0 ||
            strcmp(name + length - (sizeof last - 1), last) != 0)
            continue;
        char param[512];
        int64_t count;
        snprintf(param, sizeof param, "%.*s", (int)(length - ends), name + sizeof first - 1);
        tn_must(tn_shape_count(&to.shape, &count));
        to.data = malloc((size_t)count * sizeof(float));
        if (!to.data)
            run_fail("no memory for the momentum of %s", param);
        tn_must(tn_model_tensor_get(s->from, i, to));
        for (int64_t j = 0; j < count; j++)
            ((float *)to.data)[j] = (float)((double)((float *)to.data)[j] / rate);
        const int index = tn_plan_find_param(s->plan, param);
        tn_param_info info = {0};
        int64_t own = 0;
        if (index >= 0) {
            tn_must(tn_plan_param(s->plan, index, &info));
            tn_must(tn_shape_count(&info.shape, &own));
        }
        if (info.trained && own == count) /* a last layer of other classes begins anew */
            tn_must(tn_plan_param_set(s->plan, index, TN_PARAM_SLOT, to));
        taken += info.trained && own == count;
        free(to.data);
    }
    if (!taken)
        args_fail("--init-state: %s says nothing of what this net trains", r->init_state);
    printf("momentum of %d parameters is from %s, behind step %lld\n", taken, r->init_state,
           (long long)r->first_step);
}

/* Steps that were made before the run, by the file that it goes on from. */
static void find_first_step(session *s)
{
    const char *updates = tn_model_fact(s->from, "tenon.updates");
    if (s->r.init_state && updates && s->r.first_step == 0)
        s->r.first_step = strtoll(updates, NULL, 10);
    recipe_check(&s->r, "");
}

void session_feeds(session *s)
{
    const recipe *r = &s->r;
    if (r->init_state && s->from)
        find_first_step(s);
    tn_loader_opts opts = recipe_loader(r, &s->net);
    opts.device = s->device;
    if (r->synthetic || r->overfit)
        feed_fixed(&s->train, s->sets.train, &opts, s->net.classes, r->max_steps * r->accumulate);
    else if (!s->evaluate)
        feed_open(&s->train, s->sets.train, opts, true);
    opts = (tn_loader_opts){.batch = opts.batch,
                            .height = opts.height,
                            .width = opts.width,
                            .resize = opts.resize,
                            .threads = opts.threads,
                            .on_bad = opts.on_bad,
                            .max_bad = opts.max_bad,
                            .device = opts.device};
    s->validates = s->evaluate || (s->sets.val && !r->overfit);
    if (s->validates)
        feed_open(&s->val, s->sets.val ? s->sets.val : s->sets.train, opts, false);
    if (s->evaluate)
        return;
    s->per_epoch = s->train.batches / r->accumulate;
    const int64_t left = r->steps - r->first_step;
    if (r->steps && s->per_epoch)
        s->r.epochs = (left + s->per_epoch - 1) / s->per_epoch;
    s->steps = r->steps ? left : s->per_epoch * r->epochs;
    if (s->per_epoch == 0)
        args_fail("an epoch has %lld batches, fewer than the %lld that --accumulate wants",
                  (long long)s->train.batches, (long long)r->accumulate);
    s->rate = recipe_rate(r, s->per_epoch);
    if (r->init_state && s->from)
        take_state(s);
}

/* ---- opening and closing ---------------------------------------------------------------------- */

void session_open(session *s)
{
    if (s->r.folder)
        sets_open(&s->sets, &s->r);
    session_choose(s);
    open_device(s);
    build(s);
    if (s->net.partner.id)
        make_ones(s);
}

void session_close(session *s)
{
    free(s->names);
    feed_close(&s->val);
    feed_close(&s->train);
    tn_plan_destroy(s->plan);
    tn_device_close(s->device);
    free(s->label_of);
    free(s->labels);
    free(s->pixels);
    free(s->ones);
    classes_close(s);
    network_free(&s->net);
    if (s->from != s->text)
        tn_model_close(s->from);
    tn_model_close(s->text);
    sets_close(&s->sets);
}
