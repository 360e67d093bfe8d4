/* Models of ONNX, and onnx/onnx's tests of one operator: its model, inputs, and the outputs that are right. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tenon/tenon.h>

#include "count.h"

enum { MOST_PORTS = 64 };

bool judge_optimised;

void judge_onnx(const char *path, verdict *v)
{
    tn_model *model = NULL;
    const tn_status status = tn_model_open(&model, path, NULL);
    if (status != TN_OK)
        judge_error(status, v);
}

/* ---- one set of numbers ------------------------------------------------------------------------- */

typedef struct test {
    const char *folder;
    int set, num_inputs, num_outputs;
    port_name input[MOST_PORTS], output[MOST_PORTS];
    file_tensor in[MOST_PORTS], out[MOST_PORTS];
} test;

static bool read_set(const char *folder, int set, const char *what, int count, file_tensor *to,
                     verdict *v)
{
    char path[4400];
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/test_data_set_%d/%s_%d.pb", folder, set, what, i);
        if (access(path, F_OK) != 0) /* fewer than the model has, which may be left out */
            continue;
        const char *why = tensor_read(path, &to[i]);
        if (why) {
            v->outcome = REFUSED;
            snprintf(v->why, sizeof v->why, "%s_%d.pb %s", what, i, why);
            return false;
        }
    }
    return true;
}

/* The numbers as a plan takes and gives them. */
static void *convert(tn_dtype dtype, const double *from, int64_t count)
{
    void *to = calloc((size_t)count + 1, sizeof(float));
    for (int64_t i = 0; to && from && i < count; i++)
        if (dtype == TN_F32)
            ((float *)to)[i] = (float)from[i];
        else if (dtype == TN_I32)
            ((int32_t *)to)[i] = (int32_t)from[i];
        else
            ((uint8_t *)to)[i] = (uint8_t)from[i];
    return to;
}

static double *widen(tn_dtype dtype, const void *from, int64_t count)
{
    double *to = calloc((size_t)count + 1, sizeof *to);
    for (int64_t i = 0; to && i < count; i++)
        to[i] = dtype == TN_F32   ? (double)((const float *)from)[i]
                : dtype == TN_I32 ? ((const int32_t *)from)[i]
                                  : ((const uint8_t *)from)[i];
    return to;
}

static int64_t shape_count(const tn_shape *shape)
{
    int64_t count = 1;
    for (int i = 0; i < shape->ndim; i++)
        count *= shape->dim[i];
    return count;
}

static const file_tensor *find_input(const test *t, const char *name)
{
    for (int i = 0; i < t->num_inputs; i++)
        if (strcmp(t->input[i], name) == 0)
            return &t->in[i];
    return NULL;
}

static tn_status set_inputs(const test *t, const tn_graph *g, tn_plan *plan, verdict *v)
{
    tn_value x;
    for (int i = 0; (x = tn_graph_input(g, i)).id; i++) {
        const file_tensor *from = find_input(t, tn_value_name(g, x));
        tn_tensor to;
        tn_must(tn_value_shape(g, x, &to.shape));
        tn_must(tn_value_dtype(g, x, &to.dtype));
        if (!from || !from->data || shape_count(&to.shape) != from->count) {
            v->outcome = WRONG;
            snprintf(v->why, sizeof v->why, "input \"%s\" is %s, not as the test has it",
                     tn_value_name(g, x), tn_shape_format(&to.shape).text);
            return TN_END;
        }
        to.data = convert(to.dtype, from->data, from->count);
        const tn_status status = tn_plan_set(plan, x, to);
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

static void wrong(verdict *v, int output, const char *why)
{
    v->outcome = WRONG;
    snprintf(v->why, sizeof v->why, "output %d: %s", output, why);
}

static tn_status check_output(const tn_graph *g, tn_plan *plan, int index, const file_tensor *want,
                              verdict *v)
{
    char why[200];
    tn_tensor have;
    const tn_value y = tn_graph_output_at(g, index);
    if (!y.id) {
        wrong(v, index, "the model has none of that number");
        return TN_OK;
    }
    tn_must(tn_value_shape(g, y, &have.shape));
    tn_must(tn_value_dtype(g, y, &have.dtype));
    bool same = have.shape.ndim == want->ndim;
    for (int i = 0; same && i < want->ndim; i++)
        same = have.shape.dim[i] == want->dim[i];
    if (!same) {
        snprintf(why, sizeof why, "is %s", tn_shape_format(&have.shape).text);
        wrong(v, index, why);
        return TN_OK;
    }
    have.data = convert(have.dtype, NULL, want->count);
    const tn_status status = tn_plan_get(plan, y, have);
    if (status == TN_OK &&
        !tensor_agrees(want, widen(have.dtype, have.data, want->count), why, sizeof why))
        wrong(v, index, why);
    return status;
}

/* ---- a test ------------------------------------------------------------------------------------- */

static tn_status compute(const test *t, tn_model *model, verdict *v)
{
    tn_device *device = NULL;
    tn_plan *plan = NULL;
    tn_value keep[MOST_PORTS];
    const tn_graph *g = tn_model_graph(model);
    tn_plan_opts opts = {.keep = keep, .from = model, .strict = true};
    while (opts.num_keep < MOST_PORTS && tn_graph_output_at(g, opts.num_keep).id) {
        keep[opts.num_keep] = tn_graph_output_at(g, opts.num_keep);
        opts.num_keep++;
    }
    tn_must(tn_device_open(&device, "cpu,threads=1"));
    tn_status status = tn_plan_create(&plan, g, device, &opts);
    if (status == TN_OK)
        status = set_inputs(t, g, plan, v);
    if (status == TN_OK)
        status = tn_plan_evaluate(plan);
    for (int i = 0; status == TN_OK && i < t->num_outputs; i++)
        if (t->out[i].data && v->outcome == RIGHT)
            status = check_output(g, plan, i, &t->out[i], v);
    return status == TN_END ? TN_OK : status;
}

static void judge_set(test *t, const char *path, verdict *v)
{
    tn_model *model = NULL;
    memset(t->in, 0, sizeof t->in);
    memset(t->out, 0, sizeof t->out);
    if (!read_set(t->folder, t->set, "input", t->num_inputs, t->in, v) ||
        !read_set(t->folder, t->set, "output", t->num_outputs, t->out, v))
        return;
    v->outcome = RIGHT;
    tn_status status = tn_model_open(&model, path, NULL);
    if (status == TN_OK && judge_optimised)
        status = tn_model_optimise(&model, model, NULL);
    if (status == TN_OK)
        status = compute(t, model, v);
    if (status != TN_OK)
        judge_error(status, v);
}

void judge_test(const char *folder, verdict *v)
{
    static test t;
    char path[4400], set[4400];
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    t.folder = folder;
    t.num_inputs = model_ports(path, false, t.input, MOST_PORTS);
    t.num_outputs = model_ports(path, true, t.output, MOST_PORTS);
    v->outcome = RIGHT;
    for (; v->outcome == RIGHT; t.set++) {
        snprintf(set, sizeof set, "%s/test_data_set_%d", folder, t.set);
        if (access(set, F_OK) != 0)
            return;
        judge_set(&t, path, v);
    }
}
