#include "backends/cpu/batchnorm/batchnorm.h"
#include "backends/cpu/vector/isa.h"

#if defined TN_ISA_AVX512
#define LANES 16
#else
#define LANES 8
#endif

#include "backends/cpu/vector/vector.h"

enum {
    MOST_WIDE = TN_MOST_LANES / LANES,
    RUN = 256, /* pixels whose sums are f32 */
    SUMS = 4   /* of a run, so that one need not wait for the other */
};

/* ---- bits ----------------------------------------------------------------------------------- */

INLINE mask above_0(vec v)
{
    return v > (vec){0};
}

INLINE void store_bits(uint8_t *to, vec v)
{
#if LANES == 16 && defined __AVX512F__
    const uint16_t bits = _mm512_cmp_ps_mask((__m512)v, _mm512_setzero_ps(), _CMP_GT_OQ);
#elif LANES == 8 && defined __AVX__
    const uint8_t bits = (uint8_t)_mm256_movemask_ps((__m256)above_0(v));
#else
    const mask on = above_0(v);
    uint8_t bits = 0;
    EACH (i, LANES)
        bits = (uint8_t)(bits | (on[i] & 1) << i);
#endif
    memcpy(to, &bits, sizeof bits);
}

INLINE mask load_bits(const uint8_t *from)
{
    uint16_t bits = *from;
    mask bit;
    EACH (i, LANES)
        bit[i] = 1 << i;
    if (LANES == 16)
        bits = (uint16_t)(bits | from[LANES == 16] << 8);
    return ((bit & (int32_t)bits) != 0);
}

INLINE vec where(mask on, vec v)
{
    return (vec)((mask)v & on);
}

/* ---- a vector, or as many lanes as there are --------------------------------------------------- */

/* What a vector of lanes is computed with, in registers. */
typedef struct lanes {
    vec mean, scale, shift, even, slope;
} lanes;

INLINE void load_lanes(const tn_bn_lanes *k, int wide, lanes *to)
{
    EACH (j, wide)
        to[j] = (lanes){load(k->mean + j * LANES), load(k->scale + j * LANES),
                        load(k->shift + j * LANES), load(k->even + j * LANES),
                        load(k->slope + j * LANES)};
}

INLINE vec normal(const lanes *k, vec x)
{
    return (x - k->mean) * k->scale + k->shift;
}

/* The numbers of a clip are `end`'s, the kind of it is known when this is compiled. A NaN stays one. */
INLINE vec last_of(int kind, const tn_bn_end *end, vec v)
{
    if (kind == TN_BN_CLIP)
        return at_most((vec){0} + end->high, at_least((vec){0} + end->low, v));
    return kind == TN_BN_RELU ? where(~((vec){0} > v), v) : v;
}

INLINE vec gradient(int kind, const tn_bn_end *end, const lanes *of, vec x, vec dy,
                    const uint8_t *bits)
{
    if (bits)
        return where(load_bits(bits), dy);
    const vec v = normal(of, x);
    if (kind == TN_BN_CLIP)
        return where((v > (vec){0} + end->low) & (v < (vec){0} + end->high), dy);
    return kind == TN_BN_RELU ? where(above_0(v), dy) : dy;
}

/* The first `width` of a vector; the others are 0. */
INLINE vec load_some(const float *p, int width)
{
    if (width == LANES)
        return load(p);
    float to[LANES] = {0};
    memcpy(to, p, (size_t)width * sizeof *to);
    return load(to);
}

INLINE void store_some(float *p, vec v, int width)
{
    if (width == LANES) {
        store(p, v);
        return;
    }
    float from[LANES];
    store(from, v);
    memcpy(p, from, (size_t)width * sizeof *p);
}

/* Each pass is written for `wide` vectors, which lanes fill or not, and called with numbers that are known when it is
 * compiled. */
#define SHAPES(t, pass, ...)                           \
    do {                                               \
        if ((t)->width == MOST_WIDE * LANES)           \
            pass(*(t), MOST_WIDE, true, __VA_ARGS__);  \
        else if ((t)->width == LANES)                  \
            pass(*(t), 1, true, __VA_ARGS__);          \
        else                                           \
            pass(*(t), MOST_WIDE, false, __VA_ARGS__); \
    } while (0)

/* Lanes of vector j. */
INLINE int lanes_in(const tn_bn_tile *t, int j, bool full)
{
    const int rest = t->width - j * LANES;
    return full || rest > LANES ? LANES : rest > 0 ? rest : 0;
}

/* ---- statistics ----------------------------------------------------------------------------- */

INLINE void add_moments(tn_bn_moments *m, double count, int width, const float *mean,
                        const float *square)
{
    const double all = m->count + count, part = count / all, between = m->count * part;
    for (int l = 0; l < width; l++) {
        const double off = (double)mean[l] - m->mean[l];
        m->mean[l] += off * part;
        m->square[l] += (double)square[l] + off * off * between;
    }
    m->count = all;
}

INLINE void join_sums(int wide, vec sum[SUMS][MOST_WIDE])
{
    EACH (j, wide)
        sum[0][j] = (sum[0][j] + sum[1][j]) + (sum[2][j] + sum[3][j]);
}

INLINE void measure_run(const tn_bn_tile t, int wide, bool full, const float *x, int64_t pixels,
                        tn_bn_moments *m)
{
    float mean[TN_MOST_LANES], square[TN_MOST_LANES];
    vec sum[SUMS][MOST_WIDE] = {{{0}}}, squares[SUMS][MOST_WIDE] = {{{0}}};
    const int64_t even = pixels - pixels % SUMS;
    for (int64_t i = 0; i < even; i += SUMS)
        EACH (s, SUMS)
            EACH (j, wide)
                sum[s][j] += load_some(x + (i + s) * t.step + j * LANES, lanes_in(&t, j, full));
    for (int64_t i = even; i < pixels; i++)
        EACH (j, wide)
            sum[0][j] += load_some(x + i * t.step + j * LANES, lanes_in(&t, j, full));
    join_sums(wide, sum);
    EACH (j, wide)
        sum[0][j] /= (float)pixels;
    for (int64_t i = 0; i < even; i += SUMS)
        EACH (s, SUMS)
            EACH (j, wide) {
                const vec v =
                    load_some(x + (i + s) * t.step + j * LANES, lanes_in(&t, j, full)) - sum[0][j];
                squares[s][j] += v * v;
            }
    for (int64_t i = even; i < pixels; i++)
        EACH (j, wide) {
            const vec v = load_some(x + i * t.step + j * LANES, lanes_in(&t, j, full)) - sum[0][j];
            squares[0][j] += v * v;
        }
    join_sums(wide, squares);
    EACH (j, wide) {
        store(mean + j * LANES, sum[0][j]);
        store(square + j * LANES, squares[0][j]);
    }
    add_moments(m, (double)pixels, wide * LANES, mean, square);
}

INLINE void measure_shape(const tn_bn_tile t, int wide, bool full, const float *x, tn_bn_moments *m)
{
    for (int64_t i = 0; i < t.pixels; i += RUN)
        measure_run(t, wide, full, x + i * t.step, tn_cpu_lower(RUN, t.pixels - i), m);
}

static void measure(const tn_bn_tile *t, const float *x, tn_bn_moments *m)
{
    SHAPES(t, measure_shape, x, m);
}

/* ---- forward -------------------------------------------------------------------------------- */

INLINE void apply_shape(const tn_bn_tile t, int wide, bool full, int kind, const tn_bn_lanes *k,
                        const float *x, const float *z, float *y, uint8_t *bits)
{
    lanes of[MOST_WIDE];
    load_lanes(k, wide, of);
    for (int64_t i = 0; i < t.pixels; i++)
        EACH (j, wide) {
            const int64_t at = i * t.step + j * LANES;
            const int width = lanes_in(&t, j, full);
            vec v = x ? normal(&of[j], load_some(x + at, width)) : (vec){0};
            if (z)
                v += load_some(z + at, width);
            if (bits)
                store_bits(bits + i * t.bits_step + j * LANES / 8, v);
            store_some(y + at, last_of(kind, &k->end, v), width);
        }
}

static void apply(const tn_bn_tile *t, const tn_bn_lanes *k, const float *x, const float *z,
                  float *y, uint8_t *bits)
{
    if (x && !z && k->end.kind == TN_BN_RELU)
        SHAPES(t, apply_shape, TN_BN_RELU, k, x, NULL, y, NULL);
    else if (x && !z && k->end.kind == TN_BN_CLIP)
        SHAPES(t, apply_shape, TN_BN_CLIP, k, x, NULL, y, NULL);
    else if (x && !z)
        SHAPES(t, apply_shape, TN_BN_PLAIN, k, x, NULL, y, NULL);
    else if (x && bits)
        SHAPES(t, apply_shape, TN_BN_RELU, k, x, z, y, bits);
    else
        apply_shape(*t, MOST_WIDE, false, k->end.kind, k, x, z, y, bits);
}

/* ---- backward ------------------------------------------------------------------------------- */

INLINE const uint8_t *bits_at(const tn_bn_tile *t, const uint8_t *bits, int64_t i, int j)
{
    return bits ? bits + i * t->bits_step + j * LANES / 8 : NULL;
}

INLINE void sum_pixel(const tn_bn_tile *t, int wide, bool full, int kind, const tn_bn_end *end,
                      const lanes *of, const float *x, const float *dy, const uint8_t *bits,
                      int64_t i, vec *even, vec *off)
{
    EACH (j, wide) {
        const int64_t at = i * t->step + j * LANES;
        const int width = lanes_in(t, j, full);
        const vec v = load_some(x + at, width);
        const vec g =
            gradient(kind, end, &of[j], v, load_some(dy + at, width), bits_at(t, bits, i, j));
        even[j] += g;
        off[j] += g * (v - of[j].mean);
    }
}

INLINE void sum_run(const tn_bn_tile t, int wide, bool full, int kind, const tn_bn_end *end,
                    const lanes *of, const float *x, const float *dy, const uint8_t *bits,
                    int64_t pixels, tn_bn_sums *sums)
{
    vec even[SUMS][MOST_WIDE] = {{{0}}}, off[SUMS][MOST_WIDE] = {{{0}}};
    const int64_t whole = pixels - pixels % SUMS;
    for (int64_t i = 0; i < whole; i += SUMS)
        EACH (s, SUMS)
            sum_pixel(&t, wide, full, kind, end, of, x, dy, bits, i + s, even[s], off[s]);
    for (int64_t i = whole; i < pixels; i++)
        sum_pixel(&t, wide, full, kind, end, of, x, dy, bits, i, even[0], off[0]);
    join_sums(wide, even);
    join_sums(wide, off);
    EACH (j, wide)
        EACH (l, LANES) {
            sums->even[j * LANES + l] += (double)even[0][j][l];
            sums->off[j * LANES + l] += (double)off[0][j][l];
        }
}

INLINE void sum_shape(const tn_bn_tile t, int wide, bool full, int kind, const tn_bn_lanes *k,
                      const float *x, const float *dy, const uint8_t *bits, tn_bn_sums *sums)
{
    lanes of[MOST_WIDE];
    load_lanes(k, wide, of);
    for (int64_t i = 0; i < t.pixels; i += RUN)
        sum_run(t, wide, full, kind, &k->end, of, x + i * t.step, dy + i * t.step,
                bits_at(&t, bits, i, 0), tn_cpu_lower(RUN, t.pixels - i), sums);
}

static void sum(const tn_bn_tile *t, const tn_bn_lanes *k, const float *x, const float *dy,
                const uint8_t *bits, tn_bn_sums *sums)
{
    if (bits)
        SHAPES(t, sum_shape, TN_BN_RELU, k, x, dy, bits, sums);
    else if (k->end.kind == TN_BN_RELU)
        SHAPES(t, sum_shape, TN_BN_RELU, k, x, dy, NULL, sums);
    else if (k->end.kind == TN_BN_CLIP)
        SHAPES(t, sum_shape, TN_BN_CLIP, k, x, dy, NULL, sums);
    else
        SHAPES(t, sum_shape, TN_BN_PLAIN, k, x, dy, NULL, sums);
}

INLINE void back_shape(const tn_bn_tile t, int wide, bool full, int kind, const tn_bn_lanes *k,
                       const float *x, const float *dy, const uint8_t *bits, float *dx, float *dz)
{
    lanes of[MOST_WIDE];
    load_lanes(k, wide, of);
    for (int64_t i = 0; i < t.pixels; i++)
        EACH (j, wide) {
            const int64_t at = i * t.step + j * LANES;
            const int width = lanes_in(&t, j, full);
            const vec v = x ? load_some(x + at, width) : (vec){0};
            const vec g = gradient(kind, &k->end, &of[j], v, load_some(dy + at, width),
                                   bits_at(&t, bits, i, j));
            const vec d = of[j].scale * (g - of[j].even - (v - of[j].mean) * of[j].slope);
            if (dz)
                store_some(dz + at, g, width);
            if (dx)
                store_some(dx + at, x ? d : (vec){0}, width);
        }
}

static void back(const tn_bn_tile *t, const tn_bn_lanes *k, const float *x, const float *dy,
                 const uint8_t *bits, float *dx, float *dz)
{
    if (x && dx && dz && bits)
        SHAPES(t, back_shape, TN_BN_RELU, k, x, dy, bits, dx, dz);
    else if (x && dx && !dz && !bits && k->end.kind == TN_BN_RELU)
        SHAPES(t, back_shape, TN_BN_RELU, k, x, dy, NULL, dx, NULL);
    else if (x && dx && !dz && !bits && k->end.kind == TN_BN_CLIP)
        SHAPES(t, back_shape, TN_BN_CLIP, k, x, dy, NULL, dx, NULL);
    else if (x && dx && !dz && !bits)
        SHAPES(t, back_shape, TN_BN_PLAIN, k, x, dy, NULL, dx, NULL);
    else
        back_shape(*t, MOST_WIDE, false, k->end.kind, k, x, dy, bits, dx, dz);
}

const tn_bn_code TN_OF_ISA(tn_bn) = {
    .measure = measure, .apply = apply, .sum = TN_BACKWARD(sum), .back = TN_BACKWARD(back)};
