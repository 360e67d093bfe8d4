/*
 * WebP by libwebp, lossy and lossless; of an animation the first frame, on a canvas that is black where
 * it does not reach. Alpha is left out.
 */
#ifdef TN_HAVE_WEBP

#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

#include "base/base.h"
#include "data/codec.h"
#include "data/exif.h"

static bool knows(const uint8_t *bytes, size_t size)
{
    return size >= 12 && memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WEBP", 4) == 0;
}

static tn_status ends_early(const tn_encoded *from)
{
    return tn_fail(TN_ERR_FORMAT, "%s: the WebP data end early: %zu bytes are not all of it",
                   from->name, from->size);
}

static tn_status open_chunks(const tn_encoded *from, WebPDemuxer **out)
{
    const WebPData data = {from->bytes, from->size};
    WebPDemuxState state;
    *out = WebPDemuxPartial(&data, &state);
    if (*out && state == WEBP_DEMUX_DONE)
        return TN_OK;
    WebPDemuxDelete(*out);
    *out = NULL;
    if (state == WEBP_DEMUX_PARSE_ERROR)
        return tn_fail(TN_ERR_FORMAT, "%s: broken WebP: its chunks make no picture", from->name);
    return ends_early(from);
}

static int orientation_of(const WebPDemuxer *chunks)
{
    WebPChunkIterator chunk;
    int found = 0;
    if (WebPDemuxGetChunk(chunks, "EXIF", 1, &chunk)) {
        found = tn_exif_orientation(chunk.chunk.bytes, chunk.chunk.size);
        WebPDemuxReleaseChunkIterator(&chunk);
    }
    if (!found && WebPDemuxGetChunk(chunks, "XMP ", 1, &chunk)) {
        found = tn_xmp_orientation(chunk.chunk.bytes, chunk.chunk.size);
        WebPDemuxReleaseChunkIterator(&chunk);
    }
    return found ? found : 1;
}

static tn_status open_source(const tn_encoded *from, tn_stored *out)
{
    WebPDemuxer *chunks;
    TN_TRY(open_chunks(from, &chunks));
    *out = (tn_stored){.width = (int)WebPDemuxGetI(chunks, WEBP_FF_CANVAS_WIDTH),
                       .height = (int)WebPDemuxGetI(chunks, WEBP_FF_CANVAS_HEIGHT),
                       .orientation = orientation_of(chunks)};
    WebPDemuxDelete(chunks);
    return TN_OK;
}

static tn_status fail(const tn_encoded *from, VP8StatusCode code)
{
    if (code == VP8_STATUS_OUT_OF_MEMORY)
        return tn_no_memory(from->name, from->size);
    if (code == VP8_STATUS_NOT_ENOUGH_DATA || code == VP8_STATUS_SUSPENDED)
        return ends_early(from);
    return tn_fail(TN_ERR_FORMAT, "%s: broken WebP: %s", from->name,
                   code == VP8_STATUS_UNSUPPORTED_FEATURE ? "a feature that libwebp does not have"
                                                          : "its data make no picture");
}

static tn_status decode_frame(const tn_encoded *from, const WebPIterator *frame,
                              const tn_stored *stored, uint8_t *rgb)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return tn_fail(TN_ERR_FORMAT, "%s: libwebp is not of the version that was built with",
                       from->name);
    const size_t stride = 3 * (size_t)stored->width, all = stride * (size_t)stored->height;
    const size_t at = (size_t)frame->y_offset * stride + 3 * (size_t)frame->x_offset;
    const bool covers = frame->width == stored->width && frame->height == stored->height;
    if (frame->x_offset + frame->width > stored->width ||
        frame->y_offset + frame->height > stored->height)
        return tn_fail(TN_ERR_FORMAT, "%s: broken WebP: a frame overhangs its canvas", from->name);
    if (!covers)
        memset(rgb, 0, all);
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = rgb + at;
    config.output.u.RGBA.stride = (int)stride;
    config.output.u.RGBA.size = all - at;
    const VP8StatusCode code = WebPDecode(frame->fragment.bytes, frame->fragment.size, &config);
    return code == VP8_STATUS_OK ? TN_OK : fail(from, code);
}

static tn_status decode(const tn_encoded *from, const tn_stored *stored, uint8_t *rgb)
{
    WebPDemuxer *chunks;
    WebPIterator frame;
    TN_TRY(open_chunks(from, &chunks));
    tn_status status = TN_OK;
    if (!WebPDemuxGetFrame(chunks, 1, &frame)) {
        status = tn_fail(TN_ERR_FORMAT, "%s: the WebP has no frame", from->name);
    } else {
        status = decode_frame(from, &frame, stored, rgb);
        WebPDemuxReleaseIterator(&frame);
    }
    WebPDemuxDelete(chunks);
    return status;
}

const tn_codec tn_codec_webp = {.knows = knows, .open = open_source, .decode = decode};

#endif
