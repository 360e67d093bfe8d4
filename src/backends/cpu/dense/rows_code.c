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
#include "tensor/half.h"

enum {
    MAX_ROWS = 8,
    CACHE_LINE = 64,
    /* Rows are fetched so many bytes ahead: the processor itself stops at the end of a page, and a mapped file's are small. */
    AHEAD = 512
};

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

INLINE int bytes_of(tn_dtype dtype)
{
    return dtype == TN_F32 ? 4 : dtype == TN_U8 ? 1 : 2;
}

/* What has no vectors for it, one by one. */
INLINE float number_at(const void *w, tn_dtype dtype, int64_t i)
{
    switch (dtype) {
    case TN_F16:
        return tn_from_f16(((const uint16_t *)w)[i]);
    case TN_BF16:
        return tn_from_bf16(((const uint16_t *)w)[i]);
    case TN_U8:
        return ((const int8_t *)w)[i];
    default:
        return ((const float *)w)[i];
    }
}

#if LANES == 4
typedef uint32_t bits __attribute__((vector_size(LANES * 4)));
typedef uint16_t halves_in_memory __attribute__((vector_size(LANES * 2), aligned(2), may_alias));
typedef int8_t bytes_in_memory __attribute__((vector_size(LANES), aligned(1), may_alias));

/* What tn_from_f16() makes of each, without a branch. */
INLINE vec of_f16(bits half)
{
    const bits sign = (half & 0x8000) << 16, rest = half & 0x7fff;
    const bits small = (bits)(rest < 0x400), full = (bits)(rest >= 0x7c00) & 0x7f800000;
    const bits below = (bits)(__builtin_convertvector((mask)rest, vec) * 0x1p-24F);
    return (vec)(sign | (small & below) | (~small & (((rest << 13) + 0x38000000) | full)));
}
#endif

/* A vector of w, as f32. */
INLINE vec load_as(const void *w, tn_dtype dtype, int64_t i)
{
    const char *at = (const char *)w + i * bytes_of(dtype);
    if (dtype == TN_F32)
        return load((const float *)w + i);
#if LANES == 16 && defined __AVX512F__
    if (dtype == TN_U8)
        return (vec)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)at)));
    const __m256i half = _mm256_loadu_si256((const void *)at);
    if (dtype == TN_F16)
        return (vec)_mm512_cvtph_ps(half);
    return (vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16);
#elif LANES == 8 && defined __AVX2__ && defined __F16C__
    if (dtype == TN_U8)
        return (vec)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)at)));
    const __m128i half = _mm_loadu_si128((const void *)at);
    if (dtype == TN_F16)
        return (vec)_mm256_cvtph_ps(half);
    return (vec)_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16);
#else
    if (dtype == TN_U8)
        return __builtin_convertvector(*(const bytes_in_memory *)at, vec);
    const bits half = __builtin_convertvector(*(const halves_in_memory *)at, bits);
    return dtype == TN_F16 ? of_f16(half) : (vec)(half << 16);
#endif
}

/* Its first `count` numbers, and 0. Not in line: a row ends once, and so many copies would be most of the code. */
__attribute__((noinline)) static void copy_part(float to[LANES], const void *w, tn_dtype dtype,
                                                int64_t i, int64_t count)
{
    for (int64_t l = 0; l < count; l++)
        to[l] = number_at(w, dtype, i + l);
}

INLINE vec load_part(const void *w, tn_dtype dtype, int64_t i, int64_t count)
{
    float to[LANES] = {0};
    copy_part(to, w, dtype, i, count);
    return load(to);
}

/* A NaN stays one: nothing is hidden. */
INLINE float finish(const tn_dense_rows *a, int64_t k, float y)
{
    if (a->scale)
        y *= a->scale[k];
    if (a->bias)
        y += a->bias[k];
    return a->relu && y < 0 ? 0 : y;
}

/* Products number d, a vector of them, of which `count` are there, to the sums. */
INLINE void add(const tn_dense_rows *a, const int64_t *row, int64_t d, int64_t count, int rows,
                int images, tn_dtype dtype, vec sum[MAX_ROWS][TN_DENSE_IMAGES])
{
    vec x[TN_DENSE_IMAGES];
    EACH (n, images)
        x[n] = count == LANES ? load(a->x + n * a->D + d)
                              : load_part(a->x, TN_F32, n * a->D + d, count);
    EACH (r, rows) {
        const vec w = count == LANES ? load_as(a->w, dtype, row[r] + d)
                                     : load_part(a->w, dtype, row[r] + d, count);
        EACH (n, images)
            sum[r][n] += w * x[n];
    }
}

INLINE void run(const tn_dense_rows *a, int64_t k, int rows, int images, tn_dtype dtype)
{
    const int bytes = bytes_of(dtype), line = CACHE_LINE / bytes;
    int64_t row[MAX_ROWS], d = 0;
    vec sum[MAX_ROWS][TN_DENSE_IMAGES];
    EACH (r, rows) {
        row[r] = (k + r < a->K ? k + r : k) * a->D; /* one beyond the last: this one again */
        EACH (n, images)
            sum[r][n] = (vec){0};
    }
    for (; d + line <= a->D; d += line) {
        EACH (r, rows)
            __builtin_prefetch((const char *)a->w + (row[r] + d) * bytes + AHEAD);
#if LANES == 4 && defined TN_INFER /* up to 16 for all rows, written out: 100 kB */
        for (int v = 0; v < line / LANES; v++)
#else
        EACH (v, line / LANES)
#endif
            add(a, row, d + v * LANES, LANES, rows, images, dtype, sum);
    }
    for (; d + LANES <= a->D; d += LANES)
        add(a, row, d, LANES, rows, images, dtype, sum);
    if (d < a->D)
        add(a, row, d, a->D - d, rows, images, dtype, sum);
    float y[MAX_ROWS][TN_DENSE_IMAGES];
    EACH (r, rows)
        EACH (n, images)
            y[r][n] = total(sum[r][n]);
    for (int r = 0; r < rows && k + r < a->K; r++)
        for (int n = 0; n < images; n++)
            a->y[n * a->K + k + r] = finish(a, k + r, y[r][n]);
}

/* With the number of images and the type known to the compiler. */
#define TYPE(name, images, dtype)                                  \
    static void name##_##images(const tn_dense_rows *a, int64_t k) \
    {                                                              \
        run(a, k, ROWS_##images, images, dtype);                   \
    }
#define IMAGES(images)          \
    TYPE(f32, images, TN_F32)   \
    TYPE(f16, images, TN_F16)   \
    TYPE(bf16, images, TN_BF16) \
    TYPE(whole, images, TN_U8)

IMAGES(1)
IMAGES(2)
IMAGES(3)
IMAGES(4)

#define RUN(n)                                                                                \
    {                                                                                         \
        ROWS_##n,                                                                             \
        {                                                                                     \
            [TN_F32] = f32_##n, [TN_F16] = f16_##n, [TN_BF16] = bf16_##n, [TN_U8] = whole_##n \
        }                                                                                     \
    }

const tn_dense_code TN_OF_ISA(tn_dense) = {
    .name = {[TN_F32] = "rows:" TN_ISA_NAME,
             [TN_F16] = "rows of f16:" TN_ISA_NAME,
             [TN_BF16] = "rows of bf16:" TN_ISA_NAME,
             [TN_U8] = "rows of 8 bits:" TN_ISA_NAME},
    .of = {RUN(1), RUN(2), RUN(3), RUN(4)},
};
