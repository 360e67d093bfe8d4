#include "tensor/route.h"

void tn_route_strides(const tn_shape *shape, int64_t *stride)
{
    int64_t step = 1;
    for (int i = shape->ndim - 1; i >= 0; i--) {
        stride[i] = step;
        step *= shape->dim[i];
    }
}

int64_t tn_route_count(const tn_route *w)
{
    int64_t count = 1;
    for (int i = 0; i < w->ndim; i++)
        count *= w->dim[i];
    return count;
}

tn_route tn_route_back(const tn_route *w)
{
    tn_route back = *w;
    for (int i = 0; i < w->ndim; i++) {
        back.to[i] = w->from[i];
        back.from[i] = w->to[i];
    }
    back.to_at = w->from_at;
    back.from_at = w->to_at;
    back.rest = 0;
    return back;
}

static bool follows(const tn_route *w, int outer, int inner)
{
    return w->to[outer] == w->to[inner] * w->dim[inner] &&
           w->from[outer] == w->from[inner] * w->dim[inner];
}

void tn_route_merge(tn_route *w)
{
    int count = 0;
    for (int i = 0; i < w->ndim; i++) {
        if (w->dim[i] == 1)
            continue;
        w->dim[count] = w->dim[i];
        w->to[count] = w->to[i];
        w->from[count] = w->from[i];
        if (count > 0 && follows(w, count - 1, count)) {
            w->dim[count - 1] *= w->dim[count];
            w->to[count - 1] = w->to[count];
            w->from[count - 1] = w->from[count];
        } else {
            count++;
        }
    }
    if (count == 0) {
        w->dim[0] = w->to[0] = w->from[0] = 1;
        count = 1;
    }
    w->ndim = count;
}
