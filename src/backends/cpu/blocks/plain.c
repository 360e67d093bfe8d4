#include "backends/cpu/blocks/plain.h"

#include "base/base.h"

static size_t filter_bytes(const tn_plain *s)
{
    return sizeof(float) *
           (size_t)(s->each ? tn_blocked_floats(&s->w_each) : tn_blocked_filter_floats(&s->w));
}

static void fill_sizes(tn_plain *s, const tn_node *n, int lanes)
{
    const tn_conv2d_opts *o = n->opts;
    const int64_t *x = n->x[0].dim, *y = n->y[0].dim, taps = o->kernel[0] * o->kernel[1];
    s->x = (tn_blocked_images){x[0], x[1], x[2] * x[3], lanes};
    s->y = (tn_blocked_images){y[0], y[1], y[2] * y[3], lanes};
    s->w_each = (tn_blocked_images){1, x[1], taps, lanes};
    s->w = (tn_blocked_filters){o->filters, x[1] / o->groups, taps, lanes};
}

void tn_plain_prepare(tn_plain *s, const tn_node *n, int lanes, bool each, tn_binding *b)
{
    s->each = each;
    fill_sizes(s, n, lanes);
    const size_t x = (size_t)tn_blocked_floats(&s->x) * sizeof(float),
                 y = (size_t)tn_blocked_floats(&s->y) * sizeof(float), w = filter_bytes(s);
    size_t used = 0;
    (void)tn_cpu_part(&used, b->scratch_bytes);
    s->at_x = tn_cpu_part(&used, x);
    s->at_y = tn_cpu_part(&used, y);
    if (tn_has_post(n, TN_POST_ADD))
        s->at_more = tn_cpu_part(&used, y);
    s->reads_y = b->backward_reads_y;
    s->keeps = !b->training && w <= b->spare;
    if (s->keeps) {
        b->kept_bytes = w;
        b->kept_of[0] = true;
    } else {
        s->at_w = tn_cpu_part(&used, w);
    }
    if (b->training) {
        s->at_dy = tn_cpu_part(&used, y);
        s->at_dx = tn_cpu_part(&used, x);
        s->at_dw = tn_cpu_part(&used, w);
    }
    b->scratch_bytes = used;
}

static float *scratch_at(const tn_call *c, size_t at)
{
    return (float *)(void *)((unsigned char *)c->scratch + at);
}

static void filters_to(const tn_plain *s, const tn_call *c, float *to)
{
    if (s->each)
        tn_images_to_blocks(c->device, &s->w_each, c->w[0], to);
    else
        tn_filters_to_blocks(c->device, &s->w, c->w[0], to);
}

void tn_plain_arrange(const tn_plain *s, const tn_call *c)
{
    filters_to(s, c, c->kept);
}

/* In blocks, there; NULL stays NULL. */
static float *blocked(const tn_call *c, const tn_blocked_images *size, const void *from, size_t at)
{
    if (!from)
        return NULL;
    tn_images_to_blocks(c->device, size, from, scratch_at(c, at));
    return scratch_at(c, at);
}

static float *filters_of(const tn_plain *s, const tn_call *c)
{
    if (s->keeps)
        return c->kept;
    filters_to(s, c, scratch_at(c, s->at_w));
    return scratch_at(c, s->at_w);
}

tn_status tn_plain_forward(const tn_plain *s, const tn_call *c, tn_plain_pass *pass)
{
    tn_call in = *c;
    in.x[0] = blocked(c, &s->x, c->x[0], s->at_x);
    in.x[1] = blocked(c, &s->y, c->x[1], s->at_more);
    in.w[0] = filters_of(s, c);
    in.y[0] = scratch_at(c, s->at_y);
    TN_TRY(pass(&in));
    tn_images_from_blocks(c->device, &s->y, in.y[0], c->y[0]);
    return TN_OK;
}

tn_status tn_plain_backward(const tn_plain *s, const tn_call *c, tn_plain_pass *pass)
{
    tn_call in = *c;
    in.x[0] = c->dw[0] ? blocked(c, &s->x, c->x[0], s->at_x) : NULL;
    in.y[0] = s->reads_y ? blocked(c, &s->y, c->y[0], s->at_y) : NULL;
    in.dy[0] = blocked(c, &s->y, c->dy[0], s->at_dy);
    if (c->dx[0]) {
        in.w[0] = filters_of(s, c);
        in.dx[0] = scratch_at(c, s->at_dx);
    }
    if (c->dw[0])
        in.dw[0] = scratch_at(c, s->at_dw);
    TN_TRY(pass(&in));
    if (c->dx[0])
        tn_images_from_blocks(c->device, &s->x, in.dx[0], c->dx[0]);
    if (c->dw[0] && s->each)
        tn_images_from_blocks(c->device, &s->w_each, in.dw[0], c->dw[0]);
    else if (c->dw[0])
        tn_filters_from_blocks(c->device, &s->w, in.dw[0], c->dw[0]);
    return TN_OK;
}
