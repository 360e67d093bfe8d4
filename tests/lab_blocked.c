#include "lab_blocked.h"

#include "lab_answers.h"

tn_value lab_blocked(tn_graph *g, tn_value x, int filters)
{
    return tn_conv2d(
        g, x,
        &(tn_conv2d_opts){.name = "first", .filters = filters, .kernel = {1}, .no_bias = true});
}

lab_ref lab_behind_blocked(const lab_ref *r)
{
    const int64_t N = r->x_shape[0].dim[0], C = r->x_shape[0].dim[1], K = r->w_shape[0].dim[0];
    const int64_t area = r->x_shape[0].dim[2] * r->x_shape[0].dim[3];
    double *y = lab_take(N * K * area, sizeof *y);
    for (int64_t n = 0; n < N; n++)
        for (int64_t k = 0; k < K; k++)
            for (int64_t c = 0; c < C; c++)
                for (int64_t i = 0; i < area; i++)
                    y[(n * K + k) * area + i] +=
                        r->w[0][k * C + c] * r->x[0][(n * C + c) * area + i];
    lab_ref behind = *r;
    behind.x[0] = y;
    behind.x_shape[0].dim[1] = K;
    for (int i = 0; i + 1 < LAB_MAX_W; i++) {
        behind.w[i] = r->w[i + 1];
        behind.w_shape[i] = r->w_shape[i + 1];
    }
    return behind;
}
