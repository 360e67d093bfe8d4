#include "shares.h"

#include <math.h>

void shares_of_logits(float *x, int64_t count)
{
    float most = x[0];
    double sum = 0;
    for (int64_t i = 1; i < count; i++)
        most = x[i] > most ? x[i] : most;
    for (int64_t i = 0; i < count; i++)
        sum += exp((double)(x[i] - most));
    for (int64_t i = 0; i < count; i++)
        x[i] = (float)(exp((double)(x[i] - most)) / sum);
}
