/*
 * JPEG by libjpeg-turbo: only the rows and columns that the box needs, at the smallest of the scales
 * 1, 1/2, 1/4, 1/8 (they come nearly free with the inverse DCT) that leaves the box no smaller than
 * what is wanted on either axis.
 *
 * Broken data. libjpeg calls most damage a warning and goes on with grey or shifted blocks. Rule: from
 * the first scan on, a warning is an error, but for what changes no pixel (`harmless`). What follows a
 * picture's last data may be missing (no end of image) or anything (a trailer), unless it is data that
 * no pixel took. A read stops where its box does; judge() goes on from there to the end.
 *
 * Cropping. Which rows and columns are decoded: jpeg_choose.h. Rows are skipped once and from row 0 only:
 * libjpeg-turbo through 2.1 returns wrong rows for skips that begin inside a row group. Of a file that there is a map of
 * (jpeg_map.h) libjpeg is given the part around these alone.
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
#include "data/jpeg_choose.h"
#include "data/jpeg_facts.h"
#include "data/jpeg_guide.h"
#include "data/jpeg_markers.h"

#ifdef TN_HAVE_JPEG

/* A progressive file has about ten scans; each costs a pass over all coefficients, so that a small
 * file of very many could keep a loader busy for hours. */
enum { MAX_SCANS = 200, ROWS_AT_ONCE = 8 };
enum { MAX_DENSITY = 1024 }; /* pixels a byte */

enum stage { NOTHING, HEADER, ROWS, JUDGED };

typedef struct codec {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    const char *name; /* of the open file, or of the decoder */
    tn_encoded from;
    enum stage stage; /* how far jpeg has got in the open file */
    bool ran_out;     /* it wanted more than there is */
    bool lacks_scan;
    bool suspect; /* no end of image: the file is judged before anything is read */
    int width, height;
    size_t frame; /* tn_jpeg_markers */
    tn_jpeg_guide guide;
    /* one read */
    tn_encoded data; /* what is decoded: the file, or one cut out of it */
    tn_jpeg_choice wanted;
    uint8_t *pixels;
    size_t stride, room;
} codec;

/* Of warnings from the first scan on; all before it are. */
static const int harmless[] = {
    JWRN_ADOBE_XFORM,    /* headers again, */
    JWRN_JFIF_MAJOR,     /* */
    JWRN_NOT_SEQUENTIAL, /* and numbers in them that a baseline scan has no use for */
    JWRN_JPEG_EOF,       /* bits are read ahead: JWRN_HIT_MARKER follows if a pixel wanted them (but
                            arithmetic decoding, which would go on with zeros) */
};

static void on_error(j_common_ptr jpeg)
{
    codec *c = jpeg->client_data;
    longjmp(c->failed, 1);
}

/* level: -1 a warning, else a trace. */
static void on_message(j_common_ptr jpeg, int level)
{
    codec *c = jpeg->client_data;
    if (level >= 0)
        return;
    c->ran_out |= jpeg->err->msg_code == JWRN_JPEG_EOF;
    if (c->jpeg.input_scan_number == 0)
        return;
    for (size_t i = 0; i < TN_COUNT(harmless); i++)
        if (jpeg->err->msg_code == harmless[i] && !(c->ran_out && c->jpeg.arith_code))
            return;
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
    c->stage = NOTHING;
    c->errors.format_message((j_common_ptr)&c->jpeg, text);
    if (c->errors.msg_code == JERR_OUT_OF_MEMORY)
        return tn_fail(TN_ERR_MEMORY, "%s: %s", c->name, text);
    if (c->jpeg.input_scan_number > MAX_SCANS)
        return tn_fail(TN_ERR_FORMAT, "%s: more than %d scans", c->name, MAX_SCANS);
    if (c->lacks_scan)
        return tn_fail(TN_ERR_FORMAT, "%s: a scan is missing from the JPEG file", c->name);
    if (c->ran_out)
        return tn_fail(TN_ERR_FORMAT, "%s: the JPEG file ends early: %zu bytes are not all of it",
                       c->name, c->from.size);
    return tn_fail(TN_ERR_FORMAT, "%s: %s", c->name, text);
}

static void step_create(codec *c)
{
    jpeg_create_decompress(&c->jpeg);
    c->jpeg.progress = &c->progress;
}

static void step_header(codec *c)
{
    jpeg_destroy_decompress(&c->jpeg); /* only so are the tables of the file before forgotten */
    step_create(c);
    c->ran_out = c->lacks_scan = false;
    jpeg_mem_src(&c->jpeg, c->data.bytes, (unsigned long)c->data.size);
    jpeg_read_header(&c->jpeg, TRUE);
    if (c->data.bytes != c->from.bytes)
        tn_jpeg_scan_give(&c->guide.scan, &c->jpeg);
    c->stage = HEADER;
}

static void step_start(codec *c)
{
    struct jpeg_decompress_struct *jpeg = &c->jpeg;
    c->stage = NOTHING;
    const bool cmyk = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
    jpeg->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    jpeg->do_block_smoothing = FALSE;
    jpeg->scale_num = 1;
    jpeg->scale_denom = (unsigned)c->wanted.denominator;
    jpeg_start_decompress(jpeg);
    c->lacks_scan = jpeg_has_multiple_scans(jpeg) && tn_jpeg_lacks_scan(jpeg, c->ran_out);
    if (c->lacks_scan)
        on_error((j_common_ptr)jpeg);
    tn_jpeg_choice *w = &c->wanted;
    if (!tn_jpeg_crops_well(jpeg)) {
        w->left = 0;
        w->columns = (int)jpeg->output_width;
        w->rows += w->top;
        w->top = 0;
    }
    JDIMENSION left = (JDIMENSION)w->left, columns = (JDIMENSION)w->columns;
    if (columns < jpeg->output_width)
        jpeg_crop_scanline(jpeg, &left, &columns); /* from where a column of blocks begins */
    w->left = (int)left;
    w->columns = (int)columns;
    if (w->top > 0)
        jpeg_skip_scanlines(jpeg, (JDIMENSION)w->top);
    c->stage = ROWS;
}

static void step_rows(codec *c)
{
    JSAMPROW row[ROWS_AT_ONCE];
    for (int done = 0; done < c->wanted.rows;) {
        const int left = c->wanted.rows - done, count = left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE;
        for (int i = 0; i < count; i++)
            row[i] = c->pixels + (size_t)(done + i) * c->stride;
        done += (int)jpeg_read_scanlines(&c->jpeg, row, (JDIMENSION)count);
    }
}

/* Rows below the box, all of them into one. Skipping them would leave out the inverse DCT, but behind
 * rows that were read libjpeg-turbo through 2.1 loses count of skipped ones. */
static void step_rest(codec *c)
{
    JSAMPROW row[ROWS_AT_ONCE];
    for (int i = 0; i < ROWS_AT_ONCE; i++)
        row[i] = c->pixels;
    while (c->jpeg.output_scanline < c->jpeg.output_height)
        jpeg_read_scanlines(&c->jpeg, row, ROWS_AT_ONCE);
}

static tn_status create(void **self)
{
    codec *c = tn_alloc(1, sizeof *c);
    if (!c)
        return tn_no_memory("a JPEG decoder", sizeof *c);
    c->jpeg.err = jpeg_std_error(&c->errors);
    c->errors.error_exit = on_error;
    c->errors.emit_message = on_message;
    c->progress.progress_monitor = on_progress;
    c->jpeg.client_data = c;
    c->name = "JPEG decoder";
    const tn_status status = run(c, step_create);
    if (status != TN_OK) {
        tn_free(c);
        return status;
    }
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
    tn_jpeg_guide_free(&c->guide);
    tn_free(c);
}

static void close_file(void *self)
{
    codec *c = self;
    jpeg_abort_decompress(&c->jpeg);
    c->stage = NOTHING;
    if (c->room > TN_IMAGE_KEPT_BYTES) {
        tn_free(c->pixels);
        c->pixels = NULL;
        c->room = 0;
    }
    if (c->guide.room > TN_IMAGE_KEPT_BYTES)
        tn_jpeg_guide_free(&c->guide);
}

static tn_status open_file(void *self, const tn_encoded *from, tn_stored *out)
{
    codec *c = self;
    c->from = c->data = *from;
    c->name = from->name;
    c->guide.knows = false;
    TN_TRY(run(c, step_header));
    const int64_t width = c->jpeg.image_width, height = c->jpeg.image_height;
    /* Of components sampled 4 x 1 and 1 x 4, eight blocks of one bit each lie over 32 x 32 pixels. */
    if (!c->jpeg.arith_code && width * height / MAX_DENSITY > (int64_t)from->size)
        return tn_fail(TN_ERR_FORMAT,
                       "%s: the JPEG file ends early: %zu bytes cannot hold %lld x "
                       "%lld pixels",
                       c->name, from->size, (long long)width, (long long)height);
    const tn_jpeg_markers markers = tn_jpeg_markers_read(from->bytes, from->size);
    c->suspect = !markers.complete;
    c->width = (int)width;
    c->height = (int)height;
    c->frame = markers.frame;
    *out =
        (tn_stored){.width = (int)width, .height = (int)height, .orientation = markers.orientation};
    return TN_OK;
}

/* In place. What is stored is 255 - ink, as Adobe's programs do; Pillow takes that of every file. */
static void cmyk_to_rgb(uint8_t *row, int count)
{
    for (int i = 0; i < count; i++)
        for (int c = 0; c < 3; c++)
            row[3 * i + c] = (uint8_t)((row[4 * i + c] * row[4 * i + 3] + 127) / 255);
}

static tn_status make_room(codec *c, size_t rows)
{
    c->stride = (size_t)c->wanted.columns * (size_t)c->jpeg.output_components;
    const size_t bytes = c->stride * rows;
    if (bytes <= c->room)
        return TN_OK;
    tn_free(c->pixels);
    c->room = 0;
    c->pixels = tn_alloc_aligned(bytes);
    if (!c->pixels)
        return tn_no_memory(c->name, bytes);
    c->room = bytes;
    return TN_OK;
}

/* Baseline data end where their last pixel does. */
static tn_status judge_end(codec *c)
{
    const struct jpeg_source_mgr *src = c->jpeg.src;
    const bool ended = c->ran_out || c->jpeg.unread_marker == JPEG_EOI;
    if (ended || jpeg_has_multiple_scans(&c->jpeg) ||
        tn_jpeg_is_trailer(src->next_input_byte, src->bytes_in_buffer))
        return TN_OK;
    return tn_fail(TN_ERR_FORMAT, "%s: Corrupt JPEG data: more of them than there are pixels",
                   c->name);
}

static tn_status judge(void *self)
{
    codec *c = self;
    /* A map tells of the data, and a read of the headers. */
    if (c->stage == JUDGED || (c->guide.knows && c->stage == ROWS))
        return TN_OK;
    c->data = c->from;
    if (c->stage == NOTHING)
        TN_TRY(run(c, step_header));
    if (c->stage == HEADER) {
        c->wanted = (tn_jpeg_choice){.denominator = 8, .columns = 1};
        TN_TRY(run(c, step_start));
        TN_TRY(make_room(c, 1));
    }
    if (!jpeg_has_multiple_scans(&c->jpeg)) /* of which libjpeg has gone over all */
        TN_TRY(run(c, step_rest));
    TN_TRY(judge_end(c));
    jpeg_abort_decompress(&c->jpeg);
    c->stage = JUDGED;
    return TN_OK;
}

static tn_status remember(void *self, tn_jpeg_maps *maps, int64_t item)
{
    codec *c = self;
    return tn_jpeg_guide_open(&c->guide, &c->jpeg, &c->from, c->frame, maps, item);
}

/* What is decoded becomes a file cut out of the open one. */
static tn_status cut_out(codec *c)
{
    const tn_jpeg_scan *scan = &c->guide.scan;
    const tn_jpeg_cut cut = tn_jpeg_cut_round(
        c->guide.own.map, scan, tn_jpeg_choice_cut(&c->wanted, scan->mcu_height > DCTSIZE));
    TN_TRY(tn_jpeg_guide_cut(&c->guide, &c->from, cut, &c->data));
    tn_jpeg_choice_move(&c->wanted, &cut);
    c->stage = NOTHING;
    return TN_OK;
}

static tn_status read_pixels(void *self, const tn_box *box, int width, int height, tn_pixels *out)
{
    codec *c = self;
    if (c->suspect && !c->guide.knows) {
        TN_TRY(judge(c));
        c->suspect = false;
    }
    c->wanted = tn_jpeg_choose(c->width, c->height, box, width, height);
    if (c->guide.knows)
        TN_TRY(cut_out(c));
    if (c->stage != HEADER)
        TN_TRY(run(c, step_header));
    TN_TRY(run(c, step_start));
    const tn_jpeg_choice *w = &c->wanted;
    TN_TRY(make_room(c, (size_t)w->rows));
    TN_TRY(run(c, step_rows));
    if (c->jpeg.output_components == 4)
        for (int i = 0; i < w->rows; i++)
            cmyk_to_rgb(c->pixels + (size_t)i * c->stride, w->columns);
    *out = (tn_pixels){.rgb = c->pixels,
                       .stride = c->stride,
                       .width = w->columns,
                       .height = w->rows,
                       .box = {w->box.x - w->left, w->box.y - w->top, w->box.width, w->box.height}};
    return TN_OK;
}

static const tn_codec_parts parts = {.create = create,
                                     .destroy = destroy,
                                     .open = open_file,
                                     .close = close_file,
                                     .read = read_pixels,
                                     .judge = judge,
                                     .remember = remember};

const tn_codec tn_codec_jpeg = {.knows = tn_jpeg_is, .parts = &parts};

#endif
