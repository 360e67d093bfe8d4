/*
 * PNG by libpng, which checks the CRC of each chunk and the Adler sum of the pixels; here both make the
 * file bad.
 *
 * A file may lack what follows its pixels: behind the last chunk of them libpng is then given an end
 * mark of ours. What libpng warns of while it reads pixels is an error too, but for bytes left over in
 * their stream. Of 16 bits the high byte is taken.
 */
#ifdef TN_HAVE_PNG

#include <png.h>
#include <setjmp.h>
#include <string.h>

#include "base/base.h"
#include "data/codec.h"
#include "data/png_chunks.h"

static const uint8_t end_mark[12] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xAE, 0x42, 0x60, 0x82};

typedef struct reader {
    const tn_encoded *from;
    size_t at, end;
    bool lacks_end; /* what is wanted behind `end` is end_mark */
    bool pixels;    /* being read */
    bool starved, ran_out;
    char text[128]; /* what libpng says */
    jmp_buf failed;
    png_structp png;
    png_infop info;
    uint8_t *rgb;
} reader;

static void *allocate(png_structp png, png_alloc_size_t bytes)
{
    reader *r = png_get_mem_ptr(png);
    void *p = tn_alloc_aligned(bytes);
    r->starved |= p == NULL;
    return p;
}

static void release(png_structp png, void *p)
{
    (void)png;
    tn_free(p);
}

static void on_error(png_structp png, const char *text)
{
    reader *r = png_get_error_ptr(png);
    strncpy(r->text, text, sizeof r->text - 1);
    longjmp(r->failed, 1);
}

static void on_warning(png_structp png, const char *text)
{
    const reader *r = png_get_error_ptr(png);
    const bool left_over =
        strstr(text, "Extra compressed data") || strstr(text, "Too much image data");
    if (r->pixels && !left_over)
        on_error(png, text);
}

static void feed(png_structp png, png_bytep out, size_t count)
{
    reader *r = png_get_io_ptr(png);
    const size_t left = r->at < r->end ? r->end - r->at : 0;
    const size_t first = count < left ? count : left;
    memcpy(out, r->from->bytes + r->at, first);
    r->at += first;
    if (first == count)
        return;
    const size_t rest = count - first, marked = r->at - r->end;
    r->ran_out = !r->lacks_end || rest > sizeof end_mark - marked;
    if (r->ran_out)
        png_error(png, "ends early");
    memcpy(out + first, end_mark + marked, rest);
    r->at += rest;
}

static void step_header(reader *r)
{
    r->png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, r, on_error, on_warning, r, allocate,
                                      release);
    r->info = r->png ? png_create_info_struct(r->png) : NULL;
    if (!r->info)
        longjmp(r->failed, 1);
    png_set_read_fn(r->png, r, feed);
    png_set_crc_action(r->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_user_limits(r->png, PNG_UINT_31_MAX, PNG_UINT_31_MAX); /* image.c has its own */
    png_read_info(r->png, r->info);
}

static void ask_for_rgb(png_structp png, png_infop info)
{
    const int type = png_get_color_type(png, info), depth = png_get_bit_depth(png, info);
    if (type == PNG_COLOR_TYPE_PALETTE)
        png_set_palette_to_rgb(png);
    if (type == PNG_COLOR_TYPE_GRAY && depth < 8)
        png_set_expand_gray_1_2_4_to_8(png);
    if (depth == 16)
        png_set_strip_16(png);
    if (!(type & PNG_COLOR_MASK_COLOR))
        png_set_gray_to_rgb(png);
    png_set_strip_alpha(png);
}

static void step_pixels(reader *r)
{
    const size_t stride = 3 * (size_t)png_get_image_width(r->png, r->info);
    const png_uint_32 height = png_get_image_height(r->png, r->info);
    ask_for_rgb(r->png, r->info);
    const int passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    if (png_get_rowbytes(r->png, r->info) != stride)
        png_error(r->png, "rows of another length than RGB has");
    r->pixels = true;
    for (int pass = 0; pass < passes; pass++)
        for (png_uint_32 y = 0; y < height; y++)
            png_read_row(r->png, r->rgb + y * stride, NULL);
    r->pixels = false;
    png_read_end(r->png, NULL);
}

/* Runs calls of libpng; those that fail come back here by longjmp. */
static tn_status run(reader *r, void (*step)(reader *))
{
    if (setjmp(r->failed) == 0) {
        step(r);
        return TN_OK;
    }
    if (r->starved)
        return tn_no_memory(r->from->name, r->from->size);
    if (r->ran_out)
        return tn_fail(TN_ERR_FORMAT, "%s: the PNG data end early: %zu bytes are not all of it",
                       r->from->name, r->from->size);
    return tn_fail(TN_ERR_FORMAT, "%s: PNG: %s", r->from->name, r->text);
}

static tn_status begin(reader *r, const tn_encoded *from, tn_png_chunks *chunks)
{
    TN_TRY(tn_png_chunks_read(from, chunks));
    *r = (reader){.from = from, .end = from->size};
    if (!chunks->has_end) {
        r->end = chunks->data_end;
        r->lacks_end = true;
    }
    return run(r, step_header);
}

static tn_status open_source(const tn_encoded *from, tn_stored *out)
{
    reader r = {0};
    tn_png_chunks chunks;
    const tn_status status = begin(&r, from, &chunks);
    if (status == TN_OK)
        *out = (tn_stored){.width = (int)png_get_image_width(r.png, r.info),
                           .height = (int)png_get_image_height(r.png, r.info),
                           .orientation = chunks.orientation};
    png_destroy_read_struct(&r.png, &r.info, NULL);
    return status;
}

static tn_status decode(const tn_encoded *from, const tn_stored *stored, uint8_t *rgb)
{
    reader r = {0};
    tn_png_chunks chunks;
    (void)stored; /* the same header says the same */
    tn_status status = begin(&r, from, &chunks);
    if (status == TN_OK) {
        r.rgb = rgb;
        status = run(&r, step_pixels);
    }
    png_destroy_read_struct(&r.png, &r.info, NULL);
    return status;
}

const tn_codec tn_codec_png = {.knows = tn_png_is, .open = open_source, .decode = decode};

#endif
