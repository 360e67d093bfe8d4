/*
 * memory: when each buffer is in use, which may share, and where in the one arena each lies.
 *
 * Steps are numbered through forward and backward. A buffer lives from the first step that touches it
 * to the last. Buffers whose lives do not meet may lie in the same place: the largest is placed first,
 * each at the lowest offset that is free over its whole life (greedy by size; Pisarchyk and Lee 2020,
 * arXiv:2001.03288).
 */
#include <stdlib.h>

#include "plan/passes.h"

enum { ALIGN_BYTES = 256 };

tn_status tn_plan_new_buffer(tn_plan *p, size_t bytes, int *out)
{
    if (bytes > SIZE_MAX / 4 - p->buffer_bytes)
        return tn_fail(TN_ERR_SHAPE, "plan: its values have more bytes than can be counted");
    p->buffer_bytes += bytes;
    TN_TRY(tn_grow((void **)&p->buffer, p->num_buffers, &p->buffer_capacity, sizeof *p->buffer,
                   "plan"));
    p->buffer[p->num_buffers] =
        (tn_buffer){.bytes = bytes, .first = INT32_MAX, .last = -1, .same_as = TN_NO_BUFFER};
    *out = (int)p->num_buffers++;
    return TN_OK;
}

void tn_plan_part_of(tn_plan *p, int buffer, int whole, size_t at)
{
    p->buffer[buffer].same_as = whole;
    p->buffer[buffer].part = true;
    p->buffer[buffer].at = at;
}

/* The buffer whose memory b has. */
static int owner(const tn_plan *p, int b)
{
    while (p->buffer[b].same_as != TN_NO_BUFFER)
        b = p->buffer[b].same_as;
    return b;
}

static void touch(tn_plan *p, int b, int step)
{
    if (b == TN_NO_BUFFER)
        return;
    tn_buffer *buffer = &p->buffer[owner(p, b)];
    if (step < buffer->first)
        buffer->first = step;
    if (step > buffer->last)
        buffer->last = step;
}

static void touch_arranged(tn_plan *p, const tn_plan_node *pn, int i);

/* A value that is made of weights, only when the node of step i arranges it: with all that is on the way there. */
static void touch_weight(tn_plan *p, int32_t id, int i)
{
    const tn_plan_value *w = tn_plan_value_of(p, id);
    touch(p, w->buffer, i);
    touch(p, w->half, i);
    if (!w->source && w->producer >= 0 && p->node[w->producer]->only_then)
        touch_arranged(p, p->node[w->producer], i);
}

static void touch_arranged(tn_plan *p, const tn_plan_node *pn, int i)
{
    touch(p, pn->scratch, i);
    for (int j = 0; j < pn->node.num_in; j++)
        touch_weight(p, pn->node.in[j], i);
}

/* What it reads as parameters, where that is no parameter of the arena. */
static void touch_weights(tn_plan *p, const tn_node *n, int i)
{
    for (int j = 0; j < n->num_params; j++)
        touch_weight(p, n->w[j], i);
}

static void touch_forward(tn_plan *p, const tn_step *s, int i)
{
    const tn_node *n = &s->node->node;
    touch_weights(p, n, i);
    for (int j = 0; j < n->num_in; j++) {
        touch(p, tn_plan_value_of(p, n->in[j])->buffer, i);
        touch(p, tn_plan_value_of(p, n->in[j])->sums, i);
    }
    for (int j = 0; j < n->num_out; j++) {
        touch(p, tn_plan_value_of(p, n->out[j])->buffer, i);
        touch(p, tn_plan_value_of(p, n->out[j])->sums, i);
    }
}

static void touch_backward(tn_plan *p, const tn_step *s, int i)
{
    const tn_node *n = &s->node->node;
    touch_weights(p, n, i);
    for (int j = 0; j < n->num_params; j++)
        touch(p, s->dw[j], i);
    for (int j = 0; j < n->num_out; j++) {
        const tn_plan_value *y = tn_plan_value_of(p, n->out[j]);
        touch(p, y->gradient, i);
        if (s->node->bind.backward_reads_y)
            touch(p, y->buffer, i);
    }
    for (int j = 0; j < n->num_in; j++) {
        if (s->node->bind.backward_reads_x[j])
            touch(p, tn_plan_value_of(p, n->in[j])->buffer, i);
        touch(p, s->dx[j], i);
    }
}

static void find_lives(tn_plan *p)
{
    for (size_t i = 0; i < p->num_values; i++) {
        const tn_plan_value *v = &p->value[i];
        if (v->buffer != TN_NO_BUFFER && (v->input || v->kept))
            p->buffer[owner(p, v->buffer)].always = true;
        if (v->gradient != TN_NO_BUFFER && tn_plan_keeps_gradient(p, v))
            p->buffer[owner(p, v->gradient)].always = true; /* tn_plan_get_gradient() */
    }
    for (size_t i = 0; i < p->num_nodes; i++) /* before the first step */
        if (p->node[i]->kept && !tn_plan_runs(p->node[i]))
            touch_arranged(p, p->node[i], 0);
    for (size_t i = 0; i < p->num_steps; i++) {
        const tn_step *s = &p->step[i];
        touch(p, s->to, (int)i);
        touch(p, s->from, (int)i);
        touch(p, s->scratch, (int)i);
        if (!s->node)
            continue;
        touch(p, s->node->saved, (int)i);
        if (s->kind == TN_STEP_FORWARD)
            touch_forward(p, s, (int)i);
        else
            touch_backward(p, s, (int)i);
    }
}

/* If step i is the last to use `from` and the first to use `to`, `to` takes over its memory. Not of parts or
 * parameters: where they lie is settled. */
static void take_over(tn_plan *p, int from, int to, int i)
{
    if (p->buffer[from].part || p->buffer[to].part || p->buffer[from].place || p->buffer[to].place)
        return;
    from = owner(p, from);
    to = owner(p, to);
    tn_buffer *a = &p->buffer[from], *b = &p->buffer[to];
    if (from == to || a->always || a->last != i || b->first != i || a->bytes != b->bytes)
        return;
    b->same_as = from;
    a->last = b->last;
    a->always = b->always;
}

static bool reads_only_once(const tn_plan *p, const tn_node *n)
{
    const int first = owner(p, tn_plan_value_of(p, n->in[0])->buffer);
    for (int i = 1; i < n->num_in; i++)
        if (owner(p, tn_plan_value_of(p, n->in[i])->buffer) == first)
            return false;
    for (int i = 0; i < n->num_params; i++)
        if (owner(p, tn_plan_value_of(p, n->w[i])->buffer) == first)
            return false;
    return true;
}

static void share_in_place(tn_plan *p)
{
    for (size_t i = 0; i < p->num_steps; i++) {
        const tn_step *s = &p->step[i];
        if (!s->node)
            continue;
        const tn_node *n = &s->node->node;
        const tn_plan_value *y = tn_plan_value_of(p, n->out[0]);
        if (s->kind == TN_STEP_FORWARD && s->node->bind.inplace && reads_only_once(p, n))
            take_over(p, tn_plan_value_of(p, n->in[0])->buffer, y->buffer, (int)i);
        if (s->kind == TN_STEP_BACKWARD && s->node->bind.inplace_backward &&
            s->dx[0] != TN_NO_BUFFER && y->gradient != TN_NO_BUFFER)
            take_over(p, y->gradient, s->dx[0], (int)i);
    }
}

static int larger_first(const void *a, const void *b)
{
    const tn_buffer *x = *(tn_buffer *const *)a, *y = *(tn_buffer *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return (x > y) - (x < y); /* the same plan every time */
}

static bool meet(const tn_buffer *a, const tn_buffer *b)
{
    return a->always || b->always || (a->first <= b->last && b->first <= a->last);
}

/* Placed buffers are kept in order of offset, so that one walk finds the lowest gap. */
static size_t place(tn_buffer **placed, size_t count, tn_buffer *b)
{
    size_t at = 0, index = count;
    for (size_t i = 0; i < count; i++)
        if (meet(placed[i], b) && at < placed[i]->offset + placed[i]->bytes &&
            placed[i]->offset < at + b->bytes)
            at = placed[i]->offset + placed[i]->bytes;
    while (index > 0 && placed[index - 1]->offset > at) {
        placed[index] = placed[index - 1];
        index--;
    }
    placed[index] = b;
    b->offset = at;
    return at + b->bytes;
}

/* Where b begins, from the beginning of its owner. */
static size_t offset_inside(const tn_plan *p, int b)
{
    size_t at = 0;
    for (; p->buffer[b].same_as != TN_NO_BUFFER; b = p->buffer[b].same_as)
        at += p->buffer[b].at;
    return at;
}

static tn_status assign_offsets(tn_plan *p)
{
    tn_buffer **list = tn_arena_alloc(&p->arena, 2 * p->num_buffers + 1, sizeof(tn_buffer *));
    if (!list)
        return tn_no_memory("plan", 2 * p->num_buffers * sizeof(tn_buffer *));
    tn_buffer **placed = list + p->num_buffers;
    size_t count = 0;
    for (size_t i = 0; i < p->num_buffers; i++) {
        tn_buffer *b = &p->buffer[i];
        if (b->place != TN_IN_MEMORY || b->same_as != TN_NO_BUFFER ||
            (!b->always && b->first > b->last))
            continue;
        b->bytes = (b->bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
        list[count++] = b;
    }
    qsort(list, count, sizeof *list, larger_first);
    for (size_t i = 0; i < count; i++) {
        const size_t end = place(placed, i, list[i]);
        if (end > p->arena_bytes)
            p->arena_bytes = end;
    }
    for (size_t i = 0; i < p->num_buffers; i++)
        if (p->buffer[i].same_as != TN_NO_BUFFER)
            p->buffer[i].offset = p->buffer[owner(p, (int)i)].offset + offset_inside(p, (int)i);
    return TN_OK;
}

tn_status tn_plan_lay_out(tn_plan *p)
{
    for (size_t i = 0; i < p->num_values; i++)
        if (p->value[i].input && p->value[i].buffer != TN_NO_BUFFER) {
            p->input_bytes += p->value[i].bytes;
            if (tn_plan_backend(p)->inlet_create)
                p->stage_bytes += tn_plan_stage_bytes(p->value[i].bytes);
        }
    for (size_t i = 0; i < p->num_steps; i++)
        if (p->step[i].scratch != TN_NO_BUFFER &&
            p->buffer[p->step[i].scratch].bytes > p->scratch_bytes)
            p->scratch_bytes = p->buffer[p->step[i].scratch].bytes;
    find_lives(p);
    share_in_place(p);
    return assign_offsets(p);
}
