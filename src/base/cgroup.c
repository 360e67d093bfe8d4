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

/* The number behind that word at the beginning of a line; 0: it is not there. */
static uint64_t number_of(const char *folder, const char *name, const char *word)
{
    char path[PATH_BYTES + 32], line[128];
    unsigned long long number = 0;
    const size_t length = strlen(word);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, word, length) == 0 && sscanf(line + length, " %llu", &number) == 1)
            break;
    if (f)
        fclose(f);
    return number;
}

/* ---- one group ---------------------------------------------------------------------------------- */

typedef struct limits {
    int cores;             /* 0: none */
    uint64_t memory, left; /* UINT64_MAX: none */
} limits;

static void look_at_cores(const char *folder, limits *l)
{
    long long v2[2] = {0}, quota[2] = {0}, period[2] = {0};
    if (read_numbers(folder, "cpu.max", v2, 2) < 2) {
        if (read_numbers(folder, "cpu.cfs_quota_us", quota, 1) < 1 ||
            read_numbers(folder, "cpu.cfs_period_us", period, 1) < 1)
            return;
        v2[0] = quota[0];
        v2[1] = period[0];
    }
    if (v2[0] <= 0 || v2[1] <= 0) /* version 1 has -1 for none */
        return;
    const long long whole = v2[0] / v2[1] + (v2[0] % v2[1] != 0);
    const int cores = whole < INT_MAX ? (int)whole : INT_MAX;
    if (l->cores == 0 || cores < l->cores)
        l->cores = cores;
}

static void look_at_memory(const char *folder, limits *l)
{
    static const struct {
        const char *limit, *used, *cached;
    } names[] = {{"memory.max", "memory.current", "inactive_file"},
                 {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}};
    const long long none =
        1LL << 60; /* version 1 has the largest number of pages there is for none */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        long long limit[2], used[2];
        if (read_numbers(folder, names[i].limit, limit, 1) < 1 || limit[0] < 0 ||
            limit[0] >= none || read_numbers(folder, names[i].used, used, 1) < 1 || used[0] < 0)
            continue;
        const uint64_t cached = number_of(folder, "memory.stat", names[i].cached);
        const uint64_t most = (uint64_t)limit[0], all = (uint64_t)used[0];
        const uint64_t kept = cached < all ? all - cached : 0, left = kept < most ? most - kept : 0;
        l->memory = most < l->memory ? most : l->memory;
        l->left = left < l->left ? left : l->left;
    }
}

/* ---- all of them -------------------------------------------------------------------------------- */

typedef void look_at(const char *folder, limits *l);

/* The group at `path` below the folder where they are mounted, and each that it is in. In a container the path may be the
 * host's, of which the mounted folder is the end: what is not there limits nothing. */
static void look_up_from(const char *mount, const char *path, look_at *look, limits *l)
{
    char folder[PATH_BYTES];
    const size_t top = strlen(mount);
    if (snprintf(folder, sizeof folder, "%s%s", mount, path) >= (int)sizeof folder)
        return;
    for (char *slash = folder + strlen(folder); slash && (size_t)(slash - folder) >= top;
         slash = strrchr(folder, '/')) {
        *slash = 0;
        look(folder, l);
    }
}

/* Is it among "cpu,cpuacct"? */
static bool has(const char *controllers, const char *name)
{
    while (*controllers) {
        const size_t length = strcspn(controllers, ",");
        if (length == strlen(name) && strncmp(controllers, name, length) == 0)
            return true;
        controllers += length + (controllers[length] == ',');
    }
    return false;
}

static limits look_at_all(const char *root, const char *controller, look_at *look)
{
    limits l = {0, UINT64_MAX, UINT64_MAX};
    char line[PATH_BYTES], mount[PATH_BYTES];
    snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    FILE *f = fopen(line, "r");
    while (f && fgets(line, sizeof line, f)) { /* "4:cpu,cpuacct:/a/b"; version 2: "0::/a/b" */
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':'),
             *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = 0;
        if (*++controllers && !has(controllers, controller))
            continue;
        const int length = snprintf(mount, sizeof mount, "%s/sys/fs/cgroup%s%s", root,
                                    *controllers ? "/" : "", controllers);
        if (length < (int)sizeof mount)
            look_up_from(mount, path, look, &l);
    }
    if (f)
        fclose(f);
    return l;
}

int tn_cgroup_cores(const char *root)
{
    return look_at_all(root, "cpu", look_at_cores).cores;
}

bool tn_cgroup_memory(const char *root, uint64_t *limit, uint64_t *left)
{
    const limits l = look_at_all(root, "memory", look_at_memory);
    *limit = l.memory;
    *left = l.left;
    return l.memory != UINT64_MAX;
}
