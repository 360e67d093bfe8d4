/*
 * cuBLASLt's functions, passed on to the library of the CUDA that this was built with. The compiler checks
 * the list against cublasLt.h: each line defines a function that is declared there.
 */
#include <cublasLt.h>
#include <pthread.h>

#include "backends/cuda/libraries/libraries.h"
#include "backends/cuda/libraries/open.h"

/* clang-format off */
#define FUNCTIONS(X) \
    X(size_t, cublasLtGetVersion, (void), ()) \
    X(const char *, cublasLtGetStatusString, (cublasStatus_t status), (status)) \
    X(cublasStatus_t, cublasLtCreate, (cublasLtHandle_t *handle), (handle)) \
    X(cublasStatus_t, cublasLtDestroy, (cublasLtHandle_t handle), (handle)) \
    X(cublasStatus_t, cublasLtMatmulDescCreate, \
      (cublasLtMatmulDesc_t *d, cublasComputeType_t compute, cudaDataType_t scale), (d, compute, scale)) \
    X(cublasStatus_t, cublasLtMatmulDescDestroy, (cublasLtMatmulDesc_t d), (d)) \
    X(cublasStatus_t, cublasLtMatmulDescSetAttribute, \
      (cublasLtMatmulDesc_t d, cublasLtMatmulDescAttributes_t name, const void *value, size_t size), \
      (d, name, value, size)) \
    X(cublasStatus_t, cublasLtMatrixLayoutCreate, \
      (cublasLtMatrixLayout_t *l, cudaDataType type, uint64_t rows, uint64_t cols, int64_t ld), \
      (l, type, rows, cols, ld)) \
    X(cublasStatus_t, cublasLtMatrixLayoutDestroy, (cublasLtMatrixLayout_t l), (l)) \
    X(cublasStatus_t, cublasLtMatrixLayoutSetAttribute, \
      (cublasLtMatrixLayout_t l, cublasLtMatrixLayoutAttribute_t name, const void *value, size_t size), \
      (l, name, value, size)) \
    X(cublasStatus_t, cublasLtMatmulPreferenceCreate, (cublasLtMatmulPreference_t *p), (p)) \
    X(cublasStatus_t, cublasLtMatmulPreferenceDestroy, (cublasLtMatmulPreference_t p), (p)) \
    X(cublasStatus_t, cublasLtMatmulPreferenceSetAttribute, \
      (cublasLtMatmulPreference_t p, cublasLtMatmulPreferenceAttributes_t name, const void *value, \
       size_t size), (p, name, value, size)) \
    X(cublasStatus_t, cublasLtMatmulAlgoGetHeuristic, \
      (cublasLtHandle_t handle, cublasLtMatmulDesc_t product, cublasLtMatrixLayout_t a, \
       cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d, \
       cublasLtMatmulPreference_t preference, int asked, cublasLtMatmulHeuristicResult_t results[], \
       int *count), (handle, product, a, b, c, d, preference, asked, results, count)) \
    X(cublasStatus_t, cublasLtMatmulAlgoConfigGetAttribute, \
      (const cublasLtMatmulAlgo_t *algo, cublasLtMatmulAlgoConfigAttributes_t name, void *value, \
       size_t size, size_t *written), (algo, name, value, size, written)) \
    X(cublasStatus_t, cublasLtMatmul, \
      (cublasLtHandle_t handle, cublasLtMatmulDesc_t product, const void *alpha, const void *a, \
       cublasLtMatrixLayout_t a_layout, const void *b, cublasLtMatrixLayout_t b_layout, \
       const void *beta, const void *c, cublasLtMatrixLayout_t c_layout, void *d, \
       cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t *algo, void *workspace, \
       size_t bytes, cudaStream_t stream), \
      (handle, product, alpha, a, a_layout, b, b_layout, beta, c, c_layout, d, d_layout, algo, \
       workspace, bytes, stream))

#define POINTER(type, name, parameters, arguments) type (*name) parameters;
static struct {
    FUNCTIONS(POINTER)
} blas;

#define PASS_ON(type, name, parameters, arguments) type name parameters { return blas.name arguments; }
FUNCTIONS(PASS_ON)

#define ENTRY(type, name, parameters, arguments) {#name, (void (**)(void))(void *)&blas.name},
static const tn_library_entry entries[] = {
    FUNCTIONS(ENTRY)
    {NULL, NULL},
};
/* clang-format on */

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

static tn_status open_library(void)
{
#if CUBLAS_VER_MAJOR != CUDART_VERSION / 1000
#error "cublasLt.h and cuda_runtime_api.h are of different versions of CUDA"
#endif
    const char *const needed = "cuBLASLt " TEXT(CUBLAS_VER_MAJOR) ".x";
    TN_TRY(tn_library_open("libcublasLt.so." TEXT(CUBLAS_VER_MAJOR), needed, entries));
    const size_t version = cublasLtGetVersion();
    if (version / 10000 != CUBLAS_VER_MAJOR)
        return tn_fail(TN_ERR_DEVICE,
                       "%s is needed, and libcublasLt.so." TEXT(CUBLAS_VER_MAJOR) " is %zu.%zu.%zu",
                       needed, version / 10000, version / 100 % 100, version % 100);
    return TN_OK;
}

tn_status tn_library_cublaslt(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static bool ready;
    pthread_mutex_lock(&lock);
    const tn_status status = ready ? TN_OK : open_library();
    ready = status == TN_OK;
    pthread_mutex_unlock(&lock);
    return status;
}
