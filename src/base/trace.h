/*
 * What happens when, while somebody takes a profile (<tenon/profile.h>): spans of time on tracks, told from anywhere. While nobody
 * does it is a look at a flag.
 */
#ifndef TN_TRACE_H
#define TN_TRACE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/thread.h"

extern atomic_bool tn_tracing;

static inline bool tn_trace_is_on(void)
{
    return atomic_load_explicit(&tn_tracing, memory_order_relaxed);
}

/* When something begins that is to be told of; 0 if nobody wants to know. */
static inline double tn_trace_begin(void)
{
    return tn_trace_is_on() ? tn_now() : 0;
}

enum { TN_TRACE_NAME = 64, TN_TRACE_DETAIL = 96 };

typedef struct tn_trace_span {
    const char *kind;   /* "forward", "copy", "loader": lives for ever */
    const char *on;     /* whose track, "cuda:0", "cuda:0 sums"; NULL: the calling thread's */
    const char *name;   /* copied, as the detail is */
    const char *detail; /* NULL: none */
    double begin, end;  /* as of tn_now() */
    double flops, bytes;
} tn_trace_span;

/* Where there is no memory for it any more it is counted, and lost. */
void tn_trace(const tn_trace_span *span);

/* Of the calling thread, from `begin` until now; nothing if that is 0. Name and end of the track's name may have a number; -1: none. */
void tn_trace_since(double begin, const char *kind, const char *name, long long number,
                    double bytes);

/* What the calling thread's track is called from now on, "loader 3". */
void tn_trace_call_thread(const char *name, int number);

/* ---- for src/profile ---------------------------------------------------------------------------- */

typedef struct tn_trace_event {
    const char *kind;
    int track;
    double begin, end, flops, bytes;
    char name[TN_TRACE_NAME], detail[TN_TRACE_DETAIL];
} tn_trace_event;

enum { TN_TRACE_TRACKS = 512 };

typedef struct tn_trace_store {
    double begin; /* of all */
    tn_trace_event *event;
    size_t count, capacity, most, lost;
    char track[TN_TRACE_TRACKS][TN_TRACE_NAME];
    int tracks;
} tn_trace_store;

/* False: another is being written to. */
bool tn_trace_start(tn_trace_store *store);
/* Nothing is written to it any more. */
void tn_trace_stop(tn_trace_store *store);

#endif
