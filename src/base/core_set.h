/*
 * A set of as many cores as Linux can be built for; to be used with CPU_SET_S() and its like. A cpu_set_t by itself has
 * 1024, and on a machine of more the system's calls refuse it. For files that define _GNU_SOURCE.
 */
#ifndef TN_CORE_SET_H
#define TN_CORE_SET_H

#include <sched.h>

enum { TN_MOST_CORES = 8192 };

typedef union tn_core_set {
    cpu_set_t set;
    unsigned char bytes[TN_MOST_CORES / 8];
} tn_core_set;

#endif
