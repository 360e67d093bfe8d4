/*
 * cuDNN's functions, passed on to libcudnn.so.9. The compiler checks the list against cudnn.h: each line
 * defines a function that is declared there.
 */
#include <cudnn.h>
#include <pthread.h>

#include "backends/cuda/libraries/libraries.h"
#include "backends/cuda/libraries/open.h"

/* clang-format off */
#define FUNCTIONS(X) \
    X(size_t, cudnnGetVersion, (void), ()) \
    X(size_t, cudnnGetCudartVersion, (void), ()) \
    X(const char *, cudnnGetErrorString, (cudnnStatus_t status), (status)) \
    X(cudnnStatus_t, cudnnCreate, (cudnnHandle_t *handle), (handle)) \
    X(cudnnStatus_t, cudnnDestroy, (cudnnHandle_t handle), (handle)) \
    X(cudnnStatus_t, cudnnSetStream, (cudnnHandle_t handle, cudaStream_t stream), (handle, stream)) \
    X(cudnnStatus_t, cudnnBackendCreateDescriptor, \
      (cudnnBackendDescriptorType_t type, cudnnBackendDescriptor_t *d), (type, d)) \
    X(cudnnStatus_t, cudnnBackendDestroyDescriptor, (cudnnBackendDescriptor_t d), (d)) \
    X(cudnnStatus_t, cudnnBackendFinalize, (cudnnBackendDescriptor_t d), (d)) \
    X(cudnnStatus_t, cudnnBackendSetAttribute, \
      (cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, \
       int64_t count, const void *elements), (d, name, type, count, elements)) \
    X(cudnnStatus_t, cudnnBackendGetAttribute, \
      (const cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name, \
       cudnnBackendAttributeType_t type, int64_t asked, int64_t *count, void *elements), \
      (d, name, type, asked, count, elements)) \
    X(cudnnStatus_t, cudnnBackendExecute, \
      (cudnnHandle_t handle, cudnnBackendDescriptor_t plan, cudnnBackendDescriptor_t pack), \
      (handle, plan, pack)) \
    X(cudnnStatus_t, cudnnCreateTensorDescriptor, (cudnnTensorDescriptor_t *d), (d)) \
    X(cudnnStatus_t, cudnnDestroyTensorDescriptor, (cudnnTensorDescriptor_t d), (d)) \
    X(cudnnStatus_t, cudnnSetTensor4dDescriptor, \
      (cudnnTensorDescriptor_t d, cudnnTensorFormat_t format, cudnnDataType_t type, int n, int c, \
       int h, int w), (d, format, type, n, c, h, w)) \
    X(cudnnStatus_t, cudnnSoftmaxForward, \
      (cudnnHandle_t handle, cudnnSoftmaxAlgorithm_t algorithm, cudnnSoftmaxMode_t mode, \
       const void *alpha, const cudnnTensorDescriptor_t x_is, const void *x, const void *beta, \
       const cudnnTensorDescriptor_t y_is, void *y), \
      (handle, algorithm, mode, alpha, x_is, x, beta, y_is, y)) \
    X(cudnnStatus_t, cudnnSoftmaxBackward, \
      (cudnnHandle_t handle, cudnnSoftmaxAlgorithm_t algorithm, cudnnSoftmaxMode_t mode, \
       const void *alpha, const cudnnTensorDescriptor_t y_is, const void *y, \
       const cudnnTensorDescriptor_t dy_is, const void *dy, const void *beta, \
       const cudnnTensorDescriptor_t dx_is, void *dx), \
      (handle, algorithm, mode, alpha, y_is, y, dy_is, dy, beta, dx_is, dx)) \
    X(cudnnStatus_t, cudnnCreateLRNDescriptor, (cudnnLRNDescriptor_t *d), (d)) \
    X(cudnnStatus_t, cudnnDestroyLRNDescriptor, (cudnnLRNDescriptor_t d), (d)) \
    X(cudnnStatus_t, cudnnSetLRNDescriptor, \
      (cudnnLRNDescriptor_t d, unsigned n, double alpha, double beta, double k), \
      (d, n, alpha, beta, k)) \
    X(cudnnStatus_t, cudnnLRNCrossChannelForward, \
      (cudnnHandle_t handle, cudnnLRNDescriptor_t lrn, cudnnLRNMode_t mode, const void *alpha, \
       const cudnnTensorDescriptor_t x_is, const void *x, const void *beta, \
       const cudnnTensorDescriptor_t y_is, void *y), \
      (handle, lrn, mode, alpha, x_is, x, beta, y_is, y)) \
    X(cudnnStatus_t, cudnnLRNCrossChannelBackward, \
      (cudnnHandle_t handle, cudnnLRNDescriptor_t lrn, cudnnLRNMode_t mode, const void *alpha, \
       const cudnnTensorDescriptor_t y_is, const void *y, const cudnnTensorDescriptor_t dy_is, \
       const void *dy, const cudnnTensorDescriptor_t x_is, const void *x, const void *beta, \
       const cudnnTensorDescriptor_t dx_is, void *dx), \
      (handle, lrn, mode, alpha, y_is, y, dy_is, dy, x_is, x, beta, dx_is, dx)) \
    X(cudnnStatus_t, cudnnCreatePoolingDescriptor, (cudnnPoolingDescriptor_t *d), (d)) \
    X(cudnnStatus_t, cudnnDestroyPoolingDescriptor, (cudnnPoolingDescriptor_t d), (d)) \
    X(cudnnStatus_t, cudnnSetPooling2dDescriptor, \
      (cudnnPoolingDescriptor_t d, cudnnPoolingMode_t mode, cudnnNanPropagation_t nan, int r, int s, \
       int pad_h, int pad_w, int stride_h, int stride_w), \
      (d, mode, nan, r, s, pad_h, pad_w, stride_h, stride_w)) \
    X(cudnnStatus_t, cudnnPoolingForward, \
      (cudnnHandle_t handle, const cudnnPoolingDescriptor_t pooling, const void *alpha, \
       const cudnnTensorDescriptor_t x_is, const void *x, const void *beta, \
       const cudnnTensorDescriptor_t y_is, void *y), \
      (handle, pooling, alpha, x_is, x, beta, y_is, y)) \
    X(cudnnStatus_t, cudnnPoolingBackward, \
      (cudnnHandle_t handle, const cudnnPoolingDescriptor_t pooling, const void *alpha, \
       const cudnnTensorDescriptor_t y_is, const void *y, const cudnnTensorDescriptor_t dy_is, \
       const void *dy, const cudnnTensorDescriptor_t x_is, const void *x, const void *beta, \
       const cudnnTensorDescriptor_t dx_is, void *dx), \
      (handle, pooling, alpha, y_is, y, dy_is, dy, x_is, x, beta, dx_is, dx)) \
    X(cudnnStatus_t, cudnnBatchNormalizationForwardTraining, \
      (cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void *alpha, const void *beta, \
       const cudnnTensorDescriptor_t x_is, const void *x, const cudnnTensorDescriptor_t y_is, void *y, \
       const cudnnTensorDescriptor_t channel_is, const void *scale, const void *bias, double factor, \
       void *mean, void *var, double epsilon, void *saved_mean, void *saved_inv), \
      (handle, mode, alpha, beta, x_is, x, y_is, y, channel_is, scale, bias, factor, mean, var, epsilon, \
       saved_mean, saved_inv)) \
    X(cudnnStatus_t, cudnnBatchNormalizationForwardInference, \
      (cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void *alpha, const void *beta, \
       const cudnnTensorDescriptor_t x_is, const void *x, const cudnnTensorDescriptor_t y_is, void *y, \
       const cudnnTensorDescriptor_t channel_is, const void *scale, const void *bias, const void *mean, \
       const void *var, double epsilon), \
      (handle, mode, alpha, beta, x_is, x, y_is, y, channel_is, scale, bias, mean, var, epsilon)) \
    X(cudnnStatus_t, cudnnBatchNormalizationBackward, \
      (cudnnHandle_t handle, cudnnBatchNormMode_t mode, const void *alpha, const void *beta, \
       const void *alpha_of_w, const void *beta_of_w, const cudnnTensorDescriptor_t x_is, const void *x, \
       const cudnnTensorDescriptor_t dy_is, const void *dy, const cudnnTensorDescriptor_t dx_is, \
       void *dx, const cudnnTensorDescriptor_t channel_is, const void *scale, void *dscale, void *dbias, \
       double epsilon, const void *saved_mean, const void *saved_inv), \
      (handle, mode, alpha, beta, alpha_of_w, beta_of_w, x_is, x, dy_is, dy, dx_is, dx, channel_is, scale, \
       dscale, dbias, epsilon, saved_mean, saved_inv))

#define POINTER(type, name, parameters, arguments) type (*name) parameters;
static struct {
    FUNCTIONS(POINTER)
    void (*cudnnGetLastErrorString)(char *message, size_t size);
} cudnn;

#define PASS_ON(type, name, parameters, arguments) type name parameters { return cudnn.name arguments; }
FUNCTIONS(PASS_ON)

void cudnnGetLastErrorString(char *message, size_t size)
{
    cudnn.cudnnGetLastErrorString(message, size);
}

#define ENTRY(type, name, parameters, arguments) {#name, (void (**)(void))(void *)&cudnn.name},
static const tn_library_entry entries[] = {
    FUNCTIONS(ENTRY)
    ENTRY(void, cudnnGetLastErrorString, , )
    {NULL, NULL},
};
/* clang-format on */

static tn_status open_library(void)
{
    const char *const needed = "cuDNN 9.8 to 9.x";
    enum { LEAST = 90800, BEYOND = 100000 };
    TN_TRY(tn_library_open("libcudnn.so.9", needed, entries));
    const size_t version = cudnnGetVersion();
    if (version < LEAST || version >= BEYOND)
        return tn_fail(TN_ERR_DEVICE, "%s is needed, and libcudnn.so.9 is %zu.%zu.%zu", needed,
                       version / 10000, version / 100 % 100, version % 100);
    return TN_OK;
}

tn_status tn_library_cudnn(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static bool ready;
    pthread_mutex_lock(&lock);
    const tn_status status = ready ? TN_OK : open_library();
    ready = status == TN_OK;
    pthread_mutex_unlock(&lock);
    return status;
}
