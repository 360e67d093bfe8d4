#include "backends/cpu/blocks/blocks.h"

enum { NEAR = 16 /* pixels: of each channel a cache line */ };

static int64_t blocks_of(int64_t channels, int64_t lanes)
{
    return (channels + lanes - 1) / lanes;
}

/* One way or the other; `to` is where the canonical one's numbers are if it is `back`. */
typedef struct job {
    const void *sizes;
    const float *from;
    float *to;
    bool back;
} job;

int64_t tn_blocked_floats(const tn_blocked_images *s)
{
    return s->images * blocks_of(s->channels, s->lanes) * s->pixels * s->lanes;
}

/* One block of channels of one image. */
static void move_block(const tn_blocked_images *s, int64_t number, const job *j)
{
    const int64_t blocks = blocks_of(s->channels, s->lanes), first = number % blocks * s->lanes;
    const int64_t plain = (number / blocks * s->channels + first) * s->pixels,
                  blocked = number * s->pixels * s->lanes;
    const int64_t there = tn_cpu_lower(s->lanes, s->channels - first);
    for (int64_t near = 0; near < s->pixels; near += NEAR) {
        const int64_t end = tn_cpu_lower(near + NEAR, s->pixels);
        for (int64_t c = 0; c < s->lanes; c++)
            for (int64_t p = near; p < end; p++) {
                const int64_t at = plain + c * s->pixels + p, in = blocked + p * s->lanes + c;
                if (!j->back)
                    j->to[in] = c < there ? j->from[at] : 0;
                else if (c < there)
                    j->to[at] = j->from[in];
            }
    }
}

static void move_images(const void *of, tn_piece blocks)
{
    const job *j = of;
    for (int64_t i = blocks.begin; i < blocks.end; i++)
        move_block(j->sizes, i, j);
}

static void each_image(const tn_backend_device *d, const tn_blocked_images *s, const job *j)
{
    tn_each(d, s->images * blocks_of(s->channels, s->lanes), 1 + TN_FLOATS / (s->pixels * s->lanes),
            move_images, j);
}

void tn_images_to_blocks(const tn_backend_device *d, const tn_blocked_images *s, const float *from,
                         float *to)
{
    each_image(d, s, &(job){s, from, to, false});
}

void tn_images_from_blocks(const tn_backend_device *d, const tn_blocked_images *s,
                           const float *from, float *to)
{
    each_image(d, s, &(job){s, from, to, true});
}

int64_t tn_blocked_filter_floats(const tn_blocked_filters *s)
{
    return blocks_of(s->filters, s->lanes) * blocks_of(s->channels, s->lanes) * s->taps * s->lanes *
           s->lanes;
}

/* One block of filters. */
static void move_filters(const void *of, tn_piece blocks)
{
    const job *j = of;
    const tn_blocked_filters *s = j->sizes;
    const int64_t L = s->lanes, wide = blocks_of(s->channels, L) * L;
    for (int64_t b = blocks.begin; b < blocks.end; b++)
        for (int64_t c = 0; c < wide; c++)
            for (int64_t t = 0; t < s->taps; t++)
                for (int64_t k = 0; k < L; k++) {
                    const bool there = b * L + k < s->filters && c < s->channels;
                    const int64_t at = ((b * L + k) * s->channels + c) * s->taps + t,
                                  in = ((b * wide + c / L * L) * s->taps + t * L + c % L) * L + k;
                    if (!j->back)
                        j->to[in] = there ? j->from[at] : 0;
                    else if (there)
                        j->to[at] = j->from[in];
                }
}

static void each_filter(const tn_backend_device *d, const tn_blocked_filters *s, const job *j)
{
    const int64_t blocks = blocks_of(s->filters, s->lanes);
    tn_each(d, blocks, 1 + TN_FLOATS * blocks / tn_blocked_filter_floats(s), move_filters, j);
}

void tn_filters_to_blocks(const tn_backend_device *d, const tn_blocked_filters *s,
                          const float *from, float *to)
{
    each_filter(d, s, &(job){s, from, to, false});
}

void tn_filters_from_blocks(const tn_backend_device *d, const tn_blocked_filters *s,
                            const float *from, float *to)
{
    each_filter(d, s, &(job){s, from, to, true});
}
