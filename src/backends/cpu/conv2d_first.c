/*
 * conv2d of images with few channels, as a net's first layer has; see first/first.h.
 *
 * Taken where dx is not asked for, for up to 4 channels, and held to AVX2 or less, where oneDNN's code is slower:
 * forward it has none for windows above 7 with a stride and padding (AlexNet's first layer), and backward
 * weights of one channel (LeNet's) reach 9 Gflop/s. With AVX-512 oneDNN's is as fast; without AVX2 with more
 * than one channel.
 *
 * dw and db are sums over the images of each thread, then over threads: the same bits come out for the
 * same number of threads.
 */
#include <stdio.h>
#include <string.h>

#include "backends/cpu/first/state.h"
#include "backends/cpu/onednn/onednn.h"

enum {
    MAX_CHANNELS = 4,
    /* What of a band stays in L1: two blocks of y while taps pass by; of one block where its gradients come from
     * and go to while filters do. */
    BAND_BYTES = 16 << 10,
};

static const tn_few_code *const code_of[TN_CPU_ISAS] = {
    [TN_CPU_PORTABLE] = TN_OF_WHOLE(&tn_few_portable),
#ifdef __x86_64__
    [TN_CPU_AVX2] = &tn_few_avx2,
#endif
};

/* Code for fewer instructions runs as well, where it is asked for. */
static const tn_few_code *code_for(bool asked)
{
    const tn_cpu_isa isa = tn_cpu_isa_here();
    const bool other = asked && !code_of[isa];
    return other ? code_of[isa - 1] : code_of[isa];
}

static tn_status refuse(const tn_node *n, const char *why)
{
    return tn_fail(TN_ERR_UNSUPPORTED, "conv2d %s: not as one of few channels: %s", n->name, why);
}

static tn_status supports(const tn_node *n)
{
    const tn_conv2d_opts *o = n->opts;
    _Static_assert(MAX_CHANNELS == 4, "the text below says so");
    if (n->x[0].dim[1] > MAX_CHANNELS)
        return refuse(n, "there are more than 4");
    if (o->groups != 1)
        return refuse(n, "they are in groups");
    if (o->kernel[1] == 1)
        return refuse(n, "the window is 1 wide");
    if (o->dilation[0] != 1 || o->dilation[1] != 1)
        return refuse(n, "the window is dilated");
    return TN_OK;
}

/* ---- preparing ---------------------------------------------------------------------------- */

/* May the maximum behind it be taken in one with it? Windows that overlapped would need a row of the image twice; a
 * pixel's place in the band has 32 bits. */
static bool pools(const tn_few_code *code, const tn_node *n, const tn_node *next)
{
    if (!code->forward_pooled || !next)
        return false;
    const tn_conv2d_opts *conv = n->opts;
    const tn_pool2d_opts *o = next->opts;
    const int64_t high = tn_padded(&n->x[0], conv->pad, conv->pad_extra, 0),
                  wide = tn_padded(&n->x[0], conv->pad, conv->pad_extra, 1);
    bool fits = o->kind == TN_POOL_MAX && conv->kernel[1] <= TN_FEW_POOLED_WIDTH &&
                high <= INT32_MAX / wide;
    for (int i = 0; i < 2; i++)
        fits = fits && o->kernel[i] == 2 && o->stride[i] == 2 && o->pad[i] == 0 &&
               o->dilation[i] == 1 && 2 * next->y[0].dim[2 + i] <= n->y[0].dim[2 + i];
    return fits;
}

static void prepare_sizes(tn_few_state *s, const tn_node *n, const tn_node *next)
{
    const tn_conv2d_opts *o = n->opts;
    const int64_t lanes = s->code->lanes;
    const tn_shape *y = &(next ? next : n)->y[0];
    tn_few *f = &s->size;
    s->images = n->x[0].dim[0];
    s->filters = o->filters;
    *f = (tn_few){.C = n->x[0].dim[1],
                  .K = (o->filters + lanes - 1) / lanes,
                  .relu = tn_has_post(n, TN_POST_RELU) || (next && tn_has_post(next, TN_POST_RELU)),
                  .pooled = next != NULL};
    for (int i = 0; i < 2; i++) {
        f->in[i] = n->x[0].dim[2 + i];
        f->out[i] = y->dim[2 + i];
        f->kernel[i] = o->kernel[i];
        f->stride[i] = o->stride[i];
        f->pad[i] = o->pad[i];
    }
    const int64_t fit = BAND_BYTES / (2 * f->out[1] * lanes * (int64_t)sizeof(float));
    const int64_t most = tn_cpu_lower(fit < 1 ? 1 : fit, f->out[0]),
                  bands = (f->out[0] + most - 1) / most, pixels = f->pooled ? 2 : 1;
    f->rows = (f->out[0] + bands - 1) / bands;
    f->height = (pixels * f->rows - 1) * f->stride[0] + f->kernel[0];
    f->width = (pixels * f->out[1] - 1) * f->stride[1] + f->kernel[1];
    snprintf(s->name, sizeof s->name, "few channels%s:%s", f->pooled ? ", max 2x2" : "",
             s->code->name);
}

/* A thread's dw; see first/first.h. */
static int64_t filter_floats(const tn_few_state *s)
{
    const tn_few *f = &s->size;
    return f->K * s->code->lanes * f->C * f->kernel[0] *
           (f->pooled ? TN_FEW_POOLED_WIDTH : f->kernel[1]);
}

static void prepare_scratch(tn_few_state *s, int threads, tn_binding *b)
{
    const tn_few *f = &s->size;
    const int64_t blocks = f->K * s->code->lanes;
    const size_t row = (size_t)(f->rows * f->out[1]) * sizeof(float);
    size_t used = 0, each = 0;
    s->bias = tn_cpu_part(&used, (size_t)blocks * sizeof(float));
    /* a filter's row as a vector may reach past the last pixel */
    s->band = tn_cpu_part(&each, (size_t)(f->C * f->height * f->width + TN_FEW_POOLED_WIDTH) *
                                     sizeof(float));
    if (b->training && f->pooled)
        s->where = tn_cpu_part(&each, (size_t)s->code->lanes * row);
    if (b->training && (f->pooled || f->relu))
        s->dz = tn_cpu_part(&each, (size_t)(f->pooled ? s->code->lanes : blocks) * row);
    if (b->training) {
        s->dw = tn_cpu_part(&each, (size_t)filter_floats(s) * sizeof(float));
        s->db = tn_cpu_part(&each, (size_t)blocks * sizeof(float));
    }
    s->threads = used;
    s->each = each;
    b->scratch_bytes = used + each * (size_t)threads;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const bool asked = d->prefer == TN_CPU_FIRST || b->chosen;
    const tn_few_code *code = code_for(asked);
    if (b->dx[0] || d->prefer == TN_CPU_DIRECT)
        return refuse(n,
                      b->dx[0] ? "the gradient of x is asked for" : "another kernel is asked for");
    if (!code || (n->x[0].dim[1] > code->channels && !asked))
        return refuse(n, code ? "oneDNN has faster code for more than one"
                              : "oneDNN has faster code for AVX-512");
    tn_maker m = tn_maker_begin(d, n);
    const tn_conv2d_opts *o = n->opts;
    const int64_t filters[] = {o->filters, n->x[0].dim[1], o->kernel[0], o->kernel[1]};
    b->x[0] = NULL;
    const tn_node *next = pools(code, n, b->next) ? b->next : NULL;
    b->y[0] = tn_md_layout(tn_md_image(&m, &(next ? next : n)->y[0], code->lanes));
    b->w[0] = tn_md_layout(tn_md_tagged(&m, 4, filters, TN_F32, dnnl_Ohwi8o));
    b->w[1] = NULL;
    if (m.status != TN_OK)
        return m.status;
    tn_few_state *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("conv2d", sizeof *s);
    s->code = code;
    prepare_sizes(s, n, next);
    prepare_scratch(s, d->threads, b);
    b->does_next = next != NULL;
    b->backward_reads_x[0] = b->dw[0];
    b->backward_reads_y = s->size.relu && !next;
    if (next && b->training)
        b->saved_bytes = b->y[0]->bytes / sizeof(float);
    b->state = s;
    return TN_OK;
}

/* ---- running ------------------------------------------------------------------------------ */

/* Bands of an image. */
static int64_t bands_of(const tn_few *f)
{
    return (f->out[0] + f->rows - 1) / f->rows;
}

typedef struct job {
    const tn_call *c;
    const float *bias;
} job;

static void forward_bands(const void *of, tn_piece bands)
{
    const job *j = of;
    const tn_call *c = j->c;
    const tn_few_state *s = c->state;
    const tn_few *f = &s->size;
    const int64_t row = f->out[1] * s->code->lanes, image = f->K * f->out[0] * row;
    const float *x = c->x[0];
    float *y = c->y[0], *band = tn_few_part(s, c, bands.thread, s->band);
    uint8_t *taps = c->run->training ? c->saved : NULL;
    for (int64_t i = bands.begin; i < bands.end; i++) {
        const int64_t n = i / bands_of(f), p = i % bands_of(f) * f->rows;
        const int64_t rows = tn_cpu_lower(f->rows, f->out[0] - p), at = n * image + p * row;
        const int64_t pixels = f->pooled ? 2 : 1;
        tn_few_copy_band(f, x, n, pixels * p, pixels * rows, band);
        if (f->pooled)
            s->code->forward_pooled(f, band, rows, c->w[0], j->bias, y + at,
                                    taps ? taps + at : NULL);
        else
            s->code->forward(f, band, rows, c->w[0], j->bias, y + at);
    }
}

static tn_status forward(const tn_call *c)
{
    const tn_few_state *s = c->state;
    const tn_few *f = &s->size;
    const float *bias =
        tn_cpu_whole_blocks(c->w[1], s->filters, f->K * s->code->lanes, tn_few_scratch(c, s->bias));
    tn_each(c->device, s->images * bands_of(f), 1, forward_bands, &(job){c, bias});
    return TN_OK;
}

/* dz of `floats` numbers a block: dy, where the relu lets it through. */
static void cut_off(const tn_few_state *s, const float *dy, const float *y, int64_t pitch,
                    int64_t floats, float *dz)
{
    for (int64_t k = 0; k < s->size.K; k++)
#pragma omp simd
        for (int64_t i = 0; i < floats; i++) {
            const float through =
                dy[k * pitch + i]; /* read whatever y is, so that nothing branches */
            dz[k * floats + i] = y[k * pitch + i] > 0 ? through : 0;
        }
}

/* Rows p and on of image n, to the dw and db of a part. */
static void add_band(const tn_few_state *s, const tn_call *c, int64_t n, int64_t p, int part)
{
    const tn_few *f = &s->size;
    const int64_t row = f->out[1] * s->code->lanes, block = f->out[0] * row;
    const int64_t rows = tn_cpu_lower(f->rows, f->out[0] - p), at = n * f->K * block + p * row;
    const float *dz = (const float *)c->dy[0] + at;
    float *band = tn_few_part(s, c, part, s->band);
    int64_t pitch = block;
    if (f->relu) {
        float *cut = tn_few_part(s, c, part, s->dz);
        cut_off(s, dz, (const float *)c->y[0] + at, block, rows * row, cut);
        dz = cut;
        pitch = rows * row;
    }
    if (c->dw[0])
        tn_few_copy_band(f, c->x[0], n, p, rows, band);
    s->code->weights(f, band, rows, dz, pitch, c->dw[0] ? tn_few_part(s, c, part, s->dw) : NULL,
                     c->dw[1] ? tn_few_part(s, c, part, s->db) : NULL);
}

/* Bands are cut into as many parts as there are threads, each with dw and db of its own. */
static void add_bands(const void *of, tn_piece parts)
{
    const tn_call *c = of;
    const tn_few_state *s = c->state;
    const tn_few *f = &s->size;
    for (int part = (int)parts.begin; part < parts.end; part++) {
        const tn_piece bands = tn_part(s->images * bands_of(f), c->device->threads, part);
        memset(tn_few_part(s, c, part, s->dw), 0, (size_t)filter_floats(s) * sizeof(float));
        memset(tn_few_part(s, c, part, s->db), 0, (size_t)(f->K * s->code->lanes) * sizeof(float));
        for (int64_t i = bands.begin; i < bands.end; i++) {
            const int64_t n = i / bands_of(f), p = i % bands_of(f) * f->rows;
            f->pooled ? tn_few_add_pooled_band(s, c, n, p, part) : add_band(s, c, n, p, part);
        }
    }
}

typedef struct sum {
    const tn_call *c;
    size_t at;
    float *to;
} sum;

/* to[i] = the sum of what the parts have there. */
static void add_up(const void *of, tn_piece p)
{
    const sum *k = of;
    for (int64_t i = p.begin; i < p.end; i++) {
        float all = 0;
        for (int t = 0; t < k->c->device->threads; t++)
            all += ((const float *)tn_few_part(k->c->state, k->c, t, k->at))[i];
        k->to[i] = all;
    }
}

static tn_status backward(const tn_call *c)
{
    const tn_few_state *s = c->state;
    tn_each(c->device, c->device->threads, 1, add_bands, c);
    if (c->dw[0] && s->size.pooled)
        tn_few_add_up_pooled(s, c, c->dw[0]);
    else if (c->dw[0])
        tn_each(c->device, filter_floats(s), TN_FLOATS, add_up, &(sum){c, s->dw, c->dw[0]});
    if (c->dw[1])
        tn_each(c->device, s->filters, TN_FLOATS, add_up, &(sum){c, s->db, c->dw[1]});
    return TN_OK;
}

static void release(void *state)
{
    tn_free(state);
}

static const char *describe(const void *state)
{
    return ((const tn_few_state *)state)->name;
}

const tn_kernel tn_cpu_conv2d_first = {
    .op = "conv2d",
    .name = "few channels",
    .rank = 2,
    .posts = {{TN_POST_RELU}},
    .next = "pool2d",
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
    .release = release,
    .describe = describe,
};
