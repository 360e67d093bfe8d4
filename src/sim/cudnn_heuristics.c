/*
 * Simulated cuDNN: engines for a graph, and the descriptors that tell of them.
 *
 * Every graph gets several, so that whoever chooses has something to choose from: the first of a
 * convolution sums in reduced precision, the second is not deterministic, both want much workspace; the
 * third uses tensor cores, the last nothing special. What is noted is also done, see cudnn_conv.c.
 * Those with tensor cores make an output that has gaps in their workspace first.
 * A graph that is refused has results when they are counted, and none when they are fetched: so does
 * the real library.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/cudnn_run.h"

enum {
    TENSOR_CORE = 1 << CUDNN_NUMERICAL_NOTE_TENSOR_CORE,
    REDUCED = 1 << CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION,
    UNORDERED = 1 << CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC,
    STRICT_NAN = 1 << CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP,
    COMPILED = 1 << CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION,
    NATIVE_GRAPH = 1 << CUDNN_BEHAVIOR_NOTE_SUPPORTS_CUDA_GRAPH_NATIVE_API
};

static bool has(const tn_dnn_program *p, bool (*what)(const tn_dnn_op *op))
{
    for (int i = 0; i < p->ops; i++)
        if (what(&p->op[i]))
            return true;
    return false;
}

static bool is_norm(const tn_dnn_op *op)
{
    return op->kind == CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR ||
           op->kind == CUDNN_BACKEND_OPERATION_NORM_BACKWARD_DESCRIPTOR;
}

static bool is_sum(const tn_dnn_op *op)
{
    return op->kind == CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR;
}

static bool is_statistics(const tn_dnn_op *op)
{
    return op->kind == CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR;
}

static bool is_wgrad(const tn_dnn_op *op)
{
    return op->kind == CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR;
}

static bool all_floats(const tn_dnn_program *p)
{
    for (int i = 0; i < p->tensors; i++)
        if (!p->tensor[i].is_virtual && p->tensor[i].type != CUDNN_DATA_FLOAT)
            return false;
    return true;
}

static int64_t bytes_of_largest(const tn_dnn_program *p)
{
    int64_t most = 0;
    for (int i = 0; i < p->tensors; i++) {
        const int64_t n = tn_dnn_span(&p->tensor[i]) * (int64_t)tn_sim_bytes_of(p->tensor[i].type);
        most = n > most ? n : most;
    }
    return most;
}

/* Engines of what is compiled at run time. One without tensor cores is there for convolutions with
 * pointwise operations behind them; a convolution that only changes the type has none in mode A. */
static int runtime_engines(const tn_dnn_program *p, int64_t much, tn_dnn_engine out[TN_DNN_ENGINES])
{
    const bool norm = has(p, is_norm), conv = has(p, tn_dnn_is_conv), alone = conv && p->ops == 1;
    const bool plain =
        conv && !alone && !has(p, is_sum) && !has(p, is_statistics) && !has(p, is_wgrad);
    const unsigned notes = norm ? 0 : TENSOR_CORE;
    const unsigned behaviour = norm ? COMPILED : COMPILED | NATIVE_GRAPH;
    const bool nchw = norm && !tn_dnn_is_nhwc(&p->tensor[p->op[0].tensor[TN_DNN_X]]);
    const tn_dnn_engine all[] = {{1, notes, behaviour, nchw ? 2 * much : 1040, alone},
                                 {2, notes, behaviour, nchw ? 2 * much : 528, alone},
                                 {3, notes, behaviour, 2064, true},
                                 {4, 0, behaviour, 4112, true}};
    memcpy(out, all, sizeof all);
    return plain ? 4 : 3;
}

static int64_t bytes_with_gaps(const tn_dnn_program *p)
{
    int64_t bytes = 0;
    for (int i = 0; i < p->ops; i++)
        for (int s = 0; s < TN_DNN_SLOTS; s++) {
            const int k = p->op[i].tensor[s];
            if (k < 0 || !(tn_dnn_outputs(p->op[i].kind) >> s & 1) || p->tensor[k].is_virtual)
                continue;
            const int64_t count = tn_dnn_count(&p->tensor[k]);
            if (tn_dnn_span(&p->tensor[k]) > count)
                bytes += count * (int64_t)tn_sim_bytes_of(p->tensor[k].type);
        }
    return bytes;
}

int tn_dnn_engines(const tn_dnn_program *p, const tn_dnn_device *d,
                   tn_dnn_engine out[TN_DNN_ENGINES])
{
    const int64_t first = bytes_with_gaps(p);
    const int64_t much = 65536 + bytes_of_largest(p) / 2;
    /* Floats use them as TF32, which T4 does not have. */
    const unsigned tensor_core = all_floats(p) && d->version < 800 ? 0 : TENSOR_CORE;
    if (tn_dnn_is_runtime(p))
        return runtime_engines(p, much, out);
    if (!has(p, tn_dnn_is_conv)) {
        out[0] = (tn_dnn_engine){3, 0, 0, 272, false};
        return 1;
    }
    const tn_dnn_engine precompiled[] = {{60, tensor_core | REDUCED, 0, much + first, false},
                                         {61, tensor_core | UNORDERED, 0, first + 32784, false},
                                         {62, tensor_core, 0, first + 16400, false},
                                         {63, 0, 0, 8208, false},
                                         {0, STRICT_NAN, 0, 0, true}};
    memcpy(out, precompiled, sizeof precompiled);
    return 5;
}

/* ---- heuristics --------------------------------------------------------------------------- */

cudnnStatus_t tn_dnn_finalize_heuristics(tn_dnn_contents *c)
{
    const int64_t mode = tn_dnn_number_of(c, CUDNN_ATTR_ENGINEHEUR_MODE, 0);
    if (mode != CUDNN_HEUR_MODE_A && mode != CUDNN_HEUR_MODE_B && mode != CUDNN_HEUR_MODE_INSTANT &&
        mode != CUDNN_HEUR_MODE_FALLBACK)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "no heuristic has mode %lld", (long long)mode);
    return tn_dnn_device_for(c, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP,
                             tn_dnn_part_of(c, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH), &c->device);
}

static tn_dnn_contents *config_of(tn_dnn_contents *graph, const tn_dnn_device *d,
                                  const tn_dnn_engine *e)
{
    tn_dnn_contents *engine = tn_dnn_contents_new(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    tn_dnn_contents *config = tn_dnn_contents_new(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    engine->device = *d;
    engine->engine = *e;
    tn_dnn_contents_put(engine, CUDNN_ATTR_ENGINE_OPERATION_GRAPH, 1, &graph);
    tn_dnn_contents_put(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, 1, &e->index);
    tn_dnn_contents_put(config, CUDNN_ATTR_ENGINECFG_ENGINE, 1, &engine);
    tn_dnn_contents_drop(engine);
    engine->final = config->final = true;
    return config;
}

cudnnStatus_t tn_dnn_get_heuristics(const tn_dnn_contents *c, const tn_dnn_attribute *a,
                                    int64_t asked, int64_t *count, void *out)
{
    if (a->name != CUDNN_ATTR_ENGINEHEUR_RESULTS)
        return CUDNN_STATUS_NOT_SUPPORTED;
    if (asked < 1 || !out) { /* an upper bound, which says nothing about how many there are */
        if (count)
            *count = TN_DNN_ENGINES + 3;
        return CUDNN_STATUS_SUCCESS;
    }
    tn_dnn_contents *graph = tn_dnn_part_of(c, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH);
    const bool fallback =
        tn_dnn_number_of(c, CUDNN_ATTR_ENGINEHEUR_MODE, 0) == CUDNN_HEUR_MODE_FALLBACK;
    tn_dnn_engine engine[TN_DNN_ENGINES];
    tn_dnn_contents *config[TN_DNN_ENGINES];
    const int all = tn_dnn_refusal(graph->program, &c->device)
                        ? 0
                        : tn_dnn_engines(graph->program, &c->device, engine);
    int n = 0;
    for (int i = 0; i < all; i++)
        if (engine[i].fallback == fallback)
            config[n++] = config_of(graph, &c->device, &engine[i]);
    const cudnnStatus_t status = tn_dnn_give_descriptors(a, config, n, asked, count, out);
    while (n > 0)
        tn_dnn_contents_drop(config[--n]);
    return status;
}

/* ---- engines and their configurations ----------------------------------------------------- */

cudnnStatus_t tn_dnn_finalize_engine(tn_dnn_contents *c)
{
    const int64_t index = tn_dnn_number_of(c, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, 0);
    const tn_dnn_contents *graph = tn_dnn_part_of(c, CUDNN_ATTR_ENGINE_OPERATION_GRAPH);
    const cudnnStatus_t status =
        tn_dnn_device_for(c, CUDNN_ATTR_ENGINE_DEVICEPROP, graph, &c->device);
    if (status)
        return status;
    tn_dnn_engine engine[TN_DNN_ENGINES];
    const int n = tn_dnn_refusal(graph->program, &c->device)
                      ? 0
                      : tn_dnn_engines(graph->program, &c->device, engine);
    for (int i = 0; i < n; i++)
        if (engine[i].index == index) {
            c->engine = engine[i];
            return CUDNN_STATUS_SUCCESS;
        }
    return tn_dnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "the graph has no engine %lld",
                       (long long)index);
}

cudnnStatus_t tn_dnn_get_engine(const tn_dnn_contents *c, const tn_dnn_attribute *a, int64_t asked,
                                int64_t *count, void *out)
{
    unsigned bits = 0;
    if (a->name == CUDNN_ATTR_ENGINE_NUMERICAL_NOTE)
        bits = c->engine.notes;
    else if (a->name == CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE)
        bits = c->engine.behaviour;
    else if (a->name != CUDNN_ATTR_ENGINE_KNOB_INFO)
        return CUDNN_STATUS_NOT_SUPPORTED;
    int32_t notes[32];
    int64_t n = 0;
    for (int32_t i = 0; i < 32; i++)
        if (bits >> i & 1)
            notes[n++] = i;
    return tn_dnn_give(notes, n, sizeof notes[0], asked, count, out);
}

cudnnStatus_t tn_dnn_get_config(const tn_dnn_contents *c, const tn_dnn_attribute *a, int64_t asked,
                                int64_t *count, void *out)
{
    const tn_dnn_contents *engine = tn_dnn_part_of(c, CUDNN_ATTR_ENGINECFG_ENGINE);
    const int64_t none = 0;
    switch (a->name) {
    case CUDNN_ATTR_ENGINECFG_WORKSPACE_SIZE:
        return tn_dnn_give(&engine->engine.workspace, 1, sizeof(int64_t), asked, count, out);
    case CUDNN_ATTR_ENGINECFG_SHARED_MEMORY_USED:
        return tn_dnn_give(&none, 1, sizeof none, asked, count, out);
    case CUDNN_ATTR_ENGINECFG_KNOB_CHOICES:
        return tn_dnn_give(&none, 0, sizeof none, asked, count, out);
    default:
        return CUDNN_STATUS_NOT_SUPPORTED;
    }
}
