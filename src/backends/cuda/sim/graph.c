/*
 * Graphs: what a capture has made, and its replays.
 *
 * A graph and what is instantiated from it share one body, which nobody changes. A replay is one entry in
 * a stream's queue, but its nodes run one by one, with other streams' work in between, in any order that
 * the edges allow.
 */
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/sim/_runtime.h"

struct CUgraph_st {
    tn_sim_body *body;
};
struct CUgraphExec_st {
    tn_sim_body *body;
    tn_sim_mark *last; /* where its last replay ends: one at a time */
};
struct tn_sim_replay {
    tn_sim_body *body;
    bool *done;
    size_t first; /* all before it are done */
};

void tn_sim_body_release(tn_sim_body *b)
{
    if (--b->owners)
        return;
    for (size_t i = 0; i < b->count; i++) {
        tn_sim_after_free(&b->node[i]->after);
        free(b->node[i]->task);
        free(b->node[i]);
    }
    free(b->node);
    free(b);
}

cudaGraph_t tn_sim_graph_new(tn_sim_body *b)
{
    cudaGraph_t g = tn_sim_new(1, sizeof *g);
    g->body = b;
    tn_sim_born("graph", g);
    return g;
}

/* ---- replays ------------------------------------------------------------------------------ */

static bool ready(const tn_sim_replay *r, size_t i)
{
    const tn_sim_after *a = &r->body->node[i]->after;
    for (size_t k = 0; k < a->count; k++)
        if (!r->done[a->node[k]])
            return false;
    return !r->done[i];
}

/* Chooses among the ready ones of the next few; the first that is left always is. */
bool tn_sim_replay_step(tn_sim_replay *r, void (*run)(const tn_sim_task *task))
{
    enum { FEW = 32 };
    size_t candidates[FEW], count = 0;
    while (r->first < r->body->count && r->done[r->first])
        r->first++;
    for (size_t i = r->first; i < r->body->count && i < r->first + FEW; i++)
        if (ready(r, i))
            candidates[count++] = i;
    if (count == 0)
        return true;
    const size_t i = candidates[tn_sim_choose(count)];
    r->done[i] = true;
    run(r->body->node[i]->task);
    return false;
}

void tn_sim_replay_delete(tn_sim_replay *r)
{
    tn_sim_body_release(r->body);
    free(r->done);
    free(r);
}

/* ---- entry points ------------------------------------------------------------------------- */

cudaError_t cudaGraphGetNodes(cudaGraph_t g, cudaGraphNode_t *nodes, size_t *count)
{
    const cudaError_t e = tn_sim_begin(__func__, 0);
    tn_sim_check_alive("graph", g);
    if (e)
        return tn_sim_end(e);
    const size_t room = *count, have = g->body->count;
    *count = nodes && room < have ? room : have;
    for (size_t i = 0; nodes && i < room; i++)
        nodes[i] = i < have ? g->body->node[i] : NULL;
    return tn_sim_end(cudaSuccess);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t g, unsigned long long flags)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    tn_sim_check_alive("graph", g);
    *out = NULL;
    if (!e && flags)
        e = cudaErrorInvalidValue;
    if (!e) {
        *out = tn_sim_new(1, sizeof **out);
        (*out)->body = g->body;
        g->body->owners++;
        tn_sim_born("graph exec", *out);
    }
    return tn_sim_end(e);
}

cudaError_t cudaGraphDestroy(cudaGraph_t g)
{
    const cudaError_t e = tn_sim_begin(__func__, 0);
    tn_sim_died("graph", g);
    tn_sim_body_release(g->body);
    return tn_sim_end(e);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    const cudaError_t e = tn_sim_begin(__func__, 0);
    tn_sim_died("graph exec", exec);
    tn_sim_mark_release(exec->last);
    tn_sim_body_release(exec->body);
    return tn_sim_end(e);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
    cudaError_t e = tn_sim_begin_device(__func__, 0);
    cudaStream_t s = tn_sim_stream(stream);
    tn_sim_check_alive("graph exec", exec);
    if (exec->body->device != s->device)
        tn_sim_break("device", "a graph of device %d is launched on device %d", exec->body->device,
                     s->device);
    if (!e)
        e = tn_sim_capture_allows(s);
    if (!e && s->capture)
        tn_sim_break("unknown", "a graph launched in a capture is not simulated");
    if (!e) {
        tn_sim_replay *r = tn_sim_new(1, sizeof *r);
        r->body = exec->body;
        r->body->owners++;
        r->done = tn_sim_new(r->body->count, sizeof *r->done);
        if (exec->last)
            tn_sim_push_wait(s, exec->last);
        tn_sim_push_replay(s, r);
        tn_sim_mark_release(exec->last);
        exec->last = tn_sim_push_mark(s);
    }
    return tn_sim_end(e);
}
