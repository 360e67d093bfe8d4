/* Plans of the simulated cuDNN as text, devices as text, engines by number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dnn_numbers.h"

static const dnn_tensor x_shape = {.uid = 1, .dim = {2, 4, 8, 8}};
static const dnn_tensor w_shape = {.uid = 2, .dim = {8, 4, 3, 3}};
static const dnn_tensor y_shape = {.uid = 3, .dim = {2, 8, 5, 4}, .channels = 24};
static const dnn_tensor b_shape = {.uid = 4, .dim = {1, 8, 1, 1}};
static const dnn_window window = {.pre = {1, 0}, .post = {2, 1}, .stride = {2, 2}};

static dnn_desc graph(void)
{
    dnn_tensor v = y_shape;
    v.uid = 100;
    v.is_virtual = true;
    dnn_desc between = dnn_tensor_new(&v), ops[2];
    ops[0] =
        dnn_conv(0, &window, dnn_tensor_new(&x_shape), dnn_tensor_new(&w_shape), between, 1, 0);
    ops[1] = dnn_pointwise(CUDNN_POINTWISE_ADD, between, dnn_tensor_new(&b_shape),
                           dnn_tensor_new(&y_shape));
    return dnn_graph(2, ops);
}

static dnn_desc device(void)
{
    dnn_desc d = dnn_new(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    dnn_set(d, CUDNN_ATTR_DEVICEPROP_HANDLE, CUDNN_TYPE_HANDLE, 1, &numbers_handle);
    return dnn_finalize(d);
}

/* The text of a plan or of a device; to be freed. */
static char *text_of(dnn_desc d, cudnnBackendAttributeName_t name)
{
    int64_t n = 0, again = 0;
    assert_dnn(cudnnBackendGetAttribute(d, name, CUDNN_TYPE_CHAR, 0, &n, NULL));
    char *text = calloc(1, (size_t)n + 1);
    assert_dnn_is(cudnnBackendGetAttribute(d, name, CUDNN_TYPE_CHAR, n - 1, &again, text),
                  CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
    assert_dnn(cudnnBackendGetAttribute(d, name, CUDNN_TYPE_CHAR, n, &again, text));
    assert_true(n == again);
    return text;
}

static char *plan_text(void)
{
    dnn_desc config[8];
    assert_true(dnn_configs(numbers_handle, graph(), CUDNN_HEUR_MODE_A, 8, config) > 0);
    return text_of(dnn_plan(config[0]), CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
}

/* A plan of n bytes of text. */
static cudnnStatus_t load(const char *text, size_t n, dnn_desc where, dnn_desc *plan)
{
    *plan = dnn_new(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    dnn_set_desc(*plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, where);
    dnn_set(*plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, (int64_t)n,
            text);
    return cudnnBackendFinalize(*plan);
}

/* ---- text --------------------------------------------------------------------------------- */

static void run(dnn_desc plan, numbers *const *t)
{
    dnn_run(numbers_handle, plan, 4, (int64_t[]){1, 2, 3, 4},
            (void *[]){t[0]->device, t[1]->device, t[2]->device, t[3]->device});
}

/* A plan from text is the same text, and does the same. */
static void test_round_trip(void **state)
{
    (void)state;
    char *text = plan_text();
    dnn_desc plan;
    assert_dnn(load(text, strlen(text), device(), &plan));
    char *again = text_of(plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
    assert_string_equal(text, again);
    numbers x = numbers_make(x_shape, 1), w = numbers_make(w_shape, 2),
            b = numbers_make(b_shape, 4);
    numbers y = numbers_make(y_shape, 3), other = numbers_make(y_shape, 5);
    dnn_desc config[8];
    dnn_configs(numbers_handle, graph(), CUDNN_HEUR_MODE_A, 8, config);
    dnn_desc made = dnn_plan(config[0]);
    assert_int_equal(dnn_workspace(made), dnn_workspace(plan));
    run(made, (numbers *[]){&x, &w, &y, &b});
    run(plan, (numbers *[]){&x, &w, &other, &b});
    double *one = numbers_get(&y), *two = numbers_get(&other);
    assert_memory_equal(one, two, (size_t)y.count * sizeof *one);
    free(one);
    free(two);
    numbers *all[] = {&x, &w, &b, &y, &other};
    for (int i = 0; i < 5; i++)
        numbers_drop(all[i]);
    free(text);
    free(again);
    dnn_end();
}

/* A text with one part of it replaced. */
static cudnnStatus_t load_changed(const char *text, const char *from, const char *to,
                                  dnn_desc where)
{
    dnn_desc plan;
    char changed[8192];
    const char *at = strstr(text, from);
    assert_non_null(at);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    return load(changed, strlen(changed), where, &plan);
}

static void test_changed(void **state)
{
    (void)state;
    char *text = plan_text(), version[64];
    dnn_desc here = device(), plan;
    snprintf(version, sizeof version, "\"cudnnVersion\":%d", CUDNN_VERSION);
    assert_dnn_is(load_changed(text, version, "\"cudnnVersion\":91801", here),
                  CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH);
    assert_dnn_is(load_changed(text, "\"schemaVersion\":", "\"schemaVersion\":1", here),
                  CUDNN_STATUS_SERIALIZATION_VERSION_MISMATCH);
    assert_dnn_is(load_changed(text, "\"deviceVer\":900", "\"deviceVer\":800", here),
                  CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH);
    assert_dnn_is(load_changed(text, "\"driverVer\":", "\"driverVer\":9", here),
                  CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH);
    assert_dnn_is(load_changed(text, "\"engine\"", "\"engines\"", here), CUDNN_STATUS_BAD_PARAM);
    assert_dnn_is(load_changed(text, "\"dim\":[2,4,8,8]", "\"dim\":[2,4,19,8]", here),
                  CUDNN_STATUS_BAD_PARAM); /* does not fit the others */
    plan = dnn_new(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    dnn_set(plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
            (int64_t)strlen(text), text);
    assert_dnn_is(cudnnBackendFinalize(plan), CUDNN_STATUS_BAD_PARAM); /* for which device? */
    free(text);
    dnn_end();
}

/* A text that ends too soon is refused, wherever; one with a wrong byte never does harm. */
static void test_damaged(void **state)
{
    (void)state;
    char *text = plan_text();
    const size_t n = strlen(text);
    for (size_t i = 1; i < n; i++) {
        dnn_desc plan, here = device();
        assert_dnn_is(load(text, i, here, &plan), CUDNN_STATUS_BAD_PARAM);
        const char was = text[i];
        text[i] = "9-x\"[,"[i % 6];
        load(text, n, here, &plan);
        text[i] = was;
        dnn_end();
    }
    free(text);
}

/* ---- devices, engines --------------------------------------------------------------------- */

/* A plan for a device that is known by its text alone runs on such a device, and on no other. */
static void test_device(void **state)
{
    (void)state;
    const cudnnBackendHeurMode_t mode = CUDNN_HEUR_MODE_A;
    char *text = text_of(device(), CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION);
    dnn_desc d = dnn_new(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    dnn_set(d, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
            (int64_t)strlen(text) + 1, text);
    dnn_finalize(d);
    dnn_desc heuristics = dnn_new(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    dnn_desc config = dnn_new(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    dnn_set_desc(heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph());
    dnn_set(heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    dnn_set_desc(heuristics, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, d);
    dnn_finalize(heuristics);
    int64_t n;
    assert_dnn(cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                        CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n, &config));
    dnn_desc plan = dnn_plan(config);
    numbers x = numbers_make(x_shape, 1), w = numbers_make(w_shape, 2),
            b = numbers_make(b_shape, 4);
    numbers y = numbers_make(y_shape, 3);
    run(plan, (numbers *[]){&x, &w, &y, &b});
    void *workspace = new_device((size_t)dnn_workspace(plan));
    dnn_desc pack = dnn_pack(4, (int64_t[]){1, 2, 3, 4},
                             (void *[]){x.device, w.device, y.device, b.device}, workspace);
    assert_true(tn_sim_set_gpu("a100"));
    assert_dnn_is(cudnnBackendExecute(numbers_handle, plan, pack),
                  CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH);
    assert_true(tn_sim_set_gpu("h100"));
    char *l2 = strstr(text, "l2CacheSize");
    l2[0] = 'L'; /* every key is wanted */
    d = dnn_new(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    dnn_set(d, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
            (int64_t)strlen(text) + 1, text);
    assert_dnn_is(cudnnBackendFinalize(d), CUDNN_STATUS_BAD_PARAM);
    assert_cuda(cudaFree(workspace));
    numbers *all[] = {&x, &w, &b, &y};
    for (int i = 0; i < 4; i++)
        numbers_drop(all[i]);
    free(text);
    dnn_end();
}

static cudnnStatus_t engine_by_number(int64_t index, dnn_desc *engine)
{
    *engine = dnn_new(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    dnn_set_desc(*engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph());
    dnn_set_int(*engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, index);
    dnn_set_desc(*engine, CUDNN_ATTR_ENGINE_DEVICEPROP, device());
    return cudnnBackendFinalize(*engine);
}

static void test_engine(void **state)
{
    (void)state;
    dnn_desc engine, config = dnn_new(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    assert_dnn_is(engine_by_number(77, &engine), CUDNN_STATUS_NOT_SUPPORTED);
    assert_dnn(engine_by_number(62, &engine));
    dnn_set_desc(config, CUDNN_ATTR_ENGINECFG_ENGINE, engine);
    dnn_finalize(config);
    assert_int_equal(dnn_notes(config), TENSOR_CORE);
    assert_true(dnn_workspace(dnn_plan(config)) > 0);
    dnn_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_changed),
        cmocka_unit_test(test_damaged),    cmocka_unit_test(test_device),
        cmocka_unit_test(test_engine),
    };
    return cmocka_run_group_tests(tests, numbers_open, numbers_close);
}
