/*
 * tenon data show: what a set has, class by class, without decoding a picture.
 */
#define _POSIX_C_SOURCE 200809L /* stat */

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <tenon/tenon.h>

#include "../common/args.h"
#include "../common/json.h"
#include "../common/table.h"
#include "data.h"
#include "set.h"

static struct {
    const char *classes, *exclude;
    int64_t files;
    bool json, quiet;
} flags = {.files = 1};

static const arg options[] = {
    {ARG_TEXT, "classes", "SET",
     "take names and numbers of classes from this set, as\nvalidation does from training; default: "
     "its own",
     &flags.classes, 0, 0},
    ARG_EXCLUDE(&flags.exclude),
    {ARG_INT, "files", "N", "name the first N images of each class", &flags.files, 0, 1000000},
    {ARG_FLAG, "json", NULL, "everything as one JSON object", &flags.json, 0, 0},
    {ARG_FLAG, "quiet", NULL, "do not say what is odd about the set", &flags.quiet, 0, 0},
};

/* Of each class: where its images stand in the set, the first of them, and how many bytes they take. */
typedef struct facts {
    int64_t *bytes;  /* [classes] */
    int64_t *first;  /* [classes] the first item, -1: none */
    int64_t *next;   /* [items] the next one of the same class, -1: none */
    int64_t missing; /* files that are not there */
    int64_t all;     /* bytes */
} facts;

static void *get(int64_t count)
{
    int64_t *p = malloc((size_t)(count > 0 ? count : 1) * sizeof *p);
    if (!p)
        run_fail("no memory for %lld numbers", (long long)count);
    return p;
}

static int64_t bytes_of(const tn_dataset *set, int64_t item, facts *f)
{
    const int64_t side = tn_dataset_side(set);
    struct stat s;
    if (side)
        return side * side * 3;
    if (stat(tn_dataset_item_path(set, item), &s) == 0)
        return s.st_size;
    f->missing++;
    return 0;
}

static facts look(const tn_dataset *set)
{
    const int64_t count = tn_dataset_count(set);
    const int classes = tn_dataset_classes(set);
    facts f = {.bytes = get(classes), .first = get(classes), .next = get(count)};
    for (int c = 0; c < classes; c++) {
        f.bytes[c] = 0;
        f.first[c] = -1;
    }
    for (int64_t i = count - 1; i >= 0; i--) {
        const int label = tn_dataset_item_label(set, i);
        const int64_t bytes = bytes_of(set, i, &f);
        f.bytes[label] += bytes;
        f.all += bytes;
        f.next[i] = f.first[label];
        f.first[label] = i;
    }
    return f;
}

static void tell_json(const char *path, const tn_dataset *set, const facts *f)
{
    json j = {.to = stdout};
    json_object(&j, NULL);
    json_text(&j, "path", path);
    json_count(&j, "images", tn_dataset_count(set));
    json_count(&j, "left_out", tn_dataset_excluded(set));
    json_count(&j, "bytes", f->all);
    json_count(&j, "missing", f->missing);
    if (tn_dataset_side(set))
        json_count(&j, "side", tn_dataset_side(set));
    json_array(&j, "classes");
    for (int c = 0; c < tn_dataset_classes(set); c++) {
        json_object(&j, NULL);
        json_count(&j, "number", c);
        json_text(&j, "name", tn_dataset_class_name(set, c));
        json_count(&j, "images", tn_dataset_class_count(set, c));
        json_count(&j, "bytes", f->bytes[c]);
        json_array(&j, "first");
        int64_t item = f->first[c];
        for (int64_t i = 0; i < flags.files && item >= 0; i++, item = f->next[item])
            json_text(&j, NULL, tn_dataset_item_path(set, item));
        json_end(&j, ']');
        json_end(&j, '}');
    }
    json_end(&j, ']');
    json_array(&j, "notices");
    for (int i = 0; i < tn_dataset_num_notices(set); i++)
        json_text(&j, NULL, tn_dataset_notice(set, i));
    json_end(&j, ']');
    json_end(&j, '}');
}

static void tell_text(const char *path, const tn_dataset *set, const facts *f)
{
    table t = {.columns = flags.files ? "rlrrl" : "rlrr"};
    printf("%s: %lld images of %d classes, %.1f MB", path, (long long)tn_dataset_count(set),
           tn_dataset_classes(set), 1e-6 * (double)f->all);
    if (tn_dataset_side(set))
        printf(", packed: %d x %d pixels", tn_dataset_side(set), tn_dataset_side(set));
    if (tn_dataset_excluded(set))
        printf("; %lld left out", (long long)tn_dataset_excluded(set));
    printf("\n\n");
    table_cell(&t, "number");
    table_cell(&t, "class");
    table_cell(&t, "images");
    table_cell(&t, "MB");
    if (flags.files)
        table_cell(&t, "first");
    for (int c = 0; c < tn_dataset_classes(set); c++) {
        table_cell(&t, "%d", c);
        table_cell(&t, "%s", tn_dataset_class_name(set, c));
        table_cell(&t, "%lld", (long long)tn_dataset_class_count(set, c));
        table_cell(&t, "%.1f", 1e-6 * (double)f->bytes[c]);
        int64_t item = f->first[c];
        for (int64_t i = 0; i < flags.files && (i == 0 || item >= 0); i++) {
            for (int blank = 0; i > 0 && blank < 4; blank++)
                table_cell(&t, "%s", "");
            table_cell(&t, "%s", item >= 0 ? tn_dataset_item_path(set, item) : "");
            item = item >= 0 ? f->next[item] : -1;
        }
    }
    table_print(&t, stdout);
}

int data_show(int argc, char **argv)
{
    const args a = {
        .usage = "tenon-data show SET [options]",
        .about =
            "Tells what a set has: images and bytes of each class, and the first files of it. No "
            "picture is\ndecoded; tenon data check does that.",
        .more = "Exit status: 0; 1: it cannot be told; 2: flags or a set that cannot be.",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .min_words = 1,
        .max_words = 1,
        .words = "a set"};
    args_parse(&a, argc, argv);
    tn_dataset *classes = flags.classes ? set_open(flags.classes, NULL, NULL, true) : NULL;
    tn_dataset *set = set_open(argv[1], classes, flags.exclude, flags.quiet || flags.json);
    facts f = look(set);
    if (f.missing && !flags.json)
        args_warn("%lld files of the set are not there", (long long)f.missing);
    (flags.json ? tell_json : tell_text)(argv[1], set, &f);
    free(f.bytes);
    free(f.first);
    free(f.next);
    tn_dataset_close(set);
    tn_dataset_close(classes);
    return fflush(stdout) == 0 ? 0 : 1;
}
