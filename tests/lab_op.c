#include "lab_op.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lab_rig.h"
#include "plan/plan_test.h"

enum { TARGET = 12 }; /* the stream of its numbers: the parameters go round it */

/* What a case is done in. A CPU does f32 only. */
static const struct {
    tn_precision precision;
    double allowed; /* see lab_op.h */
} manners[] = {
    {TN_PRECISION_F32, 1e-5},
    {TN_PRECISION_BF16, 4 * 0x1p-8},
    {TN_PRECISION_F16, 4 * 0x1p-11},
};
static tn_precision precision = TN_PRECISION_F32;
static double tolerance = 1e-5;

static const lab_kernel *kernel; /* that has to do it; NULL: whichever does */

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
    const double allowed = tolerance * (largest + unit);
    if (!(worst <= allowed))
        fail_msg("%s%s%s[%lld] is %.9g, not %.9g: off by %.3g, allowed %.3g", where,
                 *where ? ": " : "", what, (long long)at, (double)got[at], want[at], worst,
                 allowed);
}

/* ---- runs --------------------------------------------------------------------------------- */

static float *get(tn_status (*how)(tn_plan *, tn_value, tn_tensor), const lab_rig *r, tn_value v,
                  const lab_numbers *n)
{
    float *data = lab_take(n->count, sizeof *data);
    must(how(r->plan, v, (tn_tensor){TN_F32, n->shape, data}));
    return data;
}

static results run(const lab_rig *r, const lab_answers *a, bool gradients_of_inputs)
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
        must(tn_plan_param_get(r->plan, lab_find_param(r->plan, a->op->param[i].name),
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

static void check_evaluation(const lab_rig *r, const lab_answers *a)
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
    snprintf(where, sizeof where, "%s (%s, %s, %s)", c->why, device, tn_precision_name(precision),
             plan);
}

/* Does this device promise the same bits every time? */
static bool repeats(const tn_device *d)
{
    const char *name = tn_device_name(d);
    return strncmp(name, "cpu", 3) == 0 || strstr(name, "deterministic=on");
}

static void check_kernel(const lab_rig *r, const tn_plan_opts *o)
{
    if (!kernel || o->no_fusion || (kernel->no_dx && o->input_gradients))
        return;
    if (!lab_runs(r->plan, kernel->name))
        fail_msg("%s: it is not done by \"%s\"", where, kernel->name);
}

static void check_plans(const lab_answers *a, tn_device *d)
{
    static const struct {
        const char *name;
        tn_plan_opts opts;
        bool f32_only; /* other precisions show nothing that f32 does not */
    } variants[] = {
        {"first plan", {.input_gradients = true}},
        {"second plan", {.input_gradients = true}, true},
        {"without fusion", {.input_gradients = true, .no_fusion = true}},
        {"without gradients of inputs", {.no_fusion = false}, true},
    };
    results first = {0};
    for (size_t i = 0; i < TN_COUNT(variants); i++) {
        lab_rig r = {0};
        if (!variants[i].opts.input_gradients && !a->w[0].has_gradient)
            continue; /* nothing to train */
        const bool gpu = strncmp(tn_device_name(d), "cpu", 3) != 0;
        if (variants[i].f32_only && (precision != TN_PRECISION_F32 || (LAB_SLOW && gpu)))
            continue;
        say_where(a->c, tn_device_name(d), variants[i].name);
        tn_plan_opts opts = variants[i].opts;
        opts.precision = precision;
        must(lab_rig_open_filled(&r, a, d, true, opts));
        check_kernel(&r, &opts);
        check_evaluation(&r, a);
        results got = run(&r, a, variants[i].opts.input_gradients);
        compare(&got, a);
        if (i == 1 && repeats(d))
            compare_bits(&first, &got, a);
        if (i == 0)
            first = got;
        else
            drop_results(&got);
        lab_rig_close(&r);
    }
    drop_results(&first);

    lab_rig r = {0};
    say_where(a->c, tn_device_name(d), "without a loss");
    must(lab_rig_open_filled(&r, a, d, false, (tn_plan_opts){.precision = precision}));
    check_kernel(&r, &(tn_plan_opts){0});
    check_evaluation(&r, a);
    lab_rig_close(&r);
}

static void check_memory(const lab_answers *a, tn_device *d)
{
    lab_rig dry = {0}, real = {0};
    say_where(a->c, tn_device_name(d), "dry");
    must(
        lab_rig_open(&dry, a, d, true,
                     (tn_plan_opts){.input_gradients = true, .precision = precision, .dry = true}));
    must(lab_rig_open(&real, a, d, true,
                      (tn_plan_opts){.input_gradients = true, .precision = precision}));
    const tn_memory_plan one = tn_plan_memory(dry.plan), two = tn_plan_memory(real.plan);
    if (memcmp(&one, &two, sizeof one) != 0)
        fail_msg("%s: %zu bytes planned, %zu taken", where, one.total, two.total);
    lab_rig_close(&dry);
    lab_rig_close(&real);
}

typedef struct sweep {
    const lab_answers *a;
    const char *device;
} sweep;

static tn_status all_of_it(void *arg)
{
    const sweep *s = arg;
    lab_rig r = {0};
    tn_device *d = NULL;
    tn_status status = tn_device_open(&d, s->device);
    if (status == TN_OK)
        status = lab_rig_open_filled(
            &r, s->a, d, true, (tn_plan_opts){.input_gradients = true, .precision = precision});
    if (status == TN_OK)
        status = tn_plan_run(r.plan);
    lab_rig_close(&r);
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
            known |= op->param[j].name && lab_is_param(&info, op->param[j].name);
        if (!known)
            fail_msg("%s: the table has no parameter \"%s\"", where, lab_param_name(&info));
    }
}

/* Fills x, w and target. Their shapes are asked of a dry plan. */
static void fill_all(lab_answers *a, tn_device *d)
{
    lab_rig r = {0};
    const bool coarse = precision != TN_PRECISION_F32;
    for (; a->num_x < LAB_MAX_X && a->c->x[a->num_x].shape.ndim; a->num_x++) {
        lab_tensor x = a->c->x[a->num_x];
        x.coarse = coarse;
        lab_fill(&a->x[a->num_x], &x, (uint64_t)a->num_x);
    }
    must(
        lab_rig_open(&r, a, d, true,
                     (tn_plan_opts){.input_gradients = true, .precision = precision, .dry = true}));
    for (int i = 0; i < LAB_MAX_W; i++) {
        const int index = a->op->param[i].name ? lab_find_param(r.plan, a->op->param[i].name) : -1;
        tn_param_info info;
        if (index < 0)
            continue;
        must(tn_plan_param(r.plan, index, &info));
        const lab_tensor t = {.shape = info.shape,
                              .low = a->op->param[i].low,
                              .high = a->op->param[i].high,
                              .coarse = coarse};
        lab_fill(&a->w[i], &t, LAB_MAX_X + (uint64_t)i + (LAB_MAX_X + i >= TARGET));
        a->w[i].has_gradient = info.trained;
    }
    check_names(a->op, r.plan);
    lab_tensor y = {.dtype = TN_F32, .coarse = coarse};
    must(tn_value_shape(r.g, r.y, &y.shape));
    lab_fill(&a->target, &y, TARGET);
    lab_fill(&a->y, &y, 0);
    lab_fill(&a->evaluated, &y, 0);
    a->unit = 1 / (double)(a->op->loss ? a->x[0].count : a->y.count);
    lab_rig_close(&r);
}

/* Numbers that must differ and cannot, at 8 bits each. */
static bool too_coarse(const lab_answers *a)
{
    for (int i = 0; i < a->num_x; i++)
        if (a->c->x[i].apart && !lab_is_apart(&a->x[i]))
            return true;
    return false;
}

static void check_case(const lab_op *op, const lab_case *c, const char *device, bool sweeps)
{
    lab_answers a = {.op = op, .c = c};
    tn_device *d = NULL;
    say_where(c, device, "answers");
    must(tn_device_open(&d, device));
    fill_all(&a, d);
    if (precision == TN_PRECISION_F32 || !too_coarse(&a)) {
        lab_find_answers(&a);
        check_plans(&a, d);
        check_memory(&a, d);
    }
    tn_device_close(d);
    say_where(c, device, "failing allocations");
    if (sweeps)
        lab_fail_each_allocation(all_of_it, &(sweep){&a, device});
    lab_drop_answers(&a);
}

static void check_on(const char *device, const lab_op *op, const lab_case *cases, size_t count)
{
    const long live = tn_alloc_live();
    const bool gpu = strncmp(device, "cpu", 3) != 0, naive = strstr(device, "reference");
    for (size_t m = 0; m < (gpu ? TN_COUNT(manners) : 1); m++) {
        precision = manners[m].precision;
        tolerance = manners[m].allowed;
        /* The first case is a small one. */
        for (size_t i = 0; i < (m && LAB_SLOW ? 1 : count); i++)
            if ((m == 0 || !cases[i].f32_only) && !(((gpu && LAB_SLOW) || naive) && cases[i].big))
                check_case(op, &cases[i], device, i == 0 && m == 0);
    }
    precision = manners[0].precision;
    tolerance = manners[0].allowed;
    assert_int_equal(tn_alloc_live(), live);
}

void lab_check_op(const lab_op *op, const lab_case *cases, size_t count)
{
    for (const char *const *device = lab_devices(); *device; device++)
        check_on(*device, op, cases, count);
    check_on("cpu,reference", op, cases, count);
    *where = 0;
}

static lab_case *all_big(const lab_case *cases, size_t count)
{
    lab_case *all = lab_take((int64_t)count, sizeof *all);
    memcpy(all, cases, count * sizeof *all);
    for (size_t i = 0; i < count; i++)
        all[i].big = true;
    return all;
}

void lab_check_big(const lab_op *op, const lab_case *cases, size_t count)
{
    lab_case *all = all_big(cases, count);
    lab_check_op(op, all, count);
    free(all);
}

void lab_check_kernel(const lab_kernel *k, const lab_op *op, const lab_case *cases, size_t count)
{
    if (!lab_can_prefer())
        return;
    lab_case *all = all_big(cases, count);
    kernel = k;
    check_on(k->device, op, all, count);
    kernel = NULL;
    *where = 0;
    free(all);
}
