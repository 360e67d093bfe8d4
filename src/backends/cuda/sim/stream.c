/*
 * Streams: queues of work that runs when somebody waits for it, and not before.
 *
 * Who waits runs what has to be run for it, here, under the lock. With seed 0 that is all, so that
 * whatever nobody waits for has not happened yet. With another seed work of the device's other streams
 * is put in between as chance has it, in any order that the program allows. What a program forgets to
 * wait for is therefore wrong with the one or with some of the others.
 */
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/sim/_runtime.h"

typedef enum op_kind { OP_TASK, OP_MARK, OP_WAIT, OP_REPLAY } op_kind;

struct tn_sim_op {
    op_kind kind;
    uint64_t number; /* in the order of the calls, on all streams */
    tn_sim_task *task;
    tn_sim_mark *mark;
    tn_sim_replay *replay;
    tn_sim_op *next;
};

static cudaStream_t streams[TN_SIM_MAX_DEVICES], legacy[TN_SIM_MAX_DEVICES];
static uint64_t ops_so_far;
static bool running;
static double now; /* ms; every piece of work takes a microsecond */

bool tn_sim_running(void)
{
    return running;
}

/* ---- streams ------------------------------------------------------------------------------ */

static cudaStream_t stream_new(int device)
{
    cudaStream_t s = tn_sim_new(1, sizeof *s);
    s->device = device;
    s->next = streams[device];
    streams[device] = s;
    return s;
}

static cudaStream_t legacy_of(int device)
{
    if (!legacy[device]) {
        legacy[device] = stream_new(device);
        legacy[device]->legacy = true;
    }
    return legacy[device];
}

cudaStream_t tn_sim_streams(int device)
{
    return streams[device];
}

cudaStream_t tn_sim_stream(cudaStream_t s)
{
    if (!s || s == cudaStreamLegacy)
        return legacy_of(tn_sim_device());
    if (s == cudaStreamPerThread)
        tn_sim_break("unknown", "the stream of a thread is not simulated");
    tn_sim_check_alive("stream", s);
    if (s->device != tn_sim_device())
        tn_sim_break("device", "a stream of device %d is used while device %d is chosen", s->device,
                     tn_sim_device());
    return s;
}

int tn_sim_stream_device(cudaStream_t s)
{
    return s && s != cudaStreamLegacy ? s->device : tn_sim_device();
}

/* ---- queues ------------------------------------------------------------------------------- */

static void push(cudaStream_t s, tn_sim_op op)
{
    tn_sim_op *o = tn_sim_new(1, sizeof *o);
    *o = op;
    o->number = ++ops_so_far;
    if (s->last)
        s->last->next = o;
    else
        s->first = o;
    s->last = o;
}

static void pop(cudaStream_t s)
{
    tn_sim_op *o = s->first;
    s->first = o->next;
    if (!s->first)
        s->last = NULL;
    free(o);
}

tn_sim_mark *tn_sim_push_mark(cudaStream_t s)
{
    tn_sim_mark *m = tn_sim_new(1, sizeof *m);
    m->owners = 2; /* the queue, the caller */
    m->stream = s;
    push(s, (tn_sim_op){.kind = OP_MARK, .mark = m});
    return m;
}

void tn_sim_mark_release(tn_sim_mark *m)
{
    if (m && --m->owners == 0)
        free(m);
}

void tn_sim_push_wait(cudaStream_t s, tn_sim_mark *m)
{
    m->owners++;
    push(s, (tn_sim_op){.kind = OP_WAIT, .mark = m});
}

void tn_sim_push_replay(cudaStream_t s, tn_sim_replay *r)
{
    push(s, (tn_sim_op){.kind = OP_REPLAY, .replay = r});
}

cudaError_t tn_sim_enqueue(cudaStream_t stream, const char *what, tn_sim_work *run,
                           const void *argument, size_t bytes)
{
    tn_sim_lock();
    cudaStream_t s = tn_sim_stream(stream);
    cudaError_t e = tn_sim_fault(s->device);
    if (!e)
        e = tn_sim_capture_allows(s);
    if (!e) {
        tn_sim_task *t = tn_sim_new(1, sizeof *t + bytes);
        *t = (tn_sim_task){.what = what, .run = run, .bytes = bytes};
        if (bytes)
            memcpy(t->argument, argument, bytes);
        if (s->capture)
            tn_sim_capture_task(s, t);
        else
            push(s, (tn_sim_op){.kind = OP_TASK, .task = t});
    }
    tn_sim_unlock();
    return e;
}

/* ---- running ------------------------------------------------------------------------------ */

/* The stream that the first op of this one waits for, or NULL if it may run. */
static cudaStream_t blocker(cudaStream_t s)
{
    const tn_sim_op *o = s->first;
    if (o->kind == OP_WAIT && !o->mark->reached)
        return o->mark->stream;
    cudaStream_t first = legacy[s->device];
    if (s->blocking && first && first->first && first->first->number < o->number)
        return first;
    if (s->legacy)
        for (cudaStream_t t = streams[s->device]; t; t = t->next)
            if (t->blocking && t->first && t->first->number < o->number)
                return t;
    return NULL;
}

/* A copy of the argument is run, since a graph has the same again next time. */
static void run_task(const tn_sim_task *task)
{
    tn_sim_task *t = tn_sim_new(1, sizeof *t + task->bytes);
    memcpy(t, task, sizeof *t + task->bytes);
    running = true;
    t->run(t->argument);
    running = false;
    now += 1e-3;
    free(t);
}

/* Does one thing more on this stream, or on one that it waits for. After a fault nothing is run. */
static void step(cudaStream_t s)
{
    for (cudaStream_t b = blocker(s); b; b = blocker(s))
        s = b;
    tn_sim_op *o = s->first;
    const bool dead = tn_sim_fault(s->device) != cudaSuccess;
    switch (o->kind) {
    case OP_TASK:
        if (!dead)
            run_task(o->task);
        free(o->task);
        break;
    case OP_MARK:
        o->mark->reached = true;
        o->mark->time = now;
        tn_sim_mark_release(o->mark);
        break;
    case OP_WAIT:
        tn_sim_mark_release(o->mark);
        break;
    case OP_REPLAY:
        if (!dead && !tn_sim_replay_step(o->replay, run_task))
            return;
        tn_sim_replay_delete(o->replay);
        break;
    }
    pop(s);
}

/* The stream to go on with: mostly the last one; with seed 0 the one that is waited for. */
static cudaStream_t pick(cudaStream_t wanted, cudaStream_t last)
{
    if (last && last->first && tn_sim_choose(8) != 0)
        return last;
    size_t count = 0;
    for (cudaStream_t s = streams[wanted->device]; s; s = s->next)
        count += s != wanted && s->first;
    size_t i = tn_sim_choose(count + 1);
    if (i == 0)
        return wanted;
    for (cudaStream_t s = streams[wanted->device];; s = s->next)
        if (s != wanted && s->first && --i == 0)
            return s;
}

/* Until the mark is reached, or if there is none, nothing is left on the stream. */
static cudaError_t run(cudaStream_t wanted, const tn_sim_mark *m)
{
    cudaStream_t last = NULL;
    tn_sim_open(wanted->device);
    while (m ? !m->reached : wanted->first != NULL) {
        last = pick(wanted, last);
        step(last);
    }
    tn_sim_close(wanted->device);
    return tn_sim_fault(wanted->device);
}

cudaError_t tn_sim_run_to_mark(tn_sim_mark *m)
{
    return m->reached ? tn_sim_fault(m->stream->device) : run(m->stream, m);
}

cudaError_t tn_sim_run_stream(cudaStream_t s)
{
    return s->first ? run(s, NULL) : tn_sim_fault(s->device);
}

cudaError_t tn_sim_run_device(int device)
{
    for (cudaStream_t s = streams[device]; s; s = s->next)
        tn_sim_run_stream(s);
    return tn_sim_fault(device);
}

void tn_sim_run_some(cudaStream_t s)
{
    tn_sim_open(s->device);
    for (size_t left = 1 + tn_sim_choose(3); left && s->first; left--)
        step(pick(s, NULL));
    tn_sim_close(s->device);
}

/* ---- entry points ------------------------------------------------------------------------- */

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    if (!e && flags & ~(unsigned)cudaStreamNonBlocking)
        e = cudaErrorInvalidValue;
    *out = NULL;
    if (!e) {
        *out = stream_new(tn_sim_device());
        (*out)->blocking = !(flags & cudaStreamNonBlocking);
        tn_sim_born("stream", *out);
    }
    return tn_sim_end(e);
}

/* What is still in the queue happens first. */
cudaError_t cudaStreamDestroy(cudaStream_t s)
{
    const cudaError_t e = tn_sim_begin_device(__func__, 0);
    tn_sim_died("stream", s);
    if (s->capture)
        tn_sim_break("capture", "a stream is destroyed while it is being captured");
    const cudaError_t fault = tn_sim_run_stream(s);
    cudaStream_t *link = &streams[s->device];
    while (*link != s)
        link = &(*link)->next;
    *link = s->next;
    return tn_sim_end(e ? e : fault);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    cudaStream_t s = tn_sim_stream(stream);
    if (!e)
        e = tn_sim_unsafe_stream(s);
    return tn_sim_end(e ? e : tn_sim_run_stream(s));
}

cudaError_t cudaStreamQuery(cudaStream_t stream)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    cudaStream_t s = tn_sim_stream(stream);
    if (!e)
        e = tn_sim_unsafe_stream(s);
    if (!e) {
        tn_sim_run_some(s);
        e = tn_sim_fault(s->device);
    }
    return tn_sim_end(e ? e : s->first ? cudaErrorNotReady : cudaSuccess);
}

cudaError_t cudaDeviceSynchronize(void)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    if (!e)
        e = tn_sim_unsafe_device(tn_sim_device());
    return tn_sim_end(e ? e : tn_sim_run_device(tn_sim_device()));
}
