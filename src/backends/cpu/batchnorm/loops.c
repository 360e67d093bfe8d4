#include "backends/cpu/batchnorm/loops.h"

#include <math.h>

#include "base/base.h"

/* Channels at a time where all of them lie side by side. */
enum { MOST_LANES = 16 };

tn_status tn_bn_check_count(const tn_node *n, int64_t count)
{
    if (count > 1)
        return TN_OK;
    return tn_fail(TN_ERR_SHAPE,
                   "batchnorm %s: training needs more than 1 element a channel, and input 0 is %s",
                   n->name, tn_shape_format(&n->x[0]).text);
}

/* ---- places --------------------------------------------------------------------------------- */

bool tn_bn_find_places(const tn_md *md, tn_bn_places *out)
{
    const tn_md_view v = tn_md_look(tn_md_raw(md));
    const bool image = v.ndim == 4;
    if (!v.blocked || v.offset != 0 || (v.ndim != 4 && v.ndim != 2))
        return false;
    tn_bn_places p = {.channels = v.dim[1], .area = 1, .image = v.stride[0], .lanes = 1, .step = 1};
    if (image) {
        p.area = v.dim[2] * v.dim[3];
        p.step = v.dim[3] > 1 ? v.stride[3] : v.stride[2];
        if (v.dim[2] > 1 && v.dim[3] > 1 && v.stride[2] != v.dim[3] * v.stride[3])
            return false;
    }
    p.group = v.stride[1];
    if (v.num_inner == 1 && v.inner_dim[0] == 1 && v.inner_block[0] <= MOST_LANES) {
        p.lanes = v.inner_block[0];
        p.padded = true;
    } else if (v.num_inner > 0) {
        return false;
    } else if (v.stride[1] == 1) {
        p.lanes = p.group = MOST_LANES;
    }
    *out = p;
    return true;
}

tn_bn_places tn_bn_canonical(const tn_shape *x)
{
    tn_bn_places p = {.channels = x->dim[1], .lanes = 1, .step = 1};
    p.area = x->ndim == 4 ? x->dim[2] * x->dim[3] : 1;
    p.group = p.area;
    p.image = p.channels * p.area;
    return p;
}

tn_bn tn_bn_begin(const tn_call *c, const tn_bn_places *at, float *mean, float *var)
{
    const tn_shape *x = &c->node->x[0];
    return (tn_bn){.at = *at,
                   .threads = c->device->threads,
                   .batch = x->dim[0],
                   .rows = tn_run_rows(c->run, c->node),
                   .epsilon = ((const tn_batchnorm_opts *)c->node->opts)->epsilon,
                   .mean = mean,
                   .var = var};
}

static int64_t groups_of(const tn_bn_places *at)
{
    return (at->channels + at->lanes - 1) / at->lanes;
}

/* Channels of a group, and lanes of it that are written. */
static int channels_of(const tn_bn_places *at, int64_t group)
{
    return (int)tn_cpu_lower(at->lanes, at->channels - group * at->lanes);
}
static int width_of(const tn_bn_places *at, int64_t group)
{
    return at->padded ? (int)at->lanes : channels_of(at, group);
}

/* ---- forward -------------------------------------------------------------------------------- */

static void measure(const tn_bn *s, const float *x, int64_t group)
{
    const tn_bn_places *at = &s->at;
    const int64_t first = group * at->lanes;
    const int width = channels_of(at, group);
    const double count = (double)(s->rows * at->area);
    double mean[MOST_LANES] = {0}, var[MOST_LANES] = {0};
    for (int64_t n = 0; n < s->rows; n++)
        for (int64_t i = 0; i < at->area; i++) {
            const float *v = x + n * at->image + group * at->group + i * at->step;
            for (int l = 0; l < width; l++)
                mean[l] += (double)v[l];
        }
    for (int l = 0; l < width; l++)
        mean[l] /= count > 0 ? count : 1;
    for (int64_t n = 0; n < s->rows; n++)
        for (int64_t i = 0; i < at->area; i++) {
            const float *v = x + n * at->image + group * at->group + i * at->step;
            for (int l = 0; l < width; l++)
                var[l] += ((double)v[l] - mean[l]) * ((double)v[l] - mean[l]);
        }
    for (int l = 0; l < width; l++) {
        s->mean[first + l] = (float)mean[l];
        s->var[first + l] = (float)(var[l] / (count > 0 ? count : 1));
    }
}

void tn_bn_measure(const tn_bn *s, const float *x)
{
#pragma omp parallel for num_threads(s->threads) schedule(static)
    for (int64_t g = 0; g < groups_of(&s->at); g++)
        measure(s, x, g);
}

static void apply(const tn_bn *s, const float *x, const float *weight, const float *bias, float *y,
                  int64_t group)
{
    const tn_bn_places *at = &s->at;
    const int64_t first = group * at->lanes;
    const int width = width_of(at, group);
    float mean[MOST_LANES] = {0}, scale[MOST_LANES] = {0}, shift[MOST_LANES] = {0};
    for (int l = 0; l < channels_of(at, group); l++) {
        mean[l] = s->mean[first + l];
        scale[l] = weight[first + l] / sqrtf(s->var[first + l] + s->epsilon);
        shift[l] = bias[first + l];
    }
    for (int64_t n = 0; n < s->batch; n++)
        for (int64_t i = 0; i < at->area; i++) {
            const int64_t from = n * at->image + group * at->group + i * at->step;
            for (int l = 0; l < width; l++)
                y[from + l] = n < s->rows ? (x[from + l] - mean[l]) * scale[l] + shift[l] : 0;
        }
}

void tn_bn_apply(const tn_bn *s, const float *x, const float *weight, const float *bias, float *y)
{
#pragma omp parallel for num_threads(s->threads) schedule(static)
    for (int64_t g = 0; g < groups_of(&s->at); g++)
        apply(s, x, weight, bias, y, g);
}

void tn_bn_move(const tn_call *c, const float *mean, const float *var, double count)
{
    const float momentum = ((const tn_batchnorm_opts *)c->node->opts)->momentum;
    const float unbiased = (float)(count / (count - 1));
    float *running_mean = c->w[TN_BN_RUNNING_MEAN], *running_var = c->w[TN_BN_RUNNING_VAR];
    for (int64_t i = 0; count > 1 && i < c->node->x[0].dim[1]; i++) {
        running_mean[i] += momentum * (mean[i] - running_mean[i]);
        running_var[i] += momentum * (var[i] * unbiased - running_var[i]);
    }
}

/* ---- backward ------------------------------------------------------------------------------- */

static void add_up(const tn_bn *s, const float *x, const float *dy, float *dbias, float *dweight,
                   int64_t group)
{
    const tn_bn_places *at = &s->at;
    const int64_t first = group * at->lanes;
    const int width = channels_of(at, group);
    double plain[MOST_LANES] = {0}, off[MOST_LANES] = {0};
    for (int64_t n = 0; n < s->rows; n++)
        for (int64_t i = 0; i < at->area; i++) {
            const int64_t from = n * at->image + group * at->group + i * at->step;
            for (int l = 0; l < width; l++) {
                plain[l] += (double)dy[from + l];
                off[l] += (double)dy[from + l] * (double)(x[from + l] - s->mean[first + l]);
            }
        }
    for (int l = 0; l < width; l++) {
        dbias[first + l] = (float)plain[l];
        dweight[first + l] = (float)(off[l] / sqrt((double)(s->var[first + l] + s->epsilon)));
    }
}

void tn_bn_sums(const tn_bn *s, const float *x, const float *dy, float *dbias, float *dweight)
{
#pragma omp parallel for num_threads(s->threads) schedule(static)
    for (int64_t g = 0; g < groups_of(&s->at); g++)
        add_up(s, x, dy, dbias, dweight, g);
}

/* What dx takes of the sums, a number a lane. */
typedef struct coefficients {
    float scale, even, slope, mean;
} coefficients;

static void find_dx(const tn_bn *s, const float *x, const float *dy, const coefficients *k,
                    float *dx, int64_t group)
{
    const tn_bn_places *at = &s->at;
    const int width = width_of(at, group);
    for (int64_t n = 0; n < s->batch; n++)
        for (int64_t i = 0; i < at->area; i++) {
            const int64_t from = n * at->image + group * at->group + i * at->step;
            for (int l = 0; l < width; l++)
                dx[from + l] = n < s->rows ? k[l].scale * (dy[from + l] - k[l].even -
                                                           (x[from + l] - k[l].mean) * k[l].slope)
                                           : 0;
        }
}

void tn_bn_dx(const tn_bn *s, const float *x, const float *dy, const float *weight,
              const float *dbias, const float *dweight, double count, float *dx)
{
    const double each = count > 0 ? 1 / count : 0;
#pragma omp parallel for num_threads(s->threads) schedule(static)
    for (int64_t g = 0; g < groups_of(&s->at); g++) {
        coefficients k[MOST_LANES] = {{0}};
        for (int l = 0; l < channels_of(&s->at, g); l++) {
            const int64_t c = g * s->at.lanes + l;
            const float inverse = 1 / sqrtf(s->var[c] + s->epsilon);
            k[l] = (coefficients){.scale = weight[c] * inverse,
                                  .even = (float)((double)dbias[c] * each),
                                  .slope = (float)((double)dweight[c] * each) * inverse,
                                  .mean = s->mean[c]};
        }
        find_dx(s, x, dy, k, dx, g);
    }
}
