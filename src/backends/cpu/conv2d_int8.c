/*
 * conv2d of whole numbers of 8 bits, by oneDNN, for inference on processors that have instructions for it (VNNI; where they
 * have not, direct f32 or Winograd's method is as fast or faster).
 *
 * The node reads what fake_quant makes of x by one scale, and its weight is on a grid with a scale a filter: both are done
 * here, x in each run, by a reorder that rounds, and the weight once. Sums are of 32 bits and exact; y is f32:
 *     y[k] = (the sum) scale[k] + bias[k],   scale[k] = x's scale times the filter's
 * What stands behind it as an addition, and a relu behind that, is one pass over y.
 * What is kept: scale, bias, then the numbers in oneDNN's layout. A number of x that lies in the middle between two whole ones may
 * become the other one: one step of the scale. Of an image with a NaN in x all of y is NaN.
 */
#include <math.h>
#include <string.h>

#include "backends/cpu/onednn/onednn.h"
#include "backends/cpu/whole/whole.h"

typedef struct whole {
    tn_prim conv, x, w;            /* and what brings x and the weight to it */
    float scale;                   /* of x */
    tn_whole grid;                 /* of the weight */
    int64_t x_each, y_each;        /* floats of an image */
    bool adds, relu;               /* behind it */
    size_t x_at, pad_at, found_at; /* in scratch of forward */
    size_t w_pad_at;               /* and of arrange, behind the numbers */
    size_t w_at;                   /* in what is kept */
} whole;

static void release(void *state)
{
    whole *s = state;
    tn_prim_free(&s->conv);
    tn_prim_free(&s->x);
    tn_prim_free(&s->w);
    tn_free(s);
}

static tn_status refuse(const tn_node *n, const char *why)
{
    return tn_fail(TN_ERR_UNSUPPORTED, "conv2d %s: not in whole numbers: %s", n->name, why);
}

static bool is_grid(const tn_node *n)
{
    return n && strcmp(n->op->name, "fake_quant") == 0;
}

/* One scale, and all of 8 bits, with a sign or from 0 on. */
static bool is_grid_of_x(const tn_node *n)
{
    if (!is_grid(n) || n->num_in > 1 || tn_grid_is_found(n))
        return false;
    const tn_fake_quant_opts *o = n->opts;
    return o->zero == 0 && ((o->lo == 0 && o->hi == 255) || (o->lo == -128 && o->hi == 127));
}

static tn_status check(const tn_node *n, const tn_binding *b, tn_whole *grid)
{
    if (!is_grid(b->made[0]) && !is_grid(b->maker[0]))
        return tn_fail(TN_ERR_UNSUPPORTED, "%s", ""); /* it has nothing to do with whole numbers */
    if (b->strict)
        return refuse(n, "the plan is strict");
    if (!is_grid_of_x(b->made[0]) || !tn_whole_of(n, b, grid))
        return refuse(n, "what it reads is not all on grids of 8 bits");
    if (((const tn_conv2d_opts *)n->opts)->groups != 1)
        return refuse(n, "it has groups");
    if (!tn_onednn_has_vnni())
        return refuse(n, "the processor has no instructions for it");
    return TN_OK;
}

static void make(tn_maker *m, whole *s, const tn_node *n, const tn_binding *b)
{
    const tn_conv2d_opts *o = n->opts;
    const int64_t K = o->filters;
    const bool sign = ((const tn_fake_quant_opts *)b->made[0]->opts)->lo < 0;
    const tn_window window =
        tn_window_of(o->kernel, o->stride, o->pad, o->dilation, &n->x[0], &n->y[0]);
    const tn_md *each = tn_md_plain(m, 4, (int64_t[]){1, K, 1, 1}, TN_F32);
    const int64_t *w = n->param[0].shape.dim;
    tn_make_convolution(
        m, &s->conv,
        &(tn_prim_spec){.pass = dnnl_forward_inference,
                        .x = tn_md_any_whole(m, 4, n->x[0].dim, sign),
                        .w = tn_md_any_whole(m, 4, w, true),
                        .y = tn_md_any(m, 4, n->y[0].dim, TN_F32),
                        .window = &window,
                        .scale = each,
                        .shift = each,
                        .last = s->relu && !s->adds ? dnnl_eltwise_relu : dnnl_alg_kind_undef});
    if (m->status != TN_OK)
        return;
    const tn_md *x = tn_md_of(m, &n->x[0], TN_F32, b->x[0]);
    s->x_each = (int64_t)(tn_md_bytes(x) / sizeof(float)) / n->x[0].dim[0];
    tn_make_scaling(m, &s->x, x, tn_prim_md(m, &s->conv, DNNL_ARG_SRC), 1 / s->scale);
    tn_make_reorder(m, &s->w, tn_md_whole(m, 4, w, true),
                    tn_prim_md(m, &s->conv, DNNL_ARG_WEIGHTS));
}

/* What is kept depends on the weight's layout and on x's scale. */
static int64_t form_of(const whole *s, const tn_md *w)
{
    uint32_t bits;
    memcpy(&bits, &s->scale, sizeof bits);
    return (int64_t)((uint64_t)tn_whole_form(&s->grid) ^ (uint64_t)(uintptr_t)w ^
                     ((uint64_t)bits << 32));
}

static void bind(tn_maker *m, whole *s, const tn_node *n, tn_binding *b)
{
    const tn_md *x = tn_prim_md(m, &s->conv, DNNL_ARG_SRC),
                *y = tn_prim_md(m, &s->conv, DNNL_ARG_DST),
                *w = tn_prim_md(m, &s->conv, DNNL_ARG_WEIGHTS);
    if (m->status != TN_OK)
        return;
    s->x_at = tn_cpu_part(&b->scratch_bytes, tn_md_bytes(x));
    s->pad_at = tn_cpu_part(&b->scratch_bytes, tn_prim_bytes(&s->conv, DNNL_ARG_SCRATCHPAD));
    s->found_at = tn_cpu_part(&b->scratch_bytes, (size_t)n->x[0].dim[0] * sizeof(atomic_int));
    s->y_each = (int64_t)(tn_md_bytes(y) / sizeof(float)) / n->y[0].dim[0];
    size_t arranging = 0;
    (void)tn_cpu_part(&arranging, (size_t)tn_elements(&n->param[0].shape));
    s->w_pad_at = tn_cpu_part(&arranging, tn_prim_bytes(&s->w, DNNL_ARG_SCRATCHPAD));
    b->scratch_bytes = tn_cpu_larger(b->scratch_bytes, arranging);
    b->kept_bytes = 0;
    (void)tn_cpu_part(&b->kept_bytes, 2 * (size_t)n->y[0].dim[1] * sizeof(float));
    s->w_at = tn_cpu_part(&b->kept_bytes, tn_md_bytes(w));
    b->kept_of[0] = true;
    b->kept_of[1] = n->num_params > 1;
    b->kept_form = form_of(s, w);
    b->does_made[0] = b->does_maker[0] = true;
    b->y[0] = tn_md_layout(y);
    if (s->adds)
        b->x[1] = b->y[0];
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    tn_whole grid;
    TN_TRY(check(n, b, &grid));
    whole *s = tn_alloc(1, sizeof *s);
    if (!s)
        return tn_no_memory("conv2d", sizeof *s);
    s->scale = ((const tn_fake_quant_opts *)b->made[0]->opts)->scale;
    s->grid = grid;
    s->adds = tn_has_post(n, TN_POST_ADD);
    s->relu = tn_has_post(n, TN_POST_RELU);
    tn_maker m = tn_maker_begin(d, n);
    make(&m, s, n, b);
    bind(&m, s, n, b);
    if (m.status == TN_OK && b->kept_bytes > b->spare)
        m.status = refuse(n, "there is no room to keep them");
    if (m.status != TN_OK) {
        release(s);
        return m.status;
    }
    b->state = s;
    return TN_OK;
}

static void arrange_rows(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const whole *s = c->state;
    const tn_whole *g = &s->grid;
    const float *w = c->w[0], *bias = c->w[1];
    float *scale = c->kept, *shift = scale + g->rows;
    int8_t *numbers = c->scratch;
    for (int64_t k = p.begin; k < p.end; k++) {
        scale[k] = s->scale * tn_whole_row(g, k, w + k * g->columns, numbers + k * g->columns);
        shift[k] = bias ? bias[k] : 0;
    }
}

static tn_status arrange(const tn_call *c)
{
    whole *s = c->state;
    tn_each(c->device, s->grid.rows, 1, arrange_rows, c);
    return tn_prim_run(
        &s->w, (tn_prim_arg[]){{DNNL_ARG_FROM, c->scratch},
                               {DNNL_ARG_TO, (unsigned char *)c->kept + s->w_at},
                               {DNNL_ARG_SCRATCHPAD, (unsigned char *)c->scratch + s->w_pad_at},
                               {0}});
}

/* y + r, and that where it is not below 0, if a relu is behind it. A NaN stays one. */
static void add(const void *of, tn_piece p)
{
    const tn_call *c = of;
    const float *r = c->x[1], least = ((const whole *)c->state)->relu ? 0 : -INFINITY;
    float *y = c->y[0];
#pragma omp simd
    for (int64_t i = p.begin; i < p.end; i++) {
        const float sum = y[i] + r[i];
        y[i] = least > sum ? least : sum;
    }
}

static tn_status forward(const tn_call *c)
{
    whole *s = c->state;
    unsigned char *scratch = c->scratch, *kept = c->kept;
    const float *scale = c->kept;
    TN_TRY(tn_prim_run(
        &s->x, (tn_prim_arg[]){{DNNL_ARG_FROM, c->x[0]}, {DNNL_ARG_TO, scratch + s->x_at}, {0}}));
    TN_TRY(tn_prim_run(&s->conv, (tn_prim_arg[]){
                                     {DNNL_ARG_SRC, scratch + s->x_at},
                                     {DNNL_ARG_WEIGHTS, kept + s->w_at},
                                     {DNNL_ARG_DST, c->y[0]},
                                     {DNNL_ARG_SCRATCHPAD, scratch + s->pad_at},
                                     {TN_ARG_SCALE, scale},
                                     {TN_ARG_SHIFT, scale + c->node->y[0].dim[1]},
                                     {0},
                                 }));
    if (s->adds)
        tn_each(c->device, c->node->y[0].dim[0] * s->y_each, TN_FLOATS, add, c);
    tn_whole_spread_nan(&(tn_whole_nan){.images = c->node->x[0].dim[0],
                                        .x_each = s->x_each,
                                        .y_each = s->y_each,
                                        .x = c->x[0],
                                        .y = c->y[0],
                                        .found = (atomic_int *)(void *)(scratch + s->found_at),
                                        .device = c->device});
    return TN_OK;
}

static const char *describe(const void *state)
{
    return tn_prim_impl(&((const whole *)state)->conv);
}

const tn_kernel tn_cpu_conv2d_int8 = {
    .op = "conv2d",
    .name = "8 bits",
    .rank = 0,
    .posts = {{TN_POST_RELU}, {TN_POST_ADD}, {TN_POST_ADD, TN_POST_RELU}},
    .of_made = true,
    .prepare = prepare,
    .arrange = arrange,
    .forward = forward,
    .release = release,
    .describe = describe,
};
