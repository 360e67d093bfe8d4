/* slice: as NumPy reads begin, end and step; and split, which is made of slices. */
#include <string.h>

#include "lab_index.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_slice(g, x[0], opts);
}

/* Where the slice of a dimension begins, for the cases here: begin from behind, or where all is taken from. */
static bool from(const lab_ref *r, const int64_t *y, int64_t *x)
{
    const tn_slice_opts *o = r->opts;
    for (int i = 0; i < r->x_shape[0].ndim; i++) {
        const int64_t size = r->x_shape[0].dim[i], step = i < o->step.ndim ? o->step.dim[i] : 1;
        int64_t begin = i < o->begin.ndim ? o->begin.dim[i] : step > 0 ? 0 : size - 1;
        begin += begin < 0 ? size : 0;
        begin = begin < 0 ? 0 : begin >= size ? size - 1 : begin;
        x[i] = begin + y[i] * step;
    }
    return true;
}

static void reference(const lab_ref *r)
{
    lab_move(r, from, 0);
}

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference};
#define SLICE(...)           \
    .opts = &(tn_slice_opts) \
    {                        \
        __VA_ARGS__          \
    }
    const lab_case cases[] = {
        {.why = "small",
         .x = {{{2, {3, 4}}}},
         SLICE(.begin = TN_SHAPE(1, 1), .end = TN_SHAPE(3, 3))},
        {.why = "all of it", .x = {{{2, {3, 4}}}}, SLICE(.begin = TN_SHAPE(0))},
        {.why = "the first rows", .x = {{{3, {5, 4, 8}}}}, SLICE(.end = TN_SHAPE(3))},
        {.why = "channels in the middle",
         .x = {{{4, {2, 16, 3, 5}}}},
         SLICE(.begin = TN_SHAPE(0, 4), .end = TN_SHAPE(INT64_MAX, 12))},
        {.why = "a crop",
         .x = {{{4, {2, 3, 7, 9}}}},
         SLICE(.begin = TN_SHAPE(0, 0, 1, 2), .end = TN_SHAPE(2, 3, -1, -2))},
        {.why = "every second",
         .x = {{{3, {2, 7, 9}}}},
         SLICE(.begin = TN_SHAPE(0, 1), .step = TN_SHAPE(1, 2, 3))},
        {.why = "backwards", .x = {{{2, {4, 9}}}}, SLICE(.step = TN_SHAPE(-1, -2))},
        {.why = "backwards, to the first",
         .x = {{{2, {4, 9}}}},
         SLICE(.begin = TN_SHAPE(2, -2), .end = TN_SHAPE(INT64_MIN, -8), .step = TN_SHAPE(-2, -1))},
        {.why = "out of range on both sides",
         .x = {{{1, {6}}}},
         SLICE(.begin = TN_SHAPE(-100), .end = TN_SHAPE(100), .step = TN_SHAPE(INT64_MAX))},
        {.why = "one token", .x = {{{3, {3, 17, 24}}}}, SLICE(.end = TN_SHAPE(3, 1))},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* ---- split ---------------------------------------------------------------------------------- */

/* The parts, the last one first, next to each other again. */
static tn_value build_split(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    const tn_split_opts *o = opts;
    const int parts = o->count ? o->count : o->sizes.ndim;
    tn_value part[8], turned[8];
    (void)num_x;
    tn_split(g, x[0], o, part);
    for (int i = 0; i < parts; i++)
        turned[i] = part[parts - 1 - i];
    return tn_concat(g, parts, turned, &(tn_concat_opts){.axis = o->axis});
}

static bool from_split(const lab_ref *r, const int64_t *y, int64_t *x)
{
    const tn_split_opts *o = r->opts;
    const int ndim = r->x_shape[0].ndim, parts = o->count ? o->count : o->sizes.ndim;
    const int axis = o->axis == TN_ZERO ? 0 : o->axis == 0 ? 1 : (o->axis + ndim) % ndim;
    const int64_t size = r->x_shape[0].dim[axis];
    memcpy(x, y, TN_MAX_DIMS * sizeof *x);
    int64_t at = y[axis], begin = size;
    for (int i = parts - 1; i >= 0; i--) {
        const int64_t each = o->count ? size / parts : o->sizes.dim[i];
        begin -= each;
        if (at < each) {
            x[axis] = begin + at;
            break;
        }
        at -= each;
    }
    return true;
}

static void reference_split(const lab_ref *r)
{
    lab_move(r, from_split, 0);
}

static void splits(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build_split, .reference = reference_split};
#define SPLIT(...)           \
    .opts = &(tn_split_opts) \
    {                        \
        __VA_ARGS__          \
    }
    const lab_case cases[] = {
        {.why = "small, equal parts", .x = {{{2, {2, 6}}}}, SPLIT(.count = 3)},
        {.why = "rows, of their sizes",
         .x = {{{2, {6, 2}}}},
         SPLIT(.axis = TN_ZERO, .sizes = TN_SHAPE(1, 3, 2))},
        {.why = "queries, keys and values",
         .x = {{{3, {2, 5, 24}}}},
         SPLIT("qkv", .axis = -1, .count = 3)},
        {.why = "channels", .x = {{{4, {2, 48, 3, 3}}}}, SPLIT(.sizes = TN_SHAPE(16, 32))},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void split_refuses(const char *says, tn_status status, const tn_split_opts *opts)
{
    tn_graph *g = NULL;
    tn_value part[8];
    memset(part, 0xff, sizeof part);
    assert_ok(tn_graph_create(&g));
    tn_split(g, tn_input(g, "x", TN_F32, TN_SHAPE(2, 6)), opts, part);
    assert_fails(tn_graph_status(g), status, says);
    const int parts = !opts ? 0 : opts->count > 0 ? opts->count : opts->sizes.ndim;
    for (int i = 0; i < parts; i++)
        assert_int_equal(part[i].id, 0);
    tn_graph_destroy(g);
}

static void refuses_to_split(void **unused)
{
    (void)unused;
    split_refuses("either a count or up to 8 sizes are needed, not 0 and 0", TN_ERR_ARGUMENT, NULL);
    split_refuses("split s: either a count or up to 8 sizes are needed, not 2 and 2",
                  TN_ERR_ARGUMENT, &(tn_split_opts){"s", .count = 2, .sizes = TN_SHAPE(3, 3)});
    split_refuses("split s: x is 2 x 6, which has no axis 2", TN_ERR_ARGUMENT,
                  &(tn_split_opts){"s", .axis = 2, .count = 2});
    split_refuses("dimension 1 of 2 x 6 is not 4 equal parts", TN_ERR_SHAPE,
                  &(tn_split_opts){"s", .count = 4});
    split_refuses("parts of 2 x 3 are not all of dimension 1 of 2 x 6", TN_ERR_SHAPE,
                  &(tn_split_opts){"s", .sizes = TN_SHAPE(2, 3)});
    split_refuses("parts of 2 x 5 are not all of dimension 1 of 2 x 6", TN_ERR_SHAPE,
                  &(tn_split_opts){"s", .sizes = TN_SHAPE(2, 5)});
}

static void refuses(void **unused)
{
    (void)unused;
    LAB_REFUSES(TN_ERR_ARGUMENT, "slice slice1: the options are NULL", TN_SHAPE(2, 3),
                tn_slice(g, x, NULL));
    LAB_REFUSES(TN_ERR_ARGUMENT, "slice1: a step of 0", TN_SHAPE(2, 3),
                tn_slice(g, x, &(tn_slice_opts){.step = TN_SHAPE(1, 0)}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "a step of -9223372036854775808", TN_SHAPE(2, 3),
                tn_slice(g, x, &(tn_slice_opts){.step = TN_SHAPE(INT64_MIN)}));
    LAB_REFUSES(TN_ERR_SHAPE, "of dimension 1 of 2 x 3 nothing is left", TN_SHAPE(2, 3),
                tn_slice(g, x, &(tn_slice_opts){.begin = TN_SHAPE(0, 2), .end = TN_SHAPE(2, -1)}));
    LAB_REFUSES(
        TN_ERR_SHAPE, "of dimension 0 of 2 x 3 nothing is left", TN_SHAPE(2, 3),
        tn_slice(g, x,
                 &(tn_slice_opts){.begin = TN_SHAPE(0), .step = TN_SHAPE(-1), .end = TN_SHAPE(1)}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "end is a list of 3 numbers, not of 0 to 2", TN_SHAPE(2, 3),
                tn_slice(g, x, &(tn_slice_opts){.end = TN_SHAPE(1, 1, 1)}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(refuses),
        cmocka_unit_test(splits),
        cmocka_unit_test(refuses_to_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
