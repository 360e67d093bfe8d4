/* broadcast_to: dimensions of 1, and new ones in front; the gradient is a sum over them. */
#include "lab_index.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_broadcast_to(g, x[0], opts);
}

static bool from(const lab_ref *r, const int64_t *y, int64_t *x)
{
    const int ahead = r->y_shape.ndim - r->x_shape[0].ndim;
    for (int i = 0; i < r->x_shape[0].ndim; i++)
        x[i] = r->x_shape[0].dim[i] == 1 ? 0 : y[ahead + i];
    return true;
}

static void reference(const lab_ref *r)
{
    lab_move(r, from, 0);
}

#define TO(...)                        \
    .opts = &(tn_broadcast_to_opts)    \
    {                                  \
        .shape = TN_SHAPE(__VA_ARGS__) \
    }

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference};
    const lab_case cases[] = {
        {.why = "small: a row to rows", .x = {{{2, {1, 3}}, .no_batch = true}}, TO(2, 3)},
        {.why = "a column to columns", .x = {{{2, {4, 1}}, .no_batch = true}}, TO(4, 5)},
        {.why = "new dimensions in front", .x = {{{1, {7}}, .no_batch = true}}, TO(2, 3, 7)},
        {.why = "one number", .x = {{{1, {1}}, .no_batch = true}}, TO(3, 2, 5)},
        {.why = "as it is, said by 0", .x = {{{3, {2, 3, 4}}, .no_batch = true}}, TO(0, 3, 0)},
        {.why = "in the middle", .x = {{{3, {3, 1, 8}}, .no_batch = true}}, TO(3, 5, 8)},
        {.why = "every second dimension",
         .x = {{{5, {2, 1, 3, 1, 5}}, .no_batch = true}},
         TO(2, 4, 3, 2, 5)},
        {.why = "every other",
         .x = {{{5, {1, 3, 1, 2, 1}}, .no_batch = true}},
         TO(6, 2, 3, 4, 2, 5)},
        {.why = "long sums of columns", .x = {{{2, {1, 33}}, .no_batch = true}}, TO(9, 35, 33)},
        {.why = "long sums of rows", .x = {{{2, {3, 1}}, .no_batch = true}}, TO(3, 1500)},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void refuses(void **unused)
{
    (void)unused;
    LAB_REFUSES(TN_ERR_SHAPE, "2 x 3 cannot become 2 x 4", TN_SHAPE(2, 3),
                tn_broadcast_to(g, x, &(tn_broadcast_to_opts){.shape = TN_SHAPE(2, 4)}));
    LAB_REFUSES(TN_ERR_SHAPE, "2 x 3 cannot become 3", TN_SHAPE(2, 3),
                tn_broadcast_to(g, x, &(tn_broadcast_to_opts){.shape = TN_SHAPE(3)}));
    LAB_REFUSES(TN_ERR_SHAPE, "1 x 3 cannot become 0 x 0 x 3", TN_SHAPE(1, 3),
                tn_broadcast_to(g, x, &(tn_broadcast_to_opts){.shape = TN_SHAPE(0, 0, 3)}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "shape is a list of 0 numbers, not of 1 to 8", TN_SHAPE(1, 3),
                tn_broadcast_to(g, x, &(tn_broadcast_to_opts){.name = "b"}));
    LAB_REFUSES(TN_ERR_SHAPE, "more elements than can be counted", TN_SHAPE(1, 3),
                tn_broadcast_to(g, x, &(tn_broadcast_to_opts){.shape = TN_SHAPE(INT64_MAX, 3)}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
