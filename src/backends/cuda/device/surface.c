/*
 * surface: a picture that a video decoder has left in the device's memory, scaled there; what comes to the host is as large as
 * what was asked for. It waits for the stream that the picture is written on, and the host for it.
 */
#include "backends/cuda/kernels/surface.h"

#include <string.h>

#include "backends/cuda/device/device.h"
#include "backends/surface.h"

/* One for all surfaces of a device, as large as any has wanted. */
typedef struct tn_cuda_surface {
    uint8_t *rgb, *pinned;
    size_t bytes;
    cudaEvent_t written;
} tn_cuda_surface;

static void free_room(tn_cuda_surface *s)
{
    if (s->rgb)
        cudaFree(s->rgb);
    if (s->pinned)
        cudaFreeHost(s->pinned);
    s->rgb = s->pinned = NULL;
    s->bytes = 0;
}

/* Nothing can be done about failures here, nor is anything lost by them. */
void tn_cuda_surface_close(tn_backend_device *d)
{
    tn_cuda_surface *s = d->surface;
    if (!s)
        return;
    free_room(s);
    if (s->written)
        cudaEventDestroy(s->written);
    tn_free(s);
    d->surface = NULL;
}

static tn_status make_room(tn_backend_device *d, size_t bytes)
{
    if (!d->surface)
        d->surface = tn_alloc(1, sizeof *d->surface);
    tn_cuda_surface *s = d->surface;
    if (!s)
        return tn_no_memory(d->name, sizeof *s);
    if (!s->written)
        TN_CUDA(d, NULL, cudaEventCreateWithFlags(&s->written, cudaEventDisableTiming));
    if (s->bytes >= bytes)
        return TN_OK;
    free_room(s);
    TN_CUDA(d, NULL, cudaMalloc((void **)&s->rgb, bytes));
    TN_CUDA(d, NULL, cudaMallocHost((void **)&s->pinned, bytes));
    s->bytes = bytes;
    return TN_OK;
}

static struct tnk_window window(double start, double length, int out, int in)
{
    const double ratio = length / out;
    return (struct tnk_window){(float)start, (float)ratio, (float)(ratio > 1 ? ratio : 1), in};
}

/* Y = red R + green G + blue B, and chroma B - Y and R - Y, each over what it is at most. */
static struct tnk_surface_args args_of(const tn_surface_cut *c, uint8_t *rgb)
{
    const tn_image_surface *s = &c->from;
    const double green = 1 - (double)s->red - (double)s->blue;
    const double u = 2 * (1 - (double)s->blue), v = 2 * (1 - (double)s->red);
    return (struct tnk_surface_args){
        .luma = s->luma,
        .chroma = s->chroma,
        .rgb = rgb,
        .count = (int64_t)c->out_width * c->out_height,
        .luma_stride = (int64_t)s->luma_stride,
        .chroma_stride = (int64_t)s->chroma_stride,
        .columns = tnk_divisor_of(c->out_width),
        .across = window(c->x, c->width, c->out_width, s->width),
        .down = window(c->y, c->height, c->out_height, s->height),
        .black = s->full ? 0 : 16,
        .luma_scale = s->full ? 1 : 255.0F / 219,
        .chroma_scale = s->full ? 1 : 255.0F / 224,
        .red_v = (float)v,
        .green_u = (float)(-(double)s->blue * u / green),
        .green_v = (float)(-(double)s->red * v / green),
        .blue_u = (float)u,
        .wide = s->wide,
    };
}

tn_status tn_cuda_surface_fit(tn_backend_device *d, const tn_surface_cut *c, uint8_t *rgb)
{
    const size_t bytes = 3 * (size_t)c->out_width * (size_t)c->out_height;
    TN_TRY(tn_cuda_use(d));
    TN_TRY(make_room(d, bytes));
    const tn_cuda_surface *s = d->surface;
    struct tnk_surface_args a = args_of(c, s->rgb);
    TN_CUDA(d, NULL, cudaEventRecord(s->written, (cudaStream_t)c->from.stream));
    TN_CUDA(d, NULL, cudaStreamWaitEvent(d->compute, s->written, 0));
    TN_CUDA(d, NULL,
            TN_LAUNCH(tnk_surface, tn_cuda_grid(d, a.count), TN_CUDA_BLOCK, 0, d->compute, &a));
    TN_CUDA(d, NULL, cudaMemcpyAsync(s->pinned, s->rgb, bytes, cudaMemcpyDeviceToHost, d->compute));
    TN_TRY(tn_cuda_wait(d));
    memcpy(rgb, s->pinned, bytes);
    return TN_OK;
}
