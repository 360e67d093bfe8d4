/* Checkpoints of a session: the last and the best, and going on from one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "session.h"

/* ---- saving ----------------------------------------------------------------------------------- */

/* "dir/x.best.safetensors" for "dir/x.safetensors", "dir/x.best" for "dir/x". */
typedef struct best_name {
    char path[4096];
} best_name;

static best_name name_best(const session *s)
{
    const char *path = s->save.path, *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    const char *name = slash ? slash + 1 : path;
    best_name b;
    const size_t stem = dot && dot > name ? (size_t)(dot - path) : strlen(path);
    const int length = snprintf(b.path, sizeof b.path, "%.*s.best%s", (int)stem, path, path + stem);
    if (length < 0 || (size_t)length >= sizeof b.path)
        args_fail("--save: the name is too long");
    return b;
}

void saving_probe(session *s)
{
    if (tn_checkpoint_probe(s->plan, s->save.path) != TN_OK)
        args_fail("--save %s", tn_error());
    if (s->sets.val && !s->r.overfit && tn_checkpoint_probe(s->plan, name_best(s).path) != TN_OK)
        args_fail("--save, the best epoch: %s", tn_error());
}

/* False, and told, if that cannot be written now. */
static bool save(session *s, const char *path)
{
    char epoch[24], batch[24], best[32], best_epoch[24], tally[128];
    snprintf(epoch, sizeof epoch, "%lld", (long long)s->epoch);
    snprintf(batch, sizeof batch, "%lld", (long long)s->index);
    snprintf(best, sizeof best, "%.17g", s->best);
    snprintf(best_epoch, sizeof best_epoch, "%lld", (long long)s->best_epoch);
    snprintf(tally, sizeof tally, "%.17g %lld %lld %lld", s->sum.loss, (long long)s->sum.top_1,
             (long long)s->sum.top_5, (long long)s->sum.images);
    const recipe_text flags = recipe_describe(&s->r);
    const tn_meta more[] = {{"epoch", epoch},           {"batch", batch}, {"best_top_1", best},
                            {"best_epoch", best_epoch}, {"tally", tally}, {"recipe", flags.text}};
    const tn_status status = network_save(&s->net, s->plan, path, s->save.params, more, 6);
    if (status == TN_OK)
        return true;
    if (status == TN_ERR_DEVICE || status == TN_END) /* no later try can be better */
        tn_must(status);
    progress_clear(&s->progress);
    if (tn_device_rank(s->device) == 0)
        args_warn("not saved after epoch %lld, step %lld; the run goes on: %s", (long long)s->epoch,
                  (long long)tn_plan_updates(s->plan), tn_error());
    return false;
}

bool saving_now(session *s)
{
    s->last_unsaved = !save(s, s->save.path);
    return !s->last_unsaved;
}

void saving_due(session *s, bool last)
{
    const bool due = s->index == 0 && s->epoch % s->save.every == 0;
    if (last || due || s->last_unsaved)
        saving_now(s);
    /* Only what the plan holds now can be saved: the best is, right after it was reached. */
    if (s->index == 0 && s->best_epoch == s->epoch && s->best_saved != s->epoch) {
        s->best_unsaved = !save(s, name_best(s).path);
        s->best_saved = s->best_unsaved ? s->best_saved : s->epoch;
    }
}

void saving_end(const session *s)
{
    if (s->best_saved)
        printf("the best, of epoch %lld, is in %s\n", (long long)s->best_saved, name_best(s).path);
    fflush(stdout);
    if (s->last_unsaved)
        run_fail("%s: the last save failed: what was learned since the one before is lost",
                 s->save.path);
    if (s->best_unsaved)
        run_fail("%s: the best, of epoch %lld, could not be saved", name_best(s).path,
                 (long long)s->best_epoch);
}

/* ---- resuming --------------------------------------------------------------------------------- */

/* So many finite numbers, blanks between them, all from 0 up. */
static void numbers(double *to, int count, const tn_checkpoint_info *info, const char *path,
                    const char *key)
{
    const char *text = tn_checkpoint_info_get(info, key);
    if (!text)
        run_fail("%s: does not say \"%s\": alexnet cannot resume it", path, key);
    const char *p = text;
    for (int i = 0; i < count; i++) {
        char *end;
        to[i] = strtod(p, &end);
        if (end == p || !isfinite(to[i]) || to[i] < 0 || to[i] > 1e15 ||
            (*end != ' ' && *end != '\0') || (*end == '\0') != (i == count - 1))
            run_fail("%s: its %s is \"%s\"", path, key, text);
        p = end;
    }
}

static int64_t count(const tn_checkpoint_info *info, const char *path, const char *key)
{
    double number;
    numbers(&number, 1, info, path, key);
    if (number != floor(number))
        run_fail("%s: its %s is %g, not a whole number", path, key, number);
    return (int64_t)number;
}

static void read_position(session *s, const tn_checkpoint_info *info, const char *path)
{
    double tally[4] = {0};
    s->epoch = count(info, path, "epoch");
    s->index = count(info, path, "batch");
    numbers(&s->best, 1, info, path, "best_top_1");
    if (tn_checkpoint_info_get(info, "tally")) /* older files have neither */
        numbers(tally, 4, info, path, "tally");
    if (tn_checkpoint_info_get(info, "best_epoch"))
        s->best_epoch = count(info, path, "best_epoch");
    s->sum = (tn_run_score){.loss = tally[0],
                            .top_1 = (int64_t)tally[1],
                            .top_5 = (int64_t)tally[2],
                            .images = (int64_t)tally[3]};
    if (s->index / s->r.accumulate > s->per_epoch)
        run_fail("%s: stopped at batch %lld of an epoch that has %lld now", path,
                 (long long)s->index, (long long)s->train.batches);
}

void session_resume(session *s)
{
    const char *path = s->resume;
    tn_checkpoint_info *info = NULL;
    tn_must(tn_checkpoint_info_open(&info, path));
    read_position(s, info, path);
    tn_must(tn_checkpoint_load(s->plan, path, TN_LOAD_RESUME));
    const recipe_text now = recipe_describe(&s->r);
    const char *then = tn_checkpoint_info_get(info, "recipe");
    if (then && strcmp(then, now.text) != 0)
        printf("note: %s was made with other flags, so this is not the same run going on;\n"
               "  then: %s\n  now:  %s\n",
               path, then, now.text);
    tn_checkpoint_info_close(info);
    feed_seek(&s->train, s->epoch, s->index);
    printf("resumed %s: %lld epochs and %lld batches, %lld steps are done%s\n", path,
           (long long)s->epoch, (long long)s->index, (long long)tn_plan_updates(s->plan),
           s->epoch >= s->r.epochs ? ": nothing is left to do" : "");
}
