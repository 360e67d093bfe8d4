/*
 * tn_plan_opts.batch: a plan for another batch than the graph was made with is the plan of a graph that was made with
 * that one, to the bit.
 */
#include <string.h>

#include "lab_op.h"

enum { MOST = 12, C = 2, SIDE = 6, UNITS = 3, PIXELS = C * SIDE * SIDE };

typedef struct rig {
    tn_graph *g;
    tn_value x, label, offset, y;
    tn_loss loss;
} rig;

static void build(rig *r, int64_t batch)
{
    *r = (rig){0};
    if (tn_graph_create(&r->g) != TN_OK)
        return;
    r->x = tn_input(r->g, "x", TN_F32, TN_SHAPE(batch, C, SIDE, SIDE));
    r->offset = tn_input_batched(r->g, "offset", TN_F32, TN_SHAPE(UNITS), TN_NO_BATCH);
    r->label = tn_input(r->g, "label", TN_I32, TN_SHAPE(batch));
    tn_value v = tn_conv2d(r->g, r->x, &(tn_conv2d_opts){.filters = 4, .kernel = {3}});
    v = tn_pool2d(r->g, tn_relu(r->g, v, NULL), &(tn_pool2d_opts){.kernel = {2}});
    v = tn_dropout(r->g, tn_flatten(r->g, v, NULL), &(tn_dropout_opts){.rate = 0.25F});
    r->y = tn_dense(r->g, v, &(tn_dense_opts){.name = "fc", .units = UNITS});
    r->loss = tn_softmax_xent(r->g, r->y, r->label, NULL);
}

typedef struct answers {
    float loss[3], y[MOST * UNITS], weight[UNITS * 16];
    int32_t right;
    tn_memory_plan memory;
} answers;

static void ask(const char *device, int64_t made, int64_t batch, answers *a)
{
    static float x[MOST * PIXELS];
    int32_t label[MOST];
    rig r;
    tn_device *d = NULL;
    tn_plan *p = NULL;
    *a = (answers){0};
    for (int i = 0; i < MOST * PIXELS; i++)
        x[i] = (float)(i * 31 % 17) / 8 - 1;
    for (int i = 0; i < MOST; i++)
        label[i] = i % UNITS;
    build(&r, made);
    assert_ok(tn_device_open(&d, device));
    tn_plan_opts opts = {
        .loss = r.loss.loss, .keep = &r.y, .num_keep = 1, .optim = tn_adam(NULL), .seed = 3};
    opts.batch = made == batch ? 0 : batch;
    assert_ok(tn_plan_create(&p, r.g, d, &opts));
    assert_int_equal(tn_plan_batch(p), batch);
    assert_ok(tn_plan_set(p, r.x, (tn_tensor){TN_F32, TN_SHAPE(batch, C, SIDE, SIDE), x}));
    assert_ok(tn_plan_set(p, r.label, (tn_tensor){TN_I32, TN_SHAPE(batch), label}));
    for (int i = 0; i < 3; i++) {
        assert_ok(tn_plan_run(p));
        assert_ok(tn_plan_update(p, 0.01F));
        assert_ok(tn_plan_get(p, r.loss.loss, (tn_tensor){TN_F32, {0}, &a->loss[i]}));
    }
    assert_ok(tn_plan_get(p, r.loss.top_1, (tn_tensor){TN_I32, {0}, &a->right}));
    assert_ok(tn_plan_get(p, r.y, (tn_tensor){TN_F32, TN_SHAPE(batch, UNITS), a->y}));
    assert_ok(tn_plan_param_get(p, tn_plan_find_param(p, "fc.weight"), TN_PARAM_VALUE,
                                (tn_tensor){TN_F32, TN_SHAPE(UNITS, 16), a->weight}));
    a->memory = tn_plan_memory(p);
    if (made != batch) {
        tn_graph_destroy(r.g); /* the plan has its own */
        r.g = NULL;
        assert_ok(tn_plan_run(p));
    }
    tn_plan_destroy(p);
    tn_device_close(d);
    tn_graph_destroy(r.g);
}

static void it_is_the_plan_of_such_a_graph(void **state)
{
    (void)state;
    static const char *const groups[] = {"cpu:0-1", NULL};
    const char *const *const lists[] = {lab_devices(), groups};
    static const int64_t batches[] = {2, 4, MOST};
    static answers want, got;
    for (size_t i = 0; i < TN_COUNT(lists); i++)
        for (const char *const *device = lists[i]; *device; device++)
            for (size_t b = 0; b < TN_COUNT(batches); b++) {
                ask(*device, batches[b], batches[b], &want);
                ask(*device, batches[b] == 4 ? 6 : 4, batches[b], &got);
                assert_memory_equal(&got, &want, sizeof got);
            }
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const char *const devices[] = {"cpu,threads=1", "cpu:0-1"};
    float x[MOST * PIXELS] = {0};
    rig r;
    tn_graph *none = NULL;
    build(&r, 4);
    assert_ok(tn_graph_create(&none));
    const tn_value w = tn_input_batched(none, "w", TN_F32, TN_SHAPE(4, 3), TN_NO_BATCH);
    const tn_value sum = tn_relu(none, w, NULL);
    for (size_t i = 0; i < TN_COUNT(devices); i++) {
        tn_device *d = NULL;
        tn_plan *p = NULL;
        assert_ok(tn_device_open(&d, devices[i]));
        tn_plan_opts opts = {.keep = &r.y, .num_keep = 1, .batch = -1};
        assert_fails(tn_plan_create(&p, r.g, d, &opts), TN_ERR_ARGUMENT, "plan: the batch is -1");
        opts.batch = 8;
        assert_ok(tn_plan_create(&p, r.g, d, &opts));
        assert_fails(tn_plan_set(p, r.x, (tn_tensor){TN_F32, TN_SHAPE(4, C, SIDE, SIDE), x}),
                     TN_ERR_SHAPE,
                     "x is 8 x 2 x 6 x 6 f32, but the tensor given is 4 x 2 x 6 x 6 f32");
        assert_fails(tn_plan_set(p, r.offset, (tn_tensor){TN_F32, TN_SHAPE(UNITS), x}),
                     TN_ERR_ARGUMENT, "offset: this plan computes nothing from it");
        tn_plan_destroy(p);
        opts = (tn_plan_opts){.keep = &sum, .num_keep = 1, .batch = 2};
        assert_fails(tn_plan_create(&p, none, d, &opts), TN_ERR_ARGUMENT,
                     "plan: the batch is to be 2, but no input has one");
        tn_device_close(d);
    }
    assert_int_equal(tn_plan_batch(NULL), 0);
    tn_graph_destroy(none);
    tn_graph_destroy(r.g);
}

static tn_status make(void *unused)
{
    (void)unused;
    rig r;
    tn_device *d = NULL;
    tn_plan *p = NULL;
    build(&r, 4);
    tn_status status = r.g ? tn_device_open(&d, "cpu,threads=1") : TN_ERR_MEMORY;
    if (status == TN_OK)
        status =
            tn_plan_create(&p, r.g, d, &(tn_plan_opts){.keep = &r.y, .num_keep = 1, .batch = 2});
    tn_plan_destroy(p);
    tn_device_close(d);
    tn_graph_destroy(r.g);
    return status;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(lab_fail_each_allocation(make, NULL) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_plan_of_such_a_graph),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
