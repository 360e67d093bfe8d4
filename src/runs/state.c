/* state.json: how it is now, for who does not want to read the log. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/thread.h"
#include "runs/runs.h"

static double unix_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void add_last(tn_json *j, const tn_run_status *s)
{
    if (!s->has_last) {
        tn_json_raw(j, "last", "null");
        return;
    }
    tn_json_open(j, "last", '{');
    tn_json_f32(j, "loss", s->loss);
    if (s->has_top_1)
        tn_json_real(j, "top1", s->top_1);
    tn_json_f32(j, "rate", s->rate);
    tn_json_close(j, '}');
}

static void add_best(tn_json *j, const tn_run_best *b)
{
    if (b->epoch == 0) {
        tn_json_raw(j, "best", "null");
        return;
    }
    tn_json_open(j, "best", '{');
    tn_json_real(j, "value", b->value);
    tn_json_count(j, "epoch", b->epoch);
    tn_json_count(j, "step", b->step);
    tn_json_close(j, '}');
}

/* Which start of the system the process is of: its number may be another's after the next. */
static void add_process(tn_json *j)
{
    char host[256] = "", boot[64] = "";
    (void)gethostname(host, sizeof host - 1);
    FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (f && fgets(boot, sizeof boot, f))
        boot[strcspn(boot, "\n")] = '\0';
    if (f)
        fclose(f);
    tn_json_count(j, "pid", getpid());
    tn_json_text(j, "host", host);
    tn_json_text(j, "boot", boot);
}

static tn_status format(tn_json *j, const tn_run_status *s)
{
    tn_json_open(j, NULL, '{');
    tn_json_count(j, "v", TN_RUN_VERSION);
    tn_json_text(j, "state", s->state);
    tn_json_text(j, "reason", s->reason);
    add_process(j);
    tn_json_count(j, "step", s->step);
    tn_json_count(j, "epoch", s->epoch);
    if (s->steps)
        tn_json_count(j, "steps", s->steps);
    tn_json_real(j, "eta", s->eta < 0 ? (double)NAN : s->eta);
    add_last(j, s);
    add_best(j, &s->best);
    tn_json_text(j, "device", s->device);
    tn_json_text(j, "trouble", s->trouble);
    tn_json_real(j, "updated", unix_seconds());
    tn_json_close(j, '}');
    return tn_json_end(j);
}

/* Without a flush: once a second it is not worth one, and a reader finds the old file or the new one all the same. */
static tn_status replace(const tn_run_folder *f, const tn_json *j)
{
    const int fd = openat(f->dir, "state.json.tmp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return tn_fail(TN_ERR_IO, "%s/state.json: cannot be written: %s", f->path, strerror(errno));
    ssize_t done;
    do
        done = write(fd, j->text, j->length);
    while (done < 0 && errno == EINTR);
    const int error = done < 0 ? errno : done < (ssize_t)j->length ? ENOSPC : 0;
    close(fd);
    if (error == 0 && renameat(f->dir, "state.json.tmp", f->dir, "state.json") == 0)
        return TN_OK;
    return tn_fail(TN_ERR_IO, "%s/state.json: cannot be written: %s", f->path,
                   strerror(error ? error : errno));
}

static tn_status replace_flushed(const tn_run_folder *f, const tn_json *j)
{
    tn_aside a;
    char *path = tn_run_path(f, "state.json");
    if (!path)
        return tn_no_memory("state.json", strlen(f->path));
    tn_status status = tn_aside_open(&a, path);
    tn_free(path);
    TN_TRY(status);
    status = tn_aside_write(&a, j->text, j->length);
    if (status == TN_OK)
        status = tn_aside_place(&a);
    tn_aside_discard(&a);
    return status;
}

tn_status tn_run_state_write(const tn_run_folder *f, const tn_run_status *s, bool flush)
{
    tn_json j = {0};
    tn_status status = format(&j, s);
    if (status == TN_OK)
        status = flush ? replace_flushed(f, &j) : replace(f, &j);
    tn_json_free(&j);
    return status;
}

/* As the program said, and by the epochs that an order has made of its own. */
static int64_t all_steps(const tn_run *run)
{
    const int64_t said = run->opts.set.epochs, now = run->now.set.epochs;
    return said > 0 && now != said ? run->opts.steps / said * now : run->opts.steps;
}

/* By what this process has seen of the run. */
static double eta(const tn_run *run)
{
    const int64_t done = run->step - run->first_step, steps = all_steps(run);
    if (steps <= 0 || done <= 0 || run->step > steps)
        return -1;
    return (tn_now() - run->began) / (double)done * (double)(steps - run->step);
}

tn_status tn_run_state_of(tn_run *run, const char *reason, bool flush)
{
    if (!run->writes)
        return TN_OK;
    return tn_run_state_write(&run->folder,
                              &(tn_run_status){.state = run->state,
                                               .reason = reason,
                                               .device = tn_device_describe(run->opts.device),
                                               .step = run->step,
                                               .epoch = run->epoch,
                                               .steps = all_steps(run),
                                               .eta = eta(run),
                                               .has_last = run->has_last,
                                               .has_top_1 = run->opts.top_1.id != 0,
                                               .loss = run->last_loss,
                                               .rate = run->last_rate,
                                               .top_1 = run->last_top_1,
                                               .best = run->best,
                                               .trouble = tn_run_trouble(run)},
                              flush);
}

/* Once there is room again. */
static void tell_lost(tn_run *run, tn_append *of, const char *what)
{
    char text[80];
    if (run->log.failing || of->failing || of->lost == 0)
        return;
    snprintf(text, sizeof text, "%lld %s could not be written and are lost", (long long)of->lost,
             what);
    of->lost = 0;
    tn_run_warn(run, "lost", text);
}

void tn_run_tell_state(tn_run *run, bool now)
{
    enum { SECONDS = 1 };
    if (!run->writes || (!now && tn_now() - run->told < SECONDS))
        return;
    tn_error_kept kept;
    tn_error_keep(&kept);
    tn_append_flush(&run->log);
    tn_events_flush(&run->events);
    tell_lost(run, &run->log, "lines of this log");
    tell_lost(run, &run->events.file, "numbers for TensorBoard");
    (void)tn_run_state_of(run, NULL, false); /* what cannot be written is tried again in a second */
    tn_error_put_back(&kept);
    run->told = tn_now();
}
