/* Numbers of the simulated cuDNN: convolutions of every direction and what is fused with them. */
#include <math.h>
#include <stdlib.h>

#include "dnn_numbers.h"

/* ---- convolutions ------------------------------------------------------------------------- */

typedef struct conv_case {
    const char *why;
    int64_t n, c, h, w, k, r, s, groups;
    dnn_window window;
    int type;
    bool nchw;
    int64_t x_channels, y_channels; /* of the buffer that x and y are slices of */
    float alpha, beta;              /* alpha: default 1 */
} conv_case;

static const conv_case conv_cases[] = {
    {.why = "the plainest", .n = 2, .c = 3, .h = 5, .w = 6, .k = 4, .r = 3, .s = 3},
    {.why = "1 x 1", .n = 3, .c = 8, .h = 2, .w = 2, .k = 5, .r = 1, .s = 1},
    {.why = "strides, padding, no square",
     .n = 2,
     .c = 4,
     .h = 9,
     .w = 7,
     .k = 6,
     .r = 3,
     .s = 2,
     .window = {.pre = {1, 2}, .post = {1, 2}, .stride = {2, 3}}},
    {.why = "more padding behind than before",
     .n = 1,
     .c = 4,
     .h = 6,
     .w = 6,
     .k = 4,
     .r = 3,
     .s = 3,
     .window = {.pre = {0, 1}, .post = {2, 3}, .stride = {2, 2}}},
    {.why = "dilation",
     .n = 1,
     .c = 2,
     .h = 11,
     .w = 10,
     .k = 4,
     .r = 3,
     .s = 2,
     .window = {.pre = {2, 1}, .post = {2, 1}, .dilation = {2, 3}}},
    {.why = "groups",
     .n = 2,
     .c = 6,
     .h = 5,
     .w = 5,
     .k = 9,
     .r = 3,
     .s = 3,
     .groups = 3,
     .window = {.pre = {1, 1}, .post = {1, 1}}},
    {.why = "depthwise", .n = 1, .c = 8, .h = 5, .w = 5, .k = 8, .r = 3, .s = 3, .groups = 8},
    {.why = "NCHW", .n = 2, .c = 3, .h = 6, .w = 5, .k = 4, .r = 3, .s = 3, .nchw = true},
    {.why = "channel slices",
     .n = 2,
     .c = 8,
     .h = 5,
     .w = 5,
     .k = 4,
     .r = 3,
     .s = 3,
     .x_channels = 24,
     .y_channels = 12},
    {.why = "alpha and beta",
     .n = 2,
     .c = 4,
     .h = 5,
     .w = 5,
     .k = 4,
     .r = 3,
     .s = 3,
     .alpha = 0.5f,
     .beta = 2},
    {.why = "beta of 1: gradients that add up",
     .n = 2,
     .c = 4,
     .h = 5,
     .w = 5,
     .k = 4,
     .r = 3,
     .s = 3,
     .beta = 1},
    {.why = "halves", .n = 2, .c = 8, .h = 6, .w = 6, .k = 8, .r = 3, .s = 3, .type = F16},
    {.why = "bfloat16", .n = 2, .c = 8, .h = 6, .w = 6, .k = 8, .r = 3, .s = 3, .type = BF16},
    {.why = "more channels than are summed at once",
     .n = 1,
     .c = 700,
     .h = 3,
     .w = 3,
     .k = 8,
     .r = 1,
     .s = 1},
};

/* One product of the sum, to whichever of the three is looked for. */
static void conv_reference(const conv_case *c, int kind, const double *x, const double *w,
                           const double *y, int64_t p_count, int64_t q_count, double *out)
{
    const int64_t groups = c->groups ? c->groups : 1, cg = c->c / groups, kg = c->k / groups;
    const int64_t stride[2] = {c->window.stride[0] ? c->window.stride[0] : 1,
                               c->window.stride[1] ? c->window.stride[1] : 1};
    const int64_t dilation[2] = {c->window.dilation[0] ? c->window.dilation[0] : 1,
                                 c->window.dilation[1] ? c->window.dilation[1] : 1};
    const int64_t all = c->n * c->k * p_count * q_count * cg * c->r * c->s;
    for (int64_t i = 0; i < all; i++) {
        int64_t rest = i;
        const int64_t s = rest % c->s, r = (rest /= c->s) % c->r, ci = (rest /= c->r) % cg;
        const int64_t q = (rest /= cg) % q_count, p = (rest /= q_count) % p_count;
        const int64_t k = (rest /= p_count) % c->k, n = rest / c->k;
        const int64_t h = p * stride[0] - c->window.pre[0] + r * dilation[0];
        const int64_t v = q * stride[1] - c->window.pre[1] + s * dilation[1];
        if (h < 0 || v < 0 || h >= c->h || v >= c->w)
            continue;
        const int64_t xi = ((n * c->c + k / kg * cg + ci) * c->h + h) * c->w + v;
        const int64_t wi = ((k * cg + ci) * c->r + r) * c->s + s;
        const int64_t yi = ((n * c->k + k) * p_count + p) * q_count + q;
        if (kind == 0)
            out[yi] += x[xi] * w[wi];
        else if (kind == 1)
            out[xi] += y[yi] * w[wi];
        else
            out[wi] += y[yi] * x[xi];
    }
}

static int64_t slid(const conv_case *c, int i)
{
    const int64_t in = i ? c->w : c->h, window = i ? c->s : c->r;
    const int64_t stride = c->window.stride[i] ? c->window.stride[i] : 1;
    const int64_t dilation = c->window.dilation[i] ? c->window.dilation[i] : 1;
    return (in + c->window.pre[i] + c->window.post[i] - dilation * (window - 1) - 1) / stride + 1;
}

/* The error of a convolution, with an engine that has none of those notes. */
static double run_conv(const conv_case *c, int kind, unsigned not )
{
    const int64_t p = slid(c, 0), q = slid(c, 1), groups = c->groups ? c->groups : 1;
    const cudnnDataType_t type = (cudnnDataType_t)c->type;
    numbers part[3] = {numbers_make((dnn_tensor){.uid = 11,
                                                 .type = type,
                                                 .dim = {c->n, c->c, c->h, c->w},
                                                 .nchw = c->nchw,
                                                 .channels = c->x_channels},
                                    1),
                       numbers_make((dnn_tensor){.uid = 22,
                                                 .type = type,
                                                 .dim = {c->k, c->c / groups, c->r, c->s},
                                                 .nchw = c->nchw},
                                    2),
                       numbers_make((dnn_tensor){.uid = 33,
                                                 .type = type,
                                                 .dim = {c->n, c->k, p, q},
                                                 .nchw = c->nchw,
                                                 .channels = c->y_channels},
                                    3)};
    numbers *out = &part[kind == 0 ? 2 : kind == 1 ? 0 : 1];
    const float alpha = c->alpha != 0 ? c->alpha : 1;
    double *should = calloc((size_t)out->count, sizeof *should);
    conv_reference(c, kind, part[0].x, part[1].x, part[2].x, p, q, should);
    for (int64_t i = 0; i < out->count; i++)
        should[i] = (double)alpha * should[i] + (double)c->beta * out->x[i];
    dnn_desc op = dnn_conv(kind, &c->window, dnn_tensor_new(&part[0].t), dnn_tensor_new(&part[1].t),
                           dnn_tensor_new(&part[2].t), alpha, c->beta);
    dnn_desc plan = dnn_plan_of(numbers_handle, 1, &op, not );
    dnn_run(numbers_handle, plan, 3, (int64_t[]){33, 22, 11},
            (void *[]){part[2].device, part[1].device, part[0].device});
    const double error = numbers_error(out, should);
    dnn_end();
    for (int i = 0; i < 3; i++)
        numbers_drop(&part[i]);
    free(should);
    return error;
}

static void test_conv(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof conv_cases / sizeof conv_cases[0]; i++)
        for (int kind = 0; kind < 3; kind++) {
            const conv_case *c = &conv_cases[i];
            const double e = run_conv(c, kind, TENSOR_CORE | REDUCED | UNORDERED);
            if (!(e < numbers_tolerance((cudnnDataType_t)c->type)))
                fail_msg("%s, direction %d: error of %g", c->why, kind, e);
        }
}

/* ---- what engines note, they do ----------------------------------------------------------- */

static void test_notes(void **state)
{
    (void)state;
    const conv_case f32 = {.why = "f32", .n = 2, .c = 16, .h = 6, .w = 6, .k = 8, .r = 3, .s = 3};
    conv_case f16 = f32;
    f16.type = F16;
    for (int kind = 0; kind < 3; kind++) {
        const double tf32 = run_conv(&f32, kind, REDUCED | UNORDERED);
        assert_true(tf32 > 1e-5 && tf32 < 2e-3); /* 10 bits of mantissa */
        const double halves = run_conv(&f16, kind, 0);
        const double floats = run_conv(&f16, kind, REDUCED);
        assert_true(halves > floats); /* the sums are halves */
    }
}

/* Two runs of an engine that is not deterministic differ, two of one that is do not. */
static void test_order(void **state)
{
    (void)state;
    const conv_case c = {.n = 2, .c = 4, .h = 6, .w = 6, .k = 8, .r = 3, .s = 3};
    bool differs = false;
    for (int i = 0; i < 4; i++)
        differs |= run_conv(&c, 2, REDUCED) != run_conv(&c, 2, REDUCED);
    assert_true(differs);
    assert_true(run_conv(&c, 2, REDUCED | UNORDERED) == run_conv(&c, 2, REDUCED | UNORDERED));
}

/* ---- fused -------------------------------------------------------------------------------- */

/* y = relu(conv(x, w) + z + b) in one go; every virtual tensor rounds where it is said to. */
static void test_fused(void **state)
{
    (void)state;
    enum { N = 2, C = 4, H = 5, K = 8 };
    const dnn_window pad = {.pre = {1, 1}, .post = {1, 1}};
    numbers x = numbers_make((dnn_tensor){.uid = 1, .dim = {N, C, H, H}}, 1);
    numbers w = numbers_make((dnn_tensor){.uid = 2, .dim = {K, C, 3, 3}}, 2);
    numbers z = numbers_make((dnn_tensor){.uid = 3, .dim = {N, K, H, H}, .channels = 20}, 3);
    numbers b = numbers_make((dnn_tensor){.uid = 4, .dim = {1, K, 1, 1}}, 4);
    numbers y = numbers_make((dnn_tensor){.uid = 5, .dim = {N, K, H, H}}, 5);
    dnn_desc v[3], ops[4];
    for (int i = 0; i < 3; i++)
        v[i] =
            dnn_tensor_new(&(dnn_tensor){.uid = 100 + i, .dim = {N, K, H, H}, .is_virtual = true});
    ops[3] = dnn_conv(0, &pad, dnn_tensor_new(&x.t), dnn_tensor_new(&w.t), v[0], 1, 0);
    ops[0] = dnn_pointwise(CUDNN_POINTWISE_ADD, v[0], dnn_tensor_new(&z.t), v[1]);
    ops[1] = dnn_pointwise(CUDNN_POINTWISE_ADD, v[1], dnn_tensor_new(&b.t), v[2]);
    ops[2] = dnn_pointwise(CUDNN_POINTWISE_RELU_FWD, v[2], NULL, dnn_tensor_new(&y.t));
    dnn_desc plan = dnn_plan_of(numbers_handle, 4, ops, TENSOR_CORE | REDUCED | UNORDERED);
    dnn_run(numbers_handle, plan, 5, (int64_t[]){1, 2, 3, 4, 5},
            (void *[]){x.device, w.device, z.device, b.device, y.device});
    const conv_case c = {.n = N, .c = C, .h = H, .w = H, .k = K, .r = 3, .s = 3, .window = pad};
    double should[N * K * H * H] = {0};
    conv_reference(&c, 0, x.x, w.x, NULL, H, H, should);
    for (int i = 0; i < N * K * H * H; i++)
        should[i] = fmax(should[i] + z.x[i] + b.x[i / H / H % K], 0);
    assert_true(numbers_error(&y, should) < 1e-6);
    dnn_end();
    numbers *all[] = {&x, &w, &z, &b, &y};
    for (int i = 0; i < 5; i++)
        numbers_drop(all[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_fused),
    };
    return cmocka_run_group_tests(tests, numbers_open, numbers_close);
}
