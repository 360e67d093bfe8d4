#include "backends/cuda/kernels/binary.h"
#include "backends/cuda/kernels/vector.h"

/* ---- formulas ----------------------------------------------------------------------------- */

/* Gradients as PyTorch has them where a and b are equal, or a is 0. */
#define FORMULA(name, value)                           \
    struct name {                                      \
        TN_DEVICE float of(float a, float b, float dy) \
        {                                              \
            (void)a, (void)b, (void)dy;                \
            return value;                              \
        }                                              \
    };
FORMULA(add, a + b)
FORMULA(sub, a - b)
FORMULA(mul, a *b)
FORMULA(quotient, a / b)
FORMULA(power, powf(a, b))
FORMULA(minimum, a != a || a < b ? a : b)
FORMULA(maximum, a != a || a > b ? a : b)
FORMULA(mask, b != 0 ? a : 0.0f)
FORMULA(only_dy, dy)
FORMULA(minus_dy, -dy)
FORMULA(mul_a, dy *b)
FORMULA(mul_b, dy *a)
FORMULA(div_a, dy / b)
FORMULA(div_b, -dy *(a / b) / b)
FORMULA(pow_a, b == 0 ? 0.0f : dy * (b * powf(a, b - 1)))
FORMULA(pow_b, a == 0 && b >= 0 ? 0.0f : dy * (powf(a, b) * logf(a)))
FORMULA(unless_above, a == b ? 0.5f * dy : a > b ? 0.0f : dy)
FORMULA(unless_below, a == b ? 0.5f * dy : a < b ? 0.0f : dy)
FORMULA(mask_a, b != 0 ? dy : 0.0f)
FORMULA(mask_b, 0.0f)
FORMULA(prelu, a > 0 ? a : b * a)
FORMULA(prelu_a, a > 0 ? dy : b * dy)
FORMULA(prelu_b, a > 0 ? 0.0f : a * dy)
FORMULA(scale, a *b + dy)

/* What a formula does not read is left where it is: reading it would be half as much again. */
TN_DEVICE bool reads_a(int32_t formula)
{
    return formula != TNK_DY && formula != TNK_MINUS_DY && formula != TNK_MUL_A &&
           formula != TNK_DIV_A && formula != TNK_MASK_A && formula != TNK_MASK_B;
}
TN_DEVICE bool reads_b(int32_t formula)
{
    return formula != TNK_DY && formula != TNK_MINUS_DY && formula != TNK_MUL_B &&
           formula != TNK_MASK_B;
}

/* w = formula(u, v, w), N of each. The switch is around the formula alone, not around what reads and writes: all threads take the
 * same way, and loops of their own for each formula took nvcc minutes. */
template <class F, int N>
TN_DEVICE void of_each(const float (&u)[N], const float (&v)[N], float (&w)[N])
{
    TN_UNROLL
    for (int j = 0; j < N; j++)
        w[j] = F::of(u[j], v[j], w[j]);
}

template <int N>
TN_DEVICE void apply_gradient(int32_t formula, const float (&u)[N], const float (&v)[N],
                              float (&w)[N])
{
    switch (formula) {
    case TNK_MINUS_DY:
        return of_each<minus_dy>(u, v, w);
    case TNK_MUL_A:
        return of_each<mul_a>(u, v, w);
    case TNK_MUL_B:
        return of_each<mul_b>(u, v, w);
    case TNK_DIV_A:
        return of_each<div_a>(u, v, w);
    case TNK_DIV_B:
        return of_each<div_b>(u, v, w);
    case TNK_POW_A:
        return of_each<pow_a>(u, v, w);
    case TNK_POW_B:
        return of_each<pow_b>(u, v, w);
    case TNK_UNLESS_ABOVE:
        return of_each<unless_above>(u, v, w);
    case TNK_UNLESS_BELOW:
        return of_each<unless_below>(u, v, w);
    case TNK_MASK_A:
        return of_each<mask_a>(u, v, w);
    case TNK_MASK_B:
        return of_each<mask_b>(u, v, w);
    case TNK_PRELU_A:
        return of_each<prelu_a>(u, v, w);
    case TNK_PRELU_B:
        return of_each<prelu_b>(u, v, w);
    default:
        return of_each<only_dy>(u, v, w);
    }
}

template <int N>
TN_DEVICE void apply(int32_t formula, const float (&u)[N], const float (&v)[N], float (&w)[N])
{
    switch (formula) {
    case TNK_ADD:
        return of_each<add>(u, v, w);
    case TNK_SUB:
        return of_each<sub>(u, v, w);
    case TNK_MUL:
        return of_each<mul>(u, v, w);
    case TNK_DIV:
        return of_each<quotient>(u, v, w);
    case TNK_POW:
        return of_each<power>(u, v, w);
    case TNK_MINIMUM:
        return of_each<minimum>(u, v, w);
    case TNK_MAXIMUM:
        return of_each<maximum>(u, v, w);
    case TNK_MASK:
        return of_each<mask>(u, v, w);
    case TNK_PRELU:
        return of_each<prelu>(u, v, w);
    case TNK_SCALE:
        return of_each<scale>(u, v, w);
    default:
        return apply_gradient(formula, u, v, w);
    }
}

/* ---- places ------------------------------------------------------------------------------- */

struct place {
    int64_t at[TNK_PLACES];
};

/* Adds that of number n. */
TN_DEVICE void move_to(place &to, const tnk_places &p, uint32_t n)
{
    for (int d = p.ndim - 1; d >= 0; d--) {
        const uint32_t index = d > 0 ? divide(n, p.dim[d]) : n;
        TN_UNROLL
        for (int i = 0; i < TNK_PLACES; i++)
            to.at[i] += p.step[d][i] * index;
    }
}

/* ---- element by element ------------------------------------------------------------------- */

/* N times the one at p. */
template <int N, class T> TN_DEVICE void repeat(float (&to)[N], const T *p)
{
    const float same = tn_load(p);
    TN_UNROLL
    for (int j = 0; j < N; j++)
        to[j] = same;
}

/* One dimension, in which a and b go on or stay. */
template <class T> TN_DEVICE void map_flat(const tnk_binary_args &p)
{
    constexpr int N = tn_lanes<T>;
    const T *a = static_cast<const T *>(p.a), *b = static_cast<const T *>(p.b);
    const T *dy = static_cast<const T *>(p.dy), *with_b = static_cast<const T *>(p.c);
    T *to = static_cast<T *>(p.to);
    const bool a_goes = p.at.step[0][TNK_A] != 0, b_goes = p.at.step[0][TNK_B] != 0;
    const bool reads[2] = {reads_a(p.formula), reads_b(p.formula)};
    const bool whole = tn_aligned<T, N>(a) && tn_aligned<T, N>(b) && tn_aligned<T, N>(dy) &&
                       tn_aligned<T, N>(with_b) && tn_aligned<T, N>(to);
    TN_GRID_STRIDE(i, tn_groups<N>(p.count))
    {
        float u[N] = {}, v[N] = {}, w[N] = {};
        if (reads[0])
            a_goes ? tn_read(u, a, i, p.count, whole) : repeat(u, a);
        if (reads[1])
            b_goes ? tn_read(v, b, i, p.count, whole) : repeat(v, b);
        if (dy)
            tn_read(w, dy, i, p.count, whole);
        else if (with_b)
            b_goes ? tn_read(w, with_b, i, p.count, whole) : repeat(w, with_b);
        apply(p.formula, u, v, w);
        tn_write(to, w, i, p.count, whole);
    }
}

/* N at a time, all of them in one line of the innermost dimension. */
template <class T, int N> TN_DEVICE void map_places(const tnk_binary_args &p)
{
    const T *dy = static_cast<const T *>(p.dy), *with_b = static_cast<const T *>(p.c);
    T *to = static_cast<T *>(p.to);
    const bool reads[2] = {reads_a(p.formula), reads_b(p.formula)};
    const int last = p.at.ndim - 1;
    const bool a_goes = p.at.step[last][TNK_A] != 0, b_goes = p.at.step[last][TNK_B] != 0;
    TN_GRID_STRIDE(i, p.count / N)
    {
        place from = {};
        move_to(from, p.at, static_cast<uint32_t>(i * N));
        const T *a = static_cast<const T *>(p.a) + from.at[TNK_A];
        const T *b = static_cast<const T *>(p.b) + from.at[TNK_B];
        float u[N] = {}, v[N] = {}, w[N] = {};
        if (reads[0])
            a_goes ? tn_load_all(u, a) : repeat(u, a);
        if (reads[1])
            b_goes ? tn_load_all(v, b) : repeat(v, b);
        if (dy)
            tn_load_all(w, dy + i * N);
        else if (with_b)
            b_goes ? tn_load_all(w, with_b + from.at[TNK_B]) : repeat(w, with_b + from.at[TNK_B]);
        apply(p.formula, u, v, w);
        tn_store_all(to + i * N, w);
    }
}

template <class T> TN_DEVICE void any(const tnk_binary_args &p)
{
    if (p.at.ndim == 1)
        map_flat<T>(p);
    else if (p.whole)
        map_places<T, tn_lanes<T>>(p);
    else
        map_places<T, 1>(p);
}

/* ---- sums --------------------------------------------------------------------------------- */

template <class T> TN_DEVICE void any_sum(const tnk_binary_sum_args &p)
{
    TN_SHARED(float, part, TNK_BINARY_BLOCK);
    const int me = static_cast<int>(threadIdx.x);
    const int64_t i = static_cast<int64_t>(blockIdx.x % p.tiles) * p.across + me % p.across;
    const int64_t k = blockIdx.x / p.tiles, each = (p.all + p.parts - 1) / p.parts;
    const int64_t end = (k + 1) * each < p.all ? (k + 1) * each : p.all;
    const T *a = static_cast<const T *>(p.a), *b = static_cast<const T *>(p.b);
    const T *dy = static_cast<const T *>(p.dy);
    const bool reads[2] = {reads_a(p.formula), reads_b(p.formula)};
    float total = 0;
    place from = {};
    if (i < p.count) {
        move_to(from, p.kept, static_cast<uint32_t>(i));
        for (int64_t r = k * each + me / p.across; r < end; r += TNK_BINARY_BLOCK / p.across) {
            place at = from;
            move_to(at, p.summed, static_cast<uint32_t>(r));
            const float u[1] = {reads[0] ? tn_load(a + at.at[TNK_A]) : 0};
            const float v[1] = {reads[1] ? tn_load(b + at.at[TNK_B]) : 0};
            float w[1] = {tn_load(dy + at.at[TNK_Y])};
            apply_gradient(p.formula, u, v, w);
            total += w[0];
        }
    }
    part[me] = total;
    for (int below = TNK_BINARY_BLOCK / 2; below >= p.across; below /= 2) {
        __syncthreads();
        if (me < below)
            part[me] += part[me + below];
    }
    if (me < p.across && i < p.count)
        p.part[k * p.count + i] = part[me];
}

template <class T> TN_DEVICE void end_sum(const tnk_binary_end_args &p)
{
    T *gradient = static_cast<T *>(p.gradient);
    TN_GRID_STRIDE(i, p.count)
    {
        float total = 0;
        place to = {};
        for (int k = 0; k < p.parts; k++)
            total += p.part[k * p.count + i];
        move_to(to, p.kept, static_cast<uint32_t>(i));
        tn_store(gradient + to.at[TNK_GRADIENT], total);
    }
}

/* ---- kernels ------------------------------------------------------------------------------ */

TN_KERNEL_TYPES(tnk_binary, struct tnk_binary_args, any)
TN_KERNEL_TYPES(tnk_binary_sum, struct tnk_binary_sum_args, any_sum)
TN_KERNEL_TYPES(tnk_binary_end, struct tnk_binary_end_args, end_sum)
