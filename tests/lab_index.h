/* Answers of layers that move elements: y's element by element, each by its place in every dimension. */
#ifndef TN_LAB_INDEX_H
#define TN_LAB_INDEX_H

#include "lab_op.h"

static inline void lab_index(const tn_shape *s, int64_t number, int64_t *index)
{
    for (int i = s->ndim - 1; i >= 0; i--) {
        index[i] = number % s->dim[i];
        number /= s->dim[i];
    }
}

static inline int64_t lab_number(const tn_shape *s, const int64_t *index)
{
    int64_t number = 0;
    for (int i = 0; i < s->ndim; i++)
        number = number * s->dim[i] + index[i];
    return number;
}

/* y = x at the place that `from` gives; where it gives none, `rest`. */
static inline void lab_move(const lab_ref *r,
                            bool (*from)(const lab_ref *r, const int64_t *y, int64_t *x),
                            double rest)
{
    int64_t count;
    assert_ok(tn_shape_count(&r->y_shape, &count));
    for (int64_t i = 0; i < count; i++) {
        int64_t y[TN_MAX_DIMS] = {0}, x[TN_MAX_DIMS] = {0};
        lab_index(&r->y_shape, i, y);
        r->y[i] = from(r, y, x) ? r->x[0][lab_number(&r->x_shape[0], x)] : rest;
    }
}

/* The graph is refused with that status, in those words. */
#define LAB_REFUSES(status, says, shape, call)              \
    do {                                                    \
        tn_graph *g = NULL;                                 \
        assert_ok(tn_graph_create(&g));                     \
        const tn_value x = tn_input(g, "x", TN_F32, shape); \
        (void)(call);                                       \
        assert_fails(tn_graph_status(g), status, says);     \
        tn_graph_destroy(g);                                \
    } while (0)

#endif
