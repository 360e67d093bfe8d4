/*
 * Ranks by MPI: the only folder that sees <mpi.h>.
 *
 * Messages from one rank to another are all that is used of it, none of MPI's own collectives: these cannot be
 * given up, nor do they say who has not come. A wait here looks at its messages, at the clock, and at whether
 * another rank has told that it failed. Sums are added up in the order of ranks: the same bits on all of them, in
 * each run, and those that as many replicas in one process have.
 *
 * MPI's functions are called by one thread at a time, under the lock.
 */
#ifndef TN_MPI_H
#define TN_MPI_H

#include <mpi.h>
#include <pthread.h>
#include <stdatomic.h>

#include "backends/ranks.h"
#include "base/base.h"

/* What messages are about, in MPI's tag; each group has one of its own from TN_MPI_GROUPS on. */
enum { TN_MPI_FAILED = 1, TN_MPI_GATHER, TN_MPI_GROUPS };

typedef struct tn_mpi_world {
    pthread_mutex_t lock;
    bool begun;
    bool ours; /* we have initialised MPI */
    int open;  /* begin() without end() */
    MPI_Comm comm;
    tn_rank_place place;
    char text[MPI_MAX_LIBRARY_VERSION_STRING];
    MPI_Request listening; /* for another's failure */
    char heard[512];
    atomic_bool failed;
    char why[640];
} tn_mpi_world;
extern tn_mpi_world tn_mpi;

/* Messages under way, two a peer: what comes from it, what goes to it. */
typedef struct tn_mpi_mail {
    int tag, count;
    MPI_Request request[2 * TN_MAX_RANKS];
    int peer[2 * TN_MAX_RANKS];
    bool receives[2 * TN_MAX_RANKS];
} tn_mpi_mail;

/* An error calls off what the mail has posted: nothing is received any more into memory that is the caller's again.
 * It is the end of MPI for this process (tn_mpi_world.failed): nothing would be in step with the other ranks. */
tn_status tn_mpi_receive(tn_mpi_mail *m, int peer, void *to, size_t bytes);
tn_status tn_mpi_send(tn_mpi_mail *m, int peer, const void *from, size_t bytes);
/* Until all are there. `aborted`: may be NULL; ends the wait too. */
tn_status tn_mpi_wait(tn_mpi_mail *m, double stall, const atomic_bool *aborted);

/* As tn_ranks.check. */
tn_status tn_mpi_heard(void);

extern const tn_collectives tn_mpi_collectives;

#endif
