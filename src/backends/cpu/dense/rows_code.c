/*
 * The rows of rows.h for vectors of LANES floats. ROWS_1 .. ROWS_4: the rows for so many images. Their sums, one
 * vector a row and image, and what they are made of have to fit into the registers: 32 of AVX-512, 16 else.
 */
#include "backends/cpu/vector/isa.h"

#if defined TN_ISA_AVX512
#define LANES 16
#define ROWS_1 8
#define ROWS_2 8
#define ROWS_3 8
#define ROWS_4 6
#elif defined TN_ISA_AVX2
#define LANES 8
#define ROWS_1 8
#define ROWS_2 6
#define ROWS_3 4
#define ROWS_4 3
#else
#define LANES 4
#define ROWS_1 8
#define ROWS_2 6
#define ROWS_3 4
#define ROWS_4 3
#endif

#include "backends/cpu/dense/rows.h"
#include "backends/cpu/vector/vector.h"

enum { MAX_ROWS = 8 };

typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));

INLINE float total(vec v)
{
    float part[LANES];
    store(part, v);
    quad sum = {0};
    EACH (i, LANES / 4)
        sum += *(const quad *)(part + 4 * i);
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

INLINE vec load_whole(const int8_t *p)
{
#if LANES == 16 && defined __AVX512F__
    return (vec)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
#elif LANES == 8 && defined __AVX2__
    return (vec)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
#else
    float to[LANES];
    EACH (i, LANES)
        to[i] = p[i];
    return load(to);
#endif
}

/* y and the products of row k and image n that fill no vector. */
static float add_rest(const tn_dense_rows *a, int64_t k, int n, float y)
{
    for (int64_t d = a->D - a->D % LANES; d < a->D; d++)
        y += (a->whole ? a->whole[k * a->D + d] : a->w[k * a->D + d]) * a->x[n * a->D + d];
    return y;
}

/* A NaN stays one: nothing is hidden. */
INLINE float finish(const tn_dense_rows *a, int64_t k, int n, float y)
{
    if (a->D % LANES)
        y = add_rest(a, k, n, y);
    if (a->whole)
        y *= a->scale[k];
    if (a->bias)
        y += a->bias[k];
    return a->relu && y < 0 ? 0 : y;
}

INLINE void run(const tn_dense_rows *a, int64_t k, int rows, int images, bool whole)
{
    const int64_t D = a->D;
    const float *w[MAX_ROWS];
    const int8_t *numbers[MAX_ROWS];
    vec sum[MAX_ROWS][TN_DENSE_IMAGES], x[TN_DENSE_IMAGES];
    EACH (r, rows) {
        const int64_t row =
            (k + r < a->K ? k + r : k) * D; /* one beyond the last: this one again */
        w[r] = whole ? NULL : a->w + row;
        numbers[r] = whole ? a->whole + row : NULL;
        EACH (n, images)
            sum[r][n] = (vec){0};
    }
    for (int64_t d = 0; d + LANES <= D; d += LANES) {
        EACH (n, images)
            x[n] = load(a->x + n * D + d);
        EACH (r, rows) {
            const vec v = whole ? load_whole(numbers[r] + d) : load(w[r] + d);
            EACH (n, images)
                sum[r][n] += v * x[n];
        }
    }
    float y[MAX_ROWS][TN_DENSE_IMAGES];
    EACH (r, rows)
        EACH (n, images)
            y[r][n] = total(sum[r][n]);
    for (int r = 0; r < rows && k + r < a->K; r++)
        for (int n = 0; n < images; n++)
            a->y[n * a->K + k + r] = finish(a, k + r, n, y[r][n]);
}

/* With the number of images known to the compiler. */
#define IMAGES(images)                                            \
    static void run_##images(const tn_dense_rows *a, int64_t k)   \
    {                                                             \
        run(a, k, ROWS_##images, images, false);                  \
    }                                                             \
    static void whole_##images(const tn_dense_rows *a, int64_t k) \
    {                                                             \
        run(a, k, ROWS_##images, images, true);                   \
    }

IMAGES(1)
IMAGES(2)
IMAGES(3)
IMAGES(4)

const tn_dense_code TN_OF_ISA(tn_dense) = {
    .name = "rows:" TN_ISA_NAME,
    .whole_name = "rows of 8 bits:" TN_ISA_NAME,
    .of = {{ROWS_1, run_1, whole_1},
           {ROWS_2, run_2, whole_2},
           {ROWS_3, run_3, whole_3},
           {ROWS_4, run_4, whole_4}},
};
