/* Checkpoints of a run without a folder: a file, and the best beside it. */
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
    const tn_status status = tn_run_save_as(s->run, path, s->save.params);
    if (status == TN_OK)
        return true;
    if (status == TN_ERR_DEVICE || status == TN_END) /* no later try can be better */
        session_must(s, status);
    progress_clear(&s->progress);
    if (tn_device_rank(s->device) == 0)
        args_warn("not saved after epoch %lld, step %lld; the run goes on: %s",
                  (long long)tn_run_epochs(s->run), (long long)tn_plan_updates(s->plan),
                  tn_error());
    return false;
}

bool saving_now(session *s)
{
    s->last_unsaved = !save(s, s->save.path);
    return !s->last_unsaved;
}

void saving_due(session *s, bool last)
{
    int64_t epoch, index;
    tn_run_position(s->run, &epoch, &index);
    const tn_run_best best = tn_run_best_so_far(s->run);
    const bool due = index == 0 && epoch % s->save.every == 0;
    if (last || due || s->last_unsaved)
        saving_now(s);
    /* Only what the plan holds now can be saved: the best is, right after it was reached. */
    if (index == 0 && best.epoch == epoch && s->best_saved != epoch) {
        s->best_unsaved = !save(s, name_best(s).path);
        s->best_saved = s->best_unsaved ? s->best_saved : epoch;
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
                 (long long)tn_run_best_so_far(s->run).epoch);
}

void saving_compare(const session *s)
{
    const char *path = s->resume;
    tn_checkpoint_info *info = NULL;
    tn_must(tn_checkpoint_info_open(&info, path));
    const char *then = tn_checkpoint_info_get(info, "recipe");
    if (then && strcmp(then, s->said.text) != 0)
        printf("note: %s was made with other flags, so this is not the same run going on;\n"
               "  then: %s\n  now:  %s\n",
               path, then, s->said.text);
    tn_checkpoint_info_close(info);
}
