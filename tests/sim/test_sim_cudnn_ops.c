/* Numbers of the simulated cuDNN: pooling, normalization, pointwise operations, sums, softmax, LRN. */
#include <math.h>
#include <stdlib.h>

#include "dnn_numbers.h"

enum { N = 2, C = 5, H = 6, W = 7, ALL = N * C * H * W };

static numbers image(int64_t uid, cudnnDataType_t type, bool nchw)
{
    return numbers_make((dnn_tensor){.uid = uid, .type = type, .dim = {N, C, H, W}, .nchw = nchw},
                        (unsigned)uid);
}

static numbers vector(int64_t uid)
{
    return numbers_make((dnn_tensor){.uid = uid, .dim = {1, C, 1, 1}}, (unsigned)uid);
}

/* Runs one operation on tensors, and takes everything down. */
static void run(dnn_desc op, int n, numbers *const *t)
{
    int64_t uid[16];
    void *pointer[16];
    for (int i = 0; i < n; i++) {
        uid[i] = t[i]->t.uid;
        pointer[i] = t[i]->device;
    }
    dnn_run(numbers_handle, dnn_plan_of(numbers_handle, 1, &op, REDUCED | UNORDERED), n, uid,
            pointer);
    dnn_end();
}

static void drop_all(int n, numbers *const *t)
{
    for (int i = 0; i < n; i++)
        numbers_drop(t[i]);
}

/* ---- pooling ------------------------------------------------------------------------------ */

typedef struct pool_case {
    const char *why;
    cudnnResampleMode_t mode;
    dnn_window w;
    cudnnDataType_t type;
    bool nchw;
} pool_case;

static const pool_case pool_cases[] = {
    {.why = "maximum", .mode = CUDNN_RESAMPLE_MAXPOOL, .w = {.window = {2, 2}, .stride = {2, 2}}},
    {.why = "maximum of windows that overlap, padded unevenly",
     .mode = CUDNN_RESAMPLE_MAXPOOL,
     .w = {.window = {3, 3}, .stride = {2, 2}, .pre = {0, 1}, .post = {1, 2}}},
    {.why = "maximum of halves",
     .mode = CUDNN_RESAMPLE_MAXPOOL,
     .w = {.window = {3, 2}, .stride = {1, 2}},
     .type = CUDNN_DATA_HALF},
    {.why = "maximum, NCHW, found again by y",
     .mode = CUDNN_RESAMPLE_MAXPOOL,
     .w = {.window = {3, 3}, .stride = {2, 2}},
     .nchw = true},
    {.why = "average of what is inside",
     .mode = CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING,
     .w = {.window = {3, 3}, .stride = {2, 2}, .pre = {1, 1}, .post = {1, 1}}},
    {.why = "average with the padding",
     .mode = CUDNN_RESAMPLE_AVGPOOL_INCLUDE_PADDING,
     .w = {.window = {3, 3}, .stride = {1, 2}, .pre = {1, 1}, .post = {1, 1}}},
    {.why = "all of it",
     .mode = CUDNN_RESAMPLE_AVGPOOL_INCLUDE_PADDING,
     .w = {.window = {H, W}, .stride = {1, 1}}},
};

/* Forward, and backward with dy: what y and dx should be. */
static void pool_reference(const pool_case *c, int p_count, int q_count, const double *x,
                           const double *dy, double *y, double *dx)
{
    for (int i = 0; i < N * C * p_count * q_count; i++) {
        const int q = i % q_count, p = i / q_count % p_count, image = i / q_count / p_count;
        int best = -1, inside = 0;
        double sum = 0;
        for (int pass = 0; pass < 2; pass++)
            for (int j = 0; j < c->w.window[0] * c->w.window[1]; j++) {
                const int64_t h = p * c->w.stride[0] - c->w.pre[0] + j / c->w.window[1];
                const int64_t w = q * c->w.stride[1] - c->w.pre[1] + j % c->w.window[1];
                if (h < 0 || w < 0 || h >= H || w >= W)
                    continue;
                const int at = (image * H + (int)h) * W + (int)w;
                const double n = c->mode == CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING
                                     ? inside
                                     : (double)(c->w.window[0] * c->w.window[1]);
                if (pass == 0) {
                    inside++;
                    sum += x[at];
                    best = best < 0 || x[at] > x[best] ? at : best;
                } else if (c->mode != CUDNN_RESAMPLE_MAXPOOL) {
                    dx[at] += dy[i] / n;
                    y[i] = sum / n;
                }
            }
        if (c->mode == CUDNN_RESAMPLE_MAXPOOL) {
            y[i] = x[best];
            dx[best] += dy[i];
        }
    }
}

static dnn_desc pool_op(const pool_case *c, bool forward, const numbers *x, const numbers *y,
                        const numbers *dx, const numbers *dy, const numbers *index)
{
    dnn_desc op = dnn_new(forward ? CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR
                                  : CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR);
    dnn_set_desc(op,
                 forward ? CUDNN_ATTR_OPERATION_RESAMPLE_FWD_DESC
                         : CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DESC,
                 dnn_pool(c->mode, &c->w));
    if (forward) {
        dnn_set_desc(op, CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC, dnn_tensor_new(&x->t));
        dnn_set_desc(op, CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC, dnn_tensor_new(&y->t));
        if (index)
            dnn_set_desc(op, CUDNN_ATTR_OPERATION_RESAMPLE_FWD_IDXDESC, dnn_tensor_new(&index->t));
        return dnn_finalize(op);
    }
    dnn_set_desc(op, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC, dnn_tensor_new(&dx->t));
    dnn_set_desc(op, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC, dnn_tensor_new(&dy->t));
    if (index)
        dnn_set_desc(op, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_IDXDESC, dnn_tensor_new(&index->t));
    if (x)
        dnn_set_desc(op, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_XDESC, dnn_tensor_new(&x->t));
    if (y)
        dnn_set_desc(op, CUDNN_ATTR_OPERATION_RESAMPLE_BWD_YDESC, dnn_tensor_new(&y->t));
    return dnn_finalize(op);
}

static void check_pool(const pool_case *c)
{
    int64_t out[2];
    for (int i = 0; i < 2; i++)
        out[i] = ((i ? W : H) + c->w.pre[i] + c->w.post[i] - c->w.window[i]) / c->w.stride[i] + 1;
    const dnn_tensor y_shape = {
        .uid = 2, .type = c->type, .dim = {N, C, out[0], out[1]}, .nchw = c->nchw};
    dnn_tensor dy_shape = y_shape, index_shape = y_shape;
    dy_shape.uid = 4;
    index_shape.uid = 5;
    index_shape.type = CUDNN_DATA_INT8;
    numbers x = image(1, c->type, c->nchw), y = numbers_make(y_shape, 2);
    numbers dx = image(3, c->type, c->nchw), dy = numbers_make(dy_shape, 4);
    numbers index = numbers_make(index_shape, 5);
    double *y_should = calloc((size_t)y.count, sizeof *y_should), dx_should[ALL] = {0};
    pool_reference(c, (int)out[0], (int)out[1], x.x, dy.x, y_should, dx_should);
    if (c->mode == CUDNN_RESAMPLE_MAXPOOL && !c->nchw) {
        run(pool_op(c, true, &x, &y, NULL, NULL, &index), 3, (numbers *[]){&x, &y, &index});
        run(pool_op(c, false, NULL, NULL, &dx, &dy, &index), 3, (numbers *[]){&dx, &dy, &index});
    } else {
        const bool again = c->mode == CUDNN_RESAMPLE_MAXPOOL;
        run(pool_op(c, true, &x, &y, NULL, NULL, NULL), 2, (numbers *[]){&x, &y});
        run(pool_op(c, false, again ? &x : NULL, again ? &y : NULL, &dx, &dy, NULL), again ? 4 : 2,
            (numbers *[]){&dx, &dy, &x, &y});
    }
    const double e = numbers_error(&y, y_should), de = numbers_error(&dx, dx_should);
    if (!(e < numbers_tolerance(c->type) && de < numbers_tolerance(c->type)))
        fail_msg("%s: error of %g forward, %g backward", c->why, e, de);
    free(y_should);
    drop_all(5, (numbers *[]){&x, &y, &dx, &dy, &index});
}

static void test_pool(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof pool_cases / sizeof pool_cases[0]; i++)
        check_pool(&pool_cases[i]);
}

/* ---- pointwise, sums ---------------------------------------------------------------------- */

static double f_of(int mode, double x, double b)
{
    switch (mode) {
    case CUDNN_POINTWISE_ADD:
        return x + b;
    case CUDNN_POINTWISE_SUB:
        return x - b;
    case CUDNN_POINTWISE_MUL:
        return x * b;
    case CUDNN_POINTWISE_MAX:
        return fmax(x, b);
    case CUDNN_POINTWISE_RELU_FWD:
        return fmax(x, 0);
    case CUDNN_POINTWISE_SIGMOID_FWD:
        return 1 / (1 + exp(-x));
    case CUDNN_POINTWISE_TANH_FWD:
        return tanh(x);
    case CUDNN_POINTWISE_RELU_BWD:
        return x > 0 ? b : 0;
    case CUDNN_POINTWISE_SIGMOID_BWD:
        return b / (1 + exp(-x)) * (1 - 1 / (1 + exp(-x)));
    case CUDNN_POINTWISE_TANH_BWD:
        return b * (1 - tanh(x) * tanh(x));
    default:
        return x;
    }
}

static void test_pointwise(void **state)
{
    (void)state;
    static const struct {
        int mode;
        bool two, wide; /* wide: b is an image too, not one number a channel */
    } cases[] = {
        {CUDNN_POINTWISE_ADD, true, true},        {CUDNN_POINTWISE_ADD, true, false},
        {CUDNN_POINTWISE_SUB, true, false},       {CUDNN_POINTWISE_MUL, true, false},
        {CUDNN_POINTWISE_MAX, true, true},        {CUDNN_POINTWISE_RELU_FWD, false, false},
        {CUDNN_POINTWISE_TANH_FWD, false, false}, {CUDNN_POINTWISE_SIGMOID_FWD, false, false},
        {CUDNN_POINTWISE_IDENTITY, false, false}, {CUDNN_POINTWISE_RELU_BWD, true, true},
        {CUDNN_POINTWISE_TANH_BWD, true, true},   {CUDNN_POINTWISE_SIGMOID_BWD, true, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        numbers x = image(1, CUDNN_DATA_FLOAT, false), y = image(3, CUDNN_DATA_HALF, false);
        numbers b = cases[i].wide ? image(2, CUDNN_DATA_FLOAT, false) : vector(2);
        double should[ALL];
        for (int k = 0; k < ALL; k++)
            should[k] = f_of(cases[i].mode, x.x[k], cases[i].wide ? b.x[k] : b.x[k / H / W % C]);
        run(dnn_pointwise((cudnnPointwiseMode_t)cases[i].mode, dnn_tensor_new(&x.t),
                          cases[i].two ? dnn_tensor_new(&b.t) : NULL, dnn_tensor_new(&y.t)),
            cases[i].two ? 3 : 2, (numbers *[]){&x, &y, &b});
        if (!(numbers_error(&y, should) < 1e-3))
            fail_msg("pointwise mode %d", cases[i].mode);
        drop_all(3, (numbers *[]){&x, &y, &b});
    }
}

/* Roots, of which those of what is below 0 are no numbers: relu makes 0 of them unless told to propagate them. */
static void test_relu_of_nan(void **state)
{
    (void)state;
    const cudnnNanPropagation_t keep = CUDNN_PROPAGATE_NAN;
    for (int kept = 0; kept < 2; kept++) {
        numbers x = image(1, CUDNN_DATA_FLOAT, false), y = image(3, CUDNN_DATA_FLOAT, false);
        dnn_desc root =
            dnn_tensor_new(&(dnn_tensor){.uid = 2, .dim = {N, C, H, W}, .is_virtual = true});
        dnn_desc how = dnn_new(CUDNN_BACKEND_POINTWISE_DESCRIPTOR), ops[2];
        dnn_set_pointwise(how, CUDNN_POINTWISE_RELU_FWD);
        if (kept)
            dnn_set(how, CUDNN_ATTR_POINTWISE_NAN_PROPAGATION, CUDNN_TYPE_NAN_PROPOGATION, 1,
                    &keep);
        ops[0] = dnn_pointwise(CUDNN_POINTWISE_SQRT, dnn_tensor_new(&x.t), NULL, root);
        ops[1] = dnn_pointwise_by(how, root, NULL, dnn_tensor_new(&y.t), false);
        dnn_run(numbers_handle, dnn_plan_of(numbers_handle, 2, ops, 0), 2, (int64_t[]){1, 3},
                (void *[]){x.device, y.device});
        dnn_end();
        double *got = numbers_get(&y);
        for (int i = 0; i < ALL; i++)
            assert_true(x.x[i] >= 0 ? fabs(got[i] - sqrt(x.x[i])) < 1e-6
                        : kept      ? isnan(got[i]) != 0
                                    : got[i] == 0);
        free(got);
        drop_all(2, (numbers *[]){&x, &y});
    }
}

/* One number for all, which the host passes by value. */
static void test_by_value(void **state)
{
    (void)state;
    float value = 3;
    numbers x = image(1, CUDNN_DATA_FLOAT, false), y = image(3, CUDNN_DATA_FLOAT, false);
    const dnn_tensor one = {.uid = 2, .dim = {1, 1, 1, 1}, .by_value = true};
    dnn_desc op = dnn_pointwise(CUDNN_POINTWISE_MUL, dnn_tensor_new(&x.t), dnn_tensor_new(&one),
                                dnn_tensor_new(&y.t));
    dnn_run(numbers_handle, dnn_plan_of(numbers_handle, 1, &op, 0), 3, (int64_t[]){1, 2, 3},
            (void *[]){x.device, &value, y.device});
    dnn_end();
    for (int i = 0; i < ALL; i++)
        x.x[i] *= 3;
    assert_true(numbers_error(&y, x.x) < 1e-6);
    drop_all(2, (numbers *[]){&x, &y});
}

static void test_sum(void **state)
{
    (void)state;
    const cudnnReduceTensorOp_t add = CUDNN_REDUCE_TENSOR_ADD;
    const cudnnDataType_t math = CUDNN_DATA_FLOAT;
    numbers x = image(1, CUDNN_DATA_FLOAT, false), y = vector(2);
    double should[C] = {0};
    for (int i = 0; i < ALL; i++)
        should[i / H / W % C] += x.x[i];
    dnn_desc how = dnn_new(CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
    dnn_set(how, CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, 1, &add);
    dnn_set(how, CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &math);
    dnn_desc op = dnn_new(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
    dnn_set_desc(op, CUDNN_ATTR_OPERATION_REDUCTION_DESC, dnn_finalize(how));
    dnn_set_desc(op, CUDNN_ATTR_OPERATION_REDUCTION_XDESC, dnn_tensor_new(&x.t));
    dnn_set_desc(op, CUDNN_ATTR_OPERATION_REDUCTION_YDESC, dnn_tensor_new(&y.t));
    run(dnn_finalize(op), 2, (numbers *[]){&x, &y});
    assert_true(numbers_error(&y, should) < 1e-6);
    drop_all(2, (numbers *[]){&x, &y});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool),        cmocka_unit_test(test_pointwise),
        cmocka_unit_test(test_relu_of_nan), cmocka_unit_test(test_by_value),
        cmocka_unit_test(test_sum),
    };
    return cmocka_run_group_tests(tests, numbers_open, numbers_close);
}
