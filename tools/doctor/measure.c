/* What the machine does now, in short: a matrix product and memory, on the CPU and on each GPU; reading the disk; the loader. */
#define _XOPEN_SOURCE 700 /* mkdtemp, posix_fadvise */

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tenon/tenon.h>

#include "../common/progress.h"
#include "doctor.h"

/* ---- devices ---------------------------------------------------------------------------------- */

static void measure_cpu(measured_facts *m, double time)
{
    tn_device *cpu = NULL;
    if (tn_device_open(&cpu, "cpu") != TN_OK ||
        tn_measure_rates(cpu, TN_PRECISION_F32, time, &m->flops, &m->bytes) != TN_OK)
        snprintf(m->why, sizeof m->why, "%s", tn_error());
    tn_device_close(cpu);
}

static void measure_gpus(measured_facts *m, int count, double time)
{
    for (int i = 0; i < count && !*m->gpu_why; i++) {
        tn_device *gpu = NULL;
        char name[32];
        snprintf(name, sizeof name, "cuda:%d", i);
        if (tn_device_open(&gpu, name) != TN_OK ||
            tn_measure_rates(gpu, TN_PRECISION_DEFAULT, time, &m->gpu_flops[i], &m->gpu_bytes[i]) !=
                TN_OK)
            snprintf(m->gpu_why, sizeof m->gpu_why, "%s", tn_error());
        else
            m->gpus = i + 1;
        tn_device_close(gpu);
    }
}

/* ---- disk ------------------------------------------------------------------------------------- */

enum { MOST = 64 << 20, LEAST = 4 << 20, PIECE = 1 << 20 };

static bool write_all(int file, const char *piece, int64_t bytes)
{
    for (int64_t done = 0; done < bytes;) {
        const ssize_t n = write(file, piece, PIECE);
        if (n <= 0)
            return false;
        done += n;
    }
    return fsync(file) == 0;
}

/* A file that has no name, written through and put out of memory, is read. */
static void measure_disk(measured_facts *m, const disk_facts *d, double time)
{
    const int64_t pieces = (int64_t)fmin(MOST, fmax(LEAST, MOST / 2 * time)) / PIECE;
    const int64_t bytes = pieces * PIECE;
    char path[DOCTOR_PATH];
    snprintf(path, sizeof path, "%.900s/.tenon-doctor-XXXXXX", d->folder);
    if (strcmp(d->kind, "tmpfs") == 0) {
        snprintf(m->disk_why, sizeof m->disk_why, "it lies in memory");
        return;
    }
    if (d->free >= 0 && d->free < 4.0 * MOST) {
        snprintf(m->disk_why, sizeof m->disk_why, "there is no room for a file of %d MiB",
                 MOST >> 20);
        return;
    }
    char *piece = malloc(PIECE);
    const int file = piece ? mkstemp(path) : -1;
    if (file < 0) {
        snprintf(m->disk_why, sizeof m->disk_why, "no file can be made in %.300s: %s", d->folder,
                 strerror(errno));
        free(piece);
        return;
    }
    unlink(path);
    for (size_t i = 0; i < PIECE; i++) /* no disk shall find a pattern in it */
        piece[i] = (char)((i * 2654435761u) >> 13);
    bool good = write_all(file, piece, bytes) &&
                posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED) == 0 &&
                lseek(file, 0, SEEK_SET) == 0;
    const double start = seconds();
    int64_t done = 0;
    for (ssize_t n = 1; good && n > 0 && done < bytes; done += n)
        good = (n = read(file, piece, PIECE)) >= 0;
    const double took = seconds() - start;
    if (good && done == bytes)
        m->disk = (double)bytes / fmax(took, 1e-9);
    else
        snprintf(m->disk_why, sizeof m->disk_why, "a file in %.300s: %s", d->folder,
                 strerror(errno));
    close(file);
    free(piece);
}

/* ---- loader ----------------------------------------------------------------------------------- */

enum { WIDE = 500, HIGH = 375, PICTURES = 32, SIDE = 224 };

/* Such as a photo is to a decoder: slopes, edges, noise. */
static bool paint(const char *path)
{
    FILE *f = fopen(path, "wb");
    uint32_t random = 1; /* Knuth's linear congruential generator: any numbers do */
    if (!f)
        return false;
    fprintf(f, "P6\n%d %d\n255\n", WIDE, HIGH);
    for (int y = 0; y < HIGH; y++)
        for (int x = 0; x < WIDE; x++)
            for (int c = 0; c < 3; c++) {
                random = random * 1664525u + 1013904223u;
                const int wave = (int)(40 * sin(x * 0.05 * (c + 1)) * cos(y * 0.07));
                const int edge = (x / 61 + y / 47 + c) % 3 * 30;
                putc(64 + wave + edge + (int)(random >> 28), f);
            }
    return fclose(f) == 0;
}

static bool copy(const char *folder, const tn_jpeg *picture)
{
    char path[DOCTOR_PATH];
    bool good = true;
    for (int i = 0; i < PICTURES && good; i++) {
        snprintf(path, sizeof path, "%.900s/%d/%d.jpg", folder, i % 2, i);
        FILE *f = fopen(path, "wb");
        good = f && fwrite(picture->bytes, 1, picture->size, f) == picture->size;
        if (f)
            good &= fclose(f) == 0;
    }
    return good;
}

/* As training on folders of photos does it. The first epoch judges each file on all of it, and does not count. */
static tn_status load(const char *folder, double time, double *images)
{
    const tn_loader_opts opts = {.batch = PICTURES,
                                 .height = SIDE,
                                 .width = SIDE,
                                 .crop = TN_CROP_RANDOM_RESIZED,
                                 .flip = true,
                                 .shuffle = true};
    tn_dataset *set = NULL;
    tn_loader *loader = NULL;
    tn_batch batch;
    double start = 0, count = 0, end = 0;
    tn_status status = tn_dataset_open(&set, &(tn_dataset_opts){.path = folder});
    if (status == TN_OK)
        status = tn_loader_open(&loader, set, &opts);
    while (status == TN_OK && (start <= 0 || seconds() < end)) {
        status = tn_loader_next(loader, &batch);
        if (status == TN_END && start <= 0) {
            start = seconds();
            end = start + time;
        }
        if (status == TN_OK && start > 0)
            count += batch.count;
        status = status == TN_END ? TN_OK : status;
    }
    if (status == TN_OK)
        *images = count / (seconds() - start);
    tn_loader_close(loader);
    tn_dataset_close(set);
    return status;
}

static void clean(const char *folder)
{
    char path[DOCTOR_PATH];
    for (int i = 0; i < PICTURES; i++) {
        snprintf(path, sizeof path, "%.900s/%d/%d.jpg", folder, i % 2, i);
        unlink(path);
    }
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%.900s/%d", folder, i);
        rmdir(path);
    }
    snprintf(path, sizeof path, "%.900s/picture.ppm", folder);
    unlink(path);
    rmdir(folder);
}

static void measure_loader(measured_facts *m, double time)
{
    const char *where = getenv("TMPDIR");
    char folder[DOCTOR_PATH], path[DOCTOR_PATH];
    tn_jpeg picture = {0};
    snprintf(folder, sizeof folder, "%.800s/tenon-doctor-XXXXXX", where && *where ? where : "/tmp");
    if (!mkdtemp(folder)) {
        snprintf(m->images_why, sizeof m->images_why, "%.300s: %s", folder, strerror(errno));
        return;
    }
    bool good = true;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%.900s/%d", folder, i);
        good &= mkdir(path, 0700) == 0;
    }
    snprintf(path, sizeof path, "%.900s/picture.ppm", folder);
    good = good && paint(path);
    const tn_jpeg_opts opts = {.side = WIDE, .quality = 95};
    tn_status status = good ? tn_image_jpeg(path, &opts, &picture) : TN_OK;
    if (status == TN_OK && good)
        good = unlink(path) == 0 && copy(folder, &picture);
    if (status == TN_OK && good)
        status = load(folder, time, &m->images);
    if (status != TN_OK)
        snprintf(m->images_why, sizeof m->images_why, "%s", tn_error());
    else if (!good)
        snprintf(m->images_why, sizeof m->images_why, "%.300s: %s", folder, strerror(errno));
    tn_jpeg_free(&picture);
    clean(folder);
}

void measure_all(facts *f, double time)
{
    measured_facts *m = &f->measured;
    f->host.busy = busy_look();
    *m = (measured_facts){.asked = true, .flops = -1, .bytes = -1, .disk = -1, .images = -1};
    measure_cpu(m, time / 4);
    measure_loader(m, time / 4);
    measure_disk(m, &f->disk, time);
    if (*f->build.cuda && f->gpus.driver == DRIVER_READY)
        measure_gpus(m, f->gpus.count, time / 8);
}
