#include "base/cgroup.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 4096 };

/* The first `count` words of a file that are numbers, "max" counting as none; how many there are. */
static int read_numbers(const char *folder, const char *name, long long *out, int count)
{
    char path[PATH_BYTES + 32], text[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    const bool any = fgets(text, sizeof text, f) != NULL;
    fclose(f);
    const int found = any ? sscanf(text, "%lld %lld", &out[0], &out[1]) : 0;
    return found < count ? found : count;
}

static int cores_of(const char *folder)
{
    long long v2[2] = {0}, quota[2] = {0}, period[2] = {0};
    if (read_numbers(folder, "cpu.max", v2, 2) < 2) {
        if (read_numbers(folder, "cpu.cfs_quota_us", quota, 1) < 1 ||
            read_numbers(folder, "cpu.cfs_period_us", period, 1) < 1)
            return 0;
        v2[0] = quota[0];
        v2[1] = period[0];
    }
    if (v2[0] <= 0 || v2[1] <= 0) /* version 1 has -1 for none */
        return 0;
    const long long cores = v2[0] / v2[1] + (v2[0] % v2[1] != 0);
    return cores < INT_MAX ? (int)cores : INT_MAX;
}

/* Of the group at `path` below the folder where they are mounted, and of each that it is in. In a container the path may
 * be the host's, of which the mounted folder is the end: what is not there has no quota. */
static int least_of(const char *mount, const char *path)
{
    char folder[PATH_BYTES];
    const size_t top = strlen(mount);
    if (snprintf(folder, sizeof folder, "%s%s", mount, path) >= (int)sizeof folder)
        return 0;
    int least = 0;
    for (char *slash = folder + strlen(folder); slash && (size_t)(slash - folder) >= top;
         slash = strrchr(folder, '/')) {
        *slash = 0;
        const int cores = cores_of(folder);
        if (cores > 0 && (least == 0 || cores < least))
            least = cores;
    }
    return least;
}

/* Is cpu among "cpu,cpuacct"? */
static bool has_cpu(const char *controllers)
{
    while (*controllers) {
        const size_t length = strcspn(controllers, ",");
        if (length == 3 && strncmp(controllers, "cpu", 3) == 0)
            return true;
        controllers += length + (controllers[length] == ',');
    }
    return false;
}

int tn_cgroup_cores(const char *root)
{
    char line[PATH_BYTES], mount[PATH_BYTES];
    int least = 0;
    snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    FILE *f = fopen(line, "r");
    if (!f)
        return 0;
    while (fgets(line, sizeof line, f)) { /* "4:cpu,cpuacct:/a/b"; version 2: "0::/a/b" */
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':'),
             *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = 0;
        if (*++controllers && !has_cpu(controllers))
            continue;
        const int length = snprintf(mount, sizeof mount, "%s/sys/fs/cgroup%s%s", root,
                                    *controllers ? "/" : "", controllers);
        const int cores = length < (int)sizeof mount ? least_of(mount, path) : 0;
        if (cores > 0 && (least == 0 || cores < least))
            least = cores;
    }
    fclose(f);
    return least;
}
