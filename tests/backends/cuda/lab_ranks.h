/*
 * Several devices as one, below the plan: each with a thread of the host.
 */
#ifndef TN_LAB_RANKS_H
#define TN_LAB_RANKS_H

#include "backends/cuda/lab_raw.h"

enum { RANKS_MOST = 8 };

/* A member, as its thread sees it. */
typedef struct lab_member {
    lab_raw raw;
    const tn_collectives *all;
    tn_comm *comm;
    int rank, ranks;
    tn_join_opts join;
    void *note;     /* what the test gives to all */
    void *all_here; /* of lab_ranks_meet() */
} lab_member;

/* On the host: until all members have come. */
void lab_ranks_meet(const lab_member *m);

/* Opens devices 0, 1, ... of the simulated GPU (or, with TENON_TEST_GPU, that one, and for several those
 * of TENON_TEST_GPUS, or the test is skipped), and runs body for each, joined, in a thread of its own; then leaves. */
typedef struct lab_ranks {
    int ranks;
    const char *options; /* of the devices: ",graph=off", or NULL */
    double stall;        /* s; 0: enough for anything */
    size_t most_bf16;
    bool alone; /* body joins by itself, and leaves */
    void *note;
} lab_ranks;
void lab_ranks_run(const lab_ranks *g, void (*body)(lab_member *m));

#endif
