/*
 * A run goes on: from the newest checkpoint that is what it was when it was written. What the log says of a later step
 * stays in it, and a line "resume" tells readers that it does not count.
 *
 * Whole is a checkpoint whose bytes have the digest that the log tells.
 */
#define _DEFAULT_SOURCE /* POSIX 2008 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runs/checkpoints.h"
#include "runs/guard.h"

/* ---- the newest that is whole ----------------------------------------------------------------- */

/* What is tried now, the same in all ranks. */
typedef struct attempt {
    int64_t step;  /* below 0: there is none left */
    size_t passed; /* newer ones that were not whole */
} attempt;

/* A step may have been saved twice, at the end of an epoch: any of its digests will do. A log that is lost tells nothing. */
static tn_status check_digest(const tn_run *run, const tn_run_scan *s, int64_t step)
{
    const tn_run_told *told = tn_run_scan_last(s, TN_TOLD_CHECKPOINT, step, NULL);
    const tn_run_file f = tn_run_checkpoint_name(step);
    tn_digest digest;
    int64_t bytes;
    TN_TRY(tn_run_file_digest(&run->folder, f.name, &digest, &bytes));
    if (!tn_run_scan_last(s, TN_TOLD_CHECKPOINT, -1, NULL) ||
        tn_run_scan_last(s, TN_TOLD_CHECKPOINT, step, digest.text))
        return TN_OK;
    return tn_fail(TN_ERR_FORMAT, "%s/%s: its digest is %s, and %s%s when it was written",
                   run->folder.path, f.name, digest.text, told ? "was " : "the log tells of none",
                   told ? told->text : "");
}

tn_status tn_run_load(tn_run *run, const char *path)
{
    tn_checkpoint_info *info = NULL;
    tn_status status = tn_checkpoint_info_open(&info, path);
    if (status == TN_OK)
        status = tn_run_meta_read(run, info, path);
    if (status == TN_OK)
        status = tn_checkpoint_load(run->opts.plan, path, TN_LOAD_RESUME);
    if (status == TN_OK && run->counting == TN_COUNT_NOTHING)
        status = tn_run_drop(run);
    tn_checkpoint_info_close(info);
    return status;
}

static tn_status load(tn_run *run, int64_t step)
{
    char *path = tn_format("%s/%s", run->opts.folder, tn_run_checkpoint_name(step).name);
    if (!path)
        return tn_no_memory("checkpoint", 64);
    tn_status status = tn_run_load(run, path);
    if (status == TN_OK && tn_plan_updates(run->opts.plan) != step)
        status = tn_fail(TN_ERR_FORMAT, "%s: is of step %lld", path,
                         (long long)tn_plan_updates(run->opts.plan));
    tn_free(path);
    return status;
}

static bool is_damage(tn_status status)
{
    return status == TN_ERR_FORMAT || status == TN_ERR_IO;
}

/* One after the other, by all ranks; the sentences about those that were not whole go to `why`. */
static tn_status find(tn_run *run, const tn_run_scan *s, const tn_run_checkpoints *list, char **why,
                      attempt *found)
{
    attempt now = {.step = -1};
    tn_status status = TN_OK;
    for (;; now.passed++) {
        if (run->writes)
            now.step = now.passed < list->count ? list->step[now.passed] : -1;
        TN_TRY(tn_run_share(run, &now, sizeof now));
        if (now.step < 0)
            break;
        status = tn_run_agree(run, run->writes ? check_digest(run, s, now.step) : TN_OK);
        if (status == TN_OK)
            status = tn_run_agree(run, load(run, now.step));
        if (!is_damage(status))
            break;
        if (run->writes && !(why[now.passed] = tn_copy_text(tn_error())))
            return tn_no_memory("checkpoints", 1);
    }
    *found = now;
    return now.step < 0 && now.passed > 0 ? status : now.step < 0 ? TN_OK : status;
}

/* ---- the log ---------------------------------------------------------------------------------- */

/* Torn: the power went while it was written. */
static tn_status cut(const tn_run *run, const tn_run_scan *s)
{
    if (ftruncate(run->log.fd, (off_t)s->whole) == 0)
        return TN_OK;
    return tn_fail(TN_ERR_IO, "%s: cannot be cut behind its last whole line: %s", run->log.path,
                   strerror(errno));
}

/* Out of the way, so that they count as none of the last few; nor may one of them be the best. */
static void put_aside(tn_run *run, const tn_run_checkpoints *list, char *const *why, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const tn_run_file f = tn_run_checkpoint_name(list->step[i]);
        char *aside = tn_format("%s.damaged", f.name);
        if (tn_run_same_file(&run->folder, f.name, TN_RUN_BEST_CHECKPOINT))
            (void)unlinkat(run->folder.dir, TN_RUN_BEST_CHECKPOINT, 0);
        if (aside)
            (void)renameat(run->folder.dir, f.name, run->folder.dir, aside);
        tn_free(aside);
        tn_run_warn(run, "damaged", why[i]);
    }
}

static void tell(tn_run *run, const attempt *found, bool back)
{
    tn_json *j = tn_run_line_begin(run, "resume");
    tn_json_text(j, "from", found->step < 0 ? NULL : tn_run_checkpoint_name(found->step).name);
    tn_json_bool(j, "back", back);
    tn_json_text(j, "device", tn_device_describe(run->opts.device));
    tn_json_text(j, "version", tn_version());
    tn_run_line_end(run);
}

/* What the run has told before the step that it goes on from: bad files not again; orders of later ones again. */
static tn_status take_over(tn_run *run, tn_run_scan *s)
{
    for (size_t i = 0; i < s->count; i++) {
        tn_run_told *t = &s->told[i];
        const bool later = t->step > run->step;
        if ((t->kind != TN_TOLD_BAD && t->kind != TN_TOLD_ORDER) ||
            (t->kind == TN_TOLD_BAD) == later)
            continue;
        TN_TRY(tn_grow((void **)&run->before, run->num_before, &run->before_capacity, sizeof *t,
                       "log"));
        run->before[run->num_before++] = *t;
        t->text = NULL; /* it is the run's now */
    }
    return TN_OK;
}

static tn_status go_on(tn_run *run, tn_run_scan *s, const tn_run_checkpoints *list,
                       char *const *why, const attempt *found, bool back)
{
    TN_TRY(cut(run, s));
    tn_run_recall(run, s);
    TN_TRY(take_over(run, s));
    if (!s->any)
        tn_run_tell_start(run);
    tell(run, found, back);
    put_aside(run, list, why, found->passed);
    if (found->step < 0)
        return TN_OK;
    tn_run_checkpoint_placed(run);
    return TN_OK;
}

/* A run that wrote checkpoints and has none any more does not begin anew by itself. */
static tn_status check_any(const tn_run *run, const tn_run_scan *s, const tn_run_checkpoints *list)
{
    if (list->count > 0 || !tn_run_scan_last(s, TN_TOLD_CHECKPOINT, -1, NULL))
        return TN_OK;
    return tn_fail(TN_ERR_IO, "%s/checkpoints: its log tells of checkpoints, and none is there",
                   run->folder.path);
}

static tn_status all_damaged(const tn_run *run, tn_status status, const attempt *found)
{
    return tn_fail(status, "%s: none of its %zu checkpoints is whole; the oldest: %s",
                   run->opts.folder, found->passed, tn_error());
}

static tn_status resume(tn_run *run, tn_run_scan *s, const tn_run_checkpoints *list, char **why,
                        bool back)
{
    attempt found = {0};
    const tn_status status = find(run, s, list, why, &found);
    if (status != TN_OK)
        return found.step < 0 ? all_damaged(run, status, &found) : status;
    run->step = tn_plan_updates(run->opts.plan);
    if (run->opts.loader)
        TN_TRY(tn_loader_seek(run->opts.loader, run->epoch, run->index));
    bool owes = run->writes && tn_run_owes_evaluation(s, run->step);
    TN_TRY(tn_run_share(run, &owes, sizeof owes));
    run->now.evaluate = owes;
    return tn_run_agree(run, run->writes ? go_on(run, s, list, why, &found, back) : TN_OK);
}

/* One that was told of and not put in its place; or was not even told of, and then does not count. */
static tn_status finish_next(tn_run *run, const tn_run_scan *s)
{
    static const char next[] = TN_RUN_NEXT_CHECKPOINT;
    const tn_run_told *told = tn_run_scan_last(s, TN_TOLD_CHECKPOINT, -1, NULL);
    tn_digest digest;
    int64_t bytes;
    if (faccessat(run->folder.dir, next, F_OK, 0) != 0)
        return TN_OK;
    TN_TRY(tn_run_file_digest(&run->folder, next, &digest, &bytes));
    if (!told || strcmp(told->text, digest.text) != 0) {
        (void)unlinkat(run->folder.dir, next, 0);
        return TN_OK;
    }
    const tn_run_file f = tn_run_checkpoint_name(told->step);
    if (renameat(run->folder.dir, next, run->folder.dir, f.name) == 0)
        return TN_OK;
    return tn_fail(TN_ERR_IO, "%s/%s: cannot be put in place: %s", run->folder.path, f.name,
                   strerror(errno));
}

static tn_status look(tn_run *run, tn_run_scan *s, tn_run_checkpoints *list, char ***why)
{
    TN_TRY(tn_run_scan_log(s, run->log.path));
    TN_TRY(finish_next(run, s));
    TN_TRY(tn_run_checkpoints_list(&run->folder, list));
    TN_TRY(check_any(run, s, list));
    *why = tn_alloc(list->count + 1, sizeof **why);
    return *why ? TN_OK : tn_no_memory("checkpoints", list->count);
}

/* Newer ones would be what a later resume takes. */
static void leave_out(tn_run *run, tn_run_checkpoints *list, int64_t below)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++)
        if (list->step[i] < below)
            list->step[kept++] = list->step[i];
        else
            (void)unlinkat(run->folder.dir, tn_run_checkpoint_name(list->step[i]).name, 0);
    list->count = kept;
}

/* From the newest of a step below `below`. */
static tn_status resume_below(tn_run *run, int64_t below, bool back)
{
    tn_error_kept kept;
    tn_error_keep(&kept);
    tn_run_scan s = {0};
    tn_run_checkpoints list = {0};
    char **why = NULL;
    tn_status status = tn_run_agree(run, run->writes ? look(run, &s, &list, &why) : TN_OK);
    if (status == TN_OK && run->writes)
        leave_out(run, &list, below);
    if (status == TN_OK)
        status = resume(run, &s, &list, why, back);
    if (status == TN_OK)
        status = tn_run_settle(run, &run->now.set);
    run->watch.young = true; /* orders of the steps to come are to be known */
    for (size_t i = 0; i < list.count && why; i++)
        tn_free(why[i]);
    tn_free(why);
    tn_run_checkpoints_free(&list);
    tn_run_scan_free(&s);
    if (status == TN_OK) /* one that was not whole is told in the log */
        tn_error_put_back(&kept);
    return status;
}

tn_status tn_run_resume(tn_run *run)
{
    return resume_below(run, INT64_MAX, false);
}

/* What this process has seen of the steps that will not count. */
static void forget(tn_run *run)
{
    while (run->num_before > 0)
        tn_free(run->before[--run->num_before].text);
    run->num_bad = run->num_val_bad = 0;
    run->counting = TN_COUNT_NOTHING;
    run->val = (tn_tally){0};
    run->digested = -1;
    tn_run_see_no_more(run);
    run->unsaved = run->save_failed = false;
}

tn_status tn_run_back(tn_run *run, int64_t below)
{
    TN_NEED(run, "run");
    if (!run->opts.folder)
        return tn_fail(TN_ERR_ARGUMENT, "run: without a folder there is nothing to go back to");
    bool any = false;
    tn_run_checkpoints list = {0};
    if (run->writes && tn_run_checkpoints_list(&run->folder, &list) == TN_OK)
        any = list.count > 0 && list.step[list.count - 1] < below;
    tn_run_checkpoints_free(&list);
    TN_TRY(tn_run_share(run, &any, sizeof any));
    if (!any)
        return tn_fail(TN_ERR_IO, "%s: has no checkpoint of a step before %lld to go back to",
                       run->opts.folder, (long long)below);
    forget(run);
    if (run->writes)
        tn_append_flush(&run->log);
    TN_TRY(resume_below(run, below, true));
    tn_events_restart(&run->events, run->step + 1);
    tn_run_tell_state(run, true);
    return TN_OK;
}
