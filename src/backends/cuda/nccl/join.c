#include <stdio.h>
#include <string.h>

#include "backends/cuda/nccl/parts.h"

tn_status tn_nccl_make_id(tn_comm_id *out)
{
    ncclUniqueId id;
    _Static_assert(sizeof id == sizeof *out, "an id is NCCL's");
    TN_TRY(tn_library_nccl());
    const ncclResult_t r = ncclGetUniqueId(&id);
    if (r != ncclSuccess)
        return tn_fail(TN_ERR_DEVICE, "NCCL: ncclGetUniqueId: %s: %s", ncclGetErrorString(r),
                       ncclGetLastError(NULL));
    memcpy(out, &id, sizeof id);
    return TN_OK;
}

/* ---- joining ------------------------------------------------------------------------------ */

/* Loads code, NCCL's own too. The first collective behind it begins when all of this process have come (`careful`). */
static tn_status enter(tn_comm *c, const tn_comm_id *id)
{
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    ncclUniqueId nccl_id;
    config.blocking = 0;
    memcpy(&nccl_id, id, sizeof nccl_id);
    const ncclResult_t r = ncclCommInitRankConfig(&c->nccl, c->ranks, nccl_id, c->rank, &config);
    if (r != ncclSuccess && r != ncclInProgress)
        return tn_nccl_check(c, r, "ncclCommInitRankConfig");
    return tn_nccl_poll_until_ready(c, "ncclCommInitRankConfig");
}

static tn_status take_memory(tn_comm *c, size_t most_bf16)
{
    const tn_backend_device *d = c->device;
    void *probe = NULL;
    for (int i = 0; i < TN_NCCL_TURNS; i++) {
        TN_CUDA(d, NULL, cudaEventCreateWithFlags(&c->turn[i].begun, cudaEventDisableTiming));
        TN_CUDA(d, NULL, cudaEventCreateWithFlags(&c->turn[i].done, cudaEventDisableTiming));
    }
    TN_CUDA(d, NULL, cudaMalloc(&probe, (size_t)c->ranks * TN_CUDA_PLACE * sizeof *c->probe));
    c->probe = probe;
    if (most_bf16)
        TN_CUDA(d, NULL, cudaMalloc(&c->half, most_bf16 * sizeof(uint16_t)));
    c->half_count = most_bf16;
    return TN_OK;
}

/* The first all-reduce: each gives where it is, and gets where the others are. That its own numbers come back
 * as they were shows that sums are right. */
static tn_status exchange_places(tn_comm *c, float *places)
{
    tn_backend_device *d = c->device;
    const size_t count = (size_t)c->ranks * TN_CUDA_PLACE, bytes = count * sizeof *places;
    float *own = places + (size_t)c->rank * TN_CUDA_PLACE, said[TN_CUDA_PLACE];
    TN_TRY(tn_cuda_whereabouts(d, own));
    memcpy(said, own, sizeof said);
    TN_CUDA(d, NULL, cudaMemcpyAsync(c->probe, places, bytes, cudaMemcpyHostToDevice, d->compute));
    TN_TRY(tn_nccl_all_reduce(c, TN_MARK_NONE, c->probe, count, TN_F32));
    TN_TRY(tn_nccl_wait_until_done(c, 1));
    TN_TRY(tn_cuda_settle(d, d->compute, NULL));
    TN_CUDA(d, NULL, cudaMemcpyAsync(places, c->probe, bytes, cudaMemcpyDeviceToHost, d->compute));
    TN_TRY(tn_cuda_wait(d));
    if (memcmp(said, own, sizeof said) != 0)
        return tn_fail(TN_ERR_DEVICE, "%s: a first sum over %d devices is wrong: %g in place of %g",
                       d->name, c->ranks, (double)own[0], (double)said[0]);
    return TN_OK;
}

static tn_status get_to_know(tn_comm *c)
{
    char links[160], shared[80];
    int version = 0;
    float *places = tn_alloc((size_t)c->ranks * TN_CUDA_PLACE, sizeof *places);
    if (!places)
        return tn_no_memory(c->device->name, (size_t)c->ranks * TN_CUDA_PLACE * sizeof *places);
    tn_status status = exchange_places(c, places);
    if (status == TN_OK)
        status = tn_cuda_links(c->device, c->ranks, c->rank, places, links, sizeof links);
    tn_free(places);
    TN_TRY(status);
    TN_TRY(tn_nccl_check(c, ncclGetVersion(&version), "ncclGetVersion"));
    tn_cuda_shared_memory(shared, sizeof shared);
    c->text = tn_format("NCCL %d.%d.%d over %s; %s", version / 10000, version / 100 % 100,
                        version % 100, links, shared);
    return c->text ? TN_OK : tn_no_memory(c->device->name, sizeof links + sizeof shared);
}

/* What fails here often fails for want of shared memory. */
static tn_status tell_shared_memory(tn_status status)
{
    char said[800], shared[80];
    snprintf(said, sizeof said, "%s", tn_error());
    tn_cuda_shared_memory(shared, sizeof shared);
    return tn_fail(status, "%s (%s)", said, shared);
}

enum { STALL = 60 }; /* s, if nobody says another */

tn_status tn_nccl_join(tn_backend_device *d, const tn_join_opts *opts, tn_comm **out)
{
    TN_TRY(tn_library_nccl());
    TN_TRY(tn_cuda_beside_open(d));
    TN_TRY(tn_cuda_finish_collectives(d)); /* of other plans: what follows loads code */
    TN_TRY(tn_cuda_load_kernels(d));
    tn_comm *c = tn_alloc(1, sizeof *c);
    if (!c)
        return tn_no_memory(d->name, sizeof *c);
    c->device = d;
    c->self = c;
    c->rank = opts->rank;
    c->ranks = opts->ranks;
    c->given_up = opts->given_up;
    c->meet = opts->meet;
    c->with = opts->with;
    c->careful = true;
    c->stall = opts->stall > 0 ? opts->stall : STALL;
    pthread_mutex_init(&c->lock, NULL);
    tn_status status = take_memory(c, opts->most_bf16);
    if (status == TN_OK) {
        status = enter(c, &opts->id);
        if (status == TN_OK)
            status = get_to_know(c);
        if (status == TN_ERR_DEVICE)
            status = tell_shared_memory(status);
    }
    if (status != TN_OK) {
        tn_nccl_abort(c);
        tn_nccl_leave(c);
        return status;
    }
    c->next = d->beside->comms;
    d->beside->comms = c;
    d->settle = tn_nccl_settle;
    *out = c;
    return TN_OK;
}

/* ---- leaving ------------------------------------------------------------------------------ */

void tn_nccl_abort(tn_comm *c)
{
    pthread_mutex_lock(&c->lock);
    c->aborted = true;
    if (c->nccl)
        ncclCommAbort(c->nccl); /* nothing can be done about a failure */
    c->nccl = NULL;
    pthread_mutex_unlock(&c->lock);
}

/* All members have done all that was asked of them: NCCL's part is over. */
static tn_status finalize(tn_comm *c)
{
    TN_TRY(tn_nccl_wait_until_done(c, tn_nccl_issued(c)));
    pthread_mutex_lock(&c->lock);
    const bool aborted = c->aborted;
    const ncclResult_t r = aborted ? ncclSuccess : ncclCommFinalize(c->nccl);
    pthread_mutex_unlock(&c->lock);
    if (aborted)
        return tn_nccl_was_aborted(c);
    if (r != ncclInProgress)
        TN_TRY(tn_nccl_check(c, r, "ncclCommFinalize"));
    TN_TRY(tn_nccl_poll_until_ready(c, "ncclCommFinalize"));
    pthread_mutex_lock(&c->lock);
    if (c->nccl)
        ncclCommDestroy(c->nccl); /* nothing can be done about a failure */
    c->nccl = NULL;
    pthread_mutex_unlock(&c->lock);
    return TN_OK;
}

static void unlink_comm(tn_comm *c)
{
    for (tn_comm **link = &c->device->beside->comms; *link; link = &(*link)->next)
        if (*link == c) {
            *link = c->next;
            return;
        }
}

void tn_nccl_leave(tn_comm *c)
{
    if (!c)
        return;
    tn_error_kept kept; /* what went wrong before is what counts */
    tn_error_keep(&kept);
    cudaSetDevice(c->device->index); /* nothing can be done about failures here */
    if (finalize(c) != TN_OK)
        tn_nccl_abort(c);
    tn_error_put_back(&kept);
    unlink_comm(c);
    for (int i = 0; i < TN_NCCL_TURNS; i++) {
        if (c->turn[i].begun)
            cudaEventDestroy(c->turn[i].begun);
        if (c->turn[i].done)
            cudaEventDestroy(c->turn[i].done);
    }
    if (c->probe)
        cudaFree(c->probe);
    if (c->half)
        cudaFree(c->half);
    pthread_mutex_destroy(&c->lock);
    tn_free(c->text);
    tn_free(c);
}
