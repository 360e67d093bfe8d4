/*
 * Simulated cuBLASLt: handles, descriptors, errors. Values are checked when they are used, sizes at once:
 * so does the real library.
 */
#include <string.h>

#include "sim/cublaslt_sim.h"

#define HANDLE "cuBLASLt handle"
#define PRODUCT "cuBLASLt product"
#define LAYOUT "cuBLASLt layout"
#define PREFERENCE "cuBLASLt preference"

/* ---- fields by attribute ------------------------------------------------------------------ */

typedef struct field {
    int attribute;
    size_t offset, bytes;
} field;

#define FIELD(attribute, type, member)                                      \
    {                                                                       \
        (attribute), offsetof(type, member), sizeof(((type *)NULL)->member) \
    }

static const field product_fields[] = {
    FIELD(CUBLASLT_MATMUL_DESC_COMPUTE_TYPE, tn_lt_product, compute),
    FIELD(CUBLASLT_MATMUL_DESC_SCALE_TYPE, tn_lt_product, scale),
    FIELD(CUBLASLT_MATMUL_DESC_POINTER_MODE, tn_lt_product, pointer_mode),
    FIELD(CUBLASLT_MATMUL_DESC_TRANSA, tn_lt_product, trans_a),
    FIELD(CUBLASLT_MATMUL_DESC_TRANSB, tn_lt_product, trans_b),
    FIELD(CUBLASLT_MATMUL_DESC_TRANSC, tn_lt_product, trans_c),
    FIELD(CUBLASLT_MATMUL_DESC_FILL_MODE, tn_lt_product, fill),
    FIELD(CUBLASLT_MATMUL_DESC_EPILOGUE, tn_lt_product, epilogue),
    FIELD(CUBLASLT_MATMUL_DESC_BIAS_POINTER, tn_lt_product, bias),
    FIELD(CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, tn_lt_product, bias_step),
    FIELD(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, tn_lt_product, bias_type),
    FIELD(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, tn_lt_product, aux),
    FIELD(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, tn_lt_product, aux_pitch),
    FIELD(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_BATCH_STRIDE, tn_lt_product, aux_step),
    FIELD(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE, tn_lt_product, aux_type),
    FIELD(CUBLASLT_MATMUL_DESC_SM_COUNT_TARGET, tn_lt_product, processors),
};

static const field layout_fields[] = {
    FIELD(CUBLASLT_MATRIX_LAYOUT_TYPE, tn_lt_layout, type),
    FIELD(CUBLASLT_MATRIX_LAYOUT_ORDER, tn_lt_layout, order),
    FIELD(CUBLASLT_MATRIX_LAYOUT_ROWS, tn_lt_layout, rows),
    FIELD(CUBLASLT_MATRIX_LAYOUT_COLS, tn_lt_layout, cols),
    FIELD(CUBLASLT_MATRIX_LAYOUT_LD, tn_lt_layout, pitch),
    FIELD(CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, tn_lt_layout, batch),
    FIELD(CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, tn_lt_layout, step),
};

static const field preference_fields[] = {
    FIELD(CUBLASLT_MATMUL_PREF_SEARCH_MODE, tn_lt_preference, search),
    FIELD(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, tn_lt_preference, workspace),
    FIELD(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, tn_lt_preference, schemes),
    FIELD(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, tn_lt_preference, align[0]),
    FIELD(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, tn_lt_preference, align[1]),
    FIELD(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, tn_lt_preference, align[2]),
    FIELD(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, tn_lt_preference, align[3]),
    FIELD(CUBLASLT_MATMUL_PREF_MAX_WAVES_COUNT, tn_lt_preference, waves),
    FIELD(CUBLASLT_MATMUL_PREF_IMPL_MASK, tn_lt_preference, kinds),
};

static cublasStatus_t set(const char *kind, void *object, const field *f, size_t count,
                          int attribute, const void *value, size_t bytes)
{
    if (!object || !value)
        return CUBLAS_STATUS_INVALID_VALUE;
    tn_sim_check_alive(kind, object);
    for (size_t i = 0; i < count; i++)
        if (f[i].attribute == attribute && f[i].bytes == bytes) {
            memcpy((char *)object + f[i].offset, value, bytes);
            return CUBLAS_STATUS_SUCCESS;
        }
    return CUBLAS_STATUS_INVALID_VALUE;
}

static cublasStatus_t made(const char *kind, void *object, void *out)
{
    tn_sim_born(kind, object);
    memcpy(out, &object, sizeof object);
    return CUBLAS_STATUS_SUCCESS;
}

/* The object's memory stays, so that a use of it is seen. */
static cublasStatus_t destroy(const char *kind, const void *object, bool fails)
{
    if (object)
        tn_sim_died(kind, object);
    return fails ? CUBLAS_STATUS_INTERNAL_ERROR : CUBLAS_STATUS_SUCCESS;
}

static const void *alive(const char *kind, const void *object)
{
    if (object)
        tn_sim_check_alive(kind, object);
    return object;
}

/* ---- handles ------------------------------------------------------------------------------ */

cublasStatus_t cublasLtCreate(cublasLtHandle_t *out)
{
    if (tn_sim_enter(__func__, 0))
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!out)
        return CUBLAS_STATUS_INVALID_VALUE;
    struct cublasLtContext *h = tn_sim_new(1, sizeof *h);
    h->device = tn_sim_device();
    return made(HANDLE, h, out);
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle)
{
    const bool fails = tn_sim_enter(__func__, 0);
    return handle ? destroy(HANDLE, handle, fails) : CUBLAS_STATUS_INVALID_VALUE;
}

const struct cublasLtContext *tn_lt_handle_of(const char *function, cublasLtHandle_t handle)
{
    const struct cublasLtContext *h = alive(HANDLE, handle);
    if (h && h->device != tn_sim_device())
        tn_sim_break("device", "%s: the cuBLASLt handle was made on device %d, the thread is on %d",
                     function, h->device, tn_sim_device());
    return h;
}

/* 12.0.0 if it is made to fail: a version that is too old. */
size_t cublasLtGetVersion(void)
{
    return tn_sim_enter(__func__, 0) ? 120000 : CUBLAS_VERSION;
}

/* ---- descriptors -------------------------------------------------------------------------- */

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *out, cublasComputeType_t compute,
                                        cudaDataType_t scale)
{
    if (tn_sim_enter(__func__, 0))
        return CUBLAS_STATUS_ALLOC_FAILED;
    if (!out)
        return CUBLAS_STATUS_INVALID_VALUE;
    tn_lt_product *p = tn_sim_new(1, sizeof *p);
    *p = (tn_lt_product){.compute = compute,
                         .scale = (int32_t)scale,
                         .epilogue = CUBLASLT_EPILOGUE_DEFAULT,
                         .fill = CUBLAS_FILL_MODE_FULL,
                         .bias_type = -1,
                         .aux_type = -1};
    return made(PRODUCT, p, out);
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t x,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              const void *value, size_t bytes)
{
    if (tn_sim_enter(__func__, 0))
        return CUBLAS_STATUS_INTERNAL_ERROR;
    return set(PRODUCT, x, product_fields, TN_SIM_COUNT(product_fields), attribute, value, bytes);
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t x)
{
    return destroy(PRODUCT, x, tn_sim_enter(__func__, 0));
}

const tn_lt_product *tn_lt_product_of(cublasLtMatmulDesc_t x)
{
    return alive(PRODUCT, x);
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *out, cudaDataType type,
                                          uint64_t rows, uint64_t cols, int64_t pitch)
{
    if (tn_sim_enter(__func__, 0))
        return CUBLAS_STATUS_ALLOC_FAILED;
    if (!out)
        return CUBLAS_STATUS_INVALID_VALUE;
    tn_lt_layout *l = tn_sim_new(1, sizeof *l);
    *l = (tn_lt_layout){.type = (uint32_t)type,
                        .order = CUBLASLT_ORDER_COL,
                        .batch = 1,
                        .rows = rows,
                        .cols = cols,
                        .pitch = pitch};
    return made(LAYOUT, l, out);
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t x,
                                                cublasLtMatrixLayoutAttribute_t attribute,
                                                const void *value, size_t bytes)
{
    if (tn_sim_enter(__func__, 0))
        return CUBLAS_STATUS_INTERNAL_ERROR;
    return set(LAYOUT, x, layout_fields, TN_SIM_COUNT(layout_fields), attribute, value, bytes);
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t x)
{
    return destroy(LAYOUT, x, tn_sim_enter(__func__, 0));
}

const tn_lt_layout *tn_lt_layout_of(cublasLtMatrixLayout_t x)
{
    return alive(LAYOUT, x);
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *out)
{
    if (tn_sim_enter(__func__, 0))
        return CUBLAS_STATUS_ALLOC_FAILED;
    if (!out)
        return CUBLAS_STATUS_INVALID_VALUE;
    tn_lt_preference *p = tn_sim_new(1, sizeof *p);
    *p = (tn_lt_preference){.schemes = CUBLASLT_REDUCTION_SCHEME_MASK,
                            .align = {256, 256, 256, 256},
                            .kinds = UINT64_MAX};
    return made(PREFERENCE, p, out);
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t x,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void *value, size_t bytes)
{
    if (tn_sim_enter(__func__, 0))
        return CUBLAS_STATUS_INTERNAL_ERROR;
    return set(PREFERENCE, x, preference_fields, TN_SIM_COUNT(preference_fields), attribute, value,
               bytes);
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t x)
{
    return destroy(PREFERENCE, x, tn_sim_enter(__func__, 0));
}

const tn_lt_preference *tn_lt_preference_of(cublasLtMatmulPreference_t x)
{
    return alive(PREFERENCE, x);
}

/* ---- errors ------------------------------------------------------------------------------- */

static const struct error {
    cublasStatus_t status;
    const char *name, *text;
} errors[] = {
#define ERROR(status, text)   \
    {                         \
        status, #status, text \
    }
    ERROR(CUBLAS_STATUS_SUCCESS, "success"),
    ERROR(CUBLAS_STATUS_NOT_INITIALIZED, "the library was not initialized"),
    ERROR(CUBLAS_STATUS_ALLOC_FAILED, "the resource allocation failed"),
    ERROR(CUBLAS_STATUS_INVALID_VALUE,
          "an unsupported value or parameter was passed to the function"),
    ERROR(CUBLAS_STATUS_ARCH_MISMATCH, "the device has an invalid compute capability"),
    ERROR(CUBLAS_STATUS_EXECUTION_FAILED, "the function failed to launch on the GPU"),
    ERROR(CUBLAS_STATUS_INTERNAL_ERROR, "an internal operation failed"),
    ERROR(CUBLAS_STATUS_NOT_SUPPORTED, "the requested functionality is not supported"),
#undef ERROR
};

static const struct error *find_error(cublasStatus_t status)
{
    static const struct error other = {CUBLAS_STATUS_SUCCESS, "unrecognized status",
                                       "unrecognized status"};
    for (size_t i = 0; i < TN_SIM_COUNT(errors); i++)
        if (errors[i].status == status)
            return &errors[i];
    return &other;
}

const char *cublasLtGetStatusName(cublasStatus_t status)
{
    return find_error(status)->name;
}

const char *cublasLtGetStatusString(cublasStatus_t status)
{
    return find_error(status)->text;
}
