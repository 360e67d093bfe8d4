#include "backends/cuda/cublaslt/cublaslt.h"

#include <stdio.h>
#include <string.h>

#include "backends/cuda/device/device.h"
#include "backends/cuda/kernels/linear.h"
#include "backends/cuda/linear/linear.h"

struct tn_cublaslt {
    cublasLtHandle_t handle;
};

static tn_status check(const tn_backend_device *d, const tn_node *n, cublasStatus_t s,
                       const char *call)
{
    if (s == CUBLAS_STATUS_SUCCESS)
        return TN_OK;
    const tn_status status = s == CUBLAS_STATUS_ALLOC_FAILED    ? TN_ERR_MEMORY
                             : s == CUBLAS_STATUS_NOT_SUPPORTED ? TN_ERR_UNSUPPORTED
                                                                : TN_ERR_DEVICE;
    return tn_fail(status, "%s%s%s on %s: %.*s: %s", n ? n->op->name : "cuBLASLt", n ? " " : "",
                   n ? n->name : "", d->name, (int)strcspn(call, "("), call,
                   cublasLtGetStatusString(s));
}
#define TN_BLAS(d, n, call) TN_TRY(check((d), (n), (call), #call))

/* ---- the device --------------------------------------------------------------------------- */

tn_status tn_cublaslt_open(tn_backend_device *d)
{
    struct tn_cublaslt *blas = tn_alloc(1, sizeof *blas);
    if (!blas)
        return tn_no_memory(d->name, sizeof *blas);
    d->blas = blas;
    TN_BLAS(d, NULL, cublasLtCreate(&blas->handle));
    return TN_OK;
}

void tn_cublaslt_close(tn_backend_device *d)
{
    if (d->blas && d->blas->handle)
        cublasLtDestroy(d->blas->handle);
    tn_free(d->blas);
    d->blas = NULL;
}

/* What NVIDIA recommends (documentation of cublasSetWorkspace), or half of what there may be. */
size_t tn_cublaslt_most(const tn_backend_device *d)
{
    const size_t wanted = (size_t)(d->gpu.sm >= 90 ? 32 : 4) << 20;
    const size_t half = d->opts.workspace / 2 / TN_CUDA_ALIGN * TN_CUDA_ALIGN;
    return half < wanted ? half : wanted;
}

enum { WORKSPACE_REST = 1 << 16 };

/* Room for sums that are cut into very many parts, and for what is there to go with it: less for small y. */
static size_t workspace_of(const tn_backend_device *d, const tn_gemm_spec *s)
{
    enum { PARTS = 128 };
    const double wanted =
        (double)s->rows * (double)s->cols * (s->batch > 1 ? s->batch : 1) * sizeof(float) * PARTS +
        WORKSPACE_REST;
    const size_t most = tn_cublaslt_most(d);
    return wanted < (double)most ? (size_t)wanted : most;
}

/* ---- what is asked for -------------------------------------------------------------------- */

static cudaDataType type_of(tn_dtype t)
{
    return t == TN_F16 ? CUDA_R_16F : t == TN_BF16 ? CUDA_R_16BF : CUDA_R_32F;
}

static int batch_of(const tn_gemm_spec *s)
{
    return s->batch > 1 ? s->batch : 1;
}

/* Of all that a plan gives a kernel: parameters begin at every 64th number, of which each may have 2 bytes. */
enum { GIVEN_ALIGN = 128 };

/* What every address is a multiple of, of matrices that are `step` elements apart. */
static uint32_t alignment(const tn_gemm_spec *s, size_t align, int64_t step, tn_dtype type)
{
    size_t bytes = align && align < GIVEN_ALIGN ? align : GIVEN_ALIGN;
    while (batch_of(s) > 1 && (size_t)step * tn_dtype_bytes(type) % bytes)
        bytes /= 2;
    return (uint32_t)bytes;
}

/* A matrix of rows x cols as cuBLASLt sees it: the columns are our rows in memory. */
static tn_status make_layout(const tn_backend_device *d, const tn_node *n, const tn_gemm_spec *s,
                             const tn_matrix *x, int64_t rows, int64_t cols, tn_dtype type,
                             cublasLtMatrixLayout_t *out)
{
    const uint64_t height = (uint64_t)(x->transposed ? cols : rows);
    const uint64_t width = (uint64_t)(x->transposed ? rows : cols);
    const int32_t batch = batch_of(s);
    TN_BLAS(d, n, cublasLtMatrixLayoutCreate(out, type_of(type), width, height, x->pitch));
    if (batch == 1)
        return TN_OK;
    TN_BLAS(d, n,
            cublasLtMatrixLayoutSetAttribute(*out, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch,
                                             sizeof batch));
    TN_BLAS(d, n,
            cublasLtMatrixLayoutSetAttribute(*out, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                             &x->step, sizeof x->step));
    return TN_OK;
}

#define SET(attribute, value)                                                                      \
    TN_BLAS(d, n,                                                                                  \
            cublasLtMatmulDescSetAttribute(m->product, CUBLASLT_MATMUL_DESC_##attribute, &(value), \
                                           sizeof(value)))

static tn_status make_product(const tn_backend_device *d, const tn_node *n, tn_gemm *m)
{
    const tn_gemm_spec *s = &m->spec;
    const int32_t turn = CUBLAS_OP_T;
    const cublasComputeType_t compute =
        s->precision == TN_PRECISION_TF32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
    TN_BLAS(d, n, cublasLtMatmulDescCreate(&m->product, compute, CUDA_R_32F));
    if (s->b.transposed)
        SET(TRANSA, turn);
    if (s->a.transposed)
        SET(TRANSB, turn);
    return TN_OK;
}

/* The bias is told beforehand too: its address says how it is aligned. */
static tn_status set_epilogue(const tn_backend_device *d, const tn_node *n, tn_gemm *m)
{
    const tn_gemm_spec *s = &m->spec;
    const cublasLtEpilogue_t none = CUBLASLT_EPILOGUE_DEFAULT;
    const cublasLtEpilogue_t epilogue = s->bias && s->relu ? CUBLASLT_EPILOGUE_RELU_BIAS
                                        : s->bias          ? CUBLASLT_EPILOGUE_BIAS
                                        : s->relu          ? CUBLASLT_EPILOGUE_RELU
                                                           : CUBLASLT_EPILOGUE_DEFAULT;
    if (m->apart) {
        SET(EPILOGUE, none);
        return TN_OK;
    }
    SET(EPILOGUE, epilogue);
    if (!s->bias)
        return TN_OK;
    const void *bias = (const void *)(uintptr_t)alignment(s, 0, s->cols, s->y_type);
    SET(BIAS_POINTER, bias);
    if (batch_of(s) > 1)
        SET(BIAS_BATCH_STRIDE, s->cols);
    return TN_OK;
}
#undef SET

/* ---- parts -------------------------------------------------------------------------------- */

/* The least number of at least `wanted` that divides `depth`, or else the largest below it. */
static int64_t divisor_near(int64_t depth, int64_t wanted)
{
    enum { TOO_MANY = 4 };
    for (int64_t parts = wanted; parts <= TOO_MANY * wanted && parts <= depth; parts++)
        if (depth % parts == 0)
            return parts;
    int64_t parts = wanted;
    while (depth % parts)
        parts--;
    return parts;
}

/*
 * A gradient of weights is small, and each of its numbers a sum over all pixels of all images: of tiles there are
 * so few that most of the device would have nothing to do, and cuBLASLt's heuristics do not always cut the sums
 * (64 x 484 of 33275: two blocks, 5.1 ms on an H100). So such products are made in parts, side by side as a
 * batch in the workspace, and a kernel of ours adds them up, always in the same order.
 */
static void cut_sums(const tn_backend_device *d, tn_gemm *m)
{
    enum { TILE = 128, SHARE = 8, LEAST_DEPTH = 64 };
    tn_gemm_spec *s = &m->spec;
    const int64_t tiles = ((s->rows + TILE - 1) / TILE) * ((s->cols + TILE - 1) / TILE);
    if (!s->a.transposed || s->b.transposed || s->batch > 1 || s->y_type != TN_F32 || s->bias ||
        s->relu || s->y.pitch != s->cols || tiles * SHARE > d->gpu.processors)
        return;
    const double each = (double)s->rows * (double)s->cols * sizeof(float);
    const double room = (double)(tn_cublaslt_most(d) / 2) / each;
    int64_t wanted = d->gpu.processors / tiles;
    wanted = (double)wanted > room ? (int64_t)room : wanted;
    wanted = wanted > s->depth / LEAST_DEPTH ? s->depth / LEAST_DEPTH : wanted;
    if (wanted < 2)
        return;
    const int64_t parts = divisor_near(s->depth, wanted);
    if (parts < 2 || (double)parts > room)
        return;
    m->parts = s->batch = (int)parts;
    s->depth /= parts;
    s->a.step = s->depth * s->a.pitch;
    s->b.step = s->depth * s->b.pitch;
    s->y = (tn_matrix){.pitch = s->cols, .step = s->rows * s->cols};
    tn_cuda_part(&m->parts_bytes, (size_t)(parts * s->y.step) * sizeof(float));
}

static tn_status add_parts(const tn_gemm *m, const tn_call *c, const tn_gemm_args *args)
{
    tn_backend_device *d = c->device;
    struct tnk_sum_parts_args a = {.part = args->workspace,
                                   .y = args->y,
                                   .count = m->spec.y.step,
                                   .parts = m->parts,
                                   .add = args->add};
    TN_CUDA(d, c->node,
            TN_LAUNCH(tnk_sum_parts, tn_cuda_grid(d, a.count), TN_CUDA_BLOCK, 0, d->compute, &a));
    return TN_OK;
}

/* ---- the algorithm ------------------------------------------------------------------------ */

#define SET(attribute, value)                                                                   \
    TN_BLAS(d, n,                                                                               \
            cublasLtMatmulPreferenceSetAttribute(p, CUBLASLT_MATMUL_PREF_##attribute, &(value), \
                                                 sizeof(value)))

static tn_status fill_preference(const tn_backend_device *d, const tn_node *n, const tn_gemm *m,
                                 cublasLtMatmulPreference_t p)
{
    const tn_gemm_spec *s = &m->spec;
    const uint64_t workspace = m->workspace - m->parts_bytes;
    const uint32_t a = alignment(s, s->a.align, s->a.step, s->type);
    const uint32_t b = alignment(s, s->b.align, s->b.step, s->type);
    const uint32_t y = alignment(s, s->y.align, s->y.step, s->y_type);
    /* Or none: the others add parts in y itself, perhaps as they come, or in its type. */
    const uint32_t reduction = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    SET(MAX_WORKSPACE_BYTES, workspace);
    SET(REDUCTION_SCHEME_MASK, reduction);
    SET(MIN_ALIGNMENT_A_BYTES, b);
    SET(MIN_ALIGNMENT_B_BYTES, a);
    SET(MIN_ALIGNMENT_C_BYTES, y);
    SET(MIN_ALIGNMENT_D_BYTES, y);
    return TN_OK;
}
#undef SET

/* *found: false if there is none, which is no error. */
static tn_status ask(const tn_backend_device *d, const tn_node *n, tn_gemm *m,
                     cublasLtMatmulPreference_t p, bool *found)
{
    cublasLtMatmulHeuristicResult_t result = {0};
    int count = 0;
    TN_TRY(set_epilogue(d, n, m));
    const cublasStatus_t s = cublasLtMatmulAlgoGetHeuristic(d->blas->handle, m->product, m->b, m->a,
                                                            m->y, m->y, p, 1, &result, &count);
    *found = s == CUBLAS_STATUS_SUCCESS && count == 1 && result.state == CUBLAS_STATUS_SUCCESS;
    if (*found)
        m->algo = result.algo;
    return s == CUBLAS_STATUS_NOT_SUPPORTED ? TN_OK
                                            : check(d, n, s, "cublasLtMatmulAlgoGetHeuristic");
}

static tn_status choose(const tn_backend_device *d, const tn_node *n, tn_gemm *m,
                        cublasLtMatmulPreference_t p)
{
    const tn_gemm_spec *s = &m->spec;
    bool found;
    TN_TRY(fill_preference(d, n, m, p));
    TN_TRY(ask(d, n, m, p, &found));
    if (!found && (s->bias || s->relu)) {
        m->apart = true;
        TN_TRY(ask(d, n, m, p, &found));
    }
    if (!found)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "%s %s on %s: cublasLt has no product of %lld x %lld (%s) and %lld x %lld "
                       "(sum in f32, result %s) within %zu bytes",
                       n->op->name, n->name, d->name, (long long)s->rows, (long long)s->depth,
                       tn_dtype_name(s->type), (long long)s->depth, (long long)s->cols,
                       tn_dtype_name(s->y_type), m->workspace);
    return TN_OK;
}

static tn_status tell(const tn_backend_device *d, const tn_node *n, tn_gemm *m)
{
    int32_t id = 0, parts = 0;
    uint32_t tile = 0;
    size_t size;
    TN_BLAS(d, n,
            cublasLtMatmulAlgoConfigGetAttribute(&m->algo, CUBLASLT_ALGO_CONFIG_ID, &id, sizeof id,
                                                 &size));
    TN_BLAS(d, n,
            cublasLtMatmulAlgoConfigGetAttribute(&m->algo, CUBLASLT_ALGO_CONFIG_TILE_ID, &tile,
                                                 sizeof tile, &size));
    TN_BLAS(d, n,
            cublasLtMatmulAlgoConfigGetAttribute(&m->algo, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, &parts,
                                                 sizeof parts, &size));
    const int used = snprintf(m->text, sizeof m->text, "cublasLt:%d.%u", (int)id, (unsigned)tile);
    if (parts > 1)
        snprintf(m->text + used, sizeof m->text - (size_t)used, "x%d", (int)parts);
    else if (m->parts)
        snprintf(m->text + used, sizeof m->text - (size_t)used, " in %d", m->parts);
    return TN_OK;
}

static tn_status make(const tn_backend_device *d, const tn_node *n, tn_gemm *m)
{
    const tn_gemm_spec *s = &m->spec;
    cublasLtMatmulPreference_t p = NULL;
    TN_TRY(make_product(d, n, m));
    TN_TRY(make_layout(d, n, s, &s->a, s->rows, s->depth, s->type, &m->a));
    TN_TRY(make_layout(d, n, s, &s->b, s->depth, s->cols, s->type, &m->b));
    TN_TRY(make_layout(d, n, s, &s->y, s->rows, s->cols, s->y_type, &m->y));
    TN_BLAS(d, n, cublasLtMatmulPreferenceCreate(&p));
    const tn_status status = choose(d, n, m, p);
    const cublasStatus_t destroyed = cublasLtMatmulPreferenceDestroy(p);
    TN_TRY(status);
    TN_TRY(check(d, n, destroyed, "cublasLtMatmulPreferenceDestroy"));
    return tell(d, n, m);
}

tn_status tn_gemm_prepare(tn_backend_device *d, const tn_node *n, const tn_gemm_spec *spec,
                          tn_gemm *m)
{
    *m = (tn_gemm){.spec = *spec, .text = "cublasLt"};
    cut_sums(d, m);
    /* Sums that are cut already need no room to be cut further. */
    m->workspace = m->parts ? m->parts_bytes + WORKSPACE_REST : workspace_of(d, spec);
    if (!d->blas)
        return TN_OK;
    TN_TRY(tn_cuda_use(d));
    const tn_status status = make(d, n, m);
    if (status != TN_OK)
        tn_gemm_free(m);
    return status;
}

void tn_gemm_free(tn_gemm *m)
{
    /* Nothing can be done about failures here, nor is anything lost by them. */
    if (m->y)
        cublasLtMatrixLayoutDestroy(m->y);
    if (m->b)
        cublasLtMatrixLayoutDestroy(m->b);
    if (m->a)
        cublasLtMatrixLayoutDestroy(m->a);
    if (m->product)
        cublasLtMatmulDescDestroy(m->product);
    *m = (tn_gemm){0};
}

/* ---- running ------------------------------------------------------------------------------ */

tn_status tn_gemm_run(tn_gemm *m, const tn_call *c, const tn_gemm_args *args)
{
    static const float zero = 0, one = 1; /* read when called */
    const tn_gemm_spec *s = &m->spec;
    tn_backend_device *d = c->device;
    if (s->bias && !m->apart)
        TN_BLAS(d, c->node,
                cublasLtMatmulDescSetAttribute(m->product, CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                                               &args->bias, sizeof args->bias));
    void *y = m->parts ? args->workspace : args->y;
    TN_BLAS(d, c->node,
            cublasLtMatmul(d->blas->handle, m->product, &one, args->b, m->b, args->a, m->a,
                           args->add && !m->parts ? &one : &zero, y, m->y, y, m->y, &m->algo,
                           tn_cuda_at(args->workspace, m->parts_bytes),
                           m->workspace - m->parts_bytes, d->compute));
    if (m->parts)
        return add_parts(m, c, args);
    if (!m->apart)
        return TN_OK;
    return tn_cuda_bias_relu(c, s->y_type, args->y, s->bias ? args->bias : NULL, NULL, s->rows,
                             batch_of(s) * s->cols, s->relu);
}
