/*
 * import: a model's file becomes a model of Tenon's.
 */
#include <string.h>

#include "onnx/table.h"

enum { OLDEST = 1, NEWEST = 25, MOST_EVALUATED = 8 << 20, MOST_MADE = 1 << 28 };

/* ---- which files ------------------------------------------------------------------------------ */

/* A ModelProto begins with its ir_version, and the next field is one of those that it has. */
bool tn_onnx_knows(const char *path, const unsigned char *first, size_t size)
{
    const char *end = strrchr(path, '.');
    if (end && strcmp(end, ".onnx") == 0)
        return true;
    return size > 2 && first[0] == 8 && first[1] > 0 && first[1] < 64 &&
           (first[2] == 0x12 || first[2] == 0x3a || first[2] == 0x42);
}

/* ---- nodes ------------------------------------------------------------------------------------ */

/* Of ai.onnx.ml there are operators, too, none of which has the name of another. */
static bool is_standard(const char *domain)
{
    return !*domain || strcmp(domain, "ai.onnx") == 0;
}

static tn_onnx_import *importer(const char *op, int *oldest)
{
    for (int k = 0; tn_onnx_all_ops[k]; k++)
        for (int i = 0; tn_onnx_all_ops[k]->of[i].op; i++)
            if (strcmp(tn_onnx_all_ops[k]->of[i].op, op) == 0) {
                *oldest = tn_onnx_all_ops[k]->of[i].oldest;
                return tn_onnx_all_ops[k]->of[i].import;
            }
    return NULL;
}

/* Are its inputs there? What is not has been refused, or is now. */
static bool has_inputs(tn_onnx *o, const tn_onnx_node *n)
{
    for (int i = 0; i < n->num_in; i++)
        if (n->in[i] && !n->in[i]->made) {
            (void)tn_onnx_refuse(o, n, "nothing makes its input \"%s\"", n->in[i]->name);
            return false;
        }
    for (int i = 0; i < n->num_in; i++)
        if (n->in[i] && !tn_onnx_is_there(n->in[i]))
            return false;
    return true;
}

static tn_status import_if(tn_onnx *o, const tn_onnx_node *n);

static tn_status import_node(tn_onnx *o, const tn_onnx_node *n)
{
    bool done = false;
    int oldest;
    for (int i = 0; i < n->num_out; i++)
        if (n->out[i] && n->out[i]->made)
            return tn_fail(TN_ERR_FORMAT, "%s: \"%s\" is made twice, by %s \"%s\" too", o->m->path,
                           n->out[i]->name, n->op, n->name);
    if (!has_inputs(o, n))
        return TN_OK;
    const bool of_ml = strcmp(n->domain, "ai.onnx.ml") == 0;
    if (!is_standard(n->domain) && !(of_ml && importer(n->op, &oldest)))
        return tn_onnx_refuse(o, n, "it is of the domain \"%s\", not of ONNX", n->domain);
    TN_TRY(tn_onnx_evaluate(o, n, &done));
    if (done || tn_onnx_of_pixels(o, n))
        return TN_OK;
    if (strcmp(n->op, "If") == 0)
        return import_if(o, n);
    tn_onnx_import *import = importer(n->op, &oldest);
    if (!import)
        return tn_onnx_refuse(o, n,
                              tn_onnx_is_evaluated(n->op)
                                  ? "what it makes is not known before the model runs"
                                  : "Tenon has no such operation");
    if (o->opset < oldest && !of_ml)
        return tn_onnx_refuse(o, n, "of opset %d it is not what it is from %d on", o->opset,
                              oldest);
    return import(o, n);
}

static tn_status check_memory(const tn_onnx *o)
{
    return o->status == TN_OK
               ? TN_OK
               : tn_fail(o->status, "%s: there is no memory to import it", o->m->path);
}

/* What a node makes is there from now on, refused or not. */
static tn_status add_node(tn_onnx *o, tn_onnx_node *n)
{
    n->name = tn_onnx_node_name(o, n);
    if (!n->name)
        return tn_no_memory("a model", 1);
    TN_TRY(import_node(o, n));
    TN_TRY(check_memory(o));
    for (int i = 0; i < n->num_out; i++)
        if (n->out[i])
            n->out[i]->made = true;
    const tn_status status = tn_graph_status(o->g);
    return status == TN_OK
               ? TN_OK
               : tn_fail(status, "%s: %s \"%s\": %s", o->m->path, n->op, n->name, tn_error());
}

/* ---- a branch that is known ---------------------------------------------------------------------- */

/* Who reads the outputs of a graph. */
static tn_status read_outputs(tn_onnx *o, const tn_proto *graph)
{
    for (tn_proto_walk w = tn_proto_begin(graph, GRAPH_OUTPUT); tn_proto_next(&w);) {
        tn_onnx_value *v;
        TN_TRY(tn_onnx_value_of(o, tn_proto_bytes(&w.message, VALUE_NAME), &v));
        v->readers++;
        v->output = true;
    }
    return TN_OK;
}

/* What the branch makes, as what the node does. */
static tn_status take_outputs(tn_onnx *o, const tn_onnx_node *n, const tn_proto *graph)
{
    int i = 0;
    for (tn_proto_walk w = tn_proto_begin(graph, GRAPH_OUTPUT); tn_proto_next(&w); i++) {
        tn_onnx_value *v;
        TN_TRY(tn_onnx_value_of(o, tn_proto_bytes(&w.message, VALUE_NAME), &v));
        if (i >= n->num_out || !n->out[i])
            continue;
        n->out[i]->v = v->v;
        n->out[i]->known = v->known;
        n->out[i]->pixels = v->pixels;
        n->out[i]->turned = v->turned;
        n->out[i]->merged = v->merged;
        n->out[i]->quantised = v->quantised;
    }
    return TN_OK;
}

static tn_status add_nodes(tn_onnx *o, const tn_proto *graph, int *count)
{
    tn_onnx_node *node;
    TN_TRY(tn_onnx_read_nodes(o, graph, &node, count));
    TN_TRY(read_outputs(o, graph));
    for (int i = 0; i < *count; i++)
        TN_TRY(add_node(o, &node[i]));
    return TN_OK;
}

static tn_status import_if(tn_onnx *o, const tn_onnx_node *n)
{
    double condition = 0;
    tn_proto branch, graph;
    tn_onnx_scope scope;
    int count;
    if (!tn_onnx_given(n, 0))
        return tn_onnx_refuse(o, n, "its condition is not known before the model runs");
    if (!tn_onnx_number_of(o, n, NULL, 0, &condition))
        return TN_OK;
    if (!tn_onnx_attr(n, condition != 0 ? "then_branch" : "else_branch", &branch) ||
        !tn_proto_message(&branch, ATTR_G, &graph))
        return tn_onnx_refuse(o, n, "it has no such branch");
    TN_TRY(tn_onnx_enter(o, &graph, &scope));
    TN_TRY(tn_onnx_read_tensors(o, &graph));
    TN_TRY(add_nodes(o, &graph, &count));
    TN_TRY(take_outputs(o, n, &graph));
    tn_onnx_leave(o, &scope);
    return TN_OK;
}

/* ---- the whole -------------------------------------------------------------------------------- */

static tn_status read_opset(tn_onnx *o, const tn_proto *model)
{
    o->opset = 1; /* of one that does not say */
    for (tn_proto_walk w = tn_proto_begin(model, MODEL_OPSET); tn_proto_next(&w);)
        if (!tn_proto_bytes(&w.message, OPSET_DOMAIN).size ||
            tn_proto_is(&w.message, OPSET_DOMAIN, "ai.onnx"))
            o->opset = (int)tn_proto_int(&w.message, OPSET_VERSION, 0);
    if (o->opset >= OLDEST && o->opset <= NEWEST)
        return TN_OK;
    return tn_fail(TN_ERR_UNSUPPORTED,
                   "%s: is of opset %d; %d to %d are read, and onnx.version_converter makes one of "
                   "another",
                   o->m->path, o->opset, OLDEST, NEWEST);
}

/* What Tenon writes beside a model. */
static tn_status take_facts(tn_onnx *o, const tn_proto *model)
{
    static const char *const keys[] = {"tenon.fit", "tenon.classes", "tenon.source"};
    for (tn_proto_walk w = tn_proto_begin(model, MODEL_META); tn_proto_next(&w);) {
        const char *key = tn_onnx_copy_text(o, tn_proto_bytes(&w.message, META_KEY));
        const char *value = tn_onnx_copy_text(o, tn_proto_bytes(&w.message, META_VALUE));
        if (!key || !value)
            return tn_no_memory("a model", w.bytes.size);
        for (size_t i = 0; i < TN_COUNT(keys); i++)
            if (strcmp(key, keys[i]) == 0)
                TN_TRY(tn_model_set_fact(o->m, key, value));
    }
    return TN_OK;
}

static tn_status say_outputs(tn_onnx *o, const tn_proto *graph)
{
    int left = 0, said = 0;
    for (tn_proto_walk w = tn_proto_begin(graph, GRAPH_OUTPUT); tn_proto_next(&w);) {
        tn_onnx_value *v;
        TN_TRY(tn_onnx_value_of(o, tn_proto_bytes(&w.message, VALUE_NAME), &v));
        tn_onnx_value *in[] = {v};
        const tn_onnx_node n = {.name = v->name, .op = "output", .num_in = 1, .in = in};
        tn_value value;
        if (!v->made)
            return tn_fail(TN_ERR_FORMAT, "%s: nothing makes its output \"%s\"", o->m->path,
                           v->name);
        const bool missing = !tn_onnx_is_there(v);
        left += missing;
        if (missing && !o->left_out)
            return tn_onnx_refuse(o, &n, "nothing computes it");
        if (missing)
            TN_TRY(tn_onnx_note(o, &n, "left out: it depends on %s", o->left_out));
        if (missing || !tn_onnx_any(o, &n, 0, &value))
            continue;
        tn_output(o->g, value);
        said++;
    }
    if (left && !said)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "%s: none of its outputs can be imported: they depend on %s", o->m->path,
                       o->left_out);
    return tn_graph_status(o->g);
}

static tn_status import(tn_onnx *o, const tn_proto *model)
{
    tn_proto graph;
    int count;
    TN_TRY(read_opset(o, model));
    if (!tn_proto_message(model, MODEL_GRAPH, &graph))
        return tn_fail(TN_ERR_FORMAT, "%s: has no graph", o->m->path);
    TN_TRY(take_facts(o, model));
    TN_TRY(tn_onnx_read_inputs(o, &graph));
    TN_TRY(add_nodes(o, &graph, &count));
    TN_TRY(tn_onnx_refused(o, count));
    TN_TRY(say_outputs(o, &graph));
    TN_TRY(check_memory(o));
    TN_TRY(tn_onnx_refused(o, count));
    TN_TRY(tn_model_take_graph(o->m, o->g));
    o->g = NULL;
    return TN_OK;
}

/* The graph of the batch that is asked for is made of the text: a node that is of one batch alone says so there. */
static tn_status resize(tn_model *m, int64_t batch)
{
    tn_graph_destroy(m->graph);
    m->graph = NULL;
    return tn_model_read_graph(m, batch);
}

static tn_status open_once(tn_model *m, const tn_model_opts *opts, bool alone, int64_t *batch)
{
    tn_onnx o = {.m = m,
                 .opts = opts,
                 .alone = alone,
                 .numbers_left = MOST_EVALUATED,
                 .floats_left = MOST_MADE};
    tn_proto model;
    tn_status status = tn_onnx_open_files(&o, &model);
    if (status == TN_OK)
        status = tn_onnx_table_create(&o);
    if (status == TN_OK)
        status = tn_graph_create(&o.g);
    if (status == TN_OK)
        status = import(&o, &model);
    tn_graph_destroy(o.g);
    tn_onnx_table_destroy(&o);
    tn_onnx_close_files(&o);
    tn_arena_free(&o.arena);
    *batch = o.batch;
    return status;
}

/* What cannot be imported for any batch may be for one; what it says of the first attempt is why. */
static tn_status open_alone(tn_model *m, const tn_model_opts *opts, const tn_error_kept *before,
                            tn_status status)
{
    tn_error_kept kept;
    int64_t batch;
    tn_error_keep(&kept);
    tn_model_clear(m);
    const bool good =
        open_once(m, opts, true, &batch) == TN_OK && (!opts->batch || opts->batch == batch);
    tn_error_put_back(good ? before : &kept);
    if (!good)
        return status;
    return tn_model_add_notice(m, "of a batch of %lld alone, which it computes with: %s",
                               (long long)batch, kept.text);
}

tn_status tn_onnx_open(tn_model *m, const tn_model_opts *opts)
{
    tn_error_kept before;
    int64_t batch;
    tn_error_keep(&before);
    const tn_status status = open_once(m, opts, false, &batch);
    if (status == TN_ERR_UNSUPPORTED)
        return open_alone(m, opts, &before, status);
    if (status == TN_OK && opts->batch && opts->batch != batch)
        return resize(m, opts->batch);
    return status;
}
