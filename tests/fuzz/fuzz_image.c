/*
 * Image files of any kind: whatever the bytes, open and read come back with success and pixels, or an
 * error and its reason; and with a map of a JPEG file they come back with the same.
 */
/* memmem() is GNU's. */
#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "data/image.h"
#include "data/jpeg_maps.h"
#include "fuzz.h"
#include "lab.h"
#include "lab_image.h"

enum { SIDE = 24 };

const int fuzz_rounds = 800;

/* A header may ask for as much as the limit allows; what is fuzzed is not the machine's memory. */
#define MAX_PIXELS 1000000

/* The part that was read last, by a map. What is said of all of it is said of the part already if a map could be made. */
static void read_by_map(const uint8_t *bytes, size_t size, const tn_box *part, tn_status read,
                        tn_status verdict, const uint8_t *want)
{
    uint8_t rgb[3 * SIDE * SIDE];
    tn_decoder *d;
    tn_jpeg_maps *maps;
    int width, height;
    if (tn_decoder_create(&d) != TN_OK || tn_jpeg_maps_create(&maps, 1, 1 << 20) != TN_OK)
        abort();
    for (int i = 0; i < 2; i++) { /* made, and found */
        if (tn_decoder_open_memory(d, "fuzz", bytes, size, &width, &height) != TN_OK ||
            tn_decoder_remember(d, maps, 0) != TN_OK ||
            tn_decoder_read(d, part, true, SIDE, SIDE, rgb) != read ||
            (read == TN_OK && memcmp(rgb, want, sizeof rgb) != 0) || tn_decoder_judge(d) != verdict)
            abort();
    }
    tn_decoder_destroy(d);
    tn_jpeg_maps_destroy(maps);
}

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
        const tn_status of_part = tn_decoder_read(d, &part, true, SIDE, SIDE, rgb);
        if (of_part != TN_OK && status == TN_OK)
            status = TN_ERR_FORMAT;
        /* Whatever was read before, the verdict is the same; and a read that sees damage sees a part
         * of what it is about. */
        const tn_status verdict = tn_decoder_judge(d);
        if (tn_decoder_judge(d) != verdict || (status != TN_OK && verdict == TN_OK))
            abort();
        read_by_map(bytes, size, &part, of_part, verdict, rgb);
        status = verdict;
    }
    if (status != TN_OK && tn_error()[0] == '\0')
        abort();
    tn_decoder_destroy(d);
    if (tn_alloc_live() != 0)
        abort();
    return 0;
}

/* Files of the formats that have no writer here, out of golden/images.bin (make_images.py says how that
 * is laid out). With libFuzzer they come from the folder that it is given. */
static void golden_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    static const char *const names[] = {"gif interlaced",
                                        "gif small frame, transparent",
                                        "gif animated",
                                        "webp lossy 4 channels 17x9",
                                        "webp lossless 3 channels 17x9",
                                        "webp exif",
                                        "webp animated",
                                        "png eXIf",
                                        "png zTXt",
                                        "png iTXt packed",
                                        "png colour 3 depth 4 interlaced 9x8",
                                        "pnm P3 white 255",
                                        "pnm P5 white 1023",
                                        "pnm P4 17 wide",
                                        "bmp 16 bits, masks",
                                        "bmp 4 bits",
                                        "jpeg xmp attribute",
                                        "jpeg CMYK progressive"};
    const char *path = lab_golden("images.bin");
    if (!lab_exists(path))
        return;
    const lab_bytes all = lab_read(path);
    for (size_t i = 0; i < TN_COUNT(names); i++) {
        char line[128];
        const int length = snprintf(line, sizeof line, "%s\n", names[i]);
        const uint8_t *p = memmem(all.data, all.size, line, (size_t)length);
        if (!p)
            abort();
        p += length;
        seed(arg, p + 16, (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16);
    }
    free(all.data);
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
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
    golden_seeds(seed, arg);
}
