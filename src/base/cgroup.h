/*
 * Linux' control groups: how many cores' time this process is given, which containers and job schedulers limit without
 * taking cores away.
 */
#ifndef TN_CGROUP_H
#define TN_CGROUP_H

/* The least quota of the process's groups and those that they are in, of version 1 or 2, in whole cores, rounded up; 0 if
 * there is none. `root` stands before the paths /proc/self/cgroup and /sys/fs/cgroup: "" but in tests. */
int tn_cgroup_cores(const char *root);

#endif
