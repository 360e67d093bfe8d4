/*
 * Simulated cuBLASLt: which products there are, and algorithms for them.
 *
 * The algorithms are in an order that makes a caller choose: the first adds parts of a sum as they come,
 * the second in the type of the result, the third apart and in order, which takes workspace; the fourth
 * has no parts, the fifth also takes addresses that are aligned to no more than an element.
 */
#include <string.h>

#include "sim/cublaslt_sim.h"

enum { MANY = 5, PARTS = 4, ALIGNED = 16 };

cudnnDataType_t tn_lt_type(uint32_t cuda_type)
{
    return cuda_type == CUDA_R_16F    ? CUDNN_DATA_HALF
           : cuda_type == CUDA_R_16BF ? CUDNN_DATA_BFLOAT16
                                      : CUDNN_DATA_FLOAT;
}

/* ---- is there such a product? ------------------------------------------------------------- */

static bool makes_sense(const tn_lt_layout *l)
{
    const bool row = l->order == CUBLASLT_ORDER_ROW;
    const uint64_t inner = row ? l->cols : l->rows;
    return l->rows > 0 && l->cols > 0 && l->batch > 0 && l->pitch > 0 &&
           (uint64_t)l->pitch >= inner && (row || l->order == CUBLASLT_ORDER_COL) && l->step >= 0;
}

/* Rows of "cublasLtMatmul()" in NVIDIA's documentation. */
static bool has_types(const tn_lt_problem *q)
{
    const uint32_t in = q->a->type, out = q->d->type;
    if (q->p->scale != CUDA_R_32F || q->b->type != in || q->c->type != out)
        return false;
    if (q->p->compute == CUBLAS_COMPUTE_32F_FAST_TF32)
        return in == CUDA_R_32F && out == CUDA_R_32F;
    if (q->p->compute != CUBLAS_COMPUTE_32F)
        return false;
    const bool half = in == CUDA_R_16F || in == CUDA_R_16BF;
    return half ? out == in || out == CUDA_R_32F : in == CUDA_R_32F && out == CUDA_R_32F;
}

static bool has_epilogue(const tn_lt_problem *q)
{
    const tn_lt_product *p = q->p;
    const bool own_type = p->bias_type == -1 || (uint32_t)p->bias_type == q->d->type;
    const bool cols = q->d->order == CUBLASLT_ORDER_COL;
    const bool mask = p->aux_pitch > 0 && p->aux_pitch % 128 == 0 && p->aux_pitch >= q->m;
    switch (p->epilogue) {
    case CUBLASLT_EPILOGUE_DEFAULT:
    case CUBLASLT_EPILOGUE_RELU:
        return true;
    case CUBLASLT_EPILOGUE_BIAS:
    case CUBLASLT_EPILOGUE_RELU_BIAS:
    case CUBLASLT_EPILOGUE_BGRADA:
    case CUBLASLT_EPILOGUE_BGRADB:
        return cols && own_type;
    case CUBLASLT_EPILOGUE_RELU_AUX:
    case CUBLASLT_EPILOGUE_RELU_AUX_BIAS:
    case CUBLASLT_EPILOGUE_DRELU:
    case CUBLASLT_EPILOGUE_DRELU_BGRAD:
        return cols && own_type && mask;
    default:
        return false;
    }
}

cublasStatus_t tn_lt_check(const tn_lt_problem *q)
{
    const tn_lt_layout *all[] = {q->a, q->b, q->c, q->d};
    const tn_lt_product *p = q->p;
    for (int i = 0; i < 4; i++)
        if (!makes_sense(all[i]) || all[i]->batch != q->d->batch)
            return CUBLAS_STATUS_INVALID_VALUE;
    const int32_t n = CUBLAS_OP_N, t = CUBLAS_OP_T;
    if ((p->trans_a != n && p->trans_a != t) || (p->trans_b != n && p->trans_b != t))
        return CUBLAS_STATUS_INVALID_VALUE;
    const uint64_t a_k = p->trans_a == t ? q->a->rows : q->a->cols;
    const uint64_t b_k = p->trans_b == t ? q->b->cols : q->b->rows;
    const uint64_t a_m = p->trans_a == t ? q->a->cols : q->a->rows;
    const uint64_t b_n = p->trans_b == t ? q->b->rows : q->b->cols;
    if (a_k != b_k || a_m != q->d->rows || b_n != q->d->cols || q->c->rows != q->d->rows ||
        q->c->cols != q->d->cols)
        return CUBLAS_STATUS_INVALID_VALUE;
    const bool modes = p->trans_c == n && p->fill == CUBLAS_FILL_MODE_FULL &&
                       (p->pointer_mode == CUBLASLT_POINTER_MODE_HOST ||
                        p->pointer_mode == CUBLASLT_POINTER_MODE_DEVICE);
    if (!has_types(q) || !has_epilogue(q) || !modes)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    /* bf16 needs sm_80. */
    return q->a->type == CUDA_R_16BF && tn_sim_set.gpu->major < 8 ? CUBLAS_STATUS_NOT_SUPPORTED
                                                                  : CUBLAS_STATUS_SUCCESS;
}

tn_lt_problem tn_lt_problem_of(cublasLtMatmulDesc_t product, cublasLtMatrixLayout_t a,
                               cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c,
                               cublasLtMatrixLayout_t d)
{
    tn_lt_problem q = {tn_lt_product_of(product),
                       tn_lt_layout_of(a),
                       tn_lt_layout_of(b),
                       tn_lt_layout_of(c),
                       tn_lt_layout_of(d),
                       0,
                       0,
                       0};
    q.m = (int64_t)q.d->rows;
    q.n = (int64_t)q.d->cols;
    q.k = (int64_t)(q.p->trans_a == CUBLAS_OP_T ? q.a->rows : q.a->cols);
    return q;
}

uint32_t tn_lt_form(const tn_lt_problem *q)
{
    const uint32_t parts[] = {(uint32_t)q->p->compute,
                              (uint32_t)q->p->trans_a,
                              (uint32_t)q->p->trans_b,
                              q->p->epilogue,
                              q->a->type,
                              q->d->type,
                              (uint32_t)q->a->order,
                              (uint32_t)q->b->order,
                              (uint32_t)q->d->order,
                              (uint32_t)q->d->batch,
                              (uint32_t)q->m,
                              (uint32_t)q->n,
                              (uint32_t)q->k};
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < TN_SIM_COUNT(parts); i++)
        hash = (hash ^ parts[i]) * 16777619u;
    return hash;
}

/* ---- algorithms --------------------------------------------------------------------------- */

static void offer(const tn_lt_problem *q, tn_lt_algo out[MANY])
{
    const uint64_t sums = (uint64_t)q->m * (uint64_t)q->n * (uint64_t)q->d->batch * 4;
    const tn_lt_algo all[MANY] = {
        {.id = 71, .scheme = CUBLASLT_REDUCTION_SCHEME_INPLACE, .parts = PARTS, .workspace = 1024},
        {.id = 72,
         .scheme = CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE,
         .parts = PARTS,
         .workspace = sums * PARTS},
        {.id = 73,
         .scheme = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE,
         .parts = PARTS,
         .workspace = sums * PARTS},
        {.id = 66, .scheme = CUBLASLT_REDUCTION_SCHEME_NONE, .parts = 1},
        {.id = 0, .scheme = CUBLASLT_REDUCTION_SCHEME_NONE, .parts = 1},
    };
    memcpy(out, all, sizeof all);
}

/* The largest alignment that an address seen beforehand has. */
static uintptr_t alignment_of(const void *p)
{
    return (uintptr_t)p & -(uintptr_t)p;
}

static bool fits(const tn_lt_problem *q, const tn_lt_preference *w, const tn_lt_algo *a)
{
    const bool fast = a->id != 0;
    const bool bias = q->p->epilogue & (CUBLASLT_EPILOGUE_BIAS | CUBLASLT_EPILOGUE_BGRADA |
                                        CUBLASLT_EPILOGUE_BGRADB | TN_LT_BGRAD);
    for (int i = 0; i < 4 && fast; i++)
        if (w->align[i] < ALIGNED)
            return false;
    if (fast && bias && q->p->bias && alignment_of(q->p->bias) < ALIGNED)
        return false;
    return a->workspace <= w->workspace && (a->scheme & w->schemes) == a->scheme;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t product,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int asked,
                                              cublasLtMatmulHeuristicResult_t result[], int *count)
{
    if (tn_sim_enter(__func__, 0))
        return CUBLAS_STATUS_INTERNAL_ERROR;
    if (!tn_lt_handle_of(__func__, handle))
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!product || !a || !b || !c || !d || !preference || asked < 1 || !result || !count)
        return CUBLAS_STATUS_INVALID_VALUE;
    const tn_lt_preference *w = tn_lt_preference_of(preference);
    const tn_lt_problem q = tn_lt_problem_of(product, a, b, c, d);
    *count = 0;
    const cublasStatus_t status = tn_lt_check(&q);
    if (status)
        return status;
    if (tn_sim_refuses_epilogues() && q.p->epilogue != CUBLASLT_EPILOGUE_DEFAULT)
        return CUBLAS_STATUS_NOT_SUPPORTED;
    tn_lt_algo all[MANY];
    offer(&q, all);
    for (int i = 0; i < MANY && *count < asked; i++) {
        if (!fits(&q, w, &all[i]))
            continue;
        for (int k = 0; k < 4; k++)
            all[i].align[k] = (uint16_t)(w->align[k] < 256 ? w->align[k] : 256);
        all[i].form = tn_lt_form(&q);
        cublasLtMatmulHeuristicResult_t *r = &result[(*count)++];
        memset(r, 0, sizeof *r);
        memcpy(&r->algo, &all[i], sizeof all[i]);
        r->workspaceSize = all[i].workspace;
        r->state = CUBLAS_STATUS_SUCCESS;
        r->wavesCount = 1;
    }
    return *count ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t *algo,
                                                    cublasLtMatmulAlgoConfigAttributes_t attribute,
                                                    void *out, size_t bytes, size_t *written)
{
    if (tn_sim_enter(__func__, 0))
        return CUBLAS_STATUS_INTERNAL_ERROR;
    if (!algo || (bytes && !out) || (!bytes && !written))
        return CUBLAS_STATUS_INVALID_VALUE;
    tn_lt_algo a;
    memcpy(&a, algo, sizeof a);
    uint32_t value = 0;
    size_t size = sizeof value;
    switch (attribute) {
    case CUBLASLT_ALGO_CONFIG_ID:
        value = (uint32_t)a.id;
        break;
    case CUBLASLT_ALGO_CONFIG_SPLITK_NUM:
        value = a.parts;
        break;
    case CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME:
        value = a.scheme;
        break;
    case CUBLASLT_ALGO_CONFIG_TILE_ID:
        value = CUBLASLT_MATMUL_TILE_128x128;
        break;
    case CUBLASLT_ALGO_CONFIG_CTA_SWIZZLING:
    case CUBLASLT_ALGO_CONFIG_CUSTOM_OPTION:
    case CUBLASLT_ALGO_CONFIG_STAGES_ID:
        break;
    case CUBLASLT_ALGO_CONFIG_INNER_SHAPE_ID:
    case CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID:
        size = sizeof(uint16_t);
        break;
    default:
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (bytes && bytes != size)
        return CUBLAS_STATUS_INVALID_VALUE;
    if (bytes)
        memcpy(out, &value, size);
    if (written)
        *written = size;
    return CUBLAS_STATUS_SUCCESS;
}
