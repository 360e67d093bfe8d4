#include "backends/cpu/elementwise/binary.h"

#include "backends/cpu/onednn/door.h"
#include "base/base.h"

enum { TILE = 8192 /* elements that a thread does in one go */ };

typedef struct binary {
    tn_broadcast shape;
    const tn_binary_loops *loops, *add;
    int kind;
    tn_walk outer; /* all but the two innermost dimensions */
    bool summed[2];
    tn_sums sums[2];
} binary;

/* ---- where x comes as it is laid out -------------------------------------------------------- */

/* Has input i all elements of y, in its shape? */
static bool is_whole(const tn_node *n, int i)
{
    const tn_shape x = tn_broadcast_input(n, i);
    return tn_shape_equal(&x, &n->y[0]);
}

/* The dimensions in the order of input `whole`, where the other is canonical; false if loops cannot go there. */
static bool as_laid_out(tn_backend_device *d, const tn_node *n, const tn_layout *layout, int whole,
                        tn_broadcast *out)
{
    tn_memory_order order;
    int64_t step[2], own = tn_elements(&n->y[0]);
    if (!tn_onednn_order(d, n, &n->y[0], layout, &order))
        return false;
    *out = (tn_broadcast){0};
    for (int i = 0; i < order.ndim; i++) {
        const tn_memory_dim *o = &order.at[i];
        own /= o->dim;
        step[whole] = own;
        step[1 - whole] = tn_broadcast_step(n, 1 - whole, o->of) * o->factor;
        tn_broadcast_add(out, o->dim, step[0], step[1]);
    }
    tn_broadcast_end(out);
    const int last = out->ndim - 1;
    return out->step[0][last] <= 1 && out->step[1][last] <= 1;
}

static bool find_shape(tn_backend_device *d, const tn_node *n, const tn_binding *b,
                       const tn_binary_spec *spec, int whole, tn_broadcast *out)
{
    const tn_layout *l = b->x[whole];
    if (!l)
        return false;
    if (!is_whole(n, 1 - whole))
        return as_laid_out(d, n, l, whole, out);
    const int64_t count = (int64_t)(l->bytes / sizeof(float));
    *out = (tn_broadcast){0};
    tn_broadcast_add(out, count, 1, 1);
    tn_broadcast_end(out);
    return spec->keeps_zero || count == tn_elements(&n->y[0]);
}

/* Sets the layouts of x and y. */
static tn_broadcast choose_layouts(tn_backend_device *d, const tn_node *n, tn_binding *b,
                                   const tn_binary_spec *spec)
{
    const int whole = is_whole(n, 0) ? 0 : 1;
    tn_broadcast s;
    if (is_whole(n, whole) && find_shape(d, n, b, spec, whole, &s)) {
        b->y[0] = b->x[whole];
        if (1 - whole < n->num_in)
            b->x[1 - whole] = is_whole(n, 1 - whole) ? b->x[whole] : NULL;
        return s;
    }
    for (int i = 0; i < n->num_in; i++)
        b->x[i] = NULL;
    b->y[0] = NULL;
    return tn_broadcast_of(n);
}

/* ---- prepare -------------------------------------------------------------------------------- */

static int kind_of(const tn_broadcast *s)
{
    const int last = s->ndim - 1;
    return s->step[0][last] == 0   ? TN_BINARY_B
           : s->step[1][last] == 0 ? TN_BINARY_A
                                   : TN_BINARY_BOTH;
}

static tn_walk outer_of(const tn_broadcast *s)
{
    tn_walk w = {.ndim = s->ndim > 2 ? s->ndim - 2 : 0, .count = 1};
    int64_t below = 1;
    for (int d = s->ndim; d-- > 0;) {
        if (d < w.ndim) {
            w.dim[d] = s->dim[d];
            w.step[TN_WALK_A][d] = s->step[0][d];
            w.step[TN_WALK_B][d] = s->step[1][d];
            w.step[TN_WALK_Y][d] = below;
            w.count *= s->dim[d];
        }
        below *= s->dim[d];
    }
    return w;
}

tn_status tn_binary_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b,
                            const tn_binary_spec *spec)
{
    binary *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory(n->op->name, sizeof *s);
    s->shape = choose_layouts(d, n, b, spec);
    TN_BINARY_LOOPS(add);
    s->loops = spec->loops[tn_cpu_isa_here()];
    s->add = loops[tn_cpu_isa_here()];
    s->kind = kind_of(&s->shape);
    s->outer = outer_of(&s->shape);
    for (int i = 0; i < 2; i++) {
        if (i < n->num_in ? !b->dx[i] : !b->dw[0] && !b->dw[1])
            continue;
        for (int j = 0; j < n->num_in; j++)
            b->backward_reads_x[j] |= spec->reads[i][j];
        s->summed[i] = tn_broadcast_repeats(&s->shape, i);
        if (s->summed[i]) {
            s->sums[i] = tn_sums_plan(&s->shape, i);
            b->scratch_bytes = tn_cpu_larger(b->scratch_bytes, tn_sums_scratch(&s->sums[i]));
        }
    }
    b->inplace = b->inplace_backward = is_whole(n, 0);
    b->state = s;
    return TN_OK;
}

void tn_binary_release(void *state)
{
    tn_free(state);
}

/* ---- both ways ------------------------------------------------------------------------------ */

void tn_walk_to(const tn_walk *w, int64_t index, int64_t at[TN_WALKS])
{
    for (int d = w->ndim; d-- > 0;) {
        const int64_t place = index % w->dim[d];
        index /= w->dim[d];
        for (int i = 0; i < TN_WALKS; i++)
            at[i] += place * w->step[i][d];
    }
}

typedef struct job {
    const binary *s;
    tn_binary_loop *loop;
    const tn_binary_rows *all;
    const float *plus;
} job;

/* The two innermost dimensions, cut into tiles. */
typedef struct tiles {
    int64_t cols, rows, wide, high, across, down;
} tiles;

static tiles tiles_of(const tn_broadcast *shape)
{
    const int last = shape->ndim - 1, above = last - 1;
    tiles t = {.cols = shape->dim[last], .rows = above < 0 ? 1 : shape->dim[above]};
    t.wide = tn_cpu_lower(t.cols, TILE);
    t.high = TILE / t.wide;
    t.across = (t.cols + t.wide - 1) / t.wide;
    t.down = (t.rows + t.high - 1) / t.high;
    return t;
}

static void run_tiles(const void *of, tn_piece p)
{
    const job *j = of;
    const binary *s = j->s;
    const tn_binary_rows *all = j->all;
    const tn_broadcast *shape = &s->shape;
    const tiles k = tiles_of(shape);
    const int last = shape->ndim - 1, above = last - 1;
    const int64_t a_row = above < 0 ? 0 : shape->step[0][above];
    const int64_t b_row = above < 0 ? 0 : shape->step[1][above];
    for (int64_t t = p.begin; t < p.end; t++) {
        const int64_t col = t % k.across * k.wide, row = t / k.across % k.down * k.high;
        int64_t at[TN_WALKS] = {row * a_row + col * shape->step[0][last],
                                row * b_row + col * shape->step[1][last], row * k.cols + col};
        tn_walk_to(&s->outer, t / k.across / k.down, at);
        tn_binary_rows r = {.rows = tn_cpu_lower(k.high, k.rows - row),
                            .cols = tn_cpu_lower(k.wide, k.cols - col),
                            .a = all->a + at[TN_WALK_A],
                            .b = all->b + at[TN_WALK_B],
                            .dy = all->dy ? all->dy + at[TN_WALK_Y] : NULL,
                            .to = all->to + at[TN_WALK_Y],
                            .a_row = a_row,
                            .b_row = b_row,
                            .dy_row = k.cols,
                            .to_row = k.cols};
        j->loop(&r);
        if (!j->plus)
            continue;
        r.a = r.to;
        r.a_row = k.cols;
        r.b = j->plus + at[TN_WALK_B];
        s->add->y[s->kind](&r);
    }
}

/* to = the loop's formula, for all elements of y; plus what lies as b does, unless it is NULL. */
static void run(const tn_call *c, tn_binary_loop *loop, const tn_binary_rows *all,
                const float *plus)
{
    const binary *s = c->state;
    const tiles k = tiles_of(&s->shape);
    const int64_t each = k.wide * tn_cpu_lower(k.high, k.rows);
    tn_each(c->device, s->outer.count * k.down * k.across, 1 + TN_FLOATS / 2 / (each + 1),
            run_tiles, &(job){s, loop, all, plus});
}

static const float *second_of(const tn_call *c)
{
    return c->node->num_in > 1 ? c->x[1] : c->w[0];
}

tn_status tn_binary_forward(const tn_call *c)
{
    const binary *s = c->state;
    run(c, s->loops->y[s->kind], &(tn_binary_rows){.a = c->x[0], .b = second_of(c), .to = c->y[0]},
        c->node->num_params > 1 ? c->w[1] : NULL);
    return TN_OK;
}

typedef struct copy {
    float *to;
    const float *from;
} copy;

static void copy_part(const void *of, tn_piece p)
{
    const copy *s = of;
    memcpy(s->to + p.begin, s->from + p.begin, (size_t)(p.end - p.begin) * sizeof *s->to);
}

static int64_t elements_of(const tn_broadcast *s)
{
    int64_t count = 1;
    for (int d = 0; d < s->ndim; d++)
        count *= s->dim[d];
    return count;
}

/* An input that is not read may be anywhere: dy is as large. */
static void find_gradient(const tn_call *c, int i, tn_binary_loop *const *gradient, float *to)
{
    const binary *s = c->state;
    const float *dy = c->dy[0], *b = second_of(c);
    const float *a = c->x[0] ? c->x[0] : dy;
    b = b ? b : dy;
    if (s->summed[i])
        tn_sums_run(&s->sums[i],
                    &(tn_sum_of){.a = a,
                                 .b = b,
                                 .dy = dy,
                                 .gradient = gradient,
                                 .kind = s->kind,
                                 .device = c->device,
                                 .scratch = c->scratch},
                    to);
    else if (gradient[s->kind])
        run(c, gradient[s->kind], &(tn_binary_rows){.a = a, .b = b, .dy = dy, .to = to}, NULL);
    else if (to != dy)
        tn_each(c->device, elements_of(&s->shape), TN_FLOATS, copy_part, &(copy){to, dy});
}

/* The first last: dx[0] may be in dy's place. */
tn_status tn_binary_backward(const tn_call *c)
{
    const binary *s = c->state;
    float *const second = c->node->num_in > 1 ? c->dx[1] : c->dw[0];
    if (c->node->num_params > 1 && c->dw[1])
        find_gradient(c, 1, s->add->gradient[1], c->dw[1]);
    if (second)
        find_gradient(c, 1, s->loops->gradient[1], second);
    if (c->dx[0])
        find_gradient(c, 0, s->loops->gradient[0], c->dx[0]);
    return TN_OK;
}
