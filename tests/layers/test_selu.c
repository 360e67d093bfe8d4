/* selu: against its formula in double, over shapes and layouts; a NaN stays one. */
#include <math.h>

#include "graph/op.h"
#include "lab_activation.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_selu(g, x[0], opts);
}

static void reference(const lab_ref *r)
{
    const tn_selu_opts *o = r->opts;
    const double alpha = lab_option(o ? o->alpha : 0, 1.67326319217681884765625F),
                 gamma = lab_option(o ? o->gamma : 0, 1.05070102214813232421875F);
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++)
        r->y[i] = gamma * (r->x[0][i] > 0 ? r->x[0][i] : alpha * expm1(r->x[0][i]));
}

static const lab_op op = {.build = build, .reference = reference};

static void refuses(void)
{
    lab_check_refused(&op, &(tn_selu_opts){.alpha = -1}, "selu1: alpha -1 is below 0");
    lab_check_refused(&op, &(tn_selu_opts){.gamma = TN_ZERO}, "gamma 0 is not above it");
    lab_check_refused(&op, &(tn_selu_opts){.alpha = NAN}, "alpha nan is");
    lab_check_refused(&op, &(tn_selu_opts){.gamma = INFINITY}, "gamma inf is not");
}

int main(void)
{
    static const tn_selu_opts other = {.alpha = 2, .gamma = 3},
                              scaled = {.alpha = TN_ZERO, .gamma = 0.5F};
    static const lab_case cases[] = {
        {.why = "other numbers",
         .x = {{{2, {11, 13}}, .low = -4, .high = 4, .apart = true}},
         .opts = &other},
        {.why = "alpha 0: a relu, scaled",
         .x = {{{2, {11, 13}}, .low = -4, .high = 4, .apart = true}},
         .opts = &scaled},
    };
    return lab_activation_main(&op, cases, TN_COUNT(cases), refuses);
}
