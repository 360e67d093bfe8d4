/* Elements of device memory to floats and back. */
#include <math.h>
#include <string.h>

#include "lab.h"
#include "sim/numbers.h"

static uint32_t store(cudnnDataType_t type, float x)
{
    uint32_t bits = 0;
    tn_sim_store(type, &bits, 0, 1, 1, &x);
    return bits;
}

static float load(cudnnDataType_t type, uint32_t bits)
{
    float x;
    tn_sim_load(type, &bits, 0, 1, 1, &x);
    return x;
}

static void test_rounding(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        cudnnDataType_t type;
        float x;
        uint32_t bits;
    } cases[] = {
        {"one", CUDNN_DATA_HALF, 1, 0x3c00},
        {"halfway, to even: down", CUDNN_DATA_HALF, 1 + 0x1p-11f, 0x3c00},
        {"halfway, to even: up", CUDNN_DATA_HALF, 1 + 0x3p-11f, 0x3c02},
        {"more than halfway", CUDNN_DATA_HALF, 1 + 0x1.002p-11f, 0x3c01},
        {"the largest", CUDNN_DATA_HALF, 65504, 0x7bff},
        {"rounds to infinity", CUDNN_DATA_HALF, 65520, 0x7c00},
        {"too large", CUDNN_DATA_HALF, -1e6f, 0xfc00},
        {"subnormal", CUDNN_DATA_HALF, 0x3p-24f, 0x0003},
        {"subnormal, halfway", CUDNN_DATA_HALF, 0x5p-25f, 0x0002},
        {"too small", CUDNN_DATA_HALF, -0x1p-26f, 0x8000},
        {"one", CUDNN_DATA_BFLOAT16, 1, 0x3f80},
        {"halfway, to even: down", CUDNN_DATA_BFLOAT16, 1 + 0x1p-8f, 0x3f80},
        {"halfway, to even: up", CUDNN_DATA_BFLOAT16, 1 + 0x3p-8f, 0x3f82},
        {"rounds to infinity", CUDNN_DATA_BFLOAT16, 0x1.fffffep127f, 0x7f80},
        {"to the nearest", CUDNN_DATA_INT8, -1.75f, 0xfe},
        {"halfway, to even", CUDNN_DATA_INT8, 2.5f, 2},
        {"too large", CUDNN_DATA_INT8, 300, 127},
        {"too small", CUDNN_DATA_INT8, -300, 0x80},
        {"less than nothing", CUDNN_DATA_UINT8, -3, 0},
        {"no number", CUDNN_DATA_INT8, NAN, 0},
        {"too large", CUDNN_DATA_INT32, 1e20f, 0x7fffff80},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (store(cases[i].type, cases[i].x) != cases[i].bits)
            fail_msg("%s: %g as type %d is 0x%x", cases[i].why, (double)cases[i].x,
                     (int)cases[i].type, (unsigned)store(cases[i].type, cases[i].x));
    assert_true(isnan(load(CUDNN_DATA_HALF, store(CUDNN_DATA_HALF, NAN))));
    assert_true(isnan(load(CUDNN_DATA_BFLOAT16, store(CUDNN_DATA_BFLOAT16, NAN))));
}

/* Every half comes back as it was. */
static void test_round_trip(void **state)
{
    (void)state;
    const cudnnDataType_t types[] = {CUDNN_DATA_HALF, CUDNN_DATA_BFLOAT16};
    for (int t = 0; t < 2; t++)
        for (uint32_t bits = 0; bits < 65536; bits++) {
            const float x = load(types[t], bits);
            if (!isnan(x))
                assert_int_equal(store(types[t], x), bits);
        }
    assert_true(load(CUDNN_DATA_HALF, 0x0001) == 0x1p-24f);
    assert_true(load(CUDNN_DATA_HALF, 0xc500) == -5);
}

static void test_tf32(void **state)
{
    (void)state;
    float x[] = {1, 1 + 0x1p-11f, 1 + 0x3p-11f, 1 + 0x1.002p-11f, -3, INFINITY};
    const float should[] = {1, 1, 1 + 0x4p-11f, 1 + 0x2p-11f, -3, INFINITY};
    tn_sim_round_tf32(x, 6);
    assert_memory_equal(x, should, sizeof x);
}

/* Every second one of an array, from the second on. */
static void test_steps(void **state)
{
    (void)state;
    int8_t a[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    float x[3];
    tn_sim_load(CUDNN_DATA_INT8, a, 1, 2, 3, x);
    assert_true(x[0] == 2 && x[1] == 4 && x[2] == 6);
    tn_sim_store(CUDNN_DATA_INT8, a, 7, -3, 2, x);
    assert_true(a[7] == 2 && a[4] == 4 && a[3] == 4 && a[5] == 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_tf32),
        cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
