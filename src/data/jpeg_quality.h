/*
 * With which quality a JPEG file was made.
 */
#ifndef TN_JPEG_QUALITY_H
#define TN_JPEG_QUALITY_H

#include <stddef.h>
#include <stdint.h>

/* As libjpeg counts it, 1 to 100: the quality whose table for brightness is nearest to the file's first one, by the sum of
 * its numbers. 0 where there is none. Bytes of any kind are fine. */
int tn_jpeg_quality(const uint8_t *bytes, size_t size);

#endif
