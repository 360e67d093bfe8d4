/* What conv2d_first.c and first/pool.c have in common. */
#ifndef TN_CPU_CONV_FEW_STATE_H
#define TN_CPU_CONV_FEW_STATE_H

#include "backends/cpu/device/cpu.h"
#include "backends/cpu/first/first.h"

typedef struct tn_few_state {
    const tn_few_code *code;
    tn_few size;
    char name[40];
    int64_t images, filters; /* filters: that there are, without what fills the last block */
    size_t bias;             /* in scratch; what follows, in each thread's part of it */
    size_t band, where, dz, dw, db;
    size_t threads, each; /* where those parts begin, and the bytes of one */
} tn_few_state;

static inline void *tn_few_scratch(const tn_call *c, size_t at)
{
    return (unsigned char *)c->scratch + at;
}

static inline void *tn_few_part(const tn_few_state *s, const tn_call *c, int thread, size_t at)
{
    return tn_few_scratch(c, s->threads + (size_t)thread * s->each + at);
}

/* What `rows` rows of image n need of x, from row p on; of what is pooled, where that is done too. */
void tn_few_copy_band(const tn_few *f, const float *x, int64_t n, int64_t p, int64_t rows,
                      float *band);

/* first/pool.c. Rows p and on of image n, to the dw and db of a part. */
void tn_few_add_pooled_band(const tn_few_state *s, const tn_call *c, int64_t n, int64_t p,
                            int part);
/* What the parts have of dw, laid out as w is; what fills its last block is 0. */
void tn_few_add_up_pooled(const tn_few_state *s, const tn_call *c, float *to);

#endif
