#include <stdio.h>
#include <string.h>

#include "../common/args.h"
#include "session.h"

static void tell_set(const char *what, const tn_dataset *set, const char *path)
{
    if (!set)
        return;
    printf("%-9s%lld images, %d classes%s%s\n", what, (long long)tn_dataset_count(set),
           tn_dataset_classes(set), path[0] ? ": " : "", path);
    for (int i = 0; i < tn_dataset_num_notices(set); i++)
        printf("  note: %s\n", tn_dataset_notice(set, i));
}

static double mib(size_t bytes)
{
    return (double)bytes / (1 << 20);
}

static void tell_plan(const session *s)
{
    int64_t params = 0;
    for (int i = 0; i < tn_plan_num_params(s->plan); i++) {
        tn_param_info info;
        int64_t count;
        tn_must(tn_plan_param(s->plan, i, &info));
        tn_must(tn_shape_count(&info.shape, &count));
        params += count;
    }
    double forward, training;
    tn_plan_flops(s->plan, &forward, &training);
    const double n = (double)s->r.batch * 1e9;
    printf("network  %s, %d x %d, %.2f million parameters; GFLOP an image: %.2f forward, %.2f "
           "training; in %s\n",
           s->net.about, s->net.height, s->net.width, (double)params / 1e6, forward / n,
           training / n, tn_precision_name(tn_plan_precision(s->plan)));
    const tn_memory_plan m = tn_plan_memory(s->plan);
    printf("memory   %.0f MiB: parameters %.0f, gradients %.0f, optimizer %.0f, inputs %.0f, "
           "activations %.0f, scratch %.0f\n",
           mib(m.total), mib(m.params), mib(m.gradients), mib(m.optimizer), mib(m.inputs),
           mib(m.activations), mib(m.scratch));
}

double score_top_1(const tn_run_score *sum)
{
    return (double)sum->top_1 / (double)(sum->images + !sum->images);
}

void tell_score(const char *what, const tn_run_score *sum)
{
    const double n = (double)(sum->images + !sum->images);
    printf("%s loss %.4f top-1 %.2f %% top-5 %.2f %%", what, sum->loss / n,
           100 * (double)sum->top_1 / n, 100 * (double)sum->top_5 / n);
}

void tell_resumed(const session *s, const char *path)
{
    int64_t epoch, index;
    const int64_t done = tn_plan_updates(s->plan);
    tn_run_position(s->run, &epoch, &index);
    if (done == 0)
        printf("resumed %s: from its beginning\n", path);
    else
        printf("resumed %s: %lld epochs and %lld batches, %lld steps are done%s\n", path,
               (long long)epoch, (long long)index, (long long)done,
               epoch >= s->now.set.epochs ? ": nothing is left to do" : "");
}

void tell_step(session *s, progress_step now)
{
    now.rate = (double)s->last_rate;
    now.images = s->images;
    now.waited = s->train.waited;
    progress_show(&s->progress, &now);
}

void tell_trouble(session *s)
{
    const char *now = tn_run_trouble(s->run);
    if (strncmp(now ? now : "", s->trouble, sizeof s->trouble - 1) == 0)
        return;
    snprintf(s->trouble, sizeof s->trouble, "%s", now ? now : "");
    progress_clear(&s->progress);
    if (now)
        args_warn("not saved at step %lld; the run goes on, and tries again: %s",
                  (long long)tn_plan_updates(s->plan), now);
}

/* What an epoch has taught, and what the best is so far. */
void tell_epoch(session *s, const epoch_told *e)
{
    tell_trouble(s);
    progress_clear(&s->progress);
    printf("epoch %lld/%lld:", (long long)e->epoch, (long long)e->epochs);
    tell_score(" train", &e->train);
    if (e->val) {
        tell_score("; val", e->val);
        printf(" (best %.2f %%, epoch %lld)", 100 * e->best.value, (long long)e->best.epoch);
    }
    printf("\n");
    fflush(stdout);
}

/* How fast it was, and what held it up. */
void tell_speed(const session *s)
{
    int64_t skipped;
    tn_must(tn_plan_skipped(s->plan, &skipped));
    if (skipped)
        printf(
            "left out %lld of %lld updates: gradients too large for f16, at a smaller loss scale "
            "from then on\n",
            (long long)skipped, (long long)tn_plan_updates(s->plan));
    const double time = s->clock > 0 ? seconds() - s->clock : 0;
    if (time <= 0 || s->images == s->clock_images)
        return;
    const double share = 100 * (s->train.waited - s->clock_waited) / time;
    const double rate = (double)(s->images - s->clock_images) / time;
    double forward, training;
    tn_plan_flops(s->plan, &forward, &training);
    printf("speed    %.1f images/s, %.1f GFLOP/s\n", rate,
           rate * training / (double)s->r.batch / 1e9);
    if (share < 10)
        printf("compute-bound: training waited %.1f %% of the time for data\n", share);
    else
        printf("loader-bound: training waited %.1f %% of the time for data%s\n", share,
               s->sets.train && tn_dataset_side(s->sets.train) == 0
                   ? "; tenon data pack, which decodes once, helps"
                   : "");
}

void tell_bad(session *s, feed *f)
{
    const char *path, *reason;
    while ((path = feed_bad(f, &reason))) {
        progress_clear(&s->progress);
        printf("bad file, left out: %s: %s\n", path, reason);
    }
}

/* Some names of a list, or "none". */
static void tell_list(const session *s, const char *what, tn_from which)
{
    enum { MOST = 4 };
    int count = 0;
    const char *name;
    printf("; %s: ", what);
    for (; (name = tn_plan_from(s->plan, which, count)); count++)
        if (count < MOST)
            printf("%s%s", count ? ", " : "", name);
    if (count > MOST)
        printf(" and %d more", count - MOST);
    else if (count == 0)
        printf("none");
}

void tell_init(const session *s)
{
    int taken = 0;
    while (tn_plan_from(s->plan, TN_FROM_TAKEN, taken))
        taken++;
    printf("init     %s: %d of %d tensors taken", s->r.init, taken, tn_plan_num_params(s->plan));
    tell_list(s, "new", TN_FROM_NEW);
    tell_list(s, "new, of another shape", TN_FROM_OTHER_SHAPE);
    tell_list(s, "left", TN_FROM_LEFT);
    printf("\n");
}

void tell_start(const session *s)
{
    printf("tenon %s on %s\n", tn_version(), tn_device_describe(s->device));
    tell_set("data", s->sets.train, s->sets.train_path);
    tell_set("val", s->sets.val, s->sets.val_path);
    tell_plan(s);
    if (s->r.init && s->from)
        tell_init(s);
    tn_must(tn_plan_describe(s->plan, TN_DESCRIBE_SHARES, stdout));
}
