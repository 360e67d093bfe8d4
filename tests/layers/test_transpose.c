/* transpose: every order of dimensions, in sizes that fill no tile and no vector. */
#include "lab_index.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_transpose(g, x[0], opts);
}

static bool from(const lab_ref *r, const int64_t *y, int64_t *x)
{
    const tn_transpose_opts *o = r->opts;
    const int ndim = r->x_shape[0].ndim;
    for (int i = 0; i < ndim; i++)
        x[o && o->axes.ndim ? (o->axes.dim[i] + ndim) % ndim : ndim - 1 - i] = y[i];
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
    const lab_case cases[] = {
        {.why = "small, the other way round", .x = {{{2, {2, 3}}, .no_batch = true}}},
        {.why = "one dimension", .x = {{{1, {5}}, .no_batch = true}}},
        {.why = "nothing changes",
         .x = {{{3, {2, 3, 4}}, .no_batch = true}},
         .opts = &(tn_transpose_opts){.axes = TN_SHAPE(0, 1, 2)}},
        {.why = "the other way round", .x = {{{4, {2, 3, 4, 5}}, .no_batch = true}}},
        {.why = "heads of attention",
         .x = {{{4, {2, 7, 3, 16}}, .no_batch = true}},
         .opts = &(tn_transpose_opts){.axes = TN_SHAPE(0, 2, 1, 3)}},
        {.why = "images to channels last, an axis from behind",
         .x = {{{4, {2, 5, 7, 9}}, .no_batch = true}},
         .opts = &(tn_transpose_opts){.axes = TN_SHAPE(0, 2, 3, -3)}},
        {.why = "tiles, not whole", .x = {{{2, {37, 70}}, .no_batch = true}}},
        {.why = "tiles of several matrices",
         .x = {{{3, {3, 33, 17}}, .no_batch = true}},
         .opts = &(tn_transpose_opts){.axes = TN_SHAPE(0, 2, 1)}},
        {.why = "the last is not the first",
         .x = {{{3, {6, 17, 19}}, .no_batch = true}},
         .opts = &(tn_transpose_opts){.axes = TN_SHAPE(2, 0, 1)}},
        {.why = "dimensions of 1",
         .x = {{{5, {1, 4, 1, 3, 1}}, .no_batch = true}},
         .opts = &(tn_transpose_opts){.axes = TN_SHAPE(4, 3, 2, 1, 0)}},
        {.why = "eight dimensions",
         .x = {{{8, {2, 1, 3, 2, 1, 2, 3, 2}}, .no_batch = true}},
         .opts = &(tn_transpose_opts){.axes = TN_SHAPE(7, 0, 2, 4, 6, 1, 5, 3)}},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void refuses(void **unused)
{
    (void)unused;
    LAB_REFUSES(TN_ERR_ARGUMENT, "axes is a list of 2 numbers, not of 3 to 3", TN_SHAPE(2, 3, 4),
                tn_transpose(g, x, &(tn_transpose_opts){.axes = TN_SHAPE(1, 0)}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "axis 1 is there twice", TN_SHAPE(2, 3),
                tn_transpose(g, x, &(tn_transpose_opts){.axes = TN_SHAPE(1, -1)}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "x is 2 x 3, which has no axis 2", TN_SHAPE(2, 3),
                tn_transpose(g, x, &(tn_transpose_opts){.axes = TN_SHAPE(0, 2)}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "axes is a list of 9 numbers", TN_SHAPE(2, 3),
                tn_transpose(g, x, &(tn_transpose_opts){.axes = {9, {0}}}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
