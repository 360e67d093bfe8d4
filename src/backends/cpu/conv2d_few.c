/*
 * conv2d of images with few channels, as a net's first layer has; see _conv_few.h.
 *
 * Taken where dx is not asked for, for up to 4 channels, and held to AVX2 or less, where oneDNN's code is slower:
 * forward it has none for windows above 7 with a stride and padding (AlexNet's first layer), and backward
 * weights of one channel (LeNet's) reach 9 Gflop/s. With AVX-512 oneDNN's is as fast; without AVX2 with more
 * than one channel.
 *
 * dw and db are sums over the images of each thread, then over threads: the same bits come out for the
 * same number of threads.
 */
#include <omp.h>
#include <string.h>

#include "backends/cpu/_conv_few.h"
#include "backends/cpu/_onednn.h"

enum {
    MAX_CHANNELS = 4,
    BAND_BYTES = 16 << 10, /* of two blocks of y, which stay in L1 while taps pass by */
};

typedef struct few_state {
    const tn_few_code *code;
    tn_few size;
    int64_t images, filters; /* filters: that there are, without what fills the last block */
    size_t bias;             /* in scratch; what follows, in each thread's part of it */
    size_t band, dz, dw, db;
    size_t threads, each; /* where those parts begin, and the bytes of one */
} few_state;

static const tn_few_code *const code_of[TN_CPU_ISAS] = {
    [TN_CPU_PORTABLE] = &tn_few_portable,
#ifdef __x86_64__
    [TN_CPU_AVX2] = &tn_few_avx2,
#endif
};

bool tn_few_always;

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

static void prepare_sizes(few_state *s, const tn_node *n)
{
    const tn_conv2d_opts *o = n->opts;
    const int64_t lanes = s->code->lanes;
    tn_few *f = &s->size;
    s->images = n->x[0].dim[0];
    s->filters = o->filters;
    *f = (tn_few){
        .C = n->x[0].dim[1], .K = (o->filters + lanes - 1) / lanes, .relu = n->fused != NULL};
    for (int i = 0; i < 2; i++) {
        f->in[i] = n->x[0].dim[2 + i];
        f->out[i] = n->y[0].dim[2 + i];
        f->kernel[i] = o->kernel[i];
        f->stride[i] = o->stride[i];
        f->pad[i] = o->pad[i];
    }
    const int64_t fit = BAND_BYTES / (2 * f->out[1] * lanes * (int64_t)sizeof(float));
    const int64_t most = tn_cpu_lower(fit < 1 ? 1 : fit, f->out[0]),
                  bands = (f->out[0] + most - 1) / most;
    f->rows = (f->out[0] + bands - 1) / bands;
    f->height = (f->rows - 1) * f->stride[0] + f->kernel[0];
    f->width = (f->out[1] - 1) * f->stride[1] + f->kernel[1];
}

static int64_t filter_floats(const few_state *s)
{
    const tn_few *f = &s->size;
    return f->K * f->C * f->kernel[0] * f->kernel[1] * s->code->lanes;
}

static void prepare_scratch(few_state *s, int threads, tn_binding *b)
{
    const tn_few *f = &s->size;
    const int64_t blocks = f->K * s->code->lanes;
    size_t used = 0, each = 0;
    s->bias = tn_cpu_part(&used, (size_t)blocks * sizeof(float));
    s->band = tn_cpu_part(&each, (size_t)(f->C * f->height * f->width) * sizeof(float));
    if (b->training && f->relu)
        s->dz = tn_cpu_part(&each, (size_t)(blocks * f->rows * f->out[1]) * sizeof(float));
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
    const tn_few_code *code = code_of[tn_cpu_isa_here()];
    if (b->dx[0])
        return refuse(n, "the gradient of x is asked for");
    if (!code || (n->x[0].dim[1] > code->channels && !tn_few_always))
        return refuse(n, code ? "oneDNN has faster code for more than one"
                              : "oneDNN has faster code for AVX-512");
    tn_maker m = tn_maker_begin(d, n);
    const tn_conv2d_opts *o = n->opts;
    const int64_t filters[] = {o->filters, n->x[0].dim[1], o->kernel[0], o->kernel[1]};
    b->x[0] = NULL;
    b->y[0] = tn_md_layout(tn_md_image(&m, &n->y[0], code->lanes));
    b->w[0] = tn_md_layout(tn_md_tagged(&m, 4, filters, TN_F32, dnnl_Ohwi8o));
    b->w[1] = NULL;
    if (m.status != TN_OK)
        return m.status;
    few_state *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("conv2d", sizeof *s);
    s->code = code;
    prepare_sizes(s, n);
    prepare_scratch(s, d->threads, b);
    b->backward_reads_x[0] = b->dw[0];
    b->backward_reads_y = s->size.relu;
    b->state = s;
    return TN_OK;
}

/* ---- running ------------------------------------------------------------------------------ */

static float *scratch_at(const tn_call *c, size_t at)
{
    return (float *)(void *)((unsigned char *)c->scratch + at);
}

static float *thread_at(const few_state *s, const tn_call *c, int thread, size_t at)
{
    return scratch_at(c, s->threads + (size_t)thread * s->each + at);
}

/* A row of the band: row `h` of a plane of x, or none of it if that is outside. */
static void copy_row(const tn_few *f, const float *plane, int64_t h, float *to)
{
    const int64_t W = f->in[1], left = tn_cpu_lower(f->pad[1], f->width);
    if (h < 0 || h >= f->in[0]) {
        memset(to, 0, (size_t)f->width * sizeof *to);
        return;
    }
    const int64_t copied = tn_cpu_lower(W, f->width - left);
    memset(to, 0, (size_t)left * sizeof *to);
    memcpy(to + left, plane + h * W, (size_t)copied * sizeof *to);
    memset(to + left + copied, 0, (size_t)(f->width - left - copied) * sizeof *to);
}

/* What rows p .. p + rows - 1 of y need of image n. */
static void copy_band(const tn_few *f, const float *x, int64_t n, int64_t p, int64_t rows,
                      float *band)
{
    const int64_t first = p * f->stride[0] - f->pad[0], last = (rows - 1) * f->stride[0];
    for (int64_t c = 0; c < f->C; c++)
        for (int64_t h = 0; h < last + f->kernel[0]; h++)
            copy_row(f, x + (n * f->C + c) * f->in[0] * f->in[1], first + h,
                     band + (c * f->height + h) * f->width);
}

static tn_status forward(const tn_call *c)
{
    const few_state *s = c->state;
    const tn_few *f = &s->size;
    const int64_t row = f->out[1] * s->code->lanes, image = f->K * f->out[0] * row;
    const float *bias =
        tn_cpu_whole_blocks(c->w[1], s->filters, f->K * s->code->lanes, scratch_at(c, s->bias));
    const float *x = c->x[0];
    float *y = c->y[0];
#pragma omp parallel for collapse(2) num_threads(c->device->threads) schedule(static)
    for (int64_t n = 0; n < s->images; n++)
        for (int64_t p = 0; p < f->out[0]; p += f->rows) {
            const int64_t rows = tn_cpu_lower(f->rows, f->out[0] - p);
            float *band = thread_at(s, c, omp_get_thread_num(), s->band);
            copy_band(f, x, n, p, rows, band);
            s->code->forward(f, band, rows, c->w[0], bias, y + n * image + p * row);
        }
    return TN_OK;
}

/* dz of `floats` numbers a block: dy, where the relu lets it through. */
static void cut_off(const few_state *s, const float *dy, const float *y, int64_t pitch,
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

/* In a parallel region: rows p and on of image n, to this thread's dw and db. */
static void add_band(const few_state *s, const tn_call *c, int64_t n, int64_t p)
{
    const tn_few *f = &s->size;
    const int64_t row = f->out[1] * s->code->lanes, block = f->out[0] * row;
    const int64_t rows = tn_cpu_lower(f->rows, f->out[0] - p), at = n * f->K * block + p * row;
    const int thread = omp_get_thread_num();
    const float *dz = (const float *)c->dy + at;
    float *band = thread_at(s, c, thread, s->band);
    int64_t pitch = block;
    if (f->relu) {
        float *cut = thread_at(s, c, thread, s->dz);
        cut_off(s, dz, (const float *)c->y[0] + at, block, rows * row, cut);
        dz = cut;
        pitch = rows * row;
    }
    if (c->dw[0])
        copy_band(f, c->x[0], n, p, rows, band);
    s->code->weights(f, band, rows, dz, pitch, c->dw[0] ? thread_at(s, c, thread, s->dw) : NULL,
                     c->dw[1] ? thread_at(s, c, thread, s->db) : NULL);
}

/* In a parallel region: to[i] = the sum of what the threads have there. */
static void add_up(const few_state *s, const tn_call *c, size_t at, int64_t count, float *to)
{
    const int threads = omp_get_num_threads();
#pragma omp for schedule(static) nowait
    for (int64_t i = 0; i < count; i++) {
        float sum = 0;
        for (int t = 0; t < threads; t++)
            sum += thread_at(s, c, t, at)[i];
        to[i] = sum;
    }
}

static tn_status backward(const tn_call *c)
{
    const few_state *s = c->state;
    const tn_few *f = &s->size;
    const int64_t floats = filter_floats(s);
#pragma omp parallel num_threads(c->device->threads)
    {
        const int thread = omp_get_thread_num();
        memset(thread_at(s, c, thread, s->dw), 0, (size_t)floats * sizeof(float));
        memset(thread_at(s, c, thread, s->db), 0, (size_t)(f->K * s->code->lanes) * sizeof(float));
#pragma omp for collapse(2) schedule(static)
        for (int64_t n = 0; n < s->images; n++)
            for (int64_t p = 0; p < f->out[0]; p += f->rows)
                add_band(s, c, n, p);
        if (c->dw[0])
            add_up(s, c, s->dw, floats, c->dw[0]);
        if (c->dw[1])
            add_up(s, c, s->db, s->filters, c->dw[1]);
    }
    return TN_OK;
}

static void release(void *state)
{
    tn_free(state);
}

static const char *describe(const void *state)
{
    return ((const few_state *)state)->code->name;
}

const tn_kernel tn_cpu_conv2d_few = {
    .op = "conv2d",
    .name = "few channels",
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .backward = backward,
    .release = release,
    .describe = describe,
};
