/*
 * The passes that make a plan, and what they have in common. tn_plan_make() runs them in this order, one file each:
 *
 *   order     nodes that the loss and the kept values need, each after what it reads; then which
 *             inputs are labels (rows.c), and which parameters are frozen by their names (freeze.c)
 *   fuse      rewrite where that is free: relu after max-pooling, relu into conv2d
 *   needs     which values and parameters a gradient is wanted for (gradient.c)
 *   select    the first kernel that supports each node; layouts agreed, reorders put in between; what
 *             is only joined to a larger value written there at once (join.c)
 *   params    the flat arenas of parameters, gradients and optimizer state; which of them begin as a model's (from.c), which
 *             are another plan's (borrow.c), and what kernels keep of them (arrange.c)
 *   gradient  forward steps, then backward steps in reverse; a sum where a value fans out
 *   buckets   the stretches of them whose gradients devices sum up together
 *   memory    lifetimes, one arena, every pointer filled in
 */
#ifndef TN_PASSES_H
#define TN_PASSES_H

#include "graph/numbers.h"
#include "plan/plan.h"

tn_status tn_plan_order(tn_plan *p);
tn_status tn_plan_freeze(tn_plan *p);
tn_status tn_plan_find_labels(tn_plan *p);
tn_status tn_plan_fuse(tn_plan *p);
void tn_plan_needs(tn_plan *p);
tn_status tn_plan_select(tn_plan *p);
/* makers.c: tells the node's kernel of those before it; what it takes over goes, which are before node *index. */
void tn_plan_offer_makers(const tn_plan *p, tn_plan_node *pn);
void tn_plan_take_makers(tn_plan *p, size_t *index);
/* kernels.c, for select: a kernel for node number `index`, which tn_plan_ask() has told of what is around it. At last, whether
 * all that the program has chosen kernels for is there. */
void tn_plan_ask(const tn_plan *p, tn_plan_node *pn, const tn_plan_node *next);
tn_status tn_plan_choose(tn_plan *p, size_t index);
tn_status tn_plan_check_choices(tn_plan *p);
tn_status tn_plan_params(tn_plan *p);
tn_status tn_plan_match(tn_plan *p);
/* borrow.c: before select, how what is in the weights lies there; where all parameters lie, first on the device, then in
 * memory that was taken; at last others may have this plan's. */
tn_status tn_plan_borrow(tn_plan *p);
tn_status tn_plan_find_weights(tn_plan *p);
tn_status tn_plan_place_weights(tn_plan *p);
tn_status tn_plan_lend(tn_plan *p);
/* arrange.c: which values no run changes; who keeps how much; others may have it; and the end. */
void tn_plan_find_fixed(tn_plan *p);
tn_status tn_plan_choose_kept(tn_plan *p);
void tn_plan_lend_kept(tn_plan *p);
void tn_plan_drop_kept(tn_plan *p);
tn_status tn_plan_gradient(tn_plan *p);
tn_status tn_plan_buckets(tn_plan *p);
/* The plan's ranges, as far as they are in the bucket, but for those that stand still. */
void tn_plan_cut_ranges(const tn_plan *p, tn_bucket *b);
/* groups.c: which parameter is in which; does this range learn nothing for now? */
tn_status tn_plan_find_groups(tn_plan *p);
bool tn_plan_is_still(const tn_plan *p, int range);
tn_status tn_plan_lay_out(tn_plan *p);

/* Takes device memory, starts parameters, fills in pointers. */
tn_status tn_plan_allocate(tn_plan *p);
void tn_plan_release(tn_plan *p);
tn_status tn_plan_init_params(tn_plan *p);

/* from.c: the numbers of tn_plan_opts.from, or NULL. */
const tn_numbers *tn_plan_numbers(const tn_plan *p);

/* Counts readers anew; call after changing what reads what. */
void tn_plan_count_readers(tn_plan *p);

/* The bytes of a tensor in a layout; NULL is canonical. */
tn_status tn_layout_bytes(const tn_layout *layout, const tn_shape *shape, tn_dtype dtype,
                          size_t *bytes);

/* What an inlet needs for an input of so many bytes. */
static inline size_t tn_plan_stage_bytes(size_t bytes)
{
    return 2 * ((bytes + 255) / 256 * 256);
}

/* Of the copy in half precision of an f32 tensor. */
static inline size_t tn_plan_half_bytes(const tn_plan_value *v)
{
    return v->bytes / 2;
}

/* The arena of parameters has three parts, in this order. */
typedef enum tn_plan_part { TN_TRAINED, TN_FROZEN, TN_STATISTIC } tn_plan_part;
static inline tn_plan_part tn_plan_part_of_arena(const tn_plan_parameter *w)
{
    return w->trained ? TN_TRAINED : w->spec->statistic ? TN_STATISTIC : TN_FROZEN;
}

/* params.c: a buffer in the arena of gradients, where that of the parameter has to be. */
tn_status tn_plan_param_gradient(tn_plan *p, const tn_plan_value *v, int *out);

tn_status tn_plan_new_buffer(tn_plan *p, size_t bytes, int *out);
/* The first is a stretch of the other, from `at` bytes on. */
void tn_plan_part_of(tn_plan *p, int buffer, int whole, size_t at);

/* fuse.c: the node that alone reads what number `index` makes, which that may do as well; NULL: none. */
const tn_plan_node *tn_plan_next(const tn_plan *p, size_t index);
/* Number `index` does it, by the kernel that it has. */
tn_status tn_plan_take_next(tn_plan *p, size_t index);

/* join.c: sets v->part of the node's output, if there is such a layout. */
tn_status tn_plan_offer_part(tn_plan *p, const tn_plan_node *pn);
/* Its kernel took the offer. */
static inline bool tn_plan_is_part(const tn_plan_value *v)
{
    return v->part && v->layout == v->part;
}
/* All inputs are parts of its output already. */
bool tn_plan_is_joined(const tn_plan *p, const tn_plan_node *pn);
/* Those of its inputs that are parts share y's memory; the gradient of one such shares that of y. */
void tn_plan_join_buffers(tn_plan *p, const tn_plan_node *pn);
tn_status tn_plan_join_gradient(tn_plan *p, const tn_plan_node *pn, int input);

/* host.c: the kernel of a node that functions of the program compute. */
extern const tn_kernel tn_kernel_host;
tn_status tn_plan_bind_host(tn_plan *p, tn_plan_node *pn);

/* A node that changes the layout of its input; the plan puts it where neighbours differ. */
extern const tn_op tn_op_reorder;
extern const tn_kernel tn_kernel_reorder;
/* Is it a step of each run, and not only when weights are arranged? */
static inline bool tn_plan_runs(const tn_plan_node *pn)
{
    return !pn->only_then && !(pn->kept && pn->fixed);
}
/* Sets what layout it writes, before prepare(). */
typedef struct tn_reorder_opts {
    const tn_backend *backend;
    const tn_layout *to;
} tn_reorder_opts;

#endif
