/* conv2d by Winograd's method: against loops in double wherever it can be taken, how far it errs, and when
 * the rule takes it. */
#include <math.h>

#include "backends/cpu/_winograd_passes.h"
#include "lab_conv.h"

/* Sizes around the 4 pixels of a tile, images that share one, all that surrounds a window. */
static const lab_case cases[] = {
    {.why = "one tile exactly",
     .x = {{{4, {1, 16, 4, 4}}}},
     .opts = OPTS(.filters = 16, .kernel = {3}, .pad = {1})},
    {.why = "a tile and a pixel; blocks of channels; relu",
     .x = {{{4, {2, 32, 5, 6}}}},
     .opts = RELU(.filters = 48, .kernel = {3}, .pad = {1})},
    {.why = "1 x 1 images, of whose windows only the middle counts",
     .x = {{{4, {5, 16, 1, 1}}}},
     .opts = RELU(.filters = 16, .kernel = {3}, .pad = {1})},
    {.why = "without padding",
     .x = {{{4, {3, 16, 9, 7}}}},
     .opts = OPTS(.filters = 32, .kernel = {3})},
    {.why = "the window is all of x: one pixel comes out",
     .x = {{{4, {2, 16, 3, 3}}}},
     .opts = OPTS(.filters = 16, .kernel = {3})},
    {.why = "as much padding as there can be, not the same in both directions",
     .x = {{{4, {2, 16, 6, 5}}}},
     .opts = OPTS(.filters = 16, .kernel = {3}, .pad = {2, 0})},
    {.why = "4 images share a sheet in both directions: AlexNet's third layer, fewer channels",
     .x = {{{4, {4, 16, 13, 13}}}},
     .opts = RELU(.filters = 32, .kernel = {3}, .pad = {1})},
    {.why = "sheets of 3 images in a row, no bias",
     .x = {{{4, {9, 16, 2, 3}}}},
     .opts = OPTS(.filters = 16, .kernel = {3}, .pad = {1}, .no_bias = true)},
    {.why = "5 x 5: AlexNet's second layer, smaller",
     .x = {{{4, {2, 16, 11, 11}}}},
     .opts = RELU(.filters = 48, .kernel = {5}, .pad = {2})},
    {.why = "5 x 5 without padding, and images of another shape",
     .x = {{{4, {3, 16, 8, 13}}}},
     .opts = OPTS(.filters = 16, .kernel = {5})},
    {.why = "5 x 5 over a single pixel",
     .x = {{{4, {2, 16, 1, 1}}}},
     .opts = OPTS(.filters = 16, .kernel = {5}, .pad = {2})},
    {.why = "2 groups",
     .x = {{{4, {2, 32, 7, 7}}}},
     .opts = RELU(.filters = 64, .kernel = {5}, .pad = {2}, .groups = 2)},
    {.why = "3 groups, uneven ones",
     .x = {{{4, {2, 48, 6, 5}}}},
     .opts = OPTS(.filters = 96, .kernel = {3}, .pad = {1}, .groups = 3)},
    {.why = "several blocks of tiles, the last one smaller",
     .x = {{{4, {3, 16, 45, 39}}}},
     .opts = RELU(.filters = 16, .kernel = {3}, .pad = {1})},
    {.why = "bias frozen",
     .x = {{{4, {2, 16, 5, 5}}}},
     .opts = OPTS(.filters = 16, .kernel = {3}, .bias = {.frozen = true})},
    {.why = "weights frozen, bias not",
     .x = {{{4, {2, 16, 5, 5}}}},
     .opts = RELU(.filters = 16, .kernel = {3}, .weight = {.frozen = true})},
    {.why = "all frozen",
     .x = {{{4, {2, 16, 5, 5}}}},
     .opts =
         RELU(.filters = 16, .kernel = {3}, .weight = {.frozen = true}, .bias = {.frozen = true})},
};

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    lab_case all[TN_COUNT(cases)];
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        all[i] = cases[i];
        all[i].big = true;
        all[i].f32_only = true; /* GPUs have seen such cases in test_conv2d */
    }
    tn_wino_always = true;
    lab_check_op(&lab_conv_op, all, TN_COUNT(all));
    tn_wino_always = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
