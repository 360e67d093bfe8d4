/*
 * Asking a running run: an order is written beside its place and renamed, and its answer is a line that the run appends to
 * its log. Who does not get one in time takes the order back: it can be removed until the run renames it (control.c), so it
 * is either answered or never obeyed.
 */
#define _DEFAULT_SOURCE /* flock */

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/thread.h"
#include "runs/order.h"
#include "runs/read.h"

typedef struct asking {
    const char *folder;
    int dir;
    bool elsewhere; /* its lock is another machine's to see */
    bool queued;
    tn_run_order order;
    int64_t read;             /* bytes of the log that were looked at */
    char json[96], taken[96]; /* control/ID... */
    tn_run_answer *out;
} asking;

/* ---- the order -------------------------------------------------------------------------------- */

/* Rising with the time, so that orders are obeyed as they were asked for, and no other's. */
static void make_id(tn_run_order *order)
{
    static atomic_uint count;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(order->id, sizeof order->id, "%010lld%06ld-%ld-%u", (long long)now.tv_sec,
             now.tv_nsec / 1000, (long)getpid(), atomic_fetch_add(&count, 1));
}

static tn_status read_order(asking *a, const char *text)
{
    cJSON *object = tn_json_object(text, strlen(text));
    char *whole = NULL;
    if (object && !cJSON_GetObjectItemCaseSensitive(object, "v"))
        cJSON_AddNumberToObject(object, "v", TN_RUN_VERSION);
    if (object)
        whole = cJSON_PrintUnformatted(object);
    cJSON_Delete(object);
    if (object && !whole)
        return tn_no_memory("order", strlen(text));
    tn_status status =
        tn_run_order_read(&a->order, whole ? whole : text, strlen(whole ? whole : text));
    cJSON_free(whole);
    if (status != TN_OK)
        return tn_fail(TN_ERR_ARGUMENT, "order: %s", tn_error());
    make_id(&a->order);
    snprintf(a->out->id, sizeof a->out->id, "%s", a->order.id);
    snprintf(a->json, sizeof a->json, "control/%s.json", a->order.id);
    snprintf(a->taken, sizeof a->taken, "control/%s.taken", a->order.id);
    return TN_OK;
}

/* ---- the answer ------------------------------------------------------------------------------- */

static void take_line(asking *a, const char *line, size_t size, bool *answered)
{
    cJSON *object = tn_json_object(line, size);
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(object, "e"),
                *id = cJSON_GetObjectItemCaseSensitive(object, "id"),
                *why = cJSON_GetObjectItemCaseSensitive(object, "why");
    if (cJSON_IsString(kind) && strcmp(kind->valuestring, "order") == 0 && cJSON_IsString(id) &&
        strcmp(id->valuestring, a->order.id) == 0) {
        *answered = true;
        a->out->applied = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "applied"));
        a->out->step = tn_json_whole(cJSON_GetObjectItemCaseSensitive(object, "step"));
        if (cJSON_IsString(why))
            snprintf(a->out->why, sizeof a->out->why, "%s", why->valuestring);
    }
    cJSON_Delete(object);
}

/* Whole lines of what was appended since. */
static tn_status look(asking *a, bool *answered)
{
    enum { AT_ONCE = TN_RUN_LINE_MOST };
    int fd;
    struct stat s;
    char *text = NULL;
    size_t got = 0, from = 0;
    tn_status status = tn_runs_open_file(&fd, a->dir, a->folder, "log.jsonl");
    if (status == TN_END)
        return TN_OK;
    TN_TRY(status);
    const int64_t more = fstat(fd, &s) == 0 ? (int64_t)s.st_size - a->read : 0;
    const size_t bytes = more <= 0 ? 0 : more < AT_ONCE ? (size_t)more : AT_ONCE;
    if (bytes > 0)
        text = tn_alloc(bytes, 1);
    if (text)
        status = tn_runs_read_part(fd, text, bytes, a->read, &got, a->folder);
    else if (bytes > 0)
        status = tn_no_memory("log", bytes);
    close(fd);
    for (const char *end; status == TN_OK && from < got && !*answered &&
                          (end = memchr(text + from, '\n', got - from));
         from = (size_t)(end - text) + 1)
        take_line(a, text + from, (size_t)(end - text) - from, answered);
    a->read += (int64_t)(from == 0 && got == AT_ONCE ? got : from);
    tn_free(text);
    return status;
}

/* ---- waiting ---------------------------------------------------------------------------------- */

static bool is_alive(const asking *a)
{
    int fd;
    if (a->elsewhere)
        return true;
    if (tn_runs_open_file(&fd, a->dir, a->folder, "lock") != TN_OK)
        return false;
    const bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(fd);
    return held;
}

/* It was alive a moment ago. */
static tn_status has_ended(asking *a)
{
    bool answered = false;
    TN_TRY(look(a, &answered));
    const bool gone = unlinkat(a->dir, a->json, 0) != 0 && unlinkat(a->dir, a->taken, 0) != 0;
    if (!answered && a->order.kind == TN_RUN_ORDER_STOP && gone)
        answered = a->out->applied = true; /* it waited in a queue, and has no log to answer in */
    if (answered)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "%s: the run has ended before it answered", a->folder);
}

static tn_status give_up(asking *a, double seconds)
{
    enum { ANSWER_SECONDS = 5 };
    bool answered = false;
    if (a->order.at_step >= 0 || a->queued) {
        a->out->waits = true;
        return TN_OK;
    }
    if (unlinkat(a->dir, a->json, 0) == 0)
        return tn_fail(TN_END, "%s: not answered within %g s, and taken back", a->folder, seconds);
    for (const double until = tn_now() + ANSWER_SECONDS; tn_now() < until;) {
        TN_TRY(look(a, &answered));
        if (answered)
            return TN_OK;
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
    return tn_fail(TN_ERR_IO, "%s: the run has taken the order %s, but its log does not tell of it",
                   a->folder, a->order.id);
}

static tn_status wait_for(asking *a, double seconds)
{
    const double until = tn_now() + seconds;
    for (;;) {
        bool answered = false;
        TN_TRY(look(a, &answered));
        if (answered)
            return TN_OK;
        if (!is_alive(a))
            return has_ended(a);
        if (tn_now() >= until)
            return give_up(a, seconds);
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
}

/* Whether it lives, and where its log ends now. */
static tn_status look_at_run(asking *a)
{
    tn_run_info *info;
    struct stat s;
    TN_TRY(tn_run_read(&info, a->folder));
    a->elsewhere = info->elsewhere;
    a->queued = info->state == TN_RUN_IS_QUEUED;
    const bool alive = info->alive || info->elsewhere;
    const char *state = tn_runs_state_name(info->state);
    tn_run_info_close(info);
    if (!alive)
        return tn_fail(TN_ERR_ARGUMENT, "%s: the run is not alive: %s", a->folder, state);
    TN_TRY(tn_runs_open_folder(&a->dir, AT_FDCWD, a->folder, a->folder));
    a->read = fstatat(a->dir, "log.jsonl", &s, AT_SYMLINK_NOFOLLOW) == 0 ? (int64_t)s.st_size : 0;
    return TN_OK;
}

tn_status tn_run_ask(const char *folder, const char *order, double seconds, tn_run_answer *out)
{
    TN_NEED(folder, "folder");
    TN_NEED(order, "order");
    TN_NEED(out, "out");
    if (!(seconds >= 0) || isinf(seconds))
        return tn_fail(TN_ERR_ARGUMENT, "order: %g s are no time to wait", seconds);
    *out = (tn_run_answer){0};
    asking a = {.folder = folder, .dir = -1, .out = out};
    tn_status status = read_order(&a, order);
    if (status == TN_OK)
        status = look_at_run(&a);
    if (status == TN_OK)
        status = tn_run_order_put(folder, &a.order);
    if (status == TN_OK)
        status = wait_for(&a, seconds);
    if (a.dir >= 0)
        close(a.dir);
    return status;
}
