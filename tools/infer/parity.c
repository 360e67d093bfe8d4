/*
 * How far an engine is from the model that it was built of: the engine as it runs, the model by plain sums, no two of its
 * layers in one. With --layers also the engine's net against the model's, value by value, by their names.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "infer.h"

#define LIMIT 1e-3 /* of the largest number */

/* A net that is run on the first row of the engine's inputs. */
typedef struct net {
    tn_model *model;
    tn_device *device;
    tn_plan *plan;
    tn_value *keep;
    int kept;
} net;

/* ---- nets ------------------------------------------------------------------------------------- */

static void keep_all(net *n, const net *other)
{
    const tn_graph *g = tn_model_graph(n->model);
    const char *text = tn_model_fact(n->model, "tenon.graph");
    int lines = 1;
    for (const char *p = text; p && *p; p++)
        lines += *p == '\n';
    n->keep = calloc((size_t)lines, sizeof *n->keep);
    if (!n->keep)
        run_fail("no memory for %d values", lines);
    for (const char *p = text; p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
        char name[256];
        if (sscanf(p, "%255[A-Za-z0-9_.:/-] =", name) != 1)
            continue;
        const tn_value v = tn_graph_value(g, name);
        tn_dtype type;
        const char *op = tn_value_op(g, v);
        if (!v.id || !op || strcmp(op, "param") == 0 || strcmp(op, "constant") == 0 ||
            tn_value_dtype(g, v, &type) != TN_OK || type != TN_F32)
            continue;
        if (!other || tn_graph_value(tn_model_graph(other->model), name).id)
            n->keep[n->kept++] = v;
    }
}

static void open_net(net *n, const char *path)
{
    if (tn_model_open(&n->model, path, NULL) != TN_OK)
        args_fail("%s", tn_error());
    for (int i = 0; tn_model_notice(n->model, i); i++)
        args_warn("%s", tn_model_notice(n->model, i));
    tn_must(tn_device_open(&n->device, "cpu"));
}

/* Which values the plan keeps; none: its outputs. */
static void plan_net(net *n)
{
    if (tn_plan_create(&n->plan, tn_model_graph(n->model), n->device,
                       &(tn_plan_opts){.from = n->model,
                                       .keep = n->keep,
                                       .num_keep = n->kept,
                                       .strict = true,
                                       .no_fusion = true}) != TN_OK)
        run_fail("%s", tn_error());
}

/* By the names of the engine's inputs, the first row of each. */
static void run_net(net *n, const session *s)
{
    const tn_graph *g = tn_model_graph(n->model);
    for (int i = 0; i < s->ports.num_in; i++) {
        tn_tensor one = s->ports.in[i];
        const tn_port *p = tn_engine_port(s->engine, false, i);
        one.shape = p->shape;
        const tn_value v = tn_graph_value(g, p->name);
        if (!v.id)
            args_fail("%s: has no input %s", s->q.parity, p->name);
        if (tn_plan_set(n->plan, v, one) != TN_OK)
            run_fail("%s: %s", s->q.parity, tn_error());
    }
    if (tn_plan_evaluate(n->plan) != TN_OK)
        run_fail("%s: %s", s->q.parity, tn_error());
}

/* For free(); NULL: there is no such value that could be read. */
static float *get(net *n, const char *name, int64_t *count)
{
    const tn_graph *g = tn_model_graph(n->model);
    const tn_value v = tn_graph_value(g, name);
    tn_shape shape;
    if (!v.id || tn_value_shape(g, v, &shape) != TN_OK || tn_shape_count(&shape, count) != TN_OK)
        return NULL;
    float *to = calloc((size_t)*count, sizeof *to);
    if (!to)
        run_fail("no memory for %lld numbers of %s", (long long)*count, name);
    if (tn_plan_get(n->plan, v, (tn_tensor){TN_F32, shape, to}) == TN_OK)
        return to;
    free(to);
    return NULL;
}

static void close_net(net *n)
{
    tn_plan_destroy(n->plan);
    tn_device_close(n->device);
    tn_model_close(n->model);
    free(n->keep);
}

/* ---- differences ------------------------------------------------------------------------------ */

/* The largest difference, of the largest number; NaN is infinite. */
static double off(const float *a, const float *b, int64_t count)
{
    double most = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        const double d = fabs((double)a[i] - (double)b[i]);
        most = d <= most ? most : isnan(d) ? HUGE_VAL : d;
        size = fmax(size, fabs((double)b[i]));
    }
    return size > 0 ? most / size : most;
}

static double compare_outputs(const session *s, net *model)
{
    double worst = 0;
    for (int i = 0; i < s->ports.num_out; i++) {
        const tn_port *p = tn_engine_port(s->engine, true, i);
        int64_t count, own;
        if (p->dtype != TN_F32)
            continue;
        float *x = get(model, p->name, &count);
        tn_must(tn_shape_count(&p->shape, &own));
        if (!x || count != own)
            args_fail("%s: has no output %s of %lld numbers", s->q.parity, p->name, (long long)own);
        const double d = off(s->ports.out[i].data, x, count);
        printf("%s  %.2g of the largest number\n", p->name, d);
        worst = fmax(worst, d);
        free(x);
    }
    return worst;
}

/* Each value that both nets have, in the order of the engine's. One that a pass has given another meaning is off while what
 * follows is not: the first that is off is looked for behind the last that is right. */
static void compare_layers(net *engine, net *model)
{
    const tn_graph *g = tn_model_graph(engine->model);
    const char *first = NULL;
    for (int i = 0; i < engine->kept; i++) {
        const char *name = tn_value_name(g, engine->keep[i]);
        int64_t count, other;
        float *a = get(engine, name, &count), *b = get(model, name, &other);
        if (a && b && count == other) {
            const double d = off(a, b, count);
            printf("  %-30s %-16s %.2g\n", name, tn_value_op(g, engine->keep[i]), d);
            first = d <= LIMIT ? NULL : first ? first : name;
        }
        free(a);
        free(b);
    }
    if (first)
        printf("the first that is off: %s\n", first);
}

static void open_layers(const session *s, net *engine, net *model)
{
    open_net(engine, s->path);
    keep_all(engine, model);
    keep_all(model, engine);
    plan_net(engine);
}

/* Numbers that no picture gives, for an engine that takes others. */
static void fill(ports *p)
{
    for (int i = 0; i < p->num_in; i++) {
        size_t bytes;
        tn_must(tn_shape_bytes(&p->in[i].shape, p->in[i].dtype, &bytes));
        for (size_t k = 0; k < bytes; k++)
            if (p->in[i].dtype == TN_U8)
                ((uint8_t *)p->in[i].data)[k] = (uint8_t)(k * 37 + k / 7);
            else if (p->in[i].dtype == TN_F32 && k < bytes / 4)
                ((float *)p->in[i].data)[k] = (float)(k * 37 % 41) / 20 - 1;
    }
}

static double compare_one(session *s, net *engine, net *model)
{
    if (ports_run(&s->ports, s->context, 1) != TN_OK)
        run_fail("%s", tn_error());
    run_net(model, s);
    const double worst = compare_outputs(s, model);
    if (s->q.layers) {
        run_net(engine, s);
        compare_layers(engine, model);
    }
    return worst;
}

bool infer_parity(session *s)
{
    net model = {0}, engine = {0};
    double worst = 0;
    bool whole = true;
    if (s->q.layers && s->made)
        args_fail("%s: is no engine, whose layers could be compared", s->path);
    open_net(&model, s->q.parity);
    if (s->q.layers)
        open_layers(s, &engine, &model);
    plan_net(&model);
    fill(&s->ports);
    if (s->files == 0)
        worst = compare_one(s, &engine, &model);
    for (int64_t i = 0; i < s->files; i++) {
        if (ports_picture(&s->ports, s, s->file[i], 0) != TN_OK) {
            args_warn("%s", tn_error());
            whole = false;
            continue;
        }
        printf("%s\n", s->file[i]);
        worst = fmax(worst, compare_one(s, &engine, &model));
    }
    printf("at most %.2g of the largest number%s\n", worst, worst > LIMIT ? ": too much" : "");
    close_net(&engine);
    close_net(&model);
    return whole && worst <= LIMIT;
}
