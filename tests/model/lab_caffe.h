/*
 * Nets of Caffe's for tests: texts in a folder of their own, and what one makes of known numbers.
 */
#ifndef LAB_CAFFE_H
#define LAB_CAFFE_H

#include <stddef.h>

#include <tenon/tensor.h>

enum { C = 3, H = 5, W = 4, N = 2, ALL = N * C * H * W };

extern float lab_caffe_data[ALL];

/* Before and after all tests: the folder, and what is in it. */
int lab_caffe_open(void **state);
int lab_caffe_close(void **state);

/* A path in the folder: "net.prototxt", "norm.caffemodel", "lenet.safetensors". */
const char *lab_caffe_path(const char *name);
/* The path of a net of that text. */
const char *lab_caffe_net(const char *text);

/* The output of a net whose input "data" is lab_caffe_data, N x C x H x W, with its shape. The text has the layers. */
tn_shape lab_caffe_run(const char *text, const char *weights, float *to, size_t room);

#endif
