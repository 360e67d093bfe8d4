/* Kernels on the simulated GPU: what the language gives, and which rules threads keep. */
#include <math.h>
#include <string.h>

#include "rules.h"

enum { SEEDS = 20 };

static uint16_t bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)(bits >> 16);
}

static void test_three_types(void **state)
{
    (void)state;
    enum { N = 1000 };
    float x[N], y[N];
    uint16_t x16[N], y16[N];
    for (int i = 0; i < N; i++)
        x[i] = (float)(i % 100);
    cudaStream_t s = new_stream();
    void *dx = new_device(sizeof x), *dy = new_device(sizeof y);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        tn_sim_set_seed(seed);
        struct tnk_test_scale_args a = {dx, dy, N, 2, 1};
        assert_cuda(cudaMemcpyAsync(dx, x, sizeof x, cudaMemcpyHostToDevice, s));
        assert_cuda(TN_LAUNCH_TYPE(TN_F32, tnk_test_scale, 3, 64, 0, s, &a));
        a.count = -1; /* taken at the launch */
        assert_cuda(cudaMemcpyAsync(y, dy, sizeof y, cudaMemcpyDeviceToHost, s));
        for (int i = 0; i < N; i++)
            assert_true(y[i] == 2 * x[i] + 1);

        for (int i = 0; i < N; i++)
            x16[i] = bf16(x[i]);
        a.count = N;
        assert_cuda(cudaMemcpyAsync(dx, x16, sizeof x16, cudaMemcpyHostToDevice, s));
        assert_cuda(TN_LAUNCH_TYPE(TN_BF16, tnk_test_scale, 1, 1024, 0, s, &a));
        assert_cuda(cudaMemcpyAsync(y16, dy, sizeof y16, cudaMemcpyDeviceToHost, s));
        for (int i = 0; i < N; i++)
            assert_int_equal(y16[i], bf16(2 * x[i] + 1));

        for (int i = 0; i < N; i++)
            x16[i] = 0x3c00; /* 1 in binary16; 3 is 0x4200 */
        assert_cuda(cudaMemcpyAsync(dx, x16, sizeof x16, cudaMemcpyHostToDevice, s));
        assert_cuda(TN_LAUNCH_TYPE(TN_F16, tnk_test_scale, 5, 1, 0, s, &a));
        assert_cuda(cudaMemcpyAsync(y16, dy, sizeof y16, cudaMemcpyDeviceToHost, s));
        for (int i = 0; i < N; i++)
            assert_int_equal(y16[i], 0x4200);
    }
    tn_sim_set_seed(0);
    assert_cuda(cudaFree(dx));
    assert_cuda(cudaFree(dy));
    assert_cuda(cudaStreamDestroy(s));
    tn_sim_check_leaks();
}

/* The sum of 0, ..., count - 1 as thread 0 has it, or NaN; `*all`: whether all threads have the same. */
static float sum(int wrong, unsigned threads, int count, bool *all)
{
    float x[2048], y[1024];
    for (int i = 0; i < count; i++)
        x[i] = (float)i;
    cudaStream_t s = new_stream();
    float *dx = new_device(sizeof *x * (size_t)count);
    float *dy = new_device(sizeof *y * threads);
    struct tnk_test_sum_args a = {dx, dy, count, wrong};
    assert_cuda(cudaMemcpyAsync(dx, x, sizeof *x * (size_t)count, cudaMemcpyHostToDevice, s));
    assert_cuda(TN_LAUNCH(tnk_test_sum, 1, threads, 0, s, &a));
    assert_cuda(cudaMemcpyAsync(y, dy, sizeof *y * threads, cudaMemcpyDeviceToHost, s));
    *all = true;
    for (unsigned i = 0; i < threads; i++)
        *all = *all && y[i] == y[0];
    assert_cuda(cudaFree(dx));
    assert_cuda(cudaFree(dy));
    assert_cuda(cudaStreamDestroy(s));
    return y[0];
}

static void test_barriers(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        unsigned threads;
        int count;
    } cases[] = {
        {"one warp", 32, 100},
        {"several", 256, 1000},
        {"as many as there can be", 1024, 2048},
        {"fewer numbers than threads", 128, 5},
    };
    for (size_t c = 0; c < TN_COUNT(cases); c++)
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            bool all;
            tn_sim_set_seed(seed);
            const float got = sum(TNK_TEST_RIGHT, cases[c].threads, cases[c].count, &all);
            const int n = cases[c].count;
            if (got != (float)(n * (n - 1) / 2) || !all)
                fail_msg("%s, seed %d: %g", cases[c].why, (int)seed, (double)got);
        }
    tn_sim_set_seed(0);
}

/* A barrier that is missing shows in some order of the threads, and mostly in every one. */
static void test_missing_barrier(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        int wrong;
        int least; /* of SEEDS */
    } cases[] = {
        {"reads what others have not written", TNK_TEST_NO_BARRIER, SEEDS},
        {"writes what others have not read", TNK_TEST_NO_SECOND_BARRIER, SEEDS / 2},
    };
    for (size_t c = 0; c < TN_COUNT(cases); c++) {
        int found = 0;
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            bool all;
            tn_sim_set_seed(seed);
            found += sum(cases[c].wrong, 256, 1000, &all) != 499500.0f || !all;
        }
        if (found < cases[c].least)
            fail_msg("%s: only %d of %d seeds show it", cases[c].why, found, SEEDS);
    }
    tn_sim_set_seed(0);
}

static int broken;
static unsigned broken_threads;

static void run_broken(void)
{
    bool all;
    sum(broken, broken_threads, 64, &all);
}

static void test_broken_rules(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        int wrong;
        unsigned threads;
        const char *rule, *text;
    } cases[] = {
        {"two barriers", TNK_TEST_TWO_BARRIERS, 64, "barrier", "others at"},
        {"a barrier, and some have ended", TNK_TEST_ENDS_EARLY, 64, "barrier", "wait"},
        {"a shuffle with lanes that have ended", TNK_TEST_LANE_ENDED, 32, "warp", "has ended"},
        {"not in its own mask", TNK_TEST_LANE_MISSING, 32, "warp", "is not in its own mask"},
        {"different operations", TNK_TEST_LANES_APART, 32, "warp", "meets at"},
        {"a warp that is not whole", TNK_TEST_RIGHT, 48, "warp", "does not have"},
        {"lanes at a barrier", TNK_TEST_DEADLOCK, 32, "deadlock", "waits for lanes"},
        {"48 KiB and more", TNK_TEST_TOO_MUCH, 32, "shared", "of 49152"},
    };
    for (size_t c = 0; c < TN_COUNT(cases); c++)
        for (uint64_t seed = 0; seed < 3; seed++) {
            tn_sim_set_seed(seed);
            broken = cases[c].wrong;
            broken_threads = cases[c].threads;
            rule_breaks(cases[c].rule, cases[c].text, run_broken);
        }
    tn_sim_set_seed(0);
}

/* Which of the two words comes first depends on who does. */
static void test_lanes_that_end(void **state)
{
    (void)state;
    broken = TNK_TEST_LANE_ENDS;
    broken_threads = 32;
    rule_breaks("warp", "kernels.cu:", run_broken);
}

static void test_leaves_memory(void **state)
{
    (void)state;
    broken = TNK_TEST_OUT_OF_MEMORY;
    broken_threads = 64; /* 256 bytes, as far as padding goes */
    rule_faults(run_broken);
#if defined(__SANITIZE_ADDRESS__)
    broken_threads = 32; /* inside of the padding, which only the sanitizer knows */
    rule_faults(run_broken);
    broken = TNK_TEST_OUT_OF_SHARED;
    rule_faults(run_broken);
#endif
}

static void test_warp(void **state)
{
    (void)state;
    enum { ROWS = 13 };
    int y[ROWS][32];
    cudaStream_t s = new_stream();
    struct tnk_test_warp_args a = {new_device(sizeof y)};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        tn_sim_set_seed(seed);
        assert_cuda(TN_LAUNCH(tnk_test_warp, 1, 32, 0, s, &a));
        assert_cuda(cudaMemcpyAsync(y, a.y, sizeof y, cudaMemcpyDeviceToHost, s));
        for (int i = 0; i < 32; i++) {
            const int segment = i / 8 * 8;
            const int want[ROWS] = {
                5,
                segment + (i + 1) % 8,
                i < 3 ? i : i - 3,
                i % 4 ? i - 1 : i,
                i + 3 < 32 ? i + 3 : i,
                i ^ 16,
                0x49249249,
                1,
                1,
                i ^ 1,
                (int)(i < 16 ? 0xaaaau : 0xaaaa0000u),
                9,
                11,
            };
            for (int r = 0; r < ROWS; r++)
                if (y[r][i] != want[r])
                    fail_msg("row %d, lane %d: %d, not %d", r, i, y[r][i], want[r]);
        }
    }
    tn_sim_set_seed(0);
    assert_cuda(cudaFree(a.y));
    assert_cuda(cudaStreamDestroy(s));
}

static void test_language(void **state)
{
    (void)state;
    enum { BLOCKS = 2 * 3 * 2, THREADS = 4 * 2 * 3 };
    float y[16];
    unsigned counts[2], indices[BLOCKS * THREADS];
    cudaStream_t s = new_stream();
    float *dy = new_device(sizeof y);
    unsigned *dcounts = new_device(sizeof counts), *dindices = new_device(sizeof indices);
    struct tnk_test_language_args a = {dy, dcounts, dcounts + 1, dindices};
    void *args = &a;
    const dim3 grid = {2, 3, 2}, block = {4, 2, 3};
    tn_sim_set_seed(7);
    assert_cuda(cudaMemsetAsync(dy, 0, sizeof y, s));
    assert_cuda(cudaMemsetAsync(dcounts, 0, sizeof counts, s));
    union {
        tn_any_kernel function;
        const void *object;
    } key = {(tn_any_kernel)tnk_test_language};
    assert_cuda(cudaLaunchKernel(key.object, grid, block, &args, 16, s));
    assert_cuda(cudaMemcpyAsync(y, dy, sizeof y, cudaMemcpyDeviceToHost, s));
    assert_cuda(cudaMemcpyAsync(counts, dcounts, sizeof counts, cudaMemcpyDeviceToHost, s));
    assert_cuda(cudaMemcpyAsync(indices, dindices, sizeof indices, cudaMemcpyDeviceToHost, s));
    tn_sim_set_seed(0);
    assert_int_equal(counts[0], BLOCKS * THREADS);
    assert_int_equal(counts[1], THREADS - 1);
    for (unsigned i = 0; i < BLOCKS * THREADS; i++)
        assert_int_equal(indices[i], 1000 * (i / THREADS) + i % THREADS);
    const float want[16] = {2,       1.2840254f, -1.3862944f, 0.25f, 3, 11, 0.099975586f,
                            0.1001f, -2,         0.25f,       5,     8, 32, NAN,
                            0,       2};
    for (int i = 0; i < 16; i++)
        if (isnan(want[i]) ? !isnan(y[i])
                           : !(fabsf(y[i] - want[i]) <= 1e-5f * (1 + fabsf(want[i]))))
            fail_msg("number %d is %g, not %g", i, (double)y[i], (double)want[i]);
    assert_cuda(cudaFree(dy));
    assert_cuda(cudaFree(dcounts));
    assert_cuda(cudaFree(dindices));
    assert_cuda(cudaStreamDestroy(s));
}

static void test_refused_launches(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        unsigned grid, block;
        size_t shared;
        cudaError_t error;
    } cases[] = {
        {"no blocks", 0, 32, 0, cudaErrorInvalidConfiguration},
        {"no threads", 1, 0, 0, cudaErrorInvalidConfiguration},
        {"too many threads", 1, 1025, 0, cudaErrorInvalidConfiguration},
        {"too many blocks", 0x80000000u, 32, 0, cudaErrorInvalidConfiguration},
        {"too much shared memory", 1, 32, 49153, cudaErrorInvalidValue},
    };
    cudaStream_t s = new_stream();
    struct tnk_test_scale_args a = {0};
    for (size_t c = 0; c < TN_COUNT(cases); c++) {
        assert_error(
            TN_LAUNCH(tnk_test_scale_f32, cases[c].grid, cases[c].block, cases[c].shared, s, &a),
            cases[c].error);
        assert_error(cudaPeekAtLastError(), cases[c].error);
        assert_error(cudaGetLastError(), cases[c].error);
        assert_cuda(cudaGetLastError());
    }
    assert_cuda(TN_LAUNCH(tnk_test_scale_f32, 1, 1024, 49152, s, &a));
    void *args = &a;
    const dim3 one = {1, 1, 1};
    assert_error(cudaLaunchKernel(cases, one, one, &args, 0, s), cudaErrorInvalidDeviceFunction);
    assert_cuda(cudaStreamDestroy(s));
}

static void test_attributes(void **state)
{
    (void)state;
    struct cudaFuncAttributes a;
    union {
        tn_any_kernel function;
        const void *object;
    } key = {(tn_any_kernel)tnk_test_sum};
    assert_cuda(cudaFuncGetAttributes(&a, key.object));
    assert_int_equal(a.maxThreadsPerBlock, 1024);
    assert_int_equal(a.localSizeBytes, 0);
    assert_error(cudaFuncGetAttributes(&a, &a), cudaErrorInvalidDeviceFunction);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_types),
        cmocka_unit_test(test_barriers),
        cmocka_unit_test(test_missing_barrier),
        cmocka_unit_test(test_broken_rules),
        cmocka_unit_test(test_lanes_that_end),
        cmocka_unit_test(test_leaves_memory),
        cmocka_unit_test(test_warp),
        cmocka_unit_test(test_language),
        cmocka_unit_test(test_refused_launches),
        cmocka_unit_test(test_attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
