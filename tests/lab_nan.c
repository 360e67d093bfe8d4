#include "lab_nan.h"

#include <math.h>
#include <string.h>

#include "lab_answers.h"
#include "lab_rig.h"

typedef struct nan_case {
    lab_answers a;
    float *x, *y;
    tn_value in, out, target;
    tn_graph *g;
    tn_plan *plan;
} nan_case;

static void open_case(nan_case *n, tn_device *d, tn_plan_opts opts)
{
    const lab_case *c = n->a.c;
    assert_ok(tn_graph_create(&n->g));
    n->in = tn_input(n->g, "x", TN_F32, c->x[0].shape);
    n->out = n->a.op->build(n->g, &n->in, 1, c->opts);
    assert_ok(tn_value_shape(n->g, n->out, &n->a.y.shape));
    n->target = tn_input(n->g, "target", TN_F32, n->a.y.shape);
    opts.loss = tn_mse(n->g, n->out, n->target, NULL);
    opts.input_gradients = !n->a.op->param[0].name; /* nothing else is trained */
    opts.keep = &n->out;
    opts.num_keep = 1;
    assert_ok(tn_plan_create(&n->plan, n->g, d, &opts));
}

/* x, and y as the reference has it; which numbers are NaN does not depend on the parameters'. */
static void find_answer(nan_case *n)
{
    lab_answers *a = &n->a;
    lab_ref r = {.opts = a->c->opts, .training = true, .num_x = 1};
    lab_fill(&a->x[0], &a->c->x[0], 0);
    a->x[0].value[a->x[0].count / 2] = (double)NAN;
    lab_fill(&a->y, &(lab_tensor){.shape = a->y.shape}, 0);
    for (int i = 0; i < LAB_MAX_W; i++) {
        tn_param_info info;
        const int at = a->op->param[i].name ? lab_find_param(n->plan, a->op->param[i].name) : -1;
        if (at < 0)
            continue;
        assert_ok(tn_plan_param(n->plan, at, &info));
        lab_fill(&a->w[i], &(lab_tensor){.shape = info.shape}, 1);
        r.w_shape[i] = info.shape;
        r.w[i] = a->w[i].value;
    }
    r.x_shape[0] = a->x[0].shape;
    r.x[0] = a->x[0].value;
    r.y_shape = a->y.shape;
    r.y = a->y.value;
    a->op->reference(&r);
    n->x = lab_take(a->x[0].count, sizeof *n->x);
    n->y = lab_take(a->y.count, sizeof *n->y);
    for (int64_t i = 0; i < a->x[0].count; i++)
        n->x[i] = (float)a->x[0].value[i];
}

static void compare(const nan_case *n, const char *device, const char *run)
{
    const lab_numbers *y = &n->a.y;
    int64_t reached = 0;
    assert_ok(tn_plan_get(n->plan, n->out, (tn_tensor){TN_F32, y->shape, n->y}));
    for (int64_t i = 0; i < y->count; i++) {
        reached += isnan(y->value[i]) != 0;
        if (isnan(y->value[i]) && !isnan(n->y[i]))
            fail_msg("%s (%s, %s): y[%lld] is %g, not NaN", n->a.c->why, device, run, (long long)i,
                     (double)n->y[i]);
    }
    assert_true(reached > 0);
}

static void close_case(nan_case *n)
{
    tn_plan_destroy(n->plan);
    tn_graph_destroy(n->g);
    lab_drop_answers(&n->a);
    free(n->x);
    free(n->y);
}

static void check(const lab_op *op, const lab_case *c, const char *device, bool no_fusion,
                  const char *kernel)
{
    static const tn_precision precisions[] = {TN_PRECISION_F32, TN_PRECISION_BF16,
                                              TN_PRECISION_F16};
    const size_t ways = strncmp(device, "cpu", 3) == 0 ? 1 : TN_COUNT(precisions);
    tn_device *d = NULL;
    assert_ok(tn_device_open(&d, device));
    for (size_t i = 0; i < ways; i++) {
        nan_case n = {.a = {.op = op, .c = c}};
        open_case(&n, d, (tn_plan_opts){.precision = precisions[i], .no_fusion = no_fusion});
        if (kernel && !lab_runs(n.plan, kernel))
            fail_msg("%s (%s): it is not done by \"%s\"", c->why, device, kernel);
        find_answer(&n);
        assert_ok(tn_plan_set(n.plan, n.in, (tn_tensor){TN_F32, c->x[0].shape, n.x}));
        assert_ok(tn_plan_set(n.plan, n.target, (tn_tensor){TN_F32, n.a.y.shape, n.y}));
        assert_ok(tn_plan_evaluate(n.plan));
        compare(&n, device, "evaluation");
        assert_ok(tn_plan_run(n.plan));
        compare(&n, device, "training");
        close_case(&n);
    }
    tn_device_close(d);
}

void lab_check_nan(const lab_op *op, const lab_case *c, const char *device, bool no_fusion)
{
    check(op, c, device, no_fusion, NULL);
}

void lab_check_nan_by(const lab_kernel *k, const lab_op *op, const lab_case *c)
{
    if (lab_can_prefer())
        check(op, c, k->device, false, k->name);
}
