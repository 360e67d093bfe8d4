/*
 * Frames become a file or a stream: an encoder and a muxer. A file is written as PATH.part and has its own name once it is
 * complete.
 */
#ifndef VIDEO_ENCODER_H
#define VIDEO_ENCODER_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "video.h"

typedef struct encoder {
    stream *s;
    AVFormatContext *out;
    AVCodecContext *codec;
    AVPacket *packet;
    AVRational base; /* of the frames that it is given */
    int64_t last;    /* time stamp, in the codec's own */
    char *part;      /* NULL: it is written as what it is called */
    bool begun;      /* it has a header, so a trailer must follow */
    bool ended;      /* that was tried */
    bool whole;      /* and done */
    double until;    /* when a call to a server has taken too long; 0: it may */
} encoder;

/* The format alone: so that what cannot be is said before anything else is done. */
int encoder_format(encoder *e, stream *s);
/* In which form it wants the frames that are in `format`. */
enum AVPixelFormat encoder_pixels(const encoder *e, enum AVPixelFormat format);
/* For frames like this one. */
int encoder_open(encoder *e, const AVFrame *frame, AVRational base, AVRational rate);
int encoder_write(encoder *e, AVFrame *frame); /* NULL: what it still has */
/* Complete, and by its name. */
int encoder_end(encoder *e);
/* Something failed: completes what there is, if it can, and leaves it where it is. Returns what is to be said of that; "". */
const char *encoder_leave(encoder *e);
void encoder_free(encoder *e);

#endif
