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

AVBufferRef *nvdec_open(int gpu)
{
    CUcontext context = NULL;
    if (primary(gpu, &context) != TN_OK)
        return NULL;
    AVBufferRef *device = av_hwdevice_ctx_alloc(AV_HWDEVICE_TYPE_CUDA);
    if (device) {
        AVHWDeviceContext *of = (AVHWDeviceContext *)(void *)device->data;
        ((AVCUDADeviceContext *)of->hwctx)->cuda_ctx = context;
    }
    if (!device || av_hwdevice_ctx_init(device) < 0) {
        av_buffer_unref(&device);
        (void)tn_fail(TN_ERR_UNSUPPORTED, "--decode cuda: this FFmpeg cannot use GPU %d", gpu);
    }
    return device;
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

int nvdec_use(AVCodecContext *decoder, AVBufferRef *device)
{
    if (!device)
        return 0;
    decoder->hw_device_ctx = av_buffer_ref(device);
    decoder->get_format = choose;
    decoder->thread_count = 1; /* the GPU's own affair */
    return decoder->hw_device_ctx ? 0 : AVERROR(ENOMEM);
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
