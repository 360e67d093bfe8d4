/*
 * Simulated cuDNN: a plan runs.
 *
 * The call checks pointers, alignment and memory at once, and reads what is passed by value; the stream
 * then runs a copy of the program, so that a captured graph does the same again each time. The workspace
 * is filled with 0xff bytes before and after, which are no numbers in any type.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/cudnn_run.h"

enum { WORKSPACE_ALIGNMENT = 16 };

typedef struct run {
    const tn_dnn_descriptor *plan;
    int device;
    tn_dnn_engine engine;
    void *workspace;
    void *pointer[TN_DNN_TENSORS];
    uint64_t value[TN_DNN_TENSORS]; /* the bytes of what is passed by value */
    tn_dnn_program program;
} run;

/* ---- in the stream ------------------------------------------------------------------------ */

static void check_memory(const run *r)
{
    for (int i = 0; i < r->program.tensors; i++) {
        const tn_dnn_tensor *t = &r->program.tensor[i];
        const size_t bytes = (size_t)tn_dnn_span(t) * tn_sim_bytes_of(t->type);
        if (!t->is_virtual && !t->by_value)
            tn_sim_check_memory(r->device, "a tensor of cudnnBackendExecute", r->pointer[i], bytes);
    }
    if (r->engine.workspace)
        tn_sim_check_memory(r->device, "the workspace of cudnnBackendExecute", r->workspace,
                            (size_t)r->engine.workspace);
}

static void run_op(const tn_dnn_op *op, tn_dnn_views v, const tn_dnn_arithmetic *how)
{
    switch (op->kind) {
    case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
        tn_dnn_run_pointwise(op, v);
        break;
    case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR:
        tn_dnn_run_reduction(op, v);
        break;
    case CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR:
        tn_dnn_run_resample(op, v);
        break;
    case CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR:
    case CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR:
        tn_dnn_run_norm(op, v);
        break;
    default:
        tn_dnn_run_conv(op, v, how);
    }
}

static void run_program(void *argument)
{
    run *r = argument;
    const tn_dnn_program *p = &r->program;
    const unsigned notes = r->engine.notes;
    const tn_dnn_arithmetic how = {
        .tf32 = notes >> CUDNN_NUMERICAL_NOTE_TENSOR_CORE & 1,
        .reduced = notes >> CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION & 1,
        .unordered = notes >> CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC & 1};
    tn_dnn_view view[TN_DNN_TENSORS];
    tn_sim_check_alive("cuDNN descriptor", r->plan); /* a plan is there until its work is done */
    check_memory(r);
    if (r->engine.workspace)
        memset(r->workspace, 0xff, (size_t)r->engine.workspace);
    for (int i = 0; i < p->tensors; i++) {
        const tn_dnn_tensor *t = &p->tensor[i];
        view[i].t = t;
        view[i].p = t->by_value ? &r->value[i] : r->pointer[i];
        if (t->is_virtual)
            view[i].p = tn_sim_new(1, (size_t)tn_dnn_span(t) * tn_sim_bytes_of(t->type));
    }
    for (int i = 0; i < p->ops; i++) {
        tn_dnn_views v;
        for (int s = 0; s < TN_DNN_SLOTS; s++)
            v[s] = p->op[i].tensor[s] < 0 ? NULL : &view[p->op[i].tensor[s]];
        run_op(&p->op[i], v, &how);
    }
    for (int i = 0; i < p->tensors; i++)
        if (p->tensor[i].is_virtual)
            free(view[i].p);
    if (r->engine.workspace)
        memset(r->workspace, 0xff, (size_t)r->engine.workspace);
}

/* ---- in the call -------------------------------------------------------------------------- */

cudnnStatus_t tn_dnn_finalize_pack(tn_dnn_contents *c)
{
    const tn_dnn_value *ids = tn_dnn_value_of(c, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    const tn_dnn_value *pointers = tn_dnn_value_of(c, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
    const int64_t *id = ids->bytes;
    if (ids->count != pointers->count)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "variant pack: %lld UIDs, %lld pointers",
                           (long long)ids->count, (long long)pointers->count);
    for (int64_t i = 0; i < ids->count; i++)
        for (int64_t j = 0; j < i; j++)
            if (id[i] == id[j]) /* the real library takes one of the two */
                tn_sim_break("uid", "UID %lld is in a variant pack twice", (long long)id[i]);
    return CUDNN_STATUS_SUCCESS;
}

static int tensor_named(const tn_dnn_program *p, int64_t uid)
{
    for (int i = 0; i < p->tensors; i++)
        if (p->tensor[i].uid == uid)
            return i;
    return -1;
}

/* Pointers of the pack to the tensors of the program. */
static cudnnStatus_t bind(run *r, const tn_dnn_contents *pack)
{
    const tn_dnn_value *ids = tn_dnn_value_of(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
    const tn_dnn_value *pointers = tn_dnn_value_of(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
    for (int64_t i = 0; i < ids->count; i++) {
        const int64_t uid = ((const int64_t *)ids->bytes)[i];
        const int t = tensor_named(&r->program, uid);
        if (t < 0 || r->program.tensor[t].is_virtual)
            return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM,
                               "variant pack: the plan takes no tensor of UID %lld",
                               (long long)uid);
        r->pointer[t] = ((void *const *)pointers->bytes)[i];
    }
    for (int t = 0; t < r->program.tensors; t++)
        if (!r->pointer[t] && !r->program.tensor[t].is_virtual)
            return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER,
                               "variant pack: no pointer for the tensor of UID %lld",
                               (long long)r->program.tensor[t].uid);
    const tn_dnn_value *workspace = tn_dnn_value_of(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE);
    r->workspace = workspace ? *(void *const *)workspace->bytes : NULL;
    if (r->engine.workspace && !r->workspace)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER,
                           "variant pack: no workspace, where the plan wants %lld bytes",
                           (long long)r->engine.workspace);
    return CUDNN_STATUS_SUCCESS;
}

static bool overlap(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
    const uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return x < y + b_bytes && y < x + a_bytes;
}

/* Is tensor t only read, number by number, by operations that may write to where they read from? */
static bool in_place(const tn_dnn_program *p, int out, int t)
{
    const tn_dnn_tensor *a = &p->tensor[out], *b = &p->tensor[t];
    for (int i = 0; i < p->ops; i++)
        for (int s = 0; s < TN_DNN_SLOTS; s++)
            if (p->op[i].tensor[s] == t &&
                p->op[i].kind != CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR)
                return false;
    return a->type == b->type && a->dims == b->dims && !memcmp(a->dim, b->dim, sizeof a->dim) &&
           !memcmp(a->stride, b->stride, sizeof a->stride);
}

static bool is_written(const tn_dnn_program *p, int t)
{
    for (int i = 0; i < p->ops; i++)
        for (int s = 0; s < TN_DNN_SLOTS; s++)
            if (p->op[i].tensor[s] == t && (tn_dnn_outputs(p->op[i].kind) >> s & 1))
                return true;
    return false;
}

/* Outputs may not lie on other tensors, but for those that are read number by number. Tensors with gaps,
 * slices of larger ones, may lie between each other. */
static void check_overlap(const run *r, int out, int t)
{
    const tn_dnn_tensor *a = &r->program.tensor[out], *b = &r->program.tensor[t];
    const bool dense = tn_dnn_span(a) == tn_dnn_count(a) && tn_dnn_span(b) == tn_dnn_count(b);
    const size_t a_bytes = (size_t)tn_dnn_span(a) * tn_sim_bytes_of(a->type);
    const size_t b_bytes = (size_t)tn_dnn_span(b) * tn_sim_bytes_of(b->type);
    if (!overlap(r->pointer[out], a_bytes, r->pointer[t], b_bytes))
        return;
    const bool may = in_place(&r->program, out, t) && !is_written(&r->program, t);
    if (r->pointer[out] == r->pointer[t] ? !may : dense)
        tn_sim_break("overlap", "tensor %lld is written where tensor %lld lies", (long long)a->uid,
                     (long long)b->uid);
}

static void check_tensors(const run *r)
{
    const tn_dnn_program *p = &r->program;
    for (int i = 0; i < p->tensors; i++) {
        const tn_dnn_tensor *t = &p->tensor[i];
        const size_t bytes = (size_t)tn_dnn_span(t) * tn_sim_bytes_of(t->type);
        if (t->is_virtual || t->by_value)
            continue;
        if ((uintptr_t)r->pointer[i] % (uintptr_t)t->alignment)
            tn_sim_break("alignment", "tensor %lld is at %p, which is not aligned to %lld bytes",
                         (long long)t->uid, r->pointer[i], (long long)t->alignment);
        if (r->engine.workspace &&
            overlap(r->pointer[i], bytes, r->workspace, (size_t)r->engine.workspace))
            tn_sim_break("workspace", "tensor %lld lies in the workspace", (long long)t->uid);
        for (int j = 0; j < p->tensors; j++)
            if (j != i && is_written(p, i) && !p->tensor[j].is_virtual && !p->tensor[j].by_value)
                check_overlap(r, i, j);
    }
    if (r->engine.workspace && (uintptr_t)r->workspace % WORKSPACE_ALIGNMENT)
        tn_sim_break("alignment", "the workspace is at %p", r->workspace);
}

static cudnnStatus_t execute(struct cudnnContext *h, const tn_dnn_descriptor *plan,
                             const tn_dnn_contents *pack)
{
    tn_dnn_contents *c = plan->contents;
    tn_sim_first_use(&c->loaded, h->device, "a plan of cuDNN's");
    run *r = tn_sim_new(1, sizeof *r);
    r->plan = plan;
    r->device = h->device;
    r->engine = c->engine;
    r->program = *c->program;
    cudnnStatus_t status = bind(r, pack);
    if (!status) {
        for (int i = 0; i < r->program.tensors; i++)
            if (r->program.tensor[i].by_value)
                memcpy(&r->value[i], r->pointer[i], tn_sim_bytes_of(r->program.tensor[i].type));
        check_tensors(r);
        check_memory(r);
        const cudaError_t e =
            tn_sim_enqueue(h->stream, "cudnnBackendExecute", run_program, r, sizeof *r);
        if (e)
            status = tn_dnn_fail(CUDNN_STATUS_EXECUTION_FAILED_CUDART,
                                 "cudnnBackendExecute: CUDA error %d", (int)e);
    }
    free(r);
    return status;
}

static cudnnStatus_t check_plan(const struct cudnnContext *h, const tn_dnn_contents *plan,
                                const tn_dnn_contents *pack)
{
    if (plan->type != CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR ||
        pack->type != CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE,
                           "cudnnBackendExecute: is given %s and %s", tn_dnn_type_name(plan->type),
                           tn_dnn_type_name(pack->type));
    if (!plan->final || !pack->final)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED,
                           "cudnnBackendExecute: the %s is not finalized",
                           plan->final ? "variant pack" : "plan");
    const tn_dnn_device here = tn_dnn_ask_device(h->device);
    if (here.version != plan->device.version)
        return tn_dnn_fail(CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH,
                           "cudnnBackendExecute: the plan is for sm_%d, the device is sm_%d",
                           plan->device.version / 10, here.version / 10);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                                  cudnnBackendDescriptor_t pack)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_fail(CUDNN_STATUS_EXECUTION_FAILED, "made to fail");
    struct cudnnContext *h = tn_dnn_handle_begin("cudnnBackendExecute", handle);
    if (!h || !plan || !pack) {
        if (h)
            tn_dnn_handle_end(h);
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "cudnnBackendExecute: an argument is NULL");
    }
    const tn_dnn_descriptor *p = tn_dnn_descriptor_of(plan);
    const tn_dnn_descriptor *v = tn_dnn_descriptor_of(pack);
    cudnnStatus_t status = check_plan(h, p->contents, v->contents);
    if (!status)
        status = execute(h, p, v->contents);
    tn_dnn_handle_end(h);
    return status;
}
