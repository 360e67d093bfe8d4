/* The thread of a stream that writes: what was answered is drawn on its frames, and they are encoded. */
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/pixdesc.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/whole.h"
#include "encoder.h"
#include "log.h"
#include "overlay.h"

typedef struct writer {
    stream *s;
    overlay overlay;
    encoder encoder;
    AVFrame *frame; /* drawn */
    bool open;      /* the encoder */
    bool failed;
} writer;

/* ---- where to --------------------------------------------------------------------------------- */

/* "{name}" in what was asked for is the stream's name. */
static char *path_of(const stream *s, const char *out)
{
    const char *at = strstr(out, "{name}");
    const size_t bytes = strlen(out) + strlen(s->spec.name) + 1;
    char *path = malloc(bytes);
    if (!path)
        run_fail("no memory for the name of what is written");
    if (!at) {
        if (s->of->streams > 1)
            args_fail("-o %s: is one for %d inputs; with {name} in it each has its own", out,
                      s->of->streams);
        return strcpy(path, out);
    }
    snprintf(path, bytes, "%.*s%s%s", (int)(at - out), out, s->spec.name, at + 6);
    for (char *c = path + (at - out); c < path + (at - out) + strlen(s->spec.name); c++)
        if (*c == '/')
            *c = '-';
    return path;
}

void writer_probe(stream *s)
{
    encoder e;
    s->path = path_of(s, s->of->q.out);
    log_begin();
    const int error = encoder_format(&e, s);
    if (error < 0)
        args_fail("%s: cannot be written: %s", s->path, log_why(error));
    for (const stream *o = s->of->stream; o < s; o++)
        if (strcmp(o->path, s->path) == 0)
            args_fail("-o %s: is %s for two inputs, %s and %s", s->of->q.out, s->path, o->spec.name,
                      s->spec.name);
    if (strcmp(s->path, "-") != 0 && !strstr(s->path, "://") &&
        !(e.out->oformat->flags & AVFMT_NOFILE))
        whole_probe(s->path, s->of->q.force);
    encoder_free(&e);
}

/* ---- frames ----------------------------------------------------------------------------------- */

static void fail(writer *w, const char *what, int error)
{
    stream *s = w->s;
    const char *why = log_why(error); /* before anything else is said */
    stream_fail(s, "%s: %s: %s%s", s->path, what, why, encoder_leave(&w->encoder));
    w->failed = true;
    atomic_store(&s->stop, true);
}

/* What the overlay has made of them so far. */
static void encode(writer *w)
{
    AVFilterContext *from = w->overlay.out;
    int error = 0;
    while (!w->failed && (error = av_buffersink_get_frame(from, w->frame)) >= 0) {
        const AVRational base = av_buffersink_get_time_base(from);
        w->frame->pict_type = AV_PICTURE_TYPE_NONE;
        if (!w->open) {
            error = encoder_open(&w->encoder, w->frame, base, av_buffersink_get_frame_rate(from));
            w->open = true;
        }
        if (error >= 0)
            error = encoder_write(&w->encoder, w->frame);
        if (error < 0)
            fail(w, "cannot be written", error);
        av_frame_unref(w->frame);
    }
    if (!w->failed && error != AVERROR(EAGAIN) && error != AVERROR_EOF)
        fail(w, "what is to be drawn cannot be (--overlay)", error);
}

/* Frames that are still in it. */
static void empty(writer *w)
{
    if (w->overlay.graph && !w->failed && av_buffersrc_add_frame(w->overlay.in, NULL) >= 0)
        encode(w);
}

/* For frames of another size or form it is made again; what is written keeps its own. */
static bool prepare(writer *w, const picture *p)
{
    char tail[128];
    if (overlay_fits(&w->overlay, p->frame, p->turn))
        return true;
    empty(w);
    const AVCodecContext *c = w->encoder.codec;
    if (w->open)
        snprintf(tail, sizeof tail, ",scale=%d:%d,format=%s", c->width, c->height,
                 av_get_pix_fmt_name(c->pix_fmt));
    else
        snprintf(tail, sizeof tail, ",format=%s",
                 av_get_pix_fmt_name(encoder_pixels(&w->encoder, p->frame->format)));
    const int error = overlay_make(&w->overlay, w->s, p->frame, p->turn, tail);
    if (error < 0)
        fail(w, "what is to be drawn cannot be (--overlay)", error);
    return error >= 0;
}

static void take(writer *w, picture *p)
{
    log_begin();
    if (w->failed || !p->frame || !prepare(w, p))
        return;
    const int error = av_buffersrc_add_frame(w->overlay.in, p->frame);
    if (error < 0)
        fail(w, "a frame cannot be drawn on", error);
    else
        encode(w);
}

void *writer_thread(void *of)
{
    writer w = {.s = of, .frame = av_frame_alloc()};
    stream *s = of;
    int error = encoder_format(&w.encoder, s);
    if (error < 0 || !w.frame)
        fail(&w, "cannot be written", w.frame ? error : AVERROR(ENOMEM));
    for (picture *p; (p = queue_wait(&s->out)); picture_free(p))
        take(&w, p);
    empty(&w);
    if (!w.failed && (error = encoder_end(&w.encoder)) < 0)
        fail(&w, "cannot be completed", error);
    overlay_free(&w.overlay);
    encoder_free(&w.encoder);
    av_frame_free(&w.frame);
    return NULL;
}
