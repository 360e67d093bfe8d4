/* Probabilities of what a classifier says. */
#ifndef TOOLS_SHARES_H
#define TOOLS_SHARES_H

#include <stdint.h>

/* Logits, in place: exp(x) / sum of exp(x), without overflow. */
void shares_of_logits(float *x, int64_t count);

#endif
