/*
 * What a plan is: made by its passes (passes.h), run by src/run, on several devices by src/group.
 *
 * Everything small lives in plan->arena and goes with it.
 */
#ifndef TN_PLAN_INTERNAL_H
#define TN_PLAN_INTERNAL_H

#include <stdatomic.h>

#include "backends/backend.h"
#include "base/arena.h"
#include "base/base.h"
#include "graph/graph.h"
#include "plan/kind.h"
#include "plan/store.h"

typedef struct tn_group tn_group;

enum { TN_NO_BUFFER = -1 };
enum { TN_TALLY = 2 }; /* numbers of one in tn_plan.tallies */

/* What device memory a buffer is in: memory.c lays out the first. */
typedef enum tn_place { TN_IN_MEMORY, TN_IN_WEIGHTS, TN_IN_GRADIENTS, TN_IN_KEPT } tn_place;

/* A stretch of device memory. Steps are counted through forward and backward. */
typedef struct tn_buffer {
    tn_place place;
    size_t bytes;
    int first, last; /* steps at which it is in use; first > last: never */
    bool always;     /* in use from before the first step to after the last */
    int same_as;     /* the buffer whose memory it shares, or TN_NO_BUFFER */
    bool part;       /* of that one: begins `at` bytes into it */
    size_t at;
    size_t offset;       /* in its place, bytes */
    const tn_kept *kept; /* in that */
} tn_buffer;

/* Rows that hold a sample; how many the program told; and of each labels those that are there, of which a row may have
 * many. */
typedef struct tn_plan_rows {
    int64_t samples, told, labelled[TN_MAX_LABELS];
} tn_plan_rows;

/* One value; id i of the graph is value[i - 1], reorders add more behind. */
typedef struct tn_plan_value {
    const char *name; /* of the node that makes it */
    /* A parameter or a constant: the graph's node, else NULL. Its layout is what its first reader wants. */
    const tn_node *source;
    bool settled;   /* that is known */
    tn_stored lent; /* `at`: a parameter lies there, which kernels may read */
    int param;      /* of a parameter, its place in plan->param, from 1; else 0 */
    tn_shape shape;
    tn_dtype dtype;
    int8_t batch; /* which dimension is the batch, or TN_BATCH_... */
    int producer; /* index of its node, -1 if the plan does not compute it */
    int output;   /* which output of that node */
    bool input;   /* set by the program, */
    bool set;     /* and it has been */
    void *inlet;  /* the way in for it, if the backend has such */
    void *
        outlet; /* a reorder: the way out of a kept one that is not canonical, where memory is the host's */
    int labels; /* of a mean over rows: which of tn_run_state.share_rows, from 1; else 0 */
    int64_t samples,
        labelled; /* then, as they were set last: rows up to the last with a label; labels that are there */
    bool kept;    /* readable after a run */
    bool in_loss; /* the loss depends on it, or is it */
    bool frozen;  /* a parameter that the plan's options freeze */
    bool wants_gradient;
    bool relu;     /* made by one, and read by one node alone */
    int readers;   /* nodes that read it, once for each time */
    bool fixed;    /* changes only if parameters are set, or another plan trains them */
    bool run_time; /* some of them in each run, not only to arrange weights */
    const tn_layout *layout;
    const tn_layout *part; /* in which it would be a part of what its only reader joins, or NULL */
    size_t part_at;        /* where there, bytes */
    size_t bytes;
    int buffer, gradient; /* buffers, or TN_NO_BUFFER */
    bool halved;          /* some node reads it as a parameter in half precision, and it is none */
    int half;             /* the buffer of that copy, or TN_NO_BUFFER */
    bool
        has_sums; /* who makes it leaves sums over its channels beside it (tn_binding.gives_sums), */
    int sums;     /* in this buffer, or TN_NO_BUFFER */
    int tally;    /* kept scalars: place in plan->tallies, from 1; else 0 */
} tn_plan_value;

typedef struct tn_plan_node {
    tn_node node;            /* copy: fusing changes it */
    const tn_kernel *kernel; /* NULL: input or view */
    const char *also;     /* the operations that it does after its own, "pool2d+relu"; NULL: none */
    const char *refusals; /* why kernels that come before it refused; NULL: none did */
    tn_binding bind;
    int saved;      /* buffer, */
    int scratch;    /* and so: of its forward step */
    tn_kept *kept;  /* what it keeps of its weights; NULL: nothing */
    bool fixed;     /* what it makes is: see arrange.c */
    bool only_then; /* so, and read only when another node arranges it */
    bool backward;  /* a gradient is wanted through it */
    bool gone;      /* absorbed by another */
} tn_plan_node;

/* One parameter or statistic, and where it lies in the flat arenas. */
typedef struct tn_plan_parameter {
    const tn_node *node; /* the graph's, a `param` */
    const tn_param_spec *spec;
    int32_t value;
    const tn_layout *layout;
    bool trained;
    int group;           /* from 1; 0: in none */
    size_t begin, count; /* elements, in device layout */
    const char *name;    /* the whole of it, "conv1.weight" */
    tn_from from;        /* what became of it in a model that the plan begins as */
    ptrdiff_t number;    /* and where it is there */
    float *at;           /* on the device */
    bool own;            /* in memory that this plan took */
    ptrdiff_t stored;    /* its number in the weights, -1: it is not in them */
    bool lent;           /* to those, and only read */
    int64_t version;     /* that it began as */
} tn_plan_parameter;

/* Elements of the arenas whose parameters lie behind each other: see borrow.c. */
typedef struct tn_stretch {
    float *w;
    size_t begin, end;
} tn_stretch;

typedef enum tn_step_kind {
    TN_STEP_FORWARD,
    TN_STEP_BACKWARD,
    TN_STEP_HALVE,
    TN_STEP_ADD,
    TN_STEP_TALLY
} tn_step_kind;

/* One thing to do; buffers become pointers in memory.c. */
typedef struct tn_step {
    tn_step_kind kind;
    tn_plan_node *node;
    tn_call call;               /* FORWARD, BACKWARD */
    int dx[TN_MAX_IN];          /* BACKWARD: buffers to write, or TN_NO_BUFFER */
    bool adds[TN_MAX_IN];       /* so: to add to what is there */
    int dw[TN_MAX_PARAMS];      /* so, too */
    int to, from;               /* HALVE: to = from; ADD: to += from; TALLY: from */
    int scratch;                /* buffer, or TN_NO_BUFFER */
    const tn_plan_value *value; /* ADD: whose gradient; TALLY, HALVE: which it is */
    void *to_data;
    const void *from_data;
} tn_step;

/* What is replayed: a run, an update, both in one, an evaluation. */
typedef enum tn_record_kind {
    TN_RECORD_RUN,
    TN_RECORD_UPDATE,
    TN_RECORD_STEP,
    TN_RECORD_EVALUATE,
    TN_NUM_RECORDS
} tn_record_kind;

typedef struct tn_recording {
    void *handle; /* the backend's, NULL: none yet */
    bool warm;    /* all of it has been run once, so that everything it needs is loaded */
    bool refused;
} tn_recording;

/* A stretch of the trained parameters: on one device all of them. Where several train, the gradients of one
 * are summed up over all devices while backward goes on with the next. */
typedef struct tn_bucket {
    size_t begin, end;     /* elements of the arenas */
    size_t step;           /* the one that writes the last of its gradients */
    const char *name;      /* the node of its first parameter */
    tn_param_range *range; /* the plan's, cut out and counted from `begin` */
    int num_ranges;
} tn_bucket;

/* Of a range of parameters: what its rate is without a group's, and the group, from 1; 0: none. */
typedef struct tn_plan_range {
    float rate;
    int group;
} tn_plan_range;

/* A plan that is one of several replicas, see src/group: its place among them. */
typedef struct tn_share {
    int rank, ranks; /* of 0: it is the whole */
    const tn_collectives *collectives;
    tn_comm *comm;
    bool stale;   /* parameters and what the optimizer keeps are to be taken from rank 0 */
    bool uneven;  /* running statistics are those of this replica's rows */
    bool summed;  /* `gradients` are those of all replicas */
    bool reduced; /* there are sums to wait for; not so where they came from a file */
} tn_share;

struct tn_plan {
    const tn_plan_kind *kind;
    const tn_graph *graph;
    tn_graph *resized; /* the same, if it was made for opts.batch */
    tn_group *group;   /* of a group: its replicas, and all that follows `opts` is theirs */
    tn_device *device;
    tn_store
        *store; /* what it has with other plans on the device; NULL: it has its parameters alone */
    int64_t seen; /* which of the store's changes it knows */
    bool shares;  /* in a call that has entered reading */
    bool beside;  /* is made while others of the store run */
    bool trains;  /* it has run in training mode */
    tn_plan_opts opts;
    tn_share share;
    atomic_llong done; /* steps run so far: that it goes on */
    tn_arena arena;
    tn_run_state run;
    struct tn_plan_trace *trace; /* of a profile: what was not told yet; NULL: nothing */
    double stepped;              /* when the last step that one was told of ended */

    tn_plan_value *value;
    size_t num_values, value_capacity;
    tn_plan_node **node; /* in the order they run */
    size_t num_nodes, node_capacity;
    tn_buffer *buffer;
    size_t num_buffers, buffer_capacity;
    tn_step *step;
    size_t num_steps, step_capacity;
    size_t num_forward; /* steps before the first backward one */
    int32_t
        loss; /* the value whose gradient a run begins with: the loss as one number of f32; 0: none */

    tn_plan_parameter *param;
    int num_params;
    const char **left; /* numbers of a model that are none of its parameters */
    int num_left;
    tn_param_range *range;
    tn_plan_range *range_of; /* the same ranges */
    int num_ranges;
    tn_param_group *param_group; /* completed; their patterns are not to be looked at any more */
    tn_bucket *bucket;           /* in the order in which backward gets done with them */
    int num_buckets;
    /* Elements: trained ones come first, running statistics last. */
    size_t trained_count, statistics, param_count;
    size_t own_count; /* of them those that lie in memory which this plan takes */
    tn_stretch *stretch;
    int num_stretches;
    int num_slots;
    const char *const *slot_name; /* as the optimizer's options were when the plan was made */
    const tn_optim_kernel *optim_kernel;

    /* Device memory; all NULL in a dry plan. */
    size_t buffer_bytes; /* of all buffers, if none shared its place with another */
    size_t arena_bytes, input_bytes, scratch_bytes;
    unsigned char *memory; /* of buffers */
    float *weights;        /* that it took, and that no store has yet */
    float *gradients, *gradient_sum, *slot[TN_MAX_SLOTS];
    float *
        average; /* of all parameters, and statistics; or, while averages are used, what is trained */
    float *kept_statistics; /* from before the runs of the update that comes next, */
    bool averaged;          /* averages are used */
    void *half;             /* the weights in f16 or bf16 */
    bool weights_changed;   /* since the last run, other than by an update */
    bool begun;             /* there has been a run */
    bool *choice_found;     /* of opts.kernels: there is such a node; */
    const char *no_layers;  /* for which there is none; NULL: for all there is */
    size_t spare;           /* what tn_binding.spare offers */
    tn_kept *kept;          /* its own; with weights they become the store's */
    size_t kept_bytes;      /* of those */
    unsigned char *stage;   /* of inlets */
    size_t stage_bytes;
    double *tallies;      /* of each kept scalar its sum over runs, and over how many */
    double *kept_tallies; /* and these, in the same memory */
    int num_tallies;

    tn_recording recording[TN_NUM_RECORDS];
    bool pending; /* a run was asked for and waits for its update, to be replayed as one */
    bool on_host; /* some of its steps are functions of the program: they cannot be recorded */
    char replay_why[160]; /* not: why the device does not replay */

    bool tells_rows; /* the program does, for want of labels: */
    int64_t told;    /* this many */
    int runs_since_update;
    double full; /* which part of the labels of the whole batch, as it was set last, are such */
    double
        summed_weight; /* of the runs since the last update, each weighed by that: what their sum is divided by */
    int64_t updates;
    int64_t skipped; /* of these left out, on a device that has no `control` to count them */
    float gradient_norm;
};

static inline const tn_plan *tn_plan_first(const tn_plan *p)
{
    return p->kind->first(p);
}

static inline const tn_backend *tn_plan_backend(const tn_plan *p)
{
    return p->device->backend;
}

/* kernels.c: the kernels of that op that the device has, one after the other by rank: NULL for the first; returns
 * NULL after the last. */
const tn_kernel *tn_plan_next_kernel(const tn_plan *p, const tn_op *op, const tn_kernel *last);
/* Does it take the node, with its list of post-operations? */
tn_status tn_plan_supports(const tn_kernel *k, const tn_node *n);

static inline tn_plan_value *tn_plan_value_of(const tn_plan *p, int32_t id)
{
    return &p->value[id - 1];
}

static inline bool tn_plan_is_half(const tn_plan *p)
{
    return p->run.precision == TN_PRECISION_F16 || p->run.precision == TN_PRECISION_BF16;
}

/* "conv1" of "conv1.weight": the layer that made the parameter; of one that the program made, itself. */
static inline const char *tn_plan_param_maker(const tn_plan_parameter *w)
{
    return w->node->made_by ? w->node->made_by->name : w->node->name;
}

/* Parameters begin at multiples of so many elements: 256 bytes of a half-precision copy, 512 of f32. */
static inline size_t tn_plan_padded(size_t count)
{
    enum { ALIGN_ELEMENTS = 128 };
    return (count + ALIGN_ELEMENTS - 1) / ALIGN_ELEMENTS * ALIGN_ELEMENTS;
}

/* borrow.c: where an element of the arena of parameters is. What has been changed, in weights that others have too:
 * parameter number `index`; those that are trained, or the running statistics. */
float *tn_plan_weight(const tn_plan *p, size_t begin);
void tn_plan_note_change(tn_plan *p, int index);
void tn_plan_note_changes(tn_plan *p, bool trained);
/* arrange.c: before a run, since weights have changed: what is kept of them is made of those that there are now. Or: it is
 * gone. */
tn_status tn_plan_arrange(tn_plan *p);
tn_status tn_plan_spoil_kept(tn_plan *p);
/* Around each use of the device, which other threads may take weights from; with what is newest of them. reading(): of a plan
 * without a loss other threads may do the same at the same time, once what is made of weights is made. */
tn_status tn_plan_enter(tn_plan *p, bool newest);
tn_status tn_plan_enter_reading(tn_plan *p, bool newest);
tn_status tn_plan_leave(tn_plan *p, tn_status status);

/* bind.c: where a buffer is, once there is memory; NULL for TN_NO_BUFFER. */
void *tn_plan_address(const tn_plan *p, int buffer);
/* What its kernel is called with forward. */
void tn_plan_bind_forward(const tn_plan *p, const tn_plan_node *pn, tn_call *c);

/* May the program ask for the gradient of that value, if the loss depends on it? Of a parameter it may by its number. */
static inline bool tn_plan_keeps_gradient(const tn_plan *p, const tn_plan_value *v)
{
    if (v->input)
        return p->opts.input_gradients;
    return v->kept && !v->source && p->opts.keep_gradients;
}

/* create.c: a plan of that kind with nothing in it; all passes, and memory unless it is dry. */
tn_status tn_plan_new(tn_plan **out, const tn_plan_kind *kind, const tn_graph *g, tn_device *device,
                      const tn_plan_opts *opts);
tn_status tn_plan_make(tn_plan *p);
void tn_plan_free(tn_plan *p);
tn_status tn_plan_check_opts(const tn_plan_opts *opts);

/* steps.c: what did the node's kernel choose? Not of an input or a view. */
const char *tn_plan_kernel_name(const tn_plan_node *pn);

/* rows.c: the input has been set to that; what all labels have; which part of all places that is. */
void tn_plan_count_rows(tn_plan *p, tn_plan_value *v, const int32_t *label);
tn_plan_rows tn_plan_own_rows(const tn_plan *p);
double tn_plan_fullness(const tn_plan *p, const tn_plan_rows *rows, int shares);

/* So many hold a sample, where the program tells it; may it, in rows of which there are so many? */
tn_status tn_plan_check_rows(const tn_plan *p, int64_t rows, int64_t most);
void tn_plan_tell_rows(tn_plan *p, int64_t rows);

/* Does an update find the gradients' norm first? */
static inline bool tn_plan_measures(const tn_plan *p)
{
    return p->opts.clip_norm > 0 || p->opts.gradient_norm || p->opts.guard ||
           p->run.precision == TN_PRECISION_F16;
}

/* groups.c: all ranges as their groups' rates say. */
void tn_plan_set_ranges(tn_plan *p);

/* transfer.c: canonical host memory to and from any layout. */
tn_status tn_device_upload(tn_device *device, const tn_shape *shape, tn_dtype dtype,
                           const tn_layout *layout, void *to, const void *host);
tn_status tn_device_download(tn_device *device, const tn_shape *shape, tn_dtype dtype,
                             const tn_layout *layout, void *host, const void *from);
tn_status tn_plan_upload(tn_plan *p, const tn_shape *shape, tn_dtype dtype, const tn_layout *layout,
                         void *to, const void *host);
/* When its work has been waited for, as download() does: what its kernels could not go on with. */
tn_status tn_plan_found(tn_plan *p);
tn_status tn_plan_download(tn_plan *p, const tn_shape *shape, tn_dtype dtype,
                           const tn_layout *layout, void *host, const void *from);

#endif
