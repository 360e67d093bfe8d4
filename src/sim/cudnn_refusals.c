/*
 * Simulated cuDNN: which graphs have no engine.
 *
 * Always: what the simulation cannot run. With the policy "table": also what cuDNN 9.19 was seen to
 * refuse for each model of GPU, a row each. With "all": everything; with "backward": what has no graph, there.
 */
#include <stdatomic.h>
#include <string.h>

#include "sim/control.h"
#include "sim/cublaslt_sim.h"
#include "sim/cudnn_sim.h"

enum { NONE, TABLE, ALL, EPILOGUES, BACKWARD };
static atomic_int refusals = NONE;

bool tn_sim_set_refusals(const char *policy)
{
    static const char *const names[] = {"none", "table", "all", "epilogues", "backward"};
    for (int i = NONE; i <= BACKWARD; i++)
        if (!strcmp(policy, names[i])) {
            atomic_store(&refusals, i);
            return true;
        }
    return false;
}

bool tn_dnn_refuses_call(const char *function)
{
    const int policy = atomic_load(&refusals);
    return policy == ALL || (policy == BACKWARD && strstr(function, "Backward"));
}

bool tn_sim_refuses_epilogues(void)
{
    return atomic_load(&refusals) == EPILOGUES;
}

/* ---- what a graph is ---------------------------------------------------------------------- */

typedef struct facts {
    int version;
    const tn_dnn_program *p;
    const tn_dnn_op *conv; /* NULL: has none */
    bool forward, dgrad, wgrad;
    cudnnDataType_t io, out; /* of what comes in, and of what the last operation writes */
    int64_t groups;
    bool strided;
    bool drelu, drelu_first, prologue; /* drelu; before the convolution; anything before it */
    const tn_dnn_op *sum;              /* a reduction */
    const tn_dnn_op *norm, *resample;
    bool statistics;  /* sums over channels and those of squares */
    bool nhwc, mixed; /* all tensors; some but not all */
} facts;

bool tn_dnn_is_nhwc(const tn_dnn_tensor *t)
{
    return t->dims != 4 || t->dim[1] == 1 || t->stride[1] == 1;
}

static const tn_dnn_tensor *tensor(const tn_dnn_program *p, const tn_dnn_op *op, int slot)
{
    return op->tensor[slot] < 0 ? NULL : &p->tensor[op->tensor[slot]];
}

static void look_at_conv(facts *f, const tn_dnn_op *op, bool first)
{
    const tn_dnn_tensor *x = tensor(f->p, op, TN_DNN_X), *w = tensor(f->p, op, TN_DNN_W);
    f->conv = op;
    f->forward = op->kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR;
    f->dgrad = op->kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR;
    f->wgrad = op->kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR;
    f->groups = x->dim[1] / w->dim[1];
    f->strided = op->number[TN_DNN_STRIDE] > 1 || op->number[TN_DNN_STRIDE + 1] > 1;
    f->io = f->dgrad ? w->type : x->type;
    f->prologue = !first;
    f->drelu_first = f->drelu;
}

static void look_at_tensors(facts *f)
{
    int other = 0;
    for (int i = 0; i < f->p->tensors; i++)
        other += !tn_dnn_is_nhwc(&f->p->tensor[i]);
    f->nhwc = other == 0;
    for (int i = 0; i < f->p->tensors && other; i++)
        f->mixed |= f->p->tensor[i].dims == 4 && f->p->tensor[i].stride[1] == 1 &&
                    f->p->tensor[i].dim[1] > 1 && f->p->tensor[i].dim[2] > 1;
}

static facts look(const tn_dnn_program *p, const tn_dnn_device *d)
{
    facts f = {.p = p, .version = d->version, .groups = 1};
    const tn_dnn_tensor *x = tensor(p, &p->op[0], TN_DNN_X);
    f.io = x ? x->type : CUDNN_DATA_FLOAT;
    for (int i = 0; i < p->ops; i++) {
        const tn_dnn_op *op = &p->op[i];
        if (tn_dnn_is_conv(op))
            look_at_conv(&f, op, i == 0);
        else if (op->kind == CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR)
            f.sum = op;
        else if (op->kind == CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
            f.drelu |= op->number[TN_DNN_MODE] == CUDNN_POINTWISE_RELU_BWD;
        else if (op->kind == CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR ||
                 op->kind == CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR)
            f.resample = op;
        else if (op->kind == CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR)
            f.statistics = true;
        else
            f.norm = op;
        for (int s = 0; s < TN_DNN_SLOTS; s++)
            if (op->tensor[s] >= 0 && (tn_dnn_outputs(op->kind) >> s & 1))
                f.out = p->tensor[op->tensor[s]].type;
    }
    look_at_tensors(&f);
    return f;
}

/* ---- precompiled, or compiled at run time ------------------------------------------------- */

/* conv (+ z) + bias (+ relu), in this order, all of one type: the pattern that is there precompiled. */
static bool is_conv_add_bias_relu(const facts *f)
{
    const tn_dnn_program *p = f->p;
    int32_t last = f->conv->tensor[TN_DNN_Y];
    bool bias = false, relu = false;
    if (!f->forward || f->prologue)
        return false;
    for (int i = 1; i < p->ops; i++) {
        const tn_dnn_op *op = &p->op[i];
        if (op->kind != CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR ||
            op->tensor[TN_DNN_X] != last || relu)
            return false;
        const tn_dnn_tensor *b = tensor(p, op, TN_DNN_B);
        if (op->number[TN_DNN_MODE] == CUDNN_POINTWISE_ADD) {
            if (b->type != f->io || bias)
                return false;
            bias = b->dim[0] == 1 && b->dim[2] == 1 && b->dim[3] == 1;
        } else if (op->number[TN_DNN_MODE] == CUDNN_POINTWISE_RELU_FWD) {
            relu = true;
        } else {
            return false;
        }
        last = op->tensor[TN_DNN_Y];
    }
    return bias && f->out == f->io;
}

static bool is_runtime(const facts *f)
{
    if (f->resample)
        return f->nhwc || f->p->ops > 1;
    if (!f->conv)
        return true;
    if (f->p->ops == 1)
        return f->io != CUDNN_DATA_INT8 && f->out != f->io;
    return !is_conv_add_bias_relu(f);
}

bool tn_dnn_is_runtime(const tn_dnn_program *p)
{
    const facts f = look(p, &(tn_dnn_device){0});
    return is_runtime(&f);
}

/* ---- the table ---------------------------------------------------------------------------- */

static bool is_half(cudnnDataType_t t)
{
    return t == CUDNN_DATA_HALF || t == CUDNN_DATA_BFLOAT16;
}

static bool bf16_on_old(const facts *f)
{
    for (int i = 0; i < f->p->tensors; i++)
        if (f->p->tensor[i].type == CUDNN_DATA_BFLOAT16 && f->version < 800)
            return true;
    return false;
}

static bool nchw_compiled(const facts *f)
{
    const bool index = f->resample && f->resample->tensor[TN_DNN_INDEX] >= 0 &&
                       f->resample->kind == CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR;
    return !f->nhwc && !f->norm && (is_runtime(f) || index);
}

static bool conversion(const facts *f)
{
    return !f->conv && f->mixed;
}

static bool drelu_sum_groups(const facts *f)
{
    return f->dgrad && f->drelu && f->sum && f->groups > 1;
}

static bool drelu_groups_bf16(const facts *f)
{
    return f->dgrad && f->drelu && f->groups > 1 && f->io == CUDNN_DATA_BFLOAT16 &&
           f->version / 100 != 10;
}

static bool drelu_sum_on_old(const facts *f)
{
    return f->dgrad && f->drelu && f->sum && f->version < 800 &&
           (f->io == CUDNN_DATA_FLOAT || f->strided);
}

static bool drelu_prologue(const facts *f)
{
    return f->drelu_first && !(f->dgrad && f->io == CUDNN_DATA_FLOAT && f->version / 100 == 10);
}

static bool prologue_on_old(const facts *f)
{
    return f->conv && f->prologue && f->version < 800;
}

static bool wgrad_to_float(const facts *f)
{
    return f->wgrad && is_half(f->io) && f->out == CUDNN_DATA_FLOAT &&
           (f->p->ops == 1 || tensor(f->p, f->conv, TN_DNN_X)->dim[1] < 4);
}

static bool conv_to_float_on_old(const facts *f)
{
    return f->forward && is_half(f->io) && f->out == CUDNN_DATA_FLOAT && f->p->ops == 1 &&
           f->version < 800;
}

static bool norm_on_old(const facts *f)
{
    return f->norm && f->version < 800;
}

static bool norm_backward_fused(const facts *f)
{
    return f->norm && f->p->ops > 1 &&
           f->norm->kind == CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR;
}

static bool statistics_on_old(const facts *f)
{
    return f->statistics && f->version < 800;
}

static bool int8_on_old(const facts *f)
{
    if (!f->conv || f->io != CUDNN_DATA_INT8 || f->version >= 800)
        return false;
    const int64_t c = tensor(f->p, f->conv, TN_DNN_X)->dim[1];
    const int64_t k = tensor(f->p, f->conv, TN_DNN_W)->dim[0];
    return c % 16 || k % 16 || f->groups > 1;
}

static bool sum_of_space(const facts *f)
{
    if (!f->sum)
        return false;
    const tn_dnn_tensor *y = tensor(f->p, f->sum, TN_DNN_Y);
    return y->dims == 4 && y->dim[0] > 1 && y->dim[1] > 1;
}

static const struct row {
    bool (*applies)(const facts *f);
    const char *why;
} table[] = {
    {bf16_on_old, "bf16 before sm_80"},
    {nchw_compiled, "NCHW, and would have to be compiled at run time"},
    {conversion, "from one layout to another"},
    {drelu_sum_groups, "dgrad + drelu + sum with groups"},
    {drelu_groups_bf16, "dgrad + drelu with groups in bf16"},
    {drelu_sum_on_old, "dgrad + drelu + sum before sm_80, f32 or with strides"},
    {drelu_prologue, "drelu in front of a convolution"},
    {prologue_on_old, "an operation in front of a convolution before sm_80"},
    {wgrad_to_float, "wgrad of halves straight to f32, or with less than 4 channels"},
    {conv_to_float_on_old, "convolution of halves straight to f32 before sm_80"},
    {norm_on_old, "batch normalization before sm_80"},
    {norm_backward_fused, "batch normalization backward with anything else"},
    {statistics_on_old, "sums over channels before sm_80"},
    {int8_on_old, "int8 before sm_80 with groups or channels that are no multiple of 16"},
    {sum_of_space, "a reduction of height and width alone"},
};

/* ---- what the simulation cannot run ------------------------------------------------------- */

static const char *beyond(const tn_dnn_op *op)
{
    const int64_t mode = op->number[TN_DNN_MODE];
    switch (op->kind) {
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
        return tn_dnn_knows_pointwise(mode) ? NULL : "a pointwise mode";
    case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR:
        return mode == CUDNN_REDUCE_TENSOR_ADD || mode == CUDNN_REDUCE_TENSOR_AVG ||
                       mode == CUDNN_REDUCE_TENSOR_MAX || mode == CUDNN_REDUCE_TENSOR_AMAX
                   ? NULL
                   : "a reduction's operator";
    case CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR:
        return mode == CUDNN_RESAMPLE_MAXPOOL || mode == CUDNN_RESAMPLE_AVGPOOL_INCLUDE_PADDING ||
                       mode == CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING
                   ? NULL
                   : "a mode of resampling";
    case CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR:
        return mode == CUDNN_GENSTATS_SUM_SQSUM ? NULL : "a mode of statistics";
    case CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR:
        if (op->number[TN_DNN_PHASE] != CUDNN_NORM_FWD_TRAINING)
            return "a phase of normalization";
        return mode == CUDNN_BATCH_NORM ? NULL : "a mode of normalization";
    case CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR:
        return mode == CUDNN_BATCH_NORM ? NULL : "a mode of normalization";
    default:
        return mode == CUDNN_CROSS_CORRELATION ? NULL : "a flipped convolution";
    }
}

const char *tn_dnn_refusal(const tn_dnn_program *p, const tn_dnn_device *d)
{
    const facts f = look(p, d);
    for (int i = 0; i < p->ops; i++)
        if (beyond(&p->op[i]))
            return beyond(&p->op[i]);
    /* The real library dies of it. */
    if (f.resample && f.nhwc && f.resample->number[TN_DNN_MODE] == CUDNN_RESAMPLE_MAXPOOL &&
        f.resample->kind == CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR &&
        f.resample->tensor[TN_DNN_INDEX] < 0)
        tn_sim_break("crash", "max pooling backward in NHWC without an index");
    const int policy = atomic_load(&refusals);
    for (size_t i = 0; i < sizeof table / sizeof table[0] && policy == TABLE; i++)
        if (table[i].applies(&f))
            return table[i].why;
    return policy == ALL ? "everything is refused" : NULL;
}

bool tn_dnn_fails_to_compile(const tn_dnn_program *p)
{
    const facts f = look(p, &(tn_dnn_device){0});
    return f.sum && !f.conv && f.sum->number[TN_DNN_DETERMINISTIC] &&
           atomic_load(&refusals) == TABLE;
}
