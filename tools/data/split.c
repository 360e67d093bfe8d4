/*
 * tenon data split: lists of a part to train on and a part to measure on.
 */
#define _POSIX_C_SOURCE 200809L /* mkdir, access */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tenon/tenon.h>

#include "../common/args.h"
#include "data.h"
#include "groups.h"
#include "set.h"

static struct {
    const char *exclude, *out, *report;
    double percent;
    int64_t seed, threads;
    bool alike, quiet, force;
} flags = {.percent = 10};

static const char about[] =
    "Shares a set out at random, class by class, and writes what is in each part as a list:\n"
    "train.txt and val.txt in the folder --out. No picture is moved or copied. The same seed "
    "gives\n"
    "the same parts; each class keeps its proportion, and has one image in val at least if it has\n"
    "two.\n\n"
    "With --alike every picture is looked at first, as tenon data check does, and those that are "
    "the\n"
    "same or nearly so are in one part: what was learnt by heart is not asked for then.";

static const char more[] =
    "Exit status: 0; 1: a list could not be written; 2: flags or a set that cannot be.\n\n"
    "Examples:\n"
    "  tenon data split photos --out photos-lists --percent 20\n"
    "  alexnet photos-lists/train.txt --val photos-lists/val.txt";

static const arg options[] = {
    {ARG_TEXT, "out", "DIR", "where the lists go, also -o; default: this folder", &flags.out, 0, 0},
    {ARG_REAL, "percent", "P", "of each class that go to val", &flags.percent, ARG_ABOVE_0, 99.999},
    {ARG_INT, "seed", "N", "another one gives other parts", &flags.seed, 0, 1e15},
    ARG_EXCLUDE(&flags.exclude),
    {ARG_FLAG, "alike", NULL, "keep pictures that look alike in one part", &flags.alike, 0, 0},
    {ARG_TEXT, "report", "FILE",
     "the same without looking: FILE is what tenon data check\n--json wrote of this set",
     &flags.report, 0, 0},
    {ARG_INT, "threads", "N", "that look for them; default: the number of cores", &flags.threads, 1,
     1024},
    {ARG_FLAG, "force", NULL, "write over lists that are there", &flags.force, 0, 0},
    {ARG_FLAG, "quiet", NULL, "only say what went wrong", &flags.quiet, 0, 0},
};

enum { PATH_BYTES = 4096 };

static const char *const names[2] = {"train.txt", "val.txt"};

/* Where the lists go; the folder is made if it is not there. */
static void find_place(char path[2][PATH_BYTES])
{
    const char *out = flags.out ? flags.out : ".";
    if (mkdir(out, 0777) != 0 && errno != EEXIST)
        args_fail("%s: the folder cannot be made: %s", out, strerror(errno));
    for (int i = 0; i < 2; i++) {
        const int length = snprintf(path[i], PATH_BYTES, "%s/%s", out, names[i]);
        if (length >= PATH_BYTES)
            args_fail("the name of the folder is too long");
        if (!flags.force && access(path[i], F_OK) == 0)
            args_fail("%s is there already; --force writes over it", path[i]);
    }
}

static int64_t *find_groups(const tn_dataset *set, int64_t *groups)
{
    if (flags.report)
        return groups_of_report(set, flags.report, groups);
    return flags.alike ? groups_of_set(set, (int)flags.threads, flags.quiet, groups) : NULL;
}

static void tell(const char *path, const tn_dataset *part)
{
    printf("%s: %lld images of %d classes\n", path, (long long)tn_dataset_count(part),
           tn_dataset_classes(part));
    for (int i = 0; i < tn_dataset_num_notices(part); i++)
        args_warn("note: %s", tn_dataset_notice(part, i));
}

int data_split(int argc, char **argv)
{
    const args a = {.usage = "tenon-data split SET [options]",
                    .about = about,
                    .more = more,
                    .options = options,
                    .count = sizeof options / sizeof options[0],
                    .min_words = 1,
                    .max_words = 1,
                    .words = "a set"};
    char path[2][PATH_BYTES];
    tn_dataset *part[2];
    args_parse(&a, argc, argv);
    tn_dataset *set = set_open(argv[1], NULL, flags.exclude, flags.quiet);
    if (tn_dataset_side(set))
        args_fail("%s is packed: its images are no files to list; share out what it was packed of",
                  argv[1]);
    find_place(path);
    int64_t groups = 0, *group = find_groups(set, &groups);
    if (tn_dataset_split_groups(set, flags.percent, (uint64_t)flags.seed, group, &part[0],
                                &part[1]) != TN_OK)
        args_fail("%s: %s", argv[1], tn_error());
    for (int i = 0; i < 2; i++)
        if (tn_dataset_write_list(part[i], path[i]) != TN_OK) {
            if (i == 1 &&
                !flags.force) /* a half of a split is none; with --force it replaced one */
                unlink(path[0]);
            run_fail("%s", tn_error());
        }
    if (group && !flags.quiet)
        printf("%lld groups of pictures that are alike are in one part each\n", (long long)groups);
    for (int i = 0; i < 2; i++) {
        if (!flags.quiet)
            tell(path[i], part[i]);
        tn_dataset_close(part[i]);
    }
    free(group);
    tn_dataset_close(set);
    return fflush(stdout) == 0 ? 0 : 1;
}
