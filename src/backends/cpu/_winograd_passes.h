/*
 * The three passes of conv2d by Winograd's method, over the transforms of _winograd.h.
 *
 * Forward and backward data are the same walk: filters become U once, then each thread takes a block of
 * tiles after another and makes V, M and the results of that block in a slab of its own, which its share
 * of the caches can hold. Backward data has another number of tiles than forward; where much padding makes
 * it larger (5 x 5 over 12 x 12 without padding: 2 x 2 tiles forward, 3 x 3 backward) the forward pass is
 * walked backward instead: tiles of dx overlap, so that all of an image's are one thread's. Backward weights walks through larger blocks, all threads at one: V and D of
 * the block are made, then each thread adds to its part of dU. Only U or dU has the size of all filters.
 *
 * The bias' gradient: A' has a row of ones, so one of the D[q] holds the sums of dy over each tile.
 *
 * Every sum has its own order: the same bits come out for any number of threads.
 */
#ifndef TN_CPU_WINOGRAD_PASSES_H
#define TN_CPU_WINOGRAD_PASSES_H

#include "backends/cpu/_onednn.h"
#include "backends/cpu/_winograd.h"

/* Forward, or backward data: results `to` from pixels `from`. */
typedef struct tn_wino_walk {
    tn_wino_order order; /* of U; TRANSPOSED: backward data as the forward pass backward */
    tn_wino_grid from, to;
    int64_t tiles, block;    /* in all, and in one block */
    tn_wino_slab v, m;       /* of one block; data NULL */
    size_t v_at, m_at, each; /* in scratch: the first thread's, and bytes a thread */
} tn_wino_walk;

typedef struct tn_wino {
    const tn_wino_code *code;
    const tn_wino_tile *tile;
    char name[32];
    bool relu;
    int64_t groups, channels, filters;   /* in a group, */
    int64_t wide_channels, wide_filters; /* and with those that fill its last block, which are 0 */
    tn_wino_walk forward, data;
    tn_wino_slab u, u_transposed; /* u: also dU */
    tn_wino_slab v, d;            /* of a block in backward weights */
    int64_t block;                /* tiles in that */
    size_t u_at, v_at, d_at, bias_at;
} tn_wino;

/* Tests set it: taken wherever it can be, faster or not. */
extern bool tn_wino_always;

/*
 * Fills *s and the whole binding but `state`; TN_ERR_UNSUPPORTED if it is not faster by the rule
 *
 *     1.2 n n (T C K + 32 T (C + K) + 64 C K) < N P Q C K r r
 *
 * with T tiles in all, and C and K of a group in whole blocks, but C on the right as it is: on the left the
 * products and what moving a number of V, M and U costs beside them, counted in multiplications; on the
 * right those of the formula.
 */
void tn_wino_prepare(tn_maker *m, tn_wino *s, const tn_node *n, tn_binding *b,
                     const tn_wino_code *code);
void tn_wino_forward(const tn_wino *s, const tn_call *c);
void tn_wino_backward_data(const tn_wino *s, const tn_call *c);
void tn_wino_backward_weights(const tn_wino *s, const tn_call *c);

#endif
