/*
 * Inputs of nets of Caffe's, for layers that bring data.
 */
#ifndef TN_CAFFE_INPUT_H
#define TN_CAFFE_INPUT_H

#include <tenon/layers.h>

#include "caffe/import.h"

int64_t tn_caffe_batch(const tn_caffe *c);

/* A message of dimensions; false: it has none, or more than a value may have. */
bool tn_caffe_shape(const tn_proto *shape, tn_shape *out);
/* What tn_model_opts.input says of that name, with the batch in front, whatever the file says; "*": of those of which it says
 * nothing. */
bool tn_caffe_said(const tn_caffe *c, const char *name, tn_shape *out);

/* The batch that its layers of data are written for, in c->batch. */
void tn_caffe_find_batch(tn_caffe *c);

/* An input of f32, or where the program has said how pictures are prepared, of their bytes. */
tn_status tn_caffe_input(tn_caffe *c, const char *name, tn_shape shape, tn_value *out);

/* Bytes of pictures, prepared so, by nodes named for the layer. */
typedef struct tn_caffe_pixel_opts {
    tn_caffe_layer layer;
    tn_image_input_opts how;
    const char *mean_file; /* NULL: the numbers in `how` */
} tn_caffe_pixel_opts;
tn_status tn_caffe_pixels(tn_caffe *c, const char *name, const tn_caffe_pixel_opts *o,
                          const tn_shape *shape, tn_value *out);

#endif
