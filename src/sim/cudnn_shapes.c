/*
 * Simulated cuDNN: whether the tensors of an operation fit together.
 *
 *     convolution  x [N,C,H,W]  w [K,C/G,R,S]  y [N,K,P,Q]
 *                  P = (H + pre + post - dilation (R - 1) - 1) / stride + 1, rounded down
 *     resample     x [N,C,H,W]  y and index [N,C,P,Q], the same with a window and no dilation
 *     pointwise    every input's dimension is the output's, or 1
 *     norm         x, y [N,C,H,W]  all else [1,C,1,1], epsilon and factor one number
 *     sums         x [N,C,H,W]  both sums [1,C,1,1]
 *     reduction    a dimension of y is x's, or 1
 */
#include "sim/cudnn_sim.h"

static const tn_dnn_tensor *tensor(const tn_dnn_program *p, const tn_dnn_op *op, tn_dnn_slot s)
{
    return op->tensor[s] < 0 ? NULL : &p->tensor[op->tensor[s]];
}

static cudnnStatus_t misfit(const tn_dnn_op *op, const char *what, int64_t is, int64_t should)
{
    return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: %s is %lld, not %lld",
                       tn_dnn_type_name(op->kind), what, (long long)is, (long long)should);
}

static cudnnStatus_t lacks(const tn_dnn_op *op, const char *what)
{
    return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: %s is not set", tn_dnn_type_name(op->kind),
                       what);
}

static cudnnStatus_t four(const tn_dnn_program *p, const tn_dnn_op *op)
{
    for (int s = 0; s < TN_DNN_SLOTS; s++)
        if (op->tensor[s] >= 0 && p->tensor[op->tensor[s]].dims != 4)
            return tn_dnn_fail(CUDNN_STATUS_NOT_SUPPORTED_SHAPE,
                               "%s: the simulation knows tensors of 4 dimensions only",
                               tn_dnn_type_name(op->kind));
    return CUDNN_STATUS_SUCCESS;
}

/* The output of a window that slides over `in`, in dimension i of two. */
static int64_t slide(const tn_dnn_op *op, int i, int64_t in, int64_t window)
{
    const int64_t dilation = op->number[TN_DNN_DILATION + i];
    const int64_t extent = dilation ? dilation * (window - 1) + 1 : window;
    const int64_t room = in + op->number[TN_DNN_PRE + i] + op->number[TN_DNN_POST + i] - extent;
    return room < 0 ? 0 : room / op->number[TN_DNN_STRIDE + i] + 1;
}

static cudnnStatus_t check_window(const tn_dnn_op *op)
{
    if (op->number[TN_DNN_SPATIAL] != 2)
        return tn_dnn_fail(CUDNN_STATUS_NOT_SUPPORTED_SHAPE,
                           "%s: the simulation knows 2 spatial dimensions only, not %lld",
                           tn_dnn_type_name(op->kind), (long long)op->number[TN_DNN_SPATIAL]);
    for (int i = 0; i < 2; i++)
        if (op->number[TN_DNN_STRIDE + i] < 1 || op->number[TN_DNN_PRE + i] < 0 ||
            op->number[TN_DNN_POST + i] < 0 || op->number[TN_DNN_DILATION + i] < 0)
            return tn_dnn_fail(
                CUDNN_STATUS_BAD_PARAM, "%s: stride %lld, padding %lld and %lld, dilation %lld",
                tn_dnn_type_name(op->kind), (long long)op->number[TN_DNN_STRIDE + i],
                (long long)op->number[TN_DNN_PRE + i], (long long)op->number[TN_DNN_POST + i],
                (long long)op->number[TN_DNN_DILATION + i]);
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t check_conv(const tn_dnn_program *p, const tn_dnn_op *op)
{
    const int64_t *x = tensor(p, op, TN_DNN_X)->dim, *w = tensor(p, op, TN_DNN_W)->dim;
    const int64_t *y = tensor(p, op, TN_DNN_Y)->dim;
    const cudnnStatus_t status = check_window(op);
    if (status)
        return status;
    if (op->number[TN_DNN_DILATION] < 1 || op->number[TN_DNN_DILATION + 1] < 1)
        return misfit(op, "a dilation", 0, 1);
    if (x[1] % w[1])
        return misfit(op, "what is left of C(x) / C(w)", x[1] % w[1], 0);
    if (w[0] % (x[1] / w[1]))
        return misfit(op, "what is left of K / groups", w[0] % (x[1] / w[1]), 0);
    if (y[0] != x[0])
        return misfit(op, "N of y", y[0], x[0]);
    if (y[1] != w[0])
        return misfit(op, "C of y", y[1], w[0]);
    for (int i = 0; i < 2; i++)
        if (y[2 + i] != slide(op, i, x[2 + i], w[2 + i]))
            return misfit(op, i ? "W of y" : "H of y", y[2 + i], slide(op, i, x[2 + i], w[2 + i]));
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t check_pointwise(const tn_dnn_program *p, const tn_dnn_op *op)
{
    const int64_t mode = op->number[TN_DNN_MODE];
    const bool backward = mode >= 200 && mode < 300;
    const tn_dnn_tensor *out = tensor(p, op, backward ? TN_DNN_DX : TN_DNN_Y);
    if (!out)
        return lacks(op, backward ? "dx" : "y");
    if (backward && !tensor(p, op, TN_DNN_DY))
        return lacks(op, "dy");
    const bool one =
        mode == CUDNN_POINTWISE_SQRT || (mode >= 10 && mode <= 22) || (mode >= 100 && mode < 200);
    if (!backward && !one && !tensor(p, op, TN_DNN_B))
        return lacks(op, "b");
    for (int s = 0; s < TN_DNN_SLOTS; s++) {
        const tn_dnn_tensor *in = tensor(p, op, (tn_dnn_slot)s);
        if (in && in->dims != out->dims)
            return misfit(op, "the number of dimensions of an input", in->dims, out->dims);
        for (int i = 0; in && i < in->dims; i++)
            if (in->dim[i] != out->dim[i] && in->dim[i] != 1)
                return misfit(op, "a dimension of an input", in->dim[i], out->dim[i]);
    }
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t check_reduction(const tn_dnn_program *p, const tn_dnn_op *op)
{
    const tn_dnn_tensor *x = tensor(p, op, TN_DNN_X), *y = tensor(p, op, TN_DNN_Y);
    if (x->dims != y->dims)
        return misfit(op, "the number of dimensions of y", y->dims, x->dims);
    for (int i = 0; i < x->dims; i++)
        if (y->dim[i] != x->dim[i] && y->dim[i] != 1)
            return misfit(op, "a dimension of y", y->dim[i], x->dim[i]);
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t check_resample(const tn_dnn_program *p, const tn_dnn_op *op)
{
    const bool forward = op->kind == CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR;
    const int64_t *x = tensor(p, op, forward ? TN_DNN_X : TN_DNN_DX)->dim;
    const int64_t *y = tensor(p, op, forward ? TN_DNN_Y : TN_DNN_DY)->dim;
    const tn_dnn_tensor *index = tensor(p, op, TN_DNN_INDEX);
    const cudnnStatus_t status = check_window(op);
    if (status)
        return status;
    for (int i = 0; i < 4; i++) {
        const int64_t should =
            i < 2 ? x[i] : slide(op, i - 2, x[i], op->number[TN_DNN_WINDOW + i - 2]);
        if (y[i] != should)
            return misfit(op, "a dimension of y", y[i], should);
        if (index && index->dim[i] != y[i])
            return misfit(op, "a dimension of the index", index->dim[i], y[i]);
    }
    if (index && index->type != CUDNN_DATA_INT8 && index->type != CUDNN_DATA_INT32)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: the index is neither INT8 nor INT32",
                           tn_dnn_type_name(op->kind));
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t check_norm(const tn_dnn_program *p, const tn_dnn_op *op)
{
    const tn_dnn_tensor *x = tensor(p, op, TN_DNN_X);
    for (int s = 0; s < TN_DNN_SLOTS; s++) {
        const tn_dnn_tensor *t = tensor(p, op, (tn_dnn_slot)s);
        const bool one = s == TN_DNN_EPSILON || s == TN_DNN_FACTOR;
        const bool full = s == TN_DNN_X || s == TN_DNN_Y || s == TN_DNN_DX || s == TN_DNN_DY;
        for (int i = 0; t && i < 4; i++) {
            const int64_t should = full || (i == 1 && !one) ? x->dim[i] : 1;
            if (t->dim[i] != should)
                return misfit(op, "a dimension", t->dim[i], should);
        }
    }
    return CUDNN_STATUS_SUCCESS;
}

/* Tensors without which there is no operation. A descriptor cannot lack them, a text can. */
static unsigned needs(cudnnBackendDescriptorType_t kind)
{
    switch (kind) {
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
        return 1u << TN_DNN_X;
    case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR:
        return 1u << TN_DNN_X | 1u << TN_DNN_Y;
    case CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR:
        return 1u << TN_DNN_DX | 1u << TN_DNN_DY;
    case CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR:
        return 1u << TN_DNN_X | 1u << TN_DNN_SUM | 1u << TN_DNN_SQUARES;
    case CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR:
        return 1u << TN_DNN_X | 1u << TN_DNN_Y | 1u << TN_DNN_SCALE | 1u << TN_DNN_BIAS |
               1u << TN_DNN_EPSILON;
    case CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR:
        return 1u << TN_DNN_X | 1u << TN_DNN_DX | 1u << TN_DNN_DY | 1u << TN_DNN_SCALE |
               1u << TN_DNN_MEAN | 1u << TN_DNN_INV | 1u << TN_DNN_DSCALE | 1u << TN_DNN_DBIAS;
    default:
        return 1u << TN_DNN_X | 1u << TN_DNN_W | 1u << TN_DNN_Y;
    }
}

cudnnStatus_t tn_dnn_check_op(const tn_dnn_program *p, const tn_dnn_op *op)
{
    for (int s = 0; s < TN_DNN_SLOTS; s++)
        if (needs(op->kind) >> s & 1 && op->tensor[s] < 0)
            return lacks(op, "a tensor");
    if (op->kind == CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
        return check_pointwise(p, op);
    if (op->kind == CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR)
        return check_reduction(p, op);
    const cudnnStatus_t status = four(p, op);
    if (status)
        return status;
    if (tn_dnn_is_conv(op))
        return check_conv(p, op);
    if (op->kind == CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR ||
        op->kind == CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR ||
        op->kind == CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR)
        return check_norm(p, op);
    return check_resample(p, op);
}
