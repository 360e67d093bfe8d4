/*
 * The simulated NCCL, as its parts see it: communicators that do not block, sums and broadcasts.
 *
 * A call only asks: ncclCommGetAsyncError() tells when it has been done, and it is then that an operation
 * goes to its stream. Operations of a communicator are matched by their number; where ranks do not ask for
 * the same thing, which the real library answers with a hang or with wrong numbers, the rule "collective" is
 * broken. Sums are made in the order of the ranks, rounded after each.
 */
#ifndef TN_SIM_NCCL_H
#define TN_SIM_NCCL_H

#include <nccl.h>
#include <stdatomic.h>

#include "sim/_runtime.h"

typedef struct tn_sim_nccl_world tn_sim_nccl_world;

/* What a rank asks for. */
typedef struct tn_sim_nccl_call {
    const char *function;
    const void *from;
    void *to;
    size_t count;
    ncclDataType_t type;
    int root; /* -1: a sum */
} tn_sim_nccl_call;

/* An operation of all ranks. */
typedef struct tn_sim_nccl_op {
    tn_sim_joint joint; /* which frees it */
    tn_sim_nccl_world *world;
    int first; /* the rank that asked first */
    tn_sim_nccl_call call[TN_SIM_MAX_DEVICES];
} tn_sim_nccl_op;

typedef enum tn_sim_nccl_state {
    TN_SIM_NCCL_JOINING,
    TN_SIM_NCCL_READY,
    TN_SIM_NCCL_ISSUING,
    TN_SIM_NCCL_FINALIZING,
    TN_SIM_NCCL_FINALIZED,
    TN_SIM_NCCL_FAILED
} tn_sim_nccl_state;

struct ncclComm {
    tn_sim_nccl_world *world;
    int rank, device;
    tn_sim_nccl_state state;
    ncclResult_t error;   /* if it has failed */
    atomic_bool busy;     /* a thread is in a call */
    uint64_t issued;      /* operations so far */
    tn_sim_nccl_op *last; /* of them; NULL before the first */
    cudaStream_t stream;
    bool quiet; /* finalized, and its operations are done */
};

/* All ranks of one id. */
struct tn_sim_nccl_world {
    uint64_t number;    /* which is its id */
    int ranks, members; /* members: that are there now */
    struct ncclComm *rank[TN_SIM_MAX_DEVICES];
    tn_sim_nccl_op **op; /* those that not all ranks have done */
    size_t ops, room;
    uint64_t done; /* operations before op[0] */
    tn_sim_nccl_world *next;
};

/* The text of ncclGetLastError(). */
ncclResult_t tn_sim_nccl_fail(ncclResult_t result, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A call of one thread on a communicator: takes the lock; *fails: a test wants it to. */
void tn_sim_nccl_begin(const char *function, ncclComm_t c, bool *fails);
ncclResult_t tn_sim_nccl_end(ncclComm_t c, ncclResult_t result);

/* Puts on its stream what the last call asked for. */
void tn_sim_nccl_push(ncclComm_t c);
/* This rank does nothing of what it has not done yet. */
void tn_sim_nccl_leave(ncclComm_t c);

#endif
