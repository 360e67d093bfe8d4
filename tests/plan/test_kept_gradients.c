/*
 * Gradients of kept values: those that an input in their place has, since what is behind it computes the same. On each
 * device, and on several.
 */
#include <math.h>
#include <string.h>

#include "lab_op.h"

enum { N = 4, C = 3, SIDE = 2, WIDE = C * SIDE * SIDE };

typedef struct rig {
    tn_graph *g;
    tn_value x, target, h, flat, loss, count;
    tn_value head; /* the same as flat, as an input of its own */
} rig;

/* What the two nets have in common, from x, from a view of it, or from both. */
typedef enum layout { VIEW_LAST, VIEW_FIRST, VIEW_ALONE, WHOLE_ALONE } layout;

static tn_value tail(tn_graph *g, tn_value h, tn_value flat, tn_value target, layout l)
{
    tn_value a = {0}, b = {0};
    for (int i = 0; i < 2; i++) {
        const bool view = (i == 0) == (l == VIEW_FIRST);
        if (view && l != WHOLE_ALONE)
            a = tn_dense(g, flat, &(tn_dense_opts){.name = "of_view", .units = 2});
        else if (!view && l != VIEW_ALONE)
            b = tn_dense(g, h, &(tn_dense_opts){.name = "of_whole", .units = 2});
    }
    const tn_value y = a.id && b.id ? tn_add(g, a, b, NULL) : a.id ? a : b;
    return tn_mse(g, tn_tanh(g, y, NULL), target, NULL);
}

static void build(rig *r, layout l, bool split)
{
    *r = (rig){0};
    assert_ok(tn_graph_create(&r->g));
    r->x = tn_input(r->g, "x", TN_F32, TN_SHAPE(N, C, SIDE, SIDE));
    r->target = tn_input(r->g, "target", TN_F32, TN_SHAPE(N, 2));
    r->h = split ? r->x : tn_sigmoid(r->g, r->x, NULL);
    if (split)
        r->head = tn_input(r->g, "head", TN_F32, TN_SHAPE(N, WIDE));
    r->flat = split ? r->head : tn_flatten(r->g, r->h, NULL);
    r->loss = tail(r->g, r->h, r->flat, r->target, l);
}

typedef struct answers {
    float h[N * WIDE], flat[N * WIDE], loss;
} answers;

static tn_tensor of(const rig *r, tn_value v, float *data)
{
    tn_tensor t = {.dtype = TN_F32, .data = data};
    assert_ok(tn_value_shape(r->g, v, &t.shape));
    return t;
}

static void ask(const char *device, layout l, bool split, tn_plan_opts opts, answers *a)
{
    float x[N * WIDE], head[N * WIDE], target[N * 2];
    rig r;
    tn_device *d = NULL;
    tn_plan *p = NULL;
    *a = (answers){0};
    for (int i = 0; i < N * WIDE; i++) {
        x[i] = (float)(i * 7 % 13) / 4 - 1;
        head[i] = 1 / (1 + expf(-x[i]));
    }
    for (int i = 0; i < N * 2; i++)
        target[i] = (float)(i % 3) - 1;
    build(&r, l, split);
    const tn_value keep[] = {r.h, r.flat};
    opts.loss = r.loss;
    opts.keep = keep;
    opts.num_keep = l == WHOLE_ALONE ? 1 : 2;
    opts.keep_gradients = true;
    opts.input_gradients = split;
    opts.precision = TN_PRECISION_F32;
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_plan_create(&p, r.g, d, &opts));
    assert_ok(tn_plan_set(p, r.x, of(&r, r.x, split ? head : x)));
    if (split && l != WHOLE_ALONE)
        assert_ok(tn_plan_set(p, r.head, of(&r, r.head, head)));
    assert_ok(tn_plan_set(p, r.target, of(&r, r.target, target)));
    assert_ok(tn_plan_run(p));
    if (!split || l != VIEW_ALONE)
        assert_ok(tn_plan_get_gradient(p, r.h, of(&r, r.h, a->h)));
    if (l != WHOLE_ALONE)
        assert_ok(tn_plan_get_gradient(p, r.flat, of(&r, r.flat, a->flat)));
    assert_ok(tn_plan_get_gradient(p, r.loss, of(&r, r.loss, &a->loss)));
    tn_plan_destroy(p);
    tn_device_close(d);
    tn_graph_destroy(r.g);
}

static void near(const char *device, const char *what, const float *a, const float *b)
{
    float largest = 0;
    for (int i = 0; i < N * WIDE; i++) {
        largest = fmaxf(largest, fabsf(a[i]));
        if (!(fabsf(a[i] - b[i]) <= 1e-6F))
            fail_msg("%s: %s: %g, not %g at %d", device, what, (double)b[i], (double)a[i], i);
    }
    assert_true(largest > 1e-3F);
}

static void check(const char *device, layout l, tn_plan_opts opts)
{
    static answers want, got;
    ask("cpu,reference", l, true, (tn_plan_opts){0}, &want);
    ask(device, l, false, opts, &got);
    for (int i = 0; i < N * WIDE; i++) /* what h has is that of all its readers */
        want.h[i] += want.flat[i];
    near(device, "h", want.h, got.h);
    if (l != WHOLE_ALONE)
        near(device, "flat", want.flat, got.flat);
    assert_true(got.loss == 1);
}

static void they_are_those_of_inputs(void **state)
{
    (void)state;
    static const char *const groups[] = {"cpu,reference", "cpu:0-1", "cpu:0-3", NULL};
    const char *const *const lists[] = {lab_devices(), groups};
    for (size_t i = 0; i < TN_COUNT(lists); i++)
        for (const char *const *device = lists[i]; *device; device++)
            for (int l = VIEW_LAST; l <= WHOLE_ALONE; l++) {
                check(*device, (layout)l, (tn_plan_opts){.optim = tn_sgd(NULL)});
                check(*device, (layout)l, (tn_plan_opts){.no_fusion = true});
                check(*device, (layout)l, (tn_plan_opts){.accumulate = 2, .optim = tn_sgd(NULL)});
            }
}

/* ---- what has none ------------------------------------------------------------------------------ */

static void others_are_refused(void **state)
{
    (void)state;
    tn_graph *g = NULL;
    tn_device *d = NULL;
    tn_plan *p = NULL;
    float data[N * C];
    const tn_tensor t = {TN_F32, TN_SHAPE(N, C), data};
    assert_ok(tn_device_open(&d, "cpu,threads=1"));
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(N, C));
    const tn_value labels = tn_input(g, "labels", TN_I32, TN_SHAPE(N));
    const tn_value y = tn_dense(g, x, &(tn_dense_opts){.name = "fc", .units = C});
    const tn_value aside = tn_relu(g, y, &(tn_layer_opts){.name = "aside"});
    const tn_loss loss = tn_softmax_xent(g, y, labels, NULL);
    const tn_value w = tn_param(g, "w", TN_SHAPE(N, C), NULL);
    const tn_value view = tn_flatten(g, w, &(tn_layer_opts){.name = "view"});
    const tn_value sum = tn_add(g, tn_mse(g, y, view, NULL), loss.loss, NULL);
    const tn_value keep[] = {y, aside, w, view};
    tn_plan_opts opts = {.loss = sum, .keep = keep, .num_keep = 4};
    assert_ok(tn_plan_create(&p, g, d, &opts));
    assert_fails(
        tn_plan_get_gradient(p, y, t), TN_ERR_ARGUMENT,
        "fc has no gradient to read: it must be in tn_plan_opts.keep, with keep_gradients");
    assert_fails(tn_plan_get_gradient(p, x, t), TN_ERR_ARGUMENT,
                 "x has no gradient to read: that needs tn_plan_opts.input_gradients");
    tn_plan_destroy(p);

    opts.keep_gradients = true;
    assert_ok(tn_plan_create(&p, g, d, &opts));
    assert_fails(tn_plan_get_gradient(p, aside, t), TN_ERR_ARGUMENT,
                 "aside has no gradient to read: the loss does not depend on it");
    assert_fails(tn_plan_get_gradient(p, w, t), TN_ERR_ARGUMENT,
                 "w has no gradient to read: that of a parameter is read by tn_plan_param_get()");
    assert_fails(tn_plan_get_gradient(p, view, t), TN_ERR_ARGUMENT,
                 "view has no gradient to read: it is a view of a parameter");
    assert_fails(tn_plan_get_gradient(p, loss.top_1, t), TN_ERR_ARGUMENT, ": it is not f32");
    assert_fails(tn_plan_get_gradient(p, labels, t), TN_ERR_ARGUMENT, ": it is not f32");
    tn_plan_destroy(p);

    opts.loss = (tn_value){0};
    assert_fails(tn_plan_create(&p, g, d, &opts), TN_ERR_ARGUMENT, "keep_gradients need a loss");
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void two_views_of_one_value_are_refused(void **state)
{
    (void)state;
    tn_graph *g = NULL;
    tn_device *d = NULL;
    tn_plan *p = NULL;
    assert_ok(tn_device_open(&d, "cpu,threads=1"));
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(N, C));
    const tn_value h = tn_dense(g, x, &(tn_dense_opts){.name = "fc", .units = C});
    const tn_value keep[] = {tn_flatten(g, h, NULL), tn_flatten(g, h, NULL)};
    const tn_value loss = tn_mse(g, tn_relu(g, keep[0], NULL), tn_tanh(g, keep[1], NULL), NULL);
    assert_fails(
        tn_plan_create(
            &p, g, d,
            &(tn_plan_opts){.loss = loss, .keep = keep, .num_keep = 2, .keep_gradients = true}),
        TN_ERR_UNSUPPORTED,
        "fc: the gradients of two views of it cannot both be kept: keep its own");
    tn_graph_destroy(g);
    tn_device_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_those_of_inputs),
        cmocka_unit_test(others_are_refused),
        cmocka_unit_test(two_views_of_one_value_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
