#include <stdio.h>
#include <string.h>

#include "backends/cuda/cudnn/parts.h"

struct tn_cudnn_kind {
    const char *name;
    cudnnBackendDescriptorType_t type;
    cudnnBackendAttributeName_t slot[TN_CUDNN_SLOTS]; /* of its tensors; 0 ends them */
    /* Sets the rest. */
    void (*detail)(tn_cudnn_maker *m, cudnnBackendDescriptor_t to, const tn_cudnn_op *op);
};

/* ---- convolutions ------------------------------------------------------------------------- */

/* The attributes that each of the three passes has under a name of its own. */
typedef struct conv_names {
    cudnnBackendAttributeName_t window, alpha, beta;
} conv_names;

static void convolve(tn_cudnn_maker *m, cudnnBackendDescriptor_t to, const tn_cudnn_op *op,
                     conv_names name)
{
    const cudnnDataType_t compute = CUDNN_DATA_FLOAT;
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    const tn_cudnn_window *w = &op->window;
    const float one = 1, kept = op->adds ? 1 : 0;
    cudnnBackendDescriptor_t c = tn_cudnn_make(m, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    tn_cudnn_set_number(m, c, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2);
    tn_cudnn_set(m, c, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &compute);
    tn_cudnn_set(m, c, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    tn_cudnn_set(m, c, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, w->before);
    tn_cudnn_set(m, c, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, w->after);
    tn_cudnn_set(m, c, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, w->stride);
    tn_cudnn_set(m, c, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, w->dilation);
    tn_cudnn_finalize(m, c);
    tn_cudnn_set_part(m, to, name.window, c);
    tn_cudnn_set(m, to, name.alpha, CUDNN_TYPE_FLOAT, 1, &one);
    tn_cudnn_set(m, to, name.beta, CUDNN_TYPE_FLOAT, 1, &kept);
}

static void detail_conv(tn_cudnn_maker *m, cudnnBackendDescriptor_t to, const tn_cudnn_op *op)
{
    convolve(m, to, op,
             (conv_names){CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
                          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
                          CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA});
}

static void detail_dgrad(tn_cudnn_maker *m, cudnnBackendDescriptor_t to, const tn_cudnn_op *op)
{
    convolve(m, to, op,
             (conv_names){CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
                          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
                          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA});
}

static void detail_wgrad(tn_cudnn_maker *m, cudnnBackendDescriptor_t to, const tn_cudnn_op *op)
{
    convolve(m, to, op,
             (conv_names){CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
                          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
                          CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA});
}

const tn_cudnn_kind tn_cudnn_conv = {
    .name = "conv",
    .type = CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
    .slot = {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
             CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y},
    .detail = detail_conv,
};
const tn_cudnn_kind tn_cudnn_dgrad = {
    .name = "dgrad",
    .type = CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
    .slot = {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
             CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
             CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX},
    .detail = detail_dgrad,
};
const tn_cudnn_kind tn_cudnn_wgrad = {
    .name = "wgrad",
    .type = CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
    .slot = {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
             CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
             CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW},
    .detail = detail_wgrad,
};

/* ---- sums over channels --------------------------------------------------------------------- */

static void detail_sums(tn_cudnn_maker *m, cudnnBackendDescriptor_t to, const tn_cudnn_op *op)
{
    const cudnnDataType_t compute = CUDNN_DATA_FLOAT;
    const cudnnGenStatsMode_t mode = CUDNN_GENSTATS_SUM_SQSUM;
    (void)op;
    tn_cudnn_set(m, to, CUDNN_ATTR_OPERATION_GENSTATS_MODE, CUDNN_TYPE_GENSTATS_MODE, 1, &mode);
    tn_cudnn_set(m, to, CUDNN_ATTR_OPERATION_GENSTATS_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &compute);
}

const tn_cudnn_kind tn_cudnn_sums = {
    .name = "sums",
    .type = CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR,
    .slot = {CUDNN_ATTR_OPERATION_GENSTATS_XDESC, CUDNN_ATTR_OPERATION_GENSTATS_SUMDESC,
             CUDNN_ATTR_OPERATION_GENSTATS_SQSUMDESC},
    .detail = detail_sums,
};

/* ---- element by element ------------------------------------------------------------------- */

static void detail_pointwise(tn_cudnn_maker *m, cudnnBackendDescriptor_t to, const tn_cudnn_op *op)
{
    const cudnnDataType_t compute = CUDNN_DATA_FLOAT;
    const cudnnNanPropagation_t keep = CUDNN_PROPAGATE_NAN;
    const cudnnPointwiseMode_t mode = (cudnnPointwiseMode_t)op->mode;
    cudnnBackendDescriptor_t p = tn_cudnn_make(m, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    tn_cudnn_set(m, p, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
    tn_cudnn_set(m, p, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &compute);
    if (mode == CUDNN_POINTWISE_RELU_FWD) /* else its maximum may lose them */
        tn_cudnn_set(m, p, CUDNN_ATTR_POINTWISE_NAN_PROPAGATION, CUDNN_TYPE_NAN_PROPOGATION, 1,
                     &keep);
    tn_cudnn_finalize(m, p);
    tn_cudnn_set_part(m, to, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, p);
}

const tn_cudnn_kind tn_cudnn_pointwise = {
    .name = "pointwise",
    .type = CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR,
    .slot = {CUDNN_ATTR_OPERATION_POINTWISE_XDESC, CUDNN_ATTR_OPERATION_POINTWISE_BDESC,
             CUDNN_ATTR_OPERATION_POINTWISE_YDESC},
    .detail = detail_pointwise,
};

/* ---- putting one together ----------------------------------------------------------------- */

static int add_tensor(tn_cudnn_graph *g, cudnnDataType_t type, const int64_t dim[4], int64_t pitch)
{
    tn_cudnn_tensor *t = &g->tensor[g->tensors++];
    *t = (tn_cudnn_tensor){.type = type};
    memcpy(t->dim, dim, sizeof t->dim);
    t->stride[1] = 1;
    t->stride[3] = pitch;
    t->stride[2] = dim[3] * t->stride[3];
    t->stride[0] = dim[2] * t->stride[2];
    return g->tensors;
}

cudnnDataType_t tn_cudnn_type(tn_dtype t)
{
    return t == TN_F16 ? CUDNN_DATA_HALF : t == TN_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

int tn_cudnn_add_nhwc(tn_cudnn_graph *g, tn_dtype type, const int64_t dim[4], int64_t pitch)
{
    return add_tensor(g, tn_cudnn_type(type), dim, pitch ? pitch : dim[1]);
}

int tn_cudnn_add_virtual(tn_cudnn_graph *g, const int64_t dim[4])
{
    const int id = add_tensor(g, CUDNN_DATA_FLOAT, dim, dim[1]);
    g->tensor[id - 1].is_virtual = true;
    return id;
}

void tn_cudnn_add(tn_cudnn_graph *g, const tn_cudnn_op *op)
{
    g->op[g->ops++] = *op;
}

/* ---- descriptors of one ------------------------------------------------------------------- */

static cudnnBackendDescriptor_t build_tensor(tn_cudnn_maker *m, const tn_cudnn_tensor *t, int id)
{
    enum { ALIGNMENT = 16 }; /* what all memory of a plan has at least; more engines want it */
    cudnnBackendDescriptor_t d = tn_cudnn_make(m, CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    tn_cudnn_set(m, d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &t->type);
    tn_cudnn_set(m, d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, TN_CUDNN_DIMS, t->dim);
    tn_cudnn_set(m, d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, TN_CUDNN_DIMS, t->stride);
    tn_cudnn_set_number(m, d, CUDNN_ATTR_TENSOR_UNIQUE_ID, id);
    tn_cudnn_set_number(m, d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, ALIGNMENT);
    if (t->is_virtual)
        tn_cudnn_set(m, d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &t->is_virtual);
    if (t->by_value)
        tn_cudnn_set(m, d, CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, 1, &t->by_value);
    tn_cudnn_finalize(m, d);
    return d;
}

cudnnBackendDescriptor_t tn_cudnn_build(tn_cudnn_maker *m, const tn_cudnn_graph *g)
{
    cudnnBackendDescriptor_t tensor[TN_CUDNN_TENSORS], op[TN_CUDNN_OPS];
    for (int i = 0; i < g->tensors; i++)
        tensor[i] = build_tensor(m, &g->tensor[i], i + 1);
    for (int i = 0; i < g->ops; i++) {
        const tn_cudnn_kind *kind = g->op[i].kind;
        op[i] = tn_cudnn_make(m, kind->type);
        for (int s = 0; s < TN_CUDNN_SLOTS && kind->slot[s]; s++)
            if (g->op[i].tensor[s])
                tn_cudnn_set_part(m, op[i], kind->slot[s], tensor[g->op[i].tensor[s] - 1]);
        kind->detail(m, op[i], &g->op[i]);
        tn_cudnn_finalize(m, op[i]);
    }
    cudnnBackendDescriptor_t graph = tn_cudnn_make(m, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    tn_cudnn_set(m, graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, g->ops,
                 op);
    tn_cudnn_finalize(m, graph);
    return graph;
}

/* ---- text of one -------------------------------------------------------------------------- */

typedef struct writer {
    char *text;
    size_t size, used;
} writer;

static void put(writer *w, const char *before, const int64_t *numbers, int count)
{
    w->used += (size_t)snprintf(w->text + w->used, w->size - w->used, "%s", before);
    for (int i = 0; i < count; i++)
        w->used +=
            (size_t)snprintf(w->text + w->used, w->size - w->used, " %lld", (long long)numbers[i]);
}

static void put_op(writer *w, const tn_cudnn_op *op)
{
    const int64_t mode = op->mode;
    put(w, "\nop ", NULL, 0);
    put(w, op->kind->name, &mode, 1);
    put(w, " of", NULL, 0);
    for (int s = 0; s < TN_CUDNN_SLOTS && op->kind->slot[s]; s++)
        put(w, "", &(int64_t){op->tensor[s]}, 1);
    put(w, " size", op->window.size, 2);
    put(w, " stride", op->window.stride, 2);
    put(w, " before", op->window.before, 2);
    put(w, " after", op->window.after, 2);
    put(w, " dilation", op->window.dilation, 2);
    if (op->adds)
        put(w, " adds", NULL, 0);
}

char *tn_cudnn_text(const tn_cudnn_graph *g)
{
    enum { TENSOR = 256, OP = 560 }; /* the most that a line takes */
    writer w = {.size = (size_t)(TN_CUDNN_TENSORS * TENSOR + TN_CUDNN_OPS * OP + 1)};
    w.text = tn_alloc(w.size, 1);
    if (!w.text)
        return NULL;
    for (int i = 0; i < g->tensors; i++) {
        const tn_cudnn_tensor *t = &g->tensor[i];
        const int64_t kind[] = {t->type, t->is_virtual, t->by_value};
        put(&w, i ? "\ntensor" : "tensor", kind, 3);
        put(&w, " dim", t->dim, TN_CUDNN_DIMS);
        put(&w, " stride", t->stride, TN_CUDNN_DIMS);
    }
    for (int i = 0; i < g->ops; i++)
        put_op(&w, &g->op[i]);
    return w.text;
}
