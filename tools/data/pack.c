/*
 * tenon data pack: decode a set once, so that training reads pixels instead of files.
 */
#define _XOPEN_SOURCE 700 /* SIGXFSZ */

#include <signal.h>
#include <stdio.h>

#include <tenon/tenon.h>

#include "../common/args.h"
#include "../common/json.h"
#include "data.h"
#include "set.h"

static const char about[] =
    "Decodes every image of SET, scales its short side to the size, cuts out the middle, and\n"
    "writes what is left to the folder OUT, which can then be trained on in place of SET:\n"
    "\n"
    "  images.npy   N x SIZE x SIZE x 3 bytes, RGB\n"
    "  labels.npy   N numbers of classes, int32\n"
    "  classes.txt  their names, one a line\n"
    "  names.txt    where each image lay in SET, one a line\n"
    "\n"
    "numpy.load() opens the arrays too. Training then reads many times as many images a\n"
    "second, from a file of SIZE x SIZE x 3 bytes an image (196 kB at 256), but sees no more\n"
    "than these pixels: choose the size that evaluation scales to, not the network's input.\n"
    "A packed set that is in OUT is replaced, once all of the new one is on the disk.\n"
    "\n"
    "SET is a folder with one subfolder a class, or a text file with a line \"path label\" an\n"
    "image.";

static const char more[] = "Exit status: 0; 1: reading or writing failed, and OUT is as it was; 2: "
                           "flags, a set or an OUT\n"
                           "that cannot be.\n\n"
                           "Examples:\n"
                           "  tenon data pack photos/train packed/train\n"
                           "  tenon data pack photos/val packed/val --classes photos/train\n"
                           "  tenon data pack photos/train packed --val photos/val";

static struct {
    const char *classes, *exclude, *val;
    int64_t size, threads;
    double max_bad;
    bool json, quiet, progress;
} flags = {.size = 256, .max_bad = 1};

static const arg options[] = {
    {ARG_INT, "size", "S", "pixels on a side", &flags.size, 1, 16384},
    {ARG_TEXT, "classes", "SET",
     "take names and numbers of classes from this set: pack\nvalidation with --classes and the "
     "training set, so\nthat both number them alike; default: its own",
     &flags.classes, 0, 0},
    {ARG_TEXT, "val", "SET",
     "pack this one, too, which numbers its classes as SET does:\nOUT/train and OUT/val, a set "
     "that "
     "is shared out",
     &flags.val, 0, 0},
    ARG_EXCLUDE(&flags.exclude),
    {ARG_REAL, "max-bad", "PERCENT",
     "of the files that may be unreadable; they are named\nand left out (default 1; one is always "
     "allowed,\nbut with 0 none)",
     &flags.max_bad, 0, 100},
    {ARG_INT, "threads", "N", "default: the number of cores", &flags.threads, 1, 1024},
    {ARG_FLAG, "json", NULL, "say how much it was as a JSON object", &flags.json, 0, 0},
    ARG_PROGRESS(&flags.progress),
    {ARG_FLAG, "quiet", NULL, "only say what went wrong", &flags.quiet, 0, 0},
};

typedef struct report {
    set_line line;
    int64_t done, bad;        /* of a part */
    int64_t images, left_out; /* of all */
} report;

static void say_bad(void *to, const char *path, const char *reason)
{
    report *r = to;
    r->bad++;
    set_line_clear(&r->line);
    args_warn("left out: %s: %s", path, reason);
}

static void say_progress(void *to, int64_t done, int64_t of)
{
    report *r = to;
    r->done = done;
    set_line_show(&r->line, done, of);
}

/* One part of what is asked for; its classes are those of another set, unless it is NULL. */
static void pack(const char *path, const tn_dataset *classes, const char *folder, report *r)
{
    tn_dataset *set = set_open(path, classes, flags.exclude, flags.quiet);
    r->done = r->bad = 0;
    const tn_status status =
        tn_dataset_pack(set, &(tn_pack_opts){.folder = folder,
                                             .side = (int)flags.size,
                                             .threads = (int)flags.threads,
                                             .max_bad = TN_EXACTLY(flags.max_bad),
                                             .bad = say_bad,
                                             .progress = say_progress,
                                             .arg = r});
    set_line_clear(&r->line);
    if (status == TN_ERR_ARGUMENT)
        args_fail("%s", tn_error());
    if (status != TN_OK)
        run_fail("%s", tn_error());
    if (!flags.quiet && !flags.json)
        printf("%s: %lld images of %d classes, %d x %d; %lld files left out\n", folder,
               (long long)(r->done - r->bad), tn_dataset_classes(set), (int)flags.size,
               (int)flags.size, (long long)r->bad);
    r->images += r->done - r->bad;
    r->left_out += r->bad;
    tn_dataset_close(set);
}

static void tell(const char *out, const report *r)
{
    json j = {.to = stdout};
    json_object(&j, NULL);
    json_text(&j, "out", out);
    json_count(&j, "images", r->images);
    json_count(&j, "left_out", r->left_out);
    json_count(&j, "size", flags.size);
    json_end(&j, '}');
}

int data_pack(int argc, char **argv)
{
    const args a = {.usage = "tenon-data pack SET OUT [options]",
                    .about = about,
                    .more = more,
                    .options = options,
                    .count = sizeof options / sizeof options[0],
                    .min_words = 2,
                    .max_words = 2,
                    .words = "a set and the folder to write to"};
    args_parse(&a, argc, argv);
    char part[2][4096];
    report r = {.line = set_line_begin(flags.quiet, flags.progress)};
    signal(SIGXFSZ,
           SIG_IGN); /* a file above the shell's limit is an error of write, as a full disk is */
    if (flags.val && flags.classes)
        args_fail("--val takes its classes from SET: leave out --classes");
    for (int i = 0; i < 2; i++)
        if (snprintf(part[i], sizeof part[i], "%s/%s", argv[2], i ? "val" : "train") >=
            (int)sizeof part[i])
            args_fail("the name of the folder is too long");
    const char *classes_of = flags.val ? argv[1] : flags.classes;
    tn_dataset *classes = classes_of ? set_open(classes_of, NULL, NULL, true) : NULL;
    pack(argv[1], flags.val ? NULL : classes, flags.val ? part[0] : argv[2], &r);
    if (flags.val)
        pack(flags.val, classes, part[1], &r);
    tn_dataset_close(classes);
    if (flags.json)
        tell(argv[2], &r);
    return fflush(stdout) == 0 ? 0 : 1;
}
