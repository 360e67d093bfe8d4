#include "fixture.h"

cudaStream_t first, second, third;
cudaEvent_t split, join;
float *x, *y, *z, *pinned;

int fixture_begin(void **state)
{
    (void)state;
    first = new_stream();
    second = new_stream();
    third = new_stream();
    split = new_event();
    join = new_event();
    x = new_device(BYTES);
    y = new_device(BYTES);
    z = new_device(BYTES);
    pinned = new_pinned(BYTES);
    return 0;
}

int fixture_end(void **state)
{
    (void)state;
    tn_sim_set_seed(0);
    assert_cuda(cudaStreamDestroy(first));
    assert_cuda(cudaStreamDestroy(second));
    assert_cuda(cudaStreamDestroy(third));
    assert_cuda(cudaEventDestroy(split));
    assert_cuda(cudaEventDestroy(join));
    assert_cuda(cudaFree(x));
    assert_cuda(cudaFree(y));
    assert_cuda(cudaFree(z));
    assert_cuda(cudaFreeHost(pinned));
    tn_sim_check_leaks();
    return 0;
}

void scale(float *to, const float *from, float factor, float shift, cudaStream_t s)
{
    struct tnk_test_scale_args a = {from, to, N, factor, shift};
    assert_cuda(TN_LAUNCH(tnk_test_scale_f32, 2, 32, 0, s, &a));
    a = (struct tnk_test_scale_args){0}; /* they were copied */
}

void fill(float *to, cudaStream_t s)
{
    assert_cuda(cudaMemsetAsync(to, 0, BYTES, s));
}

float first_of(const float *p)
{
    float got[N];
    assert_cuda(cudaDeviceSynchronize());
    assert_cuda(cudaMemcpy(got, p, BYTES, from_device));
    return got[0];
}
