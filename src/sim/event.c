/*
 * Events. To record one puts a mark into a stream; to wait for it means the mark that it had at the time
 * of the call. A graph's own records and waits count as made when it is launched.
 */
#include "sim/_runtime.h"

static void check(cudaEvent_t event)
{
    tn_sim_check_alive("event", event);
    if (event->device != tn_sim_device())
        tn_sim_break("device", "an event of device %d is used while device %d is chosen",
                     event->device, tn_sim_device());
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    if (!e && flags & ~(unsigned)(cudaEventBlockingSync | cudaEventDisableTiming))
        e = cudaErrorInvalidValue;
    *out = NULL;
    if (!e) {
        *out = tn_sim_new(1, sizeof **out);
        (*out)->device = tn_sim_device();
        (*out)->timed = !(flags & cudaEventDisableTiming);
        tn_sim_born("event", *out);
    }
    return tn_sim_end(e);
}

void tn_sim_event_set(cudaEvent_t event, tn_sim_mark *mark)
{
    tn_sim_mark_release(event->mark);
    event->mark = mark;
    event->capture = 0;
    tn_sim_after_free(&event->after);
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    const cudaError_t e = tn_sim_begin_device(__func__, 0);
    tn_sim_died("event", event);
    tn_sim_event_set(event, NULL);
    return tn_sim_end(e);
}

static cudaError_t record(cudaError_t e, cudaEvent_t event, cudaStream_t stream, unsigned flags)
{
    cudaStream_t s = tn_sim_stream(stream);
    check(event);
    if (!e)
        e = tn_sim_capture_allows(s);
    if (!e && (flags & ~(unsigned)cudaEventRecordExternal || (flags && !s->capture)))
        e = cudaErrorInvalidValue;
    if (e)
        return e;
    if (flags)
        tn_sim_capture_external(s, event, true);
    else if (s->capture)
        tn_sim_capture_record(s, event);
    else
        tn_sim_event_set(event, tn_sim_push_mark(s));
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    return tn_sim_end(record(tn_sim_begin_device(__func__, 0), event, stream, 0));
}

cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags)
{
    return tn_sim_end(record(tn_sim_begin_device(__func__, 0), event, stream, flags));
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    cudaStream_t s = tn_sim_stream(stream);
    check(event);
    if (!e && (flags & ~(unsigned)cudaEventWaitExternal || (flags && !s->capture)))
        e = cudaErrorInvalidValue;
    if (!e)
        e = tn_sim_capture_allows(s);
    if (e)
        return tn_sim_end(e);
    if (flags)
        tn_sim_capture_external(s, event, false);
    else if (s->capture || event->capture)
        e = tn_sim_capture_wait(s, event);
    else if (event->mark)
        tn_sim_push_wait(s, event->mark);
    return tn_sim_end(e);
}

/* May the host ask whether it has come? */
static cudaError_t may_ask(cudaEvent_t event)
{
    check(event);
    const cudaError_t e = tn_sim_unsafe();
    return e ? e : event->capture ? cudaErrorCapturedEvent : cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    if (!e)
        e = may_ask(event);
    return tn_sim_end(e || !event->mark ? e : tn_sim_run_to_mark(event->mark));
}

cudaError_t cudaEventQuery(cudaEvent_t event)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    if (!e)
        e = may_ask(event);
    if (!e && event->mark && !event->mark->reached) {
        tn_sim_run_some(event->mark->stream);
        e = tn_sim_fault(event->device);
        if (!e && !event->mark->reached)
            e = cudaErrorNotReady;
    }
    return tn_sim_end(e);
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t start, cudaEvent_t end)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    check(start);
    check(end);
    if (!e && (!start->timed || !end->timed || !start->mark || !end->mark))
        e = cudaErrorInvalidResourceHandle;
    if (!e && (!start->mark->reached || !end->mark->reached))
        e = cudaErrorNotReady;
    if (!e)
        *ms = (float)(end->mark->time - start->mark->time);
    return tn_sim_end(e);
}
