#include "backends/cuda/kernels/layout.h"
#include "backends/cuda/nccl/parts.h"

/* ---- operations --------------------------------------------------------------------------- */

/* x: in place; root < 0: a sum. */
typedef struct operation {
    void *x;
    size_t count;
    ncclDataType_t type;
    int root;
} operation;

/* On the host: until the other members of this process have come, if there are such. */
static tn_status meet(const tn_comm *c)
{
    return c->meet ? c->meet(c->with) : TN_OK;
}

static tn_status begin_turn(tn_comm *c, int mark, size_t count, tn_nccl_turn **out)
{
    tn_backend_device *d = c->device;
    const int64_t number = tn_nccl_issued(c);
    tn_nccl_turn *t = &c->turn[number % TN_NCCL_TURNS];
    TN_TRY(tn_cuda_use(d));
    TN_TRY(tn_nccl_wait_until_done(c, number - TN_NCCL_TURNS + 1));
    if (c->careful)
        TN_TRY(meet(c));
    TN_TRY(tn_cuda_beside_begin(d, mark));
    t->mark = mark;
    t->count = count;
    TN_CUDA(d, NULL, cudaEventRecord(t->begun, d->beside->stream));
    *out = t;
    return TN_OK;
}

/* Until all is done that was asked for, of other plans on this device too, in all members here: nobody else goes on
 * before. */
static tn_status finish_turns(tn_comm *c)
{
    if (!c->meet)
        return TN_OK;
    TN_TRY(tn_nccl_wait_until_done(c, tn_nccl_issued(c))); /* of one that still joins */
    TN_TRY(tn_cuda_finish_collectives(c->device));
    return meet(c);
}

static tn_status carefully(tn_comm *c, bool on)
{
    c->careful = on;
    return on ? finish_turns(c) : TN_OK;
}

static tn_status end_turn(tn_comm *c, const tn_nccl_turn *t)
{
    tn_backend_device *d = c->device;
    TN_TRY(tn_cuda_beside_end(d, t->mark));
    TN_CUDA(d, NULL, cudaEventRecord(t->done, d->beside->stream));
    pthread_mutex_lock(&c->lock);
    c->issued++;
    pthread_mutex_unlock(&c->lock);
    return c->careful ? finish_turns(c) : TN_OK;
}

static tn_status ask(tn_comm *c, const operation *o)
{
    cudaStream_t s = c->device->beside->stream;
    const char *call = o->root < 0 ? "ncclAllReduce" : "ncclBroadcast";
    ncclResult_t r = ncclSuccess;
    pthread_mutex_lock(&c->lock);
    const bool aborted = c->aborted;
    if (!aborted)
        r = o->root < 0 ? ncclAllReduce(o->x, o->x, o->count, o->type, ncclSum, c->nccl, s)
                        : ncclBroadcast(o->x, o->x, o->count, o->type, o->root, c->nccl, s);
    pthread_mutex_unlock(&c->lock);
    if (aborted)
        return tn_nccl_was_aborted(c);
    return r == ncclInProgress ? tn_nccl_poll_until_ready(c, call) : tn_nccl_check(c, r, call);
}

static tn_status convert(const tn_comm *c, tn_dtype to_type, void *to, tn_dtype from_type,
                         const void *from, size_t count)
{
    const tn_backend_device *d = c->device;
    struct tnk_convert_args a = {
        .from = from, .to = to, .count = (int64_t)count, .from_type = (int32_t)from_type};
    const unsigned grid = tn_cuda_grid(d, (a.count + TNK_CONVERT - 1) / TNK_CONVERT);
    TN_CUDA(d, NULL,
            TN_LAUNCH_TYPE(to_type, tnk_convert, grid, TN_CUDA_BLOCK, 0, d->beside->stream, &a));
    return TN_OK;
}

tn_status tn_nccl_all_reduce(tn_comm *c, int mark, float *x, size_t count, tn_dtype as)
{
    tn_nccl_turn *t;
    if (as != TN_F32 && (as != TN_BF16 || count > c->half_count))
        return tn_fail(TN_ERR_ARGUMENT,
                       "%s: a sum of %zu elements as %s: f32 and up to %zu of bf16 are possible",
                       c->device->name, count, tn_dtype_name(as), c->half_count);
    TN_TRY(begin_turn(c, mark, count, &t));
    if (as == TN_F32) {
        if (count)
            TN_TRY(ask(c, &(operation){x, count, ncclFloat32, -1}));
    } else if (count) {
        TN_TRY(convert(c, TN_BF16, c->half, TN_F32, x, count));
        TN_TRY(ask(c, &(operation){c->half, count, ncclBfloat16, -1}));
        TN_TRY(convert(c, TN_F32, x, TN_BF16, c->half, count));
    }
    return end_turn(c, t);
}

static tn_status broadcast(tn_comm *c, void *x, size_t bytes, int root)
{
    tn_nccl_turn *t;
    TN_TRY(begin_turn(c, TN_MARK_NONE, bytes, &t));
    if (bytes)
        TN_TRY(ask(c, &(operation){x, bytes, ncclUint8, root}));
    return end_turn(c, t);
}

/* A sum whose outcome is known, waited for on the host. */
static tn_status barrier(tn_comm *c)
{
    tn_backend_device *d = c->device;
    const float one = 1;
    float sum = 0;
    TN_TRY(tn_cuda_use(d));
    TN_CUDA(d, NULL,
            cudaMemcpyAsync(c->probe, &one, sizeof one, cudaMemcpyHostToDevice, d->compute));
    TN_TRY(tn_nccl_all_reduce(c, TN_MARK_NONE, c->probe, 1, TN_F32));
    TN_TRY(tn_nccl_wait_until_done(c, tn_nccl_issued(c)));
    TN_TRY(tn_cuda_settle(d, d->compute, NULL));
    TN_CUDA(d, NULL,
            cudaMemcpyAsync(&sum, c->probe, sizeof sum, cudaMemcpyDeviceToHost, d->compute));
    TN_TRY(tn_cuda_wait(d));
    if (sum != (float)c->ranks)
        return tn_fail(TN_ERR_DEVICE, "%s: a sum of 1 over %d devices is %g", d->name, c->ranks,
                       (double)sum);
    return TN_OK;
}

/* ---- looking on --------------------------------------------------------------------------- */

static tn_status check(tn_comm *c)
{
    bool ready;
    TN_TRY(tn_nccl_poll(c, "an operation on the device", &ready));
    return TN_OK;
}

static int64_t finished(const tn_comm *constant)
{
    tn_comm *c = constant->self;
    int64_t done;
    cudaSetDevice(c->device->index); /* of a thread that has none; a failure shows in the count */
    tn_nccl_count_done(c, &done);
    pthread_mutex_lock(&c->lock);
    const int64_t marked = c->marked;
    pthread_mutex_unlock(&c->lock);
    return marked;
}

static int64_t begun(const tn_comm *constant)
{
    tn_comm *c = constant->self;
    int64_t count = finished(constant);
    pthread_mutex_lock(&c->lock);
    const tn_nccl_turn *next = &c->turn[c->done % TN_NCCL_TURNS];
    if (c->done < c->issued && next->mark != TN_MARK_NONE)
        count += cudaEventQuery(next->begun) == cudaSuccess;
    pthread_mutex_unlock(&c->lock);
    return count;
}

static const char *describe(const tn_comm *c)
{
    return c->text;
}

const tn_collectives tn_cuda_collectives = {
    .name = "nccl",
    .spans = true,
    .make_id = tn_nccl_make_id,
    .join = tn_nccl_join,
    .leave = tn_nccl_leave,
    .all_reduce = tn_nccl_all_reduce,
    .broadcast = broadcast,
    .barrier = barrier,
    .carefully = carefully,
    .check = check,
    .begun = begun,
    .finished = finished,
    .abort = tn_nccl_abort,
    .describe = describe,
};
