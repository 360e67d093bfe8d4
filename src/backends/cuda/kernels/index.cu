#include "backends/cuda/kernels/index.h"
#include "backends/cuda/kernels/vector.h"

/* ---- looking at them ------------------------------------------------------------------------ */

TN_DEVICE bool is_bad(const tnk_index_check_args &p, int64_t i)
{
    const int64_t index = p.indices[i];
    return (index < p.low || index >= p.high) && index != p.allowed;
}

TN_DEVICE void report(const tnk_index_check_args &p)
{
    int64_t row = 0;
    while (!is_bad(p, row))
        row++;
    p.control->fault = 1;
    if (p.fault->kind != TN_FAULT_NONE)
        return;
    p.fault->value = p.indices[row];
    p.fault->row = row;
    p.fault->low = p.low;
    p.fault->limit = p.high;
    p.fault->where = p.where;
    p.fault->kind = p.kind;
}

TN_KERNEL(tnk_index_check, struct tnk_index_check_args)
{
    int bad = 0;
    for (int64_t i = threadIdx.x; i < p.count; i += blockDim.x)
        bad += is_bad(p, i);
    bad = tn_block_sum(bad);
    if (threadIdx.x == 0 && bad > 0)
        report(p);
}

/* ---- gather --------------------------------------------------------------------------------- */

/* An element of y. */
struct element {
    int64_t outer, line, inner;
};

TN_DEVICE element element_of(const tnk_gather_args &p, int64_t i)
{
    return {i / p.inner / p.count, i / p.inner % p.count, i % p.inner};
}

/* Counted from the front; 0 for one that there is not. */
TN_DEVICE int64_t index_of(const tnk_gather_args &p, const element &e)
{
    const int64_t at = p.each ? (e.outer * p.count + e.line) * p.inner + e.inner : e.line;
    const int64_t index = p.indices[at] < 0 ? p.indices[at] + p.size : p.indices[at];
    return index < 0 || index >= p.size ? 0 : index;
}

template <class T> TN_DEVICE void gather(const tnk_gather_args &p)
{
    const T *x = static_cast<const T *>(p.from);
    T *y = static_cast<T *>(p.to);
    TN_GRID_STRIDE(i, p.outer * p.count * p.inner)
    {
        const element e = element_of(p, i);
        y[i] = x[(e.outer * p.size + index_of(p, e)) * p.inner + e.inner];
    }
}
TN_KERNEL_TYPES(tnk_gather, struct tnk_gather_args, gather)

TN_DEVICE bool is_first(const tnk_gather_args &p, const element &e, int64_t index)
{
    for (int64_t k = 0; k < e.line; k++)
        if (index_of(p, {e.outer, k, e.inner}) == index)
            return false;
    return true;
}

template <class T> TN_DEVICE void gather_back(const tnk_gather_args &p)
{
    const T *dy = static_cast<const T *>(p.from);
    T *dx = static_cast<T *>(p.to);
    TN_GRID_STRIDE(i, p.outer * p.count * p.inner)
    {
        const element e = element_of(p, i);
        const int64_t index = index_of(p, e);
        float sum = 0;
        if (!is_first(p, e, index))
            continue;
        for (int64_t j = e.line; j < p.count; j++)
            if (index_of(p, {e.outer, j, e.inner}) == index)
                sum += tn_load(dy + (e.outer * p.count + j) * p.inner + e.inner);
        tn_store(dx + (e.outer * p.size + index) * p.inner + e.inner, sum);
    }
}
TN_KERNEL_TYPES(tnk_gather_back, struct tnk_gather_args, gather_back)

/* ---- nll ------------------------------------------------------------------------------------ */

struct label {
    bool out; /* left out */
    float weight;
    int64_t at; /* its element of x */
};

TN_DEVICE label label_at(const tnk_nll_args &p, int64_t i)
{
    label l;
    const int64_t k = p.labels[i];
    const bool bad = k < 0 || k >= p.size;
    l.out = k == p.ignore || bad;
    l.weight = l.out ? 0.0f : p.classes ? p.classes[k] : 1.0f;
    l.at = (i / p.inner * p.size + (bad ? 0 : k)) * p.inner + i % p.inner;
    return l;
}

template <class T> TN_DEVICE void nll(const tnk_nll_args &p)
{
    const T *x = static_cast<const T *>(p.x);
    T *losses = static_cast<T *>(p.losses), *weights = static_cast<T *>(p.weights);
    TN_GRID_STRIDE(i, p.outer * p.inner)
    {
        const label l = label_at(p, i);
        if (losses)
            tn_store(losses + i, l.out ? 0.0f : -l.weight * tn_load(x + l.at));
        if (weights)
            tn_store(weights + i, l.weight);
    }
}
TN_KERNEL_TYPES(tnk_nll, struct tnk_nll_args, nll)

template <class T> TN_DEVICE void nll_back(const tnk_nll_args &p)
{
    const T *dy = static_cast<const T *>(p.x);
    T *dx = static_cast<T *>(p.losses);
    TN_GRID_STRIDE(i, p.outer * p.size * p.inner)
    {
        const int64_t row = i / (p.size * p.inner) * p.inner + i % p.inner;
        const label l = label_at(p, row);
        const bool mine = dy && !l.out && l.at == i;
        tn_store(dx + i, mine ? -l.weight * tn_load(dy + row) : 0.0f);
    }
}
TN_KERNEL_TYPES(tnk_nll_back, struct tnk_nll_args, nll_back)
