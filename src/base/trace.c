#include "base/trace.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

atomic_bool tn_tracing;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static tn_trace_store *now; /* NULL: nobody takes one */
static _Thread_local char own[TN_TRACE_NAME];
static int unnamed; /* threads so far that said nothing */

bool tn_trace_start(tn_trace_store *store)
{
    pthread_mutex_lock(&lock);
    const bool first = !now;
    if (first) {
        now = store;
        store->begin = tn_now();
        atomic_store_explicit(&tn_tracing, true, memory_order_relaxed);
    }
    pthread_mutex_unlock(&lock);
    return first;
}

void tn_trace_stop(tn_trace_store *store)
{
    pthread_mutex_lock(&lock);
    if (now == store) {
        atomic_store_explicit(&tn_tracing, false, memory_order_relaxed);
        now = NULL;
    }
    pthread_mutex_unlock(&lock);
}

void tn_trace_call_thread(const char *name, int number)
{
    snprintf(own, sizeof own, "%.40s %d", name, number);
}

/* The number of that track; -1: there are too many. */
static int find_track(tn_trace_store *s, const char *name)
{
    for (int i = 0; i < s->tracks; i++)
        if (strcmp(s->track[i], name) == 0)
            return i;
    if (s->tracks == TN_TRACE_TRACKS)
        return -1;
    snprintf(s->track[s->tracks], sizeof s->track[0], "%s", name);
    return s->tracks++;
}

/* One that is too long keeps both ends: names of a network are told apart by the last of their words. */
static void shorten(char to[TN_TRACE_NAME], const char *name)
{
    enum { HEAD = 20, TAIL = TN_TRACE_NAME - 1 - HEAD - 3 };
    const size_t length = strlen(name);
    if (length < TN_TRACE_NAME)
        memcpy(to, name, length + 1);
    else
        snprintf(to, TN_TRACE_NAME, "%.*s...%s", HEAD, name, name + length - TAIL);
}

/* Room for one more. */
static bool grow(tn_trace_store *s)
{
    if (s->count < s->capacity)
        return true;
    size_t capacity = s->capacity ? 2 * s->capacity : 4096;
    capacity = capacity < s->most ? capacity : s->most;
    tn_trace_event *more = s->count < capacity ? tn_alloc(capacity, sizeof *more) : NULL;
    if (!more)
        return false;
    if (s->count)
        memcpy(more, s->event, s->count * sizeof *more);
    tn_free(s->event);
    s->event = more;
    s->capacity = capacity;
    return true;
}

void tn_trace(const tn_trace_span *span)
{
    pthread_mutex_lock(&lock);
    if (!span->on && !*own) { /* the first is the program's own */
        if (unnamed++ == 0)
            snprintf(own, sizeof own, "program");
        else
            snprintf(own, sizeof own, "thread %d", unnamed);
    }
    const bool before = now && span->end < now->begin; /* it was of another */
    const int track = now && !before ? find_track(now, span->on ? span->on : own) : -1;
    if (now && track >= 0 && grow(now)) {
        tn_trace_event *e = &now->event[now->count++];
        *e = (tn_trace_event){
            span->kind, track,       span->begin > now->begin ? span->begin : now->begin,
            span->end,  span->flops, span->bytes};
        shorten(e->name, span->name);
        snprintf(e->detail, sizeof e->detail, "%s", span->detail ? span->detail : "");
    } else if (now && !before) {
        now->lost++;
    }
    pthread_mutex_unlock(&lock);
}

void tn_trace_since(double begin, const char *kind, const char *name, long long number,
                    double bytes)
{
    char text[TN_TRACE_NAME];
    if (!(begin > 0) || !tn_trace_is_on())
        return;
    if (number < 0)
        snprintf(text, sizeof text, "%s", name);
    else
        snprintf(text, sizeof text, "%.40s %lld", name, number);
    tn_trace(&(tn_trace_span){
        .kind = kind, .name = text, .begin = begin, .end = tn_now(), .bytes = bytes});
}
