/*
 * Capture: what a program gives to a stream becomes a graph instead of being run.
 *
 * A stream that is captured remembers after which nodes its next one comes; an event recorded there
 * remembers the same; a stream that waits for such an event takes part from then on, and must be waited
 * for by the first one before the end. Who does something meanwhile that could disturb a capture gets an
 * error, and the capture is invalid: all that is left is to end it.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "sim/_runtime.h"

struct tn_sim_capture {
    uint64_t number;
    tn_sim_body *body;
    cudaStream_t origin;
    enum cudaStreamCaptureMode mode;
    pthread_t thread;
    bool invalid;
    tn_sim_capture *next;
};

static tn_sim_capture *captures;
static uint64_t captures_so_far;
static _Thread_local enum cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

/* ---- which nodes something comes after ---------------------------------------------------- */

void tn_sim_after_free(tn_sim_after *a)
{
    free(a->node);
    *a = (tn_sim_after){0};
}

static void add_node(tn_sim_after *to, size_t node)
{
    for (size_t i = 0; i < to->count; i++)
        if (to->node[i] == node)
            return;
    to->node = tn_sim_more(to->node, to->count, &to->room, sizeof *to->node);
    to->node[to->count++] = node;
}

static void add_nodes(tn_sim_after *to, const tn_sim_after *what)
{
    for (size_t i = 0; i < what->count; i++)
        add_node(to, what->node[i]);
}

/* ---- what a capture forbids --------------------------------------------------------------- */

static cudaError_t spoil(tn_sim_capture *c, cudaError_t e)
{
    c->invalid = true;
    return e;
}

cudaError_t tn_sim_unsafe(void)
{
    cudaError_t e = cudaSuccess;
    for (tn_sim_capture *c = captures; c; c = c->next) {
        const bool mine =
            pthread_equal(c->thread, pthread_self()) && c->mode != cudaStreamCaptureModeRelaxed;
        const bool everybody =
            thread_mode == cudaStreamCaptureModeGlobal && c->mode == cudaStreamCaptureModeGlobal;
        if (thread_mode != cudaStreamCaptureModeRelaxed && (mine || everybody))
            e = spoil(c, cudaErrorStreamCaptureUnsupported);
    }
    return e;
}

/* The legacy stream would wait for every blocking one, and they for it. */
static cudaError_t legacy_allows(int device)
{
    cudaError_t e = cudaSuccess;
    for (cudaStream_t s = tn_sim_streams(device); s; s = s->next)
        if (s->capture && s->blocking)
            e = spoil(s->capture, cudaErrorStreamCaptureImplicit);
    return e;
}

cudaError_t tn_sim_capture_allows(cudaStream_t s)
{
    if (s->legacy)
        return legacy_allows(s->device);
    return s->capture && s->capture->invalid ? cudaErrorStreamCaptureInvalidated : cudaSuccess;
}

cudaError_t tn_sim_unsafe_stream(cudaStream_t s)
{
    if (s->capture)
        return spoil(s->capture, cudaErrorStreamCaptureUnsupported);
    const cudaError_t e = s->legacy ? legacy_allows(s->device) : cudaSuccess;
    return e ? e : tn_sim_unsafe();
}

cudaError_t tn_sim_unsafe_device(int device)
{
    cudaError_t e = cudaSuccess;
    for (cudaStream_t s = tn_sim_streams(device); s; s = s->next)
        if (s->capture)
            e = spoil(s->capture, cudaErrorStreamCaptureUnsupported);
    return e ? e : tn_sim_unsafe();
}

/* ---- what becomes part of it -------------------------------------------------------------- */

static cudaGraphNode_t node_new(cudaStream_t s)
{
    tn_sim_body *b = s->capture->body;
    b->node = tn_sim_more(b->node, b->count, &b->room, sizeof(cudaGraphNode_t));
    cudaGraphNode_t n = tn_sim_new(1, sizeof *n);
    n->after = s->after;
    s->after = (tn_sim_after){0};
    add_node(&s->after, b->count);
    b->node[b->count++] = n;
    return n;
}

void tn_sim_capture_task(cudaStream_t s, tn_sim_task *task)
{
    node_new(s)->task = task;
}

void tn_sim_capture_external(cudaStream_t s, cudaEvent_t event, bool records)
{
    cudaGraphNode_t n = node_new(s);
    n->event = event;
    n->records = records;
}

void tn_sim_capture_record(cudaStream_t s, cudaEvent_t event)
{
    tn_sim_event_set(event, NULL);
    event->capture = s->capture->number;
    add_nodes(&event->after, &s->after);
}

cudaError_t tn_sim_capture_wait(cudaStream_t s, cudaEvent_t event)
{
    tn_sim_capture *c = captures;
    while (c && c->number != event->capture)
        c = c->next;
    if (!c) /* recorded outside, or in one that has ended */
        return s->capture ? spoil(s->capture, cudaErrorStreamCaptureIsolation)
                          : cudaErrorCapturedEvent;
    if (c->invalid)
        return cudaErrorStreamCaptureInvalidated;
    if (s->legacy)
        return spoil(c, cudaErrorStreamCaptureImplicit);
    if (s->capture && s->capture != c) {
        c->invalid = true;
        return spoil(s->capture, cudaErrorStreamCaptureMerge);
    }
    s->capture = c;
    add_nodes(&s->after, &event->after);
    return cudaSuccess;
}

/* ---- begin, end --------------------------------------------------------------------------- */

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    cudaStream_t s = tn_sim_stream(stream);
    if (!e && s->legacy)
        e = cudaErrorStreamCaptureUnsupported;
    if (!e && s->capture)
        e = cudaErrorIllegalState;
    if (!e) {
        tn_sim_check_finished("a capture begins");
        tn_sim_capture *c = tn_sim_new(1, sizeof *c);
        *c = (tn_sim_capture){
            ++captures_so_far, tn_sim_new(1, sizeof *c->body), s, mode, pthread_self(), false,
            captures};
        c->body->owners = 1;
        c->body->device = s->device;
        s->capture = captures = c;
    }
    return tn_sim_end(e);
}

/* Does everything that other streams did come before something that this one waits for? */
static bool joined(const tn_sim_capture *c)
{
    bool *before = tn_sim_new(c->body->count, sizeof *before), all = true;
    for (size_t i = 0; i < c->origin->after.count; i++)
        before[c->origin->after.node[i]] = true;
    for (size_t n = c->body->count; n-- > 0;)
        for (size_t i = 0; before[n] && i < c->body->node[n]->after.count; i++)
            before[c->body->node[n]->after.node[i]] = true;
    for (cudaStream_t s = tn_sim_streams(c->origin->device); s; s = s->next)
        for (size_t i = 0; s->capture == c && i < s->after.count; i++)
            all = all && before[s->after.node[i]];
    free(before);
    return all;
}

/* No stream is part of it any more; what it has made is the caller's. */
static tn_sim_body *dissolve(tn_sim_capture *c)
{
    for (cudaStream_t s = tn_sim_streams(c->origin->device); s; s = s->next)
        if (s->capture == c) {
            s->capture = NULL;
            tn_sim_after_free(&s->after);
        }
    tn_sim_capture **link = &captures;
    while (*link != c)
        link = &(*link)->next;
    *link = c->next;
    tn_sim_body *b = c->body;
    free(c);
    return b;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *out)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    cudaStream_t s = tn_sim_stream(stream);
    tn_sim_capture *c = s->capture;
    *out = NULL;
    if (!c)
        return tn_sim_end(e ? e : cudaErrorIllegalState);
    if (c->origin != s)
        return tn_sim_end(e ? e : spoil(c, cudaErrorStreamCaptureUnmatched));
    if (c->mode != cudaStreamCaptureModeRelaxed && !pthread_equal(c->thread, pthread_self()))
        return tn_sim_end(e ? e : spoil(c, cudaErrorStreamCaptureWrongThread));
    if (!e && c->invalid)
        e = cudaErrorStreamCaptureInvalidated;
    if (!e && !joined(c))
        e = cudaErrorStreamCaptureUnjoined;
    tn_sim_body *b = dissolve(c);
    if (e)
        tn_sim_body_release(b);
    else
        *out = tn_sim_graph_new(b);
    return tn_sim_end(e);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *status)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    cudaStream_t s = tn_sim_stream(stream);
    if (!e && s->legacy)
        e = legacy_allows(s->device);
    *status = !s->capture           ? cudaStreamCaptureStatusNone
              : s->capture->invalid ? cudaStreamCaptureStatusInvalidated
                                    : cudaStreamCaptureStatusActive;
    return tn_sim_end(e);
}

cudaError_t cudaThreadExchangeStreamCaptureMode(enum cudaStreamCaptureMode *mode)
{
    const cudaError_t e = tn_sim_begin(__func__, 0);
    if (!e) {
        const enum cudaStreamCaptureMode old = thread_mode;
        thread_mode = *mode;
        *mode = old;
    }
    return tn_sim_end(e);
}
