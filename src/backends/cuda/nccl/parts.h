/*
 * The parts of _nccl*.c: a member of a group, and waiting for the others.
 */
#ifndef TN_CUDA_NCCL_PARTS_H
#define TN_CUDA_NCCL_PARTS_H

#include <nccl.h>
#include <pthread.h>

#include "backends/cuda/device/beside.h"
#include "backends/cuda/nccl/nccl.h"

/* So many all-reduces may be asked for before the first of them is done: several steps. */
enum { TN_NCCL_TURNS = 64 };

/* One that was asked for. */
typedef struct tn_nccl_turn {
    cudaEvent_t begun, done; /* on the communication stream, before and after */
    int mark;
    size_t count;
} tn_nccl_turn;

struct tn_comm {
    tn_backend_device *device;
    tn_comm *self; /* for finished(), which is given a const one */
    tn_comm *next; /* of the device's */
    int rank, ranks;
    double stall;
    const atomic_bool *given_up;
    tn_status (*meet)(void *with); /* see tn_join_opts; NULL: no other here */
    void *with;
    bool careful;
    float *probe;                     /* device: TN_CUDA_PLACE of every rank */
    void *half;                       /* device: bf16, of one all-reduce */
    size_t half_count;                /* elements that it has room for */
    tn_nccl_turn turn[TN_NCCL_TURNS]; /* number i is in [i % TN_NCCL_TURNS] */
    char *text;
    int64_t seen;          /* turns that are done, when last looked at */
    double looked, waited; /* when that was; seconds since it changed */

    /* For all that is below: NCCL, and other threads, come one at a time. */
    pthread_mutex_t lock;
    ncclComm_t nccl; /* NULL: not yet, or no more */
    bool aborted;
    int64_t issued, done; /* turns */
    int64_t marked;       /* of those that are done, with a mark */
};

/* ---- wait.c ------------------------------------------------------------------------------- */

/* TN_OK for ncclSuccess; else an error that names the rank and the call. */
tn_status tn_nccl_check(const tn_comm *c, ncclResult_t r, const char *call);
tn_status tn_nccl_was_aborted(const tn_comm *c);

/* Has NCCL done what it was last called for? On the host: streams may have got it only then. */
tn_status tn_nccl_poll(tn_comm *c, const char *call, bool *ready);
tn_status tn_nccl_poll_until_ready(tn_comm *c, const char *call);

/* Turns that were asked for; those that are done by now, in any thread that uses the device. */
int64_t tn_nccl_issued(tn_comm *c);
cudaError_t tn_nccl_count_done(tn_comm *c, int64_t *done);
/* What tn_cuda_settle() does on a device with communicators. */
tn_cuda_settle_fn tn_nccl_settle;
/* Until that many are done. */
tn_status tn_nccl_wait_until_done(tn_comm *c, int64_t wanted);

/* ---- join.c ------------------------------------------------------------------------------- */

tn_status tn_nccl_make_id(tn_comm_id *out);
tn_status tn_nccl_join(tn_backend_device *d, const tn_join_opts *opts, tn_comm **out);
void tn_nccl_leave(tn_comm *c);
void tn_nccl_abort(tn_comm *c);

/* ---- nccl.c ------------------------------------------------------------------------------- */

tn_status tn_nccl_all_reduce(tn_comm *c, int mark, float *x, size_t count, tn_dtype as);

#endif
