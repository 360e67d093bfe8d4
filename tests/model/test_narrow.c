/* Numbers that a file has in fewer bits: halves are rounded as they should be, and an engine computes the same bits. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tenon/tenon.h>

#include "base/random.h"
#include "io/safetensors.h"
#include "lab.h"
#include "tensor/half.h"

static const char *folder;

/* ---- halves ------------------------------------------------------------------------------------- */

/* By its definition: the nearest of all, of two the even one. */
static void check_half(float x, uint16_t got, float (*from)(uint16_t), int largest)
{
    const float y = from(got);
    if (isnan(x)) {
        assert_true(isnan(y));
        return;
    }
    assert_int_equal(signbit(x) != 0, signbit(y) != 0);
    if (isinf(x)) {
        assert_true(isinf(y));
        return;
    }
    const int at = got & 0x7fff;
    const double off = fabs(fabs((double)x) - (isinf(y) ? 2.0 * (double)from((uint16_t)largest) -
                                                              (double)from((uint16_t)(largest - 1))
                                                        : fabs((double)y)));
    for (int step = -1; step <= 1; step += 2) {
        const int other = at + step;
        if (other < 0 || other > largest)
            continue;
        const double then = fabs(fabs((double)x) - (double)from((uint16_t)other));
        if (then < off || (then == off && at % 2 == 1))
            fail_msg("%.9g became %.9g", (double)x, (double)y);
    }
}

static void halves_are_the_nearest(void **state)
{
    (void)state;
    for (uint32_t i = 0; i <= UINT16_MAX; i++) {
        const uint16_t half = (uint16_t)i;
        if (!isnan(tn_from_f16(half)))
            assert_int_equal(tn_to_f16(tn_from_f16(half)), half);
        if (!isnan(tn_from_bf16(half)))
            assert_int_equal(tn_to_bf16(tn_from_bf16(half)), half);
    }
    assert_float_equal(tn_from_f16(0x3555), 0.333251953125F, 0);
    assert_float_equal(tn_from_f16(0x0001), 0x1p-24F, 0);
    assert_float_equal(tn_from_f16(0x7bff), 65504, 0);
    assert_true(isinf(tn_from_f16(0x7c00)));
    tn_random r = tn_random_begin(20151, TN_RANDOM_TEST, 0);
    for (int i = 0; i < 200000; i++) {
        const float x = tn_float_of_bits((uint32_t)(tn_random_real(&r) * 0x1p32));
        check_half(x, tn_to_f16(x), tn_from_f16, 0x7bff);
        check_half(x, tn_to_bf16(x), tn_from_bf16, 0x7f7f);
        const float near = x < 0 ? -1 - (float)i / 65536 : 1 + (float)i / 65536; /* halfway often */
        check_half(near, tn_to_f16(near), tn_from_f16, 0x7bff);
        check_half(near, tn_to_bf16(near), tn_from_bf16, 0x7f7f);
    }
    const float special[] = {0,          -0.0F,    65519.996F, 65520,     -65536, 0x1p-25F,
                             0x1.8p-24F, 0x1p-14F, INFINITY,   -INFINITY, NAN};
    for (size_t i = 0; i < TN_COUNT(special); i++)
        check_half(special[i], tn_to_f16(special[i]), tn_from_f16, 0x7bff);
}

/* ---- engines -------------------------------------------------------------------------------------- */

enum { IN = 140, HIDDEN = 50, OUT = 7, ROWS = 6 /* at most */ };

static const char net[] = "tenon graph 1\ninput x f32 N 140\nh = dense(x) units=50\nr = relu(h)\n"
                          "y = dense(r) units=7\noutput y\n";

static tn_model *make(void)
{
    tn_model *m = NULL, *plain = NULL;
    tn_device *d = NULL;
    tn_plan *p = NULL;
    assert_ok(tn_model_read(&plain, "net", net, NULL));
    assert_ok(tn_device_open(&d, "cpu,threads=1"));
    assert_ok(tn_plan_create(&p, tn_model_graph(plain), d, &(tn_plan_opts){.seed = 4}));
    assert_ok(tn_model_of_plan(&m, p));
    tn_plan_destroy(p);
    tn_device_close(d);
    tn_model_close(plain);
    return m;
}

static void answer_of(const tn_model *m, int rows, float y[ROWS * OUT])
{
    tn_device *d = NULL;
    tn_plan *p = NULL;
    float x[ROWS * IN];
    const tn_graph *g = tn_model_graph(m);
    for (int i = 0; i < ROWS * IN; i++)
        x[i] = (float)(i * 7 % 23) / 11 - 1;
    assert_ok(tn_device_open(&d, "cpu,threads=1"));
    assert_ok(tn_plan_create(&p, g, d,
                             &(tn_plan_opts){.from = m, .batch = rows, .kept_weights = INFINITY}));
    assert_ok(tn_plan_set(p, tn_graph_value(g, "x"), (tn_tensor){TN_F32, TN_SHAPE(rows, IN), x}));
    assert_ok(tn_plan_evaluate(p));
    assert_ok(tn_plan_get(p, tn_graph_value(g, "y"), (tn_tensor){TN_F32, TN_SHAPE(rows, OUT), y}));
    tn_plan_destroy(p);
    tn_device_close(d);
}

/* Does a line of the context's description have this and that? */
static bool describes(const tn_context *c, const char *this, const char *that)
{
    char line[512];
    bool found = false;
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_ok(tn_context_describe(c, f));
    rewind(f);
    while (fgets(line, sizeof line, f))
        found |= strstr(line, this) && strstr(line, that);
    assert_int_equal(fclose(f), 0);
    return found;
}

/* Of few rows the kernel reads weights where they lie, so that the context has none; others have them as f32. */
static void check_kernel(const tn_context *c, int rows, const char *kernel)
{
    const size_t weights = tn_context_memory_of(c).weights;
    if (rows <= 4) {
        assert_true(describes(c, "dense", kernel));
        assert_true(weights < HIDDEN * IN);
    } else if (strcmp(kernel, "rows:") != 0)
        assert_true(weights >= 4 * HIDDEN * IN);
}

/* `kernel`: of dense of few rows; NULL: whichever it is. */
static void answer_of_engine(const char *path, bool copy, const char *device, int rows,
                             const char *kernel, float y[ROWS * OUT])
{
    tn_engine *e = NULL;
    tn_context *c = NULL;
    float x[ROWS * IN];
    for (int i = 0; i < ROWS * IN; i++)
        x[i] = (float)(i * 7 % 23) / 11 - 1;
    assert_ok(tn_engine_open(&e, path, &(tn_engine_opts){.copy = copy}));
    assert_ok(tn_context_create(&c, e, &(tn_context_opts){.rows = rows, .device = device}));
    if (kernel)
        check_kernel(c, rows, kernel);
    assert_ok(tn_context_run(c, rows, &(tn_tensor){TN_F32, TN_SHAPE(rows, IN), x},
                             &(tn_tensor){TN_F32, TN_SHAPE(rows, OUT), y}));
    tn_context_destroy(c);
    tn_engine_close(e);
}

static const char *type_in(const char *path, const char *tensor, size_t *bytes)
{
    static char type[8];
    tn_safetensors *f = NULL;
    assert_ok(tn_safetensors_open(&f, path));
    const tn_safetensor *t = tn_safetensors_find(f, tensor);
    snprintf(type, sizeof type, "%s", t ? t->type : "none");
    *bytes = t ? t->bytes : 0;
    tn_safetensors_close(f);
    return type;
}

static void load(const char *path, char **to, size_t *size)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    *to = malloc(1 << 20);
    *size = fread(*to, 1, 1 << 20, f);
    assert_int_equal(fclose(f), 0);
}

static const struct {
    const char *why, *type;
    size_t bytes;
    tn_dtype round;
    bool quantised;
    const char *kernel; /* of few rows */
} cases[] = {
    {"as it is", "F32", 4 * HIDDEN *IN, TN_F32, false, "rows:"},
    {"bf16", "BF16", 2 * HIDDEN *IN, TN_BF16, false, "rows of bf16"},
    {"f16", "F16", 2 * HIDDEN *IN, TN_F16, false, "rows of f16"},
    {"weights in 8 bits", "I8", HIDDEN *IN, TN_F32, true, "rows of 8 bits"},
    {"of such as bf16 has", "I8", HIDDEN *IN, TN_BF16, true, "rows of 8 bits"},
};

static void engines_compute_the_same_bits(void **state)
{
    (void)state;
    char path[1100], again[1100];
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        print_message("%s\n", cases[i].why);
        float want[ROWS * OUT], got[ROWS * OUT];
        tn_model *m = make(), *opened = NULL;
        size_t bytes, size[2];
        char *file[2];
        snprintf(path, sizeof path, "%s/a.plan", folder);
        snprintf(again, sizeof again, "%s/b.plan", folder);
        if (cases[i].round != TN_F32)
            assert_ok(tn_model_round(m, cases[i].round));
        if (cases[i].quantised) {
            tn_model *whole = NULL;
            assert_ok(tn_model_quantise(&whole, m, NULL, NULL, &(tn_quantise_opts){.all = true}));
            tn_model_close(m);
            m = whole;
        }
        assert_ok(tn_engine_save(m, path));
        assert_string_equal(type_in(path, "h.weight", &bytes), cases[i].type);
        assert_int_equal(bytes, cases[i].bytes);
        assert_string_equal(type_in(path, "y.weight", &bytes), "F32"); /* few */
        assert_ok(tn_model_open(&opened, path, NULL));
        for (int rows = 3; rows <= ROWS; rows += 3) {
            const size_t all = (size_t)(rows * OUT) * sizeof *want;
            answer_of(m, rows, want);
            for (int copy = 0; copy < 2; copy++) {
                answer_of_engine(path, copy, "cpu,threads=1", rows, cases[i].kernel, got);
                assert_memory_equal(got, want, all);
            }
            answer_of_engine(path, false, "cpu,reference", rows, NULL, got);
            for (int k = 0; k < rows * OUT; k++)
                assert_true(fabsf(got[k] - want[k]) < 1e-4F);
            answer_of(opened, rows, got);
            assert_memory_equal(got, want, all);
        }
        assert_ok(tn_engine_save(opened, again));
        for (int k = 0; k < 2; k++)
            load(k ? again : path, &file[k], &size[k]);
        assert_int_equal(size[0], size[1]);
        assert_memory_equal(file[0], file[1], size[0]);
        free(file[0]);
        free(file[1]);
        tn_model_close(opened);
        tn_model_close(m);
    }
    unlink(path);
    unlink(again);
}

static void what_cannot_be_rounded(void **state)
{
    (void)state;
    tn_model *m = make();
    assert_fails(tn_model_round(m, TN_I32), TN_ERR_ARGUMENT, "to f16 or bf16, not to i32");
    tn_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_are_the_nearest),
        cmocka_unit_test(engines_compute_the_same_bits),
        cmocka_unit_test(what_cannot_be_rounded),
    };
    folder = lab_make_folder();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lab_remove(folder);
    return failed;
}
