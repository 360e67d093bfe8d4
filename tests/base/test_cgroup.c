/* How many cores' time a process is given: the files of control groups, made in a folder. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cgroup.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(quotas_are_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
