#include "lab_softmax.h"

#include <math.h>
#include <string.h>

#include "graph/graph.h"
#include "lab_blocked.h"

static lab_softmax_layer *layer_of_test;

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return layer_of_test(g, x[0], opts);
}

static tn_value build_behind(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return layer_of_test(g, lab_blocked(g, x[0], 20), opts);
}

/* x less the logarithm of the sum, which is the answer of one and the exponent of the other. */
static void find_logarithms(const lab_ref *r)
{
    const tn_shape *s = &r->x_shape[0];
    const tn_softmax_opts *o = r->opts;
    int axis = o && o->axis ? o->axis == TN_ZERO ? 0 : o->axis : 1;
    int64_t size, inner = 1, count;
    axis += axis < 0 ? s->ndim : 0;
    size = s->dim[axis];
    for (int i = axis + 1; i < s->ndim; i++)
        inner *= s->dim[i];
    assert_ok(tn_shape_count(s, &count));
    for (int64_t line = 0; line < count / size; line++) {
        const int64_t first = line / inner * inner * size + line % inner;
        const double *x = r->x[0] + first;
        double max = x[0], sum = 0;
        for (int64_t k = 0; k < size; k++)
            max = fmax(max, x[k * inner]);
        for (int64_t k = 0; k < size; k++)
            sum += exp(x[k * inner] - max);
        for (int64_t k = 0; k < size; k++)
            r->y[first + k * inner] = x[k * inner] - max - log(sum);
    }
}

static void find_shares(const lab_ref *r)
{
    int64_t count;
    assert_ok(tn_shape_count(&r->x_shape[0], &count));
    find_logarithms(r);
    for (int64_t i = 0; i < count; i++)
        r->y[i] = exp(r->y[i]);
}

static void behind(const lab_ref *r, void (*reference)(const lab_ref *r))
{
    lab_ref b = lab_behind_blocked(r);
    reference(&b);
    free((void *)(uintptr_t)b.x[0]);
}

static void find_logarithms_behind(const lab_ref *r)
{
    behind(r, find_logarithms);
}

static void find_shares_behind(const lab_ref *r)
{
    behind(r, find_shares);
}

void lab_check_softmax(lab_softmax_layer *layer, bool log_too)
{
    static const tn_softmax_opts first = {.axis = TN_ZERO}, third = {.axis = 2},
                                 last = {.axis = -1};
    static const lab_case cases[] = {
        {.why = "small", .x = {{{2, {2, 3}}}}},
        {.why = "one class is certain", .x = {{{2, {4, 1}}}}},
        {.why = "ImageNet's classes", .x = {{{2, {3, 1000}}}}},
        {.why = "more classes than a warp takes", .x = {{{2, {3, 2048}}}}},
        {.why = "more, and no whole vectors", .x = {{{2, {3, 1031}}}}},
        {.why = "many rows", .x = {{{2, {301, 10}}}}},
        {.why = "exp(x) alone would overflow", .x = {{{2, {5, 7}}, .low = 9990, .high = 10000}}},
        {.why = "exp(x) alone would underflow", .x = {{{2, {5, 7}}, .low = -1e4, .high = -9990}}},
        {.why = "one dimension", .x = {{{1, {37}}}}, .opts = &first},
        {.why = "channels of images", .x = {{{4, {2, 5, 3, 7}}}}},
        {.why = "more pixels than are done at once", .x = {{{4, {2, 3, 9, 31}}}}},
        {.why = "down", .x = {{{2, {67, 5}}}}, .opts = &first},
        {.why = "across a middle axis", .x = {{{5, {2, 3, 11, 2, 3}}}}, .opts = &third},
        {.why = "attention: the last of four", .x = {{{4, {2, 3, 5, 19}}}}, .opts = &last},
        {.why = "one line", .x = {{{3, {6, 1, 1}}}}, .opts = &first},
    };
    static const lab_case behind_cases[] = {
        {.why = "channels of a convolution", .x = {{{4, {2, 3, 4, 5}}}}},
        {.why = "its columns", .x = {{{4, {2, 3, 4, 5}}}}, .opts = &last},
    };
    const lab_op op = {.build = build, .reference = log_too ? find_logarithms : find_shares};
    const lab_op op_behind = {.build = build_behind,
                              .reference = log_too ? find_logarithms_behind : find_shares_behind,
                              .param = {{"weight"}}};
    layer_of_test = layer;
    lab_check_op(&op, cases, TN_COUNT(cases));
    lab_check_op(&op_behind, behind_cases, TN_COUNT(behind_cases));
}

void lab_check_softmax_refusals(lab_softmax_layer *layer, const char *op)
{
    const struct {
        tn_shape shape;
        int axis;
        const char *text;
    } cases[] = {
        {{1, {4}}, 0, "input 0 is 4, without an axis 1"},
        {{2, {4, 3}}, 2, "input 0 is 4 x 3, without an axis 2"},
        {{2, {4, 3}}, -3, "input 0 is 4 x 3, without an axis -3"},
    };
    /* Several devices cannot share rows that a line along the batch mixes. */
    for (int axis = 0; axis < 2; axis++) {
        tn_graph *g;
        assert_ok(tn_graph_create(&g));
        const tn_value y = layer(g, tn_input(g, "x", TN_F32, TN_SHAPE(2, 2)),
                                 &(tn_softmax_opts){.axis = TN_EXACTLY(axis)});
        assert_int_equal(g->node[g->value[y.id - 1].node]->y_batch[0],
                         axis == 0 ? TN_BATCH_MIXED : 0);
        tn_graph_destroy(g);
    }
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g;
        assert_ok(tn_graph_create(&g));
        layer(g, tn_input(g, "x", TN_F32, cases[i].shape),
              &(tn_softmax_opts){.name = "odd", .axis = cases[i].axis});
        assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, cases[i].text);
        assert_true(strncmp(tn_error(), op, strlen(op)) == 0);
        tn_graph_destroy(g);
    }
}

void lab_run_softmax(const char *device, lab_softmax_layer *layer, const float *x, tn_shape shape,
                     float *y)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    float in[64];
    int64_t count;
    assert_ok(tn_shape_count(&shape, &count));
    assert_true(count <= (int64_t)TN_COUNT(in));
    memcpy(in, x, (size_t)count * sizeof *in);
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value a = tn_input(g, "a", TN_F32, shape), b = layer(g, a, NULL);
    assert_ok(tn_plan_create(&p, g, d, &(tn_plan_opts){.keep = &b, .num_keep = 1}));
    assert_ok(tn_plan_set(p, a, (tn_tensor){TN_F32, shape, in}));
    assert_ok(tn_plan_evaluate(p));
    assert_ok(tn_plan_get(p, b, (tn_tensor){TN_F32, shape, y}));
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}
