/*
 * Numbers of the simulated cuDNN: batch normalization, softmax and LRN. Forward against the formulas in
 * doubles, backward against central differences of those.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dnn_numbers.h"

enum { N = 2, C = 6, H = 2, W = 3, PIXELS = H * W, ALL = N * C * PIXELS };

static const float one = 1, zero = 0;

static numbers image(int64_t uid, cudnnDataType_t type, bool nchw)
{
    return numbers_make((dnn_tensor){.uid = uid, .type = type, .dim = {N, C, H, W}, .nchw = nchw},
                        (unsigned)uid);
}

static numbers vector(int64_t uid)
{
    return numbers_make((dnn_tensor){.uid = uid, .dim = {1, C, 1, 1}}, (unsigned)uid);
}

/* A formula, y = f(x), with numbers that tests choose. */
typedef void formula(const double *x, double *y, const void *with);

/* dx of sum dy y. */
static void differences(formula *f, const void *with, const double *x, const double *dy, double *dx,
                        int n)
{
    const double step = 1e-5;
    double moved[ALL], y[2][ALL];
    for (int i = 0; i < n; i++) {
        for (int side = 0; side < 2; side++) {
            memcpy(moved, x, (size_t)n * sizeof *x);
            moved[i] += side ? step : -step;
            f(moved, y[side], with);
        }
        dx[i] = 0;
        for (int k = 0; k < ALL; k++)
            dx[i] += dy[k] * (y[1][k] - y[0][k]) / (2 * step);
    }
}

/* ---- batch normalization ------------------------------------------------------------------ */

/* Canonical: [N][C][pixel]. */
typedef struct norm_numbers {
    const double *x, *scale, *bias;
    double epsilon;
} norm_numbers;

static void moments(const double *x, int c, double *mean, double *var)
{
    *mean = *var = 0;
    for (int i = 0; i < N * PIXELS; i++)
        *mean += x[(i / PIXELS * C + c) * PIXELS + i % PIXELS] / (N * PIXELS);
    for (int i = 0; i < N * PIXELS; i++) {
        const double d = x[(i / PIXELS * C + c) * PIXELS + i % PIXELS] - *mean;
        *var += d * d / (N * PIXELS);
    }
}

static void norm(const double *x, const double *scale, const double *bias, double epsilon,
                 double *y)
{
    for (int c = 0; c < C; c++) {
        double mean, var;
        moments(x, c, &mean, &var);
        for (int i = 0; i < N * PIXELS; i++) {
            const int at = (i / PIXELS * C + c) * PIXELS + i % PIXELS;
            y[at] = scale[c] * (x[at] - mean) / sqrt(var + epsilon) + bias[c];
        }
    }
}

static void norm_of_x(const double *x, double *y, const void *with)
{
    const norm_numbers *w = with;
    norm(x, w->scale, w->bias, w->epsilon, y);
}

static void norm_of_scale(const double *scale, double *y, const void *with)
{
    const norm_numbers *w = with;
    norm(w->x, scale, w->bias, w->epsilon, y);
}

static void norm_of_bias(const double *bias, double *y, const void *with)
{
    const norm_numbers *w = with;
    norm(w->x, w->scale, bias, w->epsilon, y);
}

static dnn_desc scalar(int64_t uid)
{
    return dnn_tensor_new(&(dnn_tensor){.uid = uid, .dim = {1, 1, 1, 1}, .by_value = true});
}

/* Sets what lies in `t` in the order of `names`. */
static dnn_desc norm_op(cudnnBackendDescriptorType_t type, cudnnBackendAttributeName_t mode_name,
                        const cudnnBackendAttributeName_t *names, numbers *const *t, int n)
{
    const cudnnBackendNormMode_t mode = CUDNN_BATCH_NORM;
    dnn_desc op = dnn_new(type);
    dnn_set(op, mode_name, CUDNN_TYPE_NORM_MODE, 1, &mode);
    for (int i = 0; i < n; i++)
        dnn_set_desc(op, names[i], dnn_tensor_new(&t[i]->t));
    return op;
}

static void run(dnn_desc op, numbers *const *t, int n, int scalars, float *const *value)
{
    int64_t uid[16];
    void *pointer[16];
    for (int i = 0; i < n + scalars; i++) {
        uid[i] = i < n ? t[i]->t.uid : 90 + i - n;
        pointer[i] = i < n ? t[i]->device : value[i - n];
    }
    dnn_finalize(op);
    dnn_run(numbers_handle, dnn_plan_of(numbers_handle, 1, &op, 0), n + scalars, uid, pointer);
    dnn_end();
}

static void check_norm_forward(cudnnDataType_t type, bool nchw)
{
    static const cudnnBackendAttributeName_t names[] = {
        CUDNN_ATTR_OPERATION_NORM_FWD_XDESC,
        CUDNN_ATTR_OPERATION_NORM_FWD_YDESC,
        CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC,
        CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC,
        CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC,
        CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC,
        CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_MEAN_DESC,
        CUDNN_ATTR_OPERATION_NORM_FWD_INPUT_RUNNING_VAR_DESC,
        CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_MEAN_DESC,
        CUDNN_ATTR_OPERATION_NORM_FWD_OUTPUT_RUNNING_VAR_DESC,
    };
    const cudnnBackendNormFwdPhase_t phase = CUDNN_NORM_FWD_TRAINING;
    float epsilon = 1e-3f, factor = 0.25f;
    numbers t[10] = {image(1, type, nchw), image(2, type, nchw)}, *all[10] = {&t[0], &t[1]};
    for (int i = 2; i < 10; i++) {
        t[i] = vector(i + 1);
        all[i] = &t[i];
    }
    dnn_desc op = norm_op(CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR,
                          CUDNN_ATTR_OPERATION_NORM_FWD_MODE, names, all, 10);
    dnn_set(op, CUDNN_ATTR_OPERATION_NORM_FWD_PHASE, CUDNN_TYPE_NORM_FWD_PHASE, 1, &phase);
    dnn_set_desc(op, CUDNN_ATTR_OPERATION_NORM_FWD_EPSILON_DESC, scalar(90));
    dnn_set_desc(op, CUDNN_ATTR_OPERATION_NORM_FWD_EXP_AVG_FACTOR_DESC, scalar(91));
    run(op, all, 10, 2, (float *[]){&epsilon, &factor});
    double y[ALL], mean[C], inv[C], mean_out[C], var_out[C];
    norm(t[0].x, t[2].x, t[3].x, (double)epsilon, y);
    for (int c = 0; c < C; c++) {
        double var;
        moments(t[0].x, c, &mean[c], &var);
        inv[c] = 1 / sqrt(var + (double)epsilon);
        mean_out[c] = 0.75 * t[6].x[c] + 0.25 * mean[c];
        var_out[c] = 0.75 * t[7].x[c] + 0.25 * var * N * PIXELS / (N * PIXELS - 1);
    }
    assert_true(numbers_error(&t[1], y) < numbers_tolerance(type));
    assert_true(numbers_error(&t[4], mean) < 1e-6);
    assert_true(numbers_error(&t[5], inv) < 1e-6);
    assert_true(numbers_error(&t[8], mean_out) < 1e-6);
    assert_true(numbers_error(&t[9], var_out) < 1e-6);
    for (int i = 0; i < 10; i++)
        numbers_drop(&t[i]);
}

static void check_norm_backward(cudnnDataType_t type)
{
    static const cudnnBackendAttributeName_t names[] = {
        CUDNN_ATTR_OPERATION_NORM_BWD_XDESC,       CUDNN_ATTR_OPERATION_NORM_BWD_DYDESC,
        CUDNN_ATTR_OPERATION_NORM_BWD_DXDESC,      CUDNN_ATTR_OPERATION_NORM_BWD_SCALE_DESC,
        CUDNN_ATTR_OPERATION_NORM_BWD_MEAN_DESC,   CUDNN_ATTR_OPERATION_NORM_BWD_INV_VARIANCE_DESC,
        CUDNN_ATTR_OPERATION_NORM_BWD_DSCALE_DESC, CUDNN_ATTR_OPERATION_NORM_BWD_DBIAS_DESC,
    };
    numbers t[8] = {image(1, type, false), image(2, type, false), image(3, type, false)}, *all[8];
    float mean[C], inv[C];
    for (int i = 0; i < 8; i++) {
        if (i > 2)
            t[i] = vector(i + 1);
        all[i] = &t[i];
    }
    for (int c = 0; c < C; c++) {
        double m, var;
        moments(t[0].x, c, &m, &var);
        mean[c] = (float)m;
        inv[c] = (float)(1 / sqrt(var + 1e-3));
    }
    assert_cuda(cudaMemcpy(t[4].device, mean, sizeof mean, cudaMemcpyHostToDevice));
    assert_cuda(cudaMemcpy(t[5].device, inv, sizeof inv, cudaMemcpyHostToDevice));
    run(norm_op(CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR,
                CUDNN_ATTR_OPERATION_NORM_BWD_MODE, names, all, 8),
        all, 8, 0, NULL);
    const norm_numbers with = {t[0].x, t[3].x, t[3].x, 1e-3};
    double dx[ALL], dscale[C], dbias[C];
    differences(norm_of_x, &with, t[0].x, t[1].x, dx, ALL);
    differences(norm_of_scale, &with, t[3].x, t[1].x, dscale, C);
    differences(norm_of_bias, &with, t[3].x, t[1].x, dbias, C);
    assert_true(numbers_error(&t[2], dx) < fmax(1e-5, numbers_tolerance(type)));
    assert_true(numbers_error(&t[6], dscale) < 1e-5);
    assert_true(numbers_error(&t[7], dbias) < 1e-5);
    for (int i = 0; i < 8; i++)
        numbers_drop(&t[i]);
}

static void test_norm(void **state)
{
    (void)state;
    check_norm_forward(CUDNN_DATA_FLOAT, false);
    check_norm_forward(CUDNN_DATA_FLOAT, true);
    check_norm_forward(CUDNN_DATA_BFLOAT16, false);
    check_norm_backward(CUDNN_DATA_FLOAT);
    check_norm_backward(CUDNN_DATA_HALF);
}

/* ---- softmax ------------------------------------------------------------------------------ */

typedef struct softmax_numbers {
    bool log, pixels;
} softmax_numbers;

static void softmax(const double *x, double *y, const void *with)
{
    const softmax_numbers *w = with;
    for (int i = 0; i < ALL; i++) {
        const int n = i / (C * PIXELS), pixel = i % PIXELS;
        double sum = 0;
        for (int k = 0; k < C * PIXELS; k++)
            if (!w->pixels || k % PIXELS == pixel)
                sum += exp(x[n * C * PIXELS + k]);
        y[i] = w->log ? x[i] - log(sum) : exp(x[i]) / sum;
    }
}

static cudnnTensorDescriptor_t legacy(const numbers *a)
{
    cudnnTensorDescriptor_t d;
    assert_dnn(cudnnCreateTensorDescriptor(&d));
    assert_dnn(cudnnSetTensor4dDescriptor(d, a->t.nchw ? CUDNN_TENSOR_NCHW : CUDNN_TENSOR_NHWC,
                                          a->t.type, N, C, H, W));
    return d;
}

static void check_softmax(softmax_numbers with, cudnnDataType_t type)
{
    const cudnnSoftmaxAlgorithm_t how = with.log ? CUDNN_SOFTMAX_LOG : CUDNN_SOFTMAX_ACCURATE;
    const cudnnSoftmaxMode_t mode =
        with.pixels ? CUDNN_SOFTMAX_MODE_CHANNEL : CUDNN_SOFTMAX_MODE_INSTANCE;
    numbers x = image(1, type, false), y = image(2, type, false), dy = image(3, type, false);
    numbers dx = image(4, type, false);
    cudnnTensorDescriptor_t d = legacy(&x);
    double y_should[ALL], dx_should[ALL];
    softmax(x.x, y_should, &with);
    differences(softmax, &with, x.x, dy.x, dx_should, ALL);
    assert_dnn(
        cudnnSoftmaxForward(numbers_handle, how, mode, &one, d, x.device, &zero, d, y.device));
    assert_dnn(cudnnSoftmaxBackward(numbers_handle, how, mode, &one, d, y.device, d, dy.device,
                                    &zero, d, dx.device));
    assert_cuda(cudaDeviceSynchronize());
    assert_true(numbers_error(&y, y_should) < numbers_tolerance(type));
    assert_true(numbers_error(&dx, dx_should) < fmax(1e-5, 3 * numbers_tolerance(type)));
    assert_dnn(cudnnDestroyTensorDescriptor(d));
    numbers *all[] = {&x, &y, &dy, &dx};
    for (int i = 0; i < 4; i++)
        numbers_drop(all[i]);
}

static void test_softmax(void **state)
{
    (void)state;
    check_softmax((softmax_numbers){0}, CUDNN_DATA_FLOAT);
    check_softmax((softmax_numbers){.pixels = true}, CUDNN_DATA_FLOAT);
    check_softmax((softmax_numbers){.log = true}, CUDNN_DATA_FLOAT);
    check_softmax((softmax_numbers){.log = true, .pixels = true}, CUDNN_DATA_HALF);
}

/* ---- LRN ---------------------------------------------------------------------------------- */

typedef struct lrn_numbers {
    int n;
    double alpha, beta, k;
} lrn_numbers;

static void lrn(const double *x, double *y, const void *with)
{
    const lrn_numbers *w = with;
    for (int i = 0; i < ALL; i++) {
        const int c = i / PIXELS % C, before = (w->n - 1) / 2;
        double sum = 0;
        for (int k = c - before; k < c - before + w->n; k++)
            if (k >= 0 && k < C)
                sum += x[i + (k - c) * PIXELS] * x[i + (k - c) * PIXELS];
        y[i] = x[i] * pow(w->k + w->alpha / w->n * sum, -w->beta);
    }
}

static void test_lrn(void **state)
{
    (void)state;
    static const lrn_numbers cases[] = {{5, 1e-1, 0.75, 1}, {3, 2, 0.5, 2}, {4, 1, 0.75, 1}};
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        const lrn_numbers *c = &cases[i / 2];
        const bool nchw = i % 2;
        numbers x = image(1, CUDNN_DATA_FLOAT, nchw), y = image(2, CUDNN_DATA_FLOAT, nchw);
        numbers dy = image(3, CUDNN_DATA_FLOAT, nchw), dx = image(4, CUDNN_DATA_FLOAT, nchw);
        cudnnTensorDescriptor_t d = legacy(&x);
        cudnnLRNDescriptor_t how;
        double y_should[ALL], dx_should[ALL];
        lrn(x.x, y_should, c);
        differences(lrn, c, x.x, dy.x, dx_should, ALL);
        assert_dnn(cudnnCreateLRNDescriptor(&how));
        assert_dnn(cudnnSetLRNDescriptor(how, (unsigned)c->n, c->alpha, c->beta, c->k));
        assert_dnn(cudnnLRNCrossChannelForward(numbers_handle, how, CUDNN_LRN_CROSS_CHANNEL_DIM1,
                                               &one, d, x.device, &zero, d, y.device));
        assert_dnn(cudnnLRNCrossChannelBackward(numbers_handle, how, CUDNN_LRN_CROSS_CHANNEL_DIM1,
                                                &one, d, y.device, d, dy.device, d, x.device, &zero,
                                                d, dx.device));
        assert_cuda(cudaDeviceSynchronize());
        assert_true(numbers_error(&y, y_should) < 1e-6);
        assert_true(numbers_error(&dx, dx_should) < 1e-5);
        assert_dnn(cudnnDestroyLRNDescriptor(how));
        assert_dnn(cudnnDestroyTensorDescriptor(d));
        numbers *all[] = {&x, &y, &dy, &dx};
        for (int k = 0; k < 4; k++)
            numbers_drop(all[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_lrn),
    };
    return cmocka_run_group_tests(tests, numbers_open, numbers_close);
}
