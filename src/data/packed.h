/*
 * Packed sets: a folder with
 *   images.npy   N x S x S x 3, u8: each image's short side scaled to S, the middle cut out
 *   labels.npy   N, i32
 *   classes.txt  the class names in the order of their numbers, one a line
 * The images stay in the file and are read as they are needed.
 */
#ifndef TN_PACKED_H
#define TN_PACKED_H

#include <stdint.h>

#include <tenon/status.h>

#define TN_PACKED_IMAGES "images.npy"
#define TN_PACKED_LABELS "labels.npy"
#define TN_PACKED_CLASSES "classes.txt"

/* The images of one packed set. Several sets may hold it; the last one to go closes it. */
typedef struct tn_packed tn_packed;

tn_packed *tn_packed_share(tn_packed *p); /* NULL gives NULL */
void tn_packed_release(tn_packed *p);     /* NULL is fine */

int tn_packed_side(const tn_packed *p);
/* Rows [top, bottom) of an image, to where they belong in `rgb`, side x side x 3 bytes. TN_ERR_IO. */
tn_status tn_packed_image(const tn_packed *p, int64_t image, int top, int bottom, uint8_t *rgb);

#endif
