/* A run is opened, told of signals, and closed. */
#include <signal.h>
#include <string.h>

#include "base/thread.h"
#include "runs/checkpoints.h"
#include "runs/guard.h"

/* ---- opening ---------------------------------------------------------------------------------- */

static tn_status check_place(const tn_run_opts *o)
{
    if (o->folder) {
        TN_NEED(o->config, "opts.config");
        if (o->file)
            return tn_fail(TN_ERR_ARGUMENT,
                           "run: a run in a folder (%s) goes on from what that holds, "
                           "not from a file (%s)",
                           o->folder, o->file);
    } else if (o->resume || o->lock_fd) {
        return tn_fail(TN_ERR_ARGUMENT, "run: without a folder there is none to %s",
                       o->resume ? "resume" : "lock");
    }
    return TN_OK;
}

static tn_status check(const tn_run_opts *o)
{
    TN_TRY(check_place(o));
    TN_NEED(o->plan, "opts.plan");
    TN_NEED(o->device, "opts.device");
    if (o->num_meta < 0 || (o->num_meta > 0 && !o->meta))
        return tn_fail(TN_ERR_ARGUMENT, "run: %d strings of metadata%s", o->num_meta,
                       o->meta ? "" : ", but no list of them");
    for (int i = 0; i < o->num_meta; i++)
        if (o->meta[i].key && strncmp(o->meta[i].key, "run.", 4) == 0)
            return tn_fail(TN_ERR_ARGUMENT,
                           "run: metadata %s: keys with \"run.\" are the run's own",
                           o->meta[i].key);
    if (o->batches < 0 || o->steps < 0 || o->save_steps < 0 || o->set.keep < 0 ||
        o->set.log_every < 0 || o->set.epochs < 0 || o->set.patience < 0)
        return tn_fail(TN_ERR_ARGUMENT,
                       "run: batches %lld, steps %lld, save_steps %lld, keep %d, log_every %lld, "
                       "epochs %lld, patience %lld: none may be below 0",
                       (long long)o->batches, (long long)o->steps, (long long)o->save_steps,
                       o->set.keep, (long long)o->set.log_every, (long long)o->set.epochs,
                       (long long)o->set.patience);
    return TN_OK;
}

/* From here on 0 is 0, since an order may say so. */
static tn_status complete_optim(const tn_run *run, tn_run_set *s)
{
    tn_optim_settings planned;
    if (!run->opts.folder) /* nobody can order another; and it may only measure, without any */
        return TN_OK;
    TN_TRY(tn_plan_optim(run->opts.plan, &planned));
    TN_COMPLETE(s->momentum, planned.momentum);
    TN_COMPLETE(s->decay, planned.weight_decay);
    TN_COMPLETE(s->clip, planned.clip_norm);
    return TN_OK;
}

/* What is needed as long as the run is: its folder, by a copy; the program's texts are not asked for later. */
static tn_status complete(tn_run *run)
{
    if (run->opts.folder && !(run->own_folder = tn_copy_text(run->opts.folder)))
        return tn_no_memory("run", strlen(run->opts.folder));
    run->opts.folder = run->own_folder;
    tn_run_set *s = &run->opts.set;
    TN_TRY(complete_optim(run, s));
    TN_COMPLETE(s->rate_scale, 1);
    TN_COMPLETE(run->opts.save_epochs, 1);
    s->keep = s->keep ? s->keep : 3;
    s->log_every = s->log_every ? s->log_every : 20;
    run->now.set = *s;
    tn_run_guard_complete(run);
    run->batches = run->opts.batches;
    if (!run->batches && run->opts.loader)
        run->batches = tn_loader_batches(run->opts.loader);
    run->state = "starting";
    run->digested = -1;
    run->writes = run->opts.folder && tn_device_rank(run->opts.device) == 0;
    return TN_OK;
}

static tn_status open_log(tn_run *run)
{
    static const char name[] = "log.jsonl";
    char *path = tn_run_path(&run->folder, name);
    const tn_status status = path ? tn_append_open(&run->log, run->folder.dir, name, path, false)
                                  : tn_no_memory(name, sizeof name);
    tn_free(path);
    return status;
}

/* A folder that holds nothing of a run. */
static tn_status begin(tn_run *run)
{
    const char *held = tn_run_folder_holds(&run->folder);
    if (held)
        return tn_fail(TN_ERR_ARGUMENT,
                       "%s: holds a run already (%s): resume it, or take another folder",
                       run->folder.path, held);
    TN_TRY(tn_run_config_write(run));
    return open_log(run);
}

/* What rank 0 alone does, before all go on. */
static tn_status open_folder(tn_run *run, bool *resumes)
{
    TN_TRY(tn_run_folder_open(&run->folder, run->opts.folder, run->opts.lock_fd));
    const char *held = tn_run_folder_holds(&run->folder);
    *resumes = run->opts.resume && held && strcmp(held, "config.json") == 0;
    if (!*resumes)
        return begin(run);
    TN_TRY(tn_run_config_check(&run->folder, run->opts.config));
    return open_log(run);
}

static tn_status open_file(tn_run *run)
{
    if (!run->opts.file)
        return TN_OK;
    TN_TRY(tn_run_agree(run, tn_run_load(run, run->opts.file)));
    run->now.set = run->opts.set; /* there were no orders that could have changed it */
    if (!run->opts.loader)
        return TN_OK;
    const tn_status status = tn_loader_seek(run->opts.loader, run->epoch, run->index);
    return status == TN_OK ? TN_OK : tn_fail(status, "%s: %s", run->opts.file, tn_error());
}

static tn_status open_run(tn_run *run)
{
    bool resumes = false;
    tn_status status = TN_OK;
    TN_TRY(tn_run_agree(run, run->writes ? open_folder(run, &resumes) : TN_OK));
    TN_TRY(tn_run_share(run, &resumes, sizeof resumes));
    run->began = run->lined = run->epoch_began = tn_now();
    run->resumed = resumes;
    if (!run->opts.folder)
        TN_TRY(open_file(run));
    else if (resumes)
        TN_TRY(tn_run_resume(run));
    else
        tn_run_tell_start(run);
    TN_TRY(tn_run_settle(run, &run->now.set));
    run->step = run->first_step = tn_plan_updates(run->opts.plan);
    if (run->writes && !run->opts.no_events)
        status = tn_run_board_open(run);
    TN_TRY(tn_run_agree(run, status));
    TN_TRY(tn_run_agree(run, tn_run_state_of(run, NULL, false)));
    const bool may_go_back = run->opts.guard.on == TN_DIVERGED_BACK && run->step == 0;
    return may_go_back ? tn_run_checkpoint(run, true) : TN_OK;
}

static void destroy(tn_run *run)
{
    while (run->num_kept > 0) {
        tn_free(run->kept[--run->num_kept].name);
        tn_free(run->kept[run->num_kept].text);
    }
    for (size_t i = 0; i < run->num_before; i++)
        tn_free(run->before[i].text);
    tn_free(run->before);
    tn_run_seen_free(run);
    tn_free(run->kept);
    tn_free(run->own_folder);
    tn_free(run->trouble);
    tn_events_close(&run->events);
    tn_append_close(&run->log);
    tn_json_free(&run->line);
    tn_run_folder_close(&run->folder);
    tn_free(run);
}

tn_status tn_run_open(tn_run **out, const tn_run_opts *opts)
{
    TN_NEED(out, "out");
    TN_NEED(opts, "opts");
    TN_TRY(check(opts));
    TN_TRY(tn_run_guard_check(opts));
    tn_run *run = tn_alloc(1, sizeof *run);
    if (!run)
        return tn_no_memory("run", sizeof *run);
    run->opts = *opts;
    run->folder.dir = run->folder.lock = run->log.fd = -1;
    tn_status status = complete(run);
    if (status == TN_OK)
        status = open_run(run);
    if (status != TN_OK) {
        destroy(run);
        return status;
    }
    *out = run;
    return TN_OK;
}

/* ---- asked ------------------------------------------------------------------------------------ */

void tn_run_signal(tn_run *run, int signal)
{
    if (!run)
        return;
    if (signal == SIGINT || signal == SIGTERM || signal == SIGUSR1)
        atomic_store(&run->stop_asked, 1);
    if (signal == SIGHUP)
        atomic_store(&run->save_asked, 1);
}

tn_run_orders tn_run_current(const tn_run *run)
{
    return run ? tn_run_orders_of(run) : (tn_run_orders){0};
}

int64_t tn_run_epochs(const tn_run *run)
{
    return run ? run->epoch : 0;
}

void tn_run_position(const tn_run *run, int64_t *epoch, int64_t *index)
{
    if (epoch)
        *epoch = run ? run->epoch : 0;
    if (index)
        *index = run ? run->index : 0;
}

const char *tn_run_trouble(const tn_run *run)
{
    if (!run)
        return NULL;
    const tn_append *events = &run->events.file;
    return run->log.failing  ? run->log.why
           : run->trouble    ? run->trouble
           : events->failing ? events->why
                             : NULL;
}

tn_run_best tn_run_best_so_far(const tn_run *run)
{
    return run ? run->best : (tn_run_best){0};
}

/* ---- closing ---------------------------------------------------------------------------------- */

static tn_status finish(tn_run *run, tn_run_end end, const char *reason)
{
    static const char *const states[] = {"done", "stopped", "failed"};
    tn_status status = TN_OK;
    char enough[80];
    if (end == TN_RUN_DONE && !reason && tn_run_orders_of(run).enough) {
        snprintf(enough, sizeof enough, "no better epoch in %lld",
                 (long long)run->now.set.patience);
        reason = enough;
    }
    run->step = tn_plan_updates(run->opts.plan);
    tn_run_tell_bad(run);
    if (end != TN_RUN_FAILED && (run->unsaved || run->save_failed))
        status = tn_run_checkpoint(run, true);
    if (status != TN_OK) {
        end = TN_RUN_FAILED;
        reason = tn_error();
    }
    run->state = states[end];
    tn_error_kept kept;
    tn_error_keep(&kept);
    tn_run_tell_end(run, reason);
    if (run->writes)
        tn_append_sync(&run->log);
    const tn_status told = tn_run_state_of(run, reason, true);
    if (status != TN_OK)
        tn_error_put_back(&kept);
    return status != TN_OK ? status : tn_run_agree(run, told);
}

tn_status tn_run_close(tn_run *run, tn_run_end end, const char *reason)
{
    TN_NEED(run, "run");
    if (end < TN_RUN_DONE || end > TN_RUN_FAILED) {
        destroy(run);
        return tn_fail(TN_ERR_ARGUMENT, "run: %d is no way to end", (int)end);
    }
    tn_error_kept kept;
    tn_error_keep(&kept);
    if (end == TN_RUN_FAILED && !reason && kept.text[0])
        reason = kept.text;
    const tn_status status = finish(run, end, reason);
    destroy(run);
    return status;
}
