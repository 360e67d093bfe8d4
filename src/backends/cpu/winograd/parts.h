/* What passes.c and weights.c have in common. */
#ifndef TN_CPU_WINOGRAD_PARTS_H
#define TN_CPU_WINOGRAD_PARTS_H

#include "backends/cpu/winograd/passes.h"

/* A slab that lies there in scratch. */
tn_wino_slab tn_wino_slab_at(const tn_call *c, tn_wino_slab slab, size_t at);
/* From row `row` on. */
tn_wino_slab tn_wino_row_of(const tn_wino *s, const tn_wino_slab *slab, int64_t row);
/* Matrix q, from block number `block` on. */
tn_wino_matrix tn_wino_matrix_of(const tn_wino *s, const tn_wino_slab *slab, int64_t q,
                                 int64_t block);

/* Blocks of filters times blocks of channels. */
int64_t tn_wino_blocks(const tn_wino *s);
/* All filters to U. */
void tn_wino_transform(const tn_wino *s, const tn_call *c, tn_wino_order order,
                       const tn_wino_slab *u);
/* M = V U, for all q, groups and columns. */
void tn_wino_multiply(const tn_wino *s, int64_t tiles, const tn_wino_slab *v, const tn_wino_slab *u,
                      bool transposed, const tn_wino_slab *m);
/* Sums begin with 0. */
void tn_wino_clear(const tn_wino *s, const tn_wino_grid *g, const tn_call *c, float *to);

void tn_wino_backward_weights(const tn_wino *s, const tn_call *c);

#endif
