/*
 * Tensors from every layout of a GPU into every other, against naive loops; the half copy of parameters; sums
 * of gradients and of scalars.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "backends/cuda/lab_raw.h"

/* ---- layouts ------------------------------------------------------------------------------ */

/* A layout as this test describes it, and the backend's. */
typedef struct form {
    tn_dtype dtype;
    bool nhwc;
    int64_t channels; /* in memory */
    const tn_layout *layout;
} form;

static const tn_kernel *find(const lab_raw *r, const char *op)
{
    for (const tn_kernel *const *k = r->b->kernels; *k; k++)
        if (strcmp((*k)->op, op) == 0)
            return *k;
    fail_msg("no kernel for %s", op);
    return NULL;
}

static const tn_precision precisions[] = {TN_PRECISION_F32, TN_PRECISION_F16, TN_PRECISION_BF16};
static const tn_dtype types[] = {TN_F32, TN_F16, TN_BF16};
enum { TYPES = 3, FORMS = 2 * TYPES };

/* Rows and nhwc of each type. image_input writes nhwc with at least 4 channels; a view of it is rows. */
static void make_forms(const lab_raw *r, const tn_shape *shape, form *out)
{
    for (int i = 0; i < TYPES; i++) {
        const int64_t C = shape->dim[1];
        tn_node n = {.name = "form", .num_in = 1, .num_out = 1, .y = {*shape}};
        tn_binding b = {.precision = precisions[i]};
        form *rows = &out[2 * i], *nhwc = &out[2 * i + 1];
        assert_ok(find(r, "image_input")->prepare(r->d, &n, &b));
        *nhwc = (form){types[i], true, C < 4 ? 4 : C, b.y[0]};
        *rows = (form){types[i], false, C, NULL};
        assert_ok(r->b->view_layout(r->d, shape, nhwc->layout, &rows->layout));
        assert_int_equal(nhwc->layout->bytes, (size_t)(tn_elements(shape) / C * nhwc->channels) *
                                                  tn_dtype_bytes(types[i]));
    }
    assert_null(out[0].layout);
}

static size_t bytes_of(const form *f, const tn_shape *shape)
{
    return f->layout ? f->layout->bytes : (size_t)tn_elements(shape) * sizeof(float);
}

/* The number of element i: few bits, so that every type holds it, and not 0. */
static double number(int64_t i)
{
    return (double)(i % 251 + 1) * (i % 3 == 0 ? -1 : 1);
}

/* All of it lies where it should, and padding is zero. */
static void check(const lab_raw *r, const form *f, const tn_shape *shape, const void *device,
                  const char *what)
{
    const int64_t N = shape->dim[0], C = shape->dim[1], P = tn_elements(shape) / (N * C);
    const size_t bytes = bytes_of(f, shape);
    void *got = test_malloc(bytes);
    lab_raw_get(r, got, device, bytes);
    for (int64_t n = 0; n < N; n++)
        for (int64_t c = 0; c < f->channels; c++)
            for (int64_t p = 0; p < P; p++) {
                const int64_t at =
                    f->nhwc ? (n * P + p) * f->channels + c : (n * f->channels + c) * P + p;
                const double want = c < C ? number((n * C + c) * P + p) : 0;
                const double have = lab_decode(f->dtype, got, (size_t)at);
                if (have != want)
                    fail_msg("%s: n %lld c %lld p %lld is %g, not %g", what, (long long)n,
                             (long long)c, (long long)p, have, want);
            }
    test_free(got);
}

static void reorder(const lab_raw *r, const tn_shape *shape, const form *from, const form *to,
                    void *y, const void *x)
{
    void *handle = NULL;
    assert_ok(r->b->reorder_create(r->d, shape, TN_F32, from->layout, to->layout, &handle));
    assert_ok(r->b->fill(r->d, y, 0xff, bytes_of(to, shape)));
    assert_ok(r->b->reorder_run(handle, y, x));
    r->b->reorder_destroy(handle);
}

static void check_shape(const lab_raw *r, const tn_shape *shape, const char *why)
{
    const size_t count = (size_t)tn_elements(shape);
    form f[FORMS];
    float *host = test_malloc(count * sizeof *host);
    for (size_t i = 0; i < count; i++)
        host[i] = (float)number((int64_t)i);
    make_forms(r, shape, f);
    void *canonical = lab_raw_take(r, host, count * sizeof *host);
    for (int i = 0; i < FORMS; i++) {
        char what[128];
        void *x = lab_raw_take(r, NULL, bytes_of(&f[i], shape));
        snprintf(what, sizeof what, "%s: canonical to form %d", why, i);
        reorder(r, shape, &f[0], &f[i], x, canonical);
        check(r, &f[i], shape, x, what);
        for (int j = 0; j < FORMS; j++) {
            void *y = lab_raw_take(r, NULL, bytes_of(&f[j], shape));
            snprintf(what, sizeof what, "%s: form %d to form %d", why, i, j);
            reorder(r, shape, &f[i], &f[j], y, x);
            check(r, &f[j], shape, y, what);
            lab_raw_give(r, y);
        }
        lab_raw_give(r, x);
    }
    lab_raw_give(r, canonical);
    test_free(host);
}

static void every_layout_becomes_every_other(void **unused)
{
    (void)unused;
    static const struct {
        const char *why;
        tn_shape shape;
    } cases[] = {
        {"one number", {4, {1, 1, 1, 1}}},
        {"a channel that gets three of padding", {4, {2, 1, 5, 3}}},
        {"colours, with one of padding", {4, {3, 3, 7, 5}}},
        {"few channels, no padding", {4, {2, 4, 5, 3}}},
        {"exactly one tile", {4, {1, 32, 4, 8}}},
        {"a little more than a tile, both ways", {4, {2, 33, 5, 7}}},
        {"single pixels: a plain copy or conversion", {4, {3, 40, 1, 1}}},
        {"weights of 3 x 3", {4, {40, 70, 3, 3}}},
        {"more tiles than there are blocks", {4, {200, 9, 1, 2}}},
        {"weights of the first layer, padded", {4, {16, 3, 11, 11}}},
    };
    lab_raw r;
    lab_raw_open(&r);
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        check_shape(&r, &cases[i].shape, cases[i].why);
    lab_raw_close(&r);
}

/* Bytes and labels have one layout only. */
static void other_types_are_copied(void **unused)
{
    (void)unused;
    static const uint8_t bytes[] = {1, 2, 250, 251, 255, 0, 7};
    lab_raw r;
    uint8_t got[sizeof bytes];
    void *handle = NULL;
    lab_raw_open(&r);
    void *x = lab_raw_take(&r, bytes, sizeof bytes), *y = lab_raw_take(&r, NULL, sizeof bytes);
    assert_ok(r.b->reorder_create(r.d, &TN_SHAPE(7), TN_U8, NULL, NULL, &handle));
    assert_ok(r.b->reorder_run(handle, y, x));
    lab_raw_get(&r, got, y, sizeof got);
    assert_memory_equal(got, bytes, sizeof got);
    r.b->reorder_destroy(handle);

    form f[FORMS];
    make_forms(&r, &TN_SHAPE(1, 3, 2, 2), f);
    assert_fails(
        r.b->reorder_create(r.d, &TN_SHAPE(1, 3, 2, 2), TN_I32, NULL, f[1].layout, &handle),
        TN_ERR_UNSUPPORTED, "1 x 3 x 2 x 2 i32 from rows to nhwc4 f32");
    r.b->reorder_destroy(NULL);
    lab_raw_give(&r, x);
    lab_raw_give(&r, y);
    lab_raw_close(&r);
}

/* What is beyond an image's channels, which only a convolution sees, is zero. */
static void images_get_channels_of_zeros(void **unused)
{
    (void)unused;
    enum { PIXELS = 6 };
    static const uint8_t bytes[PIXELS * 4] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13};
    lab_raw r;
    lab_raw_open(&r);
    void *x = lab_raw_take(&r, bytes, sizeof bytes);
    for (int C = 1; C <= 4; C++)
        for (int i = 0; i < TYPES; i++) {
            tn_image_input_opts opts = {.mean = {-1, -1, -1, -1}, .scale = {1, 1, 1, 1}};
            tn_node n = {.name = "image", .opts = &opts, .num_in = 1, .num_out = 1};
            tn_binding b = {.precision = precisions[i]};
            const tn_run_state run = {.precision = precisions[i]};
            float got[PIXELS * 4];
            n.x[0] = TN_SHAPE(1, 2, 3, C);
            n.y[0] = TN_SHAPE(1, C, 2, 3);
            const tn_kernel *k = find(&r, "image_input");
            assert_ok(k->prepare(r.d, &n, &b));
            void *y = lab_raw_take(&r, NULL, b.y[0]->bytes);
            assert_ok(
                k->forward(&(tn_call){.node = &n, .device = r.d, .run = &run, .x = {x}, .y = {y}}));
            lab_raw_get(&r, got, y, b.y[0]->bytes);
            for (int p = 0; p < PIXELS; p++)
                for (int c = 0; c < 4; c++)
                    assert_true(lab_decode(types[i], got, (size_t)(4 * p + c)) ==
                                (c < C ? bytes[C * p + c] + 1 : 0));
            lab_raw_give(&r, y);
        }
    lab_raw_give(&r, x);
    lab_raw_close(&r);
}

/* ---- sums and copies ---------------------------------------------------------------------- */

static void gradients_are_added_in_their_type(void **unused)
{
    (void)unused;
    lab_raw r;
    form f[FORMS];
    lab_raw_open(&r);
    const int64_t counts[] = {1, 7, 8, 9, 1037};
    for (size_t i = 0; i < TN_COUNT(counts); i++) {
        const tn_shape shape = TN_SHAPE(1, counts[i]);
        float host[1037];
        for (int64_t j = 0; j < counts[i]; j++)
            host[j] = (float)number(j) / 4;
        make_forms(&r, &shape, f);
        void *x = lab_raw_take(&r, host, (size_t)counts[i] * sizeof *host);
        for (int k = 0; k < FORMS; k += 2) {
            const size_t bytes = bytes_of(&f[k], &shape);
            void *a = lab_raw_take(&r, NULL, bytes), *b = lab_raw_take(&r, NULL, bytes);
            float got[1037];
            reorder(&r, &shape, &f[0], &f[k], a, x);
            reorder(&r, &shape, &f[0], &f[k], b, x);
            assert_ok(r.b->accumulate(r.d, f[k].layout, a, b, bytes));
            lab_raw_get(&r, got, a, bytes);
            for (int64_t j = 0; j < counts[i]; j++)
                assert_true(lab_decode(f[k].dtype, got, (size_t)j) == number(j) / 2);
            lab_raw_give(&r, a);
            lab_raw_give(&r, b);
        }
        lab_raw_give(&r, x);
    }
    lab_raw_close(&r);
}

static void scalars_are_tallied_in_double(void **unused)
{
    (void)unused;
    lab_raw r;
    double sum[2] = {1, 5};
    const float x = 0x1p-30f;
    const int32_t n = -3;
    lab_raw_open(&r);
    double *s = lab_raw_take(&r, sum, sizeof sum);
    const char zero[256] = {0};
    const tn_run_state run = {.control = lab_raw_take(&r, zero, r.b->control_bytes)};
    assert_true(r.b->control_bytes <= sizeof zero);
    void *a = lab_raw_take(&r, &x, sizeof x), *b = lab_raw_take(&r, &n, sizeof n);
    for (int i = 0; i < 4; i++)
        assert_ok(r.b->tally(r.d, &run, s, a, TN_F32));
    assert_ok(r.b->tally(r.d, &run, s, b, TN_I32));
    lab_raw_get(&r, sum, s, sizeof sum);
    assert_true(sum[0] == 1 + 0x1p-28 - 3 && sum[1] == 5 + 5);
    lab_raw_give(&r, run.control);
    lab_raw_give(&r, s);
    lab_raw_give(&r, a);
    lab_raw_give(&r, b);
    lab_raw_close(&r);
}

static void parameters_are_rounded_to_half(void **unused)
{
    (void)unused;
    enum { COUNT = 1037 };
    lab_raw r;
    float w[COUNT];
    uint16_t half[COUNT];
    for (int i = 0; i < COUNT; i++)
        w[i] = ldexpf(sinf((float)i), i % 40 - 25);
    lab_raw_open(&r);
    void *x = lab_raw_take(&r, w, sizeof w), *y = lab_raw_take(&r, NULL, sizeof half);
    for (int i = 1; i < TYPES; i++) {
        assert_ok(r.b->halve(r.d, precisions[i], y, x, COUNT));
        lab_raw_get(&r, half, y, sizeof half);
        for (size_t j = 0; j < COUNT; j++)
            assert_true(lab_is_rounded(types[i], lab_decode(types[i], half, j), (double)w[j]));
    }
    lab_raw_give(&r, x);
    lab_raw_give(&r, y);
    lab_raw_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_layout_becomes_every_other),
        cmocka_unit_test(other_types_are_copied),
        cmocka_unit_test(images_get_channels_of_zeros),
        cmocka_unit_test(gradients_are_added_in_their_type),
        cmocka_unit_test(scalars_are_tallied_in_double),
        cmocka_unit_test(parameters_are_rounded_to_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
