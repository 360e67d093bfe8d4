/*
 * Tensors of the simulated cuDNN with numbers, to be compared with naive loops in doubles.
 */
#ifndef TN_TEST_DNN_NUMBERS_H
#define TN_TEST_DNN_NUMBERS_H

#include "dnn.h"

enum {
    TENSOR_CORE = 1 << CUDNN_NUMERICAL_NOTE_TENSOR_CORE,
    REDUCED = 1 << CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION,
    UNORDERED = 1 << CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC,
    F32 = CUDNN_DATA_FLOAT,
    F16 = CUDNN_DATA_HALF,
    BF16 = CUDNN_DATA_BFLOAT16
};

/* A tensor on the device, and the numbers that it began with, canonical, as its type keeps them. */
typedef struct numbers {
    dnn_tensor t;
    int64_t count, span;
    void *device;
    double *x;
} numbers;

/* In [-1, 1). */
numbers numbers_make(dnn_tensor t, unsigned seed);
void numbers_drop(numbers *a);
/* Where element i lies, in elements. */
int64_t numbers_offset(const dnn_tensor *t, int64_t i);
/* What is on the device now, canonical; to be freed. */
double *numbers_get(const numbers *a);
/* The largest difference of what is on the device from what should be, as a part of the largest of that.
 * What is between the channels of a slice must still be zero. */
double numbers_error(const numbers *a, const double *should);
/* What may be lost by rounding the result. */
double numbers_tolerance(cudnnDataType_t type);

/* For functions without graphs: NHWC. */
cudnnTensorDescriptor_t numbers_descriptor(int n, cudnnDataType_t type, int c, int h, int w);

/* For a group of tests: a handle with a stream; the end looks for leaks. */
extern cudnnHandle_t numbers_handle;
int numbers_open(void **state);
int numbers_close(void **state);

#endif
