/* pool2d with taps that lie apart, in blocks of channels and with the relu that it absorbs. On the CPU no other kernel but
 * the one of test_pool2d_blocked.c does it. */
#include <math.h>

#include "graph/op.h"
#include "lab_blocked.h"
#include "lab_pool.h"

enum { FILTERS = 19 }; /* no whole blocks */

static void check_maxima(const lab_op *op)
{
    const lab_case maxima[] = {
        {"small", X(1, 2, 4, 4), POOL(.kernel = {2}, .stride = {1}, .dilation = {2}),
         .f32_only = true},
        {"of each direction its own", X(1, 3, 7, 8),
         POOL(.kernel = {2, 3}, .stride = {1, 2}, .dilation = {3, 2}), .f32_only = true},
        {"side by side, and so with gaps in them", X(1, 3, 6, 9),
         POOL(.kernel = {2}, .stride = {3}, .dilation = {2}), .f32_only = true},
        {"padding, hanging over", X(1, 2, 8, 9),
         POOL(.kernel = {3}, .stride = {3, 2}, .pad = {3, 2}, .pad_extra = {-2, 1}, .dilation = {2},
              .ceil = true),
         .f32_only = true},
    };
    lab_check_op(op, maxima, TN_COUNT(maxima));
}

static tn_value build_behind(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_pool2d(g, lab_blocked(g, x[0], FILTERS), opts);
}

static void reference_behind(const lab_ref *r)
{
    const lab_ref behind = lab_behind_blocked(r);
    lab_pool_reference(&behind);
    free((void *)(uintptr_t)behind.x[0]);
}

static void agrees_in_blocks_of_channels(void **unused)
{
    (void)unused;
    static const lab_op behind = {
        .build = build_behind, .reference = reference_behind, .param = {{"weight"}}};
    const lab_case means[] = {
        {"mean", X(1, 3, 8, 9),
         POOL(.kind = TN_POOL_MEAN, .kernel = {2, 3}, .stride = {2, 1}, .pad = {2},
              .dilation = {3, 2})},
        {"with the padding, hanging over", X(1, 3, 8, 9),
         POOL(.kind = TN_POOL_MEAN_PAD, .kernel = {3, 2}, .stride = {3}, .pad = {2, 1},
              .pad_extra = {1, 0}, .dilation = {2, 3}, .ceil = true)},
    };
    check_maxima(&behind);
    lab_check_op(&behind, means, TN_COUNT(means));
}

static tn_value build_pool_relu(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_relu(g, tn_pool2d(g, x[0], opts), NULL);
}

static void reference_relu(const lab_ref *r)
{
    lab_pool_reference(r);
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++)
        r->y[i] = fmax(r->y[i], 0);
}

static void agrees_with_a_relu(void **unused)
{
    (void)unused;
    static const lab_op op = {.build = build_pool_relu, .reference = reference_relu};
    check_maxima(&op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_in_blocks_of_channels),
        cmocka_unit_test(agrees_with_a_relu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
