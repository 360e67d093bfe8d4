/* The memory of this machine, as far as this process may have it. */
#ifndef TN_HOST_MEMORY_H
#define TN_HOST_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes: how much there is, and how much can still be had, also by giving up cached files: the system's, or what is left of
 * a control group's, if that is less. False, and both 0, if the system does not say. `root`: as of cgroup.h, and before
 * /proc/meminfo. */
bool tn_host_memory(const char *root, uint64_t *total, uint64_t *left);

#endif
