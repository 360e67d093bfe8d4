/* How many cores' time and how much memory a process is given: the files of control groups, made in a folder. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cgroup.h"
#include "base/host_memory.h"
#include "lab.h"

/* Writes a file of `root`, and makes the folders that it is in. */
static void put(const char *root, const char *path, const char *text)
{
    char at[512];
    snprintf(at, sizeof at, "%s/%s", root, path);
    for (char *slash = strchr(at + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        (void)mkdir(at, 0777); /* it may be there */
        *slash = '/';
    }
    FILE *f = fopen(at, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void quotas_are_read(void **unused)
{
    (void)unused;
    static const struct {
        const char *why, *groups;
        struct {
            const char *path, *text;
        } file[3];
        int cores;
    } cases[] = {
        {"version 2", "0::/a/b\n", {{"a/b/cpu.max", "200000 100000\n"}}, 2},
        {"rounded up", "0::/a/b\n", {{"a/b/cpu.max", "150000 100000\n"}}, 2},
        {"less than one", "0::/a\n", {{"a/cpu.max", "1000 100000\n"}}, 1},
        {"none", "0::/a\n", {{"a/cpu.max", "max 100000\n"}}, 0},
        {"the group that it is in has less",
         "0::/a/b/c\n",
         {{"a/b/c/cpu.max", "800000 100000\n"}, {"a/cpu.max", "300000 100000\n"}},
         3},
        {"a container that sees its own group alone",
         "0::/docker/123\n",
         {{"cpu.max", "400000 100000\n"}},
         4},
        {"at the top", "0::/\n", {{"cpu.max", "500000 100000\n"}}, 5},
        {"version 1",
         "5:memory:/a\n4:cpu,cpuacct:/a\n0::/\n",
         {{"cpu,cpuacct/a/cpu.cfs_quota_us", "250000\n"},
          {"cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"},
          {"cpu.max", "max 100000\n"}},
         3},
        {"version 1, none",
         "4:cpu:/a\n",
         {{"cpu/a/cpu.cfs_quota_us", "-1\n"}, {"cpu/a/cpu.cfs_period_us", "100000\n"}},
         0},
        {"cpuset is another", "4:cpuset:/a\n", {{"cpuset/a/cpu.max", "100000 100000\n"}}, 0},
        {"no period", "0::/a\n", {{"a/cpu.max", "100000\n"}}, 0},
        {"a period of 0", "0::/a\n", {{"a/cpu.max", "100000 0\n"}}, 0},
        {"not a number", "0::/a\n", {{"a/cpu.max", "x\n"}}, 0},
        {"empty", "0::/a\n", {{"a/cpu.max", ""}}, 0},
        {"more than there can be",
         "0::/a\n",
         {{"a/cpu.max", "9223372036854775807 1\n"}},
         2147483647},
        {"no lines of groups", "nothing\n", {{"cpu.max", "1 1\n"}}, 0},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const char *root = lab_make_folder();
        put(root, "proc/self/cgroup", cases[i].groups);
        for (int j = 0; j < 3 && cases[i].file[j].path; j++) {
            char path[256];
            snprintf(path, sizeof path, "sys/fs/cgroup/%s", cases[i].file[j].path);
            put(root, path, cases[i].file[j].text);
        }
        const int cores = tn_cgroup_cores(root);
        if (cores != cases[i].cores)
            fail_msg("%s: %d cores, not %d", cases[i].why, cores, cases[i].cores);
        lab_remove(root);
    }
    assert_int_equal(tn_cgroup_cores("/nowhere"), 0);
}

static void limits_of_memory_are_read(void **unused)
{
    (void)unused;
    static const struct {
        const char *why, *groups;
        struct {
            const char *path, *text;
        } file[4];
        uint64_t total, left;
    } cases[] = {
        {"version 2",
         "0::/a/b\n",
         {{"a/b/memory.max", "1000000\n"}, {"a/b/memory.current", "300000\n"}},
         1000000,
         700000},
        {"cached files are dropped first",
         "0::/a\n",
         {{"a/memory.max", "1000000\n"},
          {"a/memory.current", "900000\n"},
          {"a/memory.stat", "anon 1\ninactive_file 600000\nactive_file 5\n"}},
         1000000,
         700000},
        {"none",
         "0::/a\n",
         {{"a/memory.max", "max\n"}, {"a/memory.current", "9\n"}},
         8192000,
         4096000},
        {"more than the machine has",
         "0::/a\n",
         {{"a/memory.max", "99999999999\n"}, {"a/memory.current", "9\n"}},
         8192000,
         4096000},
        {"the group that it is in has less left",
         "0::/a/b\n",
         {{"a/b/memory.max", "2000000\n"},
          {"a/b/memory.current", "500000\n"},
          {"a/memory.max", "3000000\n"},
          {"a/memory.current", "2900000\n"}},
         2000000,
         100000},
        {"more is used than is allowed",
         "0::/a\n",
         {{"a/memory.max", "1000\n"}, {"a/memory.current", "2000\n"}},
         1000,
         0},
        {"version 1",
         "5:memory:/a\n4:cpu,cpuacct:/a\n0::/\n",
         {{"memory/a/memory.limit_in_bytes", "1000000\n"},
          {"memory/a/memory.usage_in_bytes", "400000\n"},
          {"memory/a/memory.stat", "inactive_file 1\ntotal_inactive_file 100000\n"}},
         1000000,
         700000},
        {"version 1, none",
         "5:memory:/a\n",
         {{"memory/a/memory.limit_in_bytes", "9223372036854771712\n"},
          {"memory/a/memory.usage_in_bytes", "400000\n"}},
         8192000,
         4096000},
        {"what is used is not told", "0::/a\n", {{"a/memory.max", "1000\n"}}, 8192000, 4096000},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const char *root = lab_make_folder();
        uint64_t total, left;
        put(root, "proc/meminfo", "MemTotal: 8000 kB\nMemFree: 1 kB\nMemAvailable: 4000 kB\n");
        put(root, "proc/self/cgroup", cases[i].groups);
        for (int j = 0; j < 4 && cases[i].file[j].path; j++) {
            char path[256];
            snprintf(path, sizeof path, "sys/fs/cgroup/%s", cases[i].file[j].path);
            put(root, path, cases[i].file[j].text);
        }
        assert_true(tn_host_memory(root, &total, &left));
        if (total != cases[i].total || left != cases[i].left)
            fail_msg("%s: %llu of %llu, not %llu of %llu", cases[i].why, (unsigned long long)left,
                     (unsigned long long)total, (unsigned long long)cases[i].left,
                     (unsigned long long)cases[i].total);
        lab_remove(root);
    }
    uint64_t total, left;
    assert_false(tn_host_memory("/nowhere", &total, &left));
    assert_true(tn_host_memory("", &total, &left) && left > 0 && left <= total);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(quotas_are_read),
                                       cmocka_unit_test(limits_of_memory_are_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
