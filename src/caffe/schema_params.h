/*
 * What layers say of themselves, a table a message; schema.c's own part.
 */
#ifndef TN_CAFFE_SCHEMA_PARAMS_H
#define TN_CAFFE_SCHEMA_PARAMS_H

#include "caffe/schema.h"

#define INT(number, name)          \
    {                              \
        number, name, TN_PROTO_INT \
    }
#define INTS(number, name)                       \
    {                                            \
        number, name, TN_PROTO_INT, .many = true \
    }
#define BOOL(number, name)          \
    {                               \
        number, name, TN_PROTO_BOOL \
    }
#define REAL(number, name)           \
    {                                \
        number, name, TN_PROTO_FLOAT \
    }
#define REALS(number, name)                        \
    {                                              \
        number, name, TN_PROTO_FLOAT, .many = true \
    }
#define TEXT(number, name)          \
    {                               \
        number, name, TN_PROTO_TEXT \
    }
#define TEXTS(number, name)                       \
    {                                             \
        number, name, TN_PROTO_TEXT, .many = true \
    }
#define ENUM(number, name, table)                   \
    {                                               \
        number, name, TN_PROTO_ENUM, .words = table \
    }
#define ONE(number, name, table)                      \
    {                                                 \
        number, name, TN_PROTO_MESSAGE, .type = table \
    }
#define MANY(number, name, table)                                   \
    {                                                               \
        number, name, TN_PROTO_MESSAGE, .many = true, .type = table \
    }

/* ---- words ------------------------------------------------------------------------------------ */

static const tn_proto_word phases[] = {{"TRAIN", PHASE_TRAIN}, {"TEST", PHASE_TEST}, {NULL, 0}};
static const tn_proto_word engines[] = {{"DEFAULT", 0}, {"CAFFE", 1}, {"CUDNN", 2}, {NULL, 0}};
static const tn_proto_word fans[] = {{"FAN_IN", 0}, {"FAN_OUT", 1}, {"AVERAGE", 2}, {NULL, 0}};
static const tn_proto_word norms[] = {{"FULL", NORMALIZE_FULL},
                                      {"VALID", NORMALIZE_VALID},
                                      {"BATCH_SIZE", NORMALIZE_BATCH},
                                      {"NONE", NORMALIZE_NONE},
                                      {NULL, 0}};
static const tn_proto_word databases[] = {{"LEVELDB", 0}, {"LMDB", 1}, {NULL, 0}};
static const tn_proto_word eltwise_kinds[] = {
    {"PROD", ELTWISE_PROD}, {"SUM", ELTWISE_SUM}, {"MAX", ELTWISE_MAX}, {NULL, 0}};
static const tn_proto_word regions[] = {{"ACROSS_CHANNELS", 0}, {"WITHIN_CHANNEL", 1}, {NULL, 0}};
static const tn_proto_word pool_kinds[] = {{"MAX", 0}, {"AVE", 1}, {"STOCHASTIC", 2}, {NULL, 0}};
static const tn_proto_word roundings[] = {{"CEIL", 0}, {"FLOOR", 1}, {NULL, 0}};
static const tn_proto_word reductions[] = {{"SUM", REDUCTION_SUM},
                                           {"ASUM", REDUCTION_ASUM},
                                           {"SUMSQ", REDUCTION_SUMSQ},
                                           {"MEAN", REDUCTION_MEAN},
                                           {NULL, 0}};
static const tn_proto_word share_modes[] = {{"STRICT", 0}, {"PERMISSIVE", 1}, {NULL, 0}};

static const tn_proto_word modes[] = {{"CPU", 0}, {"GPU", 1}, {NULL, 0}};
static const tn_proto_word formats[] = {{"HDF5", 0}, {"BINARYPROTO", 1}, {NULL, 0}};
static const tn_proto_word solvers[] = {{"SGD", SOLVER_SGD},
                                        {"NESTEROV", SOLVER_NESTEROV},
                                        {"ADAGRAD", SOLVER_ADAGRAD},
                                        {"RMSPROP", SOLVER_RMSPROP},
                                        {"ADADELTA", SOLVER_ADADELTA},
                                        {"ADAM", SOLVER_ADAM},
                                        {NULL, 0}};

/* ---- messages --------------------------------------------------------------------------------- */

static const tn_proto_field shape[] = {
    INTS(SHAPE_DIM, "dim"),
    {0},
};
static const tn_proto_field filler[] = {
    TEXT(FILLER_TYPE, "type"),
    REAL(FILLER_VALUE, "value"),
    REAL(FILLER_MIN, "min"),
    REAL(FILLER_MAX, "max"),
    REAL(FILLER_MEAN, "mean"),
    REAL(FILLER_STD, "std"),
    INT(FILLER_SPARSE, "sparse"),
    ENUM(FILLER_NORM, "variance_norm", fans),
    {0},
};
static const tn_proto_field state[] = {
    ENUM(1, "phase", phases),
    INT(2, "level"),
    TEXTS(3, "stage"),
    {0},
};
static const tn_proto_field rule[] = {
    ENUM(RULE_PHASE, "phase", phases),  INT(RULE_MIN_LEVEL, "min_level"),
    INT(RULE_MAX_LEVEL, "max_level"),   TEXTS(RULE_STAGE, "stage"),
    TEXTS(RULE_NOT_STAGE, "not_stage"), {0},
};
static const tn_proto_field spec[] = {
    TEXT(SPEC_NAME, "name"),
    ENUM(2, "share_mode", share_modes),
    REAL(SPEC_RATE, "lr_mult"),
    REAL(SPEC_DECAY, "decay_mult"),
    {0},
};
static const tn_proto_field transform[] = {
    REAL(TRANSFORM_SCALE, "scale"),      BOOL(TRANSFORM_MIRROR, "mirror"),
    INT(TRANSFORM_CROP, "crop_size"),    TEXT(TRANSFORM_MEAN_FILE, "mean_file"),
    REALS(TRANSFORM_MEAN, "mean_value"), BOOL(TRANSFORM_COLOR, "force_color"),
    BOOL(TRANSFORM_GREY, "force_gray"),  {0},
};
static const tn_proto_field loss[] = {
    INT(LOSS_IGNORE, "ignore_label"),
    BOOL(LOSS_NORMALIZE, "normalize"),
    ENUM(LOSS_NORMALIZATION, "normalization", norms),
    {0},
};
static const tn_proto_field accuracy[] = {
    INT(1, "top_k"),
    INT(2, "axis"),
    INT(3, "ignore_label"),
    {0},
};
static const tn_proto_field argmax[] = {
    BOOL(1, "out_max_val"),
    INT(2, "top_k"),
    INT(3, "axis"),
    {0},
};
static const tn_proto_field concat[] = {
    INT(CONCAT_DIM, "concat_dim"),
    INT(CONCAT_AXIS, "axis"),
    {0},
};
static const tn_proto_field batchnorm[] = {
    BOOL(BN_GLOBAL, "use_global_stats"),
    REAL(BN_FRACTION, "moving_average_fraction"),
    REAL(BN_EPSILON, "eps"),
    BOOL(BN_SCALE_BIAS, "scale_bias"),
    ONE(BN_SCALE_FILLER, "scale_filler", filler),
    ONE(BN_BIAS_FILLER, "bias_filler", filler),
    ONE(BN_FILLER, "filler", filler),
    {0},
};
static const tn_proto_field bias[] = {
    INT(BIAS_AXIS, "axis"),
    INT(BIAS_AXES, "num_axes"),
    ONE(BIAS_FILLER, "filler", filler),
    {0},
};
static const tn_proto_field conv[] = {
    INT(CONV_FILTERS, "num_output"),
    BOOL(CONV_BIAS, "bias_term"),
    INTS(CONV_PAD, "pad"),
    INTS(CONV_KERNEL, "kernel_size"),
    INT(CONV_GROUPS, "group"),
    INTS(CONV_STRIDE, "stride"),
    ONE(CONV_WEIGHT_FILLER, "weight_filler", filler),
    ONE(CONV_BIAS_FILLER, "bias_filler", filler),
    INT(CONV_PAD_H, "pad_h"),
    INT(CONV_PAD_W, "pad_w"),
    INT(CONV_KERNEL_H, "kernel_h"),
    INT(CONV_KERNEL_W, "kernel_w"),
    INT(CONV_STRIDE_H, "stride_h"),
    INT(CONV_STRIDE_W, "stride_w"),
    ENUM(CONV_ENGINE, "engine", engines),
    INT(CONV_AXIS, "axis"),
    BOOL(CONV_FORCE_ND, "force_nd_im2col"),
    INTS(CONV_DILATION, "dilation"),
    {0},
};
static const tn_proto_field crop[] = {
    INT(CROP_AXIS, "axis"),
    INTS(CROP_OFFSET, "offset"),
    {0},
};
static const tn_proto_field data[] = {
    TEXT(DATA_SOURCE, "source"),
    REAL(DATA_SCALE, "scale"),
    TEXT(DATA_MEAN_FILE, "mean_file"),
    INT(DATA_BATCH, "batch_size"),
    INT(DATA_CROP, "crop_size"),
    BOOL(DATA_MIRROR, "mirror"),
    INT(7, "rand_skip"),
    ENUM(8, "backend", databases),
    BOOL(9, "force_encoded_color"),
    INT(10, "prefetch"),
    {0},
};
static const tn_proto_field image_data[] = {
    TEXT(DATA_SOURCE, "source"),
    REAL(DATA_SCALE, "scale"),
    TEXT(DATA_MEAN_FILE, "mean_file"),
    INT(DATA_BATCH, "batch_size"),
    INT(DATA_CROP, "crop_size"),
    BOOL(DATA_MIRROR, "mirror"),
    INT(7, "rand_skip"),
    BOOL(8, "shuffle"),
    INT(DATA_HEIGHT, "new_height"),
    INT(DATA_WIDTH, "new_width"),
    BOOL(DATA_COLOR, "is_color"),
    TEXT(12, "root_folder"),
    {0},
};
static const tn_proto_field memory[] = {
    INT(MEMORY_BATCH, "batch_size"),
    INT(MEMORY_CHANNELS, "channels"),
    INT(MEMORY_HEIGHT, "height"),
    INT(MEMORY_WIDTH, "width"),
    {0},
};
static const tn_proto_field hdf5[] = {
    TEXT(1, "source"),
    INT(2, "batch_size"),
    BOOL(3, "shuffle"),
    {0},
};
static const tn_proto_field dropout[] = {
    REAL(DROPOUT_RATE, "dropout_ratio"),
    BOOL(2, "scale_train"),
    {0},
};
static const tn_proto_field dummy[] = {
    MANY(DUMMY_FILLER, "data_filler", filler),
    INTS(DUMMY_NUM, "num"),
    INTS(DUMMY_CHANNELS, "channels"),
    INTS(DUMMY_HEIGHT, "height"),
    INTS(DUMMY_WIDTH, "width"),
    MANY(DUMMY_SHAPE, "shape", shape),
    {0},
};
static const tn_proto_field eltwise[] = {
    ENUM(ELTWISE_KIND, "operation", eltwise_kinds),
    REALS(ELTWISE_COEFF, "coeff"),
    BOOL(3, "stable_prod_grad"),
    {0},
};
static const tn_proto_field elu[] = {
    REAL(ELU_ALPHA, "alpha"),
    {0},
};
static const tn_proto_field exponential[] = {
    REAL(EXP_BASE, "base"),
    REAL(EXP_SCALE, "scale"),
    REAL(EXP_SHIFT, "shift"),
    {0},
};
static const tn_proto_field flatten[] = {
    INT(FLATTEN_AXIS, "axis"),
    INT(FLATTEN_END, "end_axis"),
    {0},
};
static const tn_proto_field dense[] = {
    INT(DENSE_UNITS, "num_output"),
    BOOL(DENSE_BIAS, "bias_term"),
    ONE(DENSE_WEIGHT_FILLER, "weight_filler", filler),
    ONE(DENSE_BIAS_FILLER, "bias_filler", filler),
    INT(DENSE_AXIS, "axis"),
    BOOL(DENSE_TRANSPOSE, "transpose"),
    {0},
};
static const tn_proto_field input[] = {
    MANY(INPUT_SHAPE, "shape", shape),
    {0},
};
static const tn_proto_field lrn[] = {
    INT(LRN_SIZE, "local_size"),
    REAL(LRN_ALPHA, "alpha"),
    REAL(LRN_BETA, "beta"),
    ENUM(LRN_REGION, "norm_region", regions),
    REAL(LRN_K, "k"),
    ENUM(6, "engine", engines),
    {0},
};
static const tn_proto_field mvn[] = {
    BOOL(MVN_VARIANCE, "normalize_variance"),
    BOOL(MVN_ACROSS, "across_channels"),
    REAL(MVN_EPSILON, "eps"),
    {0},
};
static const tn_proto_field pool[] = {
    ENUM(POOL_KIND, "pool", pool_kinds),
    INT(POOL_KERNEL, "kernel_size"),
    INT(POOL_STRIDE, "stride"),
    INT(POOL_PAD, "pad"),
    INT(POOL_KERNEL_H, "kernel_h"),
    INT(POOL_KERNEL_W, "kernel_w"),
    INT(POOL_STRIDE_H, "stride_h"),
    INT(POOL_STRIDE_W, "stride_w"),
    INT(POOL_PAD_H, "pad_h"),
    INT(POOL_PAD_W, "pad_w"),
    ENUM(POOL_ENGINE, "engine", engines),
    BOOL(POOL_GLOBAL, "global_pooling"),
    ENUM(POOL_ROUND, "round_mode", roundings),
    BOOL(POOL_CEIL, "ceil_mode"),
    {0},
};
static const tn_proto_field power[] = {
    REAL(POWER_POWER, "power"),
    REAL(POWER_SCALE, "scale"),
    REAL(POWER_SHIFT, "shift"),
    {0},
};
static const tn_proto_field prelu[] = {
    ONE(PRELU_FILLER, "filler", filler),
    BOOL(PRELU_SHARED, "channel_shared"),
    {0},
};
static const tn_proto_field reduction[] = {
    ENUM(REDUCTION_KIND, "operation", reductions),
    INT(REDUCTION_AXIS, "axis"),
    REAL(REDUCTION_COEFF, "coeff"),
    {0},
};
static const tn_proto_field relu[] = {
    REAL(RELU_SLOPE, "negative_slope"),
    ENUM(2, "engine", engines),
    {0},
};
static const tn_proto_field reshape[] = {
    ONE(RESHAPE_SHAPE, "shape", shape),
    INT(RESHAPE_AXIS, "axis"),
    INT(RESHAPE_AXES, "num_axes"),
    {0},
};
static const tn_proto_field scale[] = {
    INT(SCALE_AXIS, "axis"),
    INT(SCALE_AXES, "num_axes"),
    ONE(SCALE_FILLER, "filler", filler),
    BOOL(SCALE_BIAS, "bias_term"),
    ONE(SCALE_BIAS_FILLER, "bias_filler", filler),
    {0},
};
static const tn_proto_field engine[] = {
    ENUM(1, "engine", engines),
    {0},
};
static const tn_proto_field slice[] = {
    INT(SLICE_DIM, "slice_dim"),
    INTS(SLICE_POINT, "slice_point"),
    INT(SLICE_AXIS, "axis"),
    {0},
};
static const tn_proto_field softmax[] = {
    ENUM(SOFTMAX_ENGINE, "engine", engines),
    INT(SOFTMAX_AXIS, "axis"),
    {0},
};
static const tn_proto_field tile[] = {
    INT(1, "axis"),
    INT(2, "tiles"),
    {0},
};
static const tn_proto_field permute[] = {
    INTS(PERMUTE_ORDER, "order"),
    {0},
};
static const tn_proto_field shuffle[] = {
    INT(SHUFFLE_GROUP, "group"),
    {0},
};
static const tn_proto_field interp[] = {
    INT(INTERP_HEIGHT, "height"),
    INT(INTERP_WIDTH, "width"),
    INT(INTERP_ZOOM, "zoom_factor"),
    INT(INTERP_SHRINK, "shrink_factor"),
    INT(INTERP_PAD_BEGIN, "pad_beg"),
    INT(INTERP_PAD_END, "pad_end"),
    {0},
};

#endif
