/*
 * JPEG by libjpeg-turbo: only the rows and columns that the box needs, at the smallest of the scales
 * 1, 1/2, 1/4, 1/8 (they come nearly free with the inverse DCT) that leaves the box no smaller than
 * what is wanted on either axis.
 *
 * Broken data. libjpeg calls most damage a warning and goes on with grey or shifted blocks. Rule: a
 * warning that says pixels are missing or wrong is an error here; one about bytes that change no
 * pixel (stray bytes between segments, an unknown JFIF version) is not. See `fatal`.
 *
 * Cropping. jpeg_crop_scanline() treats the crop's sides as the image's, so that upsampled chroma
 * differs in the outermost columns (libjpeg.txt, "Partial image decompression"): MARGIN columns more
 * are decoded on each side. Rows are skipped once and from row 0 only: libjpeg-turbo through 2.1
 * returns wrong rows for skips that begin inside a row group.
 *
 * Smoothing between blocks is off: it is meant for progressive images of which part is there, and
 * those are refused.
 */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#ifdef TN_HAVE_JPEG
/* jerror.h numbers its messages by what jpeglib.h defines. */
/* clang-format off */
#include <jpeglib.h>
#include <jerror.h>
/* clang-format on */
#endif

#include "base/base.h"
#include "data/codec.h"
#include "data/jpeg_markers.h"
#include "data/resample.h"

#ifdef TN_HAVE_JPEG

/* A progressive file has about ten scans; each costs a pass over all coefficients, so that a small
 * file of very many could keep a loader busy for hours. */
enum { MARGIN = 2, MAX_SCANS = 200, ROWS_AT_ONCE = 8 };

typedef struct codec {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    const char *name;
    const uint8_t *bytes;
    size_t size;
    bool at_header; /* jpeg has read the header and nothing else */
    /* one read */
    int denominator;
    JDIMENSION left, columns;
    int top, rows;
    uint8_t *pixels;
    size_t stride, room;
} codec;

static const int fatal[] = {
#ifdef D_ARITH_CODING_SUPPORTED
    JWRN_ARITH_BAD_CODE, /* wrong pixels from here on */
#endif
    JWRN_HUFF_BAD_CODE, /* the same */
    JWRN_HIT_MARKER,    /* a scan's data end before its pixels do */
    JWRN_JPEG_EOF,      /* so does the file */
    JWRN_MUST_RESYNC    /* a restart interval is missing */
};

static void on_error(j_common_ptr jpeg)
{
    codec *c = jpeg->client_data;
    longjmp(c->failed, 1);
}

/* level: -1 a warning, else a trace. */
static void on_message(j_common_ptr jpeg, int level)
{
    if (level >= 0)
        return;
    for (size_t i = 0; i < TN_COUNT(fatal); i++)
        if (jpeg->err->msg_code == fatal[i])
            on_error(jpeg);
}

static void on_progress(j_common_ptr jpeg)
{
    codec *c = jpeg->client_data;
    if (c->jpeg.input_scan_number > MAX_SCANS)
        on_error(jpeg);
}

/* Runs calls of libjpeg; those that fail come back here by longjmp. */
static tn_status run(codec *c, void (*step)(codec *))
{
    char text[JMSG_LENGTH_MAX];
    if (setjmp(c->failed) == 0) {
        step(c);
        return TN_OK;
    }
    c->at_header = false;
    if (c->jpeg.input_scan_number > MAX_SCANS)
        return tn_fail(TN_ERR_FORMAT, "%s: more than %d scans", c->name, MAX_SCANS);
    c->errors.format_message((j_common_ptr)&c->jpeg, text);
    const bool memory = c->errors.msg_code == JERR_OUT_OF_MEMORY;
    return tn_fail(memory ? TN_ERR_MEMORY : TN_ERR_FORMAT, "%s: %s", c->name, text);
}

static void step_create(codec *c)
{
    jpeg_create_decompress(&c->jpeg);
}

static void step_header(codec *c)
{
    jpeg_abort_decompress(&c->jpeg);
    jpeg_mem_src(&c->jpeg, c->bytes, (unsigned long)c->size);
    jpeg_read_header(&c->jpeg, TRUE);
    c->at_header = true;
}

static void step_start(codec *c)
{
    struct jpeg_decompress_struct *jpeg = &c->jpeg;
    c->at_header = false;
    const bool cmyk = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
    jpeg->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    jpeg->do_block_smoothing = FALSE;
    jpeg->scale_num = 1;
    jpeg->scale_denom = (unsigned)c->denominator;
    jpeg_start_decompress(jpeg);
    jpeg_crop_scanline(jpeg, &c->left, &c->columns);
    if (c->top > 0)
        jpeg_skip_scanlines(jpeg, (JDIMENSION)c->top);
}

static void step_rows(codec *c)
{
    JSAMPROW row[ROWS_AT_ONCE];
    for (int done = 0; done < c->rows;) {
        const int count = c->rows - done < ROWS_AT_ONCE ? c->rows - done : ROWS_AT_ONCE;
        for (int i = 0; i < count; i++)
            row[i] = c->pixels + (size_t)(done + i) * c->stride;
        done += (int)jpeg_read_scanlines(&c->jpeg, row, (JDIMENSION)count);
    }
    jpeg_abort_decompress(&c->jpeg);
}

static tn_status create(void **self)
{
    codec *c = tn_alloc(1, sizeof *c);
    if (!c)
        return tn_no_memory("a JPEG decoder", sizeof *c);
    c->jpeg.err = jpeg_std_error(&c->errors);
    c->errors.error_exit = on_error;
    c->errors.emit_message = on_message;
    c->jpeg.client_data = c;
    c->name = "JPEG decoder";
    const tn_status status = run(c, step_create);
    if (status != TN_OK) {
        tn_free(c);
        return status;
    }
    c->progress.progress_monitor = on_progress;
    c->jpeg.progress = &c->progress;
    *self = c;
    return TN_OK;
}

static void destroy(void *self)
{
    codec *c = self;
    if (!c)
        return;
    jpeg_destroy_decompress(&c->jpeg);
    tn_free(c->pixels);
    tn_free(c);
}

static tn_status open_bytes(void *self, const char *name, const uint8_t *bytes, size_t size,
                            int *width, int *height)
{
    codec *c = self;
    c->name = name;
    c->bytes = bytes;
    c->size = size;
    TN_TRY(run(c, step_header));
    *width = (int)c->jpeg.image_width;
    *height = (int)c->jpeg.image_height;
    return TN_OK;
}

/* The rectangle to decode, in pixels of the scaled image, and the box in it. */
static tn_box choose(codec *c, const tn_box *box, int width, int height)
{
    int d = 8;
    while (d > 1 && (box->width < (double)d * width || box->height < (double)d * height))
        d /= 2;
    const int full_width = ((int)c->jpeg.image_width + d - 1) / d;
    const int full_height = ((int)c->jpeg.image_height + d - 1) / d;
    const tn_box scaled = {box->x / d, box->y / d, box->width / d, box->height / d};
    int left, right, top, bottom;
    tn_resample_range(scaled.x, scaled.width, width, full_width, &left, &right);
    tn_resample_range(scaled.y, scaled.height, height, full_height, &top, &bottom);
    left = left > MARGIN ? left - MARGIN : 0;
    right = right < full_width - MARGIN ? right + MARGIN : full_width;
    c->denominator = d;
    c->left = (JDIMENSION)left;
    c->columns = (JDIMENSION)(right - left);
    c->top = top;
    c->rows = bottom - top;
    return scaled;
}

/* In place. Adobe stores 255 - ink; without its marker the ink itself is stored. */
static void cmyk_to_rgb(uint8_t *row, int count, bool inverted)
{
    const int turn = inverted ? 0 : 255;
    for (int i = 0; i < count; i++) {
        const int white = row[4 * i + 3] ^ turn;
        for (int c = 0; c < 3; c++)
            row[3 * i + c] = (uint8_t)(((row[4 * i + c] ^ turn) * white + 127) / 255);
    }
}

static tn_status read_pixels(void *self, const tn_box *box, int width, int height, tn_pixels *out)
{
    codec *c = self;
    if (!c->at_header)
        TN_TRY(run(c, step_header));
    const tn_box scaled = choose(c, box, width, height);
    TN_TRY(run(c, step_start)); /* moves left to where a column of blocks begins */
    const int components = c->jpeg.output_components;
    c->stride = (size_t)c->columns * (size_t)components;
    const size_t bytes = c->stride * (size_t)c->rows;
    if (bytes > c->room) {
        tn_free(c->pixels);
        c->room = 0;
        c->pixels = tn_alloc_aligned(bytes);
        if (!c->pixels)
            return tn_no_memory(c->name, bytes);
        c->room = bytes;
    }
    TN_TRY(run(c, step_rows));
    if (components == 4)
        for (int i = 0; i < c->rows; i++)
            cmyk_to_rgb(c->pixels + (size_t)i * c->stride, (int)c->columns,
                        c->jpeg.saw_Adobe_marker);
    *out = (tn_pixels){.rgb = c->pixels,
                       .stride = c->stride,
                       .width = (int)c->columns,
                       .height = c->rows,
                       .box = {scaled.x - c->left, scaled.y - c->top, scaled.width, scaled.height}};
    return TN_OK;
}

const tn_codec tn_codec_jpeg = {.knows = tn_jpeg_is,
                                .create = create,
                                .destroy = destroy,
                                .open = open_bytes,
                                .read = read_pixels};

#endif
