/*
 * Small files of every format and mode against what Pillow makes of them (golden/make_images.py): the
 * same pixels, or a refusal that says why.
 */
#include <stdlib.h>
#include <string.h>

#include "data/image.h"
#include "lab.h"
#include "lab_image.h"

/* One of images.bin. */
typedef struct record {
    char name[128];
    lab_bytes file;
    int width, height, tolerance; /* width 0: refused */
    const uint8_t *rgb;
    char reason[128];
} record;

static const struct optional {
    const char *prefix;
    bool here;
} optional[] = {
#ifndef TN_HAVE_JPEG
    {"jpeg", false},
#endif
#ifndef TN_HAVE_PNG
    {"png palette too short", false},
    {"png, too few", false},
    {"png, wrong sum", false},
    {"png, a bit", false},
    {"png cut in its", false},
    {"png without its", false},
    {"png with half", false},
    {"png zTXt", false},
    {"png tEXt", false},
    {"png iTXt packed", false},
#endif
#ifndef TN_HAVE_GIF
    {"gif", false},
    {"bomb: a GIF", false},
#endif
#ifndef TN_HAVE_WEBP
    {"webp", false},
    {"bomb: a WebP", false},
#endif
    {"", true},
};

static bool is_here(const char *name)
{
    const struct optional *o = optional;
    while (strncmp(name, o->prefix, strlen(o->prefix)) != 0)
        o++;
    return o->here;
}

static size_t read_u32(const uint8_t *p)
{
    return (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

/* Returns what follows it. */
static const uint8_t *next(const uint8_t *p, record *r)
{
    const uint8_t *line = memchr(p, '\n', sizeof r->name - 1);
    assert_non_null(line);
    memset(r, 0, sizeof *r);
    memcpy(r->name, p, (size_t)(line - p));
    const uint8_t *numbers = line + 1, *bytes = numbers + 16;
    r->file = (lab_bytes){malloc(read_u32(numbers)), read_u32(numbers)};
    r->width = (int)read_u32(numbers + 4);
    r->height = (int)read_u32(numbers + 8);
    r->tolerance = (int)read_u32(numbers + 12);
    memcpy(r->file.data, bytes, r->file.size); /* of the exact size: a sanitizer sees its end */
    r->rgb = bytes + r->file.size;
    if (r->width > 0)
        return r->rgb + 3 * (size_t)r->width * (size_t)r->height;
    memcpy(r->reason, r->rgb, (size_t)r->height);
    return r->rgb + r->height;
}

static tn_status decode(tn_decoder *d, const record *r, int *width, int *height, uint8_t **rgb)
{
    *rgb = NULL;
    TN_TRY(tn_decoder_open_memory(d, "that file", r->file.data, r->file.size, width, height));
    *rgb = malloc(3 * (size_t)*width * (size_t)*height);
    TN_TRY(tn_decoder_read(d, &(tn_box){0, 0, *width, *height}, false, *width, *height, *rgb));
    return tn_decoder_judge(d);
}

static void check(tn_decoder *d, const record *r)
{
    int width = 0, height = 0;
    uint8_t *rgb;
    const tn_status status = decode(d, r, &width, &height, &rgb);
    if (r->width == 0 && (status != TN_ERR_FORMAT || !strstr(tn_error(), r->reason) ||
                          !strstr(tn_error(), "that file: ")))
        fail_msg("%s: not refused as \"%s\": %s", r->name, r->reason,
                 status == TN_OK ? "read" : tn_error());
    if (r->width > 0 && status != TN_OK)
        fail_msg("%s: %s", r->name, tn_error());
    if (r->width > 0 && (width != r->width || height != r->height))
        fail_msg("%s: %d x %d, not %d x %d", r->name, width, height, r->width, r->height);
    for (int i = 0; i < 3 * r->width * r->height; i++)
        if (abs(rgb[i] - r->rgb[i]) > r->tolerance)
            fail_msg("%s: channel %d of (%d, %d) is %d, not %d", r->name, i % 3, i / 3 % width,
                     i / 3 / width, rgb[i], r->rgb[i]);
    free(rgb);
}

static void pixels_are_pillows(void **state)
{
    (void)state;
    const lab_bytes all = lab_read(lab_golden("images.bin"));
    tn_decoder *d;
    assert_ok(tn_decoder_create(&d));
    int count = 0;
    for (const uint8_t *p = all.data; p < all.data + all.size; count++) {
        record r;
        p = next(p, &r);
        if (is_here(r.name))
            check(d, &r);
        free(r.file.data);
    }
    assert_in_range(count, 250, 1000);
    tn_decoder_destroy(d);
    free(all.data);
}

/* Each byte turned in all its bits, and the file cut at each length: whatever comes of it, nothing
 * breaks, and where there are checksums no wrong pixel is given out. */
static void damage_is_harmless(void **state)
{
    (void)state;
    const lab_bytes all = lab_read(lab_golden("images.bin"));
    tn_decoder *d;
    assert_ok(tn_decoder_create(&d));
    int n = 0;
    for (const uint8_t *p = all.data; p < all.data + all.size; n++) {
        record r;
        p = next(p, &r);
        const size_t step = r.file.size > 600 ? r.file.size / 60 : 7;
        for (size_t at = (size_t)n % step; r.width > 0 && at < r.file.size; at += step) {
            for (int kind = 0; kind < 2; kind++) {
                record damaged = r;
                int width = 0, height = 0;
                uint8_t *rgb;
                damaged.file.size = kind == 0 ? at + 1 : r.file.size;
                r.file.data[at] ^= kind == 0 ? 0 : 0xFF;
                const tn_status status = decode(d, &damaged, &width, &height, &rgb);
                const bool sums = strncmp(r.name, "png", 3) == 0;
                if (sums && kind == 1 && status == TN_OK &&
                    memcmp(rgb, r.rgb, 3 * (size_t)r.width * (size_t)r.height) != 0)
                    fail_msg("%s: byte %zu is wrong, and so are pixels", r.name, at);
                r.file.data[at] ^= kind == 0 ? 0 : 0xFF;
                free(rgb);
            }
        }
        free(r.file.data);
    }
    tn_decoder_destroy(d);
    free(all.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_are_pillows),
        cmocka_unit_test(damage_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
