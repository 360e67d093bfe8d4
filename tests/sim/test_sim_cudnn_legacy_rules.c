/*
 * What the simulated cuDNN's pooling and batch normalization without graphs say of wrong arguments, and
 * the rules that they stop at.
 */
#include <string.h>

#include "dnn_numbers.h"

enum { N = 2, C = 6, H = 5, W = 6, BYTES = N * C * H * W * sizeof(float) };

static const float one = 1, zero = 0;

/* Of 2 x 2, without anything else. */
static cudnnPoolingDescriptor_t pooling(void)
{
    cudnnPoolingDescriptor_t d;
    assert_dnn(cudnnCreatePoolingDescriptor(&d));
    assert_dnn(
        cudnnSetPooling2dDescriptor(d, CUDNN_POOLING_MAX, CUDNN_PROPAGATE_NAN, 2, 2, 0, 0, 2, 2));
    return d;
}

static void test_pool_arguments(void **state)
{
    (void)state;
    cudnnPoolingDescriptor_t how, unset;
    cudnnTensorDescriptor_t x = numbers_descriptor(N, CUDNN_DATA_FLOAT, C, H, W),
                            y = numbers_descriptor(N, CUDNN_DATA_FLOAT, C, 2, 3);
    cudnnTensorDescriptor_t more = numbers_descriptor(N, CUDNN_DATA_FLOAT, C, 4, 3),
                            other = numbers_descriptor(N, CUDNN_DATA_HALF, C, 2, 3);
    char *a = new_device(BYTES), *b = new_device(BYTES);
    assert_dnn(cudnnCreatePoolingDescriptor(&unset));
    how = pooling();
    assert_says(cudnnPoolingForward(numbers_handle, unset, &one, x, a, &zero, y, b),
                CUDNN_STATUS_BAD_PARAM, "not set");
    assert_says(cudnnPoolingForward(numbers_handle, how, &one, x, a, &zero, other, b),
                CUDNN_STATUS_BAD_PARAM, "different types");
    assert_says(cudnnPoolingForward(numbers_handle, how, &one, x, a, &zero, more, b),
                CUDNN_STATUS_BAD_PARAM, "a window begins outside of x");
    assert_says(cudnnPoolingBackward(numbers_handle, how, &one, y, b, more, b, x, a, &zero, x, a),
                CUDNN_STATUS_BAD_PARAM, "different types or shapes");
    assert_dnn_is(cudnnPoolingForward(numbers_handle, how, &one, x, a, &one, y, b),
                  CUDNN_STATUS_NOT_SUPPORTED);
    assert_says(
        cudnnSetPooling2dDescriptor(how, CUDNN_POOLING_MAX, CUDNN_PROPAGATE_NAN, 2, 2, 2, 0, 1, 1),
        CUDNN_STATUS_BAD_PARAM, "padded by 2");
    assert_says(
        cudnnSetPooling2dDescriptor(how, CUDNN_POOLING_MAX, CUDNN_PROPAGATE_NAN, 2, 2, 0, 0, 1, 0),
        CUDNN_STATUS_BAD_PARAM, "stride 0");
    assert_dnn(cudnnDestroyPoolingDescriptor(how));
    assert_dnn(cudnnDestroyPoolingDescriptor(unset));
    cudnnTensorDescriptor_t all[] = {x, y, more, other};
    for (int i = 0; i < 4; i++)
        assert_dnn(cudnnDestroyTensorDescriptor(all[i]));
    assert_cuda(cudaFree(a));
    assert_cuda(cudaFree(b));
}

static cudnnStatus_t infer(cudnnBatchNormMode_t mode, cudnnTensorDescriptor_t x, void *from,
                           void *to, cudnnTensorDescriptor_t channel, void *per, double epsilon)
{
    return cudnnBatchNormalizationForwardInference(numbers_handle, mode, &one, &zero, x, from, x,
                                                   to, channel, per, per, per, per, epsilon);
}

static void test_norm_arguments(void **state)
{
    (void)state;
    const cudnnBatchNormMode_t mode = CUDNN_BATCHNORM_SPATIAL;
    cudnnTensorDescriptor_t x = numbers_descriptor(N, CUDNN_DATA_FLOAT, C, H, W),
                            channel = numbers_descriptor(1, CUDNN_DATA_FLOAT, C, 1, 1);
    cudnnTensorDescriptor_t half = numbers_descriptor(1, CUDNN_DATA_HALF, C, 1, 1),
                            few = numbers_descriptor(1, CUDNN_DATA_FLOAT, 2, 1, 1);
    char *a = new_device(BYTES), *b = new_device(BYTES), *c = new_device(BYTES);
    assert_says(infer(mode, x, a, b, half, c, 1), CUDNN_STATUS_BAD_PARAM, "not f32");
    assert_says(infer(mode, x, a, b, few, c, 1), CUDNN_STATUS_BAD_PARAM,
                "not a number for each channel");
    assert_says(infer(mode, x, a, b, channel, c, -1), CUDNN_STATUS_BAD_PARAM, "epsilon -1");
    assert_says(infer(mode, x, a, b, channel, NULL, 1), CUDNN_STATUS_BAD_PARAM, "at NULL");
    assert_dnn_is(infer(CUDNN_BATCHNORM_PER_ACTIVATION, x, a, b, channel, c, 1),
                  CUDNN_STATUS_NOT_SUPPORTED);
    cudnnTensorDescriptor_t all[] = {x, channel, half, few};
    for (int i = 0; i < 4; i++)
        assert_dnn(cudnnDestroyTensorDescriptor(all[i]));
    assert_cuda(cudaFree(a));
    assert_cuda(cudaFree(b));
    assert_cuda(cudaFree(c));
}

static void pool_in_place(void)
{
    cudnnTensorDescriptor_t x = numbers_descriptor(N, CUDNN_DATA_FLOAT, C, H, W),
                            y = numbers_descriptor(N, CUDNN_DATA_FLOAT, C, 2, 3);
    char *a = new_device(BYTES);
    cudnnPoolingForward(numbers_handle, pooling(), &one, x, a, &zero, y, a);
}

/* Of a maximum it reads x. */
static void pool_over_x(void)
{
    cudnnTensorDescriptor_t x = numbers_descriptor(N, CUDNN_DATA_FLOAT, C, H, W),
                            y = numbers_descriptor(N, CUDNN_DATA_FLOAT, C, 2, 3);
    char *a = new_device(BYTES), *b = new_device(BYTES);
    cudnnPoolingBackward(numbers_handle, pooling(), &one, y, b, y, b, x, a, &zero, x, a);
}

static void pool_short(void)
{
    cudnnTensorDescriptor_t x = numbers_descriptor(N, CUDNN_DATA_FLOAT, C, H, W),
                            y = numbers_descriptor(N, CUDNN_DATA_FLOAT, C, 2, 3);
    cudnnPoolingForward(numbers_handle, pooling(), &one, x, new_device(BYTES - 4), &zero, y,
                        new_device(BYTES));
}

static void pool_destroyed(void)
{
    cudnnPoolingDescriptor_t d = pooling();
    assert_dnn(cudnnDestroyPoolingDescriptor(d));
    cudnnSetPooling2dDescriptor(d, CUDNN_POOLING_MAX, CUDNN_PROPAGATE_NAN, 2, 2, 0, 0, 1, 1);
}

static void pooling_left(void)
{
    pooling();
    tn_sim_check_leaks();
}

static void norm_in_place(void)
{
    cudnnTensorDescriptor_t x = numbers_descriptor(N, CUDNN_DATA_FLOAT, C, H, W),
                            channel = numbers_descriptor(1, CUDNN_DATA_FLOAT, C, 1, 1);
    char *a = new_device(BYTES);
    infer(CUDNN_BATCHNORM_SPATIAL, x, a, a, channel, new_device(BYTES), 1);
}

static void norm_short(void)
{
    cudnnTensorDescriptor_t x = numbers_descriptor(N, CUDNN_DATA_FLOAT, C, H, W),
                            channel = numbers_descriptor(1, CUDNN_DATA_FLOAT, C, 1, 1);
    infer(CUDNN_BATCHNORM_SPATIAL, x, new_device(BYTES), new_device(BYTES), channel,
          new_device(C * sizeof(float) - 4), 1);
}

static void test_breaks(void **state)
{
    (void)state;
    rule_breaks("overlap", "cudnnPoolingForward", pool_in_place);
    rule_breaks("overlap", "cudnnPoolingBackward", pool_over_x);
    rule_breaks("memory", "cudnnPoolingForward", pool_short);
    rule_breaks("destroyed", "cuDNN pooling descriptor", pool_destroyed);
    rule_breaks("leak", "1 cuDNN pooling descriptor", pooling_left);
    rule_breaks("overlap", "cudnnBatchNormalizationForwardInference", norm_in_place);
    rule_breaks("memory", "cudnnBatchNormalizationForwardInference", norm_short);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_arguments),
        cmocka_unit_test(test_norm_arguments),
        cmocka_unit_test(test_breaks),
    };
    return cmocka_run_group_tests(tests, numbers_open, numbers_close);
}
