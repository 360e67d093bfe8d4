#define _POSIX_C_SOURCE 200809L /* poll */

#include "open.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#ifdef TN_HAVE_AVDEVICE
#include <libavdevice/avdevice.h>
#endif

#include "../common/progress.h"

static int is_late(void *of)
{
    const opened *o = of;
    return stream_stops(o->s) || (o->until > 0 && seconds() > o->until);
}

void opened_begin(opened *o)
{
    const spec *p = &o->s->spec;
    const bool far = p->live || (strstr(p->url, "://") && strncmp(p->url, "file:", 5) != 0);
    o->until = far ? seconds() + o->s->of->q.timeout : 0;
}

/* ---- stdin ------------------------------------------------------------------------------------ */

/* Waits a moment at a time, so that who asks to end is heard. */
static int read_pipe(void *of, uint8_t *to, int size)
{
    const opened *o = of;
    for (;;) {
        struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
        if (stream_stops(o->s))
            return AVERROR_EXIT;
        if (poll(&in, 1, 100) <= 0)
            continue;
        const ssize_t got = read(STDIN_FILENO, to, (size_t)size);
        if (got > 0)
            return (int)got;
        if (got == 0)
            return AVERROR_EOF;
        if (errno != EINTR && errno != EAGAIN)
            return AVERROR(errno);
    }
}

static int open_pipe(opened *o)
{
    enum { BYTES = 1 << 16 };
    uint8_t *buffer = av_malloc(BYTES);
    o->pipe = buffer ? avio_alloc_context(buffer, BYTES, 0, o, read_pipe, NULL, NULL) : NULL;
    if (!o->pipe) {
        av_free(buffer);
        return AVERROR(ENOMEM);
    }
    o->format->pb = o->pipe;
    return 0;
}

/* ---- opening ---------------------------------------------------------------------------------- */

static int options_of(const spec *p, AVDictionary **to)
{
    return p->options ? av_dict_parse_string(to, p->options, "=", "\n", 0) : 0;
}

/* An option that nobody took is a mistake of who asked for it. */
static int left_over(const AVDictionary *options)
{
    const AVDictionaryEntry *e = av_dict_get(options, "", NULL, AV_DICT_IGNORE_SUFFIX);
    if (!e)
        return 0;
    av_log(NULL, AV_LOG_ERROR, "there is no option av.%s of this input", e->key);
    return AVERROR_OPTION_NOT_FOUND;
}

static int open_format(opened *o)
{
    const spec *p = &o->s->spec;
    const AVInputFormat *kind = NULL;
    const char *url = p->url;
    AVDictionary *options = NULL;
    o->format = avformat_alloc_context();
    if (!o->format)
        return AVERROR(ENOMEM);
    o->format->interrupt_callback = (AVIOInterruptCB){is_late, o};
    if (p->live) /* what is looked at to know what it is comes late */
        o->format->max_analyze_duration = AV_TIME_BASE;
    int error = options_of(p, &options);
    if (error >= 0 && strcmp(url, "-") == 0) {
        error = open_pipe(o);
        url = "";
    } else if (strncmp(url, "v4l2:", 5) == 0) {
#ifdef TN_HAVE_AVDEVICE
        avdevice_register_all();
#endif
        kind = av_find_input_format("v4l2");
        url += 5;
        o->format->flags |= AVFMT_FLAG_NONBLOCK;
        if (!kind) {
            av_log(NULL, AV_LOG_ERROR, "this build has no cameras (libavdevice)");
            error = AVERROR_DEMUXER_NOT_FOUND;
        }
    }
    if (error >= 0)
        error = avformat_open_input(&o->format, url, kind, &options); /* frees it if it fails */
    if (error >= 0)
        error = left_over(options);
    av_dict_free(&options);
    return error;
}

/* Of files several frames are decoded at once, if there are cores for it; that would make a live one late. */
static void choose_threads(opened *o)
{
    const video *v = o->s->of;
    const int each = v->cores / v->streams;
    o->decoder->thread_count = each < 1 ? 1 : each > 4 ? 4 : each;
    o->decoder->thread_type = o->s->spec.live ? FF_THREAD_SLICE : FF_THREAD_FRAME | FF_THREAD_SLICE;
}

/* Where each picture stands by itself one that is damaged can be left out. Of others frames say what had to be made up, and to be
 * stricter would leave out what can well be seen. */
static void choose_strictness(opened *o)
{
    const AVCodecDescriptor *d = avcodec_descriptor_get(o->decoder->codec_id);
    if (d && (d->props & AV_CODEC_PROP_INTRA_ONLY))
        o->decoder->err_recognition |= AV_EF_CRCCHECK | AV_EF_EXPLODE;
}

static int open_decoder(opened *o)
{
    const AVCodec *codec = NULL;
    opened_begin(o);
    int error = avformat_find_stream_info(o->format, NULL);
    if (error < 0)
        return error;
    o->index = av_find_best_stream(o->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (o->index < 0) {
        av_log(NULL, AV_LOG_ERROR, "there is no video in it that could be decoded");
        return o->index;
    }
    for (unsigned i = 0; i < o->format->nb_streams; i++)
        if ((int)i != o->index)
            o->format->streams[i]->discard = AVDISCARD_ALL;
    o->decoder = avcodec_alloc_context3(codec);
    if (!o->decoder)
        return AVERROR(ENOMEM);
    const AVStream *st = o->format->streams[o->index];
    error = avcodec_parameters_to_context(o->decoder, st->codecpar);
    o->decoder->pkt_timebase = st->time_base;
    choose_threads(o);
    choose_strictness(o);
    if (error >= 0)
        error = nvdec_use(o->decoder, &o->s->of->nvdec);
    return error < 0 ? error : avcodec_open2(o->decoder, codec, NULL);
}

int opened_open(opened *o)
{
    opened_begin(o);
    const int error = open_format(o);
    return error < 0 ? error : open_decoder(o);
}

void opened_close(opened *o)
{
    avcodec_free_context(&o->decoder);
    opened_begin(o); /* saying good-bye to a server takes time, too */
    avformat_close_input(&o->format);
    if (o->pipe)
        av_freep(&o->pipe->buffer);
    avio_context_free(&o->pipe);
}
