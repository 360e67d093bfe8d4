#include "lab_binary.h"

#include "graph/op.h"
#include "lab_blocked.h"

/* Which element of x goes into element i of y. */
static int64_t element_of(const tn_shape *x, const tn_shape *y, int64_t i)
{
    int64_t at = 0, step = 1;
    for (int d = 1; d <= x->ndim; d++) {
        const int64_t dim = x->dim[x->ndim - d];
        at += i % y->dim[y->ndim - d] % dim * step;
        i /= y->dim[y->ndim - d];
        step *= dim;
    }
    return at;
}

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    const lab_binary *op = opts;
    return op->layer(g, x[0], x[num_x - 1], NULL);
}

static void reference(const lab_ref *r)
{
    const lab_binary *op = r->opts;
    const int last = r->num_x - 1;
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++)
        r->y[i] = op->formula(r->x[0][element_of(&r->x_shape[0], &r->y_shape, i)],
                              r->x[last][element_of(&r->x_shape[last], &r->y_shape, i)]);
}

/* ---- inputs ----------------------------------------------------------------------------------- */

static const struct {
    const char *why;
    tn_shape a, b; /* without b: the same value twice */
} shapes[] = {
    {"small", {2, {2, 3}}, {2, {2, 3}}},
    {"the same value twice: its gradients add up", {2, {3, 5}}, {0}},
    {"one element", {1, {1}}, {1, {1}}},
    {"one dimension, odd", {1, {1037}}, {1, {1037}}},
    {"six dimensions", {6, {2, 1, 3, 1, 2, 5}}, {6, {2, 1, 3, 1, 2, 5}}},
    {"a number a channel", {4, {2, 3, 5, 7}}, {3, {3, 1, 1}}},
    {"a number a channel, the other way round", {4, {1, 3, 1, 1}}, {4, {2, 3, 5, 7}}},
    {"a number a channel of each image", {4, {2, 8, 3, 4}}, {4, {2, 8, 1, 1}}},
    {"a number a pixel", {4, {2, 6, 3, 4}}, {4, {2, 1, 3, 4}}},
    {"a number an image", {4, {3, 4, 2, 3}}, {4, {3, 1, 1, 1}}},
    {"a number a column", {2, {7, 33}}, {1, {33}}},
    {"a number a row", {2, {33, 7}}, {2, {33, 1}}},
    {"a row to a column: neither is whole", {2, {1, 9}}, {2, {6, 1}}},
    {"one number to all", {3, {2, 3, 5}}, {1, {1}}},
    {"all to one number", {1, {1}}, {3, {2, 3, 5}}},
    {"every other dimension", {6, {2, 3, 2, 3, 2, 3}}, {6, {1, 3, 1, 3, 1, 3}}},
    {"both in turn", {5, {2, 1, 3, 1, 2}}, {5, {1, 4, 1, 5, 2}}},
    {"dimensions of 1 in front", {2, {4, 3}}, {5, {1, 1, 1, 4, 3}}},
    {"eight dimensions", {8, {2, 1, 2, 1, 2, 1, 2, 2}}, {8, {1, 2, 1, 2, 1, 2, 1, 2}}},
};

/* Sums that several threads share, and longer than what is summed up at once. */
static const struct {
    const char *why;
    tn_shape a, b;
} large[] = {
    {"one number to many", {2, {181, 257}}, {1, {1}}},
    {"a few columns of many rows", {2, {12011, 3}}, {1, {3}}},
    {"many columns", {2, {10, 1111}}, {2, {1, 1111}}},
    {"long rows", {2, {3, 5011}}, {2, {3, 1}}},
    {"channels of large images", {4, {2, 5, 31, 23}}, {3, {5, 1, 1}}},
    {"many channels of small images", {4, {2, 160, 3, 3}}, {4, {2, 160, 1, 1}}},
};

/* By differences of the formula: where it has a kink both ways are the same number. */
static void backward(const lab_ref *r)
{
    const lab_binary *op = r->opts;
    const double step = 1e-5;
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++) {
        const int64_t at[] = {element_of(&r->x_shape[0], &r->y_shape, i),
                              element_of(&r->x_shape[1], &r->y_shape, i)};
        const double a = r->x[0][at[0]], b = r->x[1][at[1]];
        r->dx[0][at[0]] +=
            r->dy[i] * (op->formula(a + step, b) - op->formula(a - step, b)) / (2 * step);
        r->dx[1][at[1]] +=
            r->dy[i] * (op->formula(a, b + step) - op->formula(a, b - step)) / (2 * step);
    }
}

/* Has it not y's dimension 0? */
static bool has_no_batch(tn_shape x, tn_shape other)
{
    return x.ndim < other.ndim || (x.ndim == other.ndim && x.dim[0] == 1 && other.dim[0] > 1);
}

static lab_case case_of(const lab_binary *op, const char *why, tn_shape a, tn_shape b)
{
    return (lab_case){
        .why = why,
        .x = {{.shape = a,
               .low = op->low[0],
               .high = op->high[0],
               .no_batch = has_no_batch(a, b),
               .apart = true},
              {.shape = b,
               .low = op->low[1],
               .high = op->high[1],
               .no_batch = has_no_batch(b, a),
               .apart = true}},
        .opts = op,
    };
}

/* ---- blocks of channels ----------------------------------------------------------------------- */

typedef struct setup {
    const lab_binary *op;
    int filters;
    bool second, both; /* the convolution makes the second input; makes both of them */
} setup;

static tn_value build_behind(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    const setup *s = opts;
    const tn_value y = lab_blocked(g, x[0], s->filters);
    (void)num_x;
    return s->both     ? s->op->layer(g, y, y, NULL)
           : s->second ? s->op->layer(g, x[1], y, NULL)
                       : s->op->layer(g, y, x[1], NULL);
}

static void reference_behind(const lab_ref *r)
{
    const setup *s = r->opts;
    lab_ref behind = lab_behind_blocked(r);
    void *made = (void *)(uintptr_t)behind.x[0];
    behind.opts = s->op;
    if (s->both) {
        behind.num_x = 1;
    } else if (s->second) {
        const tn_shape shape = behind.x_shape[0];
        behind.x_shape[0] = behind.x_shape[1];
        behind.x_shape[1] = shape;
        behind.x[1] = behind.x[0];
        behind.x[0] = r->x[1];
    }
    reference(&behind);
    free(made);
}

/* Of a formula that takes all numbers: a convolution makes some of either sign. */
static void check_blocks(const lab_binary *op)
{
    static const lab_op behind = {
        .build = build_behind, .reference = reference_behind, .param = {{"weight"}}};
    const setup whole = {op, 32, .second = false}, odd = {op, 19, .second = false};
    const setup second = {op, 32, .second = true}, odd_second = {op, 19, .second = true};
    const setup twice = {op, 16, .both = true}, odd_twice = {op, 5, .both = true};
    const lab_tensor image = {{4, {2, 3, 3, 5}}}, channel = {{3, {32, 1, 1}}, .no_batch = true};
    const lab_tensor odd_channel = {{3, {19, 1, 1}}, .no_batch = true};
    lab_case cases[] = {
        {"small", {image, {{4, {2, 32, 1, 1}}}}, &whole},
        {"a number a channel", {image, channel}, &whole},
        {"a number a channel, no whole blocks", {image, odd_channel}, &odd},
        {"a number a pixel", {image, {{4, {2, 1, 3, 5}}}}, &whole},
        {"a number for each of an image", {image, {{3, {32, 3, 5}}, .no_batch = true}}, &whole},
        {"a number a row, no whole blocks", {image, {{2, {3, 1}}, .no_batch = true}}, &odd},
        {"one number", {image, {{1, {1}}, .no_batch = true}}, &whole},
        {"all", {image, {{4, {2, 32, 3, 5}}}}, &whole},
        {"all, no whole blocks", {image, {{4, {2, 19, 3, 5}}}}, &odd},
        {"behind it a number a channel", {image, channel}, &second},
        {"behind it a number a channel, no whole blocks", {image, odd_channel}, &odd_second},
        {"one value twice", {image}, &twice},
        {"one value twice, no whole blocks", {image}, &odd_twice},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        cases[i].f32_only = i > 1;
    lab_check_op(&behind, cases, TN_COUNT(cases));
}

/* ---- all of it -------------------------------------------------------------------------------- */

static void check_refusals(const lab_binary *op)
{
    static const struct {
        tn_shape a, b;
        tn_dtype dtype;
        tn_status status;
        const char *says;
    } cases[] = {
        {{2, {2, 3}}, {2, {3, 2}}, TN_F32, TN_ERR_SHAPE, "2 x 3 and 3 x 2"},
        {{4, {2, 3, 4, 5}}, {1, {3}}, TN_F32, TN_ERR_SHAPE, "in line, 5 stands over 3"},
        {{1, {2}}, {1, {2}}, TN_I32, TN_ERR_ARGUMENT, "input 1 is i32, not f32"},
        {{2, {INT64_MAX / 8, 1}}, {2, {1, 64}}, TN_F32, TN_ERR_SHAPE, "more elements than can be"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g;
        assert_ok(tn_graph_create(&g));
        op->layer(g, tn_input(g, "a", TN_F32, cases[i].a),
                  tn_input(g, "b", cases[i].dtype, cases[i].b), NULL);
        assert_fails(tn_graph_status(g), cases[i].status, cases[i].says);
        tn_graph_destroy(g);
    }
}

void lab_check_binary(const lab_binary *op)
{
    const lab_op small = {.build = build, .reference = reference};
    const lab_op big = {.build = build, .reference = reference, .backward = backward};
    lab_case cases[TN_COUNT(shapes)], larger[TN_COUNT(large)];
    for (size_t i = 0; i < TN_COUNT(shapes); i++)
        cases[i] = case_of(op, shapes[i].why, shapes[i].a, shapes[i].b);
    for (size_t i = 0; i < TN_COUNT(large); i++)
        larger[i] = case_of(op, large[i].why, large[i].a, large[i].b);
    for (size_t i = 0; i < TN_COUNT(large); i++)
        larger[i].f32_only = true;
    lab_check_op(&small, cases, TN_COUNT(cases));
    lab_check_big(&big, larger, TN_COUNT(larger));
    if (op->in_blocks)
        check_blocks(op);
    check_refusals(op);
}
