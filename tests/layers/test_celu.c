/* celu: against its formula in double, over shapes and layouts; a NaN stays one. */
#include <math.h>

#include "graph/op.h"
#include "lab_activation.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x;
    return tn_celu(g, x[0], opts);
}

static void reference(const lab_ref *r)
{
    const tn_celu_opts *o = r->opts;
    const double alpha = lab_option(o ? o->alpha : 0, 1);
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++)
        r->y[i] = r->x[0][i] > 0 ? r->x[0][i] : alpha * expm1(r->x[0][i] / alpha);
}

static const lab_op op = {.build = build, .reference = reference};

static void refuses(void)
{
    lab_check_refused(&op, &(tn_celu_opts){.alpha = -1}, "celu1: alpha -1 is not above 0");
    lab_check_refused(&op, &(tn_celu_opts){.alpha = TN_ZERO}, "alpha 0 is not");
    lab_check_refused(&op, &(tn_celu_opts){.alpha = NAN}, "alpha nan is not");
    lab_check_refused(&op, &(tn_celu_opts){.alpha = INFINITY}, "alpha inf is not");
}

int main(void)
{
    static const tn_celu_opts steep = {.alpha = 1.5F}, flat = {.alpha = 0.25F};
    static const lab_case cases[] = {
        {.why = "alpha above 1",
         .x = {{{2, {11, 13}}, .low = -4, .high = 4, .apart = true}},
         .opts = &steep},
        {.why = "alpha below 1",
         .x = {{{2, {11, 13}}, .low = -4, .high = 4, .apart = true}},
         .opts = &flat},
    };
    return lab_activation_main(&op, cases, TN_COUNT(cases), refuses);
}
