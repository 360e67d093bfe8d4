/*
 * Simulated cuDNN: execution plans, and plans as text.
 *
 * The text is JSON, with the version of the library, a schema, the graph, the device and the engine, in
 * this order and without blanks. It is written and read by the same functions, which either append what
 * they are given or expect to find just that; so the same plan always gives the same text, and a text
 * that was damaged is refused, unless another number would do as well.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/cudnn_sim.h"

enum { SCHEMA = 4, TEXT_BYTES = 65536 };

typedef struct text {
    char *at;
    size_t used;
    bool reading, bad;
} text;

/* ---- one thing after another -------------------------------------------------------------- */

/* Punctuation and names. */
static void mark(text *t, const char *what)
{
    const size_t n = strlen(what);
    if (t->reading)
        t->bad = t->bad || strncmp(t->at + t->used, what, n);
    else
        memcpy(t->at + t->used, what, n + 1);
    t->used += t->bad ? 0 : n;
}

static int64_t integer(text *t, int64_t value)
{
    if (!t->reading) {
        t->used += (size_t)sprintf(t->at + t->used, "%lld", (long long)value);
        return value;
    }
    char *end = NULL;
    const long long found = t->bad ? 0 : strtoll(t->at + t->used, &end, 10);
    t->bad = t->bad || end == t->at + t->used;
    t->used = t->bad ? t->used : (size_t)(end - t->at);
    return found;
}

static double real(text *t, double value)
{
    if (!t->reading) {
        t->used += (size_t)sprintf(t->at + t->used, "%.17g", value);
        return value;
    }
    char *end = NULL;
    const double found = t->bad ? 0 : strtod(t->at + t->used, &end);
    t->bad = t->bad || end == t->at + t->used;
    t->used = t->bad ? t->used : (size_t)(end - t->at);
    return found;
}

static int64_t field(text *t, const char *name, int64_t value)
{
    mark(t, "\"");
    mark(t, name);
    mark(t, "\":");
    return integer(t, value);
}

static void list(text *t, const char *name, int64_t *value, int n)
{
    mark(t, ",\"");
    mark(t, name);
    mark(t, "\":[");
    for (int i = 0; i < n; i++) {
        mark(t, i ? "," : "");
        value[i] = integer(t, value[i]);
    }
    mark(t, "]");
}

/* ---- the parts of a plan ------------------------------------------------------------------ */

static void tensor(text *t, tn_dnn_tensor *x)
{
    mark(t, "{");
    x->uid = field(t, "name", x->uid);
    mark(t, ",");
    x->type = (cudnnDataType_t)field(t, "dataType", x->type);
    mark(t, ",");
    x->dims = (int32_t)field(t, "dims", x->dims);
    if (x->dims < 1 || x->dims > CUDNN_DIM_MAX || !tn_sim_bytes_of(x->type))
        t->bad = true;
    list(t, "dim", x->dim, t->bad ? 0 : x->dims);
    list(t, "stride", x->stride, t->bad ? 0 : x->dims);
    mark(t, ",");
    x->alignment = field(t, "ptrAlignment", x->alignment);
    mark(t, ",");
    x->is_virtual = field(t, "isVirtual", x->is_virtual);
    mark(t, ",");
    x->by_value = field(t, "isByValue", x->by_value);
    mark(t, "}");
    for (int i = 0; i < x->dims && !t->bad; i++)
        t->bad = x->dim[i] < 1 || x->dim[i] > INT32_MAX || x->stride[i] < 1 ||
                 x->stride[i] > INT32_MAX || x->alignment < 1;
}

static void operation(text *t, tn_dnn_op *op, int tensors)
{
    int64_t slot[TN_DNN_SLOTS];
    for (int i = 0; i < TN_DNN_SLOTS; i++)
        slot[i] = op->tensor[i];
    mark(t, "{");
    op->kind = (cudnnBackendDescriptorType_t)field(t, "operation", op->kind);
    list(t, "tensors", slot, TN_DNN_SLOTS);
    list(t, "numbers", op->number, TN_DNN_NUMBERS);
    mark(t, ",\"reals\":[");
    for (int i = 0; i < TN_DNN_REALS; i++) {
        mark(t, i ? "," : "");
        op->real[i] = real(t, op->real[i]);
    }
    mark(t, "]}");
    for (int i = 0; i < TN_DNN_SLOTS; i++) {
        op->tensor[i] = (int32_t)slot[i];
        t->bad = t->bad || slot[i] < -1 || slot[i] >= tensors;
    }
    for (int i = 0; i < TN_DNN_NUMBERS; i++)
        t->bad = t->bad || op->number[i] < 0 || op->number[i] > INT32_MAX;
    t->bad = t->bad || !tn_dnn_outputs(op->kind);
}

static void graph(text *t, tn_dnn_program *p)
{
    mark(t, ",\"operationGraph\":{");
    p->tensors = (int32_t)field(t, "tensorCount", p->tensors);
    mark(t, ",");
    p->ops = (int32_t)field(t, "nodeCount", p->ops);
    if (p->tensors < 1 || p->tensors > TN_DNN_TENSORS || p->ops < 1 || p->ops > TN_DNN_OPS)
        t->bad = true;
    mark(t, ",\"tensors\":[");
    for (int i = 0; i < p->tensors && !t->bad; i++) {
        mark(t, i ? "," : "");
        tensor(t, &p->tensor[i]);
    }
    mark(t, "],\"nodes\":[");
    for (int i = 0; i < p->ops && !t->bad; i++) {
        mark(t, i ? "," : "");
        operation(t, &p->op[i], p->tensors);
    }
    mark(t, "]}");
}

static void profile(text *t, tn_dnn_device *d)
{
    mark(t, ",\"GPUProfile\":{");
    d->version = (int)field(t, "deviceVer", d->version);
    mark(t, ",");
    d->processors = (int)field(t, "multiProcessorCount", d->processors);
    mark(t, ",");
    d->driver = (int)field(t, "driverVer", d->driver);
    mark(t, "}");
}

static void engine(text *t, tn_dnn_engine *e)
{
    mark(t, ",\"engine\":{");
    e->index = field(t, "engineId", e->index);
    mark(t, ",");
    e->notes = (unsigned)field(t, "numericalNotes", e->notes);
    mark(t, ",");
    e->behaviour = (unsigned)field(t, "behaviorNotes", e->behaviour);
    mark(t, ",");
    e->workspace = field(t, "workspace", e->workspace);
    mark(t, "}}");
    t->bad = t->bad || e->workspace < 0;
}

static void versions(text *t, int64_t *version, int64_t *schema)
{
    mark(t, "{");
    *version = field(t, "cudnnVersion", CUDNN_VERSION);
    mark(t, ",");
    *schema = field(t, "schemaVersion", SCHEMA);
}

/* ---- text and plan ------------------------------------------------------------------------ */

static cudnnStatus_t read_plan(tn_dnn_contents *c, char *json, const tn_dnn_device *here)
{
    text t = {.at = json, .reading = true};
    int64_t version, schema;
    versions(&t, &version, &schema);
    if (!t.bad && version != CUDNN_VERSION)
        return tn_dnn_fail(CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH,
                           "the plan was made by version %lld, this is %d", (long long)version,
                           CUDNN_VERSION);
    if (!t.bad && schema != SCHEMA)
        return tn_dnn_fail(CUDNN_STATUS_SERIALIZATION_VERSION_MISMATCH,
                           "the plan is of schema %lld, not %d", (long long)schema, SCHEMA);
    tn_dnn_program *p = tn_sim_new(1, sizeof *p);
    c->program = p;
    graph(&t, p);
    profile(&t, &c->device);
    engine(&t, &c->engine);
    if (t.bad || t.at[t.used])
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "the plan's text is damaged at byte %zu",
                           t.used);
    for (int i = 0; i < p->ops; i++) {
        const cudnnStatus_t status = tn_dnn_check_op(p, &p->op[i]);
        if (status)
            return status;
    }
    if (c->device.version != here->version || c->device.processors != here->processors ||
        c->device.driver != here->driver)
        return tn_dnn_fail(CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH,
                           "the plan is for deviceVer %d, %d processors, driver %d, not %d, %d, %d",
                           c->device.version, c->device.processors, c->device.driver, here->version,
                           here->processors, here->driver);
    return CUDNN_STATUS_SUCCESS;
}

/* To be freed. */
static char *write_plan(const tn_dnn_contents *c)
{
    text t = {.at = tn_sim_new(1, TEXT_BYTES)};
    tn_dnn_program *p = tn_sim_new(1, sizeof *p); /* the same functions read, into a copy here */
    *p = *c->program;
    tn_dnn_device d = c->device;
    tn_dnn_engine e = c->engine;
    int64_t version, schema;
    versions(&t, &version, &schema);
    graph(&t, p);
    profile(&t, &d);
    engine(&t, &e);
    free(p);
    return t.at;
}

/* ---- the descriptor ----------------------------------------------------------------------- */

/* The device that a plan is for: its own properties, its handle, or what its engine was found for. */
static cudnnStatus_t device_of(const tn_dnn_contents *c, const tn_dnn_contents *found,
                               tn_dnn_device *out)
{
    const tn_dnn_contents *own = tn_dnn_part_of(c, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP);
    const tn_dnn_value *handle = tn_dnn_value_of(c, CUDNN_ATTR_EXECUTION_PLAN_HANDLE);
    if (!own && !handle && !found) /* the real library follows a pointer that is not there */
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM,
                           "a plan from text has neither device properties nor a handle");
    *out = own      ? own->device
           : handle ? tn_dnn_ask_device((*(struct cudnnContext *const *)handle->bytes)->device)
                    : found->device;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t tn_dnn_finalize_plan(tn_dnn_contents *c)
{
    const tn_dnn_value *json = tn_dnn_value_of(c, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
    const tn_dnn_contents *config = tn_dnn_part_of(c, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG);
    const tn_dnn_contents *from =
        config ? tn_dnn_part_of(config, CUDNN_ATTR_ENGINECFG_ENGINE) : NULL;
    tn_dnn_device here;
    if (!json && !from)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED,
                           "a plan has neither an engine's configuration nor a text");
    const cudnnStatus_t status = device_of(c, json ? NULL : from, &here);
    if (status)
        return status;
    free(c->program);
    c->program = NULL;
    if (json)
        return read_plan(c, json->bytes, &here);
    if (here.version != from->device.version)
        return tn_dnn_fail(CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH,
                           "the engine was found for deviceVer %d, the plan is for %d",
                           from->device.version, here.version);
    const tn_dnn_contents *found = tn_dnn_part_of(from, CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
    if (tn_dnn_fails_to_compile(found->program))
        return tn_dnn_fail(CUDNN_STATUS_INTERNAL_ERROR_COMPILATION_FAILED,
                           "namespace \"cutlass\" has no member \"Semaphore\"");
    c->program = tn_sim_new(1, sizeof *c->program);
    *c->program = *found->program;
    c->device = here;
    c->engine = from->engine;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t tn_dnn_get_plan(const tn_dnn_contents *c, const tn_dnn_attribute *a, int64_t asked,
                              int64_t *count, void *out)
{
    if (a->name == CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE)
        return tn_dnn_give(&c->engine.workspace, 1, sizeof(int64_t), asked, count, out);
    if (a->name != CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION)
        return CUDNN_STATUS_NOT_SUPPORTED;
    char *json = write_plan(c);
    const cudnnStatus_t status = tn_dnn_give_text(json, (int64_t)strlen(json), asked, count, out);
    free(json);
    return status;
}
