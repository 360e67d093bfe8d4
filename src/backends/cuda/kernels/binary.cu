#include "backends/cuda/kernels/binary.h"
#include "backends/cuda/kernels/vector.h"

/* ---- formulas ----------------------------------------------------------------------------- */

/* What the third number is: none, dy, or what goes as b does. */
enum third { NONE, DY, WITH_B };

/* Gradients as PyTorch has them where a and b are equal, or a is 0. */
#define FORMULA(name, third_is, value)                 \
    struct name {                                      \
        static constexpr third c = third_is;           \
        TN_DEVICE float of(float a, float b, float dy) \
        {                                              \
            (void)a, (void)b, (void)dy;                \
            return value;                              \
        }                                              \
    };
FORMULA(add, NONE, a + b)
FORMULA(sub, NONE, a - b)
FORMULA(mul, NONE, a *b)
FORMULA(quotient, NONE, a / b)
FORMULA(power, NONE, powf(a, b))
FORMULA(minimum, NONE, a != a || a < b ? a : b)
FORMULA(maximum, NONE, a != a || a > b ? a : b)
FORMULA(mask, NONE, b != 0 ? a : 0.0f)
FORMULA(only_dy, DY, dy)
FORMULA(minus_dy, DY, -dy)
FORMULA(mul_a, DY, dy *b)
FORMULA(mul_b, DY, dy *a)
FORMULA(div_a, DY, dy / b)
FORMULA(div_b, DY, -dy *(a / b) / b)
FORMULA(pow_a, DY, b == 0 ? 0.0f : dy * (b * powf(a, b - 1)))
FORMULA(pow_b, DY, a == 0 && b >= 0 ? 0.0f : dy * (powf(a, b) * logf(a)))
FORMULA(unless_above, DY, a == b ? 0.5f * dy : a > b ? 0.0f : dy)
FORMULA(unless_below, DY, a == b ? 0.5f * dy : a < b ? 0.0f : dy)
FORMULA(mask_a, DY, b != 0 ? dy : 0.0f)
FORMULA(mask_b, DY, 0.0f)
FORMULA(prelu, NONE, a > 0 ? a : b * a)
FORMULA(prelu_a, DY, a > 0 ? dy : b * dy)
FORMULA(prelu_b, DY, a > 0 ? 0.0f : a * dy)
FORMULA(scale, WITH_B, a *b + dy)

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
template <class T, class F> TN_DEVICE void map_flat(const tnk_binary_args &p)
{
    constexpr int N = tn_lanes<T>;
    const T *a = static_cast<const T *>(p.a), *b = static_cast<const T *>(p.b);
    const T *dy = static_cast<const T *>(p.dy), *with_b = static_cast<const T *>(p.c);
    T *to = static_cast<T *>(p.to);
    const bool a_goes = p.at.step[0][TNK_A] != 0, b_goes = p.at.step[0][TNK_B] != 0;
    const bool whole = tn_aligned<T, N>(a) && tn_aligned<T, N>(b) && tn_aligned<T, N>(dy) &&
                       tn_aligned<T, N>(with_b) && tn_aligned<T, N>(to);
    TN_GRID_STRIDE(i, tn_groups<N>(p.count))
    {
        float u[N], v[N], w[N] = {};
        a_goes ? tn_read(u, a, i, p.count, whole) : repeat(u, a);
        b_goes ? tn_read(v, b, i, p.count, whole) : repeat(v, b);
        if constexpr (F::c == DY)
            tn_read(w, dy, i, p.count, whole);
        if constexpr (F::c == WITH_B)
            b_goes ? tn_read(w, with_b, i, p.count, whole) : repeat(w, with_b);
        TN_UNROLL
        for (int j = 0; j < N; j++)
            w[j] = F::of(u[j], v[j], w[j]);
        tn_write(to, w, i, p.count, whole);
    }
}

/* N at a time, all of them in one line of the innermost dimension. */
template <class T, class F, int N> TN_DEVICE void map_places(const tnk_binary_args &p)
{
    const T *dy = static_cast<const T *>(p.dy);
    T *to = static_cast<T *>(p.to);
    const int last = p.at.ndim - 1;
    const bool a_goes = p.at.step[last][TNK_A] != 0, b_goes = p.at.step[last][TNK_B] != 0;
    TN_GRID_STRIDE(i, p.count / N)
    {
        place from = {};
        move_to(from, p.at, static_cast<uint32_t>(i * N));
        const T *a = static_cast<const T *>(p.a) + from.at[TNK_A];
        const T *b = static_cast<const T *>(p.b) + from.at[TNK_B];
        float u[N], v[N], w[N] = {};
        a_goes ? tn_load_all(u, a) : repeat(u, a);
        b_goes ? tn_load_all(v, b) : repeat(v, b);
        if constexpr (F::c == DY)
            tn_load_all(w, dy + i * N);
        if constexpr (F::c == WITH_B) {
            const T *c = static_cast<const T *>(p.c) + from.at[TNK_B];
            b_goes ? tn_load_all(w, c) : repeat(w, c);
        }
        TN_UNROLL
        for (int j = 0; j < N; j++)
            w[j] = F::of(u[j], v[j], w[j]);
        tn_store_all(to + i * N, w);
    }
}

template <class T> struct map {
    typedef tnk_binary_args args;
    template <class F> TN_DEVICE void with(const args &p)
    {
        if (p.at.ndim == 1)
            map_flat<T, F>(p);
        else if (p.whole)
            map_places<T, F, tn_lanes<T>>(p);
        else
            map_places<T, F, 1>(p);
    }
};

/* ---- sums --------------------------------------------------------------------------------- */

/* What all formulas share: a block's sums before they are added up. */
struct sum_args {
    const tnk_binary_sum_args &of;
    float *part;
    int32_t formula;
};
template <class T> struct sum {
    typedef sum_args args;
    template <class F> TN_DEVICE void with(const args &all)
    {
        const tnk_binary_sum_args &p = all.of;
        float *const part = all.part;
        const int me = static_cast<int>(threadIdx.x);
        const int64_t i = static_cast<int64_t>(blockIdx.x % p.tiles) * p.across + me % p.across;
        const int64_t k = blockIdx.x / p.tiles, each = (p.all + p.parts - 1) / p.parts;
        const int64_t end = (k + 1) * each < p.all ? (k + 1) * each : p.all;
        const T *a = static_cast<const T *>(p.a), *b = static_cast<const T *>(p.b);
        const T *dy = static_cast<const T *>(p.dy);
        float total = 0;
        place from = {};
        if (i < p.count) {
            move_to(from, p.kept, static_cast<uint32_t>(i));
            for (int64_t r = k * each + me / p.across; r < end; r += TNK_BINARY_BLOCK / p.across) {
                place at = from;
                move_to(at, p.summed, static_cast<uint32_t>(r));
                total += F::of(tn_load(a + at.at[TNK_A]), tn_load(b + at.at[TNK_B]),
                               tn_load(dy + at.at[TNK_Y]));
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
};

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

template <class How> TN_DEVICE void gradient_of(const typename How::args &p)
{
    switch (p.formula) {
    case TNK_MINUS_DY:
        return How::template with<minus_dy>(p);
    case TNK_MUL_A:
        return How::template with<mul_a>(p);
    case TNK_MUL_B:
        return How::template with<mul_b>(p);
    case TNK_DIV_A:
        return How::template with<div_a>(p);
    case TNK_DIV_B:
        return How::template with<div_b>(p);
    case TNK_POW_A:
        return How::template with<pow_a>(p);
    case TNK_POW_B:
        return How::template with<pow_b>(p);
    case TNK_UNLESS_ABOVE:
        return How::template with<unless_above>(p);
    case TNK_UNLESS_BELOW:
        return How::template with<unless_below>(p);
    case TNK_MASK_A:
        return How::template with<mask_a>(p);
    case TNK_MASK_B:
        return How::template with<mask_b>(p);
    case TNK_PRELU_A:
        return How::template with<prelu_a>(p);
    case TNK_PRELU_B:
        return How::template with<prelu_b>(p);
    default:
        return How::template with<only_dy>(p);
    }
}

template <class T> TN_DEVICE void any(const tnk_binary_args &p)
{
    switch (p.formula) {
    case TNK_ADD:
        return map<T>::template with<add>(p);
    case TNK_SUB:
        return map<T>::template with<sub>(p);
    case TNK_MUL:
        return map<T>::template with<mul>(p);
    case TNK_DIV:
        return map<T>::template with<quotient>(p);
    case TNK_POW:
        return map<T>::template with<power>(p);
    case TNK_MINIMUM:
        return map<T>::template with<minimum>(p);
    case TNK_MAXIMUM:
        return map<T>::template with<maximum>(p);
    case TNK_MASK:
        return map<T>::template with<mask>(p);
    case TNK_PRELU:
        return map<T>::template with<prelu>(p);
    case TNK_SCALE:
        return map<T>::template with<scale>(p);
    default:
        return gradient_of<map<T>>(p);
    }
}
template <class T> TN_DEVICE void any_sum(const tnk_binary_sum_args &p)
{
    TN_SHARED(float, part, TNK_BINARY_BLOCK);
    gradient_of<sum<T>>({p, part, p.formula});
}
TN_KERNEL_TYPES(tnk_binary, struct tnk_binary_args, any)
TN_KERNEL_TYPES(tnk_binary_sum, struct tnk_binary_sum_args, any_sum)
TN_KERNEL_TYPES(tnk_binary_end, struct tnk_binary_end_args, end_sum)
