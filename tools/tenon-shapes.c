/*
 * tenon-shapes: write a data set of shapes, as JPEG files in class folders.
 *     OUT/train/<shape>/0000.jpg ...   OUT/val/<shape>/0000.jpg ...
 * See shapes/shapes.h for what is in a picture.
 */
#define _POSIX_C_SOURCE 200809L /* mkdir */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/args.h"
#include "shapes/shapes.h"

static struct {
    int64_t count[2], min, max, seed; /* count: of train and val */
} flags = {.count = {400, 50}, .min = 112, .max = 176, .seed = 1};

static const arg options[] = {
    {ARG_INT, "train", "N", "pictures of each shape in OUT/train", &flags.count[0], 0, 1000000},
    {ARG_INT, "val", "N", "pictures of each shape in OUT/val", &flags.count[1], 0, 1000000},
    {ARG_INT, "min", "PX", "least width and height", &flags.min, 16, MAX_SIDE},
    {ARG_INT, "max", "PX", "largest width and height", &flags.max, 16, MAX_SIDE},
    {ARG_INT, "seed", "S", "the same seed makes the same files", &flags.seed, 0, 1e9},
};

static void make_folder(const char *path)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        run_fail("no folder %s: %s", path, strerror(errno));
}

/* All pictures of one shape in one part of the set. */
static void write_class(const char *folder, uint64_t part, int class)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, shapes[class].name);
    make_folder(path);
    for (int64_t i = 0; i < flags.count[part]; i++) {
        dice d = {(uint64_t)flags.seed};
        d.state = roll(&d) ^ (part << 56 | (uint64_t) class << 48 | (uint64_t)i);
        snprintf(path, sizeof path, "%s/%s/%04lld.jpg", folder, shapes[class].name, (long long)i);
        picture p = {0};
        if (!picture_paint(&p, &shapes[class], (int)flags.min, (int)flags.max, &d) ||
            !picture_write(&p, path, (int)roll_between(&d, 60, 96)))
            run_fail("%s: %s", path, strerror(errno));
        picture_free(&p);
    }
}

int main(int argc, char **argv)
{
    static const char *const parts[] = {"train", "val"};
    const args a = {
        .usage = "tenon-shapes OUT [options]",
        .what = "paints pictures of ten classes, to try things with",
        .about = "Writes pictures of ten shapes, one folder a shape, to OUT/train and OUT/val. "
                 "Colours,\n"
                 "textures, sizes, angles, places, light and noise vary; only the shape tells the "
                 "class.",
        .more = "Exit status: 0; 1: a file could not be written; 2: flags that cannot be.\n\n"
                "Examples:\n"
                "  tenon-shapes shapes --train 100",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .min_words = 1,
        .max_words = 1,
        .words = "the folder to write to"};
    args_parse(&a, argc, argv);
    const char *out = argv[1];
    if (flags.min > flags.max)
        args_fail("--min %lld is more than --max %lld", (long long)flags.min, (long long)flags.max);
    if (strlen(out) > 3000)
        args_fail("that name is too long for a folder");
    make_folder(out);
    for (int part = 0; part < 2; part++) {
        char folder[4000];
        snprintf(folder, sizeof folder, "%s/%s", out, parts[part]);
        make_folder(folder);
        for (int class = 0; class < NUM_SHAPES; class ++)
            write_class(folder, (uint64_t)part, class);
        printf("%s: %lld pictures of each of %d shapes\n", folder, (long long)flags.count[part],
               NUM_SHAPES);
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
