/*
 * What libjpeg knows of a file that it has begun to decompress, and does not say.
 */
#ifndef TN_JPEG_FACTS_H
#define TN_JPEG_FACTS_H

#include <stdbool.h>

struct jpeg_decompress_struct;

/* Of a file of several scans, all of which have been read: whether one that the picture needs did not
 * come. `ran_out`: the file has no end of image. */
bool tn_jpeg_lacks_scan(const struct jpeg_decompress_struct *jpeg, bool ran_out);

/* Whether columns may be cropped and rows skipped, sizes of output being known. */
bool tn_jpeg_crops_well(const struct jpeg_decompress_struct *jpeg);

#endif
