/*
 * Which way up a picture was taken, wherever a container of any kind says so.
 */
#ifndef TN_EXIF_H
#define TN_EXIF_H

#include <stddef.h>
#include <stdint.h>

/* Both: 1 to 8; 0 where nothing is said. Bytes of any kind are fine: what makes no sense counts as
 * upright (1), what is not there as not said. */

/* Of an EXIF block: a TIFF file, with or without "Exif\0\0" before it. */
int tn_exif_orientation(const uint8_t *bytes, size_t size);

/* Of an XMP packet, asked where EXIF says nothing: tiff:Orientation as an attribute or an element. */
int tn_xmp_orientation(const uint8_t *bytes, size_t size);

#endif
