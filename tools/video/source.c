/*
 * The thread of a stream: its packets are read and decoded, its frames fitted, and all put into the queue to the net. What is
 * live is opened again when it is lost.
 */
#define _POSIX_C_SOURCE 200809L /* nanosleep */

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "../common/progress.h"
#include "log.h"
#include "open.h"
#include "pixels.h"

typedef struct source {
    opened in;
    stream *s;
    AVPacket *packet;
    AVFrame *frame;
    pixels pixels;
    int64_t number; /* of the next frame */
    int64_t got;    /* frames since it was opened */
    /* In s->base: what time stamps of this opening are moved by, so that they go on; those of the last frame. */
    int64_t moved, last, length;
    double last_came;
    bool damaged; /* a file of which not all could be read */
} source;

static void nap(double s)
{
    nanosleep(&(struct timespec){.tv_sec = (time_t)s, .tv_nsec = (long)(1e9 * (s - floor(s)))},
              NULL);
}

static void bad(source *c)
{
    figures_bad(&c->s->figures);
    c->damaged = true;
}

/* ---- frames ----------------------------------------------------------------------------------- */

/* Time stamps of one stream only grow: those of a file that begins anew, of a source that came back or whose clock was set back, go on
 * behind the last. */
static int64_t stamp(source *c, const AVFrame *f, double now)
{
    stream *s = c->s;
    const AVStream *st = c->in.format->streams[c->in.index];
    const bool known = f->best_effort_timestamp != AV_NOPTS_VALUE;
    int64_t pts = known ? av_rescale_q(f->best_effort_timestamp, st->time_base, s->base)
                        : c->last + c->length - c->moved;
    if (c->number == 0) {
        c->moved = 0;
        pts = known ? pts : 0;
    } else if (c->got == 0) {
        const int64_t gap = s->spec.live ? llrint((now - c->last_came) / av_q2d(s->base)) : 0;
        c->moved = c->last + (gap > c->length ? gap : c->length) - (known ? pts : 0);
        pts = known ? pts : 0;
    }
    pts += c->moved;
    if (c->number > 0 && pts <= c->last) {
        const int64_t second = av_rescale_q(1, (AVRational){1, 1}, s->base);
        const bool back = pts < c->last - second;
        const int64_t next = c->last + (back ? c->length : 1);
        c->moved += back ? next - pts : 0;
        pts = next;
    }
    c->last = pts;
    c->last_came = now;
    return pts;
}

static turn turn_of_frame(source *c, const AVFrame *f)
{
    turn t = {0};
    const AVStream *st = c->in.format->streams[c->in.index];
    const AVFrameSideData *own = av_frame_get_side_data(f, AV_FRAME_DATA_DISPLAYMATRIX);
    const void *matrix =
        own ? own->data : av_stream_get_side_data(st, AV_PKT_DATA_DISPLAYMATRIX, NULL);
    if (matrix && !turn_of(matrix, &t)) {
        if (c->got == 0)
            stream_warn(c->s, "is to be shown askew, which is left undone");
        t = (turn){0};
    }
    return t;
}

/* What it is, and what a picture of it takes while it waits. */
static void introduce(source *c, const AVFrame *f)
{
    stream *s = c->s;
    const video *v = s->of;
    size_t bytes = v->net.row_bytes;
    for (int i = 0; s->path && i < AV_NUM_DATA_POINTERS && f->buf[i]; i++)
        bytes += (size_t)f->buf[i]->size;
    if (atomic_exchange(&s->picture_bytes, bytes) == 0)
        bell_ring(&s->of->bell);
    if (!v->q.quiet)
        stream_warn(s, "%s, %d x %d, %.4g a second%s", c->in.decoder->codec->name, f->width,
                    f->height, av_q2d(s->rate), s->spec.live ? ", live" : "");
}

static picture *picture_of(source *c, AVFrame *f, turn t, double now)
{
    stream *s = c->s;
    picture *p = calloc(1, sizeof *p);
    if (!p) {
        bad(c);
        return NULL;
    }
    const int64_t pts = stamp(c, f, now);
    *p = (picture){
        .number = c->number, .pts = (double)pts * av_q2d(s->base), .came = now, .turn = t};
    if (c->got == 0)
        introduce(c, f);
    if (c->got == 0 && c->number > 0 && s->spec.live)
        figures_again(&s->figures);
    c->number++;
    c->got++;
    if (p->number % s->spec.every == 0) {
        p->row = malloc(s->of->net.row_bytes);
        if (!p->row || !pixels_fit(&c->pixels, f, p->turn, &s->of->net.picture, p->row)) {
            stream_fail(s, "frame %lld: %s", (long long)p->number,
                        p->row ? tn_error() : "no memory");
            bad(c);
            picture_free(p);
            return NULL;
        }
    }
    f->pts = pts;
    if (s->path && !(p->frame = av_frame_clone(f)))
        stream_fail(s, "no memory for frame %lld", (long long)p->number);
    return p;
}

/* What is to be written comes to the host, and what the GPU cannot fit; what nobody asks for stays where it is. */
static bool fetch(const source *c, AVFrame *f, turn t)
{
    const bool asked = c->number % c->s->spec.every == 0;
    const bool turned = t.transpose || t.flip_x || t.flip_y;
    return (!c->s->path && (!asked || (nvdec_fits(f) && !turned))) || nvdec_fetch(f) >= 0;
}

static void take_frame(source *c)
{
    stream *s = c->s;
    AVFrame *f = c->frame;
    const double now = seconds();
    if (f->decode_error_flags || (f->flags & AV_FRAME_FLAG_CORRUPT)) {
        bad(c);
        return;
    }
    figures_frame(&s->figures, now);
    const turn t = turn_of_frame(c, f);
    if (!fetch(c, f, t)) {
        bad(c);
        return;
    }
    picture *p = picture_of(c, f, t, now);
    if (p && !p->row && !p->frame) {
        picture_free(p);
        p = NULL;
    }
    picture *gone = p ? queue_put(&s->in, p) : NULL;
    if (gone && gone != p)
        figures_dropped(&s->figures);
    picture_free(gone);
}

/* All frames that the decoder has; packet NULL: and those that it kept until the end. */
static void decode(source *c, const AVPacket *packet)
{
    int error = avcodec_send_packet(c->in.decoder, packet);
    if (error < 0 && error != AVERROR_EOF)
        bad(c);
    while (!stream_stops(c->s) && (error = avcodec_receive_frame(c->in.decoder, c->frame)) >= 0) {
        take_frame(c);
        av_frame_unref(c->frame);
    }
    if (error < 0 && error != AVERROR(EAGAIN) && error != AVERROR_EOF)
        bad(c);
}

/* ---- packets ---------------------------------------------------------------------------------- */

static void take_packet(source *c)
{
    const AVStream *st = c->in.format->streams[c->in.index];
    if (c->packet->duration > 0)
        c->length = av_rescale_q(c->packet->duration, st->time_base, c->s->base);
    if (c->packet->flags & AV_PKT_FLAG_CORRUPT)
        bad(c);
    else
        decode(c, c->packet);
}

/* What comes of one opening, until it ends. Returns AVERROR_EOF, or what went wrong. */
static int play(source *c)
{
    enum { MOST_WRONG = 32 }; /* in a row */
    int error = 0, wrong = 0;
    while (!stream_stops(c->s) && wrong < MOST_WRONG) {
        if (error != AVERROR(EAGAIN))
            opened_begin(&c->in);
        log_begin();
        error = av_read_frame(c->in.format, c->packet);
        if (error == AVERROR(EAGAIN) && !(c->in.until > 0 && seconds() > c->in.until)) {
            nap(0.005);
            continue;
        }
        if (error == AVERROR_INVALIDDATA) {
            wrong++;
            bad(c);
            continue;
        }
        if (error < 0)
            break;
        wrong = 0;
        if (c->packet->stream_index ==
            c->in.index) /* not all formats leave out what is not wanted */
            take_packet(c);
        av_packet_unref(c->packet);
    }
    /* Some formats call it the end when a file is cut short, and complain. */
    if (error == AVERROR_EOF && log_said())
        bad(c);
    decode(c, NULL);
    if (error == AVERROR_EOF && c->in.format->pb && c->in.format->pb->error < 0)
        error = c->in.format->pb->error;
    return error;
}

/* Time base and rate are those of the first time. */
static void note_times(source *c)
{
    stream *s = c->s;
    AVStream *st = c->in.format->streams[c->in.index];
    if (c->number > 0)
        return;
    s->base = st->time_base;
    s->rate = av_guess_frame_rate(c->in.format, st, NULL);
    if (s->rate.num <= 0 || s->rate.den <= 0)
        s->rate = (AVRational){25, 1};
    c->length = av_rescale_q(1, av_inv_q(s->rate), s->base);
    c->length = c->length > 0 ? c->length : 1;
}

/* Opened once, to the end. */
static int once(source *c)
{
    c->in = (opened){.s = c->s};
    c->got = 0;
    log_begin();
    int error = opened_open(&c->in);
    if (error >= 0) {
        note_times(c);
        error = play(c);
    }
    opened_close(&c->in);
    return error == AVERROR_EXIT ? AVERROR(ETIMEDOUT) : error;
}

/* ---- all of it -------------------------------------------------------------------------------- */

/* 1, 2, 4 ... 30 seconds after the source was lost. False: it is time to give up. */
static bool wait_again(stream *s, int failures, int error)
{
    const int64_t most = s->of->q.retries;
    const double pause = failures < 5 ? (double)(1 << failures) : 30;
    if (most >= 0 && failures >= most)
        return false;
    stream_warn(s, "is lost: %s; again in %g s", log_why(error), pause);
    for (const double until = seconds() + pause; seconds() < until && !stream_stops(s);)
        nap(0.05);
    return !stream_stops(s);
}

static void read_live(source *c)
{
    stream *s = c->s;
    for (int failures = 0;; failures++) {
        const int error = once(c);
        failures = c->got > 0 ? 0 : failures;
        if (stream_stops(s))
            return;
        if (!wait_again(s, failures, error)) {
            /* That a source ends which is not to be waited for is no failure. */
            if (!stream_stops(s) && (error != AVERROR_EOF || c->number == 0))
                stream_fail(s, "is lost: %s", log_why(error));
            return;
        }
    }
}

static void read_file(source *c)
{
    stream *s = c->s;
    int error;
    do
        error = once(c);
    while (s->spec.loop && error == AVERROR_EOF && c->got > 0 && !stream_stops(s));
    if (stream_stops(s))
        return;
    if (error != AVERROR_EOF)
        stream_fail(s, "%s: %s", s->spec.url, log_why(error));
    else if (c->number == 0)
        stream_fail(s, "%s: has no frame that could be decoded", s->spec.url);
    else if (c->damaged)
        stream_fail(s, "%s: is damaged: of it %lld frames could be read", s->spec.url,
                    (long long)c->number);
}

void *source_thread(void *of)
{
    stream *s = of;
    source c = {.s = s,
                .packet = av_packet_alloc(),
                .frame = av_frame_alloc(),
                .pixels = {.nvdec = &s->of->nvdec}};
    if (!c.packet || !c.frame)
        stream_fail(s, "no memory to decode");
    else if (s->spec.live)
        read_live(&c);
    else
        read_file(&c);
    av_packet_free(&c.packet);
    av_frame_free(&c.frame);
    pixels_free(&c.pixels);
    queue_close(&s->in);
    return NULL;
}
