/* A program waits for its turn: its run says so meanwhile, it may be told to stop, and then it has its device. */
#define _GNU_SOURCE /* sched_setaffinity */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tenon/device.h>

#include "base/aside.h"
#include "base/core_set.h"
#include "runs/runs.h"
#include "runs/turn.h"

struct tn_queue {
    char *device;
    tn_turn_got got;
    tn_run_folder run; /* its path is NULL: there is none */
    bool bound;
    tn_core_set before; /* the thread's cores, if it was bound */
};

/* ---- what is wanted ----------------------------------------------------------------------------- */

static tn_status check(const tn_queue_opts *o, tn_wants *wants)
{
    TN_NEED(o->name, "opts.name");
    TN_NEED(o->device, "opts.device");
    TN_TRY(tn_wants_read(wants, o->device));
    if (!*o->name || strchr(o->name, '/'))
        return tn_fail(TN_ERR_ARGUMENT, "queue: \"%.80s\" cannot be the name of a ticket", o->name);
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    if (visible && strcmp(wants->kind, "cuda") == 0)
        return tn_fail(TN_ERR_ARGUMENT,
                       "queue: CUDA_VISIBLE_DEVICES is \"%.80s\": cuda:0 would be another GPU than "
                       "for others in the queue; unset it, and name the GPU",
                       visible);
    return TN_OK;
}

static tn_status ticket_text(tn_json *j, const tn_queue_opts *o)
{
    tn_json_open(j, NULL, '{');
    tn_json_count(j, "v", TN_RUN_VERSION);
    tn_json_text(j, "name", o->name);
    tn_json_text(j, "device", o->device);
    tn_json_count(j, "pid", getpid());
    tn_json_count(j, "host_bytes", (int64_t)o->host_bytes);
    tn_json_count(j, "device_bytes", (int64_t)o->device_bytes);
    tn_json_text(j, "run", o->run);
    tn_json_close(j, '}');
    return tn_json_end(j);
}

/* ---- the run that waits ------------------------------------------------------------------------- */

static tn_status tell_state(const tn_queue *q, const tn_queue_opts *o, const char *state,
                            const char *reason)
{
    if (!q->run.path)
        return TN_OK;
    return tn_run_state_write(
        &q->run, &(tn_run_status){.state = state, .reason = reason, .device = o->device, .eta = -1},
        false);
}

static tn_status write_command(const tn_queue *q, const tn_queue_opts *o)
{
    tn_json j = {0};
    tn_aside a;
    char *folder = getcwd(NULL, 0), *path = tn_run_path(&q->run, "command.json");
    tn_json_open(&j, NULL, '{');
    tn_json_count(&j, "v", TN_RUN_VERSION);
    tn_json_text(&j, "folder", folder);
    tn_json_open(&j, "command", '[');
    for (const char *const *word = o->command; *word; word++)
        tn_json_text(&j, NULL, *word);
    tn_json_close(&j, ']');
    tn_json_close(&j, '}');
    tn_status status = path ? tn_json_end(&j) : tn_no_memory("queue", 64);
    if (status == TN_OK)
        status = tn_aside_open(&a, path);
    if (status == TN_OK) {
        status = tn_aside_write(&a, j.text, j.length);
        if (status == TN_OK)
            status = tn_aside_place(&a);
        tn_aside_discard(&a);
    }
    tn_json_free(&j);
    tn_free(path);
    free(folder);
    return status;
}

static tn_status begin_run(tn_queue *q, const tn_queue_opts *o)
{
    TN_TRY(tn_run_folder_open(&q->run, o->run, o->lock_fd));
    if (o->command) /* first: who is killed once he is said to wait can be started again */
        TN_TRY(write_command(q, o));
    return tell_state(q, o, "queued", NULL);
}

/* ---- waiting ------------------------------------------------------------------------------------ */

static bool is_told_to_stop(const tn_queue *q, const tn_queue_opts *o)
{
    return (o->stop && *o->stop) || (q->run.path && tn_run_stop_ordered(&q->run));
}

/* What it waits for is something else now. */
static tn_status tell(const tn_queue *q, const tn_queue_opts *o, char told[256], const char *why)
{
    if (strcmp(told, why) == 0)
        return TN_OK;
    snprintf(told, 256, "%s", why);
    if (o->tell)
        o->tell(o->with, told);
    return tell_state(q, o, "queued", told);
}

static tn_status name_device(tn_queue *q, const tn_queue_opts *o, const tn_wants *wants)
{
    const bool keeps_name = wants->named || strcmp(wants->kind, "cpu") == 0;
    tn_free(q->device);
    q->device = keeps_name || q->got.count > TN_WANTS_MOST
                    ? tn_copy_text(o->device)
                    : tn_wants_name(o->device, q->got.index, (int)q->got.count);
    return q->device ? TN_OK : tn_no_memory("queue", strlen(o->device));
}

/* Another program, which does not wait in this queue, may have taken its memory. */
static tn_status has_room(const tn_queue *q, const tn_queue_opts *o, bool *in, char *why,
                          size_t size)
{
    tn_device *d = NULL;
    size_t total, left;
    if (o->device_bytes == 0)
        return TN_OK;
    TN_TRY(tn_device_open(&d, q->device));
    const tn_status status = tn_device_memory(d, &total, &left);
    tn_device_close(d);
    TN_TRY(status);
    if (o->device_bytes > total)
        return tn_fail(TN_ERR_MEMORY, "queue: %zu bytes of %s are wanted, and it has %zu",
                       o->device_bytes, q->device, total);
    *in = o->device_bytes <= left;
    if (!*in)
        snprintf(why, size, "waits for memory of %s: %zu MiB of %zu are free, %zu are wanted",
                 q->device, left >> 20, total >> 20, o->device_bytes >> 20);
    return TN_OK;
}

static tn_status try_once(tn_queue *q, const tn_queue_opts *o, tn_turn *t, bool *in, char *why,
                          size_t size)
{
    TN_TRY(tn_turn_try(t, in, &q->got, why, size));
    if (!*in)
        return TN_OK;
    tn_status status = name_device(q, o, &t->wants);
    if (status == TN_OK && strcmp(t->wants.kind, "cpu") != 0)
        status = has_room(q, o, in, why, size);
    if (status != TN_OK || !*in)
        tn_turn_give_back(&q->got);
    return status;
}

static tn_status wait_for(tn_queue *q, const tn_queue_opts *o, tn_turn *t)
{
    char told[256] = "", why[256] = "";
    for (bool in = false;;) {
        if (is_told_to_stop(q, o))
            return tn_fail(TN_END, "queue: told to stop while it waited");
        TN_TRY(try_once(q, o, t, &in, why, sizeof why));
        if (in)
            return TN_OK;
        TN_TRY(tell(q, o, told, why));
        tn_turn_sleep(t);
    }
}

/* ---- its cores ---------------------------------------------------------------------------------- */

static tn_status bind_cores(tn_queue *q)
{
    tn_core_set mine;
    CPU_ZERO_S(sizeof mine, &mine.set);
    for (size_t i = 0; i < q->got.count; i++)
        CPU_SET_S((size_t)q->got.index[i], sizeof mine, &mine.set);
    if (sched_getaffinity(0, sizeof q->before, &q->before.set) != 0 ||
        sched_setaffinity(0, sizeof mine, &mine.set) != 0)
        return tn_fail(TN_ERR_DEVICE, "queue: the %zu cores of its slots cannot be used: %s",
                       q->got.count, strerror(errno));
    q->bound = true;
    return TN_OK;
}

/* ---- all of it ---------------------------------------------------------------------------------- */

static tn_status wait_in(tn_queue *q, const tn_queue_opts *o, const char *folder,
                         const tn_wants *wants)
{
    tn_json text = {0};
    tn_turn turn = {.wants = *wants, .host_bytes = o->host_bytes};
    tn_status status = ticket_text(&text, o);
    if (status == TN_OK) {
        status = tn_turn_open(&turn, folder, o->name, text.text);
        char *control = q->run.path ? tn_run_path(&q->run, "control") : NULL;
        if (control)
            tn_turn_watch(&turn, control);
        tn_free(control);
        if (status == TN_OK)
            status = wait_for(q, o, &turn);
        if (status == TN_OK && strcmp(wants->kind, "cpu") == 0)
            status = bind_cores(q);
        tn_turn_close(&turn);
    }
    tn_json_free(&text);
    return status;
}

static tn_status wait_whole(tn_queue *q, const tn_queue_opts *o)
{
    tn_wants wants;
    TN_TRY(check(o, &wants));
    const char *folder = o->folder ? o->folder : getenv("TENON_SLOTS");
    if (!folder || !*folder)
        return tn_fail(TN_ERR_ARGUMENT,
                       "queue: no folder is given, and TENON_SLOTS does not name one");
    if (o->run)
        TN_TRY(begin_run(q, o));
    const tn_status status = wait_in(q, o, folder, &wants);
    tn_error_kept kept;
    tn_error_keep(&kept);
    const tn_status told = status == TN_OK ? tell_state(q, o, "starting", NULL)
                           : status == TN_END
                               ? tell_state(q, o, "stopped", "told to stop while it waited")
                               : tell_state(q, o, "failed", kept.text);
    if (status != TN_OK)
        tn_error_put_back(&kept);
    return status != TN_OK ? status : told;
}

tn_status tn_queue_wait(tn_queue **out, const tn_queue_opts *opts)
{
    TN_NEED(out, "out");
    TN_NEED(opts, "opts");
    tn_queue *q = tn_alloc(1, sizeof *q);
    if (!q)
        return tn_no_memory("queue", sizeof *q);
    q->run.dir = q->run.lock = -1;
    const tn_status status = wait_whole(q, opts);
    if (status != TN_OK) {
        tn_queue_leave(q);
        return status;
    }
    *out = q;
    return TN_OK;
}

const char *tn_queue_device(const tn_queue *q)
{
    return q ? q->device : NULL;
}

int tn_queue_lock(tn_queue *q)
{
    const int fd = q && q->run.lock >= 0 ? q->run.lock : 0;
    if (fd > 0)
        q->run.lock = -1;
    return fd;
}

void tn_queue_leave(tn_queue *q)
{
    if (!q)
        return;
    if (q->bound)
        (void)sched_setaffinity(0, sizeof q->before, &q->before.set);
    tn_turn_give_back(&q->got);
    tn_run_folder_close(&q->run);
    tn_free(q->device);
    tn_free(q);
}
