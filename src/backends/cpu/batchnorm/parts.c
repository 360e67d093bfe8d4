#include "backends/cpu/batchnorm/parts.h"

#include <math.h>

#include "base/whole.h"

enum { STRETCHES = 32, GROUPS_A_THREAD = 4 };

/* ---- where things are ------------------------------------------------------------------------- */

tn_bn_shape tn_bn_shape_of(const tn_shape *x, const tn_channels *at)
{
    tn_bn_shape s = {.at = *at, .images = x->dim[0], .groups = tn_channel_groups(at)};
    if (at->area == 1 && at->lanes > 1) {
        s.rows = true;
        s.at.area = s.images;
        s.at.step = at->image;
        s.images = 1;
    }
    s.stretches = tn_cpu_lower(s.images, STRETCHES);
    return s;
}

/* Of one group of one image. */
static int64_t bits_of(const tn_bn_shape *s)
{
    return 2 * (s->at.lanes > 1 ? s->at.area : s->at.area / TN_MOST_LANES + 1);
}

size_t tn_bn_bits_bytes(const tn_bn_shape *s)
{
    return (size_t)(s->images * s->groups * bits_of(s));
}

/* Of a part: a count, and two numbers a lane. */
static int64_t part_size(const tn_bn_shape *s)
{
    return 1 + 2 * s->at.lanes;
}

size_t tn_bn_parts_bytes(const tn_bn_shape *s)
{
    return (size_t)(s->stretches * s->groups * part_size(s)) * sizeof(double);
}

static double *part_of(const tn_bn *k, int64_t stretch, int64_t group)
{
    return k->parts + (stretch * k->s.groups + group) * part_size(&k->s);
}

static int64_t first_image(const tn_bn_shape *s, int64_t stretch)
{
    return stretch * s->images / s->stretches;
}

/* Two tiles are a group of an image: where lanes are channels the pixels that hold a sample and those that do not, else those
 * that fill lanes and the rest. */
typedef struct spot {
    tn_bn_tile tile;
    int64_t at, bits; /* where it begins */
    bool alive;
} spot;

static void find_spots(const tn_bn *k, int64_t image, int64_t group, spot out[2])
{
    const tn_channels *at = &k->s.at;
    const bool alive = image < k->rows;
    const int64_t from = image * at->image + group * at->group;
    const int64_t bits = (image * k->s.groups + group) * bits_of(&k->s);
    if (at->lanes > 1) {
        const int64_t live = k->s.rows ? k->rows : alive ? at->area : 0;
        const int width = tn_channel_width(at, group);
        out[0] = (spot){{width, live, at->step, 2}, from, bits, true};
        out[1] = (spot){
            {width, at->area - live, at->step, 2}, from + live * at->step, bits + 2 * live, false};
        return;
    }
    const int64_t whole = at->area / TN_MOST_LANES, rest = at->area % TN_MOST_LANES;
    out[0] = (spot){{TN_MOST_LANES, whole, TN_MOST_LANES, 2}, from, bits, alive};
    out[1] =
        (spot){{(int)rest, rest > 0, 0, 2}, from + whole * TN_MOST_LANES, bits + 2 * whole, alive};
}

/* What lanes of the group are computed with: those that are no channels with zeros. */
static void find_lanes(const tn_bn *k, int64_t group, tn_bn_lanes *to)
{
    const tn_channels *at = &k->s.at;
    const int channels = tn_channels_of(at, group);
    const double each = k->count > 0 ? 1 / k->count : 0;
    *to = (tn_bn_lanes){.end = k->end};
    for (int l = 0; l < (at->lanes > 1 ? channels : TN_MOST_LANES); l++) {
        const int64_t c = group * at->lanes + (at->lanes > 1 ? l : 0);
        const float deviation = sqrtf(k->var[c] + k->epsilon);
        to->mean[l] = k->mean[c];
        to->scale[l] = k->weight[c] / deviation;
        to->shift[l] = k->bias[c];
        to->even[l] = k->even ? (float)((double)k->even[c] * each) : 0;
        to->slope[l] = k->off ? (float)((double)k->off[c] * each) / deviation : 0;
    }
}

/* ---- all parts -------------------------------------------------------------------------------- */

typedef void part_step(const tn_bn *k, int64_t stretch, int64_t group);
typedef void group_step(const tn_bn *k, int64_t group);

typedef struct job {
    const tn_bn *k;
    part_step *part;
    group_step *group;
} job;

static void do_parts(const void *of, tn_piece p)
{
    const job *j = of;
    for (int64_t i = p.begin; i < p.end; i++)
        j->part(j->k, i / j->k->s.groups, i % j->k->s.groups);
}

static void each_part(const tn_bn *k, part_step *step)
{
    tn_each(k->device, k->s.stretches * k->s.groups, 1, do_parts, &(job){.k = k, .part = step});
}

static void do_groups(const void *of, tn_piece p)
{
    const job *j = of;
    for (int64_t g = p.begin; g < p.end; g++)
        j->group(j->k, g);
}

static void each_group(const tn_bn *k, group_step *step)
{
    tn_each(k->device, k->s.groups, 1, do_groups, &(job){.k = k, .group = step});
}

static void parts_of_group(const tn_bn *k, part_step *step, int64_t group)
{
    for (int64_t s = 0; s < k->s.stretches; s++)
        step(k, s, group);
}

/* Can groups be shared out without leaving threads idle? */
static bool enough_groups(const tn_bn *k)
{
    const int threads = k->device->threads;
    return k->s.groups % threads == 0 || k->s.groups >= GROUPS_A_THREAD * threads;
}

/* ---- statistics ------------------------------------------------------------------------------- */

static void merge(double *count, double *mean, double *square, double more, double more_mean,
                  double more_square)
{
    const double all = *count + more, off = more_mean - *mean;
    if (more == 0)
        return;
    *mean += off * more / all;
    *square += more_square + off * off * *count * more / all;
    *count = all;
}

static void measure_part(const tn_bn *k, int64_t stretch, int64_t group)
{
    const int64_t lanes = k->s.at.lanes;
    double *to = part_of(k, stretch, group);
    tn_bn_moments m[2] = {{0}};
    for (int64_t n = first_image(&k->s, stretch); n < first_image(&k->s, stretch + 1); n++) {
        spot spots[2];
        find_spots(k, n, group, spots);
        for (int i = 0; i < 2; i++)
            if (spots[i].alive && spots[i].tile.pixels > 0)
                k->code->measure(&spots[i].tile, k->x + spots[i].at, &m[i]);
    }
    if (lanes > 1) {
        to[0] = m[0].count;
        for (int64_t l = 0; l < lanes; l++) {
            to[1 + l] = m[0].mean[l];
            to[1 + lanes + l] = m[0].square[l];
        }
        return;
    }
    to[0] = to[1] = to[2] = 0;
    for (int i = 0; i < 2; i++)
        for (int64_t l = 0; l < (i ? k->s.at.area % TN_MOST_LANES : TN_MOST_LANES); l++)
            merge(&to[0], &to[1], &to[2], m[i].count, m[i].mean[l], m[i].square[l]);
}

static void settle_statistics(const tn_bn *k, int64_t group)
{
    const int64_t lanes = k->s.at.lanes;
    for (int64_t l = 0; l < tn_channels_of(&k->s.at, group); l++) {
        double count = 0, mean = 0, square = 0;
        for (int64_t s = 0; s < k->s.stretches; s++) {
            const double *from = part_of(k, s, group);
            merge(&count, &mean, &square, from[0], from[1 + l], from[1 + lanes + l]);
        }
        k->mean[group * lanes + l] = (float)mean;
        k->var[group * lanes + l] = count > 0 ? (float)(square / count) : 0;
    }
}

void tn_bn_measure(const tn_bn *k)
{
    each_part(k, measure_part);
    each_group(k, settle_statistics);
}

/* ---- forward ---------------------------------------------------------------------------------- */

static void apply_part(const tn_bn *k, int64_t stretch, int64_t group)
{
    tn_bn_lanes lanes;
    find_lanes(k, group, &lanes);
    for (int64_t n = first_image(&k->s, stretch); n < first_image(&k->s, stretch + 1); n++) {
        spot spots[2];
        find_spots(k, n, group, spots);
        for (int i = 0; i < 2; i++) {
            const float *x = spots[i].alive ? k->x + spots[i].at : NULL;
            if (spots[i].tile.pixels > 0 && k->each)
                tn_bn_apply_each(k, &spots[i].tile, &lanes, x, k->y + spots[i].at);
            else if (spots[i].tile.pixels > 0)
                k->code->apply(&spots[i].tile, &lanes, x, k->z ? k->z + spots[i].at : NULL,
                               k->y + spots[i].at, k->bits ? k->bits + spots[i].bits : NULL);
        }
    }
}

void tn_bn_apply(const tn_bn *k)
{
    each_part(k, apply_part);
}

static void measure_and_apply(const tn_bn *k, int64_t group)
{
    parts_of_group(k, measure_part, group);
    settle_statistics(k, group);
    parts_of_group(k, apply_part, group);
}

void tn_bn_measure_and_apply(const tn_bn *k)
{
    if (enough_groups(k)) {
        each_group(k, measure_and_apply);
        return;
    }
    tn_bn_measure(k);
    tn_bn_apply(k);
}

/* ---- backward --------------------------------------------------------------------------------- */

static void sum_part(const tn_bn *k, int64_t stretch, int64_t group)
{
    const int64_t lanes = k->s.at.lanes;
    double *to = part_of(k, stretch, group);
    tn_bn_sums sums = {{0}};
    tn_bn_lanes of;
    find_lanes(k, group, &of);
    for (int64_t n = first_image(&k->s, stretch); n < first_image(&k->s, stretch + 1); n++) {
        spot spots[2];
        find_spots(k, n, group, spots);
        for (int i = 0; i < 2; i++) {
            if (!spots[i].alive || spots[i].tile.pixels == 0)
                continue;
            const float *x = k->x + spots[i].at, *dy = k->dy + spots[i].at;
            if (k->each)
                tn_bn_sum_each(k, &spots[i].tile, &of, x, dy, k->dx ? k->dx + spots[i].at : NULL,
                               &sums);
            else
                k->code->sum(&spots[i].tile, &of, x, dy, k->bits ? k->bits + spots[i].bits : NULL,
                             &sums);
        }
    }
    for (int64_t l = 0; l < lanes; l++)
        to[l] = to[lanes + l] = 0;
    for (int64_t l = 0; l < TN_MOST_LANES; l++) {
        to[l % lanes] += sums.even[l];
        to[lanes + l % lanes] += sums.off[l];
    }
}

static void settle_sums(const tn_bn *k, int64_t group)
{
    const int64_t lanes = k->s.at.lanes;
    for (int64_t l = 0; l < tn_channels_of(&k->s.at, group); l++) {
        const int64_t c = group * lanes + l;
        double even = 0, off = 0;
        for (int64_t s = 0; s < k->s.stretches; s++) {
            even += part_of(k, s, group)[l];
            off += part_of(k, s, group)[lanes + l];
        }
        k->dbias[c] = (float)even;
        k->dweight[c] = (float)(off / sqrt((double)(k->var[c] + k->epsilon)));
    }
}

void tn_bn_sum(const tn_bn *k)
{
    each_part(k, sum_part);
    each_group(k, settle_sums);
}

static void back_part(const tn_bn *k, int64_t stretch, int64_t group)
{
    tn_bn_lanes lanes;
    find_lanes(k, group, &lanes);
    for (int64_t n = first_image(&k->s, stretch); n < first_image(&k->s, stretch + 1); n++) {
        spot spots[2];
        find_spots(k, n, group, spots);
        for (int i = 0; i < 2; i++)
            if (spots[i].tile.pixels > 0 && spots[i].alive && k->each)
                tn_bn_back_each(k, &spots[i].tile, &lanes, k->x + spots[i].at, k->dy + spots[i].at,
                                k->dx + spots[i].at);
            else if (spots[i].tile.pixels > 0)
                k->code->back(&spots[i].tile, &lanes, spots[i].alive ? k->x + spots[i].at : NULL,
                              k->dy + spots[i].at, k->bits ? k->bits + spots[i].bits : NULL,
                              k->dx ? k->dx + spots[i].at : NULL,
                              k->dz ? k->dz + spots[i].at : NULL);
    }
}

void tn_bn_back(const tn_bn *k)
{
    each_part(k, back_part);
}

static void sum_and_back(const tn_bn *k, int64_t group)
{
    parts_of_group(k, sum_part, group);
    settle_sums(k, group);
    parts_of_group(k, back_part, group);
}

void tn_bn_sum_and_back(const tn_bn *k)
{
    if (enough_groups(k)) {
        each_group(k, sum_and_back);
        return;
    }
    tn_bn_sum(k);
    tn_bn_back(k);
}
