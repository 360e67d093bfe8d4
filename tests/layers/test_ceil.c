/* ceil: against its formula, at steps and far from them; its gradient is 0, and a NaN stays one. */
#include <math.h>

#include "graph/op.h"
#include "lab_activation.h"

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    (void)num_x, (void)opts;
    return tn_ceil(g, x[0], NULL);
}

static void reference(const lab_ref *r)
{
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++)
        r->y[i] = ceil(r->x[0][i]);
}

static void backward(const lab_ref *r)
{
    (void)r; /* 0 everywhere */
}

static const lab_op op = {.build = build, .reference = reference, .backward = backward};

int main(void)
{
    return lab_steps_main(&op);
}
