#include "backends/cuda/kernels/concat.h"
#include "backends/cuda/kernels/vector.h"

/* Unit i of the whole: the part that has it, and where there. */
struct piece {
    int part;
    int64_t at;
};

TN_DEVICE piece find(const tnk_pieces &p, int64_t i)
{
    const int64_t width = p.end[p.parts - 1], row = i / width, column = i % width;
    int k = 0;
    while (column >= p.end[k])
        k++;
    const int64_t begin = k > 0 ? p.end[k - 1] : 0;
    return {k, row * (p.end[k] - begin) + column - begin};
}

template <int unit> TN_DEVICE void join(const tnk_concat_args &p)
{
    typedef typename tn_word<unit>::type word;
    TN_GRID_STRIDE(i, p.pieces.rows * p.pieces.end[p.pieces.parts - 1])
    {
        const piece from = find(p.pieces, i);
        if (p.part[from.part])
            static_cast<word *>(p.whole)[i] = static_cast<const word *>(p.part[from.part])[from.at];
    }
}

TN_KERNEL(tnk_concat, struct tnk_concat_args)
{
    if (p.pieces.unit == 16)
        join<16>(p);
    else if (p.pieces.unit == 8)
        join<8>(p);
    else if (p.pieces.unit == 4)
        join<4>(p);
    else
        join<2>(p);
}

template <int unit> TN_DEVICE void place(const tnk_place_args &p)
{
    typedef typename tn_word<unit>::type word;
    TN_GRID_STRIDE(i, p.count)
    {
        uint32_t row = static_cast<uint32_t>(i);
        const uint32_t column = divide(row, p.width);
        static_cast<word *>(p.whole)[row * p.pitch + column] = static_cast<const word *>(p.part)[i];
    }
}

TN_KERNEL(tnk_place, struct tnk_place_args)
{
    if (p.unit == 16)
        place<16>(p);
    else if (p.unit == 8)
        place<8>(p);
    else if (p.unit == 4)
        place<4>(p);
    else
        place<2>(p);
}

template <int unit> TN_DEVICE void split(const tnk_split_args &p)
{
    typedef typename tn_word<unit>::type word;
    TN_GRID_STRIDE(i, p.pieces.rows * p.pieces.end[p.pieces.parts - 1])
    {
        const piece to = find(p.pieces, i);
        if (p.part[to.part])
            static_cast<word *>(p.part[to.part])[to.at] = static_cast<const word *>(p.whole)[i];
    }
}

TN_KERNEL(tnk_split, struct tnk_split_args)
{
    if (p.pieces.unit == 16)
        split<16>(p);
    else if (p.pieces.unit == 8)
        split<8>(p);
    else if (p.pieces.unit == 4)
        split<4>(p);
    else
        split<2>(p);
}
