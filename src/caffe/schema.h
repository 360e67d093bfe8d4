/*
 * Caffe's messages: the numbers of their fields. Source: caffe.proto of BVLC/caffe (BSD-2). What forks have added is known by
 * its name alone, in texts, since each fork has numbered it in its own way: numbers from FORK on.
 */
#ifndef TN_CAFFE_SCHEMA_H
#define TN_CAFFE_SCHEMA_H

#include "io/proto.h"

extern const tn_proto_field tn_caffe_net[], tn_caffe_blob[];

enum { FORK = 100000 };

enum { SHAPE_DIM = 1 };
enum {
    BLOB_NUM = 1,
    BLOB_CHANNELS,
    BLOB_HEIGHT,
    BLOB_WIDTH,
    BLOB_DATA,
    BLOB_SHAPE = 7,
    BLOB_DOUBLE
};
enum {
    FILLER_TYPE = 1,
    FILLER_VALUE,
    FILLER_MIN,
    FILLER_MAX,
    FILLER_MEAN,
    FILLER_STD,
    FILLER_SPARSE,
    FILLER_NORM
};
enum { NET_NAME = 1, NET_LAYERS, NET_INPUT, NET_INPUT_DIM, NET_INPUT_SHAPE = 8, NET_LAYER = 100 };
enum { RULE_PHASE = 1, RULE_MIN_LEVEL, RULE_MAX_LEVEL, RULE_STAGE, RULE_NOT_STAGE };
enum { PHASE_TRAIN, PHASE_TEST };
enum { SPEC_NAME = 1, SPEC_RATE = 3, SPEC_DECAY };

/* A layer's. Parameters of a kind of layer have the same numbers in what tn_caffe_param() takes. */
enum {
    LAYER_NAME = 1,
    LAYER_TYPE,
    LAYER_BOTTOM,
    LAYER_TOP,
    LAYER_LOSS_WEIGHT,
    LAYER_SPEC,
    LAYER_BLOBS,
    LAYER_INCLUDE,
    LAYER_EXCLUDE,
    LAYER_PHASE,
    LAYER_TRANSFORM = 100,
    LAYER_LOSS,
    LAYER_ACCURACY,
    LAYER_ARGMAX,
    LAYER_CONCAT,
    LAYER_CONV = 106,
    LAYER_DATA,
    LAYER_DROPOUT,
    LAYER_DUMMY,
    LAYER_ELTWISE,
    LAYER_EXP,
    LAYER_HDF5,
    LAYER_IMAGE_DATA = 115,
    LAYER_DENSE = 117,
    LAYER_LRN,
    LAYER_MEMORY,
    LAYER_MVN,
    LAYER_POOL,
    LAYER_POWER,
    LAYER_RELU,
    LAYER_SIGMOID,
    LAYER_SOFTMAX,
    LAYER_SLICE,
    LAYER_TANH,
    LAYER_PRELU = 131,
    LAYER_RESHAPE = 133,
    LAYER_LOG,
    LAYER_FLATTEN,
    LAYER_REDUCTION,
    LAYER_TILE = 138,
    LAYER_BATCHNORM,
    LAYER_ELU,
    LAYER_BIAS,
    LAYER_SCALE,
    LAYER_INPUT,
    LAYER_CROP,
    LAYER_PERMUTE = FORK,
    LAYER_SHUFFLE,
    LAYER_INTERP
};
/* Of the form before that, "layers", what has other numbers. */
enum {
    OLD_LAYER = 1,
    OLD_BOTTOM,
    OLD_TOP,
    OLD_NAME,
    OLD_TYPE,
    OLD_BLOBS,
    OLD_RATES,
    OLD_DECAYS,
    OLD_INCLUDE = 32,
    OLD_EXCLUDE,
    OLD_WEIGHT = 35,
    OLD_SHARED = 1001
};

enum {
    TRANSFORM_SCALE = 1,
    TRANSFORM_MIRROR,
    TRANSFORM_CROP,
    TRANSFORM_MEAN_FILE,
    TRANSFORM_MEAN,
    TRANSFORM_COLOR,
    TRANSFORM_GREY
};
enum { LOSS_IGNORE = 1, LOSS_NORMALIZE, LOSS_NORMALIZATION };
enum { NORMALIZE_FULL, NORMALIZE_VALID, NORMALIZE_BATCH, NORMALIZE_NONE };
enum { CONCAT_DIM = 1, CONCAT_AXIS };
enum { BN_GLOBAL = 1, BN_FRACTION, BN_EPSILON };
enum { BIAS_AXIS = 1, BIAS_AXES, BIAS_FILLER };
enum {
    CONV_FILTERS = 1,
    CONV_BIAS,
    CONV_PAD,
    CONV_KERNEL,
    CONV_GROUPS,
    CONV_STRIDE,
    CONV_WEIGHT_FILLER,
    CONV_BIAS_FILLER,
    CONV_PAD_H,
    CONV_PAD_W,
    CONV_KERNEL_H,
    CONV_KERNEL_W,
    CONV_STRIDE_H,
    CONV_STRIDE_W,
    CONV_ENGINE,
    CONV_AXIS,
    CONV_FORCE_ND,
    CONV_DILATION
};
enum { CROP_AXIS = 1, CROP_OFFSET };
enum {
    DATA_SOURCE = 1,
    DATA_SCALE,
    DATA_MEAN_FILE,
    DATA_BATCH,
    DATA_CROP,
    DATA_MIRROR,
    DATA_HEIGHT = 9,
    DATA_WIDTH,
    DATA_COLOR
};
enum { MEMORY_BATCH = 1, MEMORY_CHANNELS, MEMORY_HEIGHT, MEMORY_WIDTH };
enum { DROPOUT_RATE = 1 };
enum { DUMMY_FILLER = 1, DUMMY_NUM, DUMMY_CHANNELS, DUMMY_HEIGHT, DUMMY_WIDTH, DUMMY_SHAPE };
enum { ELTWISE_KIND = 1, ELTWISE_COEFF };
enum { ELTWISE_PROD, ELTWISE_SUM, ELTWISE_MAX };
enum { ELU_ALPHA = 1 };
enum { EXP_BASE = 1, EXP_SCALE, EXP_SHIFT }; /* log's as well */
enum { FLATTEN_AXIS = 1, FLATTEN_END };
enum {
    DENSE_UNITS = 1,
    DENSE_BIAS,
    DENSE_WEIGHT_FILLER,
    DENSE_BIAS_FILLER,
    DENSE_AXIS,
    DENSE_TRANSPOSE
};
enum { INPUT_SHAPE = 1 };
enum { LRN_SIZE = 1, LRN_ALPHA, LRN_BETA, LRN_REGION, LRN_K };
enum { MVN_VARIANCE = 1, MVN_ACROSS, MVN_EPSILON };
enum {
    POOL_KIND = 1,
    POOL_KERNEL,
    POOL_STRIDE,
    POOL_PAD,
    POOL_KERNEL_H,
    POOL_KERNEL_W,
    POOL_STRIDE_H,
    POOL_STRIDE_W,
    POOL_PAD_H,
    POOL_PAD_W,
    POOL_ENGINE,
    POOL_GLOBAL,
    POOL_ROUND,
    POOL_CEIL = FORK
};
enum { POWER_POWER = 1, POWER_SCALE, POWER_SHIFT };
enum { PRELU_FILLER = 1, PRELU_SHARED };
enum { REDUCTION_KIND = 1, REDUCTION_AXIS, REDUCTION_COEFF };
enum { REDUCTION_SUM = 1, REDUCTION_ASUM, REDUCTION_SUMSQ, REDUCTION_MEAN };
enum { RELU_SLOPE = 1 };
enum { RESHAPE_SHAPE = 1, RESHAPE_AXIS, RESHAPE_AXES };
enum { SCALE_AXIS = 1, SCALE_AXES, SCALE_FILLER, SCALE_BIAS, SCALE_BIAS_FILLER };
enum { SLICE_DIM = 1, SLICE_POINT, SLICE_AXIS };
enum { SOFTMAX_ENGINE = 1, SOFTMAX_AXIS };
enum { PERMUTE_ORDER = FORK };
enum { SHUFFLE_GROUP = FORK };
enum {
    INTERP_HEIGHT = FORK,
    INTERP_WIDTH,
    INTERP_ZOOM,
    INTERP_SHRINK,
    INTERP_PAD_BEGIN,
    INTERP_PAD_END
};

/* What a type of the old form is called in the new one; NULL: it has no number that is known. */
const char *tn_caffe_type_name(int64_t old);
/* Where the old form has what the new one has as `number`; 0: nowhere. */
int tn_caffe_old_number(int number);

#endif
