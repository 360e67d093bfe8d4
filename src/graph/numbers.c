#include "graph/numbers.h"

#include <math.h>
#include <string.h>

#include "tensor/half.h"

float tn_stored_largest(float scale, float most)
{
    const float near = scale * most;
    const float all[] = {near, nextafterf(near, 0), nextafterf(near, INFINITY)};
    for (int i = 0; i < 3; i++)
        if (all[i] / most == scale)
            return all[i];
    return near;
}

static void read_row(const int8_t *restrict from, int64_t columns, float scale, float most,
                     float *restrict to)
{
    const float largest = tn_stored_largest(scale, most);
    for (int64_t i = 0; i < columns; i++) {
        const float whole = from[i];
        to[i] = whole == most ? largest : whole == -most ? -largest : whole * scale;
    }
}

void tn_stored_read(const tn_stored *s, const tn_shape *shape, float *to)
{
    const uint16_t *half = s->at;
    const int8_t *whole = s->at;
    const int64_t count = tn_elements(shape), rows = s->dtype == TN_U8 ? shape->dim[0] : 0;
    if (s->dtype == TN_F32)
        memcpy(to, s->at, (size_t)count * sizeof *to);
    for (int64_t i = 0; s->dtype == TN_F16 && i < count; i++)
        to[i] = tn_from_f16(half[i]);
    for (int64_t i = 0; s->dtype == TN_BF16 && i < count; i++)
        to[i] = tn_from_bf16(half[i]);
    for (int64_t k = 0; k < rows; k++)
        read_row(whole + k * (count / rows), count / rows, s->scale[k], s->most,
                 to + k * (count / rows));
}
