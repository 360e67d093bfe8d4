/*
 * The parts of tenon-video. Each stream has a thread that reads, decodes and fits (source.c), and one that draws and encodes
 * where there is something to be written (writer.c); the program's own thread makes batches of what all streams have, runs the
 * net and tells (batch.c). Between them are queues that are bounded (queue.h):
 *
 *     source --> [in] --> batch, net, answer --> [out] --> writer
 */
#ifndef VIDEO_VIDEO_H
#define VIDEO_VIDEO_H

#include <libavutil/frame.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <tenon/tenon.h>

#include "../common/args.h"
#include "../train/opening.h"
#include "figures.h"
#include "nvdec.h"
#include "queue.h"

enum {
    VIDEO_IN = 4,    /* pictures that wait for the net, at least */
    VIDEO_OUT = 8,   /* pictures that wait to be written, beside those of a batch */
    VIDEO_ROWS = 32, /* a batch of files */
    VIDEO_STREAMS = 256
};

/* What is asked. */
typedef struct question {
    const char *device, *precision, *workspace, *config;
    const char *out, *format, *encoder, *overlay, *json, *decode;
    int64_t batch, threads, top, every, retries;
    double smooth, max_wait, timeout, figures;
    bool force, quiet, trained;
    opening opening;
} question;

/* An input as it was asked for: URL[,every=N][,name=TEXT][,loop][,live][,av.KEY=VALUE]. */
typedef struct spec {
    char *url, *name;
    char *options; /* of FFmpeg, "KEY=VALUE" each, parted by line breaks; NULL: none */
    int64_t every; /* 0: as --every says */
    bool loop;
    bool live; /* it does not wait, and comes back: a camera, the network */
} spec;

/* The model; one thread uses it. */
typedef struct net {
    const char *path;
    tn_picture picture; /* how pixels become a row */
    size_t row_bytes;
    int64_t rows, classes;
    bool shares; /* its output is probabilities already */
    tn_model *model;
    tn_engine *engine; /* or device and plan */
    tn_context *context;
    tn_device *device;
    tn_plan *plan;
    tn_value output;
    uint8_t *in;
    float *out;
    size_t bytes; /* of the plan or context */
} net;

/* How pictures of a stream are to be turned to be upright: transposed, then mirrored. */
typedef struct turn {
    bool transpose, flip_x, flip_y;
} turn;

/* A picture on its way. */
typedef struct picture {
    AVFrame *frame; /* as it was decoded, turned by nobody; NULL: nobody writes it */
    uint8_t *row;   /* what the net takes; NULL: it is not asked of this one */
    int64_t number; /* of the stream's, from 0 */
    double pts;     /* seconds */
    double came;    /* when it was decoded */
    turn turn;      /* of the frame */
} picture;

typedef struct video video;

typedef struct stream {
    video *of;
    spec spec;
    int number;
    queue in, out;
    void **in_item, **out_item;
    pthread_t reader, writer;
    bool reads, writes; /* the threads are there */
    bool ended;         /* all of it was answered */
    char *path;         /* what its writer writes */
    /* Of the first time that it was opened; set before the first picture, then constant. */
    AVRational base, rate;
    atomic_size_t picture_bytes; /* 0: not known yet */
    atomic_bool stop;            /* it is of no use any more: its output failed */
    atomic_bool failed;          /* something of it could not be done: exit status 1 */
    figures figures;
    /* Of answers. */
    float *mean;     /* smoothed */
    double mean_pts; /* when; NAN: nothing is in it */
    char label[256], text[320];
    double share;
} stream;

struct video {
    question q;
    net net;
    stream *stream;
    int streams, cores;
    nvdec nvdec;
    bell bell;
    FILE *json; /* NULL: nobody wants it */
    int64_t batches, batch_rows;
    atomic_bool stop; /* all of it */
    bool failed;      /* something that is of no stream */
};

/* spec.c: the words and the file that name inputs; end the program with status 2 where they cannot be. */
void spec_read(spec *to, const char *word);
int spec_config(const question *q, const arg *options, int count, spec **to, int words);
void spec_names(spec *s, int count);
void spec_free(spec *s);

/* net.c: net_open() ends the program with status 2 if it cannot be. */
void net_open(net *n, const question *q, const char *path, int64_t rows);
tn_status net_run(net *n);
void net_close(net *n);
const char *net_class(const net *n, int64_t index, char text[32]);

/* source.c: the thread that reads. */
void *source_thread(void *of);

/* batch.c: made before there is any thread, as it ends the program if there is no memory. */
typedef struct batch batch;
batch *batch_make(video *v);
void batch_all(batch *b); /* until all streams have ended */
void batch_free(batch *b);

/* answer.c: what the net says of a picture is told, and written to the picture; share: classes numbers, in any form. */
void answer_take(stream *s, picture *p, float *out);
void answer_again(stream *s, picture *p); /* as of the picture before */

/* writer.c: the thread that writes. */
void *writer_thread(void *of);
void writer_probe(stream *s);

void picture_free(picture *p); /* NULL is fine */
/* Is it time to end? By a signal, or because its output failed. */
bool stream_stops(const stream *s);
/* "door: <sentence>" to stderr, and that the program is to end with status 1. */
void stream_fail(stream *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
void stream_warn(const stream *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
