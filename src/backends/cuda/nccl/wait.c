#define _POSIX_C_SOURCE 200809L /* nanosleep */

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backends/cuda/nccl/parts.h"
#include "base/thread.h"

/* ---- errors ------------------------------------------------------------------------------- */

tn_status tn_nccl_check(const tn_comm *c, ncclResult_t r, const char *call)
{
    if (r == ncclSuccess)
        return TN_OK;
    const char *why = ncclGetLastError(NULL); /* the communicator may be gone */
    return tn_fail(TN_ERR_DEVICE, "NCCL on %s, rank %d of %d: %s: %s%s%.*s", c->device->name,
                   c->rank, c->ranks, call, ncclGetErrorString(r), why && *why ? ": " : "",
                   (int)strcspn(why ? why : "", "\r\n"), why ? why : "");
}

tn_status tn_nccl_was_aborted(const tn_comm *c)
{
    return tn_fail(TN_END, "%s: its group of %d devices was aborted", c->device->name, c->ranks);
}

static tn_status has_stalled(const tn_comm *c, const char *what)
{
    return tn_fail(TN_ERR_DEVICE,
                   "%s: rank %d of %d has waited %g s for the other devices of its group, in %s",
                   c->device->name, c->rank, c->ranks, c->stall, what);
}

/* Between two looks at something that takes microseconds, or until others come. */
static void rest(int looks)
{
    enum { YIELDS = 1000, NAP = 50000, LONG_NAP = 500000 }; /* ns */
    if (looks < YIELDS)
        sched_yield();
    else
        nanosleep(&(struct timespec){.tv_nsec = looks < 10 * YIELDS ? NAP : LONG_NAP}, NULL);
}

/* ---- waiting ------------------------------------------------------------------------------ */

tn_status tn_nccl_poll(tn_comm *c, const char *call, bool *ready)
{
    ncclResult_t state = ncclSuccess, r = ncclSuccess;
    pthread_mutex_lock(&c->lock);
    const bool aborted = c->aborted || (c->given_up && atomic_load(c->given_up));
    if (!aborted)
        r = ncclCommGetAsyncError(c->nccl, &state);
    pthread_mutex_unlock(&c->lock);
    if (aborted)
        return tn_nccl_was_aborted(c);
    TN_TRY(tn_nccl_check(c, r, "ncclCommGetAsyncError"));
    *ready = state != ncclInProgress;
    return *ready ? tn_nccl_check(c, state, call) : TN_OK;
}

tn_status tn_nccl_poll_until_ready(tn_comm *c, const char *call)
{
    const double begun = tn_now();
    for (int looks = 0;; looks++) {
        bool ready = false;
        TN_TRY(tn_nccl_poll(c, call, &ready));
        if (ready)
            return TN_OK;
        if (tn_now() - begun > c->stall)
            return has_stalled(c, call);
        rest(looks);
    }
}

cudaError_t tn_nccl_count_done(tn_comm *c, int64_t *done)
{
    cudaError_t e = cudaSuccess;
    pthread_mutex_lock(&c->lock);
    while (c->done < c->issued && e == cudaSuccess) {
        const tn_nccl_turn *t = &c->turn[c->done % TN_NCCL_TURNS];
        e = cudaEventQuery(t->done);
        if (e == cudaSuccess) {
            c->marked += t->mark != TN_MARK_NONE;
            c->done++;
        }
    }
    *done = c->done;
    pthread_mutex_unlock(&c->lock);
    return e == cudaErrorNotReady ? cudaSuccess : e;
}

static tn_status turn_stalled(const tn_comm *c, int64_t number)
{
    char what[96];
    const tn_nccl_turn *t = &c->turn[number % TN_NCCL_TURNS];
    if (t->mark == TN_MARK_NONE)
        snprintf(what, sizeof what, "collective %lld", (long long)number + 1);
    else
        snprintf(what, sizeof what, "collective %lld, which sums %zu elements of mark %d",
                 (long long)number + 1, t->count, t->mark);
    return has_stalled(c, what);
}

static void begin_to_wait(tn_comm *c)
{
    c->looked = tn_now();
    c->waited = 0;
}

/* Has anything failed, or has the next turn taken too long? Time counts only while the device itself has got
 * to it, and no more of it between two looks than there is if this thread is let run. */
static tn_status look_after(tn_comm *c, int64_t *done)
{
    bool ready;
    TN_TRY(tn_nccl_poll(c, "an operation on the device", &ready));
    TN_TRY(tn_cuda_check(c->device, NULL, tn_nccl_count_done(c, done), "cudaEventQuery"));
    const bool idle = *done == tn_nccl_issued(c);
    if (*done != c->seen || idle ||
        cudaEventQuery(c->turn[*done % TN_NCCL_TURNS].begun) == cudaErrorNotReady)
        begin_to_wait(c);
    c->seen = *done;
    const double now = tn_now(), most = c->stall / 8, passed = now - c->looked;
    c->looked = now;
    c->waited += passed < most ? passed : most;
    return c->waited > c->stall ? turn_stalled(c, *done) : TN_OK;
}

tn_status tn_nccl_wait_until_done(tn_comm *c, int64_t wanted)
{
    if (c->seen >= wanted)
        return TN_OK;
    begin_to_wait(c);
    for (int looks = 0;; looks++) {
        int64_t done;
        TN_TRY(look_after(c, &done));
        if (done >= wanted)
            return TN_OK;
        rest(looks);
    }
}

int64_t tn_nccl_issued(tn_comm *c)
{
    pthread_mutex_lock(&c->lock);
    const int64_t n = c->issued;
    pthread_mutex_unlock(&c->lock);
    return n;
}

tn_status tn_nccl_settle(tn_backend_device *d, cudaStream_t stream, cudaEvent_t event)
{
    enum { QUIET = 200 }; /* looks, before the reason is looked for */
    tn_comm *const comms = d->beside ? d->beside->comms : NULL;
    for (tn_comm *c = comms; c; c = c->next)
        begin_to_wait(c);
    for (int looks = 0; comms; looks++) {
        const cudaError_t e = event ? cudaEventQuery(event) : cudaStreamQuery(stream);
        if (e != cudaErrorNotReady)
            return tn_cuda_check(d, NULL, e, event ? "cudaEventQuery" : "cudaStreamQuery");
        int64_t done;
        bool ready;
        for (tn_comm *c = comms; c; c = c->next)
            TN_TRY(looks < QUIET ? tn_nccl_poll(c, "an operation on the device", &ready)
                                 : look_after(c, &done));
        rest(looks);
    }
    return TN_OK;
}

tn_status tn_cuda_finish_collectives(tn_backend_device *d)
{
    for (tn_comm *c = d->beside ? d->beside->comms : NULL; c; c = c->next)
        TN_TRY(tn_nccl_wait_until_done(c, tn_nccl_issued(c)));
    return TN_OK;
}
