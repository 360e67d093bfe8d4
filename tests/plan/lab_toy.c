#include <string.h>

#include "base/base.h"
#include "plan/toy.h"

static tn_layout reversed_4 = {.name = "reversed"}, reversed_2 = {.name = "reversed"},
                 reversed_8 = {.name = "reversed"}, also_reversed_4 = {.name = "also reversed"};

/* One object a size, as a backend would intern them. */
static const tn_layout *reversed(const tn_shape *shape)
{
    const int64_t count = tn_elements(shape);
    tn_layout *l = count == 8 ? &reversed_8 : count == 4 ? &reversed_4 : &reversed_2;
    l->bytes = (size_t)count * sizeof(float);
    return l;
}

/* ---- operations --------------------------------------------------------------------------- */

static tn_status infer_same(tn_node *n)
{
    n->y[0] = n->x[0];
    return TN_OK;
}

static tn_status infer_scale(tn_node *n)
{
    const toy_opts *o = n->opts;
    n->y[0] = n->x[0];
    n->param[n->num_params++] = (tn_param_spec){
        .name = "weight",
        .shape = {1, {1}},
        .opts = {.init = {TN_INIT_CONSTANT, o->start}, .frozen = o->frozen},
    };
    return TN_OK;
}

static tn_status infer_times(tn_node *n)
{
    const toy_opts *o = n->opts;
    n->y[0] = n->x[0];
    n->param[n->num_params++] = (tn_param_spec){
        .name = "weight",
        .shape = n->x[0],
        .opts = {.frozen = o->frozen, .value = o->value},
        .fallback = {TN_INIT_CONSTANT, o->start},
    };
    return TN_OK;
}

static tn_status infer_half(tn_node *n)
{
    n->y[0] = TN_SHAPE(n->x[0].dim[0] / 2);
    return TN_OK;
}

static tn_status infer_cut(tn_node *n)
{
    n->num_out = 2;
    n->y[0] = n->y[1] = TN_SHAPE(n->x[0].dim[0] / 2);
    return TN_OK;
}

static tn_status infer_total(tn_node *n)
{
    n->y[0] = (tn_shape){0};
    return TN_OK;
}

static bool always(const tn_node *n)
{
    (void)n;
    return true;
}

#define TOY(stem, inputs, ...)                                \
    static const tn_op stem = {.name = #stem,                 \
                               .opts_size = sizeof(toy_opts), \
                               .min_in = inputs,              \
                               .max_in = inputs,              \
                               __VA_ARGS__}
TOY(scale, 1, .infer = infer_scale);
TOY(times, 1, .infer = infer_times);
TOY(plus, 2, .infer = infer_same);
TOY(mono, 1, .infer = infer_same, .monotone = true, .post = TN_POST_RELU);
TOY(half, 1, .infer = infer_half, .picks = always);
TOY(cut, 1, .infer = infer_cut);
TOY(total, 1, .infer = infer_total);
TOY(flat, 1, .infer = infer_same, .view = true);
TOY(unknown, 1, .infer = infer_same);

tn_value toy_scale(tn_graph *g, tn_value x, const toy_opts *opts)
{
    return tn_graph_add(g, &scale, NULL, 1, &x, opts);
}
tn_value toy_times(tn_graph *g, tn_value x, const toy_opts *opts)
{
    return tn_graph_add(g, &times, NULL, 1, &x, opts);
}
tn_value toy_plus(tn_graph *g, tn_value a, tn_value b, const toy_opts *opts)
{
    return tn_graph_add(g, &plus, NULL, 2, (const tn_value[]){a, b}, opts);
}
tn_value toy_mono(tn_graph *g, tn_value x, const toy_opts *opts)
{
    return tn_graph_add(g, &mono, NULL, 1, &x, opts);
}
tn_value toy_half(tn_graph *g, tn_value x, const toy_opts *opts)
{
    return tn_graph_add(g, &half, NULL, 1, &x, opts);
}
tn_value toy_cut(tn_graph *g, tn_value x, const toy_opts *opts)
{
    return tn_graph_add(g, &cut, NULL, 1, &x, opts);
}
tn_value toy_total(tn_graph *g, tn_value x)
{
    return tn_graph_add(g, &total, NULL, 1, &x, NULL);
}
tn_value toy_view(tn_graph *g, tn_value x)
{
    return tn_graph_add(g, &flat, NULL, 1, &x, NULL);
}
tn_value toy_unknown(tn_graph *g, tn_value x)
{
    return tn_graph_add(g, &unknown, NULL, 1, &x, NULL);
}

/* ---- kernels ------------------------------------------------------------------------------ */

static const tn_layout *wanted(const tn_node *n, const tn_shape *shape)
{
    return ((const toy_opts *)n->opts)->reversed ? reversed(shape) : NULL;
}

static void set_layouts(const tn_node *n, tn_binding *b)
{
    for (int i = 0; i < n->num_in; i++)
        b->x[i] = wanted(n, &n->x[i]);
    for (int i = 0; i < n->num_out; i++)
        b->y[i] = wanted(n, &n->y[i]);
}

static int64_t length(const tn_call *c)
{
    return tn_elements(&c->node->x[0]);
}

static tn_status scale_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    set_layouts(n, b);
    b->backward_reads_x[0] = true;
    b->backward_reads_y = tn_has_post(n, TN_POST_RELU);
    b->scratch_bytes = (size_t)tn_elements(&n->x[0]) * sizeof(float);
    return TN_OK;
}

static tn_status scale_forward(const tn_call *c)
{
    const float *x = c->x[0], w = *(const float *)c->w[0];
    float *y = c->y[0];
    memset(c->scratch, 0xff, (size_t)length(c) * sizeof(float));
    for (int64_t i = 0; i < length(c); i++)
        y[i] = tn_has_post(c->node, TN_POST_RELU) && w * x[i] < 0 ? 0 : w * x[i];
    return TN_OK;
}

static tn_status scale_backward(const tn_call *c)
{
    const float *x = c->x[0], *dy = c->dy[0], *y = c->y[0], w = *(const float *)c->w[0];
    float *dx = c->dx[0], *dw = c->dw[0], sum = 0;
    memset(c->scratch, 0xff, (size_t)length(c) * sizeof(float));
    for (int64_t i = 0; i < length(c); i++) {
        const float g = tn_has_post(c->node, TN_POST_RELU) && y[i] <= 0 ? 0 : dy[i];
        sum += g * x[i];
        if (dx)
            dx[i] = w * g;
    }
    if (dw)
        *dw = sum;
    return TN_OK;
}

static tn_status times_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const toy_opts *o = n->opts;
    (void)d;
    set_layouts(n, b);
    b->w[0] = o->turned ? reversed(&n->x[0]) : NULL;
    if (o->turned == 2) {
        also_reversed_4.bytes = b->w[0]->bytes;
        b->w[0] = &also_reversed_4;
    }
    b->backward_reads_x[0] = true;
    b->scratch_bytes = (size_t)tn_elements(&n->x[0]) * sizeof(float);
    b->kept_of[0] = o->keeps && b->scratch_bytes <= b->spare;
    if (b->kept_of[0]) {
        b->kept_bytes = b->scratch_bytes;
        b->kept_form = o->turned > 0;
    }
    return TN_OK;
}

/* Where that of x[i] is in w. */
static int64_t times_at(const tn_call *c, int64_t i)
{
    const toy_opts *o = c->node->opts;
    return (o->turned > 0) == o->reversed ? i : length(c) - 1 - i;
}

static tn_status times_forward(const tn_call *c)
{
    const float *x = c->x[0], *w = c->kept ? c->kept : c->w[0];
    memset(c->scratch, 0xff, (size_t)length(c) * sizeof(float));
    if (c->kept && c->w[0])
        return tn_fail(TN_ERR_DEVICE, "times: it is given what it has arranged");
    for (int64_t i = 0; i < length(c); i++)
        ((float *)c->y[0])[i] = (c->kept ? -1 : 1) * w[times_at(c, i)] * x[i];
    return TN_OK;
}

static tn_status times_arrange(const tn_call *c)
{
    const float *w = c->w[0];
    memset(c->scratch, 0xff, (size_t)length(c) * sizeof(float));
    for (int64_t i = 0; i < length(c); i++)
        ((float *)c->kept)[i] = -w[i];
    toy_arranged++;
    return c->x[0] || c->y[0] ? tn_fail(TN_ERR_DEVICE, "times: x and y are there") : TN_OK;
}

static tn_status times_backward(const tn_call *c)
{
    const float *x = c->x[0], *w = c->w[0], *dy = c->dy[0];
    float *dx = c->dx[0], *dw = c->dw[0];
    for (int64_t i = 0; i < length(c); i++) {
        if (dx)
            dx[i] = w[times_at(c, i)] * dy[i];
        if (dw)
            dw[times_at(c, i)] = x[i] * dy[i];
    }
    return TN_OK;
}

static tn_status plus_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    set_layouts(n, b);
    b->inplace = b->inplace_backward = true;
    return TN_OK;
}

static tn_status plus_forward(const tn_call *c)
{
    const float *a = c->x[0], *b = c->x[1];
    float *y = c->y[0];
    for (int64_t i = 0; i < length(c); i++)
        y[i] = a[i] + b[i];
    return TN_OK;
}

static tn_status plus_backward(const tn_call *c)
{
    for (int i = 0; i < 2; i++)
        if (c->dx[i])
            memmove(c->dx[i], c->dy[0], (size_t)length(c) * sizeof(float));
    return TN_OK;
}

static tn_status mono_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    set_layouts(n, b);
    b->inplace = b->inplace_backward = b->backward_reads_y = true;
    return TN_OK;
}

static tn_status mono_forward(const tn_call *c)
{
    const float *x = c->x[0];
    float *y = c->y[0];
    for (int64_t i = 0; i < length(c); i++)
        y[i] = x[i] > 0 ? x[i] : 0;
    return TN_OK;
}

static tn_status mono_backward(const tn_call *c)
{
    const float *y = c->y[0], *dy = c->dy[0];
    float *dx = c->dx[0];
    for (int64_t i = 0; i < length(c); i++)
        dx[i] = y[i] > 0 ? dy[i] : 0;
    return TN_OK;
}

static tn_status half_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    set_layouts(n, b);
    b->saved_bytes = (size_t)tn_elements(&n->y[0]);
    return TN_OK;
}

static tn_status half_forward(const tn_call *c)
{
    const float *x = c->x[0];
    float *y = c->y[0];
    unsigned char *which = c->saved;
    for (int64_t i = 0; i < length(c) / 2; i++) {
        which[i] = x[2 * i + 1] > x[2 * i];
        y[i] = x[2 * i + which[i]];
    }
    return TN_OK;
}

static tn_status half_backward(const tn_call *c)
{
    const unsigned char *which = c->saved;
    const float *dy = c->dy[0];
    float *dx = c->dx[0];
    for (int64_t i = 0; i < length(c); i++)
        dx[i] = which[i / 2] == i % 2 ? dy[i / 2] : 0;
    return TN_OK;
}

static tn_status cut_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    set_layouts(n, b);
    return TN_OK;
}

/* Half number i of x lies first in memory, but last where that is reversed. */
static int64_t half_at(const tn_call *c, int i)
{
    const toy_opts *o = c->node->opts;
    return (i == 0) == o->reversed ? length(c) / 2 : 0;
}

static tn_status cut_forward(const tn_call *c)
{
    for (int i = 0; i < 2; i++)
        memcpy(c->y[i], (const float *)c->x[0] + half_at(c, i),
               (size_t)length(c) / 2 * sizeof(float));
    return TN_OK;
}

static tn_status cut_backward(const tn_call *c)
{
    for (int i = 0; i < 2; i++) {
        float *dx = (float *)c->dx[0] + half_at(c, i);
        const size_t bytes = (size_t)length(c) / 2 * sizeof(float);
        if (c->dy[i])
            memcpy(dx, c->dy[i], bytes);
        else
            memset(dx, 0, bytes);
    }
    return TN_OK;
}

static tn_status total_prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d, (void)n;
    b->x[0] = NULL;
    return TN_OK;
}

static tn_status total_forward(const tn_call *c)
{
    const float *x = c->x[0];
    float sum = 0;
    for (int64_t i = 0; i < length(c); i++)
        sum += x[i];
    *(float *)c->y[0] = sum;
    return TN_OK;
}

static tn_status total_backward(const tn_call *c)
{
    for (int64_t i = 0; i < length(c); i++)
        ((float *)c->dx[0])[i] = *(const float *)c->dy[0];
    return TN_OK;
}

#define KERNEL(stem, ...)                                                \
    static const tn_kernel stem##_kernel = {.op = #stem,                 \
                                            .prepare = stem##_prepare,   \
                                            .forward = stem##_forward,   \
                                            .backward = stem##_backward, \
                                            __VA_ARGS__}
KERNEL(scale, .posts = {{TN_POST_RELU}});
KERNEL(times, .arrange = times_arrange);
KERNEL(plus, );
KERNEL(mono, );
KERNEL(half, );
KERNEL(cut, );
KERNEL(total, );
const tn_kernel *const toy_kernels[] = {&scale_kernel, &times_kernel, &plus_kernel,  &mono_kernel,
                                        &half_kernel,  &cut_kernel,   &total_kernel, NULL};
