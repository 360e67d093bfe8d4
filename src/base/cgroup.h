/*
 * Linux' control groups: how many cores' time and how much memory this process is given, which containers and job schedulers
 * limit without taking anything away that it could see otherwise.
 *
 * Both look at the process's groups and those that they are in, of version 1 or 2. `root` stands before the paths
 * /proc/self/cgroup and /sys/fs/cgroup: "" but in tests.
 */
#ifndef TN_CGROUP_H
#define TN_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

/* The least quota, in whole cores, rounded up; 0 if there is none. */
int tn_cgroup_cores(const char *root);

/* Bytes: the least limit, and the least that is left below one; cached files, which the kernel drops first, count as left.
 * False if nothing is limited. */
bool tn_cgroup_memory(const char *root, uint64_t *limit, uint64_t *left);

#endif
