/* mish: against its formula in double, over shapes and layouts; a NaN stays one. */
#include <math.h>

#include "graph/op.h"
#include "lab_activation.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x, (void)opts;
    return tn_mish(g, x[0], NULL);
}

static void reference(const lab_ref *r)
{
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++)
        r->y[i] = r->x[0][i] * tanh(r->x[0][i] > 0 ? r->x[0][i] + log1p(exp(-r->x[0][i]))
                                                   : log1p(exp(r->x[0][i])));
}

static const lab_op op = {.build = build, .reference = reference};

int main(void)
{
    static const lab_case wide = {.why = "where it bends",
                                  .x = {{{2, {11, 13}}, .low = -25, .high = 25, .apart = true}}};
    return lab_activation_main(&op, &wide, 1, NULL);
}
