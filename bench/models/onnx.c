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
    port input[MOST_PORTS], output[MOST_PORTS];
    file_tensor in[MOST_PORTS], out[MOST_PORTS];
} test;

static bool read_set(const char *folder, int set, const char *what, int count, const port *ports,
                     file_tensor *to, verdict *v)
{
    char path[4400];
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s/test_data_set_%d/%s_%d.pb", folder, set, what, i);
        if (access(path, F_OK) != 0) /* fewer than the model has, which may be left out */
            continue;
        const char *why = tensor_read(path, &to[i]);
        if (!why && to[i].type != ports[i].type)
            why = "is of another type than the model says";
        if (why) {
            v->outcome = REFUSED;
            snprintf(v->why, sizeof v->why, "%s_%d.pb %s", what, i, why);
            return false;
        }
    }
    return true;
}

/* The numbers as a plan takes and gives them; those of 64 bits that are far away stay that. */
static void *convert(tn_dtype dtype, const double *from, int64_t count)
{
    void *to = calloc((size_t)count + 1, sizeof(float));
    for (int64_t i = 0; to && from && i < count; i++)
        if (dtype == TN_F32)
            ((float *)to)[i] = (float)from[i];
        else if (dtype == TN_I32)
            ((int32_t *)to)[i] = from[i] >= INT32_MAX   ? INT32_MAX
                                 : from[i] <= INT32_MIN ? INT32_MIN
                                                        : (int32_t)from[i];
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
        if (strcmp(t->input[i].name, name) == 0)
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
        if (status != TN_OK && !strstr(tn_error(), "this plan computes nothing from it"))
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

/* Inputs as constants, all but number `free`, as weights and shapes are in models that somebody has exported. */
static int make_known(const test *t, int free, tn_model_known *to)
{
    static const tn_dtype types[] = {[REALS] = TN_F32, [WHOLES] = TN_I32, [BYTES] = TN_U8};
    int count = 0;
    for (int i = 0; i < t->num_inputs; i++) {
        const file_tensor *from = &t->in[i];
        if (i == free || !from->data || from->element == DOUBLES) /* which would lose digits */
            continue;
        tn_tensor numbers = {types[from->element], {.ndim = from->ndim}, NULL};
        for (int j = 0; j < from->ndim; j++)
            numbers.shape.dim[j] = from->dim[j];
        numbers.data = convert(numbers.dtype, from->data, from->count);
        to[count++] = (tn_model_known){t->input[i].name, numbers};
    }
    return count;
}

/* How many rows the test has, where the model leaves that open; 0: as the model says. */
static int64_t find_batch(const test *t, const tn_graph *g)
{
    tn_value x;
    for (int i = 0; (x = tn_graph_input(g, i)).id; i++) {
        tn_shape shape;
        const file_tensor *from = find_input(t, tn_value_name(g, x));
        tn_must(tn_value_shape(g, x, &shape));
        if (from && shape.ndim == from->ndim && shape.ndim > 0 && shape.dim[0] != from->dim[0])
            return from->dim[0];
    }
    return 0;
}

static void try_with(const test *t, const char *path, const tn_model_known *known, int count,
                     verdict *v)
{
    tn_model *model = NULL;
    *v = (verdict){.outcome = RIGHT};
    tn_model_opts opts = {.known = known, .num_known = count};
    tn_status status = tn_model_open(&model, path, &opts);
    if (status == TN_OK && (opts.batch = find_batch(t, tn_model_graph(model))) > 0) {
        tn_model_close(model);
        status = tn_model_open(&model, path, &opts);
    }
    if (status == TN_OK && judge_optimised)
        status = tn_model_optimise(&model, model, NULL);
    if (status == TN_OK)
        status = compute(t, model, v);
    if (status != TN_OK)
        judge_error(status, v);
}

/* With all inputs given when it runs; where that is refused with all but one known before, then with all. What is told is why
 * it was refused first; of numbers that nothing here can read, too, the model is asked first. */
static void judge_set(test *t, const char *path, verdict *v)
{
    static verdict again;
    tn_model_known known[MOST_PORTS];
    memset(t->in, 0, sizeof t->in);
    memset(t->out, 0, sizeof t->out);
    *v = (verdict){.outcome = IMPORTS};
    judge_onnx(path, v);
    const bool opened = v->outcome == IMPORTS;
    if (!read_set(t->folder, t->set, "input", t->num_inputs, t->input, t->in,
                  opened ? v : &again) ||
        !read_set(t->folder, t->set, "output", t->num_outputs, t->output, t->out,
                  opened ? v : &again))
        return;
    try_with(t, path, NULL, 0, v);
    for (int free = 0; free <= t->num_inputs && v->outcome == REFUSED; free++) {
        try_with(t, path, known, make_known(t, free, known), &again);
        if (again.outcome != REFUSED)
            *v = again;
    }
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
