/* How a convolution is cut; see direct.h. */
#include <stdio.h>

#include "backends/cpu/direct/direct.h"

enum {
    CHUNK = 126,             /* pixels, if there are so many */
    EACH = 4,                /* pieces of work a thread, at least */
    OWN_BYTES = 256 << 10,   /* of a dW that each part of the images has for itself, */
    RANGE_BYTES = 512 << 10, /* and of one that stays in L2 */
};

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t higher(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static size_t floats(int64_t count)
{
    return (size_t)count * sizeof(float);
}

int64_t tn_direct_pairs(const tn_direct *s, int64_t blocks)
{
    return s->groups * ceil_div(blocks, TN_DIRECT_WIDE);
}

/* Does a window reach beside the image? */
static void find_padding(tn_direct_side *x, const tn_direct_cut *cut, int64_t lanes)
{
    x->padded = false;
    for (int i = 0; i < 2; i++)
        x->padded = x->padded || x->before[i] != 0 ||
                    (cut->size[i] - 1) * x->step[i] + x->wide[i] > x->size[i];
    x->line = lanes * (x->padded ? (cut->size[1] - 1) * x->step[1] + x->wide[1] : x->size[1]);
}

/* Into chunks, and each chunk's blocks into as many ranges as give all threads enough to do. */
static void cut_up(const tn_direct *s, tn_direct_cut *cut, int64_t blocks, int threads)
{
    const int64_t pixels = cut->size[0] * cut->size[1], fair = (int64_t)EACH * threads;
    if (s->flat) {
        const int64_t rows = ceil_div(pixels, CHUNK);
        cut->size[1] =
            rows > 1 ? ceil_div(ceil_div(pixels, rows), s->code->rows) * s->code->rows : pixels;
        cut->size[0] = ceil_div(pixels, cut->size[1]);
        cut->rows = 1;
    } else {
        cut->rows = tn_cpu_lower(higher(CHUNK / cut->size[1], 1), cut->size[0]);
    }
    cut->last = s->flat ? pixels - (cut->size[0] - 1) * cut->size[1] : cut->size[1];
    cut->per_image = ceil_div(cut->size[0], cut->rows);
    cut->images =
        cut->per_image > 1 ? 1 : higher(tn_cpu_lower(CHUNK / pixels, ceil_div(s->images, fair)), 1);
    cut->chunks = ceil_div(s->images, cut->images) * cut->per_image;
    cut->ranges = tn_cpu_lower(ceil_div(fair, cut->chunks), tn_direct_pairs(s, blocks));
}

static void prepare_forward(tn_direct *s, int threads)
{
    tn_direct_side *x = &s->x;
    x->blocks = s->groups * s->channel_blocks;
    for (int i = 0; i < 2; i++) {
        x->size[i] = s->in[i];
        x->step[i] = s->stride[i];
        x->before[i] = s->pad[i];
        x->wide[i] = (s->kernel[i] - 1) * s->dilation[i] + 1;
        s->y.size[i] = s->out[i];
    }
    cut_up(s, &s->y, s->filter_blocks, threads);
    if (s->flat)
        x->size[0] = s->y.size[0], x->size[1] = s->y.size[1];
    find_padding(x, &s->y, s->code->lanes);
}

/* The lower whole number. */
static int64_t floor_div(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -ceil_div(-a, b);
}

/* Pixel i stride + a of dx meets pixel i + (a + pad - r dilation) / stride of dy at tap r, if that is whole. */
static void prepare_data(tn_direct *s, int threads)
{
    tn_direct_side *dy = &s->dy;
    dy->blocks = s->groups * s->filter_blocks;
    for (int i = 0; i < 2; i++) {
        const int64_t stride = s->stride[i],
                      first = floor_div(s->pad[i] - (s->kernel[i] - 1) * s->dilation[i], stride),
                      last = floor_div(stride - 1 + s->pad[i], stride);
        dy->size[i] = s->out[i];
        dy->step[i] = 1;
        dy->before[i] = -first;
        dy->wide[i] = last - first + 1;
        s->dx.size[i] = ceil_div(s->in[i], stride);
    }
    cut_up(s, &s->dx, s->channel_blocks, threads);
    if (s->flat)
        dy->size[0] = s->dx.size[0], dy->size[1] = s->dx.size[1];
    find_padding(dy, &s->dx, s->code->lanes);
}

static void prepare_weights(tn_direct *s, int threads)
{
    const int64_t lanes = s->code->lanes, pairs = tn_direct_pairs(s, s->filter_blocks);
    const int64_t bytes =
        (int64_t)floats(s->groups * s->filter_blocks * s->channel_blocks * s->taps * lanes * lanes);
    const bool own = bytes <= OWN_BYTES && s->images > 1;
    s->parts = own ? tn_cpu_lower(s->images, (int64_t)2 * threads) : 1;
    s->ranges =
        own ? 1
            : tn_cpu_lower(pairs, higher(ceil_div(bytes, RANGE_BYTES), (int64_t)EACH * threads));
}

static int64_t band_floats(const tn_direct *s, const tn_direct_side *x, const tn_direct_cut *cut)
{
    const int64_t rows = (cut->rows - 1) * x->step[0] + x->wide[0];
    (void)s;
    return x->padded ? cut->images * x->blocks * rows * x->line : 0;
}

static size_t prepare_scratch(tn_direct *s, const tn_binding *b, int threads)
{
    const int64_t lanes = s->code->lanes, K = s->groups * s->filter_blocks * lanes;
    const int64_t weights = K * s->channel_blocks * lanes * s->taps;
    int64_t band = band_floats(s, &s->x, &s->y);
    size_t used = 0;
    s->each = 0;
    s->bias = tn_cpu_part(&used, floats(K));
    if (b->training) {
        s->turned = tn_cpu_part(&used, floats(b->dx[0] ? weights : 0));
        s->dz = tn_cpu_part(&used, floats(s->relu ? s->images * K * s->out[0] * s->out[1] : 0));
        s->dw = tn_cpu_part(&used, floats(s->parts > 1 ? s->parts * weights : 0));
        s->db = tn_cpu_part(&used, floats(s->parts * K));
        band = higher(band, band_floats(s, &s->dy, &s->dx));
    }
    s->tap = tn_cpu_part(&s->each, (size_t)s->taps * sizeof(tn_direct_tap));
    s->band = tn_cpu_part(&s->each, floats(band));
    s->threads = used;
    return used + s->each * (size_t)threads;
}

void tn_direct_prepare(tn_direct *s, const tn_node *n, tn_binding *b, int threads)
{
    const int64_t lanes = s->code->lanes;
    const tn_conv2d_opts *o = n->opts;
    s->images = n->x[0].dim[0];
    s->groups = o->groups;
    s->channels = n->x[0].dim[1] / o->groups;
    s->filters = o->filters / o->groups;
    s->channel_blocks = ceil_div(s->channels, lanes);
    s->filter_blocks = ceil_div(s->filters, lanes);
    s->flat = true;
    for (int i = 0; i < 2; i++) {
        s->in[i] = n->x[0].dim[2 + i];
        s->out[i] = n->y[0].dim[2 + i];
        s->kernel[i] = o->kernel[i];
        s->stride[i] = o->stride[i];
        s->pad[i] = o->pad[i];
        s->dilation[i] = o->dilation[i];
        s->flat = s->flat && o->kernel[i] == 1 && o->stride[i] == 1 && o->pad[i] == 0 &&
                  s->in[i] == s->out[i];
    }
    s->taps = s->kernel[0] * s->kernel[1];
    prepare_forward(s, threads);
    prepare_data(s, threads);
    prepare_weights(s, threads);
    b->scratch_bytes = prepare_scratch(s, b, threads);
    b->backward_reads_x[0] = b->dw[0];
    b->backward_reads_y = s->relu;
    snprintf(s->name, sizeof s->name, "direct:%s", s->code->name);
}
