#include "base/host_memory.h"

#include <stdio.h>

#include "base/cgroup.h"

bool tn_host_memory(const char *root, uint64_t *total, uint64_t *left)
{
    char line[4096];
    unsigned long long all = 0, available = 0;
    bool found = false;
    uint64_t limit, below;
    snprintf(line, sizeof line, "%s/proc/meminfo", root);
    FILE *f = fopen(line, "r");
    while (f && !found && fgets(line, sizeof line, f)) { /* "MemTotal:  123 kB" comes first */
        (void)sscanf(line, "MemTotal: %llu kB", &all);
        found = sscanf(line, "MemAvailable: %llu kB", &available) == 1;
    }
    if (f)
        fclose(f);
    *total = found ? all << 10 : 0;
    *left = found ? available << 10 : 0;
    if (found && tn_cgroup_memory(root, &limit, &below)) {
        *total = limit < *total ? limit : *total;
        *left = below < *left ? below : *left;
    }
    return found;
}
