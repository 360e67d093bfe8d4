/* The loops of binary.h as the compiler makes them for one width of vectors. */
#include <math.h>

#include "backends/cpu/elementwise/binary.h"
#include "backends/cpu/vector/isa.h"

/* ---- loops ---------------------------------------------------------------------------------- */

/* to = value, an expression of a, b and, if it is a gradient, dy. a_goes, b_goes: from column to column. */
#define LOOP(name, a_goes, b_goes, is_gradient, value)                                            \
    static void name(const tn_binary_rows *r)                                                     \
    {                                                                                             \
        const int64_t cols = r->cols;                                                             \
        for (int64_t i = 0; i < r->rows; i++) {                                                   \
            const float *from_a = r->a + i * r->a_row, *from_b = r->b + i * r->b_row;             \
            const float *from_dy = (is_gradient) ? r->dy + i * r->dy_row : NULL;                  \
            const float same_a = *from_a, same_b = *from_b;                                       \
            float *to = r->to + i * r->to_row;                                                    \
            _Pragma("omp simd") for (int64_t j = 0; j < cols; j++)                                \
            {                                                                                     \
                const float a = (a_goes) ? from_a[j] : same_a, b = (b_goes) ? from_b[j] : same_b; \
                const float dy = (is_gradient) ? from_dy[j] : 0;                                  \
                (void)a, (void)b, (void)dy;                                                       \
                to[j] = (value);                                                                  \
            }                                                                                     \
        }                                                                                         \
    }
#define LOOPS(name, is_gradient, value)         \
    LOOP(name##_both, 1, 1, is_gradient, value) \
    LOOP(name##_a, 1, 0, is_gradient, value)    \
    LOOP(name##_b, 0, 1, is_gradient, value)
#define KINDS(name)                                                                        \
    {                                                                                      \
        [TN_BINARY_BOTH] = name##_both, [TN_BINARY_A] = name##_a, [TN_BINARY_B] = name##_b \
    }

#define SLOPES(name)                                                                        \
    {                                                                                       \
        [TN_BINARY_BOTH] = TN_BACKWARD(name##_both), [TN_BINARY_A] = TN_BACKWARD(name##_a), \
        [TN_BINARY_B] = TN_BACKWARD(name##_b)                                               \
    }

/* ---- ops ------------------------------------------------------------------------------------ */

/* Gradients as PyTorch has them where a and b are equal, or a is 0. */
LOOPS(add, 0, a + b)
LOOPS(sub, 0, a - b)
LOOPS(negative, 1, -dy)
LOOPS(mul, 0, a *b)
LOOPS(times_a, 1, dy *a)
LOOPS(times_b, 1, dy *b)
LOOPS(div, 0, a / b)
LOOPS(div_by_a, 1, dy / b)
LOOPS(div_by_b, 1, -dy *(a / b) / b)
LOOPS(pow, 0, powf(a, b))
LOOPS(pow_by_a, 1, b == 0 ? 0 : dy * (b * powf(a, b - 1)))
LOOPS(pow_by_b, 1, a == 0 && b >= 0 ? 0 : dy * (powf(a, b) * logf(a)))
LOOPS(minimum, 0, a != a || a < b ? a : b)
LOOPS(maximum, 0, a != a || a > b ? a : b)
LOOPS(unless_above, 1, a == b ? 0.5F * dy : a > b ? 0 : dy)
LOOPS(unless_below, 1, a == b ? 0.5F * dy : a < b ? 0 : dy)
LOOPS(mask, 0, b != 0 ? a : 0)
LOOPS(mask_by_a, 1, b != 0 ? dy : 0)
LOOPS(mask_by_b, 1, 0)
LOOPS(prelu, 0, a > 0 ? a : b * a)
LOOPS(prelu_by_a, 1, a > 0 ? dy : b * dy)
LOOPS(prelu_by_b, 1, a > 0 ? 0 : a * dy)

#define OP(stem, by_a, by_b)                                  \
    extern const tn_binary_loops TN_OF_ISA(tn_binary_##stem); \
    const tn_binary_loops TN_OF_ISA(tn_binary_##stem) = {.y = KINDS(stem), .gradient = {by_a, by_b}}
#define IS_DY \
    {         \
        NULL  \
    }

OP(add, IS_DY, IS_DY);
OP(sub, IS_DY, SLOPES(negative));
OP(mul, SLOPES(times_b), SLOPES(times_a));
OP(div, SLOPES(div_by_a), SLOPES(div_by_b));
OP(pow, SLOPES(pow_by_a), SLOPES(pow_by_b));
OP(minimum, SLOPES(unless_above), SLOPES(unless_below));
OP(maximum, SLOPES(unless_below), SLOPES(unless_above));
OP(mask, SLOPES(mask_by_a), SLOPES(mask_by_b));
OP(prelu, SLOPES(prelu_by_a), SLOPES(prelu_by_b));

/* ---- sums ----------------------------------------------------------------------------------- */

static double sum_all(const float *x, int64_t rows, int64_t cols, int64_t row)
{
    double sum = 0;
    for (int64_t i = 0; i < rows; i++, x += row) {
#pragma omp simd reduction(+ : sum)
        for (int64_t j = 0; j < cols; j++)
            sum += (double)x[j];
    }
    return sum;
}

static void sum_columns(double *to, const float *x, int64_t rows, int64_t cols, int64_t row)
{
    for (int64_t i = 0; i < rows; i++, x += row) {
#pragma omp simd
        for (int64_t j = 0; j < cols; j++)
            to[j] += (double)x[j];
    }
}

extern const tn_sum_loops TN_OF_ISA(tn_sum_loops);
const tn_sum_loops TN_OF_ISA(tn_sum_loops) = {.all = sum_all, .columns = sum_columns};
