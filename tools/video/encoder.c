#define _POSIX_C_SOURCE 200809L /* strdup, fsync */

#include "encoder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/progress.h"

static bool is_far(const char *path)
{
    return strstr(path, "://") != NULL;
}

/* Each call to a server has so long. */
static void begin(encoder *e)
{
    e->until = is_far(e->s->path) ? seconds() + e->s->of->q.timeout : 0;
}

static int is_late(void *of)
{
    const encoder *e = of;
    return e->until > 0 && seconds() > e->until;
}

/* ---- the format ------------------------------------------------------------------------------- */

/* What servers of that kind take; NULL: the name says it. */
static const char *format_of(const char *path)
{
    static const char *const known[][2] = {{"rtsp:", "rtsp"},  {"rtmp:", "flv"},
                                           {"udp:", "mpegts"}, {"tcp:", "mpegts"},
                                           {"srt:", "mpegts"}, {"rtp:", "rtp_mpegts"}};
    if (strcmp(path, "-") == 0)
        return "yuv4mpegpipe";
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strncmp(path, known[i][0], strlen(known[i][0])) == 0)
            return known[i][1];
    return NULL;
}

/* Some that can do not say so. */
static bool takes_h264(const AVOutputFormat *format)
{
    static const char *const silent[] = {"mpegts", "rtp_mpegts", "rtsp", "rtp", "hls", "sap"};
    for (size_t i = 0; i < sizeof silent / sizeof silent[0]; i++)
        if (strcmp(format->name, silent[i]) == 0)
            return true;
    return avformat_query_codec(format, AV_CODEC_ID_H264, FF_COMPLIANCE_NORMAL) == 1;
}

static const AVCodec *find_codec(const encoder *e, char name[64])
{
    const char *asked = e->s->of->q.encoder;
    if (!asked && !takes_h264(e->out->oformat))
        return avcodec_find_encoder(e->out->oformat->video_codec);
    asked = asked ? asked : "libx264,preset=veryfast";
    snprintf(name, 64, "%.*s", (int)strcspn(asked, ","), asked);
    return avcodec_find_encoder_by_name(name);
}

int encoder_format(encoder *e, stream *s)
{
    const question *q = &s->of->q;
    char name[64] = "";
    *e = (encoder){.s = s, .packet = av_packet_alloc()};
    const char *path = strcmp(s->path, "-") == 0 ? "pipe:1" : s->path;
    int error = avformat_alloc_output_context2(&e->out, NULL,
                                               q->format ? q->format : format_of(s->path), path);
    if (error < 0)
        return error;
    const AVCodec *codec = find_codec(e, name);
    if (!codec) {
        av_log(NULL, AV_LOG_ERROR, "there is no encoder %s", name);
        return AVERROR_ENCODER_NOT_FOUND;
    }
    e->codec = avcodec_alloc_context3(codec);
    return e->codec && e->packet ? 0 : AVERROR(ENOMEM);
}

enum AVPixelFormat encoder_pixels(const encoder *e, enum AVPixelFormat format)
{
    const AVCodec *c = e->codec->codec;
    const bool usual = c->id == AV_CODEC_ID_H264 || c->id == AV_CODEC_ID_HEVC || !c->pix_fmts;
    for (int i = 0; usual && c->pix_fmts && c->pix_fmts[i] != AV_PIX_FMT_NONE; i++)
        if (c->pix_fmts[i] == AV_PIX_FMT_YUV420P) /* what players can play */
            return AV_PIX_FMT_YUV420P;
    return c->pix_fmts ? avcodec_find_best_pix_fmt_of_list(c->pix_fmts, format, 0, NULL)
                       : AV_PIX_FMT_YUV420P;
}

/* ---- beginning -------------------------------------------------------------------------------- */

/* What times are counted in: some formats have frames at even distances alone, MPEG-4 no finer steps than these. */
static AVRational base_of(const AVCodec *codec, AVRational base, AVRational rate)
{
    enum { MPEG4_STEPS = 65535 };
    const AVRational *even = codec->supported_framerates;
    if (even)
        return av_inv_q(even[av_find_nearest_q_idx(rate, even)]);
    return codec->id == AV_CODEC_ID_MPEG4 && base.den > MPEG4_STEPS ? (AVRational){1, MPEG4_STEPS}
                                                                    : base;
}

static int open_codec(encoder *e, const AVFrame *f, AVRational base, AVRational rate)
{
    AVCodecContext *c = e->codec;
    const video *v = e->s->of;
    const char *asked = v->q.encoder ? v->q.encoder : "libx264,preset=veryfast";
    const char *options = strchr(asked, ',');
    AVDictionary *set = NULL;
    c->width = f->width;
    c->height = f->height;
    c->pix_fmt = f->format;
    c->sample_aspect_ratio = f->sample_aspect_ratio;
    c->color_range = f->color_range;
    c->colorspace = f->colorspace;
    c->color_primaries = f->color_primaries;
    c->color_trc = f->color_trc;
    c->time_base = base_of(c->codec, base, rate);
    c->framerate = rate;
    e->base = base;
    e->last = INT64_MIN;
    c->thread_count = v->cores / v->streams > 1 ? v->cores / v->streams : 1;
    if (e->out->oformat->flags & AVFMT_GLOBALHEADER)
        c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    const bool own = v->q.encoder || strncmp(c->codec->name, "libx264", 7) == 0;
    int error = options && own ? av_dict_parse_string(&set, options + 1, "=", ",", 0) : 0;
    if (error >= 0)
        error = avcodec_open2(c, c->codec, &set);
    const AVDictionaryEntry *left = av_dict_get(set, "", NULL, AV_DICT_IGNORE_SUFFIX);
    if (error >= 0 && left) {
        av_log(NULL, AV_LOG_ERROR, "encoder %s has no option %s", c->codec->name, left->key);
        error = AVERROR_OPTION_NOT_FOUND;
    }
    av_dict_free(&set);
    return error;
}

/* Beside itself until it is complete; what is sent or is several files is at once what it is. */
static int open_file(encoder *e)
{
    const char *path = e->s->path;
    const AVIOInterruptCB late = {is_late, e};
    e->out->interrupt_callback = late;
    if (e->out->oformat->flags & AVFMT_NOFILE)
        return 0;
    if (strcmp(path, "-") == 0 || is_far(path))
        return avio_open2(&e->out->pb, e->out->url, AVIO_FLAG_WRITE, &late, NULL);
    const size_t bytes = strlen(path) + sizeof ".part";
    e->part = malloc(bytes);
    if (!e->part)
        return AVERROR(ENOMEM);
    snprintf(e->part, bytes, "%s.part", path);
    return avio_open2(&e->out->pb, e->part, AVIO_FLAG_WRITE, &late, NULL);
}

int encoder_open(encoder *e, const AVFrame *frame, AVRational base, AVRational rate)
{
    begin(e);
    int error = open_codec(e, frame, base, rate);
    AVStream *st = error < 0 ? NULL : avformat_new_stream(e->out, NULL);
    if (!st)
        return error < 0 ? error : AVERROR(ENOMEM);
    error = avcodec_parameters_from_context(st->codecpar, e->codec);
    st->time_base = e->codec->time_base;
    st->avg_frame_rate = rate;
    if (error >= 0)
        error = open_file(e);
    if (error >= 0)
        error = avformat_write_header(e->out, NULL);
    if (error < 0 && e->part && e->out->pb) /* of nothing */
        unlink(e->part);
    e->begun = error >= 0;
    return error < 0 ? error : 0;
}

/* ---- frames ----------------------------------------------------------------------------------- */

/* Encoders read as much of each frame as the first one had. */
static bool is_another(const AVCodecContext *c, const AVFrame *f)
{
    const bool is = f->width != c->width || f->height != c->height || f->format != c->pix_fmt;
    if (is)
        av_log(NULL, AV_LOG_ERROR, "a frame of %d x %d behind those of %d x %d", f->width,
               f->height, c->width, c->height);
    return is;
}

int encoder_write(encoder *e, AVFrame *frame)
{
    if (frame && is_another(e->codec, frame))
        return AVERROR(EINVAL);
    if (frame) {
        const int64_t pts = av_rescale_q(frame->pts, e->base, e->codec->time_base);
        frame->pts = e->last = pts > e->last ? pts : e->last + 1;
    }
    int error = avcodec_send_frame(e->codec, frame);
    while (error >= 0 && (error = avcodec_receive_packet(e->codec, e->packet)) >= 0) {
        begin(e);
        av_packet_rescale_ts(e->packet, e->codec->time_base, e->out->streams[0]->time_base);
        e->packet->stream_index = 0;
        error = av_interleaved_write_frame(e->out, e->packet);
        if (error >= 0 && e->out->pb && e->out->pb->error < 0)
            error = e->out->pb->error;
    }
    return error == AVERROR(EAGAIN) || error == AVERROR_EOF ? 0 : error;
}

/* ---- the end ---------------------------------------------------------------------------------- */

static int keep(const char *path)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    const int failed = file < 0 || fsync(file) != 0;
    const int why = errno;
    if (file >= 0)
        close(file);
    return failed ? AVERROR(why) : 0;
}

/* What the encoder still has, the trailer, and the file closed: once, whether that can be done or not. */
static int complete(encoder *e)
{
    begin(e);
    e->ended = true;
    int error = encoder_write(e, NULL);
    const int end = av_write_trailer(e->out);
    error = error < 0 ? error : end;
    if (!(e->out->oformat->flags & AVFMT_NOFILE)) {
        const int closed = avio_closep(&e->out->pb);
        error = error < 0 ? error : closed;
    }
    e->whole = error >= 0;
    return error < 0 ? error : 0;
}

int encoder_end(encoder *e)
{
    int error = e->begun ? complete(e) : 0;
    if (error < 0 || !e->begun || !e->part)
        return error;
    error = keep(e->part);
    if (error >= 0 && !e->s->of->q.force && access(e->s->path, F_OK) == 0)
        error = AVERROR(EEXIST);
    if (error >= 0 && rename(e->part, e->s->path) != 0)
        error = AVERROR(errno);
    return error;
}

const char *encoder_leave(encoder *e)
{
    if (e->begun && !e->ended)
        (void)complete(e);
    if (!e->begun || !e->part)
        return "";
    return e->whole ? "; what came before is there as .part, complete"
                    : "; what came before is there as .part, without its end";
}

void encoder_free(encoder *e)
{
    avcodec_free_context(&e->codec);
    if (e->out && !(e->out->oformat->flags & AVFMT_NOFILE))
        avio_closep(&e->out->pb);
    avformat_free_context(e->out);
    av_packet_free(&e->packet);
    free(e->part);
}
