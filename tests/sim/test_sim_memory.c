/* Memory of the simulated GPU: who may touch it when, and what is not allowed with it. */
#include <math.h>
#include <string.h>

#include "rules.h"

static const enum cudaMemcpyKind to_device = cudaMemcpyHostToDevice,
                                 from_device = cudaMemcpyDeviceToHost;

/* Taken in the parent, so that a child has nothing to do but the mistake. */
static float *device_array;
static float *pinned_array;
static cudaStream_t stream;
enum { N = 96 };

static int setup(void **state)
{
    (void)state;
    stream = new_stream();
    device_array = new_device(N * sizeof(float));
    pinned_array = new_pinned(N * sizeof(float));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_cuda(cudaFree(device_array));
    assert_cuda(cudaFreeHost(pinned_array));
    assert_cuda(cudaStreamDestroy(stream));
    tn_sim_check_leaks();
    return 0;
}

/* ---- what is there ------------------------------------------------------------------------ */

static void test_new_memory(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 4, 255, 256, 257, 4096, 100000};
    for (size_t i = 0; i < TN_COUNT(sizes); i++) {
        static unsigned char bytes[100000];
        void *p = new_device(sizes[i]);
        assert_int_equal((uintptr_t)p % 256, 0);
        memset(bytes, 0, sizes[i]);
        assert_cuda(cudaMemcpyAsync(bytes, p, sizes[i], from_device, stream));
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(bytes[k], 0xff);
        assert_cuda(cudaFree(p));
        void *next = new_device(sizes[i]); /* somewhere else, so that a use of p is seen */
        assert_ptr_not_equal(next, p);
        assert_cuda(cudaFree(next));
    }
    for (int i = 0; i < N; i++)
        assert_true(isnan(pinned_array[i]));
}

static void test_limit(void **state)
{
    (void)state;
    size_t left, total;
    void *a, *b;
    tn_sim_set_memory(1 << 20);
    assert_cuda(cudaMemGetInfo(&left, &total));
    assert_int_equal(total, 1 << 20);
    assert_int_equal(left, (1 << 20) - 512); /* device_array, rounded up */
    assert_cuda(cudaMalloc(&a, left));
    assert_cuda(cudaMemGetInfo(&left, &total));
    assert_int_equal(left, 0);
    assert_error(cudaMalloc(&b, 1), cudaErrorMemoryAllocation);
    assert_null(b);
    assert_error(cudaGetLastError(), cudaErrorMemoryAllocation);
    assert_cuda(cudaFree(a));
    assert_cuda(cudaMalloc(&a, 1));
    assert_cuda(cudaFree(a));
    assert_cuda(cudaMalloc(&a, 0));
    assert_null(a);
    assert_cuda(cudaFree(NULL));
    assert_cuda(cudaFreeHost(NULL));
    tn_sim_set_memory((size_t)2 << 30);
}

/* Many blocks of many sizes, some of them freed in between: none overlaps another. */
static void test_many(void **state)
{
    (void)state;
    enum { MANY = 200 };
    unsigned char *p[MANY] = {0};
    size_t bytes[MANY];
    uint32_t chance = 1;
    for (int round = 0; round < 2000; round++) {
        chance = chance * 1664525u + 1013904223u;
        const int i = (int)(chance >> 16) % MANY;
        assert_cuda(cudaFree(p[i]));
        bytes[i] = 1 + (chance >> 8) % 20000;
        p[i] = new_device(bytes[i]);
        for (int k = 0; k < MANY; k++)
            if (k != i && p[k])
                assert_true(p[k] + bytes[k] <= p[i] || p[i] + bytes[i] <= p[k]);
    }
    for (int i = 0; i < MANY; i++)
        assert_cuda(cudaFree(p[i]));
}

static void test_copies(void **state)
{
    (void)state;
    float from[N], to[N];
    float *other = new_device(sizeof from);
    for (int i = 0; i < N; i++)
        from[i] = (float)i;
    tn_sim_trace_begin();
    assert_cuda(cudaMemcpy(device_array, from, sizeof from, to_device));
    assert_cuda(
        cudaMemcpyAsync(other, device_array, sizeof from, cudaMemcpyDeviceToDevice, stream));
    assert_cuda(cudaMemsetAsync(other, 0, 8, stream));
    assert_cuda(cudaMemcpyAsync(to, other, sizeof from, cudaMemcpyDefault, stream));
    for (int i = 0; i < N; i++)
        assert_true(to[i] == (i < 2 ? 0 : from[i]));
    assert_cuda(cudaMemset(device_array, 0xff, sizeof from));
    assert_cuda(cudaMemcpy(to, device_array, 4, from_device));
    assert_true(isnan(to[0]));
    assert_cuda(cudaMemcpy(to, device_array, 0, from_device));
    const tn_sim_counts c = tn_sim_trace_counts();
    assert_int_equal(c.copies_to_device, 1);
    assert_int_equal(c.bytes_to_device, sizeof from);
    assert_int_equal(c.copies_inside, 1);
    assert_int_equal(c.bytes_inside, sizeof from);
    assert_int_equal(c.copies_from_device, 2);
    assert_int_equal(c.bytes_from_device, sizeof from + 4);
    assert_int_equal(c.fills, 2);
    assert_int_equal(c.synchronisations, 3); /* cudaMemcpy() */
    assert_cuda(cudaFree(other));
}

/* Pinned memory is the host's and the device's at once. */
static void test_pinned(void **state)
{
    (void)state;
    void *seen;
    for (int i = 0; i < N; i++)
        pinned_array[i] = (float)i;
    assert_cuda(cudaHostGetDevicePointer(&seen, pinned_array, 0));
    struct tnk_test_scale_args a = {seen, seen, N, 2, 1};
    assert_cuda(TN_LAUNCH(tnk_test_scale_f32, 1, 32, 0, stream, &a));
    assert_true(pinned_array[3] == 3);
    assert_cuda(cudaStreamSynchronize(stream));
    for (int i = 0; i < N; i++)
        assert_true(pinned_array[i] == 2 * (float)i + 1);
    void *mapped;
    assert_cuda(cudaHostAlloc(&mapped, 4, cudaHostAllocMapped | cudaHostAllocPortable));
    assert_cuda(cudaFreeHost(mapped));
    assert_error(cudaHostAlloc(&mapped, 4, 0x80), cudaErrorInvalidValue);
    assert_error(cudaHostGetDevicePointer(&seen, &mapped, 0), cudaErrorInvalidValue);
}

/* ---- who touches it ----------------------------------------------------------------------- */

static void host_reads(void)
{
    volatile float x = device_array[0];
    (void)x;
}
static void host_writes(void)
{
    device_array[0] = 1;
}
static void host_reads_after_work(void)
{
    assert_cuda(cudaMemset(device_array, 0, 4));
    assert_cuda(cudaDeviceSynchronize());
    host_reads();
}
static void kernel_uses_freed(void)
{
    float *freed = new_device(sizeof(float) * N);
    assert_cuda(cudaFree(freed));
    struct tnk_test_scale_args a = {device_array, freed, N, 1, 0};
    assert_cuda(TN_LAUNCH(tnk_test_scale_f32, 1, 32, 0, stream, &a));
    assert_cuda(cudaStreamSynchronize(stream));
}
static void kernel_of_other_device(void)
{
    assert_cuda(cudaSetDevice(1));
    cudaStream_t s = new_stream();
    struct tnk_test_scale_args a = {device_array, device_array, N, 1, 0};
    assert_cuda(TN_LAUNCH(tnk_test_scale_f32, 1, 32, 0, s, &a));
    assert_cuda(cudaStreamSynchronize(s));
}
static void host_uses_freed_pinned(void)
{
    float *freed = new_pinned(4);
    assert_cuda(cudaFreeHost(freed));
    freed[0] = 1;
}

static void test_faults(void **state)
{
    (void)state;
    rule_faults(host_reads);
    rule_faults(host_writes);
    rule_faults(host_reads_after_work);
    rule_faults(kernel_uses_freed);
    rule_faults(kernel_of_other_device);
    rule_faults(host_uses_freed_pinned);
}

/* ---- broken rules ------------------------------------------------------------------------- */

static float host_array[N];

static void copy_too_long(void)
{
    cudaMemcpyAsync(device_array, pinned_array, N * sizeof(float) + 1, to_device, stream);
}
static void copy_from_behind(void)
{
    cudaMemcpyAsync(host_array, device_array + N, 4, from_device, stream);
}
static void copy_wrong_way(void)
{
    cudaMemcpyAsync(device_array, host_array, 4, from_device, stream);
}
static void copy_to_itself(void)
{
    cudaMemcpyAsync(device_array, device_array + 1, 16, cudaMemcpyDeviceToDevice, stream);
}
static void copy_freed(void)
{
    float *freed = new_device(4);
    assert_cuda(cudaFree(freed));
    cudaMemcpyAsync(freed, host_array, 4, to_device, stream);
}
static void copy_of_other_device(void)
{
    assert_cuda(cudaSetDevice(1));
    cudaMemcpy(host_array, device_array, 4, from_device);
}
static void fill_host(void)
{
    cudaMemsetAsync(host_array, 0, 4, stream);
}
static void fill_pinned(void)
{
    cudaMemsetAsync(pinned_array, 0, 4, stream);
}
static void free_twice(void)
{
    void *p = new_device(4);
    assert_cuda(cudaFree(p));
    cudaFree(p);
}
static void free_middle(void)
{
    cudaFree(device_array + 64);
}
static void free_host(void)
{
    cudaFree(host_array);
}
static void free_pinned_as_device(void)
{
    cudaFree(pinned_array);
}
static void free_host_pinned(void)
{
    cudaFreeHost(host_array);
}
static void check_memory(void)
{
    tn_sim_check_memory(0, "somebody", device_array, 4);
    tn_sim_check_memory(0, "somebody", pinned_array, 4);
}
static void replay_freed(void)
{
    cudaGraph_t g;
    cudaGraphExec_t e;
    float *p = new_device(4);
    assert_cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    assert_cuda(cudaMemsetAsync(p, 0, 4, stream));
    assert_cuda(cudaStreamEndCapture(stream, &g));
    assert_cuda(cudaGraphInstantiate(&e, g, 0));
    assert_cuda(cudaFree(p));
    assert_cuda(cudaGraphLaunch(e, stream));
    cudaStreamSynchronize(stream);
}

static void test_rules(void **state)
{
    (void)state;
    static const struct {
        void (*body)(void);
        const char *rule, *text;
    } cases[] = {
        {copy_too_long, "memory", "385 bytes"},
        {copy_from_behind, "memory", "in no allocation"},
        {copy_wrong_way, "memory", "direction"},
        {copy_to_itself, "memory", "overlap"},
        {copy_freed, "memory", "in no allocation"},
        {copy_of_other_device, "device", "memory of device 0, used on device 1"},
        {fill_host, "memory", "no memory of device 0"},
        {fill_pinned, "memory", "no memory of device 0"},
        {free_twice, "destroyed", "used after it was destroyed"},
        {free_middle, "destroyed", "never was"},
        {free_host, "memory", "no device's memory"},
        {free_pinned_as_device, "memory", "no device's memory"},
        {free_host_pinned, "memory", "is not pinned"},
        {check_memory, "memory", "somebody"},
        {replay_freed, "memory", "a fill that runs"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        rule_breaks(cases[i].rule, cases[i].text, cases[i].body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_memory), cmocka_unit_test(test_limit),
        cmocka_unit_test(test_many),       cmocka_unit_test(test_copies),
        cmocka_unit_test(test_pinned),     cmocka_unit_test(test_faults),
        cmocka_unit_test(test_rules),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
