/* pad: a constant around x, in some dimensions or in all. */
#include "lab_index.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_pad(g, x[0], opts);
}

static bool from(const lab_ref *r, const int64_t *y, int64_t *x)
{
    const tn_pad_opts *o = r->opts;
    bool inside = true;
    for (int i = 0; i < r->x_shape[0].ndim; i++) {
        x[i] = y[i] - (i < o->before.ndim ? o->before.dim[i] : 0);
        inside = inside && x[i] >= 0 && x[i] < r->x_shape[0].dim[i];
    }
    return inside;
}

static void reference(const lab_ref *r)
{
    const float value = ((const tn_pad_opts *)r->opts)->value;
    lab_move(r, from, value == (float)TN_ZERO ? 0 : (double)value);
}

#define PAD(...)           \
    .opts = &(tn_pad_opts) \
    {                      \
        __VA_ARGS__        \
    }

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference};
    const lab_case cases[] = {
        {.why = "small",
         .x = {{{2, {2, 3}}}},
         PAD(.before = TN_SHAPE(1, 0), .after = TN_SHAPE(0, 2))},
        {.why = "a value of its own",
         .x = {{{2, {3, 5}}}},
         PAD(.before = TN_SHAPE(2), .after = TN_SHAPE(1, 1), .value = -1.5f)},
        {.why = "0, said as TN_ZERO",
         .x = {{{2, {2, 3}}}},
         PAD(.before = TN_SHAPE(1, 1), .value = TN_ZERO)},
        {.why = "a picture",
         .x = {{{4, {2, 3, 5, 4}}}},
         PAD(.before = TN_SHAPE(0, 0, 1, 2), .after = TN_SHAPE(0, 0, 2, 1))},
        {.why = "whole vectors", .x = {{{3, {2, 8, 16}}}}, PAD(.before = TN_SHAPE(0, 1, 16))},
        {.why = "more channels", .x = {{{4, {2, 16, 4, 4}}}}, PAD(.after = TN_SHAPE(0, 16))},
        {.why = "one dimension", .x = {{{1, {1}}}}, PAD(.before = TN_SHAPE(7))},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* c b a b c, of positions that may be below 0 or behind the last. */
static bool from_mirror(const lab_ref *r, const int64_t *y, int64_t *x)
{
    const tn_pad_opts *o = r->opts;
    for (int i = 0; i < r->x_shape[0].ndim; i++) {
        const int64_t last = r->x_shape[0].dim[i] - 1;
        x[i] = y[i] - (i < o->before.ndim ? o->before.dim[i] : 0);
        if (x[i] < 0)
            x[i] = o->kind == TN_PAD_EDGE ? 0 : -x[i];
        if (x[i] > last)
            x[i] = o->kind == TN_PAD_EDGE ? last : 2 * last - x[i];
    }
    return true;
}

static void reference_mirror(const lab_ref *r)
{
    lab_move(r, from_mirror, 0);
}

static void mirrors(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build, .reference = reference_mirror};
    const lab_case cases[] = {
        {.why = "small, the nearest",
         .x = {{{2, {2, 3}}}},
         PAD(.kind = TN_PAD_EDGE, .before = TN_SHAPE(1, 0), .after = TN_SHAPE(0, 2))},
        {.why = "a picture, the nearest",
         .x = {{{4, {2, 3, 5, 4}}}},
         PAD(.kind = TN_PAD_EDGE, .before = TN_SHAPE(0, 0, 1, 6), .after = TN_SHAPE(0, 0, 2, 1))},
        {.why = "a picture, as in a mirror",
         .x = {{{4, {2, 3, 5, 4}}}},
         PAD(.kind = TN_PAD_REFLECT, .before = TN_SHAPE(0, 0, 1, 3),
             .after = TN_SHAPE(0, 0, 4, 3))},
        {.why = "as in a mirror, behind alone",
         .x = {{{2, {4, 3}}}},
         PAD(.kind = TN_PAD_REFLECT, .after = TN_SHAPE(2))},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

static void refuses(void **unused)
{
    (void)unused;
    LAB_REFUSES(TN_ERR_ARGUMENT, "pad1: neither before nor after is given", TN_SHAPE(2, 3),
                tn_pad(g, x, &(tn_pad_opts){.value = 1}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "-1 before and 0 after dimension 1", TN_SHAPE(2, 3),
                tn_pad(g, x, &(tn_pad_opts){.before = TN_SHAPE(0, -1)}));
    LAB_REFUSES(TN_ERR_SHAPE, "dimension 0 would be more than 2^63", TN_SHAPE(2, 3),
                tn_pad(g, x, &(tn_pad_opts){.after = TN_SHAPE(INT64_MAX - 1)}));
    LAB_REFUSES(TN_ERR_SHAPE,
                "pad pad1: 9223372036854775807 x 3 has more elements than can be counted",
                TN_SHAPE(2, 3), tn_pad(g, x, &(tn_pad_opts){.after = TN_SHAPE(INT64_MAX - 2)}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "pad1: 7 is no kind", TN_SHAPE(2, 3),
                tn_pad(g, x, &(tn_pad_opts){.kind = 7, .after = TN_SHAPE(1)}));
    LAB_REFUSES(TN_ERR_SHAPE, "pad p: 0 before and 2 after dimension 0, of 2, are not from 0 to 1",
                TN_SHAPE(2, 3),
                tn_pad(g, x, &(tn_pad_opts){"p", TN_PAD_REFLECT, .after = TN_SHAPE(2)}));
    LAB_REFUSES(TN_ERR_ARGUMENT, "before and after are 0 and 3 numbers, x is 2 x 3", TN_SHAPE(2, 3),
                tn_pad(g, x, &(tn_pad_opts){"p", TN_PAD_EDGE, .after = TN_SHAPE(1, 1, 1)}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(mirrors),
        cmocka_unit_test(refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
