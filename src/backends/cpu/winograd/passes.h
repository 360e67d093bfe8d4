/*
 * The three passes of conv2d by Winograd's method, over the transforms of winograd/tile.h.
 *
 * Forward and backward data are the same walk: filters become U once, then each thread takes a block of
 * tiles after another and makes V, M and the results of that block in a slab of its own, which its share
 * of the caches can hold. Backward data has another number of tiles than forward; where much padding makes
 * it larger (5 x 5 over 12 x 12 without padding: 2 x 2 tiles forward, 3 x 3 backward) the forward pass is
 * walked backward instead: tiles of dx overlap, so that all of an image's are one thread's. Where there is
 * no more than a block for each thread, and U does not stay in L2 (one image; the last layers of a deep
 * net), each would read all of U for its few tiles: then all threads are at all tiles together, and each
 * has some of the products.
 *
 * Backward weights: where dU is small, tiles are cut into as many parts as there are threads, each with a dU of its
 * own; dx, if it is the forward pass backward, is made in the same go, since both need D. Where dU is large,
 * all threads are at one block, each at its part of V and D, then at its part of dU.
 *
 * V is made again there, not kept from forward. Making it is 2.4 % of a training step of AlexNet at batch 32, but
 * kept it leaves the caches that it would stay in. Tried on 2 Zen 3 cores, the step then took 1.02 of the
 * time for AlexNet with the V of two layers kept (36 MB, where a tenth more memory is all that may be taken),
 * 1.03 for LeNet and 1.08 for ResNet-18 with all of it kept.
 *
 * The bias' gradient: A' has a row of ones, so one of the D[q] holds the sums of dy over each tile.
 *
 * The same bits come out for the same number of threads; y and dx, whose sums all have their own order, for
 * any.
 */
#ifndef TN_CPU_WINOGRAD_PASSES_H
#define TN_CPU_WINOGRAD_PASSES_H

#include "backends/cpu/onednn/onednn.h"
#include "backends/cpu/winograd/tile.h"

/* Forward, or backward data: results `to` from pixels `from`. */
typedef struct tn_wino_walk {
    tn_wino_order order; /* of U; TRANSPOSED: backward data as the forward pass backward */
    tn_wino_grid from, to;
    int64_t tiles, block;    /* in all, and in one block */
    bool together;           /* one block for all threads, */
    int64_t piece;           /* who each multiply so many blocks of columns at a time */
    tn_wino_slab v, m;       /* of one block; data NULL */
    size_t v_at, m_at, each; /* in scratch: the first thread's, and bytes a thread */
} tn_wino_walk;

/* Backward weights. */
typedef struct tn_wino_weights {
    bool own;      /* each thread has dU, db and blocks of its own; else one for all */
    bool data;     /* and dx is made in the same go */
    int64_t block; /* tiles */
    tn_wino_slab v, d;
    size_t at, each;                 /* in scratch: the first thread's part, and bytes a thread */
    size_t v_at, d_at, du_at, db_at; /* in that */
} tn_wino_weights;

typedef struct tn_wino {
    const tn_wino_code *code;
    const tn_wino_tile *tile;
    char name[32];
    bool relu, adds;
    tn_wino_end end;                     /* what holds y */
    int64_t groups, channels, filters;   /* in a group, */
    int64_t wide_channels, wide_filters; /* and with those that fill its last block, which are 0 */
    tn_wino_walk forward, data;
    tn_wino_weights weights;
    tn_wino_slab u, u_transposed; /* u: also dU */
    size_t scratch, shared;       /* bytes: of the forward pass; of those, what all passes have */
    size_t u_at, bias_at;         /* in that */
    int64_t bound;                /* bytes of all threads' slabs */
    bool keeps;                   /* nothing is trained: U of the forward pass is kept */
} tn_wino;

/*
 * Fills *s and the whole binding but `state`; TN_ERR_UNSUPPORTED if it is not faster by the rule
 *
 *     1.2 n n (T C K + 12 T (C + K) + 64 C K) < N P Q C K r r
 *
 * with T tiles in all, and C and K of a group in whole blocks, but C on the right as it is: on the left the
 * products and what moving a number of V, M and U costs beside them, counted in multiplications; on the right
 * those of the formula. Where U is kept from run to run it is only read: 16 C K in place of 64. Then the formula's
 * filters count too, 16 C K r r, since of few pixels to read them takes long on either side, and 1.1 in place of 1.2 is gain
 * enough. Of two tiles the one for which the left is less; the 4 x 4 one only where its U is kept: one image's
 * few tiles leave U to be what counts.
 */
void tn_wino_prepare(tn_maker *m, tn_wino *s, const tn_node *n, tn_binding *b,
                     const tn_wino_code *code);
/* U, if it is kept; then y. */
void tn_wino_arrange(const tn_wino *s, const tn_call *c);
void tn_wino_forward(const tn_wino *s, const tn_call *c);
void tn_wino_backward(const tn_wino *s, const tn_call *c);

#endif
