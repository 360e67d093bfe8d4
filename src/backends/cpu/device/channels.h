/*
 * Where the numbers of each channel lie, for loops that go channel by channel: in groups of up to `lanes` channels that
 * lie side by side, number (n, c, pixel) at n * image + c / lanes * group + c % lanes + pixel * step. With one lane pixels lie
 * side by side: step is 1.
 */
#ifndef TN_CPU_CHANNELS_H
#define TN_CPU_CHANNELS_H

#include "backends/cpu/device/cpu.h"

enum { TN_MOST_LANES = 16 };

typedef struct tn_channels {
    int64_t channels, area, lanes;
    int64_t image, group, step;
    bool padded; /* the last group has `lanes` too, and those that are no channels are 0 */
} tn_channels;

/* Of images and of rows in the canonical layout. */
static inline tn_channels tn_channels_canonical(const tn_shape *x)
{
    tn_channels p = {.channels = x->dim[1], .area = 1, .lanes = 1, .step = 1};
    for (int i = 2; i < x->ndim; i++)
        p.area *= x->dim[i];
    p.image = p.channels * p.area;
    p.group = p.area;
    if (p.area == 1)
        p.lanes = p.group = TN_MOST_LANES;
    return p;
}

static inline int64_t tn_channel_groups(const tn_channels *at)
{
    return (at->channels + at->lanes - 1) / at->lanes;
}

/* Channels of a group, and lanes of it that are written. */
static inline int tn_channels_of(const tn_channels *at, int64_t group)
{
    return (int)tn_cpu_lower(at->lanes, at->channels - group * at->lanes);
}
static inline int tn_channel_width(const tn_channels *at, int64_t group)
{
    return at->padded ? (int)at->lanes : tn_channels_of(at, group);
}

#endif
