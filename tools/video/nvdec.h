/*
 * Decoding on NVIDIA's GPUs (NVDEC), by FFmpeg's hwaccel, in the context that the rest of the program computes in: one that FFmpeg made
 * for itself would take hundreds of megabytes more. Nothing is linked; the driver is opened when it is asked for. What the net
 * takes of a frame is made where it was decoded; the frame itself comes to the host only if it is to be written.
 */
#ifndef VIDEO_NVDEC_H
#define VIDEO_NVDEC_H

#include <libavcodec/avcodec.h>
#include <pthread.h>

#include <tenon/tenon.h>

/* Of one GPU, for all decoders. */
typedef struct nvdec {
    AVBufferRef *device;  /* FFmpeg's; NULL: the CPU decodes */
    tn_device *fits;      /* Tenon's, one thread's at a time */
    pthread_mutex_t lock; /* for that */
} nvdec;

/* An error says why there is none. */
tn_status nvdec_open(nvdec *n, int gpu);
void nvdec_close(nvdec *n);
/* Before the decoder is opened. What the GPU cannot decode the CPU does. */
int nvdec_use(AVCodecContext *decoder, nvdec *n);
/* Does it lie on the GPU, in a form that nvdec_fit() takes? */
bool nvdec_fits(const AVFrame *frame);
/* rgb: height x width x 3, as of tn_image_fit(), within 1. Any thread. */
tn_status nvdec_fit(nvdec *n, const AVFrame *frame, const tn_fit_opts *opts, uint8_t *rgb);
/* A frame that lies on the GPU comes to the host, as NV12 or P010, under the same pointer; others stay. 0 or an error of FFmpeg. */
int nvdec_fetch(AVFrame *frame);

#endif
