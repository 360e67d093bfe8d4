/**
 * @file
 * Kernels of a program's own: how one kind of device does an operation. See <tenon/sys/op.h>.
 *
 * prepare() says what the kernel needs: above all `x[i] = NULL` for each input that it wants canonical and in the value's
 * own type, which is what those of a program's own should want; y is canonical if nothing is said. forward() and backward()
 * are given memory of the device. On a GPU they launch on `stream` and return, and neither wait nor copy to the host, so
 * that a step can be recorded; where one cannot be, the plan says so and goes on step by step.
 *
 * Threads: a device's kernels are called by the thread that runs its plan; those of other devices may be at the same time.
 */
#ifndef TENON_SYS_KERNEL_H
#define TENON_SYS_KERNEL_H

#include <tenon/device.h>
#include <tenon/sys/op.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tn_backend_device tn_backend_device; /* each kind of device has its own */
typedef struct tn_collectives tn_collectives;
typedef struct tn_comm tn_comm;

/*
 * How a device lays out one tensor, and in which type it keeps the elements of an f32 one. The backend
 * makes and owns them, one object a layout, so that two are the same if and only if the pointers are equal.
 * NULL is the canonical layout: row major, in the value's own type.
 */
typedef struct tn_layout {
    size_t bytes;
    char name[36]; /* for descriptions, "aBcd16b" */
} tn_layout;

enum { TN_MAX_LABELS = 16 /* inputs of a plan that are labels */ };

/*
 * What changes from run to run. The plan owns it; it stays where it is. A backend that replays runs
 * (capture_begin) has `control`, memory of its own on the device, and begin_run() puts there what its
 * kernels need of the rest: seed and step must not be taken from here when a kernel is launched, or the
 * replay would use them for ever.
 */
typedef struct tn_run_state {
    bool training;
    bool more; /* gradients are added to those of runs before it */
    uint64_t seed;
    uint64_t step; /* runs in training mode so far: the stream of dropout */
    tn_precision precision;
    void *control;     /* control_bytes of device memory, NULL if that is 0 */
    float first_scale; /* of f16: what the loss is multiplied with at first */
    /* Of a device that has one of several equal shares of the batch. Means over rows with a label divide by
     * share_rows[tn_call.labels] in place of their own count: by the whole batch's count of those labels / shares, so
     * that the mean of the shares' means is that of the whole. They change from run to run, so they belong into
     * `control`. */
    int share, shares; /* number `share` from 0 of so many: dropout counts on; 0: the whole */
    float share_rows[TN_MAX_LABELS]; /* 0: the whole */
    /* Rows that hold a sample come first. What only fills a batch up lies behind them and enters no statistic and
     * no mean: see tn_run_rows(). This too changes from run to run. */
    int64_t batch; /* rows of the labels, in this share; 0: there are none, all rows count */
    int64_t rows, all_rows;            /* of these that hold a sample, in this share and in all */
    const tn_collectives *collectives; /* sums over all shares, for kernels that need such */
    tn_comm *comm;
    float *loss_start; /* device: the gradient of the loss by itself; NULL without a loss */
    float
        loss_weight; /* what that begins with, times the loss scale; begin_run() puts it there if there is one */
} tn_run_state;

/* Are the rows of x[0], dimension 0, those of the labels, of which a run may have fewer? `batch`: tn_run_state.batch. */
static inline bool tn_counts_rows(const tn_node *n, int64_t batch)
{
    return n->x_batch[0] == 0 && n->x[0].dim[0] == batch;
}
/* How many rows of x[0] hold a sample; of this share, of all. */
static inline int64_t tn_run_rows(const tn_run_state *run, const tn_node *n)
{
    return tn_counts_rows(n, run->batch) ? run->rows : n->x[0].dim[0];
}
static inline int64_t tn_run_all_rows(const tn_run_state *run, const tn_node *n)
{
    if (tn_counts_rows(n, run->batch))
        return run->all_rows;
    return n->x[0].dim[0] * (run->shares > 0 ? run->shares : 1);
}
/* How many elements of x[0] the shares before this one have. */
static inline int64_t tn_run_first(const tn_run_state *run, const tn_node *n)
{
    return n->x_batch[0] == 0 ? run->share * tn_elements(&n->x[0]) : 0;
}

/* Where numbers of f32 lie, and as what: all of them are numbers of that type, too. */
typedef struct tn_stored {
    tn_dtype
        dtype; /* TN_F32, TN_F16, TN_BF16; TN_U8: whole numbers of 8 bits from -most to most, with signs */
    const void *at; /* canonical, at a multiple of 64 bytes; NULL: nowhere */
    const float *
        scale; /* of whole numbers: what those of each row, along dimension 0, are multiplied with */
    float most;
} tn_stored;

/* Bytes. */
typedef struct tn_moved {
    size_t read, written;
} tn_moved;

/*
 * What select (plan) and prepare (kernel) tell each other about one node. The gradient of a value has
 * the value's layout and that of a parameter the parameter's, always.
 */
typedef struct tn_binding {
    /* From the plan. */
    tn_precision precision; /* what the plan computes in, never DEFAULT */
    bool training;          /* backward will be asked for */
    bool strict;            /* sums as the formula has them: see tn_plan_opts */
    bool
        chosen; /* by name (tn_plan_opts.kernels): that it is slower than others is no reason to refuse */
    bool dx[TN_MAX_IN]; /* which gradients will be asked for */
    bool dw[TN_MAX_PARAMS];
    int shares;    /* statistics are to be those of so many shares of the batch; 0: this one's */
    int64_t batch; /* tn_run_state.batch: above 0, a run may have fewer rows */

    /* From the plan: others behind this node read x[i] too, so that their part of its gradient is there before. To the plan:
     * backward may be asked to add dx[i] to that (tn_call.adds). */
    bool meets[TN_MAX_IN];
    bool may_add[TN_MAX_IN];

    /* From the plan: what alone reads y[0] begins with the sums over each channel of y[0], and over its squares (tn_op.measures).
     * To the plan: forward writes them (tn_call.sums). From the plan, to that reader: x[i], in the layout it comes in, has them. */
    bool wants_sums, gives_sums;
    bool has_sums[TN_MAX_IN];

    /* From the plan: x[0] is what a relu has made, and nobody else reads it: where it is 0, dx[0] may be
     * anything. */
    bool behind_relu;

    /* From the plan: bytes that a node whose weights nothing trains may have from run to run, to keep what arrange() makes
     * of them: see tn_plan_opts.kept_weights. To the plan: how many it has; which of the weights that is made of, which
     * forward() then is not given; and in which form, where this kernel has several: of nodes of one kernel with the same weights,
     * as many bytes and the same form one may have what was made for another. */
    size_t spare;
    size_t kept_bytes;
    bool kept_of[TN_MAX_PARAMS];
    int64_t kept_form;

    /* From the plan: the node that makes w[i] of a parameter that nothing trains, if nothing else reads w[i]; NULL: there is
     * none. It may have a second input, a constant of f32, whose numbers these are; NULL: it has none. To the plan: the kernel does
     * that as well when it arranges, and w[i] is that parameter. */
    const tn_node *maker[TN_MAX_PARAMS];
    const float *maker_numbers[TN_MAX_PARAMS];
    bool does_maker[TN_MAX_PARAMS];

    /* From the plan: w[i], which nothing trains, lies there in fewer bits than f32 (else `at` is NULL); with a maker, what
     * that reads. To the plan: the kernel reads it there, and forward() is not given w[i]. */
    tn_stored stored[TN_MAX_PARAMS];
    bool reads_stored[TN_MAX_PARAMS];

    /* From the plan: the node of one input that makes x[i], where that gives no gradient, in training too; NULL: there is none. To
     * the plan: the kernel does that as well, and x[i] is what that node reads. */
    const tn_node *made[TN_MAX_IN];
    bool does_made[TN_MAX_IN];

    /* From the plan: what the producer writes. To the plan: what the kernel reads. Where they differ
     * the plan inserts a reorder. */
    const tn_layout *x[TN_MAX_IN];

    /* From the plan: y[0] may also be written so, as a part of a larger value that a node which `joins`
     * would copy it to; dy then is such a part too. NULL: it may not. */
    const tn_layout *part;

    /* From the plan: the only node that reads y[0], if this kernel may do its work too; what is said here of y, dy
     * and saved memory is then of that node's output. NULL: it may not. To the plan: it does. */
    const tn_node *next;
    bool does_next;

    /* To the plan. */
    const tn_layout *y[TN_MAX_OUT];
    const tn_layout *w[TN_MAX_PARAMS];
    size_t saved_bytes;   /* kept from forward to backward */
    size_t scratch_bytes; /* during one call, forward or backward */
    bool backward_reads_x[TN_MAX_IN];
    bool backward_reads_y;
    bool inplace;          /* forward may be given y[0] == x[0] */
    bool inplace_backward; /* backward may be given dx[0] == dy[0] */
    void *state;           /* the kernel's own; release() frees it */
    /* What the passes move beside each of their tensors once: again, or in scratch memory. For tn_plan_step(). */
    tn_moved forward_more, backward_more;
} tn_binding;

/* What a kernel is given. NULL in y, dx or dw: not wanted. */
typedef struct tn_call {
    const tn_node *node;
    void *state;
    tn_backend_device *device;
    void *
        stream; /* of a GPU: the cudaStream_t that its work goes to, and may be recorded from; else NULL */
    const tn_run_state *run;
    const void
        *x[TN_MAX_IN];   /* NULL for a node that joins: y has that part already, and dx is dy's */
    void *y[TN_MAX_OUT]; /* backward: y[0] if it reads it */
    /* backward: of each output. NULL: nothing that the loss depends on reads that one, so its gradient is 0 and adds
     * nothing to dx and dw. One at least is there; of a kernel whose node has one output, always dy[0]. */
    const void *dy[TN_MAX_OUT];
    void *dx
        [TN_MAX_IN]; /* overwritten, but where `adds` says to add: the plan adds where values fan out */
    void *w[TN_MAX_PARAMS];          /* f32, in the layout asked for */
    const void *half[TN_MAX_PARAMS]; /* the same in f16 or bf16, if that is the plan's precision */
    void *dw[TN_MAX_PARAMS];         /* overwritten; f32 */
    void *saved, *scratch;
    float
        *sums; /* forward: C sums over y[0]'s channels, then C over its squares, if it gives them */
    const float *x_sums[TN_MAX_IN]; /* and those of x[i], if it has them */
    void *kept;                     /* of kept_bytes: arrange() writes it, forward() reads it */
    int labels; /* of an op with labels: which of tn_run_state.share_rows is that of its own */
    bool adds
        [TN_MAX_IN]; /* backward: dx[i] holds what this is to be added to; only where the binding has may_add[i] */
} tn_call;

enum { TN_MAX_LISTS = 4 };

typedef struct tn_kernel {
    unsigned version; /* TN_SYS_VERSION: of a kernel that is not Tenon's own */
    const char *op;
    /* Where an op has several kernels: they are asked in this order, from the lowest, and no two have the same. */
    int rank;
    const char *name; /* which one it is, where an op has several: "onednn" */
    /* Which lists of post-operations it takes, beside none; the first without any ends them. And which op it may do
     * as well, if that alone reads what it makes (tn_binding.next); NULL: none. */
    tn_post posts[TN_MAX_LISTS][TN_MAX_POST];
    const char *next;
    /* Says why not through tn_fail(TN_ERR_UNSUPPORTED, ...). NULL: every node. Asked of a node with such a list, too,
     * before it gets that. */
    tn_status (*supports)(const tn_node *n);
    /* TN_ERR_UNSUPPORTED: the next kernel is tried; nobody is told of it if the sentence is empty. May be called with a node of any batch size. */
    tn_status (*prepare)(tn_backend_device *d, const tn_node *n, tn_binding *b);
    tn_status (*forward)(const tn_call *c);
    tn_status (*backward)(const tn_call *c); /* NULL: has none (inputs that need no gradient) */
    void (*release)(void *state);            /* NULL is never passed */
    /* The library and implementation chosen, "jit:avx512_core"; NULL or returns NULL: none to tell. */
    const char *(*describe)(const void *state);
    /* Makes what is kept of the weights: before a run, and again once they have changed. Is given them, scratch, and no x
     * and y. NULL: it keeps nothing. */
    tn_status (*arrange)(const tn_call *c);
    /* It is only for nodes with a weight that another node makes (tn_binding.maker): of others the next one is the first. */
    bool of_made;
    /* Its backward does all of those lists, and gives the gradients of what they read beside: it takes them where something is
     * trained, too. */
    bool trains_posts;
    /* Which op it takes beside its own (tn_node.beside), trained or not; NULL: none. */
    const char *beside;
} tn_kernel;

/**
 * The device, or every one of a group, has this kernel too from now on; plans made before do not change. It may be for an
 * operation of the program's own or for one of Tenon's: the lowest `rank` that accepts a node does it. The table is borrowed
 * until the device is closed.
 * @return TN_ERR_ARGUMENT for another version, without op, prepare() or forward(), or if the device has one of that op and rank
 */
TN_API TN_CHECKED tn_status tn_device_add_kernel(tn_device *device, const tn_kernel *kernel);

#ifdef __cplusplus
}
#endif
#endif
