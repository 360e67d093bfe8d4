/*
 * places: where OpenMP binds threads (OMP_PROC_BIND, OMP_PLACES, GOMP_CPU_AFFINITY) it binds the program's first one to one place
 * as soon as it is loaded. Threads that this one starts would have that place, too, and no others be counted.
 */
#ifdef __linux__
#define _GNU_SOURCE /* sched_setaffinity, CPU_OR_S */
#endif

#include <omp.h>

#include "backends/cpu/onednn/door.h"

#ifdef __linux__

#include "base/core_set.h"

static void get_place(int i, tn_core_set *out)
{
    int core[TN_MOST_CORES];
    const int cores = omp_get_place_num_procs(i);
    CPU_ZERO_S(sizeof *out, &out->set);
    if (cores > TN_MOST_CORES)
        return;
    omp_get_place_proc_ids(i, core);
    for (int k = 0; k < cores; k++)
        CPU_SET_S(core[k], sizeof *out, &out->set);
}

/* Has OpenMP bound the calling thread to one of several places? *own: that one. */
static bool is_bound(tn_core_set *own, tn_core_set *all)
{
    bool found = false;
    CPU_ZERO_S(sizeof *all, &all->set);
    if (omp_get_proc_bind() == omp_proc_bind_false ||
        sched_getaffinity(0, sizeof *own, &own->set) != 0)
        return false;
    for (int i = 0; i < omp_get_num_places(); i++) {
        tn_core_set place;
        get_place(i, &place);
        found |= CPU_EQUAL_S(sizeof place, &place.set, &own->set);
        CPU_OR_S(sizeof place, &all->set, &all->set, &place.set);
    }
    return found && !CPU_EQUAL_S(sizeof *all, &all->set, &own->set);
}

tn_status tn_openmp_let_go(tn_open_cpu *open, tn_backend_device **out, const tn_open_opts *opts)
{
    tn_core_set own, all;
    const bool bound = is_bound(&own, &all) && sched_setaffinity(0, sizeof all, &all.set) == 0;
    const tn_status status = open(out, opts);
    if (bound)
        (void)sched_setaffinity(0, sizeof own, &own.set); /* which it had before */
    return status;
}

#else

tn_status tn_openmp_let_go(tn_open_cpu *open, tn_backend_device **out, const tn_open_opts *opts)
{
    return open(out, opts);
}

#endif
