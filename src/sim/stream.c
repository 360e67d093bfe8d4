/*
 * Streams: queues of work, which run.c runs when somebody waits for it.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/_runtime.h"

static cudaStream_t streams[TN_SIM_MAX_DEVICES], legacy[TN_SIM_MAX_DEVICES];
static uint64_t ops_so_far;

/* ---- streams ------------------------------------------------------------------------------ */

static cudaStream_t stream_new(int device)
{
    cudaStream_t s = tn_sim_new(1, sizeof *s);
    s->device = device;
    s->next = streams[device];
    streams[device] = s;
    return s;
}

cudaStream_t tn_sim_legacy(int device)
{
    return legacy[device];
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
    tn_sim_news();
}

tn_sim_mark *tn_sim_mark_new(cudaStream_t s)
{
    tn_sim_mark *m = tn_sim_new(1, sizeof *m);
    m->owners = 2; /* the queue, the caller */
    m->stream = s;
    return m;
}

tn_sim_mark *tn_sim_push_mark(cudaStream_t s)
{
    tn_sim_mark *m = tn_sim_mark_new(s);
    push(s, (tn_sim_op){.kind = TN_SIM_MARK, .mark = m});
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
    push(s, (tn_sim_op){.kind = TN_SIM_WAIT, .mark = m});
}

void tn_sim_push_replay(cudaStream_t s, tn_sim_replay *r)
{
    push(s, (tn_sim_op){.kind = TN_SIM_REPLAY, .replay = r});
}

static int unfinished; /* joints that are counted */

void tn_sim_push_joint(cudaStream_t s, tn_sim_joint *j, int place)
{
    if (!j->begun && j->places > 1) {
        j->counted = true;
        unfinished++;
    }
    j->begun = true;
    j->owners++;
    j->place[place].stream = s;
    push(s, (tn_sim_op){.kind = TN_SIM_JOINT, .joint = j, .place = place});
}

void tn_sim_joint_leave(tn_sim_joint *j, int place)
{
    j->place[place].left = true;
    tn_sim_joint_end(j);
    tn_sim_news();
}

void tn_sim_joint_end(tn_sim_joint *j)
{
    unfinished -= j->counted;
    j->counted = false;
}

void tn_sim_joint_release(tn_sim_joint *j)
{
    if (--j->owners == 0) {
        tn_sim_joint_end(j);
        free(j);
    }
}

void tn_sim_check_finished(const char *what)
{
    if (unfinished)
        tn_sim_break("unfinished", "%s while %d of this process' collectives %s not done", what,
                     unfinished, unfinished == 1 ? "is" : "are");
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
            push(s, (tn_sim_op){.kind = TN_SIM_TASK, .task = t});
    }
    tn_sim_unlock();
    return e;
}

/* ---- entry points ------------------------------------------------------------------------- */

static cudaError_t create(cudaError_t e, cudaStream_t *out, unsigned flags)
{
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

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags)
{
    return create(tn_sim_begin_device(__func__, 0), out, flags);
}

/* Priorities say nothing of what may happen, only of what mostly does. */
cudaError_t cudaStreamCreateWithPriority(cudaStream_t *out, unsigned flags, int priority)
{
    (void)priority;
    return create(tn_sim_begin_device(__func__, 0), out, flags);
}

cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest)
{
    const cudaError_t e = tn_sim_begin_device(__func__, 0);
    *least = 0;
    *greatest = -5;
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
