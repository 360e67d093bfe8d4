/* mkdir is POSIX. */
#define _POSIX_C_SOURCE 200809L

#include "lab_set.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lab.h"

const char *lab_path(const char *folder, const char *name, ...)
{
    static char path[16][1024];
    static int next;
    char *p = path[next++ % 16];
    const int used = snprintf(p, sizeof path[0], "%s/", folder);
    va_list args;
    va_start(args, name);
    vsnprintf(p + used, sizeof path[0] - (size_t)used, name, args);
    va_end(args);
    return p;
}

void lab_write(const char *path, const void *bytes, size_t size)
{
    FILE *to = fopen(path, "wb");
    if (!to || fwrite(bytes, 1, size, to) != size || fclose(to) != 0)
        fail_msg("cannot write %s", path);
}

void lab_write_text(const char *path, const char *text)
{
    lab_write(path, text, strlen(text));
}

void lab_mkdir(const char *path)
{
    if (mkdir(path, 0777) != 0)
        fail_msg("cannot make %s", path);
}

void lab_pixels(uint8_t *rgb, int width, int height, unsigned seed)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++, rgb += 3) {
            rgb[0] = (uint8_t)(seed * 37 + 2 * (unsigned)x);
            rgb[1] = (uint8_t)(seed * 11 + 3 * (unsigned)y);
            rgb[2] = (uint8_t)(seed * 5 + (unsigned)(x + y));
        }
}

void lab_write_image(const char *path, int width, int height, unsigned seed)
{
    char header[64];
    const int used = snprintf(header, sizeof header, "P6\n%d %d\n255\n", width, height);
    const size_t bytes = (size_t)used + (size_t)width * (size_t)height * 3;
    uint8_t *file = malloc(bytes);
    assert_non_null(file);
    memcpy(file, header, (size_t)used);
    lab_pixels(file + used, width, height, seed);
    lab_write(path, file, bytes);
    free(file);
}

void lab_write_classes(const char *folder, int classes, int each)
{
    for (int c = 0; c < classes; c++) {
        lab_mkdir(lab_path(folder, "class%d", c));
        for (int i = 0; i < each; i++)
            lab_write_image(lab_path(folder, "class%d/%d.ppm", c, i), 20 + 3 * i, 31 - i + c,
                            (unsigned)(100 * c + i));
    }
}

void lab_write_squares(const char *folder, int classes, int each, int side)
{
    for (int i = 0; i < classes * each; i++) {
        if (i % each == 0)
            lab_mkdir(lab_path(folder, "class%d", i / each));
        lab_write_image(lab_path(folder, "class%d/%d.ppm", i / each, i), side, side, (unsigned)i);
    }
}

tn_dataset *lab_open_set(const char *path)
{
    tn_dataset *set = NULL;
    assert_ok(tn_dataset_open(&set, &(tn_dataset_opts){.path = path}));
    return set;
}

tn_dataset *lab_list_set(const char *text)
{
    const char *root = lab_make_folder(), *path = lab_path(root, "list.txt");
    lab_write_text(path, text);
    tn_dataset *set = NULL;
    assert_ok(tn_dataset_open(&set, &(tn_dataset_opts){.path = path}));
    lab_remove(root);
    return set;
}

tn_status lab_try_open(const char *path, const tn_dataset *classes_of)
{
    tn_dataset *set = (void *)&set;
    const tn_status status =
        tn_dataset_open(&set, &(tn_dataset_opts){.path = path, .classes_of = classes_of});
    if (status == TN_OK)
        tn_dataset_close(set);
    else
        assert_ptr_equal(set, &set); /* *out is not touched by a failure */
    return status;
}

bool lab_has_notice(const tn_dataset *set, const char *text)
{
    for (int i = 0; i < tn_dataset_num_notices(set); i++)
        if (strstr(tn_dataset_notice(set, i), text))
            return true;
    return false;
}

void lab_assert_item(const tn_dataset *set, int64_t item, const char *end_of_path, int label)
{
    const char *path = tn_dataset_item_path(set, item);
    assert_non_null(path);
    const size_t length = strlen(path), wanted = strlen(end_of_path);
    assert_true(length >= wanted);
    assert_string_equal(path + length - wanted, end_of_path);
    assert_int_equal(tn_dataset_item_label(set, item), label);
}

uint64_t lab_hash(uint64_t h, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    for (size_t i = 0; i < size; i++)
        h = (h ^ p[i]) * UINT64_C(1099511628211);
    return h;
}

uint64_t lab_hash_batch(const tn_batch *b)
{
    size_t images, labels;
    assert_ok(tn_shape_bytes(&b->images.shape, b->images.dtype, &images));
    assert_ok(tn_shape_bytes(&b->labels.shape, b->labels.dtype, &labels));
    const int64_t place[] = {b->epoch, b->index, b->count};
    uint64_t h = lab_hash(UINT64_C(14695981039346656037), b->images.data, images);
    h = lab_hash(h, b->labels.data, labels);
    return lab_hash(h, place, sizeof place);
}
