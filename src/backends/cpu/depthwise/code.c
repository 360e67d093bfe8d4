/*
 * The rows of depthwise.h for vectors of LANES floats, PARTS of them a block of channels, one after the other.
 *
 * Of windows 3, 5 and 7 wide with stride 1 or 2 a row of the filter stays in registers, and each pixel of x is loaded once for
 * all of a tile's pixels that it is in. Of others there is one load for each product.
 */
#include "backends/cpu/depthwise/depthwise.h"
#include "backends/cpu/depthwise/lanes.h"

enum {
    MOST_TILE = 8,
    MOST_TAPS = 7,
    CACHE_LINE = 16,
    FEW = 1024 /* floats that stay in L1 until what is behind is done */
};

/* Some rows of one plane. */
typedef struct plane {
    const float *x, *w, *bias; /* bias may be NULL */
    int64_t begin, end;        /* rows of y */
    const float *more;         /* what is added to them, laid out so; or NULL */
    float *y;                  /* the first of them */
} plane;

/* A tile: its window's taps are rows begin to end - 1, the first of which is `x`, and columns from `column` on. */
typedef struct place {
    const float *x, *w;
    int64_t begin, end, column;
    const float *more; /* of its row, as of the plane's */
} place;

/* Where a tile's pixels of x may lie beside the image: nowhere, among as many columns of its first and last as a window has
 * without one, or anywhere. */
typedef enum edges { INSIDE, ENDS, ANYWHERE } edges;

/* One row of the window, `taps` wide, of a stride that the compiler knows. */
INLINE void add_known(int tile, int taps, int stride, edges edge, const tn_depthwise *s,
                      const float *x, const float *w, int64_t column, vec sum[MOST_TILE])
{
    const int columns = (tile - 1) * stride + taps;
    vec filter[MOST_TAPS];
    EACH (i, taps)
        filter[i] = load(w + i * BLOCK);
#pragma GCC unroll 32
    for (int j = 0; j < columns; j++) {
        const bool checked =
            edge == ANYWHERE || (edge == ENDS && (j < taps - 1 || j > columns - taps));
        const vec v = in_register(pixel(x, s->in[1], column + j, checked));
        EACH (t, tile)
            if (j >= t * stride && j < t * stride + taps)
                sum[t] += v * filter[j - t * stride];
    }
}

INLINE void add_any(int tile, edges edge, const tn_depthwise *s, const float *x, const float *w,
                    int64_t column, vec sum[MOST_TILE])
{
    for (int64_t i = 0; i < s->kernel[1]; i++, column += s->dilation[1]) {
        const vec filter = load(w + i * BLOCK);
        EACH (t, tile)
            sum[t] += pixel(x, s->in[1], column + t * s->stride[1], edge != INSIDE) * filter;
    }
}

INLINE vec hold(const tn_depthwise *s, vec v)
{
    return at_most(s->high - (vec){0}, at_least(s->low - (vec){0}, v));
}

/* What the tile below this one reads first, and where it writes: memory is far, and of one stream little is fetched ahead. */
INLINE void fetch_below(int tile, int stride, const tn_depthwise *s, const float *x, int64_t column,
                        const float *y)
{
    const int64_t row = s->in[1] * BLOCK;
    const int lines = tile * (stride ? stride : 1) * BLOCK / CACHE_LINE;
    const float *at = x + column * BLOCK;
    for (int64_t r = 0; r < s->stride[0]; r++, at += row)
        EACH (i, lines)
            __builtin_prefetch(at + i * CACHE_LINE);
    EACH (i, tile * BLOCK / CACHE_LINE)
        __builtin_prefetch(y + s->out[1] * BLOCK + i * CACHE_LINE, 1);
}

/* `count` pixels of y, of the tile's. */
INLINE void make_tile(int tile, int taps, int stride, edges edge, const tn_depthwise *s,
                      const place *p, vec bias, int64_t count, const float *more, float *y)
{
    const int64_t down = s->dilation[0] * s->in[1] * BLOCK, next = s->kernel[1] * BLOCK;
    vec sum[MOST_TILE];
    EACH (t, tile)
        sum[t] = bias;
    const float *x = p->x, *w = p->w + p->begin * next;
    if (s->fetches)
        fetch_below(tile, stride, s, x + (p->end - p->begin) * down, p->column, y);
    for (int64_t r = p->begin; r < p->end; r++, x += down, w += next)
        if (taps)
            add_known(tile, taps, stride, edge, s, x, w, p->column, sum);
        else
            add_any(tile, edge, s, x, w, p->column, sum);
    if (more)
        EACH (t, tile)
            if (t < count)
                sum[t] += load(more + t * BLOCK);
    if (s->holds)
        EACH (t, tile)
            sum[t] = hold(s, sum[t]);
    EACH (t, tile)
        if (t < count)
            store(y + t * BLOCK, sum[t]);
}

/* Taps and stride of 0: unknown to the compiler. */
INLINE void make_row(int tile, int taps, int stride, const tn_depthwise *s, place p, vec bias,
                     float *y)
{
    const int64_t Q = s->out[1], W = s->in[1], wide = (s->kernel[1] - 1) * s->dilation[1];
    const int64_t reach = (tile - 1) * s->stride[1] + wide;
    for (int64_t q = 0; q < Q; q += tile) {
        const int64_t at = q + tile <= Q || Q < tile ? q : Q - tile;
        const float *more = p.more ? p.more + at * BLOCK : NULL;
        float *to = y + at * BLOCK;
        p.column = at * s->stride[1] - s->pad[1];
        if (p.column >= 0 && p.column + reach < W && Q >= tile)
            make_tile(tile, taps, stride, INSIDE, s, &p, bias, tile, more, to);
        else if (taps && p.column >= -wide && p.column + reach < W + wide)
            make_tile(tile, taps, stride, ENDS, s, &p, bias, Q, more, to);
        else
            make_tile(tile, taps, stride, ANYWHERE, s, &p, bias, Q, more, to);
    }
}

/* Of the taps, `step` apart, those before the end of so many pixels. */
INLINE int64_t taps_before(int64_t pixels, int64_t step)
{
    return step == 1 || pixels <= 0 ? pixels : (pixels + step - 1) / step;
}

/* Which of a window's rows lie in the image, for row number `row` of y. */
INLINE place place_of(const tn_depthwise *s, const plane *m, int64_t row)
{
    const int64_t first = row * s->stride[0] - s->pad[0], step = s->dilation[0];
    const int64_t R = s->kernel[0], left = taps_before(s->in[0] - first, step);
    place p = {.x = m->x,
               .w = m->w,
               .begin = first < 0 ? taps_before(-first, step) : 0,
               .end = left < R ? left : R};
    if (p.begin < p.end)
        p.x += (first + p.begin * step) * s->in[1] * BLOCK;
    return p;
}

INLINE void make_rows(int tile, int taps, int stride, const tn_depthwise *s, const plane *m)
{
    float *y = m->y;
    for (int64_t row = m->begin; row < m->end; row++, y += s->out[1] * BLOCK)
        for (int at = 0; at < BLOCK; at += LANES) {
            place p = place_of(s, m, row);
            p.x += at;
            p.w += at;
            p.more = m->more ? m->more + (y - m->y) + at : NULL;
            make_row(tile, taps, stride, s, p, m->bias ? load(m->bias + at) : (vec){0}, y + at);
        }
}

/* Functions of their own, which the compiler does not mix with each other. */
#define ROWS(tile, taps, stride)                                                                 \
    static __attribute__((noinline)) void rows_##tile##_##taps##_##stride(const tn_depthwise *s, \
                                                                          const plane *m)        \
    {                                                                                            \
        make_rows(tile, taps, stride, s, m);                                                     \
    }
#define ROWS_OF_TILE(tile) \
    ROWS(tile, 0, 0)       \
    ROWS(tile, 3, 1)       \
    ROWS(tile, 3, 2)       \
    ROWS(tile, 5, 1)       \
    ROWS(tile, 5, 2)       \
    ROWS(tile, 7, 1)       \
    ROWS(tile, 7, 2)
ROWS_OF_TILE(7)
ROWS_OF_TILE(8)

typedef void rows_maker(const tn_depthwise *s, const plane *m);

static rows_maker *maker_for(const tn_depthwise *s)
{
    static rows_maker *const known[2][3][2] = {
        {{rows_7_3_1, rows_7_3_2}, {rows_7_5_1, rows_7_5_2}, {rows_7_7_1, rows_7_7_2}},
        {{rows_8_3_1, rows_8_3_2}, {rows_8_5_1, rows_8_5_2}, {rows_8_7_1, rows_8_7_2}}};
    const int64_t taps = s->kernel[1], stride = s->stride[1];
    const bool wide = s->tile == 8;
    if (s->dilation[1] == 1 && taps >= 3 && taps <= MOST_TAPS && taps % 2 == 1 && stride <= 2)
        return known[wide][taps / 2 - 1][stride - 1];
    return wide ? rows_8_0_0 : rows_7_0_0;
}

static void forward(const tn_depthwise *s, const float *x, const float *w, const float *bias,
                    const float *more, int64_t begin, int64_t end, float *y)
{
    rows_maker *make = maker_for(s);
    const int64_t row = s->out[1] * BLOCK, most = s->last ? 1 + FEW / row : end - begin;
    for (int64_t i = begin; i < end; i += most) {
        const int64_t rows = i + most < end ? most : end - i;
        make(s, &(plane){x, w, bias, i, i + rows, more, y});
        if (s->last)
            s->last(&(tn_unary_run){
                .count = rows * row, .from = y, .to = y, .k = {s->k[0], s->k[1], s->k[2]}});
        y += rows * row;
        more = more ? more + rows * row : NULL;
    }
}

const tn_depthwise_code TN_OF_ISA(tn_depthwise) = {
    .name = TN_ISA_NAME,
    .lanes = BLOCK,
    .forward = forward,
};
