/*
 * Mixing the rows of a batch in pairs: Zhang, Cisse, Dauphin, Lopez-Paz 2018, "mixup: Beyond Empirical Risk Minimization".
 *
 * The taker does it, since only that one knows which rows hold an image. Pairs are neighbours by place, not by where rows come
 * to lie: in a shuffled epoch those are as random as any, and of several ranks each has its pairs to itself.
 */
#ifndef TN_MIXUP_H
#define TN_MIXUP_H

#include "data/loader.h"

/* Mixes the images of a full batch, and says partners and shares of all rows. Before rows are moved. */
void tn_mixup(const tn_loader *l, tn_slot *s);

#endif
