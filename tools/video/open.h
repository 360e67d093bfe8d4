/*
 * A file, a pipe, a camera or an address, opened: its best video stream and a decoder. Whatever comes from a network has until a
 * deadline for each call, or a camera that is gone would be waited for for ever.
 */
#ifndef VIDEO_OPEN_H
#define VIDEO_OPEN_H

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>

#include "video.h"

typedef struct opened {
    stream *s;
    AVFormatContext *format;
    AVIOContext *pipe; /* stdin */
    AVCodecContext *decoder;
    int index;    /* of the stream in it */
    double until; /* when the call that is under way has taken too long; 0: it may take for ever */
} opened;

/* For its calls from now on. */
void opened_begin(opened *o);
/* 0, or an error of FFmpeg (log_why()). */
int opened_open(opened *o);
void opened_close(opened *o);

#endif
