/*
 * A loader: threads that fill a ring of batches (queue.h), and the one that takes them (take.c).
 *
 * All that could depend on which thread was faster is decided by the taker, batch by batch and row by
 * row: which items count as bad, in what order, and when there are too many.
 */
#ifndef TN_LOADER_H
#define TN_LOADER_H

#include <stdatomic.h>

#include "base/thread.h"
#include "data/bad.h"
#include "data/queue.h"

struct tn_loader {
    tn_device *device; /* if several ranks share its batches, else NULL */
    tn_origin origin;
    uint64_t seed;
    tn_queue queue;
    tn_threads threads;
    void **worker; /* the source's, one a thread */
    int workers;
    atomic_int started;
    tn_bad_items bad;
    /* The taker's own, from here on. */
    bool holds;   /* a batch that must be given back */
    bool end_due; /* the next call says TN_END */
    tn_on_bad on_bad;
    double max_bad;
    tn_status failed; /* what next() says until a seek, */
    char *failure;    /* and how */
    char *item_name;  /* that the program was told last */
    double first_call;
    tn_loader_times times;
};

#endif
