/*
 * Simulated NCCL: ids, communicators, and what becomes of them.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/nccl_sim.h"

static tn_sim_nccl_world *worlds;
static _Thread_local char last_error[512];

ncclResult_t tn_sim_nccl_fail(ncclResult_t result, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last_error, sizeof last_error, format, arguments);
    va_end(arguments);
    return result;
}

void tn_sim_nccl_begin(const char *function, ncclComm_t c, bool *fails)
{
    if (atomic_exchange(&c->busy,
                        true)) /* before the lock, which the other one may be waiting for */
        tn_sim_break("communicator", "%s: another thread uses the same communicator", function);
    tn_sim_lock();
    tn_sim_check_alive("NCCL communicator", c);
    *fails = tn_sim_enter(function, 0);
}

ncclResult_t tn_sim_nccl_end(ncclComm_t c, ncclResult_t result)
{
    tn_sim_unlock();
    atomic_store(&c->busy, false);
    return result;
}

/* ---- ids, versions, texts ----------------------------------------------------------------- */

/* 2.18.5 if it is made to fail: a version that is too old. */
ncclResult_t ncclGetVersion(int *version)
{
    *version = tn_sim_enter(__func__, 0) ? NCCL_VERSION(2, 18, 5) : NCCL_VERSION_CODE;
    return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId *id)
{
    static uint64_t worlds_so_far;
    memset(id, 0, sizeof *id);
    if (tn_sim_enter(__func__, 0))
        return tn_sim_nccl_fail(ncclSystemError, "made to fail");
    tn_sim_lock();
    tn_sim_nccl_world *w = tn_sim_new(1, sizeof *w);
    w->number = ++worlds_so_far;
    w->next = worlds;
    worlds = w;
    memcpy(id->internal, &w->number, sizeof w->number);
    tn_sim_unlock();
    return ncclSuccess;
}

const char *ncclGetErrorString(ncclResult_t result)
{
    static const char *const text[ncclNumResults] = {
        [ncclSuccess] = "no error",
        [ncclUnhandledCudaError] = "unhandled cuda error",
        [ncclSystemError] = "unhandled system error",
        [ncclInternalError] = "internal error",
        [ncclInvalidArgument] = "invalid argument",
        [ncclInvalidUsage] = "invalid usage",
        [ncclRemoteError] = "remote process exited or there was a network error",
        [ncclInProgress] = "NCCL operation in progress",
    };
    return result >= 0 && result < ncclNumResults ? text[result] : "unknown result code";
}

const char *ncclGetLastError(ncclComm_t c)
{
    (void)c;
    return last_error;
}

/* ---- joining ------------------------------------------------------------------------------ */

static tn_sim_nccl_world *find_world(const ncclUniqueId *id, int ranks, int rank)
{
    uint64_t number;
    memcpy(&number, id->internal, sizeof number);
    tn_sim_nccl_world *w = worlds;
    while (w && w->number != number)
        w = w->next;
    if (!w)
        tn_sim_break("communicator", "rank %d of %d joins by an id that nobody has made", rank,
                     ranks);
    if (w->ranks && w->ranks != ranks)
        tn_sim_break("communicator", "rank %d says there are %d ranks, others said %d", rank, ranks,
                     w->ranks);
    if (w->rank[rank])
        tn_sim_break("communicator", "two join as rank %d of %d", rank, ranks);
    return w;
}

static ncclResult_t join(ncclComm_t *out, int ranks, const ncclUniqueId *id, int rank)
{
    tn_sim_nccl_world *w = find_world(id, ranks, rank);
    const int device = tn_sim_device();
    for (int i = 0; i < ranks; i++)
        if (w->rank[i] && w->rank[i]->device == device)
            return tn_sim_nccl_fail(
                ncclInvalidUsage,
                "Duplicate GPU detected : rank %d and rank %d both on CUDA device "
                "%d",
                rank, i, device);
    struct ncclComm *c = tn_sim_new(1, sizeof *c);
    c->world = w;
    c->rank = rank;
    c->device = device;
    w->ranks = ranks;
    w->rank[rank] = c;
    w->members++;
    tn_sim_born("NCCL communicator", c);
    *out = c;
    return ncclInProgress;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t *out, int ranks, ncclUniqueId id, int rank,
                                    ncclConfig_t *config)
{
    static const ncclConfig_t fresh = NCCL_CONFIG_INITIALIZER;
    *out = NULL;
    if (tn_sim_enter(__func__, 0))
        return tn_sim_nccl_fail(ncclUnhandledCudaError, "made to fail");
    if (ranks < 1 || ranks > TN_SIM_MAX_DEVICES || rank < 0 || rank >= ranks)
        return tn_sim_nccl_fail(ncclInvalidArgument, "invalid rank requested : %d/%d", rank, ranks);
    if (!config || config->size != fresh.size || config->magic != fresh.magic)
        return tn_sim_nccl_fail(ncclInvalidArgument, "ncclConfig_t argument not initialized");
    if (config->blocking != 0)
        tn_sim_break("unknown", "a communicator that blocks is not simulated");
    tn_sim_lock();
    const cudaError_t fault = tn_sim_fault(tn_sim_device());
    const ncclResult_t r = fault ? tn_sim_nccl_fail(ncclUnhandledCudaError, "Cuda failure '%s'",
                                                    cudaGetErrorString(fault))
                                 : join(out, ranks, &id, rank);
    tn_sim_unlock();
    return r;
}

/* ---- what has become of the last call ----------------------------------------------------- */

static bool all_joined(const tn_sim_nccl_world *w)
{
    for (int i = 0; i < w->ranks; i++)
        if (!w->rank[i])
            return false;
    return true;
}

/* Its own operations are done; and everybody else's. */
static bool all_quiet(ncclComm_t c)
{
    if (!c->quiet && c->last && !c->last->joint.done)
        tn_sim_run_some(c->stream);
    else
        c->quiet = true;
    for (int i = 0; i < c->world->ranks; i++)
        if (!c->world->rank[i]->quiet)
            return false;
    return true;
}

/* What is asked for may be done at once, or not yet. */
static ncclResult_t progress(ncclComm_t c)
{
    if (c->state == TN_SIM_NCCL_FAILED)
        return tn_sim_nccl_fail(c->error, "made to fail, while an operation ran");
    if (c->state == TN_SIM_NCCL_READY || c->state == TN_SIM_NCCL_FINALIZED)
        return ncclSuccess;
    if (tn_sim_choose(3) == 1)
        return ncclInProgress;
    if (c->state == TN_SIM_NCCL_JOINING && !all_joined(c->world))
        return ncclInProgress;
    if (c->state == TN_SIM_NCCL_JOINING) /* NCCL's own kernels are loaded by then */
        tn_sim_check_finished("a communicator is made ready");
    if (c->state == TN_SIM_NCCL_FINALIZING && !all_quiet(c))
        return ncclInProgress;
    if (c->state == TN_SIM_NCCL_ISSUING)
        tn_sim_nccl_push(c);
    c->state = c->state == TN_SIM_NCCL_FINALIZING ? TN_SIM_NCCL_FINALIZED : TN_SIM_NCCL_READY;
    return ncclSuccess;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t c, ncclResult_t *state)
{
    bool fails;
    tn_sim_nccl_begin(__func__, c, &fails);
    if (fails)
        return tn_sim_nccl_end(c, tn_sim_nccl_fail(ncclSystemError, "made to fail"));
    *state = progress(c);
    return tn_sim_nccl_end(c, ncclSuccess);
}

/* ---- leaving ------------------------------------------------------------------------------ */

ncclResult_t ncclCommFinalize(ncclComm_t c)
{
    bool fails;
    tn_sim_nccl_begin(__func__, c, &fails);
    if (c->state == TN_SIM_NCCL_FAILED)
        return tn_sim_nccl_end(c, tn_sim_nccl_fail(c->error, "an operation has failed before"));
    if (c->state != TN_SIM_NCCL_READY)
        tn_sim_break("communicator", "%s: rank %d of %d is not ready", __func__, c->rank,
                     c->world->ranks);
    if (fails)
        return tn_sim_nccl_end(c, tn_sim_nccl_fail(ncclSystemError, "made to fail"));
    c->state = TN_SIM_NCCL_FINALIZING;
    return tn_sim_nccl_end(c, ncclInProgress);
}

ncclResult_t ncclCommDestroy(ncclComm_t c)
{
    bool fails;
    tn_sim_nccl_begin(__func__, c, &fails);
    if (c->state != TN_SIM_NCCL_FINALIZED)
        tn_sim_break("communicator", "%s: rank %d of %d was not finalized", __func__, c->rank,
                     c->world->ranks);
    tn_sim_nccl_leave(c);
    tn_sim_died("NCCL communicator", c); /* its memory stays, as the runtime's objects' does */
    return tn_sim_nccl_end(c,
                           fails ? tn_sim_nccl_fail(ncclSystemError, "made to fail") : ncclSuccess);
}

/* What streams have of its operations they go on without. */
ncclResult_t ncclCommAbort(ncclComm_t c)
{
    bool fails;
    tn_sim_nccl_begin(__func__, c, &fails);
    tn_sim_nccl_leave(c);
    tn_sim_died("NCCL communicator", c);
    return tn_sim_nccl_end(c,
                           fails ? tn_sim_nccl_fail(ncclSystemError, "made to fail") : ncclSuccess);
}
