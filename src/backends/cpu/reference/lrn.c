/*
 * lrn: y[c] = x[c] u[c]^-beta,   u[c] = k + alpha / size * sum over the channels d around c of x[d]^2
 *   dx[c] = dy[c] u[c]^-beta - 2 alpha beta / size * x[c] * sum over those d of dy[d] x[d] u[d]^(-beta - 1)
 */
#include <math.h>

#include "backends/cpu/reference/_reference.h"

/* The channels of one pixel: `step` apart. */
typedef struct pixel {
    const float *x;
    int64_t channels, step;
    const tn_lrn_opts *o;
} pixel;

static double scale_at(const pixel *p, int64_t c)
{
    double sum = 0;
    for (int64_t d = c - p->o->size / 2; d <= c + p->o->size / 2; d++)
        if (d >= 0 && d < p->channels)
            sum += (double)p->x[d * p->step] * (double)p->x[d * p->step];
    return (double)p->o->k + (double)p->o->alpha / p->o->size * sum;
}

static void pixel_forward(const pixel *p, float *y)
{
    for (int64_t c = 0; c < p->channels; c++)
        y[c * p->step] =
            (float)((double)p->x[c * p->step] * pow(scale_at(p, c), -(double)p->o->beta));
}

static void pixel_backward(const pixel *p, const float *dy, float *dx)
{
    const double beta = (double)p->o->beta;
    const double factor = 2 * (double)p->o->alpha * beta / p->o->size;
    for (int64_t c = 0; c < p->channels; c++) {
        double sum = 0;
        for (int64_t d = c - p->o->size / 2; d <= c + p->o->size / 2; d++)
            if (d >= 0 && d < p->channels)
                sum += (double)dy[d * p->step] * (double)p->x[d * p->step] *
                       pow(scale_at(p, d), -beta - 1);
        dx[c * p->step] = (float)((double)dy[c * p->step] * pow(scale_at(p, c), -beta) -
                                  factor * (double)p->x[c * p->step] * sum);
    }
}

static int64_t pixels_of(const tn_shape *s)
{
    return tn_elements(s) / s->dim[1];
}

static void find_y(const void *of, tn_piece all)
{
    const tn_call *c = of;
    const tn_shape *s = &c->node->x[0];
    const int64_t C = s->dim[1], area = s->dim[2] * s->dim[3];
    float *y = c->y[0];
    for (int64_t i = all.begin; i < all.end; i++) {
        const int64_t at = i / area * C * area + i % area;
        const pixel p = {(const float *)c->x[0] + at, C, area, c->node->opts};
        pixel_forward(&p, y + at);
    }
}

static tn_status forward(const tn_call *c)
{
    tn_each(c->device, pixels_of(&c->node->x[0]), 1, find_y, c);
    return TN_OK;
}

static void find_dx(const void *of, tn_piece all)
{
    const tn_call *c = of;
    const tn_shape *s = &c->node->x[0];
    const int64_t C = s->dim[1], area = s->dim[2] * s->dim[3];
    const float *dy = c->dy[0];
    float *dx = c->dx[0];
    for (int64_t i = all.begin; i < all.end; i++) {
        const int64_t at = i / area * C * area + i % area;
        const pixel p = {(const float *)c->x[0] + at, C, area, c->node->opts};
        pixel_backward(&p, dy + at, dx + at);
    }
}

static tn_status backward(const tn_call *c)
{
    if (c->dx[0])
        tn_each(c->device, pixels_of(&c->node->x[0]), 1, find_dx, c);
    return TN_OK;
}

const tn_kernel tn_reference_lrn = {
    .op = "lrn",
    .rank = TN_REFERENCE_RANK,
    .name = "reference",
    .prepare = tn_reference_prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
};
