/*
 * Pixels to a JPEG file in memory.
 */
#ifndef TN_JPEG_WRITE_H
#define TN_JPEG_WRITE_H

#include <stdint.h>

#include <tenon/data.h>

/*
 * By libjpeg-turbo, baseline, chroma halved on both axes, its tables of codes made for this picture.
 *   name: what errors call it
 *   rgb:  height x width x 3 bytes, at most 65500 on a side; quality: 1 to 100
 *   TN_ERR_UNSUPPORTED: a build without libjpeg-turbo. *out is only set if all went well.
 */
tn_status tn_jpeg_write(const char *name, const uint8_t *rgb, int width, int height, int quality,
                        tn_jpeg *out);

#endif
