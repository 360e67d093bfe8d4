/*
 * steps: what each step of a plan is, and the least it can take.
 *
 * Bytes: every tensor that a step reads or writes, once, as large as it is in the device's layout. Forward
 * reads x, w and what it needs of running statistics, writes y and what is saved; backward reads dy, w and
 * those of x, y and saved that the kernel asked for, writes dx and dw. What a kernel says it moves beside (reading again, or
 * by way of scratch) is added.
 *
 * FLOPs: each gradient asked for costs as much as the forward pass: for conv2d and dense exactly, for the
 * others, which hardly count, about. The optimizer's: two for each number that it changes.
 *
 * Lower bound: max(FLOPs / peak rate, bytes / peak bandwidth), the roofline of Williams et al. 2009.
 */
#include "plan/passes.h"

static const char *const passes[] = {
    [TN_PASS_FORWARD] = "forward", [TN_PASS_BACKWARD] = "backward", [TN_PASS_ADD] = "add",
    [TN_PASS_TALLY] = "tally",     [TN_PASS_UPDATE] = "update",
};

const char *tn_pass_name(tn_pass pass)
{
    return (size_t)pass < TN_COUNT(passes) ? passes[pass] : NULL;
}

/* ---- bytes -------------------------------------------------------------------------------- */

/* A value that a node reads twice is counted once. */
static bool read_before(const tn_node *n, int i)
{
    for (int j = 0; j < i; j++)
        if (n->in[j] == n->in[i])
            return true;
    return false;
}

static size_t x_bytes(const tn_plan *p, const tn_plan_node *pn, bool backward)
{
    const tn_node *n = &pn->node;
    size_t bytes = 0;
    for (int i = 0; i < n->num_in; i++)
        if (!read_before(n, i) && (!backward || pn->bind.backward_reads_x[i]))
            bytes += tn_plan_value_of(p, n->in[i])->bytes;
    return bytes;
}

static size_t y_bytes(const tn_plan *p, const tn_plan_node *pn)
{
    size_t bytes = 0;
    for (int i = 0; i < pn->node.num_out; i++)
        bytes += tn_plan_value_of(p, pn->node.out[i])->bytes;
    return bytes;
}

/* Inputs that lie in y already: a node that joins neither reads nor writes them. */
static size_t part_bytes(const tn_plan *p, const tn_plan_node *pn)
{
    size_t bytes = 0;
    for (int i = 0; tn_joins(&pn->node) && i < pn->node.num_in; i++)
        if (tn_plan_is_part(tn_plan_value_of(p, pn->node.in[i])))
            bytes += tn_plan_value_of(p, pn->node.in[i])->bytes;
    return bytes;
}

static size_t stored_bytes(const tn_stored *s, const tn_shape *shape)
{
    const size_t scales = s->dtype == TN_U8 ? (size_t)shape->dim[0] * sizeof(float) : 0;
    return (size_t)tn_elements(shape) * tn_dtype_bytes(s->dtype) + scales;
}

/* The trained ones and the frozen, or the running statistics, of `size` bytes an element; without those that it has
 * arranged. */
static size_t w_bytes(const tn_plan *p, const tn_plan_node *pn, bool statistics, size_t size)
{
    size_t bytes = 0;
    for (int i = 0; i < pn->node.num_params; i++)
        if (pn->bind.reads_stored[i])
            bytes += stored_bytes(&pn->bind.stored[i], &pn->node.param[i].shape);
        else if (pn->node.param[i].statistic == statistics && !pn->bind.kept_of[i])
            bytes += tn_plan_value_of(p, pn->node.w[i])->bytes / sizeof(float) * size;
    return bytes;
}

static size_t weight_bytes(const tn_plan *p)
{
    return tn_plan_is_half(p) ? 2 : sizeof(float);
}

static void move_forward(const tn_plan *p, const tn_plan_node *pn, tn_step_info *out)
{
    const size_t statistics = w_bytes(p, pn, true, sizeof(float));
    const size_t there = part_bytes(p, pn);
    out->read = x_bytes(p, pn, false) - there + w_bytes(p, pn, false, weight_bytes(p)) +
                statistics + pn->bind.kept_bytes + pn->bind.forward_more.read;
    out->written = y_bytes(p, pn) - there + pn->bind.saved_bytes +
                   (pn->bind.training && !tn_is_frozen(&pn->node) ? statistics : 0) +
                   pn->bind.forward_more.written;
}

static void move_backward(const tn_plan *p, const tn_step *s, tn_step_info *out)
{
    const tn_plan_node *pn = s->node;
    bool dx = false;
    out->read = x_bytes(p, pn, true) + pn->bind.saved_bytes - part_bytes(p, pn) +
                pn->bind.backward_more.read;
    out->written = pn->bind.backward_more.written;
    for (int i = 0; i < pn->node.num_out; i++) {
        const tn_plan_value *y = tn_plan_value_of(p, pn->node.out[i]);
        if (y->gradient != TN_NO_BUFFER)
            out->read += y->bytes;
    }
    if (pn->bind.backward_reads_y)
        out->read += y_bytes(p, pn);
    for (int i = 0; i < pn->node.num_in; i++)
        if (s->dx[i] != TN_NO_BUFFER) {
            const size_t bytes = tn_plan_value_of(p, pn->node.in[i])->bytes;
            out->written += bytes;
            out->read += s->adds[i] ? bytes : 0;
            dx = true;
        }
    if (dx)
        out->read += w_bytes(p, pn, false, weight_bytes(p));
    for (int i = 0; i < pn->node.num_params; i++)
        if (pn->bind.dw[i])
            out->written += tn_plan_value_of(p, pn->node.w[i])->bytes;
}

/* ---- steps -------------------------------------------------------------------------------- */

static double flops(const tn_step *s)
{
    const tn_plan_node *pn = s->node;
    const tn_node *n = &pn->node;
    const double forward = n->op->flops ? n->op->flops(n) : (double)tn_elements(&n->y[0]);
    if (s->kind == TN_STEP_FORWARD)
        return forward;
    bool dx = false, dw = false;
    for (int i = 0; i < n->num_in; i++)
        dx |= pn->bind.dx[i];
    for (int i = 0; i < n->num_params; i++)
        dw |= pn->bind.dw[i];
    return forward * (dx + dw);
}

static const char *layout_name(const tn_layout *layout)
{
    return layout ? layout->name : "-";
}

const char *tn_plan_kernel_name(const tn_plan_node *pn)
{
    const char *text = NULL;
    if (pn->kernel->describe)
        text = pn->kernel->describe(pn->bind.state);
    if (!text)
        text = pn->kernel->name;
    return text ? text : "own";
}

static void node_step(const tn_plan *p, const tn_step *s, tn_step_info *out)
{
    const tn_plan_node *pn = s->node;
    const tn_node *n = &pn->node;
    const tn_plan_value *y = tn_plan_value_of(p, n->out[0]);
    *out = (tn_step_info){
        .pass = s->kind == TN_STEP_FORWARD ? TN_PASS_FORWARD : TN_PASS_BACKWARD,
        .node = n->name,
        .op = n->op->name,
        .fused = pn->also,
        .kernel = tn_plan_kernel_name(pn),
        .refusals = pn->refusals,
        .x_layout = layout_name(n->num_in ? pn->bind.x[0] : NULL),
        .y_layout = layout_name(y->layout),
        .y = y->shape,
        .flops = flops(s),
        .scratch = pn->bind.scratch_bytes,
    };
    if (s->kind == TN_STEP_FORWARD)
        move_forward(p, pn, out);
    else
        move_backward(p, s, out);
}

/* A copy of what is read as a parameter. */
static void halve_step(const tn_step *s, tn_step_info *out)
{
    const tn_plan_value *v = s->value;
    *out = (tn_step_info){
        .pass = TN_PASS_FORWARD,
        .node = v->name,
        .op = "halve",
        .kernel = "own",
        .x_layout = layout_name(v->layout),
        .y_layout = layout_name(v->layout),
        .y = v->shape,
        .flops = (double)tn_elements(&v->shape),
        .read = v->bytes,
        .written = tn_plan_half_bytes(v),
    };
}

/* Gradients that meet, and sums over the runs. */
static void plain_step(const tn_step *s, tn_step_info *out)
{
    const tn_plan_value *v = s->value;
    const bool adds = s->kind == TN_STEP_ADD;
    const size_t sum = adds ? v->bytes : TN_TALLY * sizeof(double);
    *out = (tn_step_info){
        .pass = adds ? TN_PASS_ADD : TN_PASS_TALLY,
        .node = v->name,
        .op = adds ? "add" : "tally",
        .kernel = "own",
        .x_layout = layout_name(v->layout),
        .y_layout = layout_name(adds ? v->layout : NULL),
        .y = v->shape,
        .flops = (double)tn_elements(&v->shape),
        .read = v->bytes + sum,
        .written = sum,
    };
}

/* ---- what is done to all parameters at once ------------------------------------------------- */

/* Gradients of several runs are added up before the update. */
static bool sums_up(const tn_plan *p)
{
    return p->opts.loss.id && p->opts.accumulate > 1;
}

static void arena_step(const tn_plan *p, bool update, tn_step_info *out)
{
    const size_t bytes = p->trained_count * sizeof(float);
    *out = (tn_step_info){
        .pass = update ? TN_PASS_UPDATE : TN_PASS_ADD,
        .node = "all parameters",
        .op = update ? p->opts.optim.kind->name : "add",
        .kernel = "own",
        .x_layout = "-",
        .y_layout = "-",
        .y = TN_SHAPE((int64_t)p->trained_count),
        .flops = (double)p->trained_count,
        .read = 2 * bytes,
        .written = bytes,
    };
    if (!update)
        return;
    const size_t changed = 1 + (size_t)p->num_slots;
    const bool measures = tn_plan_measures(p);
    out->flops *= 2 * (double)changed + (measures ? 2 : 0);
    out->read = bytes * (changed + 1 + measures);
    out->written = bytes * changed + (sums_up(p) ? bytes : 0);
    if (p->opts.ema > 0) {
        const size_t all = p->param_count * sizeof(float);
        out->flops += 3 * (double)p->param_count;
        out->read += 2 * all;
        out->written += all;
    }
    if (weight_bytes(p) < sizeof(float))
        out->written += p->trained_count * weight_bytes(p);
}

int tn_plan_num_steps(const tn_plan *p)
{
    if (!p)
        return 0;
    p = tn_plan_first(p);
    return (int)p->num_steps + sums_up(p) + (p->optim_kernel != NULL);
}

tn_status tn_plan_step(const tn_plan *p, int index, tn_step_info *out)
{
    TN_NEED(p, "plan");
    TN_NEED(out, "out");
    p = tn_plan_first(p);
    if (index < 0 || index >= tn_plan_num_steps(p))
        return tn_fail(TN_ERR_ARGUMENT, "plan: step %d of %d", index, tn_plan_num_steps(p));
    if ((size_t)index >= p->num_steps)
        arena_step(p, (size_t)index > p->num_steps || !sums_up(p), out);
    else if (p->step[index].node)
        node_step(p, &p->step[index], out);
    else if (p->step[index].kind == TN_STEP_HALVE)
        halve_step(&p->step[index], out);
    else
        plain_step(&p->step[index], out);
    return TN_OK;
}

tn_status tn_plan_lower_bound(const tn_plan *p, int index, double *seconds)
{
    TN_NEED(p, "plan");
    TN_NEED(seconds, "seconds");
    tn_step_info s;
    double rate, bandwidth;
    p = tn_plan_first(p);
    TN_TRY(tn_plan_step(p, index, &s));
    TN_TRY(tn_device_rates(p->device, p->run.precision, &rate, &bandwidth));
    const double compute = s.flops / rate, memory = (double)(s.read + s.written) / bandwidth;
    *seconds = compute > memory ? compute : memory;
    return TN_OK;
}

void tn_plan_flops(const tn_plan *p, double *forward, double *training)
{
    double once = 0, both = 0;
    const int shares = p ? p->kind->count(p) : 0;
    p = p ? tn_plan_first(p) : NULL;
    for (size_t i = 0; p && i < p->num_steps; i++) {
        const tn_step *s = &p->step[i];
        if (!s->node)
            continue;
        both += shares * flops(s);
        if (s->kind == TN_STEP_FORWARD)
            once += shares * flops(s);
    }
    if (forward)
        *forward = once;
    if (training)
        *training = both;
}
