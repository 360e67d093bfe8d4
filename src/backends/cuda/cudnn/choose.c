/*
 * Which engine: what the heuristics offer in mode A, best first, and if nothing of that will do, in mode
 * FALLBACK. What that lists is not ordered by speed: those with tensor cores are looked at before the others.
 *
 * How many results there are is only known once they are fetched: asked for their number, cuDNN gives an
 * upper bound. That one can be fetched does not say that it can be built.
 */
#include <stdio.h>
#include <string.h>

#include "backends/cuda/cudnn/parts.h"

enum { MOST_TUNED = 4, MOST_OFFERED = 256 };

typedef struct search {
    tn_backend_device *d;
    const tn_node *n;
    unsigned forbidden, needed; /* notes */
    int wanted;

    int count; /* that will do */
    cudnnBackendDescriptor_t plan[MOST_TUNED], config[MOST_TUNED];
    tn_cudnn_choice choice[MOST_TUNED];

    int offered, barred, large, failed; /* and why others will not */
    char reason[256];                   /* that the last of `failed` gave */
} search;

#define BIT(note) (1U << CUDNN_NUMERICAL_NOTE_##note)

unsigned tn_cudnn_forbidden(const tn_backend_device *d, tn_precision precision)
{
    unsigned notes = BIT(REDUCED_PRECISION_REDUCTION) | BIT(DOWN_CONVERT_INPUTS);
    if (precision == TN_PRECISION_F32)
        notes |= BIT(TENSOR_CORE);
    if (d->opts.deterministic)
        notes |= BIT(NONDETERMINISTIC);
    return notes;
}

/* ---- one configuration -------------------------------------------------------------------- */

static cudnnStatus_t read_engine(cudnnBackendDescriptor_t engine, tn_cudnn_choice *c)
{
    cudnnBackendNumericalNote_t note[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
    cudnnBackendBehaviorNote_t behaviour[CUDNN_BEHAVIOR_NOTE_TYPE_COUNT];
    int64_t notes = 0, behaviours = 0, one;
    cudnnStatus_t s = cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX,
                                               CUDNN_TYPE_INT64, 1, &one, &c->engine);
    if (s == CUDNN_STATUS_SUCCESS)
        s = cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                     CUDNN_TYPE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT,
                                     &notes, note);
    if (s == CUDNN_STATUS_SUCCESS)
        s = cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE,
                                     CUDNN_TYPE_BEHAVIOR_NOTE, CUDNN_BEHAVIOR_NOTE_TYPE_COUNT,
                                     &behaviours, behaviour);
    if (s != CUDNN_STATUS_SUCCESS)
        return s;
    for (int64_t i = 0; i < notes; i++)
        c->notes |= 1U << note[i];
    for (int64_t i = 0; i < behaviours; i++)
        c->compiled |= behaviour[i] == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION;
    return CUDNN_STATUS_SUCCESS;
}

/* Its engine is told by filling in a descriptor of the caller's. */
static cudnnStatus_t read_config(cudnnBackendDescriptor_t config, tn_cudnn_choice *c)
{
    cudnnBackendDescriptor_t engine;
    int64_t one, workspace = 0;
    cudnnStatus_t s = cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine);
    if (s != CUDNN_STATUS_SUCCESS)
        return s;
    s = cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                                 1, &one, &engine);
    if (s == CUDNN_STATUS_SUCCESS)
        s = read_engine(engine, c);
    cudnnBackendDestroyDescriptor(engine);
    if (s == CUDNN_STATUS_SUCCESS)
        s = cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_WORKSPACE_SIZE, CUDNN_TYPE_INT64,
                                     1, &one, &workspace);
    c->workspace = (size_t)workspace;
    return s;
}

/* The plan of a configuration; from it how much workspace there really must be. */
static cudnnStatus_t build(const search *s, cudnnBackendDescriptor_t config, tn_cudnn_choice *c,
                           cudnnBackendDescriptor_t *out)
{
    tn_cudnn_maker m = {0};
    int64_t one, workspace = 0;
    cudnnBackendDescriptor_t plan = tn_cudnn_make(&m, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    tn_cudnn_set_part(&m, plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
    tn_cudnn_set_part(&m, plan, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, s->d->cudnn->device);
    tn_cudnn_finalize(&m, plan);
    if (m.status == CUDNN_STATUS_SUCCESS)
        m.status = cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                            CUDNN_TYPE_INT64, 1, &one, &workspace);
    if (m.status != CUDNN_STATUS_SUCCESS) {
        tn_cudnn_unmake(&m, 0);
        return m.status;
    }
    c->workspace = (size_t)workspace;
    *out = plan;
    return CUDNN_STATUS_SUCCESS;
}

static void failed(search *s, cudnnStatus_t status)
{
    char text[160] = "";
    s->failed++;
    cudnnGetLastErrorString(text, sizeof text);
    text[strcspn(text, "\r\n")] = 0;
    snprintf(s->reason, sizeof s->reason, "%s%s%s", cudnnGetErrorString(status), *text ? ": " : "",
             text);
}

/* True if it will do; then the search keeps the descriptor. */
static bool consider(search *s, cudnnBackendDescriptor_t config)
{
    tn_cudnn_choice c = {0};
    cudnnBackendDescriptor_t plan = NULL;
    s->offered++;
    cudnnStatus_t status = read_config(config, &c);
    if (status != CUDNN_STATUS_SUCCESS) {
        failed(s, status);
        return false;
    }
    if ((c.notes & s->forbidden) || (c.notes & s->needed) != s->needed) {
        s->barred++;
        return false;
    }
    if (c.workspace > s->d->opts.workspace) {
        s->large++;
        return false;
    }
    status = build(s, config, &c, &plan);
    if (status != CUDNN_STATUS_SUCCESS) {
        failed(s, status);
        return false;
    }
    if (c.workspace > s->d->opts.workspace) {
        s->large++;
        cudnnBackendDestroyDescriptor(plan);
        return false;
    }
    s->config[s->count] = config;
    s->plan[s->count] = plan;
    s->choice[s->count++] = c;
    return true;
}

/* ---- what the heuristics offer ------------------------------------------------------------ */

static void consider_all(search *s, cudnnBackendDescriptor_t *config, int64_t made,
                         cudnnBackendDescriptor_t heuristics)
{
    int64_t have = 0;
    const cudnnStatus_t status =
        cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                 CUDNN_TYPE_BACKEND_DESCRIPTOR, made, &have, config);
    if (status != CUDNN_STATUS_SUCCESS) {
        failed(s, status);
        have = 0;
    }
    for (int64_t i = 0; i < made; i++)
        if (i >= have || s->count == s->wanted || !consider(s, config[i]))
            cudnnBackendDestroyDescriptor(config[i]);
}

static tn_status ask(search *s, cudnnBackendDescriptor_t graph, cudnnBackendHeurMode_t mode)
{
    tn_cudnn_maker m = {0};
    tn_status status = TN_OK;
    int64_t most = 0, made = 0;
    cudnnBackendDescriptor_t *config = NULL;
    cudnnBackendDescriptor_t h = tn_cudnn_make(&m, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    tn_cudnn_set_part(&m, h, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
    tn_cudnn_set(&m, h, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    tn_cudnn_set_part(&m, h, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, s->d->cudnn->device);
    tn_cudnn_finalize(&m, h);
    if (m.status == CUDNN_STATUS_SUCCESS)
        m.status = cudnnBackendGetAttribute(h, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                            CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &most, NULL);
    if (m.status != CUDNN_STATUS_SUCCESS) {
        failed(s, m.status);
        goto done;
    }
    most = most < MOST_OFFERED ? most : MOST_OFFERED;
    if (most <= 0)
        goto done;
    config = tn_alloc((size_t)most, sizeof *config);
    if (!config) {
        status = tn_no_memory(s->n->name, (size_t)most * sizeof *config);
        goto done;
    }
    for (; made < most; made++)
        if (cudnnBackendCreateDescriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &config[made]) !=
            CUDNN_STATUS_SUCCESS)
            break;
    consider_all(s, config, made, h);
done:
    tn_free(config);
    tn_cudnn_unmake(&m, 0);
    return status;
}

/* ---- the choice --------------------------------------------------------------------------- */

/* The plan gets the one taken, for good; the others go. */
static void take(search *s, int chosen, tn_cudnn_plan *p)
{
    for (int i = 0; i < s->count; i++) {
        if (i == chosen)
            continue;
        cudnnBackendDestroyDescriptor(s->plan[i]);
        cudnnBackendDestroyDescriptor(s->config[i]);
    }
    p->plan = s->plan[chosen];
    p->choice = s->choice[chosen];
    p->maker.made[p->maker.count++] = s->config[chosen];
    p->maker.made[p->maker.count++] = s->plan[chosen];
}

static tn_status none(const search *s)
{
    return tn_fail(
        TN_ERR_UNSUPPORTED,
        "%d engines offered, %d of them not accurate, exact or repeatable enough, %d want "
        "more than %zu MiB of workspace, %d cannot be built%s%s%s",
        s->offered, s->barred, s->large, s->d->opts.workspace >> 20, s->failed,
        s->failed ? " (" : "", s->reason, s->failed ? ")" : "");
}

tn_status tn_cudnn_choose(tn_backend_device *d, const tn_node *n, const tn_cudnn_graph *g,
                          unsigned forbidden, tn_cudnn_plan *p)
{
    const bool tune = d->opts.autotune && d->index >= 0;
    search s = {.d = d, .n = n, .forbidden = forbidden, .wanted = tune ? MOST_TUNED : 1};
    cudnnBackendDescriptor_t graph = tn_cudnn_build(&p->maker, g);
    if (p->maker.status != CUDNN_STATUS_SUCCESS) {
        const tn_status status = tn_cudnn_check(d, n, p->maker.status, p->maker.call);
        failed(&s, p->maker.status);
        return status == TN_ERR_MEMORY
                   ? status
                   : tn_fail(TN_ERR_UNSUPPORTED, "%s: %s", p->maker.call, s.reason);
    }
    TN_TRY(ask(&s, graph, CUDNN_HEUR_MODE_A));
    if (s.count == 0 && !(forbidden & BIT(TENSOR_CORE))) {
        search fast = s;
        fast.needed = BIT(TENSOR_CORE);
        TN_TRY(ask(&fast, graph, CUDNN_HEUR_MODE_FALLBACK));
        if (fast.count > 0)
            s = fast;
    }
    if (s.count == 0)
        TN_TRY(ask(&s, graph, CUDNN_HEUR_MODE_FALLBACK));
    if (s.count == 0)
        return none(&s);
    take(&s, s.count > 1 ? tn_cudnn_fastest(d, g, s.plan, s.choice, s.count) : 0, p);
    return TN_OK;
}
