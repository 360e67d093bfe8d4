/*
 * Simulated cuDNN: tensors and operations become a program when they are finalized.
 */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cudnn_sim.h"

/* ---- tensors ------------------------------------------------------------------------------ */

int64_t tn_dnn_span(const tn_dnn_tensor *t)
{
    int64_t span = 1;
    for (int i = 0; i < t->dims; i++)
        span += (t->dim[i] - 1) * t->stride[i];
    return span;
}

static int64_t copy_numbers(const tn_dnn_contents *c, cudnnBackendAttributeName_t name, int64_t *to)
{
    const tn_dnn_value *v = tn_dnn_value_of(c, name);
    memcpy(to, v->bytes, (size_t)v->count * sizeof *to);
    return v->count;
}

static tn_dnn_tensor tensor_of(const tn_dnn_contents *c)
{
    tn_dnn_tensor t;
    memset(&t, 0, sizeof t); /* the padding too: programs are compared and written */
    t.uid = tn_dnn_number_of(c, CUDNN_ATTR_TENSOR_UNIQUE_ID, 0);
    t.type = (cudnnDataType_t)tn_dnn_number_of(c, CUDNN_ATTR_TENSOR_DATA_TYPE, 0);
    t.dims = (int32_t)copy_numbers(c, CUDNN_ATTR_TENSOR_DIMENSIONS, t.dim);
    copy_numbers(c, CUDNN_ATTR_TENSOR_STRIDES, t.stride);
    t.alignment = tn_dnn_number_of(c, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 0);
    t.is_virtual = tn_dnn_number_of(c, CUDNN_ATTR_TENSOR_IS_VIRTUAL, 0);
    t.by_value = tn_dnn_number_of(c, CUDNN_ATTR_TENSOR_IS_BY_VALUE, 0);
    return t;
}

cudnnStatus_t tn_dnn_finalize_tensor(tn_dnn_contents *c)
{
    const tn_dnn_tensor t = tensor_of(c);
    const size_t size = tn_sim_bytes_of(t.type);
    const tn_dnn_value *strides = tn_dnn_value_of(c, CUDNN_ATTR_TENSOR_STRIDES);
    if (!size)
        return tn_dnn_fail(CUDNN_STATUS_NOT_SUPPORTED_DATA_TYPE,
                           "tensor %lld: the simulation has no data type %d", (long long)t.uid,
                           (int)t.type);
    if (t.dims != strides->count)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "tensor %lld: %d dimensions, %lld strides",
                           (long long)t.uid, (int)t.dims, (long long)strides->count);
    for (int i = 0; i < t.dims; i++)
        if (t.dim[i] < 1 || t.stride[i] < 1)
            return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM,
                               "tensor %lld: dimension %d is %lld, its stride %lld",
                               (long long)t.uid, i, (long long)t.dim[i], (long long)t.stride[i]);
    if (t.alignment < 1 || t.alignment % (int64_t)size || (t.alignment & (t.alignment - 1)))
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "tensor %lld: alignment of %lld bytes",
                           (long long)t.uid, (long long)t.alignment);
    if (t.is_virtual && t.by_value)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "tensor %lld: is virtual and by value",
                           (long long)t.uid);
    return CUDNN_STATUS_SUCCESS;
}

/* Its place in the program, which it is added to; -1 if there is no more room. */
static int32_t tensor_in(tn_dnn_program *p, const tn_dnn_contents *c)
{
    const tn_dnn_tensor t = tensor_of(c);
    for (int32_t i = 0; i < p->tensors; i++)
        if (p->tensor[i].uid == t.uid) {
            /* The real library takes one of the two. */
            if (memcmp(&p->tensor[i], &t, sizeof t))
                tn_sim_break("uid", "two tensors of different shapes have the UID %lld",
                             (long long)t.uid);
            return i;
        }
    if (p->tensors == TN_DNN_TENSORS)
        return -1;
    p->tensor[p->tensors] = t;
    return p->tensors++;
}

/* ---- operations --------------------------------------------------------------------------- */

bool tn_dnn_is_conv(const tn_dnn_op *op)
{
    return op->kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR ||
           op->kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR ||
           op->kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR;
}

unsigned tn_dnn_outputs(cudnnBackendDescriptorType_t kind)
{
    switch (kind) {
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR:
        return 1u << TN_DNN_Y;
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR:
        return 1u << TN_DNN_X;
    case CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR:
        return 1u << TN_DNN_W;
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
        return 1u << TN_DNN_Y | 1u << TN_DNN_DX;
    case CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR:
        return 1u << TN_DNN_Y | 1u << TN_DNN_INDEX;
    case CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR:
        return 1u << TN_DNN_DX;
    case CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR:
        return 1u << TN_DNN_SUM | 1u << TN_DNN_SQUARES;
    case CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR:
        return 1u << TN_DNN_Y | 1u << TN_DNN_MEAN | 1u << TN_DNN_INV | 1u << TN_DNN_MEAN_OUT |
               1u << TN_DNN_VAR_OUT;
    case CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR:
        return 1u << TN_DNN_DX | 1u << TN_DNN_DSCALE | 1u << TN_DNN_DBIAS;
    default:
        return 0;
    }
}

/* Integers, enums and fractions, whole ones, to number[at] and on. */
static cudnnStatus_t place_numbers(const tn_dnn_value *v, int64_t *to)
{
    const size_t size = tn_dnn_element_bytes(v->of->type);
    for (int64_t i = 0; i < v->count; i++)
        if (v->of->type == CUDNN_TYPE_FRACTION) {
            const cudnnFraction_t f = ((const cudnnFraction_t *)v->bytes)[i];
            if (f.denominator < 1 || f.numerator % f.denominator)
                return tn_dnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "%s: %lld/%lld is not whole",
                                   v->of->text, (long long)f.numerator, (long long)f.denominator);
            to[i] = f.numerator / f.denominator;
        } else {
            to[i] = size == 8   ? ((const int64_t *)v->bytes)[i]
                    : size == 4 ? ((const int32_t *)v->bytes)[i]
                                : ((const bool *)v->bytes)[i];
        }
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t place(const tn_dnn_contents *c, tn_dnn_program *p, tn_dnn_op *op)
{
    const int64_t spatial = op->number[TN_DNN_SPATIAL];
    for (const tn_dnn_value *v = c->values; v; v = v->next) {
        cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
        switch (v->of->place) {
        case TN_DNN_TENSOR:
            op->tensor[v->of->at] = tensor_in(p, *(tn_dnn_contents *const *)v->bytes);
            if (op->tensor[v->of->at] < 0)
                status = tn_dnn_fail(CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN,
                                     "the simulation has room for %d tensors", TN_DNN_TENSORS);
            break;
        case TN_DNN_NUMBER:
            if (v->of->most == 3 && spatial && v->count != spatial)
                return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: %lld elements for %lld dimensions",
                                   v->of->text, (long long)v->count, (long long)spatial);
            status = place_numbers(v, op->number + v->of->at);
            break;
        case TN_DNN_REAL:
            op->real[v->of->at] = *(const double *)v->bytes;
            break;
        case TN_DNN_PART:
        case TN_DNN_NOWHERE:
            break;
        }
        if (status)
            return status;
    }
    return CUDNN_STATUS_SUCCESS;
}

/* Adds one operation and its tensors. */
static cudnnStatus_t add(const tn_dnn_contents *c, tn_dnn_program *p)
{
    tn_dnn_op *op = &p->op[p->ops];
    memset(op, 0, sizeof *op);
    op->kind = c->type;
    for (int i = 0; i < TN_DNN_SLOTS; i++)
        op->tensor[i] = -1;
    op->real[TN_DNN_ALPHA] = 1;
    op->real[TN_DNN_BETA] = c->type == CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR;
    op->real[TN_DNN_UPPER_CLIP] = DBL_MAX;
    for (const tn_dnn_value *v = c->values; v; v = v->next)
        if (v->of->place == TN_DNN_PART) {
            const tn_dnn_contents *part = *(tn_dnn_contents *const *)v->bytes;
            const cudnnStatus_t status = place(part, p, op);
            if (status)
                return status;
        }
    const cudnnStatus_t status = place(c, p, op);
    if (status)
        return status;
    p->ops++;
    return tn_dnn_check_op(p, op);
}

cudnnStatus_t tn_dnn_finalize_op(tn_dnn_contents *c)
{
    if (c->type == CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR ||
        c->type == CUDNN_BACKEND_RESAMPLE_DESCRIPTOR) { /* as many elements as dimensions */
        tn_dnn_op op = {.kind = c->type};
        op.number[TN_DNN_SPATIAL] = tn_dnn_number_of(c,
                                                     c->type == CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR
                                                         ? CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS
                                                         : CUDNN_ATTR_RESAMPLE_SPATIAL_DIMS,
                                                     0);
        return place(c, NULL, &op);
    }
    if (!tn_dnn_outputs(c->type))
        return CUDNN_STATUS_SUCCESS; /* no operation */
    tn_dnn_program *alone = tn_sim_new(1, sizeof *alone);
    const cudnnStatus_t status = add(c, alone);
    free(alone);
    return status;
}

/* ---- graphs ------------------------------------------------------------------------------- */

/* Which operation writes tensor t: -1 none, -2 several. */
static int writer(const tn_dnn_program *p, int t)
{
    int found = -1;
    for (int i = 0; i < p->ops; i++)
        for (int s = 0; s < TN_DNN_SLOTS; s++)
            if (p->op[i].tensor[s] == t && (tn_dnn_outputs(p->op[i].kind) >> s & 1))
                found = found == -1 ? i : -2;
    return found;
}

static bool is_read(const tn_dnn_program *p, int t)
{
    for (int i = 0; i < p->ops; i++)
        for (int s = 0; s < TN_DNN_SLOTS; s++)
            if (p->op[i].tensor[s] == t && !(tn_dnn_outputs(p->op[i].kind) >> s & 1))
                return true;
    return false;
}

static cudnnStatus_t check_tensors(const tn_dnn_program *p)
{
    for (int t = 0; t < p->tensors; t++) {
        const tn_dnn_tensor *x = &p->tensor[t];
        const int w = writer(p, t);
        if (w == -2)
            return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "tensor %lld is written by two operations",
                               (long long)x->uid);
        if (w >= 0 && x->by_value)
            return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "tensor %lld is by value, and written",
                               (long long)x->uid);
        if (x->is_virtual && (w < 0 || !is_read(p, t)))
            return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "virtual tensor %lld is not %s in its graph",
                               (long long)x->uid, w < 0 ? "written" : "read");
    }
    return CUDNN_STATUS_SUCCESS;
}

/* An operation can run once all that writes what it reads has run. */
static bool is_ready(const tn_dnn_program *p, int op, const bool *done)
{
    for (int s = 0; s < TN_DNN_SLOTS; s++) {
        const int t = p->op[op].tensor[s];
        const int w = t < 0 || (tn_dnn_outputs(p->op[op].kind) >> s & 1) ? -1 : writer(p, t);
        if (w >= 0 && !done[w])
            return false;
    }
    return true;
}

static cudnnStatus_t sort(tn_dnn_program *p)
{
    bool done[TN_DNN_OPS] = {false};
    tn_dnn_op sorted[TN_DNN_OPS];
    for (int n = 0; n < p->ops; n++) {
        int i = 0;
        while (i < p->ops && (done[i] || !is_ready(p, i, done)))
            i++;
        if (i == p->ops)
            return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM,
                               "the operations of the graph go in a circle");
        done[i] = true;
        sorted[n] = p->op[i];
    }
    memcpy(p->op, sorted, (size_t)p->ops * sizeof sorted[0]);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t tn_dnn_finalize_graph(tn_dnn_contents *c)
{
    const tn_dnn_value *ops = tn_dnn_value_of(c, CUDNN_ATTR_OPERATIONGRAPH_OPS);
    tn_dnn_program *p = tn_sim_new(1, sizeof *p);
    cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
    for (int64_t i = 0; i < ops->count && !status; i++) {
        const tn_dnn_contents *op = ((tn_dnn_contents *const *)ops->bytes)[i];
        /* The real library copies it as if it were an operation. */
        if (!tn_dnn_outputs(op->type))
            tn_sim_break("descriptor", "%s: is given a descriptor of type %s", ops->of->text,
                         tn_dnn_type_name(op->type));
        status = add(op, p);
    }
    if (!status)
        status = check_tensors(p);
    if (!status)
        status = sort(p);
    if (status) {
        free(p);
        return status;
    }
    c->program = p;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t tn_dnn_get_graph(const tn_dnn_contents *c, const tn_dnn_attribute *a, int64_t asked,
                               int64_t *count, void *out)
{
    (void)c;
    const int64_t n = TN_DNN_ENGINES;
    return a->name == CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT
               ? tn_dnn_give(&n, 1, sizeof n, asked, count, out)
               : CUDNN_STATUS_NOT_SUPPORTED;
}
