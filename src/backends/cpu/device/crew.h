/*
 * A device's threads: the calling one and workers that wait for its loops.
 *
 * A loop is cut into pieces. Each thread has a stretch of them, always the same one, so that it finds in its caches what it
 * has made in the loop before; who is through takes pieces from the ends of what others have left. So a thread that another
 * program keeps off its core holds up no more than the piece it has begun, and one that wakes late misses nothing. Nobody
 * may depend on who does a piece: where numbers are added up, a loop goes over parts (tn_part()) that have one order.
 *
 * Who waits, for the next loop or for the last piece, looks for it for some 50 microseconds and then sleeps. A loop that finds
 * its crew at work for another thread, and one in a process that was forked, is done by the calling thread alone.
 */
#ifndef TN_CPU_CREW_H
#define TN_CPU_CREW_H

#include <stdbool.h>
#include <stdint.h>

#include <tenon/status.h>

/* Items begin ... end - 1 of a loop, and which of the crew's threads does them: for scratch of its own. */
typedef struct tn_piece {
    int64_t begin, end;
    int thread;
} tn_piece;
typedef void tn_work(const void *of, tn_piece p);

typedef struct tn_crew tn_crew;

/* Of so many threads, with the calling one, those that the system lets the process start (ulimit -u, memory for stacks). One
 * alone is no crew: *out is NULL. core: which each shall be bound to, or NULL. */
tn_status tn_crew_open(tn_crew **out, int threads, const int *core);
void tn_crew_close(tn_crew *t); /* NULL is fine */
int tn_crew_size(const tn_crew *t);
/* Is this a process that was forked from one that had a crew? */
bool tn_crew_forked(void);

/* All of `count` items, in pieces of no fewer than `grain`. Loops are not nested. */
void tn_crew_run(tn_crew *t, int64_t count, int64_t grain, tn_work *work, const void *of);

#endif
