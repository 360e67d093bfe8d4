/*
 * Graphs: what a capture has made, and its replays.
 *
 * A graph and what is instantiated from it share one body, which nobody changes. A replay is one entry in
 * a stream's queue, but its nodes run one by one, with other streams' work in between, in any order that
 * the edges allow. Events that it records or waits for get and give their marks when it is launched.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/_runtime.h"

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
    tn_sim_mark **mark; /* of nodes that are events; NULL: nothing to wait for */
    size_t first;       /* all before it are done */
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
    const cudaGraphNode_t n = r->body->node[i];
    for (size_t k = 0; k < n->after.count; k++)
        if (!r->done[n->after.node[k]])
            return false;
    const bool waits = n->event && !n->records && r->mark[i] && !r->mark[i]->reached;
    return !r->done[i] && !waits;
}

enum { FEW = 32 };

/* The ready ones of the next few. Nothing but an event keeps the first that is left from being one. */
static size_t find_ready(tn_sim_replay *r, size_t candidates[FEW])
{
    size_t count = 0;
    while (r->first < r->body->count && r->done[r->first])
        r->first++;
    for (size_t i = r->first; i < r->body->count && i < r->first + FEW; i++)
        if (ready(r, i))
            candidates[count++] = i;
    return count;
}

cudaStream_t tn_sim_replay_blocker(tn_sim_replay *r)
{
    size_t candidates[FEW];
    const size_t count = find_ready(r, candidates);
    return count || r->first == r->body->count ? NULL : r->mark[r->first]->stream;
}

bool tn_sim_replay_step(tn_sim_replay *r, void (*run)(const tn_sim_task *task))
{
    size_t candidates[FEW];
    const size_t count = find_ready(r, candidates);
    if (count == 0)
        return true;
    const size_t i = candidates[tn_sim_choose(count)];
    const cudaGraphNode_t n = r->body->node[i];
    r->done[i] = true;
    if (n->task)
        run(n->task);
    else if (n->records)
        tn_sim_mark_reach(r->mark[i]);
    return false;
}

/* Of what has not run because the device is lost, others do not wait for ever. */
void tn_sim_replay_delete(tn_sim_replay *r)
{
    for (size_t i = 0; i < r->body->count; i++) {
        if (r->body->node[i]->records && !r->done[i])
            tn_sim_mark_reach(r->mark[i]);
        tn_sim_mark_release(r->mark[i]);
    }
    tn_sim_body_release(r->body);
    free(r->done);
    free(r->mark);
    free(r);
}

/* The marks of its events, as they are now. Whether a wait means the record of the same launch or the one
 * before, nothing says: no graph has both. */
static void take_marks(tn_sim_replay *r, cudaStream_t s)
{
    const tn_sim_body *b = r->body;
    for (size_t i = 0; i < b->count; i++) {
        const cudaGraphNode_t n = b->node[i];
        if (!n->event)
            continue;
        tn_sim_check_alive("event", n->event);
        for (size_t k = 0; k < i; k++)
            if (b->node[k]->event == n->event && b->node[k]->records != n->records)
                tn_sim_break("unknown", "a graph that records an event and waits for it too is "
                                        "not simulated");
        if (n->records) {
            r->mark[i] = tn_sim_mark_new(s);
            tn_sim_event_set(n->event, r->mark[i]);
        } else if (n->event->mark) {
            r->mark[i] = n->event->mark;
            r->mark[i]->owners++;
        }
    }
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
        tn_sim_check_finished("a graph is made ready");
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
        r->mark = tn_sim_new(r->body->count, sizeof(tn_sim_mark *));
        take_marks(r, s);
        if (exec->last)
            tn_sim_push_wait(s, exec->last);
        tn_sim_push_replay(s, r);
        tn_sim_mark_release(exec->last);
        exec->last = tn_sim_push_mark(s);
    }
    return tn_sim_end(e);
}
