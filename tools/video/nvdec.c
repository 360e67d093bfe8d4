#include "nvdec.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

#include <tenon/status.h>

/* What FFmpeg's header wants of cuda.h, which need not be here. */
#define CUDA_VERSION 0
typedef struct CUctx_st *CUcontext;
typedef struct CUstream_st *CUstream;
#include <libavutil/hwcontext.h>
#include <libavutil/hwcontext_cuda.h>

/* ---- the driver ------------------------------------------------------------------------------- */

/* Of libcuda.so.1, by the names that its header gives them today. */
typedef struct driver {
    int (*init)(unsigned);
    int (*get)(int *, int);
    int (*retain)(CUcontext *, int);
} driver;

static bool find(void *library, const char *name, void *to)
{
    void *const found = dlsym(library, name);
    memcpy(to, &found, sizeof found);
    return found != NULL;
}

/* The context that CUDA's run time uses, and so the device "cuda:N". It stays as long as the program. */
static tn_status primary(int gpu, CUcontext *to)
{
    driver d;
    int device, error;
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return tn_fail(TN_ERR_UNSUPPORTED, "--decode cuda: NVIDIA's driver is not here: %s",
                       dlerror());
    if (!find(library, "cuInit", &d.init) || !find(library, "cuDeviceGet", &d.get) ||
        !find(library, "cuDevicePrimaryCtxRetain", &d.retain))
        return tn_fail(TN_ERR_UNSUPPORTED, "--decode cuda: libcuda.so.1 is none of NVIDIA's");
    if ((error = d.init(0)) != 0 || (error = d.get(&device, gpu)) != 0 ||
        (error = d.retain(to, device)) != 0)
        return tn_fail(TN_ERR_DEVICE, "--decode cuda: GPU %d cannot be used (CUDA's error %d)", gpu,
                       error);
    return TN_OK;
}

tn_status nvdec_open(nvdec *n, int gpu)
{
    CUcontext context = NULL;
    char name[64];
    tn_status status = primary(gpu, &context);
    if (status != TN_OK)
        return status;
    n->device = av_hwdevice_ctx_alloc(AV_HWDEVICE_TYPE_CUDA);
    if (n->device) {
        AVHWDeviceContext *of = (AVHWDeviceContext *)(void *)n->device->data;
        ((AVCUDADeviceContext *)of->hwctx)->cuda_ctx = context;
    }
    if (!n->device || av_hwdevice_ctx_init(n->device) < 0) {
        av_buffer_unref(&n->device);
        return tn_fail(TN_ERR_UNSUPPORTED, "--decode cuda: this FFmpeg cannot use GPU %d", gpu);
    }
    snprintf(name, sizeof name, "cuda:%d,cudnn=off", gpu); /* it computes no net */
    status = tn_device_open(&n->fits, name);
    if (status == TN_OK)
        pthread_mutex_init(&n->lock, NULL);
    else
        av_buffer_unref(&n->device);
    return status;
}

void nvdec_close(nvdec *n)
{
    if (!n->device)
        return;
    tn_device_close(n->fits);
    pthread_mutex_destroy(&n->lock);
    av_buffer_unref(&n->device);
}

/* ---- decoders --------------------------------------------------------------------------------- */

/* On the GPU if the decoder offers that for this stream, else the first form that lies in memory. */
static enum AVPixelFormat choose(AVCodecContext *decoder, const enum AVPixelFormat *offered)
{
    for (const enum AVPixelFormat *f = offered; *f != AV_PIX_FMT_NONE; f++)
        if (*f == AV_PIX_FMT_CUDA)
            return *f;
    return avcodec_default_get_format(decoder, offered);
}

int nvdec_use(AVCodecContext *decoder, nvdec *n)
{
    if (!n->device)
        return 0;
    decoder->hw_device_ctx = av_buffer_ref(n->device);
    decoder->get_format = choose;
    decoder->thread_count = 1; /* the GPU's own affair */
    return decoder->hw_device_ctx ? 0 : AVERROR(ENOMEM);
}

/* ---- frames ----------------------------------------------------------------------------------- */

static enum AVPixelFormat form_of(const AVFrame *f)
{
    return f->format == AV_PIX_FMT_CUDA && f->hw_frames_ctx
               ? ((const AVHWFramesContext *)(void *)f->hw_frames_ctx->data)->sw_format
               : AV_PIX_FMT_NONE;
}

bool nvdec_fits(const AVFrame *frame)
{
    const enum AVPixelFormat form = form_of(frame);
    return form == AV_PIX_FMT_NV12 || form == AV_PIX_FMT_P010 || form == AV_PIX_FMT_P016;
}

/* ITU-T H.273, table 4; what does not say is taken for BT.601, as libswscale does. */
static void weigh(enum AVColorSpace space, tn_image_surface *to)
{
    static const struct {
        enum AVColorSpace space;
        float red, blue;
    } known[] = {{AVCOL_SPC_BT709, 0.2126F, 0.0722F},
                 {AVCOL_SPC_FCC, 0.30F, 0.11F},
                 {AVCOL_SPC_SMPTE240M, 0.212F, 0.087F},
                 {AVCOL_SPC_BT2020_NCL, 0.2627F, 0.0593F},
                 {AVCOL_SPC_BT2020_CL, 0.2627F, 0.0593F}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].space == space) {
            to->red = known[i].red;
            to->blue = known[i].blue;
        }
}

tn_status nvdec_fit(nvdec *n, const AVFrame *f, const tn_fit_opts *opts, uint8_t *rgb)
{
    tn_image_surface s = {.luma = f->data[0],
                          .chroma = f->data[1],
                          .luma_stride = (size_t)f->linesize[0],
                          .chroma_stride = (size_t)f->linesize[1],
                          .width = f->width,
                          .height = f->height,
                          .wide = form_of(f) != AV_PIX_FMT_NV12,
                          .full = f->color_range == AVCOL_RANGE_JPEG};
    weigh(f->colorspace, &s);
    pthread_mutex_lock(&n->lock);
    const tn_status status = tn_image_fit_surface(n->fits, &s, opts, rgb);
    pthread_mutex_unlock(&n->lock);
    return status;
}

int nvdec_fetch(AVFrame *frame)
{
    if (frame->format != AV_PIX_FMT_CUDA)
        return 0;
    AVFrame *host = av_frame_alloc();
    int error = host ? av_hwframe_transfer_data(host, frame, 0) : AVERROR(ENOMEM);
    if (error >= 0)
        error = av_frame_copy_props(host, frame);
    if (error >= 0) {
        av_frame_unref(frame);
        av_frame_move_ref(frame, host);
    }
    av_frame_free(&host);
    return error;
}
