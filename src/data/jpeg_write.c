#include "data/jpeg_write.h"

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

#ifdef TN_HAVE_JPEG

enum { FIRST_BYTES = 16384 };

typedef struct writer {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr to;
    jmp_buf failed;
    uint8_t *bytes;
    size_t room;
} writer;

static void on_error(j_common_ptr jpeg)
{
    writer *w = jpeg->client_data;
    longjmp(w->failed, 1);
}

static void on_message(j_common_ptr jpeg, int level)
{
    (void)jpeg;
    (void)level; /* what is written is never wrong: there is nothing to warn of */
}

/* Twice the room; what was written stays. libjpeg calls this when all of it is full. */
static boolean make_room(j_compress_ptr jpeg)
{
    writer *w = jpeg->client_data;
    const size_t room = w->room ? 2 * w->room : FIRST_BYTES;
    uint8_t *bytes = tn_alloc(room, 1);
    if (!bytes)
        ERREXIT1(jpeg, JERR_OUT_OF_MEMORY, 0);
    if (w->room)
        memcpy(bytes, w->bytes, w->room);
    tn_free(w->bytes);
    w->to.next_output_byte = bytes + w->room;
    w->to.free_in_buffer = room - w->room;
    w->bytes = bytes;
    w->room = room;
    return TRUE;
}

static void begin(j_compress_ptr jpeg)
{
    make_room(jpeg);
}

static void end(j_compress_ptr jpeg)
{
    (void)jpeg;
}

static void write_picture(writer *w, const uint8_t *rgb, int width, int height, int quality)
{
    jpeg_create_compress(&w->jpeg);
    w->to = (struct jpeg_destination_mgr){
        .init_destination = begin, .empty_output_buffer = make_room, .term_destination = end};
    w->jpeg.dest = &w->to;
    w->jpeg.image_width = (JDIMENSION)width;
    w->jpeg.image_height = (JDIMENSION)height;
    w->jpeg.input_components = 3;
    w->jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&w->jpeg);
    jpeg_set_quality(&w->jpeg, quality, TRUE);
    w->jpeg.optimize_coding = TRUE;
    jpeg_start_compress(&w->jpeg, TRUE);
    while (w->jpeg.next_scanline < w->jpeg.image_height) {
        /* It reads rows only, but its type for them is not const. */
        JSAMPROW row = (void *)(uintptr_t)(rgb + 3 * (size_t)width * (size_t)w->jpeg.next_scanline);
        jpeg_write_scanlines(&w->jpeg, &row, 1);
    }
    jpeg_finish_compress(&w->jpeg);
}

tn_status tn_jpeg_write(const char *name, const uint8_t *rgb, int width, int height, int quality,
                        tn_jpeg *out)
{
    writer *w = tn_alloc(1, sizeof *w);
    if (!w)
        return tn_no_memory(name, sizeof *w);
    w->jpeg.err = jpeg_std_error(&w->errors);
    w->jpeg.client_data = w;
    w->errors.error_exit = on_error;
    w->errors.emit_message = on_message;
    tn_status status = TN_OK;
    if (setjmp(w->failed) == 0) {
        write_picture(w, rgb, width, height, quality);
        *out = (tn_jpeg){w->bytes, w->room - w->to.free_in_buffer, width, height};
    } else {
        char text[JMSG_LENGTH_MAX];
        w->errors.format_message((j_common_ptr)&w->jpeg, text);
        status = tn_fail(w->errors.msg_code == JERR_OUT_OF_MEMORY ? TN_ERR_MEMORY : TN_ERR_FORMAT,
                         "%s: as a JPEG of %d x %d pixels: %s", name, width, height, text);
        tn_free(w->bytes);
    }
    jpeg_destroy_compress(&w->jpeg);
    tn_free(w);
    return status;
}

#else

tn_status tn_jpeg_write(const char *name, const uint8_t *rgb, int width, int height, int quality,
                        tn_jpeg *out)
{
    (void)rgb;
    (void)quality;
    (void)out;
    return tn_fail(TN_ERR_UNSUPPORTED,
                   "%s: as a JPEG of %d x %d pixels: this build lacks libjpeg-turbo", name, width,
                   height);
}

#endif
