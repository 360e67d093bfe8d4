/* sin: against its formula in double, over shapes and layouts; a NaN stays one. */
#include <math.h>

#include "graph/op.h"
#include "lab_activation.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x, (void)opts;
    return tn_sin(g, x[0], NULL);
}

static void reference(const lab_ref *r)
{
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++)
        r->y[i] = sin(r->x[0][i]);
}

static const lab_op op = {.build = build, .reference = reference};

/* Small ones, where the formula changes, and large ones. */
static void keeps_its_digits(void)
{
    static const float x[] = {1e-20F, -1e-6F, 0.7F, 0.8F, 3, -100, 1e6F};
    lab_check_digits(&op, x, TN_COUNT(x));
}

int main(void)
{
    static const lab_case wide = {.why = "more than a turn",
                                  .x = {{{2, {11, 13}}, .low = -9, .high = 9}}};
    return lab_activation_main(&op, &wide, 1, keeps_its_digits);
}
