/*
 * NULL in the public functions of models, as test_null.c has it.
 */
#include "lab.h"

/* The call fails, and names the argument. */
#define REFUSES(call, argument) \
    assert_fails(call, TN_ERR_ARGUMENT, "the argument " argument " is NULL")

static void models(void **state)
{
    (void)state;
    tn_graph *g = NULL;
    tn_device *device = NULL;
    tn_plan *plan = NULL;
    tn_model *m = NULL, *none = NULL;
    tn_picture picture;
    assert_ok(tn_device_open(&device, "cpu,threads=1"));
    assert_ok(tn_graph_create(&g));
    tn_output(g,
              tn_dense(g, tn_input(g, "x", TN_F32, TN_SHAPE(2, 3)), &(tn_dense_opts){.units = 3}));
    assert_ok(tn_plan_create(&plan, g, device, &(tn_plan_opts){0}));
    REFUSES(tn_model_of_plan(NULL, plan), "out");
    REFUSES(tn_model_of_plan(&none, NULL), "plan");
    REFUSES(tn_checkpoint_save_params(NULL, "x", NULL, 0), "plan");
    REFUSES(tn_checkpoint_save_params(plan, NULL, NULL, 0), "path");
    assert_fails(tn_checkpoint_save_params(plan, "x", NULL, 1), TN_ERR_ARGUMENT, "1 strings");
    assert_null(tn_plan_from(NULL, TN_FROM_NOWHERE, 0));
    assert_null(tn_plan_from(plan, TN_FROM_NOWHERE, -1));
    assert_null(tn_plan_from(plan, TN_FROM_LEFT, 0));
    REFUSES(tn_model_open(NULL, "x", NULL), "out");
    REFUSES(tn_model_open(&none, NULL, NULL), "path");
    REFUSES(tn_model_read(NULL, "x", "y", NULL), "out");
    REFUSES(tn_model_read(&none, NULL, "y", NULL), "name");
    REFUSES(tn_model_read(&none, "x", NULL, NULL), "text");
    assert_ok(tn_model_of_plan(&m, plan));
    REFUSES(tn_model_save(NULL, "x"), "model");
    REFUSES(tn_model_save(m, NULL), "path");
    REFUSES(tn_model_save_onnx(NULL, "x", NULL), "model");
    REFUSES(tn_model_save_onnx(m, NULL, NULL), "path");
    REFUSES(tn_model_tell(NULL, "a", "b"), "model");
    REFUSES(tn_model_tell(m, NULL, "b"), "key");
    REFUSES(tn_model_tell(m, "a", NULL), "value");
    REFUSES(tn_model_picture(NULL, &picture), "model");
    REFUSES(tn_model_picture(m, NULL), "out");
    uint8_t rgb[3] = {0};
    REFUSES(tn_picture_pixels(NULL, rgb, 1, rgb), "picture");
    REFUSES(tn_picture_pixels(&picture, NULL, 1, rgb), "rgb");
    REFUSES(tn_picture_pixels(&picture, rgb, 1, NULL), "to");
    const tn_value x = tn_graph_input(g, 0);
    assert_null(tn_value_op(NULL, x));
    assert_null(tn_value_op(g, (tn_value){0}));
    assert_string_equal(tn_value_op(g, x), "input");
    assert_int_equal(tn_value_beside(NULL, x, 0).id + tn_value_beside(g, x, 1).id, 0);
    assert_int_equal(tn_value_beside(g, x, 0).id, x.id);
    assert_int_equal(tn_value_read(NULL, x, 0).id + tn_value_read(g, x, 0).id, 0);
    assert_null(tn_model_graph(NULL));
    assert_false(tn_model_keeps_average(NULL));
    assert_null(tn_model_fact(NULL, "a"));
    assert_null(tn_model_fact(m, NULL));
    assert_null(tn_model_notice(NULL, 0));
    assert_null(tn_model_notice(m, -1));
    assert_null(tn_model_tensor(NULL, 0, NULL));
    assert_fails(tn_model_tensor_get(NULL, 0, (tn_tensor){TN_F32, {0}, NULL}), TN_ERR_ARGUMENT,
                 "model");
    REFUSES(tn_model_optimise(NULL, m, NULL), "out");
    REFUSES(tn_model_optimise(&none, NULL, NULL), "model");
    assert_null(tn_optimise_what(NULL));
    assert_null(tn_model_tensor(m, -1, NULL));
    assert_null(tn_model_class(NULL, 0));
    assert_null(tn_model_class(m, -1));
    assert_int_equal(tn_model_num_classes(NULL), 0);
    assert_null(none);
    tn_model_close(NULL);
    tn_model_close(m);
    tn_plan_destroy(plan);
    tn_graph_destroy(g);
    tn_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(models)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
