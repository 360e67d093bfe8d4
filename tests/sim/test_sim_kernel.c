/* Kernels on the simulated GPU: what the language gives, and which rules threads keep. */
#include <math.h>
#include <string.h>

#include "rules.h"

static void test_scale(void **state)
{
    (void)state;
    enum { N = 1000 };
    float x[N], y[N];
    for (int i = 0; i < N; i++)
        x[i] = (float)i;
    cudaStream_t s = new_stream();
    void *dx = new_device(sizeof x), *dy = new_device(sizeof y);
    assert_cuda(cudaMemcpyAsync(dx, x, sizeof x, cudaMemcpyHostToDevice, s));
    struct tnk_test_scale_args a = {dx, dy, N, 2, 1};
    assert_cuda(TN_LAUNCH_TYPE(TN_F32, tnk_test_scale, 3, 64, 0, s, &a));
    a.count = -1; /* taken at the launch */
    assert_cuda(cudaMemcpyAsync(y, dy, sizeof y, cudaMemcpyDeviceToHost, s));
    for (int i = 0; i < N; i++)
        assert_float_equal(y[i], 2 * x[i] + 1, 0);
    assert_cuda(cudaFree(dx));
    assert_cuda(cudaFree(dy));
    assert_cuda(cudaStreamDestroy(s));
    tn_sim_check_leaks();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
