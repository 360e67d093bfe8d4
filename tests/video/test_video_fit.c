/*
 * A frame that was decoded on a GPU becomes the same there as on the host: by libswscale and tn_image_fit() on the one side, by
 * nvdec_fit() on the simulated GPU on the other. Each rounds once where the other does, libswscale in fixed point: a byte may be
 * off by 1.
 */
#include <libavutil/hwcontext.h>
#include <stdlib.h>
#include <string.h>

#include "backends/backend.h"
#include "lab_op.h"
#include "video/pixels.h"

enum { WIDTH = 96, HEIGHT = 70, SIDE = 48, MOST = 1 };

typedef struct frame_case {
    const char *why;
    enum AVPixelFormat format;
    enum AVColorSpace space;
    enum AVColorRange range;
    tn_fit_opts fit;
} frame_case;

static const frame_case cases[] = {
    {"what nobody says", AV_PIX_FMT_NV12, AVCOL_SPC_UNSPECIFIED, AVCOL_RANGE_UNSPECIFIED, {32, 32}},
    {"standard television", AV_PIX_FMT_NV12, AVCOL_SPC_SMPTE170M, AVCOL_RANGE_MPEG, {24, 40, 40}},
    {"high definition", AV_PIX_FMT_NV12, AVCOL_SPC_BT709, AVCOL_RANGE_MPEG, {SIDE, SIDE}},
    {"of all values", AV_PIX_FMT_NV12, AVCOL_SPC_BT709, AVCOL_RANGE_JPEG, {32, 32, 35}},
    {"as large as it is",
     AV_PIX_FMT_NV12,
     AVCOL_SPC_BT470BG,
     AVCOL_RANGE_MPEG,
     {SIDE, SIDE, HEIGHT}},
    {"ten bits", AV_PIX_FMT_P010, AVCOL_SPC_BT2020_NCL, AVCOL_RANGE_MPEG, {32, 32, 35}},
};

/* Noise on shapes, of colours that there are. */
static AVFrame *make(const frame_case *c)
{
    AVFrame *f = av_frame_alloc();
    uint32_t state = 5;
    assert_non_null(f);
    f->format = c->format;
    f->width = WIDTH;
    f->height = HEIGHT;
    f->colorspace = c->space;
    f->color_range = c->range;
    assert_int_equal(av_frame_get_buffer(f, 0), 0);
    for (int plane = 0; plane < 2; plane++)
        for (int y = 0; y < (plane ? HEIGHT / 2 : HEIGHT); y++)
            for (int x = 0; x < WIDTH; x++) {
                state = state * 1664525 + 1013904223;
                const unsigned shape = plane ? 400 + 2 * (unsigned)(x + y) : 200 + 5 * (unsigned)x;
                const uint16_t value = (uint16_t)(shape + (state >> 25));
                uint8_t *row = f->data[plane] + (ptrdiff_t)y * f->linesize[plane];
                if (c->format == AV_PIX_FMT_NV12)
                    row[x] = (uint8_t)(value >> 2);
                else
                    ((uint16_t *)(void *)row)[x] = (uint16_t)(value << 6);
            }
    return f;
}

/* The same frame in the memory of the device, as FFmpeg has it. */
static AVFrame *on_card(tn_device *d, const AVFrame *host)
{
    AVFrame *f = av_frame_alloc();
    assert_non_null(f);
    assert_int_equal(av_frame_copy_props(f, host), 0);
    f->format = AV_PIX_FMT_CUDA;
    f->width = host->width;
    f->height = host->height;
    f->hw_frames_ctx = av_buffer_allocz(sizeof(AVHWFramesContext));
    assert_non_null(f->hw_frames_ctx);
    ((AVHWFramesContext *)(void *)f->hw_frames_ctx->data)->sw_format = host->format;
    for (int i = 0; i < 2; i++) {
        const size_t bytes = (size_t)host->linesize[i] * (size_t)(i ? HEIGHT / 2 : HEIGHT);
        void *p = NULL;
        assert_ok(d->backend->alloc(d->impl, bytes, &p));
        assert_ok(d->backend->upload(d->impl, p, host->data[i], bytes));
        f->data[i] = p;
        f->linesize[i] = host->linesize[i];
    }
    return f;
}

static void give(tn_device *d, AVFrame *f)
{
    for (int i = 0; i < 2; i++) {
        d->backend->free(d->impl, f->data[i]);
        f->data[i] = NULL;
    }
    av_frame_free(&f);
}

static void compare(nvdec *n, const frame_case *c)
{
    static uint8_t want[3 * SIDE * SIDE], got[3 * SIDE * SIDE];
    const tn_picture as = {.fit = c->fit, .order = TN_ORDER_BGR, .channels = 3};
    const int count = 3 * c->fit.height * c->fit.width;
    pixels p = {.nvdec = n};
    int most = 0, other = 0;
    AVFrame *host = make(c), *card = on_card(n->fits, host);
    assert_true(nvdec_fits(card));
    assert_false(nvdec_fits(host));
    assert_true(pixels_fit(&p, host, (turn){0}, &as, want));
    assert_true(pixels_fit(&p, card, (turn){0}, &as, got));
    for (int i = 0; i < count; i++) {
        const int off = abs(got[i] - want[i]);
        most = off > most ? off : most;
        other += off > 0;
    }
    print_message("%s: %d of %d bytes differ, by %d at most\n", c->why, other, count, most);
    assert_true(most <= MOST);
    give(n->fits, card);
    av_frame_free(&host);
    pixels_free(&p);
}

static void the_card_sees_what_the_host_sees(void **state)
{
    (void)state;
    nvdec n = {0};
    if (!lab_devices()[1]) {
        print_message("skipped: no GPU to test on\n");
        skip();
    }
    assert_ok(tn_device_open(&n.fits, lab_devices()[2]));
    pthread_mutex_init(&n.lock, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        compare(&n, &cases[i]);
    pthread_mutex_destroy(&n.lock);
    tn_device_close(n.fits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_card_sees_what_the_host_sees)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
