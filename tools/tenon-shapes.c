/*
 * tenon-shapes: write a data set of shapes, as JPEG files in class folders.
 *     OUT/train/<shape>/0000.jpg ...   OUT/val/<shape>/0000.jpg ...
 * See shapes/shapes.h for what is in a picture.
 */
#define _POSIX_C_SOURCE 200809L /* mkdir */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "shapes/shapes.h"

static const char HELP[] =
    "usage: tenon-shapes OUT [flags]\n"
    "\n"
    "Writes pictures of ten shapes, one folder a shape, to OUT/train and OUT/val. Colours,\n"
    "textures, sizes, angles, places, light and noise vary; only the shape tells the class.\n"
    "\n"
    "  --train N   pictures of each shape in OUT/train (default 400)\n"
    "  --val N     pictures of each shape in OUT/val (default 50)\n"
    "  --min PX    least width and height (default 112)\n"
    "  --max PX    largest width and height (default 176)\n"
    "  --seed S    the same seed makes the same files (default 1)\n"
    "  --help      this text\n";

typedef struct flag {
    const char *name;
    long low, high; /* what it may be */
    long value;     /* what it is, first its default */
} flag;

enum { TRAIN, VAL, MIN, MAX, SEED, NUM_FLAGS };

/* Fills in the flags and the folder; false after saying what is wrong. */
static bool read_arguments(int argc, char **argv, flag flags[NUM_FLAGS], const char **out)
{
    for (int i = 1; i < argc; i++) {
        flag *f = flags;
        while (f < flags + NUM_FLAGS && strcmp(argv[i], f->name) != 0)
            f++;
        if (f < flags + NUM_FLAGS) {
            const char *text = i + 1 < argc ? argv[++i] : "";
            char *end;
            errno = 0;
            f->value = strtol(text, &end, 10);
            if (*text == '\0' || *end != '\0' || errno || f->value < f->low || f->value > f->high) {
                fprintf(stderr, "tenon-shapes: %s wants a number from %ld to %ld, not \"%s\"\n",
                        f->name, f->low, f->high, text);
                return false;
            }
        } else if (argv[i][0] == '-' || *out) {
            fprintf(stderr, "tenon-shapes: what is \"%s\"? See tenon-shapes --help.\n", argv[i]);
            return false;
        } else {
            *out = argv[i];
        }
    }
    if (!*out)
        fprintf(stderr, "tenon-shapes: which folder to write to? See tenon-shapes --help.\n");
    else if (flags[MIN].value > flags[MAX].value)
        fprintf(stderr, "tenon-shapes: --min %ld is more than --max %ld\n", flags[MIN].value,
                flags[MAX].value);
    return *out && flags[MIN].value <= flags[MAX].value;
}

static bool make_folder(const char *path)
{
    if (mkdir(path, 0777) == 0 || errno == EEXIST)
        return true;
    fprintf(stderr, "tenon-shapes: no folder %s: %s\n", path, strerror(errno));
    return false;
}

/* All pictures of one shape in one part of the set. */
static bool write_class(const char *folder, uint64_t part, int class, const flag flags[NUM_FLAGS],
                        long count)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, shapes[class].name);
    if (!make_folder(path))
        return false;
    for (long i = 0; i < count; i++) {
        dice d = {(uint64_t)flags[SEED].value};
        d.state = roll(&d) ^ (part << 56 | (uint64_t) class << 48 | (uint64_t)i);
        snprintf(path, sizeof path, "%s/%s/%04ld.jpg", folder, shapes[class].name, i);
        picture p = {0};
        const bool ok =
            picture_paint(&p, &shapes[class], (int)flags[MIN].value, (int)flags[MAX].value, &d) &&
            picture_write(&p, path, (int)roll_between(&d, 60, 96));
        picture_free(&p);
        if (!ok) {
            fprintf(stderr, "tenon-shapes: %s: %s\n", path, strerror(errno));
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    flag flags[NUM_FLAGS] = {[TRAIN] = {"--train", 0, 1000000, 400},
                             [VAL] = {"--val", 0, 1000000, 50},
                             [MIN] = {"--min", 16, MAX_SIDE, 112},
                             [MAX] = {"--max", 16, MAX_SIDE, 176},
                             [SEED] = {"--seed", 0, 1000000000, 1}};
    const char *out = NULL;
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--help"))
            return fputs(HELP, stdout) < 0;
    if (!read_arguments(argc, argv, flags, &out))
        return 2;

    static const char *const parts[] = {"train", "val"};
    if (strlen(out) > 3000)
        return fprintf(stderr, "tenon-shapes: that name is too long for a folder\n"), 2;
    if (!make_folder(out))
        return 1;
    for (int part = 0; part < 2; part++) {
        char folder[4000];
        snprintf(folder, sizeof folder, "%s/%s", out, parts[part]);
        if (!make_folder(folder))
            return 1;
        for (int class = 0; class < NUM_SHAPES; class ++)
            if (!write_class(folder, (uint64_t)part, class, flags, flags[TRAIN + part].value))
                return 1;
        printf("%s: %ld pictures of each of %d shapes\n", folder, flags[TRAIN + part].value,
               NUM_SHAPES);
    }
    return 0;
}
