/* The model: an engine and a context of it, or any other and a plan. */
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/workspace.h"
#include "video.h"

static void check_classes(net *n, const char *output, const char *op, const tn_shape *shape,
                          tn_dtype dtype)
{
    bool good = shape->ndim > 1 && shape->dim[0] == n->rows && dtype == TN_F32;
    for (int i = 2; i < shape->ndim; i++)
        good &= shape->dim[i] == 1;
    if (!good)
        args_fail("%s: its first output, %s, is %s of %s, not pictures x classes", n->path, output,
                  tn_dtype_name(dtype), tn_shape_format(shape).text);
    n->classes = shape->dim[1];
    n->shares = strcmp(op, "softmax") == 0 || strcmp(op, "sigmoid") == 0;
    const int known = tn_model_num_classes(n->model);
    if (known != 0 && known != n->classes)
        args_fail("%s: names %d classes, but its output %s has %lld a picture", n->path, known,
                  output, (long long)n->classes);
}

static void open_engine(net *n, const question *q)
{
    const tn_context_opts opts = {.rows = n->rows,
                                  .threads = (int)q->threads,
                                  .device = q->device,
                                  .precision = q->precision};
    if (tn_engine_open(&n->engine, n->path, NULL) != TN_OK ||
        tn_context_create(&n->context, n->engine, &opts) != TN_OK)
        args_fail("%s", tn_error());
    if (tn_engine_ports(n->engine, false) != 1 || tn_engine_ports(n->engine, true) != 1)
        args_fail("%s: has %d inputs and %d outputs, not pictures alone and their classes", n->path,
                  tn_engine_ports(n->engine, false), tn_engine_ports(n->engine, true));
    const tn_port *p = tn_context_port(n->context, true, 0);
    check_classes(n, p->name, p->op, &p->shape, p->dtype);
    const tn_context_memory m = tn_context_memory_of(n->context);
    n->bytes = m.values + m.weights;
}

static void open_plan(net *n, const question *q)
{
    const tn_graph *g = tn_model_graph(n->model);
    char device[512], threads[32] = "";
    tn_precision precision;
    tn_shape shape;
    tn_dtype dtype;
    n->output = tn_graph_output_at(g, 0);
    if (q->threads)
        snprintf(threads, sizeof threads, ",threads=%lld", (long long)q->threads);
    snprintf(device, sizeof device, "%.400s%s", q->device, threads);
    if (!n->output.id)
        args_fail("%s: its net says no output: which of its values are the classes?", n->path);
    if (tn_value_shape(g, n->output, &shape) != TN_OK ||
        tn_value_dtype(g, n->output, &dtype) != TN_OK ||
        tn_precision_find(q->precision, &precision) != TN_OK ||
        tn_device_open(&n->device, device) != TN_OK)
        args_fail("%s", tn_error());
    check_classes(n, tn_value_name(g, n->output), tn_value_op(g, n->output), &shape, dtype);
    const tn_plan_opts opts = {
        .keep = &n->output, .num_keep = 1, .from = n->model, .precision = precision};
    if (tn_plan_create(&n->plan, g, n->device, &opts) != TN_OK)
        args_fail("%s", tn_error());
    const char *lacking = tn_plan_from(n->plan, TN_FROM_NEW, 0);
    if (lacking)
        args_fail("%s: has no tensor %s", n->path, lacking);
    n->bytes = tn_plan_memory(n->plan).total;
}

/* What was trained with averages is used with them. */
static void read_model(net *n, const question *q)
{
    tn_model_opts opts = opening_opts(&q->opening, n->rows, 0);
    if (tn_model_open(&n->model, n->path, &opts) != TN_OK)
        args_fail("%s", tn_error());
    if (!tn_model_keeps_average(n->model) || q->trained)
        return;
    tn_model_close(n->model);
    n->model = NULL;
    opts.average = true;
    if (tn_model_open(&n->model, n->path, &opts) != TN_OK)
        args_fail("%s", tn_error());
}

/* As tenon build has it, of what is no engine yet. */
static void open_model(net *n, const question *q)
{
    tn_model *ready = NULL;
    read_model(n, q);
    opening_tell(n->model);
    if (tn_model_picture(n->model, &n->picture) != TN_OK)
        args_fail("%s%s", tn_error(), opening_hint(n->model));
    if (!tn_model_tensor(n->model, 0, NULL))
        args_fail("%s: is the text of a net, without numbers", n->path);
    if (tn_model_fact(n->model, "tenon.engine"))
        return;
    if (tn_model_optimise(&ready, n->model, NULL) != TN_OK ||
        tn_model_picture(ready, &n->picture) != TN_OK)
        args_fail("%s", tn_error());
    tn_model_close(n->model);
    n->model = ready;
}

void net_open(net *n, const question *q, const char *path, int64_t rows)
{
    static char file[RUN_PATH];
    run_model(file, q->workspace, path);
    *n = (net){.path = file, .rows = rows};
    open_model(n, q);
    (tn_model_fact(n->model, "tenon.engine") ? open_engine : open_plan)(n, q);
    n->row_bytes =
        (size_t)n->picture.fit.height * (size_t)n->picture.fit.width * (size_t)n->picture.channels;
    n->in = calloc((size_t)rows, n->row_bytes);
    n->out = calloc((size_t)(rows * n->classes), sizeof *n->out);
    if (!n->in || !n->out)
        run_fail("no memory for %lld pictures of %zu bytes", (long long)rows, n->row_bytes);
}

/* Rows that nobody filled are what they were: each row's answer is its own. */
tn_status net_run(net *n)
{
    const tn_fit_opts *fit = &n->picture.fit;
    const tn_tensor in = {TN_U8, TN_SHAPE(n->rows, fit->height, fit->width, n->picture.channels),
                          n->in};
    tn_tensor out = {TN_F32, TN_SHAPE(n->rows, n->classes), n->out};
    if (n->context) {
        out.shape = tn_context_port(n->context, true, 0)->shape;
        return tn_context_run(n->context, n->rows, &in, &out);
    }
    tn_status status = tn_value_shape(tn_model_graph(n->model), n->output, &out.shape);
    if (status == TN_OK)
        status = tn_plan_set(n->plan, n->picture.input, in);
    if (status == TN_OK)
        status = tn_plan_evaluate(n->plan);
    return status == TN_OK ? tn_plan_get(n->plan, n->output, out) : status;
}

const char *net_class(const net *n, int64_t index, char text[32])
{
    const char *name = tn_model_class(n->model, (int)index);
    snprintf(text, 32, "class %lld", (long long)index);
    return name ? name : text;
}

void net_close(net *n)
{
    free(n->in);
    free(n->out);
    tn_context_destroy(n->context);
    tn_engine_close(n->engine);
    tn_plan_destroy(n->plan);
    tn_device_close(n->device);
    tn_model_close(n->model);
}
