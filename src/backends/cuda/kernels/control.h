/*
 * What changes from step to step, in device memory: one of each plan. Captured kernels read it, so that a
 * replay uses what holds then; the host writes it by launching a small kernel in front.
 */
#ifndef TN_CUDA_CONTROL_H
#define TN_CUDA_CONTROL_H

#include "backends/cuda/kernels/gpu.h"

enum { TNK_LABELS = 16 }; /* TN_MAX_LABELS */

/* What an optimizer's formula has beside the rate; a, b, rest and log as in optim.h. */
struct tnk_sgd_formula {
    float momentum, a, b;
};
struct tnk_adam_formula {
    float beta1, beta2, rest1, rest2, log1, log2, epsilon;
};
struct tnk_formula {
    float decay; /* before multipliers */
    union {
        struct tnk_sgd_formula sgd;
        struct tnk_adam_formula adam;
    };
};

struct tnk_control {
    uint64_t seed, step;          /* of the run: dropout */
    float share_rows[TNK_LABELS]; /* of the run: see tn_run_state */
    int64_t rows, all_rows;       /* of the run, too */
    int64_t updates;              /* number of the update, from 1 */
    int64_t skipped;              /* updates left out */
    float rate;                   /* of the update */
    float clip_norm;              /* likewise; 0: none */
    struct tnk_formula formula;   /* likewise */
    float factor; /* that the update multiplies gradients with: scale, clipping, 1 / loss scale */
    float norm;   /* 2-norm of gradients, in units of f32 training */
    float loss_scale; /* that the last run's loss was multiplied with; 1 but in f16 */
    float next_scale; /* of the next run; 0: not begun */
    int32_t growth;   /* updates since it changed */
    int32_t skip;     /* this update is left out: a gradient is not finite, or there is a fault */
    int32_t training; /* the last run was; */
    int32_t failed;   /* one that waits for the update has had a fault */
    int32_t fault;    /* a kernel of the run found something wrong, see below */
};

/* What a kernel found wrong; in pinned memory of the host, one of each device. The first stays. A block that
 * reads it waits a microsecond for the bus, and they wait in a row: kernels of many blocks ask the plan's control. */
enum { TN_FAULT_NONE, TN_FAULT_LABEL, TN_FAULT_INDEX, TN_FAULT_CLASS };
struct tn_cuda_fault {
    int32_t kind;
    int32_t value; /* the label or index */
    int64_t row;
    int64_t low, limit; /* it is not in [low, limit) */
    uint64_t where;     /* the tn_node of the host */
};

#endif
