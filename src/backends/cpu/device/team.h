/* How many threads OpenMP gives. */
#ifndef TN_CPU_TEAM_H
#define TN_CPU_TEAM_H

#include <tenon/status.h>

/* Of `threads` asked for, those that a loop of the calling thread gets: OMP_THREAD_LIMIT may allow fewer, and so may being
 * called from within another loop. */
int tn_team_size(int threads);

/* Makes *threads that, and no more than the system lets the process start (ulimit -u, memory for stacks): OpenMP would end
 * the program if it could not. */
tn_status tn_team_measure(int *threads);

#endif
