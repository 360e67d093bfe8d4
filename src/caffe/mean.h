/*
 * The mean picture of Caffe's databases.
 */
#ifndef TN_CAFFE_MEAN_H
#define TN_CAFFE_MEAN_H

#include "caffe/import.h"

/* A constant of the picture's C x H x W (of N x C x H x W), the middle of the file's if that is larger, each channel
 * times its scale (0: 1). */
tn_status tn_caffe_mean(tn_caffe *c, const char *path, const tn_shape *picture,
                        const float scale[4], const char *name, tn_value *out);

#endif
