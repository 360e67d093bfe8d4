/*
 * GIF by giflib: the first frame, on a canvas of the picture's size. Where the frame does not reach,
 * there is its transparent colour or, without one, colour 0, as Pillow has it; a frame that overhangs
 * makes the canvas larger. No later frame is decoded.
 *
 * GIF has no checksums. What giflib finds wrong in the frame's codes is an error, and so are data that no
 * pixel takes, and a frame behind which no block begins: something in it has lost its place.
 *   Source: CompuServe, Graphics Interchange Format, version 89a.
 */
#ifdef TN_HAVE_GIF

#include <gif_lib.h>
#include <string.h>

#include "base/base.h"
#include "data/codec.h"

typedef struct reader {
    const tn_encoded *from;
    size_t at;
    bool ran_out;
    GifFileType *gif;
    int transparent; /* index of a colour; -1: none */
} reader;

static bool knows(const uint8_t *bytes, size_t size)
{
    return size >= 6 && (memcmp(bytes, "GIF87a", 6) == 0 || memcmp(bytes, "GIF89a", 6) == 0);
}

static int feed(GifFileType *gif, GifByteType *out, int count)
{
    reader *r = gif->UserData;
    const size_t left = r->from->size - r->at;
    const size_t got = left < (size_t)count ? left : (size_t)count;
    r->ran_out |= got < (size_t)count;
    memcpy(out, r->from->bytes + r->at, got);
    r->at += got;
    return (int)got;
}

static tn_status fail(const reader *r, int error)
{
    const char *reason = GifErrorString(error);
    if (error == D_GIF_ERR_NOT_ENOUGH_MEM)
        return tn_no_memory(r->from->name, r->from->size);
    if (r->ran_out)
        return tn_fail(TN_ERR_FORMAT, "%s: the GIF data end early: %zu bytes are not all of it",
                       r->from->name, r->from->size);
    return tn_fail(TN_ERR_FORMAT, "%s: GIF: %s", r->from->name, reason ? reason : "broken");
}

static tn_status read_extension(reader *r)
{
    GifByteType *block;
    GraphicsControlBlock control;
    int code;
    if (DGifGetExtension(r->gif, &code, &block) != GIF_OK)
        return fail(r, r->gif->Error);
    const bool controls = code == GRAPHICS_EXT_FUNC_CODE && block;
    if (controls && DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
        r->transparent = control.TransparentColor;
    while (block)
        if (DGifGetExtensionNext(r->gif, &block) != GIF_OK)
            return fail(r, r->gif->Error);
    return TN_OK;
}

/* Up to the first frame's data. */
static tn_status begin(reader *r, const tn_encoded *from)
{
    int error = D_GIF_ERR_READ_FAILED;
    *r = (reader){.from = from, .transparent = NO_TRANSPARENT_COLOR};
    r->gif = DGifOpen(r, feed, &error);
    if (!r->gif)
        return fail(r, error);
    for (;;) {
        GifRecordType type;
        if (DGifGetRecordType(r->gif, &type) != GIF_OK)
            return fail(r, r->gif->Error);
        if (type == TERMINATE_RECORD_TYPE)
            return tn_fail(TN_ERR_FORMAT, "%s: the GIF has no frame", from->name);
        if (type == EXTENSION_RECORD_TYPE)
            TN_TRY(read_extension(r));
        if (type == IMAGE_DESC_RECORD_TYPE)
            break;
    }
    if (DGifGetImageDesc(r->gif) != GIF_OK)
        return fail(r, r->gif->Error);
    const GifImageDesc *frame = &r->gif->Image;
    if (frame->Width < 1 || frame->Height < 1)
        return tn_fail(TN_ERR_FORMAT, "%s: a frame of %d x %d pixels", from->name, frame->Width,
                       frame->Height);
    return TN_OK;
}

static void end(reader *r)
{
    int error;
    if (r->gif)
        DGifCloseFile(r->gif, &error);
}

static tn_status open_source(const tn_encoded *from, tn_stored *out)
{
    reader r;
    const tn_status status = begin(&r, from);
    if (status == TN_OK) {
        const GifImageDesc *frame = &r.gif->Image;
        const int right = frame->Left + frame->Width, bottom = frame->Top + frame->Height;
        out->width = right > r.gif->SWidth ? right : r.gif->SWidth;
        out->height = bottom > r.gif->SHeight ? bottom : r.gif->SHeight;
    }
    end(&r);
    return status;
}

/* Without any table of colours an index is a light; beyond a table's end there is black. */
static void look_up(const reader *r, uint8_t colours[256][3])
{
    const ColorMapObject *map = r->gif->Image.ColorMap ? r->gif->Image.ColorMap : r->gif->SColorMap;
    for (int i = 0; i < 256; i++) {
        memset(colours[i], map ? 0 : i, 3);
        if (map && i < map->ColorCount)
            memcpy(colours[i],
                   (uint8_t[]){map->Colors[i].Red, map->Colors[i].Green, map->Colors[i].Blue}, 3);
    }
}

/* Nothing but the code that ends them follows the last pixel's, though in blocks of any size; giflib
 * passes over what does, up to the empty block. And then another block begins, or the file ends. */
static tn_status check_end(const reader *r, size_t last_pixel)
{
    enum { CODES = 16 };
    size_t at = r->at;
    if (at - last_pixel > CODES)
        return tn_fail(TN_ERR_FORMAT, "%s: GIF: more data than there are pixels", r->from->name);
    while (at < r->from->size && r->from->bytes[at] == 0)
        at++;
    if (at < r->from->size && !memchr(",!;", r->from->bytes[at], 3))
        return tn_fail(TN_ERR_FORMAT, "%s: GIF: no block begins behind the frame's data",
                       r->from->name);
    return TN_OK;
}

/* Rows of an interlaced frame come in four turns. */
static int next_row(const GifImageDesc *frame, int y, int *turn)
{
    static const int first[] = {0, 4, 2, 1}, step[] = {8, 8, 4, 2};
    if (!frame->Interlace)
        return y + 1;
    y += step[*turn];
    while (y >= frame->Height && *turn < 3)
        y = first[++*turn];
    return y;
}

static tn_status read_frame(reader *r, const tn_stored *stored, uint8_t (*colours)[3],
                            GifPixelType *line, uint8_t *rgb)
{
    const GifImageDesc *frame = &r->gif->Image;
    const int last = frame->Width - 1;
    size_t last_pixel = 0;
    int turn = 0;
    for (int i = 0, y = 0; i < frame->Height; i++, y = next_row(frame, y, &turn)) {
        if (last > 0 && DGifGetLine(r->gif, line, last) != GIF_OK)
            return fail(r, r->gif->Error);
        last_pixel = r->at;
        if (DGifGetLine(r->gif, line + last, 1) != GIF_OK)
            return fail(r, r->gif->Error);
        uint8_t *out =
            rgb + 3 * ((size_t)(frame->Top + y) * (size_t)stored->width + (size_t)frame->Left);
        for (int x = 0; x < frame->Width; x++)
            memcpy(out + 3 * (size_t)x, colours[line[x]], 3);
    }
    return check_end(r, last_pixel);
}

static tn_status decode(const tn_encoded *from, const tn_stored *stored, uint8_t *rgb)
{
    uint8_t colours[256][3];
    GifPixelType *line = NULL;
    reader r;
    tn_status status = begin(&r, from);
    if (status == TN_OK) {
        line = tn_alloc(1, (size_t)r.gif->Image.Width);
        status = line ? TN_OK : tn_no_memory(from->name, (size_t)r.gif->Image.Width);
    }
    if (status == TN_OK) {
        look_up(&r, colours);
        const uint8_t *around = colours[r.transparent < 0 ? 0 : r.transparent];
        const size_t pixels = (size_t)stored->width * (size_t)stored->height;
        for (size_t i = 0; i < pixels; i++)
            memcpy(rgb + 3 * i, around, 3);
        status = read_frame(&r, stored, colours, line, rgb);
    }
    tn_free(line);
    end(&r);
    return status;
}

const tn_codec tn_codec_gif = {.knows = knows, .open = open_source, .decode = decode};

#endif
