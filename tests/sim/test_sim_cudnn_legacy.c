/*
 * Numbers of the simulated cuDNN's pooling and batch normalization without graphs, against naive loops in
 * doubles.
 */
#include <math.h>
#include <string.h>

#include "dnn_numbers.h"

enum { N = 2, C = 6, H = 5, W = 6, PIXELS = H * W, ALL = N * C * PIXELS, M = N * PIXELS };

static const float one = 1, zero = 0;

static numbers image(int64_t uid, cudnnDataType_t type, int h, int w)
{
    return numbers_make((dnn_tensor){.uid = uid, .type = type, .dim = {N, C, h, w}}, (unsigned)uid);
}

static numbers vector(int64_t uid)
{
    return numbers_make((dnn_tensor){.uid = uid, .dim = {1, C, 1, 1}}, (unsigned)uid);
}

static void drop_all(numbers *const *t, int count)
{
    for (int i = 0; i < count; i++)
        numbers_drop(t[i]);
}

/* ---- pooling ------------------------------------------------------------------------------ */

typedef struct pool_case {
    const char *why;
    cudnnPoolingMode_t mode;
    cudnnDataType_t type;
    int window[2], pad[2], stride[2], out[2];
} pool_case;

static const pool_case pool_cases[] = {
    {"maximum", CUDNN_POOLING_MAX_DETERMINISTIC, CUDNN_DATA_FLOAT, {2, 2}, {0, 0}, {2, 2}, {2, 3}},
    {"windows overlap, and hang over",
     CUDNN_POOLING_MAX_DETERMINISTIC,
     CUDNN_DATA_FLOAT,
     {3, 3},
     {1, 0},
     {2, 2},
     {3, 3}},
    {"of any order", CUDNN_POOLING_MAX, CUDNN_DATA_FLOAT, {3, 2}, {1, 1}, {1, 2}, {5, 4}},
    {"halves", CUDNN_POOLING_MAX_DETERMINISTIC, CUDNN_DATA_HALF, {2, 3}, {0, 1}, {2, 1}, {2, 6}},
    {"mean of what is inside",
     CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING,
     CUDNN_DATA_FLOAT,
     {3, 3},
     {1, 1},
     {2, 2},
     {3, 3}},
    {"mean with the padding",
     CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING,
     CUDNN_DATA_FLOAT,
     {3, 4},
     {1, 1},
     {2, 2},
     {3, 3}},
    {"all of it",
     CUDNN_POOLING_AVERAGE_COUNT_EXCLUDE_PADDING,
     CUDNN_DATA_BFLOAT16,
     {H, W},
     {0, 0},
     {1, 1},
     {1, 1}},
};

static bool is_max(const pool_case *c)
{
    return c->mode == CUDNN_POOLING_MAX || c->mode == CUDNN_POOLING_MAX_DETERMINISTIC;
}

/* One window: y[i], and what it gives to dx. */
static void pool_one(const pool_case *c, int i, const double *x, double *y, double dy, double *dx)
{
    const int q = i % c->out[1], p = i / c->out[1] % c->out[0], image = i / c->out[1] / c->out[0];
    int taps[64], inside = 0, best = 0;
    for (int j = 0; j < c->window[0] * c->window[1]; j++) {
        const int h = p * c->stride[0] - c->pad[0] + j / c->window[1];
        const int w = q * c->stride[1] - c->pad[1] + j % c->window[1];
        if (h >= 0 && w >= 0 && h < H && w < W)
            taps[inside++] = (image * H + h) * W + w;
    }
    double sum = 0;
    for (int j = 0; j < inside; j++) {
        sum += x[taps[j]];
        best = x[taps[j]] > x[taps[best]] ? j : best;
    }
    const double n = c->mode == CUDNN_POOLING_AVERAGE_COUNT_INCLUDE_PADDING
                         ? c->window[0] * c->window[1]
                         : inside;
    y[i] = is_max(c) ? x[taps[best]] : sum / n;
    if (is_max(c))
        dx[taps[best]] += dy;
    for (int j = 0; j < inside && !is_max(c); j++)
        dx[taps[j]] += dy / n;
}

static cudnnPoolingDescriptor_t pooling(const pool_case *c)
{
    cudnnPoolingDescriptor_t d;
    assert_dnn(cudnnCreatePoolingDescriptor(&d));
    assert_dnn(cudnnSetPooling2dDescriptor(d, c->mode, CUDNN_PROPAGATE_NAN, c->window[0],
                                           c->window[1], c->pad[0], c->pad[1], c->stride[0],
                                           c->stride[1]));
    return d;
}

static void check_pool(const pool_case *c)
{
    numbers x = image(1, c->type, H, W), dx = image(2, c->type, H, W);
    numbers y = image(3, c->type, c->out[0], c->out[1]);
    numbers dy = image(4, c->type, c->out[0], c->out[1]);
    cudnnTensorDescriptor_t of_x = numbers_descriptor(N, c->type, C, H, W);
    cudnnTensorDescriptor_t of_y = numbers_descriptor(N, c->type, C, c->out[0], c->out[1]);
    cudnnPoolingDescriptor_t how = pooling(c);
    double y_should[ALL], dx_should[ALL] = {0};
    for (int i = 0; i < y.count; i++)
        pool_one(c, i, x.x, y_should, dy.x[i], dx_should);
    assert_dnn(
        cudnnPoolingForward(numbers_handle, how, &one, of_x, x.device, &zero, of_y, y.device));
    assert_dnn(cudnnPoolingBackward(numbers_handle, how, &one, of_y,
                                    is_max(c) ? y.device : dy.device, of_y, dy.device, of_x,
                                    is_max(c) ? x.device : dx.device, &zero, of_x, dx.device));
    assert_cuda(cudaDeviceSynchronize());
    assert_true(numbers_error(&y, y_should) <= numbers_tolerance(c->type));
    assert_true(numbers_error(&dx, dx_should) <= 3 * numbers_tolerance(c->type));
    assert_dnn(cudnnDestroyPoolingDescriptor(how));
    assert_dnn(cudnnDestroyTensorDescriptor(of_x));
    assert_dnn(cudnnDestroyTensorDescriptor(of_y));
    drop_all((numbers *[]){&x, &y, &dy, &dx}, 4);
}

static void test_pool(void **state)
{
    (void)state;
    for (size_t i = 0; i < TN_COUNT(pool_cases); i++) {
        print_message("%s\n", pool_cases[i].why);
        check_pool(&pool_cases[i]);
    }
}

/* ---- batch normalization ------------------------------------------------------------------ */

typedef struct norm {
    double mean[C], var[C];
} norm;

static int at(int c, int i)
{
    return (i / PIXELS * C + c) * PIXELS + i % PIXELS;
}

static norm moments(const double *x)
{
    norm n = {{0}, {0}};
    for (int c = 0; c < C; c++) {
        for (int i = 0; i < M; i++)
            n.mean[c] += x[at(c, i)] / M;
        for (int i = 0; i < M; i++)
            n.var[c] += (x[at(c, i)] - n.mean[c]) * (x[at(c, i)] - n.mean[c]) / M;
    }
    return n;
}

static void normalise(const norm *n, const double *x, const double *scale, const double *bias,
                      double epsilon, double *y)
{
    for (int c = 0; c < C; c++)
        for (int i = 0; i < M; i++)
            y[at(c, i)] =
                scale[c] * (x[at(c, i)] - n->mean[c]) / sqrt(n->var[c] + epsilon) + bias[c];
}

/* Of sum dy y by differences. */
static double slope(const double *x, int k, const double *scale, const double *bias, double epsilon,
                    const double *dy)
{
    const double step = 1e-5;
    double moved[ALL], y[ALL], sum[2] = {0, 0};
    for (int side = 0; side < 2; side++) {
        memcpy(moved, x, sizeof moved);
        moved[k] += side ? step : -step;
        const norm n = moments(moved);
        normalise(&n, moved, scale, bias, epsilon, y);
        for (int i = 0; i < ALL; i++)
            sum[side] += dy[i] * y[i];
    }
    return (sum[1] - sum[0]) / (2 * step);
}

typedef struct channels {
    numbers scale, bias, mean, var, saved_mean, inv, dscale, dbias;
} channels;

static void check_channels(const channels *c, const norm *now, double factor, double epsilon)
{
    double mean[C], var[C], inv[C];
    for (int i = 0; i < C; i++) {
        mean[i] = (1 - factor) * c->mean.x[i] + factor * now->mean[i];
        var[i] = (1 - factor) * c->var.x[i] + factor * now->var[i] * M / (M - 1);
        inv[i] = 1 / sqrt(now->var[i] + epsilon);
    }
    assert_true(numbers_error(&c->mean, mean) < 1e-6);
    assert_true(numbers_error(&c->var, var) < 1e-6);
    assert_true(numbers_error(&c->saved_mean, now->mean) < 1e-6);
    assert_true(numbers_error(&c->inv, inv) < 1e-6);
}

static void check_sums(const channels *c, const norm *n, const double *x, const double *dy,
                       double epsilon)
{
    double dscale[C] = {0}, dbias[C] = {0};
    for (int k = 0; k < C; k++)
        for (int i = 0; i < M; i++) {
            dbias[k] += dy[at(k, i)];
            dscale[k] += dy[at(k, i)] * (x[at(k, i)] - n->mean[k]) / sqrt(n->var[k] + epsilon);
        }
    assert_true(numbers_error(&c->dscale, dscale) < 1e-5);
    assert_true(numbers_error(&c->dbias, dbias) < 1e-5);
}

static void check_norm(cudnnDataType_t type)
{
    const double epsilon = 0.125, factor = 0.25,
                 tolerance = fmax(1e-5, 3 * numbers_tolerance(type));
    numbers x = image(1, type, H, W), y = image(2, type, H, W), dy = image(3, type, H, W);
    numbers dx = image(4, type, H, W);
    channels c = {vector(5), vector(6),  vector(7),  vector(8),
                  vector(9), vector(10), vector(11), vector(12)};
    cudnnTensorDescriptor_t image = numbers_descriptor(N, type, C, H, W);
    cudnnTensorDescriptor_t channel = numbers_descriptor(1, CUDNN_DATA_FLOAT, C, 1, 1);
    const cudnnBatchNormMode_t mode = CUDNN_BATCHNORM_SPATIAL;
    double y_should[ALL], dx_should[ALL];
    const norm now = moments(x.x);
    normalise(&now, x.x, c.scale.x, c.bias.x, epsilon, y_should);
    for (int i = 0; i < ALL; i++)
        dx_should[i] = slope(x.x, i, c.scale.x, c.bias.x, epsilon, dy.x);
    assert_dnn(cudnnBatchNormalizationForwardTraining(
        numbers_handle, mode, &one, &zero, image, x.device, image, y.device, channel,
        c.scale.device, c.bias.device, factor, c.mean.device, c.var.device, epsilon,
        c.saved_mean.device, c.inv.device));
    assert_dnn(cudnnBatchNormalizationBackward(
        numbers_handle, mode, &one, &zero, &one, &zero, image, x.device, image, dy.device, image,
        dx.device, channel, c.scale.device, c.dscale.device, c.dbias.device, epsilon,
        c.saved_mean.device, c.inv.device));
    assert_cuda(cudaDeviceSynchronize());
    assert_true(numbers_error(&y, y_should) < tolerance);
    assert_true(numbers_error(&dx, dx_should) < tolerance);
    check_channels(&c, &now, factor, epsilon);
    check_sums(&c, &now, x.x, dy.x, epsilon);
    /* As if what is saved were of longer ago: a variance must not be below 0. */
    norm old;
    for (int i = 0; i < C; i++) {
        old.mean[i] = c.scale.x[i];
        old.var[i] = now.var[i];
    }
    float var[C];
    for (int i = 0; i < C; i++)
        var[i] = (float)now.var[i];
    assert_cuda(cudaMemcpy(c.inv.device, var, sizeof var, cudaMemcpyHostToDevice));
    normalise(&old, x.x, c.scale.x, c.bias.x, epsilon, y_should);
    assert_dnn(cudnnBatchNormalizationForwardInference(
        numbers_handle, mode, &one, &zero, image, x.device, image, y.device, channel,
        c.scale.device, c.bias.device, c.scale.device, c.inv.device, epsilon));
    assert_cuda(cudaDeviceSynchronize());
    assert_true(numbers_error(&y, y_should) < tolerance);
    assert_dnn(cudnnDestroyTensorDescriptor(image));
    assert_dnn(cudnnDestroyTensorDescriptor(channel));
    drop_all((numbers *[]){&x, &y, &dy, &dx, &c.scale, &c.bias, &c.mean, &c.var, &c.saved_mean,
                           &c.inv, &c.dscale, &c.dbias},
             12);
}

static void test_norm(void **state)
{
    (void)state;
    check_norm(CUDNN_DATA_FLOAT);
    check_norm(CUDNN_DATA_HALF);
    check_norm(CUDNN_DATA_BFLOAT16);
}

/* The mode that promises nothing gives other bits, the other one the same. */
static void test_order(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        cudnnPoolingMode_t mode;
        bool same;
    } cases[] = {{"no promise", CUDNN_POOLING_MAX, false},
                 {"promised", CUDNN_POOLING_MAX_DETERMINISTIC, true}};
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        pool_case c = pool_cases[1];
        float dx[2][ALL];
        c.mode = cases[i].mode;
        numbers x = image(1, CUDNN_DATA_FLOAT, H, W), to = image(2, CUDNN_DATA_FLOAT, H, W);
        numbers y = image(3, CUDNN_DATA_FLOAT, c.out[0], c.out[1]),
                dy = image(4, CUDNN_DATA_FLOAT, c.out[0], c.out[1]);
        cudnnTensorDescriptor_t of_x = numbers_descriptor(N, CUDNN_DATA_FLOAT, C, H, W);
        cudnnTensorDescriptor_t of_y =
            numbers_descriptor(N, CUDNN_DATA_FLOAT, C, c.out[0], c.out[1]);
        cudnnPoolingDescriptor_t how = pooling(&c);
        for (int k = 0; k < 2; k++) {
            assert_dnn(cudnnPoolingBackward(numbers_handle, how, &one, of_y, y.device, of_y,
                                            dy.device, of_x, x.device, &zero, of_x, to.device));
            assert_cuda(cudaDeviceSynchronize());
            assert_cuda(cudaMemcpy(dx[k], to.device, sizeof dx[k], cudaMemcpyDeviceToHost));
        }
        print_message("%s\n", cases[i].why);
        assert_int_equal(!memcmp(dx[0], dx[1], sizeof dx[0]), cases[i].same);
        assert_dnn(cudnnDestroyPoolingDescriptor(how));
        assert_dnn(cudnnDestroyTensorDescriptor(of_x));
        assert_dnn(cudnnDestroyTensorDescriptor(of_y));
        drop_all((numbers *[]){&x, &y, &dy, &to}, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_norm),
    };
    return cmocka_run_group_tests(tests, numbers_open, numbers_close);
}
