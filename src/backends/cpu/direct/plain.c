/* direct.h on a device whose only layout is the canonical one. */
#include "backends/cpu/blocks/blocks.h"
#include "backends/cpu/direct/direct.h"

static tn_blocked_images images_of(const tn_direct *s, const tn_direct_side *x,
                                   const int64_t size[2])
{
    const int64_t channels = s->groups * (x == &s->x ? s->channels : s->filters);
    return (tn_blocked_images){s->images, channels, size[0] * size[1], s->code->lanes};
}

static tn_blocked_images images_of_x(const tn_direct *s)
{
    return images_of(s, &s->x, s->in);
}

static tn_blocked_images images_of_y(const tn_direct *s)
{
    return images_of(s, &s->dy, s->out);
}

static tn_blocked_filters filters_of(const tn_direct *s)
{
    return (tn_blocked_filters){s->groups * s->filters, s->channels, s->taps, s->code->lanes};
}

void tn_direct_prepare_plain(tn_direct *s, tn_binding *b)
{
    const tn_blocked_images x = images_of_x(s), y = images_of_y(s);
    const tn_blocked_filters w = filters_of(s);
    const size_t of_x = (size_t)tn_blocked_floats(&x) * sizeof(float),
                 of_y = (size_t)tn_blocked_floats(&y) * sizeof(float),
                 of_w = (size_t)tn_blocked_filter_floats(&w) * sizeof(float);
    size_t used = b->scratch_bytes;
    used = (used + TN_CPU_ALIGN - 1) / TN_CPU_ALIGN * TN_CPU_ALIGN;
    s->plain = true;
    s->plain_x = tn_cpu_part(&used, of_x);
    s->plain_y = tn_cpu_part(&used, of_y);
    s->plain_more = tn_cpu_part(&used, of_y);
    s->keeps = !b->training && of_w <= b->spare;
    if (s->keeps) {
        b->kept_bytes = of_w;
        b->kept_of[0] = true;
        b->kept_form = s->groups;
    } else {
        s->plain_w = tn_cpu_part(&used, of_w);
    }
    if (b->training) {
        s->plain_dy = tn_cpu_part(&used, of_y);
        s->plain_dx = tn_cpu_part(&used, of_x);
        s->plain_dw = tn_cpu_part(&used, of_w);
    }
    b->scratch_bytes = used;
}

void tn_direct_arrange_plain(const tn_direct *s, const tn_call *c)
{
    const tn_blocked_filters w = filters_of(s);
    tn_filters_to_blocks(c->device, &w, c->w[0], c->kept);
}

/* In blocks, there; NULL stays NULL. */
static float *blocked(const tn_call *c, const tn_blocked_images *size, const void *from, size_t at)
{
    if (!from)
        return NULL;
    tn_images_to_blocks(c->device, size, from, tn_direct_scratch(c, at));
    return tn_direct_scratch(c, at);
}

static float *blocked_filters(const tn_direct *s, const tn_call *c)
{
    const tn_blocked_filters w = filters_of(s);
    if (s->keeps)
        return c->kept;
    tn_filters_to_blocks(c->device, &w, c->w[0], tn_direct_scratch(c, s->plain_w));
    return tn_direct_scratch(c, s->plain_w);
}

void tn_direct_forward_plain(const tn_direct *s, const tn_call *c)
{
    const tn_blocked_images x = images_of_x(s), y = images_of_y(s);
    tn_call in = *c;
    in.x[0] = blocked(c, &x, c->x[0], s->plain_x);
    in.x[1] = blocked(c, &y, c->x[1], s->plain_more);
    in.w[0] = blocked_filters(s, c);
    in.y[0] = tn_direct_scratch(c, s->plain_y);
    tn_direct_forward(s, &in);
    tn_images_from_blocks(c->device, &y, in.y[0], c->y[0]);
}

void tn_direct_backward_plain(const tn_direct *s, const tn_call *c)
{
    const tn_blocked_images x = images_of_x(s), y = images_of_y(s);
    const tn_blocked_filters w = filters_of(s);
    tn_call in = *c;
    in.x[0] = c->dw[0] ? blocked(c, &x, c->x[0], s->plain_x) : NULL;
    in.y[0] = s->relu ? blocked(c, &y, c->y[0], s->plain_y) : NULL;
    in.dy[0] = blocked(c, &y, c->dy[0], s->plain_dy);
    if (c->dx[0]) {
        in.w[0] = blocked_filters(s, c);
        in.dx[0] = tn_direct_scratch(c, s->plain_dx);
    }
    if (c->dw[0])
        in.dw[0] = tn_direct_scratch(c, s->plain_dw);
    tn_direct_backward(s, &in);
    if (c->dx[0])
        tn_images_from_blocks(c->device, &x, in.dx[0], c->dx[0]);
    if (c->dw[0])
        tn_filters_from_blocks(c->device, &w, in.dw[0], c->dw[0]);
}
