/*
 * Image files of any kind: whatever the bytes, open and read come back with success and pixels, or an
 * error and its reason.
 */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "data/image.h"
#include "fuzz.h"
#include "lab_image.h"

enum { SIDE = 24 };

const int fuzz_rounds = 800;

/* A header may ask for as much as the limit allows; what is fuzzed is not the machine's memory. */
#define MAX_PIXELS 1000000

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    uint8_t rgb[3 * SIDE * SIDE];
    tn_decoder *d;
    int width, height;
    if (tn_decoder_create(&d) != TN_OK)
        abort();
    tn_status status = tn_decoder_open_memory(d, "fuzz", bytes, size, &width, &height);
    if (status == TN_OK && (width < 1 || height < 1))
        abort();
    if (status == TN_OK && (double)width * height <= MAX_PIXELS) {
        const tn_box all = {0, 0, width, height};
        const tn_box part = {width * 0.3, height * 0.4, width * 0.5, height * 0.6};
        status = tn_decoder_read(d, &all, false, SIDE, SIDE, rgb);
        if (tn_decoder_read(d, &part, true, SIDE, SIDE, rgb) != TN_OK && status == TN_OK)
            status = TN_ERR_FORMAT;
    }
    if (status != TN_OK && tn_error()[0] == '\0')
        abort();
    tn_decoder_destroy(d);
    if (tn_alloc_live() != 0)
        abort();
    return 0;
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    /* One palette picture of 4 x 4 pixels, two colours: GIF has no writer here. */
    static const uint8_t gif[] = {
        'G', 'I', 'F', '8', '9', 'a', 4, 0, 4, 0, 0x80, 0, 0,    10,   20,   30,   200,  210, 220,
        ',', 0,   0,   0,   0,   4,   0, 4, 0, 0, 2,    5, 0x84, 0x8F, 0x09, 0x86, 0x59, 0,   ';'};
    static const char pnm[] = "P6\n# a comment\n5 3 255\n"
                              "123456789012345123456789012345123456789012345";
    static const char pgm[] = "P5 3 3 255\n123456789";
    static const char hdr[] = "#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 2 +X 3\n"
                              "abcdefghijklmnopqrstuvwx";
    lab_bytes files[] = {
        lab_jpeg(&(lab_jpeg_opts){.width = 61, .height = 43}),
        lab_jpeg(
            &(lab_jpeg_opts){.width = 61, .height = 43, .across = 2, .down = 2, .orientation = 6}),
        lab_jpeg(&(lab_jpeg_opts){.width = 61, .height = 43, .across = 2, .progressive = true}),
        lab_jpeg(&(lab_jpeg_opts){.width = 61, .height = 43, .cmyk = true, .restart = 1}),
        lab_jpeg(&(lab_jpeg_opts){.width = 61, .height = 43, .grey = true}),
        lab_png(31, 23, 3),
        lab_png(31, 23, 2),
        lab_bmp(13, 11),
    };
    for (size_t i = 0; i < TN_COUNT(files); i++) {
        if (files[i].data)
            seed(arg, files[i].data, files[i].size);
        free(files[i].data);
    }
    seed(arg, gif, sizeof gif);
    seed(arg, (const uint8_t *)pnm, sizeof pnm - 1);
    seed(arg, (const uint8_t *)pgm, sizeof pgm - 1);
    seed(arg, (const uint8_t *)hdr, sizeof hdr - 1);
}
