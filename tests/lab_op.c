#include "lab_op.h"

#include <math.h>
#include <string.h>

#include "graph/plan_test.h"
#include "lab_answers.h"

const char *const lab_devices[] = {"cpu", NULL};

/* A case as a network and its plan. */
typedef struct rig {
    tn_graph *g;
    tn_value x[LAB_MAX_X], y, target, loss;
    tn_plan *plan;
} rig;

/* What a run of a plan gave. */
typedef struct results {
    float loss, *y, *dx[LAB_MAX_X], *dw[LAB_MAX_W];
} results;

static char where[512]; /* case, device and plan, for messages */

static void must(tn_status status)
{
    if (status != TN_OK)
        fail_msg("%s: %s: %s", where, tn_status_text(status), tn_error());
}

void lab_assert_close(const char *what, const float *got, const double *want, int64_t count,
                      double unit)
{
    double largest = 0, worst = -1;
    int64_t at = 0;
    for (int64_t i = 0; i < count; i++) {
        const double error = fabs((double)got[i] - want[i]);
        largest = fmax(largest, fabs(want[i]));
        if (!(error <= worst)) { /* so that a NaN is the worst */
            worst = error;
            at = i;
        }
        if (isnan(error))
            break;
    }
    const double allowed = 1e-5 * (largest + unit);
    if (!(worst <= allowed))
        fail_msg("%s%s%s[%lld] is %.9g, not %.9g: off by %.3g, allowed %.3g", where,
                 *where ? ": " : "", what, (long long)at, (double)got[at], want[at], worst,
                 allowed);
}

/* ---- plans -------------------------------------------------------------------------------- */

static tn_status build(rig *r, const lab_answers *a)
{
    tn_shape shape;
    TN_TRY(tn_graph_create(&r->g));
    for (int i = 0; i < a->num_x; i++) {
        const char name[] = {'x', (char)('0' + i), 0};
        r->x[i] = tn_input(r->g, name, a->x[i].dtype, a->x[i].shape);
    }
    r->y = r->loss = a->op->build(r->g, r->x, a->num_x, a->c->opts);
    TN_TRY(tn_graph_status(r->g));
    TN_TRY(tn_value_shape(r->g, r->y, &shape));
    if (!a->op->loss) {
        r->target = tn_input(r->g, "target", TN_F32, shape);
        r->loss = tn_mse(r->g, r->y, r->target);
    }
    return TN_OK;
}

static int find_param(const tn_plan *p, const char *name)
{
    tn_param_info info;
    for (int i = 0; i < tn_plan_num_params(p); i++)
        if (tn_plan_param(p, i, &info) == TN_OK && strcmp(info.name, name) == 0)
            return i;
    return -1;
}

/* A tensor of a's numbers in the type that the plan takes; the caller frees data. */
static tn_tensor host(const lab_numbers *n)
{
    const tn_tensor t = {n->dtype, n->shape, lab_take(n->count, sizeof(float))};
    for (int64_t i = 0; i < n->count; i++)
        if (n->dtype == TN_F32)
            ((float *)t.data)[i] = (float)n->value[i];
        else if (n->dtype == TN_I32)
            ((int32_t *)t.data)[i] = (int32_t)n->value[i];
        else
            ((uint8_t *)t.data)[i] = (uint8_t)n->value[i];
    return t;
}

static tn_status set_all(const rig *r, const lab_answers *a)
{
    tn_status status = TN_OK;
    for (int i = 0; i < a->num_x && status == TN_OK; i++) {
        const tn_tensor x = host(&a->x[i]);
        status = tn_plan_set(r->plan, r->x[i], x);
        free(x.data);
    }
    for (int i = 0; i < LAB_MAX_W && status == TN_OK; i++) {
        if (a->w[i].count == 0)
            continue;
        const tn_tensor w = host(&a->w[i]);
        status = tn_plan_param_set(r->plan, find_param(r->plan, a->op->param[i].name),
                                   TN_PARAM_VALUE, w);
        free(w.data);
    }
    return status;
}

static tn_status set_target(const rig *r, const lab_answers *a)
{
    if (a->op->loss)
        return TN_OK;
    const tn_tensor t = host(&a->target);
    const tn_status status = tn_plan_set(r->plan, r->target, t);
    free(t.data);
    return status;
}

/* A plan of the case; without `training` it has no loss. */
static tn_status open_rig(rig *r, const lab_answers *a, tn_device *d, bool training,
                          tn_plan_opts opts)
{
    TN_TRY(build(r, a));
    opts.seed = LAB_SEED;
    opts.keep = &r->y;
    opts.num_keep = 1;
    if (training)
        opts.loss = r->loss;
    return tn_plan_create(&r->plan, r->g, d, &opts);
}

static tn_status open_filled(rig *r, const lab_answers *a, tn_device *d, bool training,
                             tn_plan_opts opts)
{
    TN_TRY(open_rig(r, a, d, training, opts));
    TN_TRY(set_all(r, a));
    return training ? set_target(r, a) : TN_OK;
}

static void close_rig(rig *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    *r = (rig){0};
}

/* ---- runs --------------------------------------------------------------------------------- */

static float *get(tn_status (*how)(tn_plan *, tn_value, tn_tensor), const rig *r, tn_value v,
                  const lab_numbers *n)
{
    float *data = lab_take(n->count, sizeof *data);
    must(how(r->plan, v, (tn_tensor){TN_F32, n->shape, data}));
    return data;
}

static results run(const rig *r, const lab_answers *a, bool gradients_of_inputs)
{
    results out = {0};
    must(tn_plan_poison(r->plan));
    const long before = tn_alloc_total();
    must(tn_plan_run(r->plan));
    if (tn_alloc_total() != before)
        fail_msg("%s: a run made %ld allocations", where, tn_alloc_total() - before);
    must(tn_plan_get(r->plan, r->loss, (tn_tensor){TN_F32, {0}, &out.loss}));
    out.y = get(tn_plan_get, r, r->y, &a->y);
    for (int i = 0; i < a->num_x; i++)
        if (gradients_of_inputs && a->x[i].has_gradient)
            out.dx[i] = get(tn_plan_get_gradient, r, r->x[i], &a->x[i]);
    for (int i = 0; i < LAB_MAX_W; i++) {
        if (!a->w[i].has_gradient)
            continue;
        out.dw[i] = lab_take(a->w[i].count, sizeof(float));
        must(tn_plan_param_get(r->plan, find_param(r->plan, a->op->param[i].name),
                               TN_PARAM_GRADIENT, (tn_tensor){TN_F32, a->w[i].shape, out.dw[i]}));
    }
    return out;
}

static void drop_results(results *r)
{
    free(r->y);
    for (int i = 0; i < LAB_MAX_X; i++)
        free(r->dx[i]);
    for (int i = 0; i < LAB_MAX_W; i++)
        free(r->dw[i]);
}

static void compare_gradient(char kind, int i, const float *got, const lab_numbers *n, double unit)
{
    const char what[] = {'d', kind, (char)('0' + i), 0};
    if (!got)
        return;
    float *picked = lab_take(n->samples, sizeof *picked);
    for (int64_t s = 0; s < n->samples; s++)
        picked[s] = got[n->at[s]];
    lab_assert_close(what, picked, n->gradient, n->samples, unit);
    free(picked);
}

static void compare(const results *got, const lab_answers *a)
{
    lab_assert_close("y", got->y, a->y.value, a->y.count, 1);
    lab_assert_close("loss", &got->loss, &a->loss, 1, 1);
    for (int i = 0; i < LAB_MAX_X; i++)
        compare_gradient('x', i, got->dx[i], &a->x[i], a->unit);
    for (int i = 0; i < LAB_MAX_W; i++)
        compare_gradient('w', i, got->dw[i], &a->w[i], a->unit);
}

static void same_bits(const char *what, const float *a, const float *b, int64_t count)
{
    if (a && b && memcmp(a, b, (size_t)count * sizeof *a) != 0)
        fail_msg("%s: %s has other bits in a second plan", where, what);
}

static void compare_bits(const results *one, const results *two, const lab_answers *a)
{
    same_bits("y", one->y, two->y, a->y.count);
    same_bits("loss", &one->loss, &two->loss, 1);
    for (int i = 0; i < LAB_MAX_X; i++)
        same_bits("a gradient of an input", one->dx[i], two->dx[i], a->x[i].count);
    for (int i = 0; i < LAB_MAX_W; i++)
        same_bits("a gradient of a parameter", one->dw[i], two->dw[i], a->w[i].count);
}

static void check_evaluation(const rig *r, const lab_answers *a)
{
    must(tn_plan_poison(r->plan));
    must(tn_plan_evaluate(r->plan));
    float *y = get(tn_plan_get, r, r->y, &a->y);
    lab_assert_close("y in evaluation", y, a->evaluated.value, a->y.count, 1);
    free(y);
}

/* ---- a case ------------------------------------------------------------------------------- */

static void say_where(const lab_case *c, const char *device, const char *plan)
{
    snprintf(where, sizeof where, "%s (%s, %s)", c->why, device, plan);
}

static void check_plans(const lab_answers *a, tn_device *d)
{
    static const struct {
        const char *name;
        tn_plan_opts opts;
    } variants[] = {
        {"first plan", {.input_gradients = true}},
        {"second plan", {.input_gradients = true}},
        {"without fusion", {.input_gradients = true, .no_fusion = true}},
        {"without gradients of inputs", {.no_fusion = false}},
    };
    results first = {0};
    for (size_t i = 0; i < TN_COUNT(variants); i++) {
        rig r = {0};
        if (!variants[i].opts.input_gradients && !a->w[0].has_gradient)
            continue; /* nothing to train */
        say_where(a->c, tn_device_name(d), variants[i].name);
        must(open_filled(&r, a, d, true, variants[i].opts));
        check_evaluation(&r, a);
        results got = run(&r, a, variants[i].opts.input_gradients);
        compare(&got, a);
        if (i == 1)
            compare_bits(&first, &got, a);
        if (i == 0)
            first = got;
        else
            drop_results(&got);
        close_rig(&r);
    }
    drop_results(&first);

    rig r = {0};
    say_where(a->c, tn_device_name(d), "without a loss");
    must(open_filled(&r, a, d, false, (tn_plan_opts){0}));
    check_evaluation(&r, a);
    close_rig(&r);
}

static void check_memory(const lab_answers *a, tn_device *d)
{
    rig dry = {0}, real = {0};
    say_where(a->c, tn_device_name(d), "dry");
    must(open_rig(&dry, a, d, true, (tn_plan_opts){.input_gradients = true, .dry = true}));
    must(open_rig(&real, a, d, true, (tn_plan_opts){.input_gradients = true}));
    const tn_memory_plan one = tn_plan_memory(dry.plan), two = tn_plan_memory(real.plan);
    if (memcmp(&one, &two, sizeof one) != 0)
        fail_msg("%s: %zu bytes planned, %zu taken", where, one.total, two.total);
    close_rig(&dry);
    close_rig(&real);
}

typedef struct sweep {
    const lab_answers *a;
    const char *device;
} sweep;

static tn_status all_of_it(void *arg)
{
    const sweep *s = arg;
    rig r = {0};
    tn_device *d = NULL;
    tn_status status = tn_device_open(&d, s->device);
    if (status == TN_OK)
        status = open_filled(&r, s->a, d, true, (tn_plan_opts){.input_gradients = true});
    if (status == TN_OK)
        status = tn_plan_run(r.plan);
    close_rig(&r);
    tn_device_close(d);
    return status;
}

/* A parameter that the table forgets would be tested by nobody. */
static void check_names(const lab_op *op, const tn_plan *p)
{
    for (int i = 0; i < tn_plan_num_params(p); i++) {
        tn_param_info info;
        bool known = false;
        must(tn_plan_param(p, i, &info));
        for (int j = 0; j < LAB_MAX_W; j++)
            known |= op->param[j].name && strcmp(op->param[j].name, info.name) == 0;
        if (!known)
            fail_msg("%s: the table has no parameter \"%s\"", where, info.name);
    }
}

/* Fills x, w and target. Their shapes are asked of a dry plan. */
static void fill_all(lab_answers *a, tn_device *d)
{
    rig r = {0};
    for (; a->num_x < LAB_MAX_X && a->c->x[a->num_x].shape.ndim; a->num_x++)
        lab_fill(&a->x[a->num_x], &a->c->x[a->num_x], (uint64_t)a->num_x);
    must(open_rig(&r, a, d, true, (tn_plan_opts){.dry = true, .input_gradients = true}));
    for (int i = 0; i < LAB_MAX_W; i++) {
        const int index = a->op->param[i].name ? find_param(r.plan, a->op->param[i].name) : -1;
        tn_param_info info;
        if (index < 0)
            continue;
        must(tn_plan_param(r.plan, index, &info));
        const lab_tensor t = {info.shape, TN_F32, a->op->param[i].low, a->op->param[i].high, false};
        lab_fill(&a->w[i], &t, LAB_MAX_X + (uint64_t)i);
        a->w[i].has_gradient = info.trained;
    }
    check_names(a->op, r.plan);
    lab_tensor y = {.dtype = TN_F32};
    must(tn_value_shape(r.g, r.y, &y.shape));
    lab_fill(&a->target, &y, LAB_MAX_X + LAB_MAX_W);
    lab_fill(&a->y, &y, 0);
    lab_fill(&a->evaluated, &y, 0);
    a->unit = 1 / (double)(a->op->loss ? a->x[0].count : a->y.count);
    close_rig(&r);
}

void lab_check_op(const lab_op *op, const lab_case *cases, size_t count)
{
    for (const char *const *device = lab_devices; *device; device++) {
        const long live = tn_alloc_live();
        for (size_t i = 0; i < count; i++) {
            lab_answers a = {.op = op, .c = &cases[i]};
            tn_device *d = NULL;
            say_where(&cases[i], *device, "answers");
            must(tn_device_open(&d, *device));
            fill_all(&a, d);
            lab_find_answers(&a);
            check_plans(&a, d);
            check_memory(&a, d);
            tn_device_close(d);
            say_where(&cases[i], *device, "failing allocations");
            if (i == 0)
                lab_fail_each_allocation(all_of_it, &(sweep){&a, *device});
            lab_drop_answers(&a);
        }
        assert_int_equal(tn_alloc_live(), live);
    }
    *where = 0;
}
