/*
 * Sets of images made up for tests, and what loaders make of them.
 */
#ifndef TN_LAB_SET_H
#define TN_LAB_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tenon/data.h>

/* "folder/name" in one of a few static buffers; the name is printf-style. */
const char *lab_path(const char *folder, const char *name, ...)
    __attribute__((format(printf, 2, 3)));

void lab_write(const char *path, const void *bytes, size_t size);
void lab_write_text(const char *path, const char *text);
void lab_mkdir(const char *path);

/* The pixels of made-up image `seed`, width x height x 3; smooth enough to be scaled, no two seeds
 * alike. */
void lab_pixels(uint8_t *rgb, int width, int height, unsigned seed);
/* The same as a PPM file. */
void lab_write_image(const char *path, int width, int height, unsigned seed);

/* Class folders "class0", "class1", ... with `each` images of different sizes, "0.ppm" and on. */
void lab_write_classes(const char *folder, int classes, int each);

/* The set of a list file with this text. */
tn_dataset *lab_list_set(const char *text);

/* Class folders as above of square images "0.ppm", "1.ppm" and on: image i has the pixels of seed i. */
void lab_write_squares(const char *folder, int classes, int each, int side);

tn_dataset *lab_open_set(const char *path);
/* Opens a set and closes it again; a failure must leave what it would have given alone. */
tn_status lab_try_open(const char *path, const tn_dataset *classes_of);
bool lab_has_notice(const tn_dataset *set, const char *text);
void lab_assert_item(const tn_dataset *set, int64_t item, const char *end_of_path, int label);

/* FNV-1a, going on from h; and all of a batch in one number. */
uint64_t lab_hash(uint64_t h, const void *bytes, size_t size);
uint64_t lab_hash_batch(const tn_batch *b);

#endif
