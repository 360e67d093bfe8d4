#include "lab_norm.h"

#include <math.h>

typedef struct channel {
    double mean, deviation;
} channel;

static int64_t count_of(const tn_shape *x)
{
    return x->ndim == 4 ? x->dim[0] * x->dim[2] * x->dim[3] : x->dim[0];
}

/* Number k of channel c. */
static int64_t at(const tn_shape *x, int64_t c, int64_t k)
{
    const int64_t area = count_of(x) / x->dim[0];
    return (k / area * x->dim[1] + c) * area + k % area;
}

static channel measure(const lab_norm *n, int64_t c)
{
    const int64_t count = count_of(&n->shape);
    double mean = 0, var = 0;
    for (int64_t k = 0; k < count; k++)
        mean += n->x[at(&n->shape, c, k)] / (double)count;
    for (int64_t k = 0; k < count; k++)
        var += pow(n->x[at(&n->shape, c, k)] - mean, 2) / (double)count;
    if (!n->measured) {
        mean = n->mean[c];
        var = n->var[c];
    }
    return (channel){mean, sqrt(var + (double)1e-5F)};
}

lab_norm lab_norm_of(const lab_ref *r, int x, int w, bool frozen)
{
    return (lab_norm){.x = r->x[x],
                      .shape = r->x_shape[x],
                      .weight = r->w[w],
                      .bias = r->w[w + 1],
                      .mean = r->w[w + 2],
                      .var = r->w[w + 3],
                      .measured = r->training && !frozen};
}

void lab_norm_forward(const lab_norm *n, double *y)
{
    for (int64_t c = 0; c < n->shape.dim[1]; c++) {
        const channel m = measure(n, c);
        for (int64_t k = 0; k < count_of(&n->shape); k++) {
            const int64_t i = at(&n->shape, c, k);
            y[i] = n->weight[c] * (n->x[i] - m.mean) / m.deviation + n->bias[c];
        }
    }
}

void lab_norm_backward(const lab_norm *n, const double *dy, double *dx, double *dweight,
                       double *dbias)
{
    const double M = (double)count_of(&n->shape);
    for (int64_t c = 0; c < n->shape.dim[1]; c++) {
        const channel m = measure(n, c);
        double even = 0, off = 0;
        for (int64_t k = 0; k < count_of(&n->shape); k++) {
            const int64_t i = at(&n->shape, c, k);
            even += dy[i];
            off += dy[i] * (n->x[i] - m.mean) / m.deviation;
        }
        if (dweight)
            dweight[c] += off;
        if (dbias)
            dbias[c] += even;
        for (int64_t k = 0; dx && k < count_of(&n->shape); k++) {
            const int64_t i = at(&n->shape, c, k);
            const double z = (n->x[i] - m.mean) / m.deviation;
            dx[i] +=
                n->weight[c] / m.deviation * (n->measured ? dy[i] - even / M - z * off / M : dy[i]);
        }
    }
}
