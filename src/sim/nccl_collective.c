/*
 * Simulated NCCL: ncclAllReduce and ncclBroadcast.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/nccl_sim.h"
#include "sim/numbers.h"

typedef struct type_row {
    ncclDataType_t type;
    const char *name;
    size_t bytes;
} type_row;

static const type_row types[] = {
    {ncclUint8, "u8", 1},    {ncclInt32, "i32", 4},   {ncclFloat16, "f16", 2},
    {ncclFloat32, "f32", 4}, {ncclFloat64, "f64", 8}, {ncclBfloat16, "bf16", 2},
};

static const type_row *type_of(ncclDataType_t type)
{
    for (size_t i = 0; i < TN_SIM_COUNT(types); i++)
        if (types[i].type == type)
            return &types[i];
    tn_sim_break("unknown", "NCCL's type %d is not simulated", (int)type);
}

/* ---- sums --------------------------------------------------------------------------------- */

#define ADD(name, T)                                     \
    static void name(void *sum, const void *x, size_t n) \
    {                                                    \
        T *s = sum;                                      \
        const T *v = x;                                  \
        for (size_t i = 0; i < n; i++)                   \
            s[i] += v[i];                                \
    }
ADD(add_f32, float)
ADD(add_f64, double)
ADD(add_i32, int32_t)
#undef ADD

static void add_half(cudnnDataType_t type, void *sum, const void *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float a, b;
        tn_sim_load(type, sum, (int64_t)i, 1, 1, &a);
        tn_sim_load(type, x, (int64_t)i, 1, 1, &b);
        a += b;
        tn_sim_store(type, sum, (int64_t)i, 1, 1, &a);
    }
}

static void add(ncclDataType_t type, void *sum, const void *x, size_t n)
{
    switch (type) {
    case ncclFloat32:
        add_f32(sum, x, n);
        break;
    case ncclFloat64:
        add_f64(sum, x, n);
        break;
    case ncclInt32:
        add_i32(sum, x, n);
        break;
    case ncclFloat16:
        add_half(CUDNN_DATA_HALF, sum, x, n);
        break;
    case ncclBfloat16:
        add_half(CUDNN_DATA_BFLOAT16, sum, x, n);
        break;
    default:
        tn_sim_break("unknown", "a sum of %s is not simulated", type_of(type)->name);
    }
}

/* All ranks are there, and their memory can be used. */
static bool run(tn_sim_joint *j)
{
    tn_sim_nccl_op *o = (tn_sim_nccl_op *)(void *)j;
    const tn_sim_nccl_world *w = o->world;
    const tn_sim_nccl_call *first = &o->call[0];
    const size_t bytes = first->count * type_of(first->type)->bytes;
    const bool fails = tn_sim_collective_fails();
    for (int i = 0; i < w->ranks; i++) {
        struct ncclComm *c = w->rank[i];
        /* It may have been freed since. */
        tn_sim_check_memory(c->device, "a collective that runs", o->call[i].from, bytes);
        tn_sim_check_memory(c->device, "a collective that runs", o->call[i].to, bytes);
        if (fails) {
            c->state = TN_SIM_NCCL_FAILED;
            c->error = ncclRemoteError;
        }
    }
    if (fails)
        return false;
    void *result = tn_sim_new(bytes, 1);
    memcpy(result, o->call[first->root < 0 ? 0 : first->root].from, bytes);
    for (int i = 1; first->root < 0 && i < w->ranks; i++)
        add(first->type, result, o->call[i].from, first->count);
    for (int i = 0; i < w->ranks; i++)
        memcpy(o->call[i].to, result, bytes);
    free(result);
    return true;
}

/* ---- operations that ranks share ---------------------------------------------------------- */

/* Lets go of those that are done. */
static void trim(tn_sim_nccl_world *w)
{
    size_t gone = 0;
    while (gone < w->ops && w->op[gone]->joint.owners == 1 && w->op[gone]->joint.done)
        tn_sim_joint_release(&w->op[gone++]->joint);
    if (!gone)
        return;
    memmove(w->op, w->op + gone, (w->ops - gone) * sizeof(tn_sim_nccl_op *));
    w->ops -= gone;
    w->done += gone;
}

/* The next one of this rank; it may be the first to ask for it. */
static tn_sim_nccl_op *next_op(ncclComm_t c, const tn_sim_nccl_call *call)
{
    tn_sim_nccl_world *w = c->world;
    trim(w);
    const size_t i = (size_t)(c->issued++ - w->done);
    if (i == w->ops) {
        w->op = tn_sim_more(w->op, w->ops, &w->room, sizeof(tn_sim_nccl_op *));
        tn_sim_nccl_op *o = tn_sim_new(1, sizeof *o);
        o->joint.owners = 1;
        o->joint.places = w->ranks;
        o->joint.run = run;
        o->world = w;
        o->first = c->rank;
        o->call[c->rank] = *call;
        for (int k = 0; k < w->ranks; k++)
            o->joint.place[k].left = !w->rank[k]->world;
        w->op[w->ops++] = o;
    }
    return w->op[i];
}

/* Fails the rule "collective" unless both ranks want the same. */
static void check_same(ncclComm_t c, const tn_sim_nccl_op *o, const tn_sim_nccl_call *b)
{
    const tn_sim_nccl_call *a = &o->call[o->first];
    if (strcmp(a->function, b->function) != 0 || a->count != b->count || a->type != b->type ||
        a->root != b->root)
        tn_sim_break("collective",
                     "operation %llu of %d ranks: rank %d calls %s of %zu %s (root %d), rank %d %s "
                     "of %zu %s (root %d)",
                     (unsigned long long)c->issued, c->world->ranks, o->first, a->function,
                     a->count, type_of(a->type)->name, a->root, c->rank, b->function, b->count,
                     type_of(b->type)->name, b->root);
}

static void check_call(ncclComm_t c, const tn_sim_nccl_call *call, cudaStream_t stream)
{
    const char *f = call->function;
    const size_t bytes = call->count * type_of(call->type)->bytes;
    if (tn_sim_device() != c->device)
        tn_sim_break("device", "%s: the communicator was made on device %d, the thread is on %d", f,
                     c->device, tn_sim_device());
    if (c->state != TN_SIM_NCCL_READY)
        tn_sim_break("communicator", "%s: rank %d of %d is not ready: the last call has not ended",
                     f, c->rank, c->world->ranks);
    if (tn_sim_stream(stream)->capture)
        tn_sim_break("capture", "%s in a stream that is being captured", f);
    if (call->count == 0)
        tn_sim_break("unknown", "%s of nothing is not simulated", f);
    tn_sim_check_memory(c->device, f, call->from, bytes);
    tn_sim_check_memory(c->device, f, call->to, bytes);
    const uintptr_t from = (uintptr_t)call->from, to = (uintptr_t)call->to;
    if (from != to && from < to + bytes && to < from + bytes)
        tn_sim_break("memory", "%s: %zu bytes from %p to %p overlap", f, bytes, call->from,
                     call->to);
}

static ncclResult_t ask(ncclComm_t c, tn_sim_nccl_call call, cudaStream_t stream)
{
    bool fails;
    tn_sim_nccl_begin(call.function, c, &fails);
    if (c->state == TN_SIM_NCCL_FAILED) /* since it was last asked about: no rule is broken */
        return tn_sim_nccl_end(c, tn_sim_nccl_fail(c->error, "an operation has failed before"));
    check_call(c, &call, stream);
    if (fails)
        return tn_sim_nccl_end(c, tn_sim_nccl_fail(ncclUnhandledCudaError, "made to fail"));
    const cudaError_t fault = tn_sim_fault(c->device);
    if (fault)
        return tn_sim_nccl_end(c, tn_sim_nccl_fail(ncclUnhandledCudaError, "Cuda failure '%s'",
                                                   cudaGetErrorString(fault)));
    tn_sim_nccl_op *o = next_op(c, &call);
    check_same(c, o, &call);
    o->call[c->rank] = call;
    o->joint.owners++;
    if (c->last)
        tn_sim_joint_release(&c->last->joint);
    c->last = o;
    c->stream = stream;
    c->state = TN_SIM_NCCL_ISSUING;
    tn_sim_count_collective(c->device, call.root < 0, call.count * type_of(call.type)->bytes);
    return tn_sim_nccl_end(c, ncclInProgress);
}

void tn_sim_nccl_push(ncclComm_t c)
{
    tn_sim_check_alive("stream", c->stream);
    tn_sim_push_joint(c->stream, &c->last->joint, c->rank);
}

void tn_sim_nccl_leave(ncclComm_t c)
{
    tn_sim_nccl_world *w = c->world;
    for (size_t i = 0; i < w->ops; i++)
        if (!w->op[i]->joint.done)
            tn_sim_joint_leave(&w->op[i]->joint, c->rank);
    if (c->last)
        tn_sim_joint_release(&c->last->joint);
    c->last = NULL;
    c->world = NULL; /* operations that others begin are without it */
    if (--w->members == 0)
        for (; w->ops; w->ops--)
            tn_sim_joint_release(&w->op[w->ops - 1]->joint);
    tn_sim_news();
}

/* ---- entry points ------------------------------------------------------------------------- */

ncclResult_t ncclAllReduce(const void *from, void *to, size_t count, ncclDataType_t type,
                           ncclRedOp_t op, ncclComm_t c, cudaStream_t stream)
{
    if (op != ncclSum)
        tn_sim_break("unknown", "%s: only sums are simulated", __func__);
    return ask(c, (tn_sim_nccl_call){__func__, from, to, count, type, -1}, stream);
}

ncclResult_t ncclBroadcast(const void *from, void *to, size_t count, ncclDataType_t type, int root,
                           ncclComm_t c, cudaStream_t stream)
{
    return ask(c, (tn_sim_nccl_call){__func__, from, to, count, type, root}, stream);
}
