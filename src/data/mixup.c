#include "data/mixup.h"

#include <math.h>

#include "base/random.h"
#include "data/share.h"

enum { WHOLE = 256 };

/* The share of a batch, of WHOLE. */
static unsigned share_of(const tn_loader *l, const tn_slot *s)
{
    const uint64_t stream = (uint64_t)s->epoch << 32 | (uint64_t)s->index;
    tn_random r = tn_random_begin(l->seed, TN_RANDOM_MIXUP, stream);
    return (unsigned)rint(WHOLE * tn_random_beta(&r, l->origin.mixup));
}

/* Sums fit in 16 bits, which is what makes this loop fast. */
static void mix(uint8_t *restrict a, uint8_t *restrict b, size_t bytes, unsigned share)
{
    const uint16_t own = (uint16_t)share, other = (uint16_t)(WHOLE - share);
    for (size_t i = 0; i < bytes; i++) {
        const uint16_t x = a[i], y = b[i];
        a[i] = (uint8_t)((uint16_t)(own * x + other * y + WHOLE / 2) / WHOLE);
        b[i] = (uint8_t)((uint16_t)(own * y + other * x + WHOLE / 2) / WHOLE);
    }
}

/* How a row of labels says with what it was mixed. */
static void tell(const tn_loader *l, tn_slot *s, int row, int partner, unsigned share)
{
    const int32_t *label = tn_queue_row(&l->queue, s, TN_SET_LABELS, partner);
    *(int32_t *)tn_queue_row(&l->queue, s, TN_SET_PARTNERS, row) = *label;
    *(float *)tn_queue_row(&l->queue, s, TN_SET_SHARES, row) =
        partner == row ? 1 : (float)share / WHOLE;
}

void tn_mixup(const tn_loader *l, tn_slot *s)
{
    const tn_queue *q = &l->queue;
    const unsigned share = share_of(l, s);
    for (int i = 0; i < q->rows; i += 2) {
        const bool pair = i + 1 < q->rows && s->row[i].holds && s->row[i + 1].holds;
        if (pair && (!l->device || tn_share_fills(l->device, q->rows, i)))
            mix(tn_queue_row(q, s, TN_SET_IMAGES, i), tn_queue_row(q, s, TN_SET_IMAGES, i + 1),
                q->row_bytes[TN_SET_IMAGES], share);
        for (int row = i; row < i + 2 && row < q->rows; row++)
            if (s->row[row].holds)
                tell(l, s, row, pair ? 2 * i + 1 - row : row, share);
    }
}
