/*
 * schema: the tables of Caffe's messages. What a table has and nobody asks for (engines, sources of data) changes no number
 * that a net computes.
 */
#include "caffe/schema_params.h"

/* The types of the old form, and what the new one calls them. */
static const struct {
    tn_proto_word word;
    const char *now;
} old_types[] = {
    {{"ABSVAL", 35}, "AbsVal"},
    {{"ACCURACY", 1}, "Accuracy"},
    {{"ARGMAX", 30}, "ArgMax"},
    {{"BNLL", 2}, "BNLL"},
    {{"CONCAT", 3}, "Concat"},
    {{"CONTRASTIVE_LOSS", 37}, "ContrastiveLoss"},
    {{"CONVOLUTION", 4}, "Convolution"},
    {{"DATA", 5}, "Data"},
    {{"DECONVOLUTION", 39}, "Deconvolution"},
    {{"DROPOUT", 6}, "Dropout"},
    {{"DUMMY_DATA", 32}, "DummyData"},
    {{"EUCLIDEAN_LOSS", 7}, "EuclideanLoss"},
    {{"ELTWISE", 25}, "Eltwise"},
    {{"EXP", 38}, "Exp"},
    {{"FLATTEN", 8}, "Flatten"},
    {{"HDF5_DATA", 9}, "HDF5Data"},
    {{"HDF5_OUTPUT", 10}, "HDF5Output"},
    {{"HINGE_LOSS", 28}, "HingeLoss"},
    {{"IM2COL", 11}, "Im2col"},
    {{"IMAGE_DATA", 12}, "ImageData"},
    {{"INFOGAIN_LOSS", 13}, "InfogainLoss"},
    {{"INNER_PRODUCT", 14}, "InnerProduct"},
    {{"LRN", 15}, "LRN"},
    {{"MEMORY_DATA", 29}, "MemoryData"},
    {{"MULTINOMIAL_LOGISTIC_LOSS", 16}, "MultinomialLogisticLoss"},
    {{"MVN", 34}, "MVN"},
    {{"POOLING", 17}, "Pooling"},
    {{"POWER", 26}, "Power"},
    {{"RELU", 18}, "ReLU"},
    {{"SIGMOID", 19}, "Sigmoid"},
    {{"SIGMOID_CROSS_ENTROPY_LOSS", 27}, "SigmoidCrossEntropyLoss"},
    {{"SILENCE", 36}, "Silence"},
    {{"SOFTMAX", 20}, "Softmax"},
    {{"SOFTMAX_LOSS", 21}, "SoftmaxWithLoss"},
    {{"SPLIT", 22}, "Split"},
    {{"SLICE", 33}, "Slice"},
    {{"TANH", 23}, "TanH"},
    {{"WINDOW_DATA", 24}, "WindowData"},
    {{"THRESHOLD", 31}, "Threshold"},
};

static const tn_proto_word old_type_words[] = {
    {"NONE", 0},
    {"ABSVAL", 35},
    {"ACCURACY", 1},
    {"ARGMAX", 30},
    {"BNLL", 2},
    {"CONCAT", 3},
    {"CONTRASTIVE_LOSS", 37},
    {"CONVOLUTION", 4},
    {"DATA", 5},
    {"DECONVOLUTION", 39},
    {"DROPOUT", 6},
    {"DUMMY_DATA", 32},
    {"EUCLIDEAN_LOSS", 7},
    {"ELTWISE", 25},
    {"EXP", 38},
    {"FLATTEN", 8},
    {"HDF5_DATA", 9},
    {"HDF5_OUTPUT", 10},
    {"HINGE_LOSS", 28},
    {"IM2COL", 11},
    {"IMAGE_DATA", 12},
    {"INFOGAIN_LOSS", 13},
    {"INNER_PRODUCT", 14},
    {"LRN", 15},
    {"MEMORY_DATA", 29},
    {"MULTINOMIAL_LOGISTIC_LOSS", 16},
    {"MVN", 34},
    {"POOLING", 17},
    {"POWER", 26},
    {"RELU", 18},
    {"SIGMOID", 19},
    {"SIGMOID_CROSS_ENTROPY_LOSS", 27},
    {"SILENCE", 36},
    {"SOFTMAX", 20},
    {"SOFTMAX_LOSS", 21},
    {"SPLIT", 22},
    {"SLICE", 33},
    {"TANH", 23},
    {"WINDOW_DATA", 24},
    {"THRESHOLD", 31},
    {NULL, 0},
};

const char *tn_caffe_type_name(int64_t old)
{
    for (size_t i = 0; i < TN_COUNT(old_types); i++)
        if (old_types[i].word.number == old)
            return old_types[i].now;
    return NULL;
}

/* ---- messages --------------------------------------------------------------------------------- */

const tn_proto_field tn_caffe_blob[] = {
    INT(BLOB_NUM, "num"),
    INT(BLOB_CHANNELS, "channels"),
    INT(BLOB_HEIGHT, "height"),
    INT(BLOB_WIDTH, "width"),
    REALS(BLOB_DATA, "data"),
    REALS(6, "diff"),
    ONE(BLOB_SHAPE, "shape", shape),
    {BLOB_DOUBLE, "double_data", TN_PROTO_DOUBLE, .many = true},
    {9, "double_diff", TN_PROTO_DOUBLE, .many = true},
    {0},
};

static const tn_proto_field layer[] = {
    TEXT(LAYER_NAME, "name"),
    TEXT(LAYER_TYPE, "type"),
    TEXTS(LAYER_BOTTOM, "bottom"),
    TEXTS(LAYER_TOP, "top"),
    REALS(LAYER_LOSS_WEIGHT, "loss_weight"),
    MANY(LAYER_SPEC, "param", spec),
    MANY(LAYER_BLOBS, "blobs", tn_caffe_blob),
    MANY(LAYER_INCLUDE, "include", rule),
    MANY(LAYER_EXCLUDE, "exclude", rule),
    ENUM(LAYER_PHASE, "phase", phases),
    {11, "propagate_down", TN_PROTO_BOOL, .many = true},
    ONE(LAYER_TRANSFORM, "transform_param", transform),
    ONE(LAYER_LOSS, "loss_param", loss),
    ONE(LAYER_ACCURACY, "accuracy_param", accuracy),
    ONE(LAYER_ARGMAX, "argmax_param", argmax),
    ONE(LAYER_CONCAT, "concat_param", concat),
    ONE(LAYER_CONV, "convolution_param", conv),
    ONE(LAYER_DATA, "data_param", data),
    ONE(LAYER_DROPOUT, "dropout_param", dropout),
    ONE(LAYER_DUMMY, "dummy_data_param", dummy),
    ONE(LAYER_ELTWISE, "eltwise_param", eltwise),
    ONE(LAYER_EXP, "exp_param", exponential),
    ONE(LAYER_HDF5, "hdf5_data_param", hdf5),
    ONE(LAYER_IMAGE_DATA, "image_data_param", image_data),
    ONE(LAYER_DENSE, "inner_product_param", dense),
    ONE(LAYER_LRN, "lrn_param", lrn),
    ONE(LAYER_MEMORY, "memory_data_param", memory),
    ONE(LAYER_MVN, "mvn_param", mvn),
    ONE(LAYER_POOL, "pooling_param", pool),
    ONE(LAYER_POWER, "power_param", power),
    ONE(LAYER_RELU, "relu_param", relu),
    ONE(LAYER_SIGMOID, "sigmoid_param", engine),
    ONE(LAYER_SOFTMAX, "softmax_param", softmax),
    ONE(LAYER_SLICE, "slice_param", slice),
    ONE(LAYER_TANH, "tanh_param", engine),
    ONE(LAYER_PRELU, "prelu_param", prelu),
    ONE(LAYER_RESHAPE, "reshape_param", reshape),
    ONE(LAYER_LOG, "log_param", exponential),
    ONE(LAYER_FLATTEN, "flatten_param", flatten),
    ONE(LAYER_REDUCTION, "reduction_param", reduction),
    ONE(LAYER_TILE, "tile_param", tile),
    ONE(LAYER_BATCHNORM, "batch_norm_param", batchnorm),
    ONE(LAYER_ELU, "elu_param", elu),
    ONE(LAYER_BIAS, "bias_param", bias),
    ONE(LAYER_SCALE, "scale_param", scale),
    ONE(LAYER_INPUT, "input_param", input),
    ONE(LAYER_CROP, "crop_param", crop),
    ONE(LAYER_PERMUTE, "permute_param", permute),
    ONE(LAYER_SHUFFLE, "shuffle_channel_param", shuffle),
    ONE(LAYER_INTERP, "interp_param", interp),
    {0},
};

/* An old layer has its parameters by other numbers. */
static const struct {
    int now, old;
} old_numbers[] = {
    {LAYER_TRANSFORM, 36},  {LAYER_LOSS, 42},    {LAYER_ACCURACY, 27}, {LAYER_ARGMAX, 23},
    {LAYER_CONCAT, 9},      {LAYER_CONV, 10},    {LAYER_DATA, 11},     {LAYER_DROPOUT, 12},
    {LAYER_DUMMY, 26},      {LAYER_ELTWISE, 24}, {LAYER_EXP, 41},      {LAYER_HDF5, 13},
    {LAYER_IMAGE_DATA, 15}, {LAYER_DENSE, 17},   {LAYER_LRN, 18},      {LAYER_MEMORY, 22},
    {LAYER_MVN, 34},        {LAYER_POOL, 19},    {LAYER_POWER, 21},    {LAYER_RELU, 30},
    {LAYER_SIGMOID, 38},    {LAYER_SOFTMAX, 39}, {LAYER_SLICE, 31},    {LAYER_TANH, 37},
};

int tn_caffe_old_number(int number)
{
    for (size_t i = 0; i < TN_COUNT(old_numbers); i++)
        if (old_numbers[i].now == number)
            return old_numbers[i].old;
    return 0;
}

static const tn_proto_field oldest[] = {
    TEXT(1, "name"),
    TEXT(2, "type"),
    {0},
};
static const tn_proto_field old_layer[] = {
    ONE(OLD_LAYER, "layer", oldest),
    TEXTS(OLD_BOTTOM, "bottom"),
    TEXTS(OLD_TOP, "top"),
    TEXT(OLD_NAME, "name"),
    ENUM(OLD_TYPE, "type", old_type_words),
    MANY(OLD_BLOBS, "blobs", tn_caffe_blob),
    REALS(OLD_RATES, "blobs_lr"),
    REALS(OLD_DECAYS, "weight_decay"),
    MANY(OLD_INCLUDE, "include", rule),
    MANY(OLD_EXCLUDE, "exclude", rule),
    REALS(OLD_WEIGHT, "loss_weight"),
    TEXTS(OLD_SHARED, "param"),
    {1002, "blob_share_mode", TN_PROTO_ENUM, .many = true, .words = share_modes},
    ONE(36, "transform_param", transform),
    ONE(42, "loss_param", loss),
    ONE(27, "accuracy_param", accuracy),
    ONE(23, "argmax_param", argmax),
    ONE(9, "concat_param", concat),
    ONE(10, "convolution_param", conv),
    ONE(11, "data_param", data),
    ONE(12, "dropout_param", dropout),
    ONE(26, "dummy_data_param", dummy),
    ONE(24, "eltwise_param", eltwise),
    ONE(41, "exp_param", exponential),
    ONE(13, "hdf5_data_param", hdf5),
    ONE(15, "image_data_param", image_data),
    ONE(17, "inner_product_param", dense),
    ONE(18, "lrn_param", lrn),
    ONE(22, "memory_data_param", memory),
    ONE(34, "mvn_param", mvn),
    ONE(19, "pooling_param", pool),
    ONE(21, "power_param", power),
    ONE(30, "relu_param", relu),
    ONE(38, "sigmoid_param", engine),
    ONE(39, "softmax_param", softmax),
    ONE(31, "slice_param", slice),
    ONE(37, "tanh_param", engine),
    {0},
};

const tn_proto_field tn_caffe_net[] = {
    TEXT(NET_NAME, "name"),          MANY(NET_LAYERS, "layers", old_layer),
    TEXTS(NET_INPUT, "input"),       INTS(NET_INPUT_DIM, "input_dim"),
    BOOL(5, "force_backward"),       ONE(6, "state", state),
    BOOL(7, "debug_info"),           MANY(NET_INPUT_SHAPE, "input_shape", shape),
    MANY(NET_LAYER, "layer", layer), {0},
};

const tn_proto_field tn_caffe_solver[] = {
    TEXT(SOLVER_TRAIN_NET, "train_net"),
    TEXTS(SOLVER_TEST_NET, "test_net"),
    INTS(SOLVER_TEST_ITER, "test_iter"),
    INT(SOLVER_TEST_INTERVAL, "test_interval"),
    REAL(SOLVER_RATE, "base_lr"),
    INT(SOLVER_DISPLAY, "display"),
    INT(SOLVER_STEPS, "max_iter"),
    TEXT(SOLVER_POLICY, "lr_policy"),
    REAL(SOLVER_GAMMA, "gamma"),
    REAL(SOLVER_POWER, "power"),
    REAL(SOLVER_MOMENTUM, "momentum"),
    REAL(SOLVER_DECAY, "weight_decay"),
    INT(SOLVER_PERIOD, "stepsize"),
    INT(SOLVER_SNAPSHOT, "snapshot"),
    TEXT(15, "snapshot_prefix"),
    BOOL(16, "snapshot_diff"),
    ENUM(17, "solver_mode", modes),
    INTS(18, "device_id"), /* one, but for a fork */
    BOOL(19, "test_compute_loss"),
    INT(SOLVER_SEED, "random_seed"),
    ONE(SOLVER_TRAIN_PARAM, "train_net_param", tn_caffe_net),
    MANY(22, "test_net_param", tn_caffe_net),
    BOOL(23, "debug_info"),
    TEXT(SOLVER_NET, "net"),
    ONE(SOLVER_NET_PARAM, "net_param", tn_caffe_net),
    ONE(26, "train_state", state),
    MANY(27, "test_state", state),
    BOOL(28, "snapshot_after_train"),
    TEXT(SOLVER_REGULARIZATION, "regularization_type"),
    ENUM(SOLVER_OLD_TYPE, "solver_type", solvers),
    REAL(SOLVER_DELTA, "delta"),
    BOOL(32, "test_initialization"),
    INT(33, "average_loss"),
    INTS(SOLVER_AT, "stepvalue"),
    REAL(SOLVER_CLIP, "clip_gradients"),
    INT(SOLVER_ITER_SIZE, "iter_size"),
    ENUM(37, "snapshot_format", formats),
    REAL(38, "rms_decay"),
    REAL(SOLVER_MOMENTUM2, "momentum2"),
    TEXT(SOLVER_TYPE, "type"),
    BOOL(41, "layer_wise_reduce"),
    TEXTS(42, "weights"),
    {0},
};

const tn_proto_field tn_caffe_state[] = {
    INT(STATE_ITER, "iter"),
    TEXT(STATE_NET, "learned_net"),
    MANY(STATE_HISTORY, "history", tn_caffe_blob),
    INT(4, "current_step"),
    {0},
};
