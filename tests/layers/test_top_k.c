/* top_k and argmax: along every axis, largest and smallest, ties either way, NaN; against loops that search k times. */
#include <math.h>
#include <string.h>

#include "graph/graph.h"
#include "lab_index.h"

typedef struct top_case {
    const char *why;
    tn_shape x;
    tn_top_k_opts opts;
    int values; /* x has so many different ones; 0: hardly any twice */
    bool nan;
} top_case;

static const top_case cases[] = {
    {"small", {2, {2, 5}}, {.k = 2}, 0, false},
    {"all of them: sorted", {2, {3, 17}}, {.k = 17}, 0, false},
    {"ties", {2, {4, 40}}, {.k = 11}, 5, false},
    {"ties, the last first", {2, {4, 40}}, {.k = 11, .last = true}, 5, false},
    {"smallest", {2, {4, 40}}, {.k = 7, .smallest = true}, 9, false},
    {"smallest, the last first", {2, {4, 40}}, {.k = 7, .smallest = true, .last = true}, 9, false},
    {"channels of pixels", {4, {2, 7, 3, 4}}, {.k = 3}, 0, false},
    {"the first axis", {3, {6, 2, 5}}, {.k = 4, .axis = TN_ZERO}, 0, false},
    {"the last axis", {3, {6, 2, 5}}, {.k = 1, .axis = -1}, 0, false},
    {"the axis goes", {3, {6, 4, 5}}, {.k = 1, .axis = 1, .drop = true}, 3, false},
    {"a NaN comes first", {2, {5, 9}}, {.k = 4}, 4, true},
    {"a NaN comes first of the smallest, too", {2, {5, 9}}, {.k = 4, .smallest = true}, 4, true},
    {"a long line", {2, {1, 3000}}, {.k = 50}, 700, false},
};

enum { MOST = 3000 };

static void fill(const top_case *t, float *x)
{
    uint32_t state = 1;
    for (int64_t i = 0; i < tn_elements(&t->x); i++) {
        state = state * 1664525u + 1013904223u;
        const uint32_t number = state >> 12;
        x[i] = t->values ? (float)(number % (uint32_t)t->values) - 1 : (float)number / 1e5F - 3;
        if (t->nan && number % 5 == 0)
            x[i] = NAN;
    }
}

static bool beats(const tn_top_k_opts *o, float a, float b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && !isnan(b);
    return o->smallest ? a < b : a > b;
}

/* The best element that is not taken yet, of equal ones the one that is met first. */
static int32_t search(const tn_top_k_opts *o, const float *x, const tn_lines *l, const bool *taken)
{
    int64_t best = -1;
    for (int64_t n = 0; n < l->size; n++) {
        const int64_t i = o->last ? l->size - 1 - n : n;
        if (!taken[i] && (best < 0 || beats(o, x[i * l->inner], x[best * l->inner])))
            best = i;
    }
    return (int32_t)best;
}

static void find(const top_case *t, const float *x, float *values, int32_t *indices)
{
    const tn_top_k_opts *o = &t->opts;
    const int ndim = t->x.ndim;
    const int axis = o->axis == TN_ZERO ? 0 : o->axis == 0 ? 1 : (o->axis + ndim) % ndim;
    const tn_lines l = tn_lines_along(&t->x, axis);
    for (int64_t line = 0; line < l.outer * l.inner; line++) {
        const float *from = x + line / l.inner * l.size * l.inner + line % l.inner;
        bool taken[MOST] = {false};
        for (int k = 0; k < o->k; k++) {
            const int32_t i = search(o, from, &l, taken);
            const int64_t to = (line / l.inner * o->k + k) * l.inner + line % l.inner;
            taken[i] = true;
            indices[to] = i;
            values[to] = from[i * l.inner];
        }
    }
}

static void check(const char *device, const top_case *t, bool values_alone)
{
    static float x[MOST], want[MOST], got[MOST];
    static int32_t want_at[MOST], got_at[MOST];
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    tn_shape shape;
    fill(t, x);
    find(t, x, want, want_at);
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value in = tn_input_batched(g, "x", TN_F32, t->x, TN_NO_BATCH);
    const tn_top top = tn_top_k(g, in, &t->opts);
    const tn_value keep[] = {values_alone ? top.values : top.indices, top.values};
    assert_ok(tn_value_shape(g, top.values, &shape));
    assert_ok(
        tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = keep, .num_keep = 1 + !values_alone}));
    assert_ok(tn_plan_set(p, in, (tn_tensor){TN_F32, t->x, x}));
    assert_ok(tn_plan_evaluate(p));
    assert_ok(tn_plan_get(p, top.values, (tn_tensor){TN_F32, shape, got}));
    if (!values_alone)
        assert_ok(tn_plan_get(p, top.indices, (tn_tensor){TN_I32, shape, got_at}));
    for (int64_t i = 0; i < tn_elements(&shape); i++) {
        const bool same = isnan(want[i]) ? isnan(got[i]) : want[i] == got[i];
        if (!same || (!values_alone && want_at[i] != got_at[i]))
            fail_msg("%s (%s): number %d is %g of %d, not %g of %d", t->why, device, (int)i,
                     (double)got[i], got_at[i], (double)want[i], want_at[i]);
    }
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

static void finds_them(void **unused)
{
    (void)unused;
    for (const char *const *device = lab_devices(); *device; device++)
        for (size_t i = 0; i < TN_COUNT(cases); i++)
            check(*device, &cases[i], i % 2 == 1);
}

static int batch_of(const tn_graph *g, tn_value v)
{
    return g->node[g->value[v.id - 1].node]->y_batch[g->value[v.id - 1].index];
}

static void knows_its_shape_and_batch(void **unused)
{
    (void)unused;
    tn_graph *g = NULL;
    tn_shape s;
    tn_dtype dtype;
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(4, 3, 2));
    const tn_value best = tn_argmax(g, x, NULL);
    assert_ok(tn_value_shape(g, best, &s));
    assert_true(s.ndim == 2 && s.dim[0] == 4 && s.dim[1] == 2);
    assert_ok(tn_value_dtype(g, best, &dtype));
    assert_int_equal(dtype, TN_I32);
    assert_int_equal(batch_of(g, best), 0);
    const tn_value kept = tn_argmax(g, x, &(tn_argmax_opts){.axis = -1, .keep = true});
    assert_ok(tn_value_shape(g, kept, &s));
    assert_true(s.ndim == 3 && s.dim[1] == 3 && s.dim[2] == 1);
    const tn_value over = tn_argmax(g, x, &(tn_argmax_opts){.axis = TN_ZERO});
    assert_int_equal(batch_of(g, over), TN_BATCH_MIXED);
    tn_graph_destroy(g);
}

static tn_status plan_of(void *arg)
{
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    tn_status status = tn_graph_create(&g);
    if (status == TN_OK) {
        const tn_value y = tn_argmax(g, tn_input(g, "x", TN_F32, TN_SHAPE(2, 3)), NULL);
        status = tn_plan_create(&p, g, arg, &(tn_plan_opts){.keep = &y, .num_keep = 1});
    }
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    return status;
}

static void memory_may_run_out(void **unused)
{
    (void)unused;
    for (const char *const *device = lab_devices(); *device; device++) {
        tn_device *d = NULL;
        assert_ok(tn_device_open(&d, *device));
        assert_true(lab_fail_each_allocation(plan_of, d) > 5);
        tn_device_close(d);
    }
}

static void refuses(void **unused)
{
    (void)unused;
    LAB_REFUSES(TN_ERR_SHAPE, "top_k1: k is 0, not 1 to the 3 of dimension 1 of 4 x 3",
                TN_SHAPE(4, 3), tn_top_k(g, x, &(tn_top_k_opts){.axis = 1}).values);
    LAB_REFUSES(TN_ERR_SHAPE, "k is 5, not 1 to the 4 of dimension 0", TN_SHAPE(4, 3),
                tn_top_k(g, x, &(tn_top_k_opts){.k = 5, .axis = TN_ZERO}).values);
    LAB_REFUSES(TN_ERR_ARGUMENT, "only of k 1", TN_SHAPE(4, 3),
                tn_top_k(g, x, &(tn_top_k_opts){.k = 2, .drop = true}).values);
    LAB_REFUSES(TN_ERR_ARGUMENT, "axis 2", TN_SHAPE(4, 3),
                tn_argmax(g, x, &(tn_argmax_opts){.axis = 2}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_them),
        cmocka_unit_test(knows_its_shape_and_batch),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
