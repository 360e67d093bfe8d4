#include "backends/cuda/elementwise/binary.h"

enum { VECTOR_BYTES = 16, ROWS_A_THREAD = 8, MOST_ACROSS = 32 };

/* The gradient of an input that was taken again; parts lie in scratch. */
typedef struct sums {
    struct tnk_places kept, summed;
    int64_t count, all;
    int32_t tiles, parts, across;
} sums;

typedef struct binary {
    tn_binary_spec spec;
    tn_dtype dtype;
    int64_t count;
    struct tnk_places at;
    int32_t whole;
    unsigned grid;
    bool summed[2];
    sums sums[2];
} binary;

/* ---- prepare -------------------------------------------------------------------------------- */

static bool is_whole(const tn_node *n, int i)
{
    const tn_shape x = tn_broadcast_input(n, i);
    return tn_shape_equal(&x, &n->y[0]);
}

/* y and input `whole` lie in the order N, H, W, C; the other is in rows. */
static tn_broadcast in_nhwc(const tn_node *n, int whole)
{
    static const int order[] = {0, 2, 3, 1};
    tn_broadcast s = {0};
    int64_t step = tn_elements(&n->y[0]);
    for (int i = 0; i < 4; i++) {
        const int d = order[i];
        const int64_t dim = n->y[0].dim[d], other = tn_broadcast_step(n, 1 - whole, d);
        step /= dim;
        tn_broadcast_add(&s, dim, whole == 0 ? step : other, whole == 0 ? other : step);
    }
    tn_broadcast_end(&s);
    return s;
}

static bool is_nhwc(const tn_layout *l)
{
    return l && tn_cuda_layout_from(l)->form == TN_CUDA_NHWC;
}

static tn_status choose_layouts(tn_backend_device *d, const tn_node *n, tn_binding *b,
                                tn_broadcast *out)
{
    const int whole = is_whole(n, 0) ? 0 : 1, other = 1 - whole;
    *out = tn_broadcast_of(n);
    if (n->y[0].ndim == 0) {
        b->x[0] = b->x[1] = b->y[0] = NULL;
        return TN_OK;
    }
    if (!is_whole(n, whole)) {
        for (int i = 0; i < n->num_in; i++)
            TN_TRY(tn_cuda_want_rows(d, n, b, i));
        return tn_cuda_give_rows(d, n, b);
    }
    TN_TRY(tn_cuda_want_any(d, n, b, whole));
    b->y[0] = b->x[whole];
    if (is_whole(n, other)) {
        b->x[other] = b->x[whole];
        return TN_OK;
    }
    if (is_nhwc(b->x[whole]))
        *out = in_nhwc(n, whole);
    return other < n->num_in ? tn_cuda_want_rows(d, n, b, other) : TN_OK;
}

static void add_place(struct tnk_places *p, const tn_broadcast *s, int d, int64_t y_step,
                      int64_t own_step)
{
    const int64_t step[TNK_PLACES] = {s->step[0][d], s->step[1][d], y_step, own_step};
    for (int i = 0; i < TNK_PLACES; i++)
        p->step[p->ndim][i] = step[i];
    p->dim[p->ndim++] = tnk_divisor_of(s->dim[d]);
}

/* Are vectors of so many in one line of the innermost dimension, wherever they begin? */
static bool takes_vectors(const tn_broadcast *s, int64_t lanes)
{
    const int last = s->ndim - 1;
    if (s->dim[last] % lanes)
        return false;
    for (int i = 0; i < 2; i++)
        for (int d = 0; d <= last && s->step[i][last] != 0; d++)
            if (s->step[i][last] != 1 || (d < last && s->step[i][d] % lanes))
                return false;
    return true;
}

/* Threads side by side for the sums, unless what is summed up lies side by side; and as many parts as fill the device. */
static void cut(const tn_backend_device *d, sums *s, bool inner)
{
    s->across = 1;
    if (inner)
        while (s->across < TNK_BINARY_BLOCK && s->all * s->across < TNK_BINARY_BLOCK)
            s->across *= 2;
    else
        while (s->across < s->count && s->across < MOST_ACROSS)
            s->across *= 2;
    s->tiles = (int32_t)((s->count + s->across - 1) / s->across);
    const int64_t down = TNK_BINARY_BLOCK / s->across;
    const int64_t most = (s->all + down * ROWS_A_THREAD - 1) / (down * ROWS_A_THREAD);
    const int64_t fill = tn_cuda_grid(d, INT64_MAX / 2) / s->tiles;
    s->parts = (int32_t)(fill < 1 ? 1 : fill < most ? fill : most);
}

static sums plan_sums(const tn_backend_device *d, const tn_broadcast *shape, int input)
{
    sums s = {.count = 1, .all = 1};
    int64_t below[TN_BROADCAST_DIMS + 1];
    below[shape->ndim] = 1;
    for (int i = shape->ndim; i-- > 0;)
        below[i] = below[i + 1] * shape->dim[i];
    for (int i = 0; i < shape->ndim; i++) {
        const int64_t own = shape->step[input][i];
        add_place(own ? &s.kept : &s.summed, shape, i, below[i + 1], own);
        *(own ? &s.count : &s.all) *= shape->dim[i];
    }
    cut(d, &s, shape->step[input][shape->ndim - 1] == 0);
    return s;
}

static tn_status check_count(const tn_node *n, const tn_broadcast *shape)
{
    if (shape->ndim == 1 || tn_elements(&n->y[0]) <= INT32_MAX)
        return TN_OK;
    return tn_fail(TN_ERR_UNSUPPORTED, "%s %s: y is %s: 2^31 elements or more are not broadcast",
                   n->op->name, n->name, tn_shape_format(&n->y[0]).text);
}

static void prepare_sums(tn_backend_device *d, const tn_node *n, tn_binding *b,
                         const tn_broadcast *shape, binary *s)
{
    for (int i = 0; i < 2; i++) {
        if (i < n->num_in ? !b->dx[i] : !b->dw[0] && !b->dw[1])
            continue;
        for (int j = 0; j < n->num_in; j++)
            b->backward_reads_x[j] |= s->spec.reads[i][j];
        s->summed[i] = tn_broadcast_repeats(shape, i) || i >= n->num_in; /* of another type */
        if (!s->summed[i])
            continue;
        s->sums[i] = plan_sums(d, shape, i);
        const size_t bytes = (size_t)(s->sums[i].parts * s->sums[i].count) * sizeof(float);
        b->scratch_bytes = b->scratch_bytes > bytes ? b->scratch_bytes : bytes;
    }
}

tn_status tn_binary_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b,
                            const tn_binary_spec *spec)
{
    tn_broadcast shape;
    TN_TRY(choose_layouts(d, n, b, &shape));
    TN_TRY(check_count(n, &shape));
    binary *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory(n->op->name, sizeof *s);
    s->spec = *spec;
    s->dtype = tn_cuda_dtype(b->y[0]);
    s->count = tn_elements(&n->y[0]);
    for (int i = 0; i < shape.ndim; i++)
        add_place(&s->at, &shape, i, 0, 0);
    const int64_t lanes = VECTOR_BYTES / (int64_t)tn_dtype_bytes(s->dtype);
    s->whole = takes_vectors(&shape, lanes);
    const bool vectors = s->whole || shape.ndim == 1;
    s->grid = tn_cuda_grid(d, vectors ? (s->count + lanes - 1) / lanes : s->count);
    prepare_sums(d, n, b, &shape, s);
    b->inplace = b->inplace_backward = is_whole(n, 0);
    b->state = s;
    return TN_OK;
}

void tn_binary_release(void *state)
{
    tn_free(state);
}

/* ---- both ways ------------------------------------------------------------------------------ */

static const void *param(const tn_call *c, int i)
{
    return i >= c->node->num_params ? NULL : c->half[i] ? c->half[i] : c->w[i];
}

/* What a formula reads. An input that it does not may be anywhere: dy is as large. */
static struct tnk_binary_args args_of(const tn_call *c, enum tnk_formula formula, const void *dy,
                                      void *to)
{
    const binary *s = c->state;
    const void *a = c->x[0], *b = c->node->num_in > 1 ? c->x[1] : param(c, 0);
    return (struct tnk_binary_args){.a = a ? a : dy,
                                    .b = b ? b : dy,
                                    .dy = dy,
                                    .c = c->node->num_in > 1 ? NULL : param(c, 1),
                                    .to = to,
                                    .count = s->count,
                                    .at = s->at,
                                    .formula = (int32_t)formula,
                                    .whole = s->whole};
}

static tn_status map(const tn_call *c, enum tnk_formula formula, const void *dy, void *to)
{
    const binary *s = c->state;
    struct tnk_binary_args a = args_of(c, formula, dy, to);
    TN_CUDA(
        c->device, c->node,
        TN_LAUNCH_TYPE(s->dtype, tnk_binary, s->grid, TN_CUDA_BLOCK, 0, c->device->compute, &a));
    return TN_OK;
}

tn_status tn_binary_forward(const tn_call *c)
{
    return map(c, ((const binary *)c->state)->spec.y, NULL, c->y[0]);
}

static tn_status sum_up(const tn_call *c, int i, enum tnk_formula formula, void *to, tn_dtype dtype)
{
    const binary *s = c->state;
    const sums *of = &s->sums[i];
    const struct tnk_binary_args read = args_of(c, formula, c->dy[0], to);
    struct tnk_binary_sum_args a = {.a = read.a,
                                    .b = read.b,
                                    .dy = read.dy,
                                    .part = c->scratch,
                                    .count = of->count,
                                    .all = of->all,
                                    .kept = of->kept,
                                    .summed = of->summed,
                                    .tiles = of->tiles,
                                    .parts = of->parts,
                                    .across = of->across,
                                    .formula = (int32_t)formula};
    struct tnk_binary_end_args end = {.part = c->scratch,
                                      .gradient = to,
                                      .count = of->count,
                                      .kept = of->kept,
                                      .parts = of->parts};
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(s->dtype, tnk_binary_sum, (unsigned)(of->tiles * of->parts),
                           TNK_BINARY_BLOCK, 0, c->device->compute, &a));
    TN_CUDA(c->device, c->node,
            TN_LAUNCH_TYPE(dtype, tnk_binary_end, tn_cuda_grid(c->device, of->count), TN_CUDA_BLOCK,
                           0, c->device->compute, &end));
    return TN_OK;
}

/* Of type dtype: a parameter's is f32. */
static tn_status find_gradient(const tn_call *c, int i, enum tnk_formula formula, void *to,
                               tn_dtype dtype)
{
    const binary *s = c->state;
    if (s->summed[i])
        return sum_up(c, i, formula, to, dtype);
    if (formula != TNK_DY)
        return map(c, formula, c->dy[0], to);
    if (to != c->dy[0])
        TN_CUDA(c->device, c->node,
                cudaMemcpyAsync(to, c->dy[0], (size_t)s->count * tn_dtype_bytes(s->dtype),
                                cudaMemcpyDeviceToDevice, c->device->compute));
    return TN_OK;
}

/* The first last: dx[0] may be in dy's place. */
tn_status tn_binary_backward(const tn_call *c)
{
    const binary *s = c->state;
    const bool own = c->node->num_in == 1;
    if (own && c->dw[1])
        TN_TRY(find_gradient(c, 1, TNK_DY, c->dw[1], TN_F32));
    if (own && c->dw[0])
        TN_TRY(find_gradient(c, 1, s->spec.gradient[1], c->dw[0], TN_F32));
    if (c->dx[1])
        TN_TRY(find_gradient(c, 1, s->spec.gradient[1], c->dx[1], s->dtype));
    if (c->dx[0])
        TN_TRY(find_gradient(c, 0, s->spec.gradient[0], c->dx[0], s->dtype));
    return TN_OK;
}
