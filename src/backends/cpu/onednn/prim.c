/* Primitives: made from what onednn/v2.c or onednn/v3.c asked for, run, freed. */
#include <omp.h>

#include "backends/cpu/onednn/onednn.h"

tn_maker tn_maker_begin(tn_backend_device *d, const tn_node *n)
{
    return (tn_maker){.device = d, .op = n->op->name, .node = n->name};
}

tn_window tn_window_of(const int kernel[2], const int stride[2], const int pad[2],
                       const int dilation[2], const tn_shape *x, const tn_shape *y)
{
    tn_window w = {.kernel = {0}};
    for (int i = 0; i < 2; i++) {
        const int64_t reach = (int64_t)dilation[i] * (kernel[i] - 1) + 1;
        w.kernel[i] = kernel[i];
        w.stride[i] = stride[i];
        w.skip[i] = dilation[i] - 1;
        w.before[i] = pad[i];
        w.after[i] = (y->dim[2 + i] - 1) * stride[i] + reach - x->dim[2 + i] - pad[i];
    }
    return w;
}

/* Of a reorder, for which threads are not worth waking. And while a plan is made there are others of Tenon's, which
 * start its parameters: OpenMP's would be spinning beside them, waiting for the next loop. */
enum { ALONE_BYTES = 256 << 10 };

/* oneDNN splits its work for the number of threads there are when a primitive is made, and asks
 * again when it is run: both must see the device's. In a process that was forked OpenMP would wait for ever for those that it had
 * before, so that it may take none there. */
static tn_omp_before enter(const tn_backend_device *d, bool alone)
{
    const tn_omp_before before = {omp_get_max_threads(), omp_get_dynamic(),
                                  omp_get_max_active_levels()};
    if (tn_crew_forked())
        omp_set_max_active_levels(0);
    omp_set_dynamic(0); /* it waits for ever for threads that it was promised */
    /* With pin=on all would be on the caller's core; and one that does not start ends the program. */
    omp_set_num_threads(alone || d->pin || d->fewer ? 1 : d->threads);
    return before;
}

static void leave(tn_omp_before before)
{
    omp_set_max_active_levels(before.levels);
    omp_set_dynamic(before.dynamic);
    omp_set_num_threads(before.threads);
}

static dnnl_status_t append(dnnl_primitive_attr_t attr, const tn_prim_spec *s)
{
    dnnl_post_ops_t ops;
    dnnl_status_t status = dnnl_post_ops_create(&ops);
    if (status != dnnl_success)
        return status;
    if (s->scale)
        status = dnnl_post_ops_append_binary(ops, dnnl_binary_mul, tn_md_raw(s->scale));
    if (status == dnnl_success && s->scale)
        status = dnnl_post_ops_append_binary(ops, dnnl_binary_add, tn_md_raw(s->shift));
    if (status == dnnl_success && s->last)
        status = tn_post_each(ops, s->last, s->alpha, s->beta);
    if (status == dnnl_success)
        status = dnnl_primitive_attr_set_post_ops(attr, ops);
    dnnl_post_ops_destroy(ops);
    return status;
}

bool tn_make_begin(tn_maker *m, tn_making *k, const tn_prim_spec *s)
{
    if (m->status != TN_OK)
        return false;
    m->status = tn_onednn(m->op, m->node, "attributes", dnnl_primitive_attr_create(&k->attr));
    if (m->status != TN_OK)
        return false;
    dnnl_status_t status =
        dnnl_primitive_attr_set_scratchpad_mode(k->attr, dnnl_scratchpad_mode_user);
    if (status == dnnl_success && s && (s->scale || s->last))
        status = append(k->attr, s);
    m->status = tn_onednn(m->op, m->node, "attributes", status);
    if (m->status != TN_OK) {
        dnnl_primitive_attr_destroy(k->attr);
        return false;
    }
    k->scaled = s && s->scale;
    k->before = enter(m->device, m->alone);
    return true;
}

static tn_dnnl_md argument(dnnl_primitive_desc_t pd, int arg)
{
    const tn_dnnl_md md = dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, arg);
    return md && dnnl_memory_desc_get_size(md) > 0 ? md : NULL;
}

static dnnl_status_t add_memory(tn_prim *p, int arg)
{
    const tn_dnnl_md md = argument(p->pd, arg);
    if (!md)
        return dnnl_success;
    if (p->num == TN_PRIM_ARGS)
        return dnnl_invalid_arguments;
    const dnnl_status_t status =
        dnnl_memory_create(&p->arg[p->num].memory, md, p->device->engine, DNNL_MEMORY_NONE);
    if (status == dnnl_success)
        p->arg[p->num++].arg = arg;
    return status;
}

/* A memory object for each argument that the primitive has. oneDNN must not be asked for those of another operation behind it
 * than it has: 2.6 takes what it finds there for a descriptor. */
static dnnl_status_t add_memories(tn_prim *p, bool scaled)
{
    static const int args[] = {
        DNNL_ARG_SRC,        DNNL_ARG_WEIGHTS,    DNNL_ARG_BIAS,         DNNL_ARG_DST,
        DNNL_ARG_DIFF_SRC,   DNNL_ARG_DIFF_DST,   DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_MEAN,
        DNNL_ARG_DIFF_BIAS,  DNNL_ARG_VARIANCE,   DNNL_ARG_SCALE,        DNNL_ARG_SHIFT,
        DNNL_ARG_DIFF_SCALE, DNNL_ARG_DIFF_SHIFT, DNNL_ARG_WORKSPACE,    DNNL_ARG_SCRATCHPAD,
    };
    dnnl_status_t status = dnnl_success;
    for (size_t i = 0; i < TN_COUNT(args) && status == dnnl_success; i++)
        status = add_memory(p, args[i]);
    if (scaled && status == dnnl_success)
        status = add_memory(p, TN_ARG_SCALE);
    if (scaled && status == dnnl_success)
        status = add_memory(p, TN_ARG_SHIFT);
    return status;
}

void tn_make_end(tn_maker *m, tn_making *k, tn_prim *p, const char *what, dnnl_status_t status,
                 dnnl_primitive_desc_t pd)
{
    *p = (tn_prim){.device = m->device,
                   .op = m->op,
                   .node = m->node,
                   .what = what,
                   .alone = m->alone,
                   .pd = pd};
    if (status == dnnl_success)
        status = dnnl_primitive_create(&p->primitive, pd);
    if (status == dnnl_success)
        status = add_memories(p, k->scaled);
    leave(k->before);
    dnnl_primitive_attr_destroy(k->attr);
    m->status = tn_onednn(m->op, m->node, what, status);
    if (m->status != TN_OK)
        tn_prim_free(p);
}

void tn_make_reorder(tn_maker *m, tn_prim *p, const tn_md *from, const tn_md *to)
{
    tn_make_scaling(m, p, from, to, 1);
}

static void whole_reorder(tn_maker *m, tn_prim *p, const tn_prim_spec *s)
{
    tn_making k;
    if (!tn_make_begin(m, &k, NULL))
        return;
    const dnnl_engine_t engine = m->device->engine;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_status_t status = s->alpha == 1 ? dnnl_success : tn_attr_factor(k.attr, s->alpha);
    if (status == dnnl_success)
        status = dnnl_reorder_primitive_desc_create(&pd, tn_md_raw(s->x), engine, tn_md_raw(s->y),
                                                    engine, k.attr);
    tn_make_end(m, &k, p, "reorder", status, pd);
}

void tn_make_scaling(tn_maker *m, tn_prim *p, const tn_md *from, const tn_md *to, float factor)
{
    const tn_prim_spec s = {.x = from, .y = to, .alpha = factor};
    m->alone = tn_md_bytes(to) <= ALONE_BYTES;
    whole_reorder(m, p, &s);
    if (!m->alone)
        tn_make_pieces(m, p, &s, whole_reorder, TN_CUT_EITHER);
    m->alone = false;
}

const tn_md *tn_prim_md(tn_maker *m, const tn_prim *p, int arg)
{
    if (m->status != TN_OK)
        return NULL;
    const tn_dnnl_md md = argument(p->pd, arg);
    return md ? tn_md_intern(m, md) : NULL;
}

size_t tn_prim_bytes(const tn_prim *p, int arg)
{
    const tn_dnnl_md md = p->pd ? argument(p->pd, arg) : NULL;
    if (arg == DNNL_ARG_SCRATCHPAD && p->pieces)
        return tn_pieces_scratch(p);
    return md ? dnnl_memory_desc_get_size(md) : 0;
}

const char *tn_prim_impl(const tn_prim *p)
{
    const char *text = NULL;
    if (!p->pd ||
        dnnl_primitive_desc_query(p->pd, dnnl_query_impl_info_str, 0, &text) != dnnl_success)
        return NULL;
    return text;
}

/* Points argument `arg` at data and adds it to the list. The plan's memory stays where it is, so a
 * pointer is set when it changed: oneDNN 2.x allocates then, and zeroes padding. */
static dnnl_status_t set_argument(tn_prim *p, const tn_prim_arg *a, dnnl_exec_arg_t *list, int *num)
{
    int i = 0;
    while (i < p->num && p->arg[i].arg != a->arg)
        i++;
    if (i == p->num)
        return dnnl_success; /* scratch that it does without */
    if (p->arg[i].data != a->data) {
        void *data = (void *)(uintptr_t)a->data; /* oneDNN takes inputs too without const */
        const dnnl_status_t status = dnnl_memory_set_data_handle(p->arg[i].memory, data);
        if (status != dnnl_success)
            return status;
        p->arg[i].data = a->data;
    }
    list[(*num)++] = (dnnl_exec_arg_t){a->arg, p->arg[i].memory};
    return dnnl_success;
}

dnnl_status_t tn_prim_execute(tn_prim *p, const tn_prim_arg *args)
{
    dnnl_exec_arg_t list[TN_PRIM_ARGS];
    dnnl_status_t status = dnnl_success;
    int num = 0;
    for (const tn_prim_arg *a = args; a->arg && status == dnnl_success; a++)
        if (a->data)
            status = set_argument(p, a, list, &num);
    if (status != dnnl_success)
        return status;
    const tn_omp_before before = enter(p->device, p->alone);
    status = dnnl_primitive_execute(p->primitive, p->device->stream, num, list);
    if (status == dnnl_success)
        status = dnnl_stream_wait(p->device->stream);
    leave(before);
    return status;
}

/* Scratch it may do without. */
static tn_status check_arguments(const tn_prim *p, const tn_prim_arg *args)
{
    for (const tn_prim_arg *a = args; a->arg; a++) {
        int i = 0;
        while (i < p->num && p->arg[i].arg != a->arg)
            i++;
        if (a->data && i == p->num && a->arg != DNNL_ARG_SCRATCHPAD)
            return tn_fail(TN_ERR_DEVICE, "%s %s: oneDNN, %s: has no argument %d", p->op, p->node,
                           p->what, a->arg);
    }
    return TN_OK;
}

tn_status tn_prim_run(tn_prim *p, const tn_prim_arg *args)
{
    TN_TRY(check_arguments(p, args));
    if (p->pieces)
        return tn_pieces_run(p, args);
    return tn_onednn(p->op, p->node, p->what, tn_prim_execute(p, args));
}

void tn_prim_free(tn_prim *p)
{
    tn_pieces_free(p);
    for (int i = 0; i < p->num; i++)
        dnnl_memory_destroy(p->arg[i].memory);
    if (p->primitive)
        dnnl_primitive_destroy(p->primitive);
    if (p->pd)
        dnnl_primitive_desc_destroy(p->pd);
    *p = (tn_prim){0};
}
