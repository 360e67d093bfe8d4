/*
 * What saving and loading a checkpoint have in common: its tensors. See checkpoint.c for the file.
 */
#ifndef TN_CHECKPOINT_PARTS_H
#define TN_CHECKPOINT_PARTS_H

#include <tenon/checkpoint.h>

#include "base/base.h"
#include "plan/plan_io.h"

/* One part of one parameter, and the tensor that it is in the file. */
typedef struct tn_part {
    int param, part;
    char *name;
    tn_shape shape;
    size_t bytes;
} tn_part;

typedef struct tn_parts {
    tn_part *part;
    size_t count, capacity;
} tn_parts;

/* Every tensor of the plan, in the order of its parameters; `all`: also what the optimizer keeps and averages; the sum of
 * gradients only if asked. */
tn_status tn_parts_list(tn_parts *list, const tn_plan *plan, bool all, bool sum);
void tn_parts_free(tn_parts *list);

/* TN_ERR_ARGUMENT for keys that a program may not give. */
tn_status tn_checkpoint_check_meta(const tn_meta *meta, int count);

/* Bytes of the largest tensor. */
size_t tn_parts_largest(const tn_parts *list);

/* "sgd momentum": two optimizers with the same text can go on from each other's state. */
typedef struct tn_optimizer_text {
    char text[64];
} tn_optimizer_text;
tn_optimizer_text tn_optimizer_describe(const tn_plan *plan);

#endif
