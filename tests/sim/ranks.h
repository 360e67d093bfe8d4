/*
 * What tests of the simulated NCCL work with: ranks, each with a device, a stream, memory and a communicator.
 */
#ifndef TN_TEST_SIM_RANKS_H
#define TN_TEST_SIM_RANKS_H

#include <nccl.h>

#include "rules.h"

enum { N = 64, BYTES = N * sizeof(float), MOST = 8, SEEDS = 20 };

typedef struct rank {
    int rank, ranks, device;
    ncclUniqueId id;
    ncclComm_t comm;
    cudaStream_t s;
    cudaEvent_t e;
    float *x, *y; /* N in device memory */
} rank;

#define assert_nccl(call) ranks_assert((call), ncclSuccess, #call, __FILE__, __LINE__)
#define assert_begun(call) ranks_assert((call), ncclInProgress, #call, __FILE__, __LINE__)
#define assert_refused(call, error) ranks_assert((call), (error), #call, __FILE__, __LINE__)
void ranks_assert(ncclResult_t got, ncclResult_t want, const char *call, const char *file,
                  int line);

/* Rank i of those on devices 0, 1, ..., with everything but a communicator; for the thread that calls. */
void rank_begin(rank *r, int i, int ranks, const ncclUniqueId *id);
void rank_end(rank *r);
/* Asks for a communicator, and for what has become of the last call until it is no more in progress. */
void rank_ask(rank *r);
ncclResult_t rank_poll(const rank *r);
/* Of those of ranks_run(): returns when all have joined. */
void rank_join(rank *r);
void rank_leave(rank *r);
/* Sums x in place, from where the stream is. */
void rank_sum(rank *r);

/* Runs body for each of the ranks, in a thread of its own. */
void ranks_run(int ranks, void (*body)(rank *r));

/* to = factor * from + shift, on the rank's stream. */
void rank_scale(const rank *r, float *to, const float *from, float factor, float shift);
/* The first element, when the stream is through. */
float rank_first(const rank *r, const float *p);

#endif
