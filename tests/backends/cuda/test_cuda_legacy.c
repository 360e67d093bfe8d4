/* What cuDNN does by functions of their own: that they are called, and what happens where they refuse. */
#include <math.h>
#include <string.h>

#include "graph/op.h"
#include "lab_sim.h"

enum { MOST = 512 };

enum { SOFTMAX, LRN, POOL, NORM };

static const struct {
    const char *op, *forward, *backward;
} kinds[] = {
    [SOFTMAX] = {"softmax", "cudnnSoftmaxForward", "cudnnSoftmaxBackward"},
    [LRN] = {"lrn", "cudnnLRNCrossChannelForward", "cudnnLRNCrossChannelBackward"},
    [POOL] = {"pool2d", "cudnnPoolingForward", "cudnnPoolingBackward"},
    [NORM] = {"batchnorm", "cudnnBatchNormalizationForwardTraining",
              "cudnnBatchNormalizationBackward"},
};

typedef struct layer {
    const char *why;
    int kind;
    tn_shape x;
    const void *opts;
    bool ours; /* cuDNN does not do it, and is not asked */
} layer;

typedef struct answers {
    float y[MOST], dx[MOST];
    int64_t count;          /* of y */
    long forward, backward; /* calls of cuDNN */
    char text[4096];
} answers;

typedef struct rig {
    tn_device *device;
    tn_graph *g;
    tn_value x, y, target;
    tn_shape y_shape;
    tn_plan *plan;
} rig;

static tn_value add_layer(tn_graph *g, tn_value x, const layer *l)
{
    switch (l->kind) {
    case SOFTMAX:
        return tn_softmax(g, x, NULL);
    case LRN:
        return tn_lrn(g, x, l->opts);
    case POOL:
        return tn_pool2d(g, x, l->opts);
    default:
        return tn_batchnorm(g, x, l->opts);
    }
}

static void open(rig *r, const layer *l, const char *device, bool dry)
{
    *r = (rig){0};
    assert_ok(tn_device_open(&r->device, device));
    assert_ok(tn_graph_create(&r->g));
    r->x = tn_input(r->g, "x", TN_F32, l->x);
    r->y = add_layer(r->g, r->x, l);
    assert_ok(tn_value_shape(r->g, r->y, &r->y_shape));
    r->target = tn_input(r->g, "target", TN_F32, r->y_shape);
    const tn_plan_opts opts = {.loss = tn_mse(r->g, r->y, r->target, NULL),
                               .keep = &r->y,
                               .num_keep = 1,
                               .input_gradients = true,
                               .precision = TN_PRECISION_F32,
                               .dry = dry};
    assert_ok(tn_plan_create(&r->plan, r->g, r->device, &opts));
}

static void close(rig *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
}

static size_t planned(const layer *l, const char *device)
{
    rig r;
    open(&r, l, device, true);
    const size_t total = tn_plan_memory(r.plan).total;
    close(&r);
    return total;
}

/* Numbers of which no two in a window are alike. */
static void feed(const rig *r, const layer *l)
{
    float x[MOST], target[MOST];
    for (int i = 0; i < MOST; i++) {
        x[i] = (float)(i * 37 % 101) / 32 - 1;
        target[i] = (float)(i * 53 % 97) / 64;
    }
    assert_ok(tn_plan_set(r->plan, r->x, (tn_tensor){TN_F32, l->x, x}));
    assert_ok(tn_plan_set(r->plan, r->target, (tn_tensor){TN_F32, r->y_shape, target}));
}

static void describe(const rig *r, char *text, size_t size)
{
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_ok(tn_plan_describe(r->plan, TN_DESCRIBE_TEXT, f));
    rewind(f);
    text[fread(text, 1, size - 1, f)] = 0;
    fclose(f);
}

/* One step of training. */
static void answer(const lab_sim *sim, const layer *l, const char *device, answers *a)
{
    rig r;
    assert_true(tn_elements(&l->x) <= MOST);
    *a = (answers){0};
    open(&r, l, device, false);
    assert_int_equal(tn_plan_memory(r.plan).total, planned(l, device));
    feed(&r, l);
    sim->trace_begin();
    assert_ok(tn_plan_run(r.plan));
    a->forward = sim->trace_calls(kinds[l->kind].forward);
    a->backward = sim->trace_calls(kinds[l->kind].backward);
    a->count = tn_elements(&r.y_shape);
    assert_ok(tn_plan_get(r.plan, r.y, (tn_tensor){TN_F32, r.y_shape, a->y}));
    assert_ok(tn_plan_get_gradient(r.plan, r.x, (tn_tensor){TN_F32, l->x, a->dx}));
    describe(&r, a->text, sizeof a->text);
    close(&r);
}

#define OF(type, ...) (&(const type){__VA_ARGS__})

static const layer layers[] = {
    {"softmax", SOFTMAX, {2, {5, 9}}},
    {"lrn", LRN, {4, {2, 7, 3, 3}}, OF(tn_lrn_opts, .size = 5, .alpha = 0.5F)},
    {"as many neighbours as cuDNN takes", LRN, {4, {1, 20, 2, 2}}, OF(tn_lrn_opts, .size = 15)},
    {"more", LRN, {4, {1, 20, 2, 2}}, OF(tn_lrn_opts, .size = 17), true},
    {"k below cuDNN's", LRN, {4, {1, 8, 2, 2}}, OF(tn_lrn_opts, .size = 3, .k = 9e-6F), true},
    {"beta below cuDNN's",
     LRN,
     {4, {1, 8, 2, 2}},
     OF(tn_lrn_opts, .size = 3, .beta = 0.009F),
     true},
    {"maximum, padded, hanging over",
     POOL,
     {4, {2, 3, 6, 6}},
     OF(tn_pool2d_opts, .kernel = {3}, .stride = {2}, .pad = {1}, .ceil = true)},
    {"mean, hanging over",
     POOL,
     {4, {1, 8, 6, 6}},
     OF(tn_pool2d_opts, .kind = TN_POOL_MEAN, .kernel = {3}, .stride = {2}, .ceil = true)},
    {"mean with the padding",
     POOL,
     {4, {1, 8, 5, 5}},
     OF(tn_pool2d_opts, .kind = TN_POOL_MEAN_PAD, .kernel = {3}, .stride = {2}, .pad = {1})},
    {"mean with the padding, hanging over it",
     POOL,
     {4, {1, 8, 6, 6}},
     OF(tn_pool2d_opts, .kind = TN_POOL_MEAN_PAD, .kernel = {3}, .stride = {2}, .ceil = true),
     true},
    {"maximum, padded behind alone",
     POOL,
     {4, {2, 3, 6, 6}},
     OF(tn_pool2d_opts, .kernel = {3}, .stride = {2}, .pad_extra = {1}),
     true},
    {"maximum, dilated",
     POOL,
     {4, {2, 3, 6, 6}},
     OF(tn_pool2d_opts, .kernel = {2}, .stride = {2}, .dilation = {2}),
     true},
    {"batchnorm of images", NORM, {4, {2, 5, 3, 4}}},
    {"batchnorm of rows", NORM, {2, {9, 7}}},
};

static bool same(const float *a, const float *b, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!(fabs((double)a[i] - (double)b[i]) <= 1e-5))
            return false;
    return true;
}

static void are_called(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static answers with, without, usual;
    for (size_t i = 0; i < TN_COUNT(layers); i++) {
        const layer *l = &layers[i];
        print_message("%s\n", l->why);
        answer(sim, l, "sim:0,cudnn=all", &with);
        answer(sim, l, "sim:0", &usual); /* but for LRN, ours are faster */
        answer(sim, l, "sim:0,cudnn=off", &without);
        assert_int_equal(usual.forward, l->ours || l->kind != LRN ? 0 : 1);
        assert_int_equal(with.forward, l->ours ? 0 : 1);
        assert_int_equal(with.backward, l->ours ? 0 : 1);
        assert_int_equal(without.forward + without.backward, 0);
        assert_true(same(with.y, without.y, with.count));
        assert_true(same(with.dx, without.dx, tn_elements(&l->x)));
    }
}

/* Ours takes over in the same run, and cuDNN is not asked again. */
static void are_replaced_where_they_refuse(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static answers refused, without;
    for (size_t i = 0; i < TN_COUNT(layers); i++) {
        const layer *l = &layers[i];
        print_message("%s\n", l->why);
        assert_true(sim->set_refusals("all"));
        answer(sim, l, "sim:0,cudnn=all", &refused);
        assert_true(sim->set_refusals("none"));
        answer(sim, l, "sim:0,cudnn=off", &without);
        assert_int_equal(refused.forward, l->ours ? 0 : 1);
        assert_int_equal(refused.backward, 0);
        assert_memory_equal(refused.y, without.y, (size_t)refused.count * sizeof(float));
        assert_memory_equal(refused.dx, without.dx, (size_t)tn_elements(&l->x) * sizeof(float));
        assert_true(l->ours || strstr(refused.text, "refused: our own"));
    }
}

/* After forward was cuDNN's; ours could not go on from there in batchnorm. */
static void are_replaced_in_backward_alone(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static answers refused, without;
    for (size_t i = 0; i < TN_COUNT(layers); i++) {
        const layer *l = &layers[i];
        rig r;
        print_message("%s\n", l->why);
        assert_true(sim->set_refusals("backward"));
        if (l->kind == NORM) {
            open(&r, l, "sim:0,cudnn=all", false);
            feed(&r, l);
            assert_fails(tn_plan_run(r.plan), TN_ERR_UNSUPPORTED,
                         "cudnnBatchNormalizationBackward:");
            close(&r);
            assert_true(sim->set_refusals("none"));
            continue;
        }
        answer(sim, l, "sim:0,cudnn=all", &refused);
        assert_true(sim->set_refusals("none"));
        answer(sim, l, "sim:0,cudnn=off", &without);
        assert_int_equal(refused.forward, l->ours ? 0 : 1);
        assert_int_equal(refused.backward, l->ours ? 0 : 1);
        assert_true(same(refused.dx, without.dx, tn_elements(&l->x)));
        assert_true(l->ours || strstr(refused.text, "refused: our own"));
    }
}

/* Evaluation is another call of cuDNN's for batchnorm alone. */
static void evaluates(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    for (int refuses = 0; refuses < 2; refuses++) {
        float y[2][MOST];
        for (int off = 0; off < 2; off++) {
            const layer *l = &layers[TN_COUNT(layers) - 2];
            rig r;
            open(&r, l, off ? "sim:0,cudnn=off" : "sim:0,cudnn=all", false);
            feed(&r, l);
            sim->trace_begin();
            assert_true(sim->set_refusals(refuses ? "all" : "none"));
            assert_ok(tn_plan_evaluate(r.plan));
            assert_true(sim->set_refusals("none"));
            assert_int_equal(sim->trace_calls("cudnnBatchNormalizationForwardInference"), !off);
            assert_ok(tn_plan_get(r.plan, r.y, (tn_tensor){TN_F32, r.y_shape, y[off]}));
            close(&r);
        }
        assert_true(same(y[0], y[1], tn_elements(&layers[TN_COUNT(layers) - 2].x)));
    }
}

/* What is no refusal is an error, and says where. */
static void fail_with_the_name_of_the_call(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    for (size_t i = 0; i < TN_COUNT(layers); i++)
        for (int back = 0; back < 2 && !layers[i].ours; back++) {
            const layer *l = &layers[i];
            const char *call = back ? kinds[l->kind].backward : kinds[l->kind].forward;
            char says[128];
            rig r;
            open(&r, l, "sim:0,cudnn=all", false);
            feed(&r, l);
            snprintf(says, sizeof says, "%s %s1 on sim:0: %s:", kinds[l->kind].op,
                     kinds[l->kind].op, call);
            sim->fail_at(call, 1);
            assert_fails(tn_plan_run(r.plan), TN_ERR_DEVICE, says);
            sim->fail_at(NULL, 0);
            close(&r);
        }
}

/* The mode of pooling that promises the same bits is another. */
static void deterministic_pooling_is(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static answers one, two;
    for (size_t i = 0; i < TN_COUNT(layers); i++) {
        if (layers[i].kind != POOL)
            continue;
        answer(sim, &layers[i], "sim:0,cudnn=all,deterministic=on", &one);
        answer(sim, &layers[i], "sim:0,cudnn=all,deterministic=on", &two);
        assert_memory_equal(one.dx, two.dx, (size_t)tn_elements(&layers[i].x) * sizeof(float));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_called),
        cmocka_unit_test(are_replaced_where_they_refuse),
        cmocka_unit_test(are_replaced_in_backward_alone),
        cmocka_unit_test(evaluates),
        cmocka_unit_test(fail_with_the_name_of_the_call),
        cmocka_unit_test(deterministic_pooling_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
