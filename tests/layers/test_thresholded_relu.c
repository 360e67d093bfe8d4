/* thresholded_relu: against its formula in double, over shapes and layouts; a NaN stays one. */
#include <math.h>

#include "graph/op.h"
#include "lab_activation.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_thresholded_relu(g, x[0], opts);
}

static void reference(const lab_ref *r)
{
    const tn_thresholded_relu_opts *o = r->opts;
    const double alpha = lab_option(o ? o->alpha : 0, 1);
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++)
        r->y[i] = r->x[0][i] > alpha ? r->x[0][i] : r->x[0][i] <= alpha ? 0 : (double)NAN;
}

static const lab_op op = {.build = build, .reference = reference};

static void refuses(void)
{
    lab_check_refused(&op, &(tn_thresholded_relu_opts){.alpha = NAN},
                      "thresholded_relu1: alpha is nan");
    lab_check_refused(&op, &(tn_thresholded_relu_opts){.alpha = -INFINITY}, "alpha is -inf");
}

int main(void)
{
    static const tn_thresholded_relu_opts none = {.alpha = TN_ZERO}, below = {.alpha = -1.03F},
                                          usual = {0};
    static const lab_case cases[] = {
        {.why = "alpha 0: a relu",
         .x = {{{2, {11, 13}}, .low = -4, .high = 4, .apart = true}},
         .opts = &none},
        {.why = "alpha below 0: what is between stays",
         .x = {{{2, {11, 13}}, .low = -4, .high = 4, .apart = true}},
         .opts = &below},
        {.why = "the default",
         .x = {{{2, {11, 13}}, .low = -4, .high = 4, .apart = true}},
         .opts = &usual},
    };
    return lab_activation_main(&op, cases, TN_COUNT(cases), refuses);
}
