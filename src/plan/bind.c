/*
 * bind: device memory taken, and every pointer of every step filled in.
 */
#include "plan/passes.h"

enum { HALF_BYTES = 2 };

static tn_status take(tn_plan *p, const char *what, size_t bytes, void *out)
{
    void **to = out;
    if (bytes == 0)
        return TN_OK;
    const tn_status status = tn_plan_backend(p)->alloc(p->device->impl, bytes, to);
    if (status == TN_ERR_MEMORY) {
        const tn_memory_plan m = tn_plan_memory(p);
        return tn_fail(status,
                       "plan: no memory on %s for %zu bytes of %s, of %zu in all "
                       "(%zu parameters, %zu gradients, %zu optimizer, %zu activations)",
                       p->device->name, bytes, what, m.total, m.params, m.gradients, m.optimizer,
                       m.activations);
    }
    return status;
}

static tn_status clear(tn_plan *p, void *to, size_t bytes)
{
    return to ? tn_plan_backend(p)->fill(p->device->impl, to, 0, bytes) : TN_OK;
}

static size_t half_bytes(const tn_plan *p)
{
    return tn_plan_is_half(p) ? p->param_count * HALF_BYTES : 0;
}

static size_t tally_bytes(const tn_plan *p)
{
    return (size_t)p->num_tallies * TN_TALLY * sizeof *p->tallies * (p->opts.guard ? 2 : 1);
}

static size_t average_bytes(const tn_plan *p)
{
    return p->opts.ema > 0 ? p->param_count * sizeof *p->average : 0;
}

static size_t guard_bytes(const tn_plan *p)
{
    return p->opts.guard ? (p->param_count - p->statistics) * sizeof *p->kept_statistics : 0;
}

static tn_status take_rest(tn_plan *p)
{
    const size_t control = tn_plan_backend(p)->control_bytes;
    TN_TRY(take(p, "half-precision parameters", half_bytes(p), &p->half));
    TN_TRY(clear(p, p->half, half_bytes(p)));
    p->weights_changed = true;
    TN_TRY(take(p, "staged inputs", p->stage_bytes, &p->stage));
    TN_TRY(take(p, "counters", control, &p->run.control));
    TN_TRY(clear(p, p->run.control, control));
    TN_TRY(take(p, "sums", tally_bytes(p), &p->tallies));
    p->kept_tallies = p->opts.guard ? p->tallies + (size_t)p->num_tallies * TN_TALLY : NULL;
    return clear(p, p->tallies, tally_bytes(p));
}

/* One way in for each input. */
static tn_status open_inlets(tn_plan *p)
{
    const tn_backend *b = tn_plan_backend(p);
    unsigned char *stage = p->stage;
    for (size_t i = 0; b->inlet_create && i < p->num_values; i++) {
        tn_plan_value *v = &p->value[i];
        if (!v->input || v->buffer == TN_NO_BUFFER)
            continue;
        TN_TRY(b->inlet_create(p->device->impl, tn_plan_address(p, v->buffer), stage, v->bytes,
                               &v->inlet));
        stage += tn_plan_stage_bytes(v->bytes);
    }
    return TN_OK;
}

/* One way out for each value that is kept in a layout of the device's own, so that reading it allocates nothing. */
static tn_status open_outlets(tn_plan *p)
{
    const tn_backend *b = tn_plan_backend(p);
    for (size_t i = 0; b->is_host && i < p->num_values; i++) {
        tn_plan_value *v = &p->value[i];
        if (v->kept && v->layout && v->buffer != TN_NO_BUFFER)
            TN_TRY(b->reorder_create(p->device->impl, &v->shape, v->dtype, v->layout, NULL,
                                     &v->outlet));
    }
    return TN_OK;
}

/* Padding inside layouts and between parameters must be zero and stay so: all begins at zero. */
static tn_status take_all(tn_plan *p)
{
    const size_t all = p->own_count * sizeof(float), trained = p->trained_count * sizeof(float);
    /* Starting parameters takes memory for the time being: first, so that it adds to no peak. */
    TN_TRY(take(p, "parameters", all, &p->weights));
    TN_TRY(clear(p, p->weights, all));
    TN_TRY(tn_plan_place_weights(p));
    TN_TRY(tn_plan_init_params(p));
    for (tn_kept *k = p->kept; k; k = k->next) {
        TN_TRY(take(p, "kept weights", k->bytes, &k->at));
        TN_TRY(clear(p, k->at, k->bytes));
    }
    TN_TRY(take(p, "activations", p->arena_bytes, &p->memory));
    TN_TRY(take(p, "gradients", trained, &p->gradients));
    if (p->opts.accumulate > 1)
        TN_TRY(take(p, "summed gradients", trained, &p->gradient_sum));
    for (int i = 0; i < p->num_slots; i++)
        TN_TRY(take(p, "optimizer state", trained, &p->slot[i]));
    TN_TRY(take(p, "averages", average_bytes(p), &p->average));
    TN_TRY(take(p, "kept statistics", guard_bytes(p), &p->kept_statistics));

    TN_TRY(clear(p, p->memory, p->arena_bytes));
    TN_TRY(clear(p, p->gradients, trained));
    TN_TRY(clear(p, p->gradient_sum, trained));
    for (int i = 0; i < p->num_slots; i++)
        TN_TRY(clear(p, p->slot[i], trained));
    TN_TRY(clear(p, p->average, average_bytes(p)));
    return take_rest(p);
}

void *tn_plan_address(const tn_plan *p, int buffer)
{
    if (buffer == TN_NO_BUFFER)
        return NULL;
    if (p->buffer[buffer].place == TN_IN_WEIGHTS)
        return tn_plan_weight(p, p->buffer[buffer].offset / sizeof(float));
    if (p->buffer[buffer].place == TN_IN_KEPT)
        return p->buffer[buffer].kept->at;
    unsigned char *const places[] = {
        [TN_IN_MEMORY] = p->memory,
        [TN_IN_GRADIENTS] = (unsigned char *)p->gradients,
    };
    return places[p->buffer[buffer].place] + p->buffer[buffer].offset;
}

/* The copy in half precision of what a node reads as a parameter. */
static const void *half_address(const tn_plan *p, const tn_plan_value *w)
{
    if (!w->param)
        return tn_plan_address(p, w->half);
    return p->half ? (const char *)p->half + p->param[w->param - 1].begin * HALF_BYTES : NULL;
}

/* What forward and backward have alike. */
static tn_call call_of(const tn_plan *p, const tn_plan_node *pn, int scratch)
{
    const tn_node *n = &pn->node;
    const tn_backend *b = tn_plan_backend(p);
    tn_call c = {
        .node = n,
        .state = pn->bind.state,
        .device = p->device->impl,
        .stream = b->stream ? b->stream(p->device->impl) : NULL,
        .run = &p->run,
        .saved = tn_plan_address(p, pn->saved),
        .scratch = tn_plan_address(p, scratch),
        .kept = pn->kept ? pn->kept->at : NULL,
        .labels = n->op->labels ? tn_plan_value_of(p, n->in[n->op->labels])->labels - 1 : 0,
    };
    for (int i = 0; i < n->num_params; i++) {
        const tn_plan_value *w = tn_plan_value_of(p, n->w[i]);
        c.w[i] = tn_plan_address(p, w->buffer);
        c.half[i] = half_address(p, w);
    }
    return c;
}

static bool reads_x(const tn_plan *p, const tn_node *n, int i)
{
    return !(tn_joins(n) && tn_plan_is_part(tn_plan_value_of(p, n->in[i])));
}

void tn_plan_bind_forward(const tn_plan *p, const tn_plan_node *pn, tn_call *c)
{
    const tn_node *n = &pn->node;
    *c = call_of(p, pn, pn->scratch);
    for (int i = 0; i < n->num_in; i++) {
        const tn_plan_value *x = tn_plan_value_of(p, n->in[i]);
        if (reads_x(p, n, i))
            c->x[i] = tn_plan_address(p, x->buffer);
        c->x_sums[i] = tn_plan_address(p, x->sums);
    }
    c->sums = tn_plan_address(p, tn_plan_value_of(p, n->out[0])->sums);
    for (int i = 0; i < n->num_out; i++)
        c->y[i] = tn_plan_address(p, tn_plan_value_of(p, n->out[i])->buffer);
}

static void bind_backward(const tn_plan *p, const tn_step *s, tn_call *c)
{
    const tn_binding *bind = &s->node->bind;
    const tn_node *n = &s->node->node;
    *c = call_of(p, s->node, s->scratch);
    for (int i = 0; i < n->num_in; i++) {
        if (reads_x(p, n, i) && bind->backward_reads_x[i])
            c->x[i] = tn_plan_address(p, tn_plan_value_of(p, n->in[i])->buffer);
        c->dx[i] = tn_plan_address(p, s->dx[i]);
        c->adds[i] = s->adds[i];
    }
    for (int i = 0; i < n->num_out; i++) {
        const tn_plan_value *y = tn_plan_value_of(p, n->out[i]);
        if (bind->backward_reads_y)
            c->y[i] = tn_plan_address(p, y->buffer);
        c->dy[i] = tn_plan_address(p, y->gradient);
    }
    for (int i = 0; i < n->num_params; i++)
        c->dw[i] = tn_plan_address(p, s->dw[i]);
}

static void bind_step(tn_plan *p, tn_step *s)
{
    s->to_data = tn_plan_address(p, s->to);
    s->from_data = tn_plan_address(p, s->from);
    if (s->kind == TN_STEP_TALLY)
        s->to_data = p->tallies + (s->value->tally - 1) * TN_TALLY;
    if (!s->node)
        return;
    if (s->kind == TN_STEP_BACKWARD) {
        bind_backward(p, s, &s->call);
        return;
    }
    tn_plan_bind_forward(p, s->node, &s->call);
    for (int i = 0; i < s->node->node.num_params; i++)
        if (s->node->bind.kept_of[i])
            s->call.w[i] = NULL;
}

static tn_status set_constant(tn_plan *p, const tn_plan_value *v)
{
    const tn_constant_node_opts *o = v->source->opts;
    void *to = tn_plan_address(p, v->buffer);
    TN_TRY(tn_plan_upload(p, &v->shape, v->dtype, v->layout, to, o->data));
    if (!v->halved)
        return TN_OK;
    return tn_plan_backend(p)->halve(p->device->impl, p->run.precision, tn_plan_address(p, v->half),
                                     to, v->bytes / sizeof(float));
}

/* Once for all runs. */
static tn_status set_constants(tn_plan *p)
{
    for (size_t i = 0; i < p->num_values; i++)
        if (p->value[i].source && !p->value[i].param && p->value[i].buffer != TN_NO_BUFFER)
            TN_TRY(set_constant(p, &p->value[i]));
    return TN_OK;
}

tn_status tn_plan_allocate(tn_plan *p)
{
    TN_TRY(take_all(p));
    TN_TRY(open_inlets(p));
    TN_TRY(open_outlets(p));
    TN_TRY(set_constants(p));
    for (size_t i = 0; i < p->num_steps; i++)
        bind_step(p, &p->step[i]);
    if (!p->opts.loss.id)
        return TN_OK;
    const float one = 1; /* the gradient of the loss by itself */
    p->run.loss_start = tn_plan_address(p, tn_plan_value_of(p, p->loss)->gradient);
    return tn_plan_backend(p)->upload(p->device->impl, p->run.loss_start, &one, sizeof one);
}

void tn_plan_release(tn_plan *p)
{
    const tn_backend *b = tn_plan_backend(p);
    void *all[] = {p->memory, p->weights,     p->gradients, p->gradient_sum, p->half,
                   p->stage,  p->run.control, p->tallies,   p->average,      p->kept_statistics};
    for (size_t i = 0; i < p->num_values; i++) {
        if (p->value[i].inlet)
            b->inlet_destroy(p->value[i].inlet);
        if (p->value[i].outlet)
            b->reorder_destroy(p->value[i].outlet);
    }
    for (size_t i = 0; i < TN_COUNT(all); i++)
        if (all[i])
            b->free(p->device->impl, all[i]);
    for (int i = 0; i < p->num_slots; i++)
        if (p->slot[i])
            b->free(p->device->impl, p->slot[i]);
}

tn_memory_plan tn_plan_memory(const tn_plan *p)
{
    if (!p)
        return (tn_memory_plan){0};
    p = tn_plan_first(p);
    const size_t trained = p->trained_count * sizeof(float);
    const size_t rest = p->stage_bytes + tn_plan_backend(p)->control_bytes + tally_bytes(p);
    tn_memory_plan m = {
        .params = p->own_count * sizeof(float) + half_bytes(p),
        .gradients = trained * (p->opts.accumulate > 1 ? 2 : 1),
        .optimizer = trained * (size_t)p->num_slots + average_bytes(p) + guard_bytes(p),
        .inputs = p->input_bytes + p->stage_bytes,
        .activations = p->arena_bytes + rest,
        .scratch = p->scratch_bytes,
        .kept = p->kept_bytes,
    };
    m.total = m.params + m.gradients + m.optimizer + m.activations + m.kept;
    return m;
}
