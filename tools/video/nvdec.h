/*
 * Decoding on NVIDIA's GPUs (NVDEC), by FFmpeg's hwaccel, in the context that the rest of the program computes in: one that FFmpeg made
 * for itself would take hundreds of megabytes more. Nothing is linked; the driver is opened when it is asked for.
 */
#ifndef VIDEO_NVDEC_H
#define VIDEO_NVDEC_H

#include <libavcodec/avcodec.h>

/* The device of that number, for all decoders; NULL: there is none, and tn_error() says why. */
AVBufferRef *nvdec_open(int gpu);
/* Before the decoder is opened. What the GPU cannot decode the CPU does. */
int nvdec_use(AVCodecContext *decoder, AVBufferRef *device);
/* A frame that lies on the GPU comes to the host, as NV12 or P010, under the same pointer; others stay. 0 or an error of FFmpeg. */
int nvdec_fetch(AVFrame *frame);

#endif
