/*
 * Tenon's side of bench/doctor/compare.py: how long the parts of a check take.
 *
 *   tenon_doctor decode SET THREADS     reads, decodes and judges every file once, as 64 x 64 pixels: no check
 *   tenon_doctor check SET THREADS      looks at every file (decodes, hashes, measures), then the rest (compares, finds)
 *   tenon_doctor made FOLDER COUNT      writes a packed set of so many made-up pictures of 8 x 8 pixels
 *
 * Prints seconds of each part, a line a part.
 */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tenon/tenon.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static tn_dataset *open_set(const char *path)
{
    tn_dataset *set;
    tn_must(tn_dataset_open(&set, &(tn_dataset_opts){.path = path}));
    return set;
}

static void decode(const char *path, int threads)
{
    tn_dataset *set = open_set(path);
    tn_loader *loader;
    tn_batch batch;
    const double began = now();
    tn_must(tn_loader_open(
        &loader, set,
        &(tn_loader_opts){
            .batch = 64, .height = 64, .width = 64, .threads = threads, .max_bad = 100}));
    while (tn_loader_next(loader, &batch) == TN_OK) {
    }
    printf("decode %.3f\n", now() - began);
    tn_loader_close(loader);
    tn_dataset_close(set);
}

static double looked; /* when the last picture was */

static void note(void *arg, int64_t done, int64_t of)
{
    (void)arg;
    if (done == of)
        looked = now();
}

static void check(const char *path, int threads)
{
    tn_dataset *set = open_set(path);
    tn_check *c;
    const double began = now();
    tn_must(tn_check_set(&c, set, &(tn_check_opts){.threads = threads, .progress = note}));
    const double ended = now();
    printf("look %.3f\nrest %.3f\nfindings %lld\npictures %lld\n", looked - began, ended - looked,
           (long long)tn_check_num_findings(c), (long long)tn_check_count(c));
    fprintf(stderr, "%s\n", tn_check_limit_of(c)->text);
    tn_check_close(c);
    tn_dataset_close(set);
}

/* ---- made-up pictures ---------------------------------------------------------------------------- */

enum { SIDE = 8, WAVES = 5 };

static uint64_t state = 88172645463325252u; /* Marsaglia 2003, xorshift */

static double uniform(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (double)(state >> 11) * 0x1p-53;
}

/* Waves of random height, lower the shorter they are, as photos have them. */
static void make(uint8_t *rgb)
{
    double grey[SIDE][SIDE] = {{0}};
    for (int v = 0; v < WAVES; v++)
        for (int u = 0; u < WAVES; u++) {
            const double height = (uniform() + uniform() - 1) / (1 + u + v);
            for (int y = 0; y < SIDE; y++)
                for (int x = 0; x < SIDE; x++)
                    grey[y][x] += height * cos(0.3926990817 * (x + 0.5) * u) *
                                  cos(0.3926990817 * (y + 0.5) * v);
        }
    for (int i = 0; i < SIDE * SIDE; i++) {
        const double value = 127.5 + 90 * grey[i / SIDE][i % SIDE];
        memset(rgb + 3 * i, value < 0 ? 0 : value > 255 ? 255 : (int)value, 3);
    }
}

/* Numpy's format, version 1: a header of 128 bytes. */
static FILE *begin_array(const char *folder, const char *name, const char *type, const char *shape)
{
    char path[4096], head[119];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f)
        exit((perror(path), 1));
    snprintf(head, sizeof head, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type,
             shape);
    fwrite("\x93NUMPY\1\0\x76", 1, 10, f);
    fprintf(f, "%-117s\n", head);
    return f;
}

static void make_set(const char *folder, int count)
{
    char shape[64], path[4096];
    uint8_t rgb[3 * SIDE * SIDE];
    snprintf(shape, sizeof shape, "%d, %d, %d, 3", count, SIDE, SIDE);
    FILE *images = begin_array(folder, "images.npy", "|u1", shape);
    snprintf(shape, sizeof shape, "%d,", count);
    FILE *labels = begin_array(folder, "labels.npy", "<i4", shape);
    for (int32_t i = 0; i < count; i++) {
        const int32_t label = i % 100;
        make(rgb);
        fwrite(rgb, 1, sizeof rgb, images);
        fwrite(&label, 1, sizeof label, labels);
    }
    snprintf(path, sizeof path, "%s/classes.txt", folder);
    FILE *classes = fopen(path, "w");
    for (int i = 0; i < 100 && classes; i++)
        fprintf(classes, "class %d\n", i);
    if (fclose(images) != 0 || fclose(labels) != 0 || !classes || fclose(classes) != 0)
        exit((perror(folder), 1));
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: tenon_doctor decode|check|made FOLDER NUMBER\n");
        return 2;
    }
    const int number = atoi(argv[3]);
    if (strcmp(argv[1], "decode") == 0)
        decode(argv[2], number);
    else if (strcmp(argv[1], "check") == 0)
        check(argv[2], number);
    else
        make_set(argv[2], number);
    return 0;
}
