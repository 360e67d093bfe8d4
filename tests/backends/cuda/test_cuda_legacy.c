/* What cuDNN does by functions of their own: that they are called, and what happens where they refuse. */
#include <math.h>
#include <string.h>

#include "graph/op.h"
#include "lab_sim.h"

enum { MOST = 512 };

typedef struct layer {
    const char *why;
    tn_shape x;
    tn_lrn_opts lrn; /* of size 0: it is a softmax */
    bool ours;       /* cuDNN does not do it, and is not asked */
} layer;

typedef struct answers {
    float y[MOST], dx[MOST];
    long forward, backward; /* calls of cuDNN */
    char text[4096];
} answers;

typedef struct rig {
    tn_device *device;
    tn_graph *g;
    tn_value x, y, target;
    tn_plan *plan;
} rig;

static void open(rig *r, const layer *l, const char *device, bool dry)
{
    *r = (rig){0};
    assert_ok(tn_device_open(&r->device, device));
    assert_ok(tn_graph_create(&r->g));
    r->x = tn_input(r->g, "x", TN_F32, l->x);
    r->target = tn_input(r->g, "target", TN_F32, l->x);
    r->y = l->lrn.size ? tn_lrn(r->g, r->x, &l->lrn) : tn_softmax(r->g, r->x);
    const tn_plan_opts opts = {.loss = tn_mse(r->g, r->y, r->target),
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

/* One step of training. */
static void answer(const lab_sim *sim, const layer *l, const char *device, answers *a)
{
    rig r;
    float x[MOST], target[MOST];
    const int64_t count = tn_elements(&l->x);
    assert_true(count <= MOST);
    for (int64_t i = 0; i < count; i++) {
        x[i] = (float)(i * 37 % 101) / 32 - 1;
        target[i] = (float)(i * 53 % 97) / 64;
    }
    *a = (answers){0};
    open(&r, l, device, false);
    assert_int_equal(tn_plan_memory(r.plan).total, planned(l, device));
    assert_ok(tn_plan_set(r.plan, r.x, (tn_tensor){TN_F32, l->x, x}));
    assert_ok(tn_plan_set(r.plan, r.target, (tn_tensor){TN_F32, l->x, target}));
    sim->trace_begin();
    assert_ok(tn_plan_run(r.plan));
    a->forward =
        sim->trace_calls(l->lrn.size ? "cudnnLRNCrossChannelForward" : "cudnnSoftmaxForward");
    a->backward =
        sim->trace_calls(l->lrn.size ? "cudnnLRNCrossChannelBackward" : "cudnnSoftmaxBackward");
    assert_ok(tn_plan_get(r.plan, r.y, (tn_tensor){TN_F32, l->x, a->y}));
    assert_ok(tn_plan_get_gradient(r.plan, r.x, (tn_tensor){TN_F32, l->x, a->dx}));
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_ok(tn_plan_describe(r.plan, TN_DESCRIBE_TEXT, f));
    rewind(f);
    a->text[fread(a->text, 1, sizeof a->text - 1, f)] = 0;
    fclose(f);
    close(&r);
}

static const layer layers[] = {
    {.why = "softmax", .x = {2, {5, 9}}},
    {.why = "lrn", .x = {4, {2, 7, 3, 3}}, .lrn = {.size = 5, .alpha = 0.5F}},
    {.why = "as many neighbours as cuDNN takes", .x = {4, {1, 20, 2, 2}}, .lrn = {.size = 15}},
    {.why = "more", .x = {4, {1, 20, 2, 2}}, .lrn = {.size = 17}, .ours = true},
    {.why = "k below cuDNN's",
     .x = {4, {1, 8, 2, 2}},
     .lrn = {.size = 3, .k = 9e-6F},
     .ours = true},
    {.why = "beta below cuDNN's",
     .x = {4, {1, 8, 2, 2}},
     .lrn = {.size = 3, .beta = 0.009F},
     .ours = true},
};

static void are_called(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static answers with, without;
    for (size_t i = 0; i < TN_COUNT(layers); i++) {
        const layer *l = &layers[i];
        print_message("%s\n", l->why);
        answer(sim, l, "sim:0,cudnn=all", &with);
        answer(sim, l, "sim:0,cudnn=off", &without);
        assert_int_equal(with.forward, l->ours ? 0 : 1);
        assert_int_equal(with.backward, l->ours ? 0 : 1);
        assert_int_equal(without.forward + without.backward, 0);
        for (int64_t k = 0; k < tn_elements(&l->x); k++) {
            assert_true(fabs((double)with.y[k] - (double)without.y[k]) <= 1e-5);
            assert_true(fabs((double)with.dx[k] - (double)without.dx[k]) <= 1e-5);
        }
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
        const size_t bytes = (size_t)tn_elements(&l->x) * sizeof(float);
        print_message("%s\n", l->why);
        assert_true(sim->set_refusals("all"));
        answer(sim, l, "sim:0,cudnn=all", &refused);
        assert_true(sim->set_refusals("none"));
        answer(sim, l, "sim:0,cudnn=off", &without);
        assert_int_equal(refused.forward, l->ours ? 0 : 1);
        assert_int_equal(refused.backward, 0);
        assert_memory_equal(refused.y, without.y, bytes);
        assert_memory_equal(refused.dx, without.dx, bytes);
        assert_true(l->ours || strstr(refused.text, "refused: our own"));
    }
}

/* What is no refusal is an error, and says where. */
static void fail_with_the_name_of_the_call(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    static const struct {
        const char *call;
        int layer;
        const char *says;
    } made[] = {
        {"cudnnSoftmaxForward", 0, "softmax softmax1 on sim:0: cudnnSoftmaxForward:"},
        {"cudnnSoftmaxBackward", 0, "softmax softmax1 on sim:0: cudnnSoftmaxBackward:"},
        {"cudnnLRNCrossChannelForward", 1, "lrn lrn1 on sim:0: cudnnLRNCrossChannelForward:"},
        {"cudnnLRNCrossChannelBackward", 1, "lrn lrn1 on sim:0: cudnnLRNCrossChannelBackward:"},
    };
    for (size_t i = 0; i < TN_COUNT(made); i++) {
        rig r;
        const tn_shape shape = layers[made[i].layer].x;
        static const float zeros[MOST];
        open(&r, &layers[made[i].layer], "sim:0,cudnn=all", false);
        assert_ok(tn_plan_set(r.plan, r.x, (tn_tensor){TN_F32, shape, (void *)(uintptr_t)zeros}));
        assert_ok(
            tn_plan_set(r.plan, r.target, (tn_tensor){TN_F32, shape, (void *)(uintptr_t)zeros}));
        sim->fail_at(made[i].call, 1);
        assert_fails(tn_plan_run(r.plan), TN_ERR_DEVICE, made[i].says);
        sim->fail_at(NULL, 0);
        close(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_called),
        cmocka_unit_test(are_replaced_where_they_refuse),
        cmocka_unit_test(fail_with_the_name_of_the_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
