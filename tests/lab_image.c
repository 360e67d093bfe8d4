#include "lab_image.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef TN_HAVE_JPEG
#include <jpeglib.h>
#endif
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb_image_write.h>

#include "base/random.h"
#include "lab.h"

uint8_t *lab_photo(int width, int height)
{
    uint8_t *rgb = malloc(3 * (size_t)width * (size_t)height);
    if (!rgb)
        fail_msg("no memory for %d x %d pixels", width, height);
    tn_random r = tn_random_begin(7, TN_RANDOM_TEST, 0);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            const double u = (double)x / width, v = (double)y / height;
            const double value[3] = {120 + 90 * sin(9 * u + 4 * v * v),
                                     60 + 150 * u * (1 - v) + (u > 0.6 && v < 0.3 ? 45 : 0),
                                     128 + 100 * cos(7 * v + 3 * u * v)};
            for (int c = 0; c < 3; c++)
                rgb[3 * ((size_t)y * (size_t)width + (size_t)x) + (size_t)c] =
                    (uint8_t)fmin(value[c] + 5 * tn_random_real(&r), 255);
        }
    return rgb;
}

static void append(void *to, void *data, int size)
{
    lab_bytes *b = to;
    uint8_t *bigger = realloc(b->data, b->size + (size_t)size);
    if (!bigger)
        fail_msg("no memory for %zu bytes", b->size + (size_t)size);
    memcpy(bigger + b->size, data, (size_t)size);
    b->data = bigger;
    b->size += (size_t)size;
}

/* APP1 with one entry, right after the start of the image. */
static void insert_exif(lab_bytes *b, int orientation, bool big)
{
    uint8_t little[36] = {0xFF,
                          0xE1,
                          0,
                          34,
                          'E',
                          'x',
                          'i',
                          'f',
                          0,
                          0,
                          'I',
                          'I',
                          42,
                          0,
                          8,
                          0,
                          0,
                          0,
                          1,
                          0,
                          0x12,
                          1,
                          3,
                          0,
                          1,
                          0,
                          0,
                          0,
                          (uint8_t)orientation};
    uint8_t other[36] = {0xFF, 0xE1, 0, 34, 'E', 'x', 'i', 'f', 0, 0,
                         'M',  'M',  0, 42, 0,   0,   0,   8,   0, 1,
                         1,    0x12, 0, 3,  0,   0,   0,   1,   0, (uint8_t)orientation};
    const lab_bytes old = *b;
    *b = (lab_bytes){0};
    append(b, old.data, 2);
    append(b, big ? other : little, sizeof little);
    append(b, old.data + 2, (int)old.size - 2);
    free(old.data);
}

#ifdef TN_HAVE_JPEG

static void set_up(struct jpeg_compress_struct *jpeg, const lab_jpeg_opts *o)
{
    const bool cmyk = o->cmyk || o->plain_cmyk;
    jpeg->image_width = (JDIMENSION)o->width;
    jpeg->image_height = (JDIMENSION)o->height;
    jpeg->input_components = cmyk ? 4 : 3;
    jpeg->in_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, o->quality ? o->quality : 90, TRUE);
    if (cmyk)
        jpeg_set_colorspace(jpeg, o->cmyk ? JCS_YCCK : JCS_CMYK);
    jpeg->write_Adobe_marker = o->cmyk;
    if (o->grey)
        jpeg_set_colorspace(jpeg, JCS_GRAYSCALE);
    jpeg->comp_info[0].h_samp_factor = o->across ? o->across : 1;
    jpeg->comp_info[0].v_samp_factor = o->down ? o->down : 1;
    for (int i = 0; i < 2 && jpeg->num_components == 3; i++) {
        jpeg->comp_info[1 + i].h_samp_factor = o->chroma_across[i] ? o->chroma_across[i] : 1;
        jpeg->comp_info[1 + i].v_samp_factor = o->chroma_down[i] ? o->chroma_down[i] : 1;
    }
    static const jpeg_scan_info separate[] = {{1, {0}, 0, DCTSIZE2 - 1, 0, 0},
                                              {1, {1}, 0, DCTSIZE2 - 1, 0, 0},
                                              {1, {2}, 0, DCTSIZE2 - 1, 0, 0}};
    if (o->separate) {
        jpeg->scan_info = separate;
        jpeg->num_scans = jpeg->num_components;
    }
    if (o->progressive)
        jpeg_simple_progression(jpeg);
    jpeg->restart_in_rows = o->restart;
    jpeg->restart_interval = (unsigned)o->restart_blocks;
    jpeg->optimize_coding = o->optimise || o->progressive;
}

static lab_bytes encode(const lab_jpeg_opts *o, const uint8_t *rgb)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *data = NULL;
    unsigned long size = 0;
    uint8_t *row = malloc(4 * (size_t)o->width);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &data, &size);
    set_up(&jpeg, o);
    jpeg_start_compress(&jpeg, TRUE);
    for (int y = 0; y < o->height; y++) {
        const uint8_t *in = rgb + 3 * (size_t)o->width * (size_t)y;
        const int channels = jpeg.input_components;
        for (int x = 0; x < o->width; x++)
            for (int c = 0; c < channels; c++)
                row[channels * x + c] = c < 3 ? in[3 * x + c] : 255;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    free(row);
    return (lab_bytes){data, size};
}

#else

static lab_bytes encode(const lab_jpeg_opts *o, const uint8_t *rgb)
{
    lab_bytes b = {0};
    if (o->grey || o->cmyk || o->plain_cmyk || o->progressive || o->separate || o->restart ||
        o->across > 1 || o->down > 1)
        return b;
    stbi_write_jpg_to_func(append, &b, o->width, o->height, 3, rgb, o->quality ? o->quality : 91);
    return b;
}

#endif

lab_bytes lab_jpeg_of(const lab_jpeg_opts *opts, const uint8_t *rgb)
{
    lab_bytes b = encode(opts, rgb);
    if (b.data && opts->orientation)
        insert_exif(&b, opts->orientation, opts->big_endian);
    return b;
}

lab_bytes lab_jpeg(const lab_jpeg_opts *opts)
{
    uint8_t *rgb = lab_photo(opts->width, opts->height);
    const lab_bytes b = lab_jpeg_of(opts, rgb);
    free(rgb);
    return b;
}

lab_bytes lab_png(int width, int height, int channels)
{
    lab_bytes b = {0};
    uint8_t *rgb = lab_photo(width, height);
    uint8_t *pixels = malloc((size_t)channels * (size_t)width * (size_t)height);
    const int colours = channels - (channels % 2 == 0); /* the last of 2 or 4 is alpha */
    for (int i = 0; i < width * height; i++)
        for (int c = 0; c < channels; c++)
            pixels[channels * i + c] = c < colours ? rgb[3 * i + c] : (uint8_t)i;
    stbi_write_png_to_func(append, &b, width, height, channels, pixels, 0);
    free(pixels);
    free(rgb);
    return b;
}

lab_bytes lab_bmp(int width, int height)
{
    lab_bytes b = {0};
    uint8_t *rgb = lab_photo(width, height);
    stbi_write_bmp_to_func(append, &b, width, height, 3, rgb);
    free(rgb);
    return b;
}

lab_bytes lab_read(const char *path)
{
    uint8_t block[4096];
    lab_bytes b = {0};
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("%s cannot be opened", path);
    for (size_t got; (got = fread(block, 1, sizeof block, f)) > 0;)
        append(&b, block, (int)got);
    fclose(f);
    return b;
}
