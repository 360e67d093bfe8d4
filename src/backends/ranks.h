/*
 * Ranks: processes, on one machine or many, that train one model together. Each runs the same program and calls
 * the same functions in the same order; what starts them is mpirun or the like.
 *
 * A module, tenon_mpi.so, gives this table, so that a machine without MPI runs the same build of the library.
 * Devices that are opened as "mpi:..." have it; all they do over the ranks goes through it.
 */
#ifndef TN_RANKS_H
#define TN_RANKS_H

#include "backends/collective.h"

/* Which of the ranks this process is. All zero: alone. */
typedef struct tn_rank_place {
    int rank, ranks;
    int near, nears; /* which of those that may run on the same cores of this host */
    int number;      /* which of those on this host: the GPU that it takes */
} tn_rank_place;

/*
 * Errors: TN_ERR_DEVICE with the rank that was waited for in vain; and TN_END, with a text that names the rank,
 * because another one failed. After either nothing more can be done together.
 */
typedef struct tn_ranks {
    const char *name; /* "mpi" */
    /* Each begin() has its end(). When the program ends with one missing the others are not waited for, and
     * who started it ends them. */
    tn_status (*begin)(tn_rank_place *out);
    void (*end)(void);
    /* The `bytes` of each rank, behind each other in `all`; `own` may be their place in it. Gives up after
     * `stall` seconds. */
    tn_status (*gather)(double stall, const void *own, size_t bytes, void *all);
    /* Tells the others that this one has failed, and how. From any thread. */
    void (*fail)(const char *text);
    /* TN_END if another one has told so. Does not wait; from any thread. */
    tn_status (*check)(void);
    const char *(*describe)(void); /* "Open MPI v4.1.4" */
    /* Between devices that keep their memory on the host, one a rank. */
    const tn_collectives *collectives;
} tn_ranks;

#endif
