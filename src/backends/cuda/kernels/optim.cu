#include "backends/cuda/kernels/control.h"
#include "backends/cuda/kernels/optim.h"
#include "backends/cuda/kernels/vector.h"

static_assert(sizeof(tnk_adam_args) <= 4096 && sizeof(tnk_sgd_args) <= 4096, "what a launch takes");

/* ---- arenas ------------------------------------------------------------------------------- */

/* An update without measure() has only the fault to stop it, and in a replayed step that may have come up after
 * begin_update(): so it is looked at here. Then the update counts as left out, once. */
TN_DEVICE bool left_out(const tnk_arena &p)
{
    TN_SHARED(int32_t, skip, 1);
    if (threadIdx.x == 0) {
        *skip = p.control->skip;
        if (!*skip && p.control->fault) {
            *skip = 1;
            if (blockIdx.x == 0) {
                p.control->skip = 1;
                p.control->skipped++;
            }
        }
    }
    __syncthreads();
    return *skip;
}

/* The range that element i is in, which is not before range k. */
TN_DEVICE int find_range(const tnk_arena &p, int k, int64_t i)
{
    if (i < p.range[k].end)
        return k;
    int last = p.num_ranges - 1;
    while (k < last) {
        const int middle = (k + last) / 2;
        if (i < p.range[middle].end)
            last = middle;
        else
            k = middle + 1;
    }
    return k;
}

template <int N> TN_DEVICE void store_half(float *, int64_t, const float (&)[N])
{
}
template <int N, class T> TN_DEVICE void store_half(T *to, int64_t i, const float (&w)[N])
{
    tn_store_all(to + i, w);
}

/* N parameters from i on. */
template <class T, int N, class Step>
TN_DEVICE void update(const tnk_arena &p, const Step &step, int64_t i, float rate, float decay)
{
    float w[N], g[N], a[N] = {}, b[N] = {};
    tn_load_all(w, p.w + i);
    tn_load_all(g, p.g + i);
    if (p.slot[0])
        tn_load_all(a, p.slot[0] + i);
    if (p.slot[1])
        tn_load_all(b, p.slot[1] + i);
    TN_UNROLL
    for (int j = 0; j < N; j++)
        apply(step, w[j], g[j], a[j], b[j], rate, decay);
    tn_store_all(p.w + i, w);
    if (p.slot[0])
        tn_store_all(p.slot[0] + i, a);
    if (p.slot[1])
        tn_store_all(p.slot[1] + i, b);
    store_half(static_cast<T *>(p.half), i, w);
}

/* Four parameters at a time; one by one where a range begins or ends between them. Ranges of plans begin at
 * multiples of 64. */
template <class T, class Step> TN_DEVICE void walk(const tnk_arena &p, const Step &step)
{
    constexpr int N = 4;
    const float rate = p.control->rate, decay = p.control->formula.decay;
    const int64_t end = p.range[p.num_ranges - 1].end, first = p.begin / N;
    int k = 0;
    TN_GRID_STRIDE(turn, tn_groups<N>(end) - first)
    {
        const int64_t i = (first + turn) * N, from = i > p.begin ? i : p.begin;
        k = find_range(p, k, from);
        if (from == i && i + N <= p.range[k].end) {
            if (p.range[k].rate >= 0)
                update<T, N>(p, step, i, rate * p.range[k].rate, decay * p.range[k].decay);
            continue;
        }
        for (int64_t j = from; j < i + N && j < end; j++) {
            k = find_range(p, k, j);
            if (p.range[k].rate >= 0)
                update<T, 1>(p, step, j, rate * p.range[k].rate, decay * p.range[k].decay);
        }
    }
}

/* ---- optimizers --------------------------------------------------------------------------- */

struct sgd_step {
    float factor, momentum, a, b;
};
TN_DEVICE void apply(const sgd_step &k, float &w, float g, float &v, float &, float rate,
                     float decay)
{
    const float d = k.factor * g + decay * w;
    v = k.momentum * v + d;
    w -= rate * (k.a * d + k.b * v);
}
template <class T> TN_DEVICE void sgd(const tnk_sgd_args &p)
{
    if (left_out(p.arena))
        return;
    const tnk_control *c = p.arena.control;
    const tnk_sgd_formula &f = c->formula.sgd;
    walk<T>(p.arena, sgd_step{c->factor, f.momentum, f.a, f.b});
}
TN_KERNEL_TYPES(tnk_sgd, struct tnk_sgd_args, sgd)

struct adam_step {
    float factor, beta1, beta2, rest1, rest2, epsilon;
    float correct1, correct2; /* 1 / (1 - beta1^t), 1 / sqrt(1 - beta2^t) */
    bool decoupled;
};
TN_DEVICE void apply(const adam_step &k, float &w, float g, float &m, float &v, float rate,
                     float decay)
{
    const float d = k.factor * g + (k.decoupled ? 0 : decay) * w;
    const float keep = k.decoupled ? 1 - rate * decay : 1;
    m = k.beta1 * m + k.rest1 * d;
    v = k.beta2 * v + k.rest2 * d * d;
    w = keep * w - rate * k.correct1 * m / (sqrtf(v) * k.correct2 + k.epsilon);
}
template <class T> TN_DEVICE void adam(const tnk_adam_args &p)
{
    if (left_out(p.arena))
        return;
    const tnk_control *c = p.arena.control;
    const tnk_adam_formula &f = c->formula.adam;
    const float t = static_cast<float>(c->updates - c->skipped);
    /* 1 - beta^t without what 1 and a number close to it would lose. */
    const float rest1 = -expm1f(t * f.log1), rest2 = -expm1f(t * f.log2);
    walk<T>(p.arena, adam_step{c->factor, f.beta1, f.beta2, f.rest1, f.rest2, f.epsilon, 1 / rest1,
                               1 / sqrtf(rest2), p.decoupled != 0});
}
TN_KERNEL_TYPES(tnk_adam, struct tnk_adam_args, adam)
