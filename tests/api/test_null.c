/*
 * Every public function that takes a pointer, with NULL in its place: an error that names the function and the argument,
 * nothing for what asks for nothing, and no harm. A check of the tree (check_headers.py) looks that all are here, or in
 * a file test_null_... beside it.
 */
#include <math.h>
#include <string.h>

#include <tenon/sys/kernel.h>

#include "lab.h"

/* The call fails, and names the argument. */
#define REFUSES(call, argument) \
    assert_fails(call, TN_ERR_ARGUMENT, "the argument " argument " is NULL")

static tn_graph *g;
static tn_device *device;
static tn_plan *plan;
static tn_value x;

static int open_all(void **state)
{
    (void)state;
    assert_ok(tn_device_open(&device, "cpu"));
    assert_ok(tn_graph_create(&g));
    x = tn_input(g, "x", TN_F32, TN_SHAPE(2, 3));
    const tn_value loss =
        tn_mse(g, tn_dense(g, x, &(tn_dense_opts){.name = "d", .units = 3}), x, NULL);
    assert_ok(tn_plan_create(&plan, g, device,
                             &(tn_plan_opts){.loss = loss, .optim = tn_sgd(NULL), .clip_norm = 1}));
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    tn_plan_destroy(plan);
    tn_graph_destroy(g);
    tn_device_close(device);
    return 0;
}

static void destroying_nothing_is_fine(void **state)
{
    (void)state;
    tn_plan_destroy(NULL);
    tn_graph_destroy(NULL);
    tn_weights_destroy(NULL);
    tn_device_close(NULL);
    tn_dataset_close(NULL);
    tn_loader_close(NULL);
    tn_checkpoint_info_close(NULL);
    tn_device_host_free(device, NULL);
    tn_device_host_free(NULL, NULL);
}

static void checkpoints(void **state)
{
    (void)state;
    tn_checkpoint_info *info = NULL;
    const tn_meta meta = {"a", "b"};
    REFUSES(tn_checkpoint_save(NULL, "x", NULL, 0), "plan");
    REFUSES(tn_checkpoint_save(plan, NULL, NULL, 0), "path");
    assert_fails(tn_checkpoint_save(plan, "x", NULL, 1), TN_ERR_ARGUMENT, "1 strings of metadata");
    assert_fails(tn_checkpoint_save(plan, "x", &meta, -1), TN_ERR_ARGUMENT, "-1 strings");
    REFUSES(tn_checkpoint_probe(NULL, "x"), "plan");
    REFUSES(tn_checkpoint_probe(plan, NULL), "path");
    REFUSES(tn_checkpoint_load(NULL, "x", TN_LOAD_PARAMS), "plan");
    REFUSES(tn_checkpoint_load(plan, NULL, TN_LOAD_PARAMS), "path");
    REFUSES(tn_checkpoint_info_open(NULL, "x"), "out");
    REFUSES(tn_checkpoint_info_open(&info, NULL), "path");
    assert_null(info);
    assert_null(tn_checkpoint_info_get(NULL, "a"));
}

static void devices(void **state)
{
    (void)state;
    tn_precision precision;
    char own[4], all[4];
    void *memory = NULL;
    double rate;
    REFUSES(tn_device_add_kernel(NULL, &(tn_kernel){0}), "device");
    REFUSES(tn_device_add_kernel(device, NULL), "kernel");
    REFUSES(tn_op_register(NULL), "op");
    REFUSES(tn_check_input(NULL, 0, 0), "n");
    REFUSES(tn_device_open(NULL, "cpu"), "out");
    REFUSES(tn_precision_find(NULL, &precision), "name");
    REFUSES(tn_precision_find("f32", NULL), "out");
    REFUSES(tn_device_host_alloc(NULL, 4, &memory), "device");
    REFUSES(tn_device_host_alloc(device, 4, NULL), "out");
    REFUSES(tn_device_gather(NULL, own, sizeof own, all), "device");
    REFUSES(tn_device_gather(device, NULL, sizeof own, all), "own");
    REFUSES(tn_device_gather(device, own, sizeof own, NULL), "all");
    REFUSES(tn_device_memory(NULL, NULL, NULL), "device");
    assert_ok(tn_device_memory(device, NULL, NULL));
    REFUSES(tn_device_rates(NULL, TN_PRECISION_F32, &rate, NULL), "device");
    assert_null(tn_device_name(NULL));
    assert_null(tn_device_describe(NULL));
    assert_int_equal(tn_device_rank(NULL), 0);
    assert_int_equal(tn_device_ranks(NULL), 0);
}

static void graphs(void **state)
{
    (void)state;
    tn_shape shape;
    tn_dtype dtype;
    REFUSES(tn_graph_create(NULL), "out");
    REFUSES(tn_graph_status(NULL), "g");
    REFUSES(tn_value_shape(NULL, x, &shape), "g");
    REFUSES(tn_value_shape(g, x, NULL), "out");
    REFUSES(tn_value_dtype(NULL, x, &dtype), "g");
    REFUSES(tn_value_dtype(g, x, NULL), "out");
    assert_int_equal(tn_graph_value(NULL, "x").id + tn_graph_value(g, NULL).id, 0);
    assert_int_equal(tn_graph_input(NULL, 0).id + tn_graph_output_at(NULL, 0).id, 0);
    assert_int_equal(tn_graph_loss(NULL).id, 0);
    assert_null(tn_value_name(NULL, x));
    tn_output(NULL, x);
    tn_minimise(NULL, x);
    assert_int_equal(tn_param(NULL, "w", TN_SHAPE(1), NULL).id, 0);
    assert_int_equal(tn_constant(NULL, "c", (tn_tensor){TN_F32, TN_SHAPE(1), &shape}).id, 0);
    tn_graph *other = NULL;
    REFUSES(tn_graph_write(NULL, stdout), "g");
    REFUSES(tn_graph_write(g, NULL), "to");
    REFUSES(tn_graph_read(NULL, "", 0, NULL), "out");
    REFUSES(tn_graph_read(&other, NULL, 0, NULL), "text");
    REFUSES(tn_graph_open(NULL, "x", NULL), "out");
    REFUSES(tn_graph_open(&other, NULL, NULL), "path");
    assert_ok(tn_graph_create(&other));
    assert_int_equal(tn_input(other, NULL, TN_F32, TN_SHAPE(1)).id, 0);
    assert_fails(tn_graph_status(other), TN_ERR_ARGUMENT, "input: the name is NULL");
    tn_graph_destroy(other);
}

static void optimizers_and_rates(void **state)
{
    (void)state;
    tn_rate_policy policy;
    assert_non_null(tn_sgd(NULL).kind);
    assert_non_null(tn_adam(NULL).kind);
    assert_non_null(tn_adamw(NULL).kind);
    REFUSES(tn_rate_check(NULL), "rate");
    assert_true(isnan(tn_rate_at(NULL, 0)));
    REFUSES(tn_rate_find(NULL, &policy), "name");
    REFUSES(tn_rate_find("cosine", NULL), "out");
}

static void weights(void **state)
{
    (void)state;
    tn_weights *w = NULL;
    float data[6] = {0};
    const tn_tensor host = {TN_F32, TN_SHAPE(2, 3), data}, none = {TN_F32, TN_SHAPE(2, 3), NULL};
    REFUSES(tn_weights_create(NULL), "out");
    assert_ok(tn_weights_create(&w));
    assert_int_equal(tn_weights_count(NULL), 0);
    assert_null(tn_weights_name(NULL, 0, NULL));
    assert_null(tn_weights_name(w, 0, NULL));
    REFUSES(tn_weights_get(NULL, "x", host), "weights");
    REFUSES(tn_weights_get(w, NULL, host), "name");
    REFUSES(tn_weights_set(NULL, "x", host), "weights");
    REFUSES(tn_weights_set(w, NULL, host), "name");
    assert_fails(tn_weights_set(w, "x", none), TN_ERR_ARGUMENT, "x: the tensor given has no data");
    tn_weights_destroy(w);
}

static void plans(void **state)
{
    (void)state;
    tn_plan *made = NULL;
    float data[6] = {0}, number;
    double sum, seconds[64];
    int64_t count;
    const tn_plan_opts opts = {.keep = &x, .num_keep = 1};
    const tn_tensor host = {TN_F32, TN_SHAPE(2, 3), data}, none = {TN_F32, TN_SHAPE(2, 3), NULL};
    REFUSES(tn_plan_create(NULL, g, device, &opts), "out");
    REFUSES(tn_plan_create(&made, NULL, device, &opts), "g");
    REFUSES(tn_plan_create(&made, g, NULL, &opts), "device");
    REFUSES(tn_plan_create(&made, g, device, NULL), "opts");
    assert_fails(tn_plan_create(&made, g, device, &(tn_plan_opts){.num_keep = 1}), TN_ERR_ARGUMENT,
                 "1 values to keep");
    assert_fails(tn_plan_create(&made, g, device, &(tn_plan_opts){.keep = &x, .num_keep = -1}),
                 TN_ERR_ARGUMENT, "-1 values to keep");
    const tn_value loss = tn_mse(g, x, x, NULL);
    assert_fails(tn_plan_create(&made, g, device, &(tn_plan_opts){.loss = loss, .keep = &x}),
                 TN_ERR_ARGUMENT, "num_keep is 0");
    const tn_plan_opts odd = {.loss = loss, .precision = (tn_precision)99};
    assert_fails(tn_plan_create(&made, g, device, &odd), TN_ERR_ARGUMENT, "99 is no precision");
    assert_null(made);
    REFUSES(tn_plan_set(NULL, x, host), "plan");
    assert_fails(tn_plan_set(plan, x, none), TN_ERR_ARGUMENT, "no data");
    REFUSES(tn_plan_set_rows(NULL, 1), "plan");
    REFUSES(tn_plan_set_rate(NULL, 0, 1), "plan");
    REFUSES(tn_plan_run(NULL), "plan");
    REFUSES(tn_plan_evaluate(NULL), "plan");
    REFUSES(tn_plan_update(NULL, 1), "plan");
    REFUSES(tn_plan_get(NULL, x, host), "plan");
    assert_fails(tn_plan_get(plan, x, none), TN_ERR_ARGUMENT, "no data");
    REFUSES(tn_plan_get_gradient(NULL, x, host), "plan");
    REFUSES(tn_plan_gradient_norm(NULL, &number), "plan");
    REFUSES(tn_plan_gradient_norm(plan, NULL), "norm");
    REFUSES(tn_plan_take_sum(NULL, x, &sum, &count), "plan");
    REFUSES(tn_plan_take_sum(plan, x, NULL, &count), "sum");
    REFUSES(tn_plan_take_sum(plan, x, &sum, NULL), "runs");
    REFUSES(tn_plan_skipped(NULL, &count), "plan");
    REFUSES(tn_plan_skipped(plan, NULL), "updates");
    REFUSES(tn_plan_loss_scale(NULL, &number), "plan");
    REFUSES(tn_plan_loss_scale(plan, NULL), "scale");
    REFUSES(tn_plan_profile(NULL, 1, seconds), "plan");
    REFUSES(tn_plan_profile(plan, 1, NULL), "seconds");
    assert_int_equal(tn_plan_precision(NULL), TN_PRECISION_DEFAULT);
    assert_int_equal(tn_plan_updates(NULL), 0);
    assert_int_equal(tn_plan_batch(NULL), 0);
}

static void what_is_told_of_plans(void **state)
{
    (void)state;
    tn_param_info param;
    tn_step_info step;
    float data[9];
    double forward = 1, training = 1, seconds;
    const tn_tensor host = {TN_F32, TN_SHAPE(3, 3), data};
    REFUSES(tn_plan_param(NULL, 0, &param), "plan");
    REFUSES(tn_plan_param(plan, 0, NULL), "out");
    REFUSES(tn_plan_param_get(NULL, 0, TN_PARAM_VALUE, host), "plan");
    REFUSES(tn_plan_param_set(NULL, 0, TN_PARAM_VALUE, host), "plan");
    assert_fails(tn_plan_param(plan, -1, &param), TN_ERR_ARGUMENT, "parameter -1 of 2");
    assert_fails(tn_plan_param_get(plan, -1, TN_PARAM_VALUE, host), TN_ERR_ARGUMENT, "-1 of 2");
    assert_fails(tn_plan_param_get(plan, 0, -1, host), TN_ERR_ARGUMENT, "no part -1");
    assert_int_equal(tn_plan_num_params(NULL), 0);
    assert_int_equal(tn_plan_find_param(NULL, "d.weight"), -1);
    assert_int_equal(tn_plan_find_param(plan, NULL), -1);
    assert_int_equal(tn_plan_memory(NULL).total, 0);
    assert_int_equal(tn_plan_num_steps(NULL), 0);
    REFUSES(tn_plan_step(NULL, 0, &step), "plan");
    REFUSES(tn_plan_step(plan, 0, NULL), "out");
    assert_fails(tn_plan_step(plan, -1, &step), TN_ERR_ARGUMENT, "step -1 of");
    REFUSES(tn_plan_lower_bound(NULL, 0, &seconds), "plan");
    REFUSES(tn_plan_lower_bound(plan, 0, NULL), "seconds");
    tn_plan_flops(NULL, &forward, &training);
    assert_true(forward == 0 && training == 0);
    tn_plan_flops(plan, NULL, &training);
    tn_plan_flops(plan, &forward, NULL);
    assert_true(forward > 0 && training > forward);
    REFUSES(tn_plan_describe(NULL, TN_DESCRIBE_TEXT, stdout), "plan");
    REFUSES(tn_plan_describe(plan, TN_DESCRIBE_TEXT, NULL), "to");
}

/* Each of four parameters can be counted, all together not; nor can values. */
static void sums_that_are_too_large(void **state)
{
    (void)state;
    for (int values = 0; values < 2; values++) {
        tn_graph *other = NULL;
        tn_plan *made = NULL;
        tn_value y[4];
        assert_ok(tn_graph_create(&other));
        tn_value in = tn_input(other, "x", TN_F32,
                               TN_SHAPE(1, INT64_C(1) << 31, values ? INT64_C(1) << 28 : 1));
        for (int i = 0; i < 4; i++)
            y[i] = values
                       ? tn_relu(other, in, NULL)
                       : tn_dense(other, in, &(tn_dense_opts){.units = 1 << 26, .no_bias = true});
        assert_ok(tn_graph_status(other));
        assert_fails(tn_plan_create(&made, other, device,
                                    &(tn_plan_opts){.keep = y, .num_keep = 4, .dry = true}),
                     TN_ERR_SHAPE,
                     values ? "values have more bytes than can be counted"
                            : "parameters have more bytes than can be counted");
        assert_null(made);
        tn_graph_destroy(other);
    }
}

static void shapes(void **state)
{
    (void)state;
    int64_t count;
    size_t bytes;
    REFUSES(tn_shape_count(NULL, &count), "shape");
    REFUSES(tn_shape_count(&TN_SHAPE(1), NULL), "count");
    REFUSES(tn_shape_bytes(NULL, TN_F32, &bytes), "shape");
    REFUSES(tn_shape_bytes(&TN_SHAPE(1), TN_F32, NULL), "bytes");
    assert_string_equal(tn_shape_format(NULL).text, "");
    assert_fails(tn_shape_count(&(tn_shape){.ndim = -1}, &count), TN_ERR_SHAPE, "-1 dimensions");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(destroying_nothing_is_fine),
        cmocka_unit_test(checkpoints),
        cmocka_unit_test(devices),
        cmocka_unit_test(graphs),
        cmocka_unit_test(optimizers_and_rates),
        cmocka_unit_test(weights),
        cmocka_unit_test(plans),
        cmocka_unit_test(what_is_told_of_plans),
        cmocka_unit_test(sums_that_are_too_large),
        cmocka_unit_test(shapes),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
