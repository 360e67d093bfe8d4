/*
 * What is drawn on frames before they are encoded: a graph of libavfilter, which the user may say. What was answered is in each
 * frame's metadata, so words change from frame to frame while the graph stays.
 */
#ifndef VIDEO_OVERLAY_H
#define VIDEO_OVERLAY_H

#include <libavfilter/avfilter.h>

#include "video.h"

/* Beside a label and its share, a line at the bottom. */
#define OVERLAY                                                                  \
    "drawtext=font=sans:fontsize=h/18:x=w/40:y=h-th-h/30:fontcolor=white:box=1:" \
    "boxcolor=black@0.55:boxborderw=6:text='%{metadata\\:tenon}'"

typedef struct overlay {
    AVFilterGraph *graph;
    AVFilterContext *in, *out;
    int width, height, format; /* of frames that it is for */
    turn turn;
} overlay;

/* Is it for such frames? */
bool overlay_fits(const overlay *o, const AVFrame *frame, turn t);
/* 0 or an error of FFmpeg. `tail` goes behind what the user says: ",scale=640:480"; may be "". */
int overlay_make(overlay *o, const stream *s, const AVFrame *frame, turn t, const char *tail);
void overlay_free(overlay *o);

#endif
