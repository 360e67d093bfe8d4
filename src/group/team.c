#define _POSIX_C_SOURCE 200809L /* pthread_condattr_setclock */

#include "group/team.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/number.h"
#include "base/thread.h"

/* What members are asked to do; one at a time. */
typedef struct job {
    int64_t number; /* 0: none yet */
    tn_team_work work;
    tn_team_task *task;
    void *arg;
    int failed;     /* the first, or -1 */
    bool secondary; /* and that only because of another, which is yet to be heard of */
    tn_status status;
    char text[1024];
} job;

struct tn_team {
    tn_team_opts opts;
    tn_threads threads;
    bool has_lock, has_change;
    pthread_mutex_t lock;
    pthread_cond_t change;
    int started; /* threads that have taken their number */
    bool ending;
    job job;
    int come; /* to the meeting that is next, */
    int64_t meetings;
    bool *busy; /* a member */
    int num_busy;
    int64_t *seen; /* a member's progress when it was last looked at */
    void *room;
    size_t room_bytes;
    tn_status dead;
    char dead_text[1024];
};

/* ---- a member ------------------------------------------------------------------------------- */

/* Keeps the first error that is a member's own (TN_END is not: see collective.h), which may be the end for
 * all. With the lock held. */
static void keep_error(tn_team *t, int member, tn_status status, const char *text)
{
    job *j = &t->job;
    const bool secondary = status == TN_END;
    if (status == TN_OK || (j->failed >= 0 && (secondary || !j->secondary)))
        return;
    j->failed = member;
    j->secondary = secondary;
    j->status = secondary ? TN_ERR_DEVICE : status;
    snprintf(j->text, sizeof j->text, "%s", text);
    if (j->work == TN_TEAM_TOGETHER)
        t->opts.give_up(t->opts.owner);
    pthread_cond_broadcast(&t->change); /* for those that wait to meet it */
}

static void *member_body(void *arg)
{
    tn_team *t = arg;
    int64_t last = 0;
    pthread_mutex_lock(&t->lock);
    const int me = t->started++;
    for (;;) {
        while (t->job.number == last && !t->ending)
            pthread_cond_wait(&t->change, &t->lock);
        if (t->ending)
            break;
        last = t->job.number;
        tn_team_task *task = t->job.task;
        void *what = t->job.arg;
        pthread_mutex_unlock(&t->lock);
        const tn_status status = task(what, me);
        pthread_mutex_lock(&t->lock);
        keep_error(t, me, status, tn_error());
        t->busy[me] = false;
        if (--t->num_busy == 0)
            pthread_cond_broadcast(&t->change);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

tn_status tn_team_meet(tn_team *t)
{
    pthread_mutex_lock(&t->lock);
    const int64_t meeting = t->meetings;
    if (++t->come == t->opts.members) {
        t->come = 0;
        t->meetings++;
        pthread_cond_broadcast(&t->change);
    }
    while (t->meetings == meeting && t->job.failed < 0)
        pthread_cond_wait(&t->change, &t->lock);
    const bool met = t->meetings != meeting;
    pthread_mutex_unlock(&t->lock);
    return met ? TN_OK : tn_fail(TN_END, "another of %d members has failed", t->opts.members);
}

/* ---- starting and ending -------------------------------------------------------------------- */

static void end_threads(void *arg)
{
    tn_team *t = arg;
    pthread_mutex_lock(&t->lock);
    t->ending = true;
    pthread_cond_broadcast(&t->change);
    pthread_mutex_unlock(&t->lock);
}

static tn_status make_locks(tn_team *t)
{
    pthread_condattr_t clock;
    if (pthread_mutex_init(&t->lock, NULL) != 0)
        return tn_no_memory("team", sizeof t->lock);
    t->has_lock = true;
    if (pthread_condattr_init(&clock) != 0)
        return tn_no_memory("team", sizeof clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    t->has_change = pthread_cond_init(&t->change, &clock) == 0;
    pthread_condattr_destroy(&clock);
    return t->has_change ? TN_OK : tn_no_memory("team", sizeof t->change);
}

static tn_status start(tn_team *t)
{
    const size_t members = (size_t)t->opts.members;
    TN_TRY(make_locks(t));
    t->busy = tn_alloc(members, sizeof *t->busy);
    t->seen = tn_alloc(members, sizeof *t->seen);
    if (!t->busy || !t->seen)
        return tn_no_memory("team", members * sizeof *t->seen);
    return tn_threads_start(&t->threads, t->opts.members, member_body, end_threads, t);
}

tn_status tn_team_start(tn_team **out, const tn_team_opts *opts)
{
    tn_team *t = tn_alloc(1, sizeof *t);
    if (!t)
        return tn_no_memory("team", sizeof *t);
    t->opts = *opts;
    const tn_status status = start(t);
    if (status != TN_OK) {
        tn_team_end(t);
        return status;
    }
    *out = t;
    return TN_OK;
}

void tn_team_end(tn_team *t)
{
    if (!t)
        return;
    if (t->threads.count > 0)
        end_threads(t);
    tn_threads_join(&t->threads);
    if (t->has_change)
        pthread_cond_destroy(&t->change);
    if (t->has_lock)
        pthread_mutex_destroy(&t->lock);
    tn_free(t->busy);
    tn_free(t->seen);
    tn_free(t->room);
    tn_free(t);
}

/* ---- the watch ------------------------------------------------------------------------------ */

/* Has anybody gone on since it was last asked? With the lock held. */
static bool goes_on(tn_team *t)
{
    bool any = false;
    for (int i = 0; i < t->opts.members; i++) {
        const int64_t now = t->opts.progress(t->opts.owner, i);
        any |= now != t->seen[i];
        t->seen[i] = now;
    }
    return any;
}

/* Of those that are not back, the one that has done least. */
static int furthest_behind(const tn_team *t)
{
    int behind = -1;
    for (int i = 0; i < t->opts.members; i++)
        if (t->busy[i] && (behind < 0 || t->seen[i] < t->seen[behind]))
            behind = i;
    return behind;
}

static void wait_a_while(tn_team *t, double seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(seconds * 1e9);
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&t->change, &t->lock, &until);
}

/* Until all are back, or one is not although it was told to give up. */
static void watch(tn_team *t)
{
    const double stall = t->opts.stall, look = stall / 8 < 0.25 ? stall / 8 : 0.25;
    double last = tn_now();
    int busy = t->num_busy;
    while (t->num_busy > 0) {
        wait_a_while(t, look);
        for (int i = 0; t->num_busy > 0 && i < t->opts.members; i++)
            keep_error(t, i, t->opts.check(t->opts.owner, i), tn_error());
        if (t->num_busy == 0) /* as a rule the first time: then nobody was looked at */
            return;
        if (goes_on(t) || t->num_busy != busy)
            last = tn_now();
        busy = t->num_busy;
        if (tn_now() - last < stall)
            continue;
        if (t->job.failed >= 0)
            return;
        char text[64];
        tn_print(text, sizeof text, "has not gone on for %g s", stall);
        keep_error(t, furthest_behind(t), TN_ERR_DEVICE, text);
        last = tn_now();
    }
}

static tn_status check_dead(const tn_team *t)
{
    return t->dead == TN_OK ? TN_OK : tn_fail(t->dead, "%s", t->dead_text);
}

/* Nobody is late while the team is alive, so it may be another room. */
tn_status tn_team_room(tn_team *t, size_t bytes, void *out)
{
    TN_TRY(check_dead(t));
    if (bytes > t->room_bytes) {
        void *room = tn_alloc(bytes, 1);
        if (!room)
            return tn_no_memory("team", bytes);
        tn_free(t->room);
        t->room = room;
        t->room_bytes = bytes;
    }
    if (bytes)
        memset(t->room, 0, bytes);
    *(void **)out = t->room;
    return TN_OK;
}

tn_status tn_team_do(tn_team *t, tn_team_work work, tn_team_task *task, void *arg, int *failed)
{
    *failed = -1;
    TN_TRY(check_dead(t));
    pthread_mutex_lock(&t->lock);
    t->job =
        (job){.number = t->job.number + 1, .work = work, .task = task, .arg = arg, .failed = -1};
    t->num_busy = t->opts.members;
    for (int i = 0; i < t->opts.members; i++)
        t->busy[i] = true;
    pthread_cond_broadcast(&t->change);
    if (work == TN_TEAM_TOGETHER)
        watch(t);
    while (work == TN_TEAM_PREPARE && t->num_busy > 0)
        pthread_cond_wait(&t->change, &t->lock);
    *failed = t->job.failed;
    const tn_status status = t->job.status;
    if (status != TN_OK)
        tn_fail(status, "%s", t->job.text);
    if (t->num_busy > 0) /* they are not waited for */
        tn_fail(status, "%s; %d of %d have not come back since: what they were given is in use",
                t->job.text, t->num_busy, t->opts.members);
    pthread_mutex_unlock(&t->lock);
    if (status != TN_OK && work == TN_TEAM_TOGETHER)
        tn_team_fail(t, status);
    return status;
}

void tn_team_fail(tn_team *t, tn_status status)
{
    t->dead = status;
    snprintf(t->dead_text, sizeof t->dead_text, "%s", tn_error());
}

bool tn_team_failed(const tn_team *t)
{
    return t->dead != TN_OK;
}
