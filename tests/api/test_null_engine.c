/*
 * NULL in the public functions of engines, as test_null.c has it.
 */
#include "lab.h"

/* The call fails, and names the argument. */
#define REFUSES(call, argument) \
    assert_fails(call, TN_ERR_ARGUMENT, "the argument " argument " is NULL")

static void engines(void **state)
{
    (void)state;
    tn_engine *e = NULL;
    tn_context *c = NULL;
    tn_model *m = NULL;
    const tn_tensor none = {0};
    assert_ok(tn_model_read(&m, "net", "tenon graph 1\ninput x f32 N 4\noutput x\n", NULL));
    REFUSES(tn_engine_save(NULL, "x"), "model");
    REFUSES(tn_engine_save(m, NULL), "path");
    REFUSES(tn_model_round(NULL, TN_F16), "model");
    REFUSES(tn_engine_tune(NULL, NULL, 1, NULL, NULL), "model");
    REFUSES(tn_engine_tune(m, NULL, 1, NULL, NULL), "device");
    REFUSES(tn_engine_open(NULL, "x", NULL), "out");
    REFUSES(tn_engine_open(&e, NULL, NULL), "path");
    REFUSES(tn_engine_open_memory(NULL, "x", "y", 1, NULL), "out");
    REFUSES(tn_engine_open_memory(&e, NULL, "y", 1, NULL), "name");
    REFUSES(tn_engine_open_memory(&e, "x", NULL, 1, NULL), "bytes");
    REFUSES(tn_engine_describe(NULL, stderr), "engine");
    REFUSES(tn_engine_picture(NULL, "x", none), "engine");
    REFUSES(tn_context_create(&c, NULL, NULL), "engine");
    REFUSES(tn_context_create(NULL, NULL, NULL), "out");
    REFUSES(tn_context_run(NULL, 1, &none, &none), "context");
    REFUSES(tn_context_describe(NULL, stderr), "context");
    REFUSES(tn_context_profile(NULL, 1, stderr), "context");
    assert_null(e);
    assert_null(c);
    assert_int_equal(tn_engine_ports(NULL, true), 0);
    assert_null(tn_engine_port(NULL, true, 0));
    assert_null(tn_engine_fact(NULL, "a"));
    assert_int_equal(tn_engine_num_classes(NULL), 0);
    assert_null(tn_engine_class(NULL, 0));
    assert_null(tn_context_kernels(NULL));
    assert_null(tn_context_port(NULL, true, 0));
    assert_int_equal(tn_context_memory_of(NULL).values, 0);
    tn_engine_close(NULL);
    tn_context_destroy(NULL);
    tn_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(engines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
