/*
 * Packed sets: a folder with
 *   images.npy   N x S x S x 3, u8: each image's short side scaled to S, the middle cut out
 *   labels.npy   N, i32
 *   classes.txt  the class names in the order of their numbers, one a line
 *   names.txt    where each image was in the set that was packed, one a line, as exclude lists call it (exclude.c); this
 *                file may be missing
 * The images stay in the file and are read as they are needed.
 */
#ifndef TN_PACKED_H
#define TN_PACKED_H

#include <stdint.h>

#include <tenon/status.h>

#include "data/lines.h"

#define TN_PACKED_IMAGES "images.npy"
#define TN_PACKED_LABELS "labels.npy"
#define TN_PACKED_CLASSES "classes.txt"
#define TN_PACKED_NAMES "names.txt"

/* The images of one packed set. Several sets may hold it; the last one to go closes it. */
typedef struct tn_packed tn_packed;

tn_packed *tn_packed_share(tn_packed *p); /* NULL gives NULL */
void tn_packed_release(tn_packed *p);     /* NULL is fine */

int tn_packed_side(const tn_packed *p);
/* Rows [top, bottom) of an image, to where they belong in `rgb`, side x side x 3 bytes. TN_ERR_IO. */
tn_status tn_packed_image(const tn_packed *p, int64_t image, int top, int bottom, uint8_t *rgb);

/* names.txt of the folder: a text for each of the set's images, without quotes. *names is NULL if there is no such file;
 * else tn_free() it, and the lines that the texts lie in. TN_ERR_FORMAT if there are more or fewer. */
tn_status tn_packed_names(const tn_packed *p, const char *folder, tn_lines *lines, char ***names);

#endif
