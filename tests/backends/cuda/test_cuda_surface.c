/*
 * A decoded frame that lies on a GPU, fitted there: against RGB by the formula in double, rounded to bytes, and
 * tn_image_fit() of that on the CPU. Sums are in another order, so a byte may be off by 1.
 */
#include <math.h>
#include <string.h>

#include "backends/cuda/lab_raw.h"
#include "lab_sim.h"

enum { MOST = 128, PAD = 24, SIDE = 48 };

/* What each is there for. */
typedef struct frame_case {
    const char *why;
    int width, height;
    tn_fit_opts fit;
    bool wide, full;
    float red, blue;
} frame_case;

static const frame_case cases[] = {
    {"shrunk, the middle cut out", 96, 70, {24, 24, 32}},
    {"as large as it is: chroma alone is interpolated", 40, 30, {30, 28, 30}, .full = true},
    {"enlarged", 20, 16, {40, 40, 40}, .red = 0.2126F, .blue = 0.0722F},
    {"odd: its last row and column share chroma with nobody", 61, 37, {20, 28, 32}},
    {"one pixel", 1, 1, {3, 3, 3}},
    {"ten bits", 64, 48, {17, 23, 24}, .wide = true, .red = 0.2627F, .blue = 0.0593F},
    {"ten bits, of all values", 33, 48, {24, 24, 24}, .wide = true, .full = true},
};

typedef struct frame {
    uint8_t luma[MOST * (2 * MOST + PAD)], chroma[MOST * (2 * MOST + PAD)];
    size_t stride;
} frame;

static void put(uint8_t *row, int i, bool wide, unsigned value)
{
    const uint16_t sample = (uint16_t)(value << 6); /* of 10 bits */
    if (wide)
        memcpy(row + 2 * i, &sample, sizeof sample);
    else
        row[i] = (uint8_t)(value >> 2);
}

static double get(const uint8_t *row, int i, bool wide)
{
    uint16_t sample;
    memcpy(&sample, row + (wide ? 2 * i : i), wide ? 2 : 1);
    return wide ? sample / 256.0 : row[i];
}

/* Noise of all values, also those that are no colour. */
static void make(frame *f, const frame_case *c)
{
    uint32_t state = 7;
    memset(f, 0xff, sizeof *f);
    f->stride = (size_t)(c->width + c->width % 2) * (c->wide ? 2 : 1) + PAD;
    for (int y = 0; y < c->height; y++)
        for (int x = 0; x < c->width + c->width % 2; x++) {
            state = state * 1664525 + 1013904223;
            put(f->luma + (size_t)y * f->stride, x, c->wide, state >> 22);
            put(f->chroma + (size_t)(y / 2) * f->stride, x, c->wide, state >> 12 & 1023);
        }
}

/* Chroma at a pixel, between the middles of those that share one. */
static double chroma(const frame *f, const frame_case *c, int x, int y, int which)
{
    const int w = (c->width + 1) / 2, h = (c->height + 1) / 2;
    const double at[2] = {fmin(fmax((x + 0.5) / 2 - 0.5, 0), w - 1),
                          fmin(fmax((y + 0.5) / 2 - 0.5, 0), h - 1)};
    const int left = (int)at[0], top = (int)at[1];
    double sum = 0;
    for (int j = 0; j < 2; j++)
        for (int i = 0; i < 2; i++) {
            const double share =
                (i ? at[0] - left : 1 - at[0] + left) * (j ? at[1] - top : 1 - at[1] + top);
            const int column = left + i < w ? left + i : left, row = top + j < h ? top + j : top;
            sum += share * get(f->chroma + (size_t)row * f->stride, 2 * column + which, c->wide);
        }
    return sum;
}

static uint8_t byte(double x)
{
    return (uint8_t)(fmin(fmax(x, 0), 255) + 0.5);
}

static void convert(const frame *f, const frame_case *c, uint8_t *rgb)
{
    const double kr = c->red > 0 ? (double)c->red : 0.299;
    const double kb = c->red > 0 ? (double)c->blue : 0.114;
    for (int y = 0; y < c->height; y++)
        for (int x = 0; x < c->width; x++, rgb += 3) {
            const double luma = get(f->luma + (size_t)y * f->stride, x, c->wide);
            const double gain = c->full ? 1 : 255.0 / 219, wide = c->full ? 1 : 255.0 / 224;
            const double l = gain * (luma - (c->full ? 0 : 16));
            const double u = wide * (chroma(f, c, x, y, 0) - 128);
            const double v = wide * (chroma(f, c, x, y, 1) - 128);
            const double r = l + 2 * (1 - kr) * v, b = l + 2 * (1 - kb) * u;
            /* l = kr r + (1 - kr - kb) g + kb b */
            const double g = (l - kr * r - kb * b) / (1 - kr - kb);
            rgb[0] = byte(r);
            rgb[1] = byte(g);
            rgb[2] = byte(b);
        }
}

static tn_image_surface surface_of(const lab_raw *r, const frame *f, const frame_case *c)
{
    return (tn_image_surface){lab_raw_take(r, f->luma, sizeof f->luma),
                              lab_raw_take(r, f->chroma, sizeof f->chroma),
                              f->stride,
                              f->stride,
                              c->width,
                              c->height,
                              c->wide,
                              c->full,
                              c->red,
                              c->blue,
                              NULL};
}

static void give(const lab_raw *r, const tn_image_surface *s)
{
    lab_raw_give(r, (void *)(uintptr_t)s->luma);
    lab_raw_give(r, (void *)(uintptr_t)s->chroma);
}

static void it_is_what_the_cpu_makes_of_it(void **state)
{
    (void)state;
    static frame f;
    static uint8_t rgb[3 * MOST * MOST], want[3 * SIDE * SIDE], got[3 * SIDE * SIDE];
    lab_raw r;
    lab_raw_open(&r);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const frame_case *c = &cases[i];
        const int count = 3 * c->fit.height * c->fit.width;
        int other = 0;
        make(&f, c);
        convert(&f, c, rgb);
        assert_ok(tn_image_fit(&(tn_image_pixels){rgb, c->width, c->height, 0}, &c->fit, want));
        const tn_image_surface s = surface_of(&r, &f, c);
        memset(got, 0xa5, sizeof got);
        assert_ok(tn_image_fit_surface(r.device, &s, &c->fit, got));
        for (int k = 0; k < count; k++) {
            if (abs(got[k] - want[k]) > 1)
                fail_msg("%s: byte %d is %d, not %d", c->why, k, got[k], want[k]);
            other += got[k] != want[k];
        }
        if (other > count / 50) /* halves, when enlarged by halves */
            fail_msg("%s: %d of %d bytes are off by 1", c->why, other, count);
        give(&r, &s);
    }
    lab_raw_close(&r);
}

static void what_cannot_be_is_told(void **state)
{
    (void)state;
    static frame f;
    const tn_fit_opts fit = {8, 8, 8};
    uint8_t rgb[3 * 8 * 8];
    tn_device *cpu = NULL;
    lab_raw r;
    lab_raw_open(&r);
    make(&f, cases);
    tn_image_surface s = surface_of(&r, &f, cases);
    assert_ok(tn_device_open(&cpu, "cpu"));
    assert_fails(tn_image_fit_surface(cpu, &s, &fit, rgb), TN_ERR_UNSUPPORTED, "cpu");
    tn_device_close(cpu);
    tn_image_surface poor = s;
    poor.luma_stride = 95;
    assert_fails(tn_image_fit_surface(r.device, &poor, &fit, rgb), TN_ERR_ARGUMENT,
                 "96 samples, but 95");
    poor = s;
    poor.height = 0;
    assert_fails(tn_image_fit_surface(r.device, &poor, &fit, rgb), TN_ERR_ARGUMENT, "96 x 0");
    poor = s;
    poor.red = 0.9F;
    poor.blue = 0.2F;
    assert_fails(tn_image_fit_surface(r.device, &poor, &fit, rgb), TN_ERR_ARGUMENT, "green");
    give(&r, &s);
    lab_raw_close(&r);
}

/* Without memory there is an error, and the next surface is fitted as if nothing had been. */
static void without_memory(void **state)
{
    (void)state;
    static const char *const calls[] = {"cudaMalloc", "cudaMallocHost"};
    static frame f;
    const lab_sim *sim = lab_counting_sim();
    const tn_fit_opts fit = {8, 8, 8};
    uint8_t first[3 * 8 * 8], again[3 * 8 * 8];
    if (!sim)
        skip();
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        lab_raw r;
        lab_raw_open(&r);
        make(&f, cases);
        const tn_image_surface s = surface_of(&r, &f, cases);
        sim->fail_at(calls[i], 1);
        assert_fails(tn_image_fit_surface(r.device, &s, &fit, first), TN_ERR_MEMORY, "cudaMalloc");
        sim->fail_at(NULL, 0);
        assert_ok(tn_image_fit_surface(r.device, &s, &fit, first));
        assert_ok(tn_image_fit_surface(r.device, &s, &fit, again));
        assert_memory_equal(first, again, sizeof first);
        give(&r, &s);
        lab_raw_close(&r);
    }
    sim->check_leaks();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_what_the_cpu_makes_of_it),
        cmocka_unit_test(what_cannot_be_is_told),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
