/*
 * The transforms of winograd/tile.h for vectors of LANES floats, and the products (product.h).
 *
 * A tile is made by Toom's and Cook's method: polynomials are multiplied by their values at n - 1 points
 * and at infinity. Points near 1 that are no mirror images of each other keep rounding small: with 0, 1,
 * -1, 1/2, -2 the 6 x 6 tile errs less than half of what it does with the customary 0, 1, -1, 2, -2
 * (Barabasz et al. 2018, arXiv:1803.10986). Rows belong to points in that order, infinity last.
 */
#include "backends/cpu/vector/isa.h"

#if defined TN_ISA_AVX512
#define LANES 16
#define ROWS 14
#define WIDE 2
#define TRIPLE_ROWS 0
#define TURNED_ROWS 8
#define TURNED_WIDE 2
#define AHEAD 32
#elif defined TN_ISA_AVX2
#define LANES 8
#define ROWS 6
#define WIDE 2
#define TRIPLE_ROWS 4
#define TURNED_ROWS 4
#define TURNED_WIDE 2
#define AHEAD 0
#else
#define LANES 8
#define ROWS 6
#define WIDE 1
#define TRIPLE_ROWS 0
#define TURNED_ROWS 4
#define TURNED_WIDE 1
#define AHEAD 0
#endif

#include <stddef.h>

#include "backends/cpu/winograd/product.h"

enum { MAX_N = 8, MAX_R = 5, MAX_M = 4 };

typedef struct matrices {
    int m, r, n;
    float b[MAX_N][MAX_N]; /* B', n x n */
    float a[MAX_M][MAX_N]; /* A', m x n */
    float g[MAX_N][MAX_R]; /* G, n x r */
} matrices;

/* 0, 1, -1 */
static const matrices small = {
    .m = 2,
    .r = 3,
    .n = 4,
    .b = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, -1, 0, 1}},
    .a = {{1, 1, 1, 0}, {0, 1, -1, 1}},
    .g = {{1, 0, 0}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0, 0, 1}},
};

/* 0, 1, -1, 1/2, -2 */
static const matrices three = {
    .m = 4,
    .r = 3,
    .n = 6,
    .b = {{1, -1.5f, -2, 1.5f, 1, 0},
          {0, -1, 0.5f, 2.5f, 1, 0},
          {0, 1, -2.5f, 0.5f, 1, 0},
          {0, -2, -1, 2, 1, 0},
          {0, 0.5f, -1, -0.5f, 1, 0},
          {0, 1, -1.5f, -2, 1.5f, 1}},
    .a = {{1, 1, 1, 1, 1, 0},
          {0, 1, -1, 0.5f, -2, 0},
          {0, 1, 1, 0.25f, 4, 0},
          {0, 1, -1, 0.125f, -8, 1}},
    .g = {{1, 0, 0},
          {1 / 3.0f, 1 / 3.0f, 1 / 3.0f},
          {-1 / 3.0f, 1 / 3.0f, -1 / 3.0f},
          {-16 / 15.0f, -8 / 15.0f, -4 / 15.0f},
          {1 / 15.0f, -2 / 15.0f, 4 / 15.0f},
          {0, 0, 1}},
};

/* 0, 1, -1, 1/2, -1/2, 2, -2 */
static const matrices five = {
    .m = 4,
    .r = 5,
    .n = 8,
    .b = {{-1, 0, 5.25f, 0, -5.25f, 0, 1, 0},
          {0, 1, 1, -4.25f, -4.25f, 1, 1, 0},
          {0, -1, 1, 4.25f, -4.25f, -1, 1, 0},
          {0, 2, 4, -2.5f, -5, 0.5f, 1, 0},
          {0, -2, 4, 2.5f, -5, -0.5f, 1, 0},
          {0, 0.5f, 0.25f, -2.5f, -1.25f, 2, 1, 0},
          {0, -0.5f, 0.25f, 2.5f, -1.25f, -2, 1, 0},
          {0, -1, 0, 5.25f, 0, -5.25f, 0, 1}},
    .a = {{1, 1, 1, 1, 1, 1, 1, 0},
          {0, 1, -1, 0.5f, -0.5f, 2, -2, 0},
          {0, 1, 1, 0.25f, 0.25f, 4, 4, 0},
          {0, 1, -1, 0.125f, -0.125f, 8, -8, 1}},
    .g = {{-1, 0, 0, 0, 0},
          {-2 / 9.0f, -2 / 9.0f, -2 / 9.0f, -2 / 9.0f, -2 / 9.0f},
          {-2 / 9.0f, 2 / 9.0f, -2 / 9.0f, 2 / 9.0f, -2 / 9.0f},
          {32 / 45.0f, 16 / 45.0f, 8 / 45.0f, 4 / 45.0f, 2 / 45.0f},
          {32 / 45.0f, -16 / 45.0f, 8 / 45.0f, -4 / 45.0f, 2 / 45.0f},
          {1 / 90.0f, 1 / 45.0f, 2 / 45.0f, 4 / 45.0f, 8 / 45.0f},
          {1 / 90.0f, -1 / 45.0f, 2 / 45.0f, -4 / 45.0f, 8 / 45.0f},
          {0, 0, 0, 0, 1}},
};

/* out = matrix * in, every out_step. Of the matrix, row i begins at i * down, and its elements are `along`
 * apart. All of it is known when compiled, so that a 0 costs nothing. */
INLINE void multiply(const float *matrix, int rows, int columns, int down, int along, const vec *in,
                     vec *out, int out_step)
{
    EACH (i, rows) {
        vec sum = {0};
        EACH (j, columns) {
            const float c = matrix[i * down + j * along];
            if (c != 0)
                sum += c * in[j];
        }
        out[i * out_step] = sum;
    }
}

/* Where the pixels of a tile are in the first block of channels: pixel (i, j) at row[i] + column[j], or
 * outside of all images if that is below 0. */
typedef struct place {
    int64_t row[MAX_N], column[MAX_N];
} place;

static const int64_t OUTSIDE = INT64_MIN / 4;

/* `size` pixels of a sheet in one direction, from `first` on. Its `count` images have `length` pixels and
 * begin every `apart`; in memory they are `step` from each other, and their pixels `along`. */
INLINE void find_line(int64_t first, int size, int64_t count, int64_t apart, int64_t length,
                      int64_t step, int64_t along, int64_t *at)
{
    int64_t image = first < 0 ? -1 : first / apart, in_image = first - image * apart;
    for (int i = 0; i < size; i++) {
        const bool inside = image >= 0 && image < count && in_image < length;
        at[i] = inside ? image * step + in_image * along : OUTSIDE;
        if (++in_image == apart) {
            in_image = 0;
            image++;
        }
    }
}

INLINE place find_tile(const tn_wino_grid *g, int64_t tile, int step, int size)
{
    place p;
    const int64_t sheet = tile / (g->down * g->across), in_sheet = tile % (g->down * g->across);
    const int64_t image = g->blocks * g->height * g->width * LANES;
    find_line(in_sheet / g->across * step - g->above, size, g->rows, g->high, g->height,
              g->columns * image, g->width * LANES, p.row);
    find_line(in_sheet % g->across * step - g->left, size, g->columns, g->wide, g->width, image,
              LANES, p.column);
    for (int i = 0; i < size; i++)
        p.row[i] += sheet * g->rows * g->columns * image;
    return p;
}

/* Pixels outside count as 0, and so do those where `relu` is not above 0. */
INLINE vec read_pixel(const float *x, const float *relu, int64_t at)
{
    static const vec nothing = {0};
    vec v = load(at < 0 ? (const float *)&nothing : x + at);
    if (relu)
        v = (vec)((mask)v & (load(relu + (at < 0 ? 0 : at)) > 0));
    return v;
}

/* The slab's rows from x: matrix * tile * matrix', tiles of size x size pixels `step` apart. */
INLINE void gather(const tn_wino_grid *g, const float *x, const float *relu, int64_t begin,
                   int64_t end, const tn_wino_slab *to, int n, int size, int step,
                   const float *matrix, int down, int along)
{
    for (int64_t t = begin; t < end; t++) {
        const place p = find_tile(g, t, step, size);
        for (int64_t b = 0; b < g->blocks; b++) {
            const int64_t block = b * g->height * g->width * LANES;
            const float *cut = relu ? relu + block : NULL;
            vec column[MAX_N], columns[MAX_N * MAX_N], row[MAX_N];
            for (int j = 0; j < size; j++) {
                EACH (i, size)
                    column[i] = read_pixel(x + block, cut, p.row[i] + p.column[j]);
                multiply(matrix, n, size, down, along, column, columns + j, size);
            }
            float *out = to->data + (b * to->rows + t - begin) * LANES;
            for (int i = 0; i < n; i++) {
                multiply(matrix, n, size, down, along, columns + i * size, row, 1);
                EACH (j, n)
                    store(out + (i * n + j) * to->pitch, row[j]);
            }
        }
    }
}

INLINE void input(const matrices *k, const tn_wino_grid *g, const float *x, const float *relu,
                  int64_t begin, int64_t end, const tn_wino_slab *v)
{
    if (relu)
        gather(g, x, relu, begin, end, v, k->n, k->n, k->m, k->b[0], MAX_N, 1);
    else
        gather(g, x, NULL, begin, end, v, k->n, k->n, k->m, k->b[0], MAX_N, 1);
}

INLINE void spread(const matrices *k, const tn_wino_grid *g, const float *dy, const float *relu,
                   int64_t begin, int64_t end, const tn_wino_slab *d)
{
    if (relu)
        gather(g, dy, relu, begin, end, d, k->n, k->m, k->m, k->a[0], 1, MAX_N);
    else
        gather(g, dy, NULL, begin, end, d, k->n, k->m, k->m, k->a[0], 1, MAX_N);
}

/* A NaN stays one: nothing is hidden. */
INLINE vec finish(vec y, vec bias, const tn_wino_end *e, int64_t at)
{
    y += bias;
    if (e->more)
        y += load(e->more + at);
    if (!e->holds)
        return y;
    return at_most((vec){0} + e->high, at_least((vec){0} + e->low, y));
}

INLINE void output(const matrices *k, const tn_wino_grid *g, const tn_wino_slab *from,
                   const tn_wino_end *e, int64_t begin, int64_t end, float *y)
{
    const int n = k->n, m = k->m;
    for (int64_t t = begin; t < end; t++) {
        const place p = find_tile(g, t, m, m);
        for (int64_t b = 0; b < g->blocks; b++) {
            const float *in = from->data + (b * from->rows + t - begin) * LANES;
            const int64_t block = b * g->height * g->width * LANES;
            const vec bias = e->bias ? load(e->bias + b * LANES) : (vec){0};
            vec column[MAX_N], columns[MAX_M * MAX_N], row[MAX_M];
            for (int j = 0; j < n; j++) {
                EACH (i, n)
                    column[i] = load(in + (i * n + j) * from->pitch);
                multiply(k->a[0], m, n, MAX_N, 1, column, columns + j, n);
            }
            for (int i = 0; i < m; i++) {
                multiply(k->a[0], m, n, MAX_N, 1, columns + i * n, row, 1);
                EACH (j, m) {
                    const int64_t at = block + p.row[i] + p.column[j];
                    if (p.row[i] + p.column[j] >= 0)
                        store(y + at, finish(row[j], bias, e, at));
                }
            }
        }
    }
}

INLINE void collect(const matrices *k, const tn_wino_grid *g, const tn_wino_slab *from,
                    int64_t begin, int64_t end, float *x)
{
    const int n = k->n;
    for (int64_t t = begin; t < end; t++) {
        const place p = find_tile(g, t, k->m, n);
        for (int64_t b = 0; b < g->blocks; b++) {
            const float *in = from->data + (b * from->rows + t - begin) * LANES;
            float *block = x + b * g->height * g->width * LANES;
            vec column[MAX_N], columns[MAX_N * MAX_N], row[MAX_N];
            for (int j = 0; j < n; j++) {
                EACH (i, n)
                    column[i] = load(in + (i * n + j) * from->pitch);
                multiply(k->b[0], n, n, 1, MAX_N, column, columns + j, n);
            }
            for (int i = 0; i < n; i++) {
                multiply(k->b[0], n, n, 1, MAX_N, columns + i * n, row, 1);
                EACH (j, n) {
                    const int64_t at = p.row[i] + p.column[j];
                    if (at >= 0)
                        store(block + at, load(block + at) + row[j]);
                }
            }
        }
    }
}

INLINE void transpose_filters(const float *w, int taps, bool turned, float *out)
{
    for (int tap = 0; tap < taps; tap++) {
        const float *from = w + (turned ? taps - 1 - tap : tap) * LANES * LANES;
        for (int i = 0; i < LANES; i++)
            for (int j = 0; j < LANES; j++)
                out[(tap * LANES + i) * LANES + j] = from[j * LANES + i];
    }
}

INLINE void filter(const matrices *k, const float *w, tn_wino_order order, const tn_wino_slab *u,
                   int64_t first, int64_t block)
{
    const int n = k->n, r = k->r;
    float transposed[MAX_R * MAX_R * LANES * LANES];
    if (order != TN_WINO_AS_IS) {
        transpose_filters(w, r * r, order == TN_WINO_TURNED, transposed);
        w = transposed;
    }
    for (int l = 0; l < LANES; l++) {
        vec column[MAX_R], columns[MAX_N * MAX_R], row[MAX_N];
        for (int j = 0; j < r; j++) {
            EACH (i, r)
                column[i] = load(w + ((i * r + j) * LANES + l) * LANES);
            multiply(k->g[0], n, r, MAX_R, 1, column, columns + j, r);
        }
        float *out = u->data + (block * u->rows + first + l) * LANES;
        for (int i = 0; i < n; i++) {
            multiply(k->g[0], n, r, MAX_R, 1, columns + i * r, row, 1);
            EACH (j, n)
                store(out + (i * n + j) * u->pitch, row[j]);
        }
    }
}

INLINE void filter_back(const matrices *k, float *dw, const tn_wino_slab *du, int64_t first,
                        int64_t block)
{
    const int n = k->n, r = k->r;
    for (int l = 0; l < LANES; l++) {
        const float *in = du->data + (block * du->rows + first + l) * LANES;
        vec column[MAX_N], columns[MAX_R * MAX_N], row[MAX_R];
        for (int j = 0; j < n; j++) {
            EACH (i, n)
                column[i] = load(in + (i * n + j) * du->pitch);
            multiply(k->g[0], r, n, 1, MAX_R, column, columns + j, n);
        }
        for (int i = 0; i < r; i++) {
            multiply(k->g[0], r, n, 1, MAX_R, columns + i * n, row, 1);
            EACH (j, r)
                store(dw + ((i * r + j) * LANES + l) * LANES, row[j]);
        }
    }
}

/* The functions of one tile, with its matrices known to the compiler. */
#define TILE(size)                                                                                \
    static void input_##size(const tn_wino_grid *g, const float *x, const float *relu,            \
                             int64_t begin, int64_t end, const tn_wino_slab *v)                   \
    {                                                                                             \
        input(&size, g, x, relu, begin, end, v);                                                  \
    }                                                                                             \
    static void output_##size(const tn_wino_grid *g, const tn_wino_slab *m, const tn_wino_end *e, \
                              int64_t begin, int64_t end, float *y)                               \
    {                                                                                             \
        output(&size, g, m, e, begin, end, y);                                                    \
    }                                                                                             \
    static void collect_##size(const tn_wino_grid *g, const tn_wino_slab *dv, int64_t begin,      \
                               int64_t end, float *x)                                             \
    {                                                                                             \
        collect(&size, g, dv, begin, end, x);                                                     \
    }                                                                                             \
    static void spread_##size(const tn_wino_grid *g, const float *dy, const float *relu,          \
                              int64_t begin, int64_t end, const tn_wino_slab *d)                  \
    {                                                                                             \
        spread(&size, g, dy, relu, begin, end, d);                                                \
    }                                                                                             \
    static void filter_##size(const float *w, tn_wino_order order, const tn_wino_slab *u,         \
                              int64_t row, int64_t block)                                         \
    {                                                                                             \
        filter(&size, w, order, u, row, block);                                                   \
    }                                                                                             \
    static void filter_back_##size(float *dw, const tn_wino_slab *du, int64_t row, int64_t block) \
    {                                                                                             \
        filter_back(&size, dw, du, row, block);                                                   \
    }

#define FUNCTIONS(size)                                                                   \
    input_##size, output_##size, TN_BACKWARD(collect_##size), TN_BACKWARD(spread_##size), \
        filter_##size, TN_BACKWARD(filter_back_##size)

TILE(small)
TILE(three)
TILE(five)

const tn_wino_code TN_OF_ISA(tn_wino) = {
    .name = TN_ISA_NAME,
    .lanes = LANES,
    .tile = {[TN_WINO_4X4] = {2, 3, 4, FUNCTIONS(small)},
             [TN_WINO_6X6] = {4, 3, 6, FUNCTIONS(three)},
             [TN_WINO_8X8] = {4, 5, 8, FUNCTIONS(five)}},
    .multiply = multiply_matrices,
    .multiply_turned = TN_BACKWARD(multiply_turned),
};
