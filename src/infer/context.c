/*
 * context: a plan of the engine's net for one device, so many rows and one size of pictures, on weights that all contexts
 * have in common.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <tenon/text.h>

#include "base/number.h"
#include "graph/graph.h"
#include "infer/engine.h"

struct tn_context {
    tn_engine *engine;
    tn_device *device;
    tn_graph *graph; /* for its rows and sizes */
    tn_plan *plan;
    tn_port_lists ports;
    char *kernels;   /* whose choice they are; NULL: the file says none */
    void **stage[2]; /* of each port all rows, where a run may have fewer; else NULL */
    int64_t rows;
};

/* ---- making ----------------------------------------------------------------------------------- */

static tn_status check_opts(const tn_engine *e, const tn_context_opts *o)
{
    if (o->rows < 0)
        return tn_fail(TN_ERR_ARGUMENT, "%s: a context of %lld rows", e->name, (long long)o->rows);
    if (o->height < 0 || o->width < 0 || (o->height > 0) != (o->width > 0))
        return tn_fail(TN_ERR_ARGUMENT, "%s: pictures of height %d and width %d", e->name,
                       o->height, o->width);
    if (o->threads < 0)
        return tn_fail(TN_ERR_ARGUMENT, "%s: %d threads", e->name, o->threads);
    return TN_OK;
}

static tn_status open_device(tn_context *c, const tn_context_opts *o)
{
    const char *base = o->device ? o->device : "cpu";
    char *name = o->threads ? tn_format("%s,threads=%d", base, o->threads) : tn_copy_text(base);
    if (!name)
        return tn_no_memory("engine", strlen(base));
    const tn_status status = tn_device_open(&c->device, name);
    tn_free(name);
    return status;
}

static tn_status make_graph(tn_context *c, const tn_context_opts *o)
{
    const tn_graph *g = c->engine->model->graph;
    int64_t batch;
    TN_TRY(tn_graph_batch(g, &batch));
    if (batch == 0 && c->rows > 1)
        return tn_fail(TN_ERR_SHAPE, "%s: its net has no rows, of which there could be %lld",
                       c->engine->name, (long long)c->rows);
    const tn_status status =
        o->height ? tn_graph_resize_pictures(&c->graph, g, c->rows, o->height, o->width)
                  : tn_graph_resize(&c->graph, g, c->rows);
    return status == TN_OK ? TN_OK : tn_fail(status, "%s: %s", c->engine->name, tn_error());
}

/* Whose choice the kernels are; what was found when the engine was built holds for the same machine, rows, sizes and f32. */
static char *say_kernels(const tn_engine_choices *found, int64_t rows, bool own)
{
    if (!found->same_machine)
        return tn_format("by rules: those of the file were found on another machine, %s",
                         found->machine ? found->machine : "which it does not name");
    if (!found->found)
        return tn_format("by rules: the file has none for %lld rows", (long long)rows);
    return tn_copy_text(own ? "of the file, found on this machine"
                            : "by rules: those of the file are for its own sizes, in f32");
}

static tn_status choose_kernels(tn_context *c, const tn_context_opts *o, tn_engine_choices *found)
{
    const bool own = !o->height && (!o->precision || strcmp(o->precision, "f32") == 0);
    TN_TRY(tn_engine_choose(c->engine, tn_device_describe(c->device), c->rows, found));
    if (!own)
        found->count = 0;
    c->kernels = found->said ? say_kernels(found, c->rows, own) : NULL;
    return c->kernels || !found->said ? TN_OK : tn_no_memory("engine", 100);
}

/* Kernels keep all that they make of weights: there is nothing that it would have to give way to. */
static tn_status make_plan(tn_context *c, const tn_context_opts *o)
{
    tn_engine_choices found = {0};
    tn_plan_opts opts = {.weights = c->engine->weights, .kept_weights = INFINITY};
    TN_TRY(tn_precision_find(o->precision ? o->precision : "f32", &opts.precision));
    tn_status status = choose_kernels(c, o, &found);
    opts.kernels = found.choice;
    opts.num_kernels = found.count;
    if (status == TN_OK)
        status = tn_plan_create(&c->plan, c->graph, c->device, &opts);
    tn_engine_free_choices(&found);
    return status;
}

static tn_status stage_port(tn_context *c, bool output, int i)
{
    const tn_port *p = &c->ports.port[output][i].port;
    size_t bytes;
    if (c->rows == 1 || p->rows < 0)
        return TN_OK;
    TN_TRY(tn_shape_bytes(&p->shape, p->dtype, &bytes));
    void *stage = tn_alloc_aligned(bytes);
    if (!stage)
        return tn_no_memory("engine", bytes);
    memset(stage, 0, bytes);
    c->stage[output][i] = stage;
    return TN_OK;
}

static tn_status make_stage(tn_context *c)
{
    for (int output = 0; output < 2; output++) {
        const int count = c->ports.count[output];
        c->stage[output] = tn_alloc((size_t)count + 1, sizeof *c->stage[output]);
        if (!c->stage[output])
            return tn_no_memory("engine", (size_t)count * sizeof *c->stage[output]);
        for (int i = 0; i < count; i++)
            TN_TRY(stage_port(c, output != 0, i));
    }
    return TN_OK;
}

static tn_status fill(tn_context *c, const tn_context_opts *o)
{
    TN_TRY(check_opts(c->engine, o));
    c->rows = o->rows ? o->rows : 1;
    TN_TRY(make_graph(c, o));
    TN_TRY(tn_engine_find_ports(&c->ports, c->graph));
    TN_TRY(make_stage(c));
    TN_TRY(open_device(c, o));
    return make_plan(c, o);
}

tn_status tn_context_create(tn_context **out, tn_engine *e, const tn_context_opts *opts)
{
    const tn_context_opts none = {0};
    TN_NEED(out, "out");
    TN_NEED(e, "engine");
    tn_context *c = tn_alloc(1, sizeof *c);
    if (!c)
        return tn_no_memory("engine", sizeof *c);
    c->engine = e;
    const tn_status status = fill(c, opts ? opts : &none);
    if (status != TN_OK) {
        tn_context_destroy(c);
        return status;
    }
    *out = c;
    return TN_OK;
}

void tn_context_destroy(tn_context *c)
{
    if (!c)
        return;
    tn_plan_destroy(c->plan);
    tn_device_close(c->device);
    for (int output = 0; output < 2; output++) {
        for (int i = 0; c->stage[output] && i < c->ports.count[output]; i++)
            tn_free(c->stage[output][i]);
        tn_free(c->stage[output]);
    }
    tn_engine_free_ports(&c->ports);
    tn_graph_destroy(c->graph);
    tn_free(c->kernels);
    tn_free(c);
}

/* ---- running ---------------------------------------------------------------------------------- */

/* The given tensor is that port's, with so many rows. */
static tn_status check(const tn_context *c, const tn_port *p, int64_t rows, const tn_tensor *t)
{
    tn_shape want = p->shape;
    if (p->rows >= 0)
        want.dim[p->rows] = rows;
    if (t->data && t->dtype == p->dtype && tn_shape_equal(&t->shape, &want))
        return TN_OK;
    return tn_fail(TN_ERR_SHAPE, "%s: %s is %s %s, but the tensor given is %s %s%s",
                   c->engine->name, p->name, tn_shape_format(&want).text, tn_dtype_name(p->dtype),
                   tn_shape_format(&t->shape).text, tn_dtype_name(t->dtype),
                   t->data ? "" : " without data");
}

static tn_status check_all(const tn_context *c, bool output, int64_t rows, const tn_tensor *t)
{
    if (c->ports.count[output] > 0 && !t)
        return tn_fail(TN_ERR_ARGUMENT, "%s: no tensors are given for its %s", c->engine->name,
                       output ? "outputs" : "inputs");
    for (int i = 0; i < c->ports.count[output]; i++)
        TN_TRY(check(c, &c->ports.port[output][i].port, rows, &t[i]));
    return TN_OK;
}

/* The first rows of one to the first rows of the other, both canonical. */
static void copy_rows(const tn_port *p, void *to, int64_t to_rows, const void *from,
                      int64_t from_rows)
{
    size_t outer = 1, inner = tn_dtype_bytes(p->dtype);
    for (int i = 0; i < p->shape.ndim; i++)
        if (i != p->rows)
            *(i < p->rows ? &outer : &inner) *= (size_t)p->shape.dim[i];
    const size_t rows = (size_t)(to_rows < from_rows ? to_rows : from_rows);
    for (size_t i = 0; i < outer; i++)
        memcpy((char *)to + i * (size_t)to_rows * inner,
               (const char *)from + i * (size_t)from_rows * inner, rows * inner);
}

/* All rows: the given ones, by way of the stage if they are fewer. */
static tn_tensor whole(const tn_context *c, bool output, int i, const tn_tensor *given)
{
    const tn_port *p = &c->ports.port[output][i].port;
    const bool direct = p->rows < 0 || given->shape.dim[p->rows] == c->rows;
    return (tn_tensor){p->dtype, p->shape, direct ? given->data : c->stage[output][i]};
}

static tn_status set(tn_context *c, int i, const tn_tensor *given)
{
    const tn_port_value *p = &c->ports.port[false][i];
    const tn_tensor all = whole(c, false, i, given);
    if (all.data != given->data)
        copy_rows(&p->port, all.data, c->rows, given->data, given->shape.dim[p->port.rows]);
    return tn_plan_set(c->plan, p->value, all);
}

static tn_status get(tn_context *c, int i, const tn_tensor *given)
{
    const tn_port_value *p = &c->ports.port[true][i];
    const tn_tensor all = whole(c, true, i, given);
    TN_TRY(tn_plan_get(c->plan, p->value, all));
    if (all.data != given->data)
        copy_rows(&p->port, given->data, given->shape.dim[p->port.rows], all.data, c->rows);
    return TN_OK;
}

tn_status tn_context_run(tn_context *c, int64_t rows, const tn_tensor *in, const tn_tensor *out)
{
    TN_NEED(c, "context");
    if (rows < 1 || rows > c->rows)
        return tn_fail(TN_ERR_ARGUMENT, "%s: a run of %lld rows in a context made for %lld",
                       c->engine->name, (long long)rows, (long long)c->rows);
    if (rows < c->rows && c->ports.mixed)
        return tn_fail(TN_ERR_ARGUMENT,
                       "%s: a run of %lld rows in a context made for %lld: %s is made of all rows "
                       "together",
                       c->engine->name, (long long)rows, (long long)c->rows, c->ports.mixed);
    TN_TRY(check_all(c, false, rows, in));
    TN_TRY(check_all(c, true, rows, out));
    for (int i = 0; i < c->ports.count[false]; i++)
        TN_TRY(set(c, i, &in[i]));
    TN_TRY(tn_plan_evaluate(c->plan));
    for (int i = 0; i < c->ports.count[true]; i++)
        TN_TRY(get(c, i, &out[i]));
    return TN_OK;
}

/* ---- asking ----------------------------------------------------------------------------------- */

const tn_port *tn_context_port(const tn_context *c, bool output, int index)
{
    const bool there = c && index >= 0 && index < c->ports.count[output];
    return there ? &c->ports.port[output][index].port : NULL;
}

tn_context_memory tn_context_memory_of(const tn_context *c)
{
    if (!c)
        return (tn_context_memory){0};
    const tn_memory_plan m = tn_plan_memory(c->plan);
    return (tn_context_memory){.values = m.activations, .weights = m.params + m.kept};
}

const char *tn_context_kernels(const tn_context *c)
{
    return c ? c->kernels : NULL;
}

tn_status tn_context_describe(const tn_context *c, FILE *to)
{
    TN_NEED(c, "context");
    TN_NEED(to, "to");
    fprintf(to, "%s\n", tn_device_describe(c->device));
    if (c->kernels)
        fprintf(to, "kernels %s\n", c->kernels);
    return tn_plan_describe(c->plan, TN_DESCRIBE_TEXT, to);
}

static tn_status measure(tn_context *c, int runs, double *least, double *seconds, int steps)
{
    for (int run = 0; run < runs; run++) {
        TN_TRY(tn_plan_profile(c->plan, 0, seconds));
        for (int i = 0; i < steps; i++)
            least[i] = run == 0 || seconds[i] < least[i] ? seconds[i] : least[i];
    }
    return TN_OK;
}

static tn_status tell_steps(const tn_context *c, const double *least, int steps, FILE *to)
{
    double all = 0;
    for (int i = 0; i < steps; i++)
        all += least[i];
    fprintf(to, "%10s %6s  %-20s %-20s %s\n", "ms", "share", "node", "does", "kernel");
    for (int i = 0; i < steps; i++) {
        tn_step_info s;
        TN_TRY(tn_plan_step(c->plan, i, &s));
        char does[128];
        snprintf(does, sizeof does, "%s%s%s", s.op, s.fused ? "+" : "", s.fused ? s.fused : "");
        tn_fprint(to, "%10.4f %5.1f%%  %-20s %-20s %s\n", 1000 * least[i],
                  all > 0 ? 100 * least[i] / all : 0, s.node, does, s.kernel);
    }
    tn_fprint(to, "%10.4f 100.0%%  all of them\n", 1000 * all);
    return ferror(to) ? tn_fail(TN_ERR_IO, "%s: its profile could not be written", c->engine->name)
                      : TN_OK;
}

tn_status tn_context_profile(tn_context *c, int runs, FILE *to)
{
    TN_NEED(c, "context");
    TN_NEED(to, "to");
    if (runs < 1)
        return tn_fail(TN_ERR_ARGUMENT, "%s: a profile of %d runs", c->engine->name, runs);
    const int steps = tn_plan_num_steps(c->plan);
    double *seconds = tn_alloc((size_t)steps + 1, 2 * sizeof *seconds);
    if (!seconds)
        return tn_no_memory("engine", (size_t)steps * 2 * sizeof *seconds);
    tn_status status = measure(c, runs, seconds, seconds + steps, steps);
    if (status == TN_OK)
        status = tell_steps(c, seconds, steps, to);
    tn_free(seconds);
    return status;
}
