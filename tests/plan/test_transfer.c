/* Parameters that the CPU keeps in layouts of its own: there and back, from any address, through no copy of them. */
#include <stdlib.h>
#include <string.h>

#include "lab.h"

void *__real_tn_alloc_aligned(size_t bytes);
void *__wrap_tn_alloc_aligned(size_t bytes);

static size_t largest;

void *__wrap_tn_alloc_aligned(size_t bytes)
{
    largest = bytes > largest ? bytes : largest;
    return __real_tn_alloc_aligned(bytes);
}

static void there_and_back(tn_plan *plan, int index)
{
    tn_param_info info;
    assert_ok(tn_plan_param(plan, index, &info));
    int64_t count = 0;
    assert_ok(tn_shape_count(&info.shape, &count));
    const size_t bytes = (size_t)count * sizeof(float);
    float *to = malloc(bytes + sizeof(float)), *from = malloc(bytes + sizeof(float));
    for (int64_t i = 0; i < count; i++)
        to[i + 1] = (float)(i % 8191);
    largest = 0;
    assert_ok(
        tn_plan_param_set(plan, index, TN_PARAM_VALUE, (tn_tensor){TN_F32, info.shape, to + 1}));
    assert_ok(
        tn_plan_param_get(plan, index, TN_PARAM_VALUE, (tn_tensor){TN_F32, info.shape, from + 1}));
    assert_memory_equal(to + 1, from + 1, bytes);
    if (bytes > 4096)
        assert_in_range(largest, 0, bytes / 2);
    free(to);
    free(from);
}

static void parameters_are_staged_nowhere(void **state)
{
    (void)state;
    tn_graph *g = NULL;
    tn_device *device = NULL;
    tn_plan *plan = NULL;
    assert_ok(tn_graph_create(&g));
    assert_ok(tn_device_open(&device, "cpu"));
    const tn_value image = tn_input(g, "image", TN_F32, TN_SHAPE(2, 16, 14, 14));
    tn_value x = tn_conv2d(g, image, &(tn_conv2d_opts){.filters = 32, .kernel = {5}, .pad = {2}});
    x = tn_conv2d(g, x, &(tn_conv2d_opts){.filters = 32, .kernel = {3}, .pad = {1}, .groups = 2});
    x = tn_dense(g, x, &(tn_dense_opts){.units = 64});
    assert_ok(tn_plan_create(&plan, g, device, &(tn_plan_opts){.keep = &x, .num_keep = 1}));
    for (int i = 0; i < tn_plan_num_params(plan); i++)
        there_and_back(plan, i);
    tn_plan_destroy(plan);
    tn_device_close(device);
    tn_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(parameters_are_staged_nowhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
