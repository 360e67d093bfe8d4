/*
 * Running what streams are given: when somebody waits for it, and not before.
 *
 * Who waits runs what has to be run for it, here, under the lock. With seed 0 that is all, so that
 * whatever nobody waits for has not happened yet. With another seed work of the device's other streams
 * is put in between as chance has it, in any order that the program allows. What a program forgets to
 * wait for is therefore wrong with the one or with some of the others.
 *
 * Work that several devices do together takes their streams along. If a thread of the host has yet to give
 * one of them its part, who waits gives the lock away until it has.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/_runtime.h"

static bool running;
static int device; /* whose work it is */
static double now; /* ms; every piece of work takes a microsecond */
static bool opened[TN_SIM_MAX_DEVICES];
static struct CUstream_st the_host; /* what a stream waits for that only the host can move */

bool tn_sim_running(void)
{
    return running;
}

void tn_sim_mark_reach(tn_sim_mark *m)
{
    m->reached = true;
    m->time = now;
}

/* ---- what waits for what ------------------------------------------------------------------ */

/* Memory of the device can be used from here on, until who waits has what it waits for. */
static void open_device(int which)
{
    if (!opened[which])
        tn_sim_open(which);
    opened[which] = true;
}

static void close_devices(void)
{
    for (int i = 0; i < TN_SIM_MAX_DEVICES; i++)
        if (opened[i]) {
            tn_sim_close(i);
            opened[i] = false;
        }
}

/* The stream that has not yet reached its place; the host if it has none, or never will. */
static cudaStream_t joint_blocker(tn_sim_joint *j, int place)
{
    j->place[place].reached = true;
    if (j->done || j->place[place].left)
        return NULL;
    for (int i = 0; i < j->places; i++)
        if (!j->place[i].reached)
            return j->place[i].stream && !j->place[i].left ? j->place[i].stream : &the_host;
    if (!j->run)
        return &the_host;
    for (int i = 0; i < j->places; i++)
        if (j->place[i].left) /* it may have let go of the memory */
            return &the_host;
    return NULL;
}

/* The stream that the first op of this one waits for, or NULL if it may run. */
static cudaStream_t blocker(cudaStream_t s)
{
    const tn_sim_op *o = s->first;
    if (o->kind == TN_SIM_WAIT && !o->mark->reached)
        return o->mark->stream;
    if (tn_sim_fault(s->device) == cudaSuccess) {
        if (o->kind == TN_SIM_JOINT)
            return joint_blocker(o->joint, o->place);
        cudaStream_t b = o->kind == TN_SIM_REPLAY ? tn_sim_replay_blocker(o->replay) : NULL;
        if (b)
            return b;
    }
    cudaStream_t first = tn_sim_legacy(s->device);
    if (s->blocking && first && first->first && first->first->number < o->number)
        return first;
    if (s->legacy)
        for (cudaStream_t t = tn_sim_streams(s->device); t; t = t->next)
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
    tn_sim_count_work(device);
    now += 1e-3;
    free(t);
}

/* ---- one thing ---------------------------------------------------------------------------- */

static void pop(cudaStream_t s)
{
    tn_sim_op *o = s->first;
    s->first = o->next;
    if (!s->first)
        s->last = NULL;
    free(o);
}

/* All places have been reached. */
static void run_joint(tn_sim_joint *j)
{
    for (int i = 0; i < j->places; i++)
        open_device(j->place[i].stream->device);
    running = true;
    j->done = j->run(j);
    running = false;
    now += 1e-3;
    if (j->done)
        tn_sim_joint_end(j);
    else
        j->run = NULL; /* it has failed: whoever is there stays there, until it leaves */
}

/* Does that op; true if there is nothing left of it. After a fault nothing is run. */
static bool run_op(tn_sim_op *o, bool dead)
{
    switch (o->kind) {
    case TN_SIM_TASK:
        if (!dead)
            run_task(o->task);
        free(o->task);
        return true;
    case TN_SIM_MARK:
        tn_sim_mark_reach(o->mark);
        tn_sim_mark_release(o->mark);
        return true;
    case TN_SIM_WAIT:
        tn_sim_mark_release(o->mark);
        return true;
    case TN_SIM_REPLAY:
        if (!dead && !tn_sim_replay_step(o->replay, run_task))
            return false;
        tn_sim_replay_delete(o->replay);
        return true;
    case TN_SIM_JOINT:
        if (dead)
            tn_sim_joint_leave(o->joint, o->place);
        if (!o->joint->done && !o->joint->place[o->place].left) {
            run_joint(o->joint);
            if (!o->joint->done)
                return false;
        }
        tn_sim_joint_release(o->joint);
        return true;
    }
    return true;
}

/* Does one thing more on this stream, or on one that it waits for; false if only the host can go on, or if
 * streams wait for each other. */
static bool step(cudaStream_t s)
{
    enum { CHAIN = 256 }; /* longer than any that has an end */
    int links = 0;
    for (cudaStream_t b = blocker(s); b; b = blocker(s)) {
        if (b == &the_host || ++links > CHAIN)
            return false;
        s = b;
    }
    open_device(s->device);
    device = s->device;
    if (run_op(s->first, tn_sim_fault(s->device) != cudaSuccess))
        pop(s);
    return true;
}

/* ---- until something has come ------------------------------------------------------------- */

/* The stream to go on with: mostly the last one; with seed 0 the one that is waited for. */
static cudaStream_t pick(cudaStream_t wanted, cudaStream_t last)
{
    if (last && last->first && tn_sim_choose(8) != 0)
        return last;
    size_t count = 0;
    for (cudaStream_t s = tn_sim_streams(wanted->device); s; s = s->next)
        count += s != wanted && s->first;
    size_t i = tn_sim_choose(count + 1);
    if (i == 0)
        return wanted;
    for (cudaStream_t s = tn_sim_streams(wanted->device);; s = s->next)
        if (s != wanted && s->first && --i == 0)
            return s;
}

/* Until the mark is reached, or if there is none, nothing is left on the stream. */
static cudaError_t run(cudaStream_t wanted, const tn_sim_mark *m)
{
    cudaStream_t last = NULL;
    while (m ? !m->reached : wanted->first != NULL) {
        last = pick(wanted, last);
        if (step(last) || step(wanted))
            continue;
        close_devices();
        if (!tn_sim_wait_for_news())
            tn_sim_break("stall",
                         "device %d waits for work of several devices, and one of them "
                         "is not given its part",
                         wanted->device);
        last = NULL;
    }
    close_devices();
    tn_sim_news();
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

cudaError_t tn_sim_run_device(int which)
{
    for (cudaStream_t s = tn_sim_streams(which); s; s = s->next)
        tn_sim_run_stream(s);
    return tn_sim_fault(which);
}

void tn_sim_run_some(cudaStream_t s)
{
    for (size_t left = 1 + tn_sim_choose(3); left && s->first; left--)
        if (!step(pick(s, NULL)))
            break;
    close_devices();
    tn_sim_news();
}
