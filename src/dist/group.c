/*
 * group: replicas made and joined, and what an error of one of them says.
 */
#include "dist/group.h"

#include <stdio.h>

#include "dist/replica.h"

/* As long as the slowest step of a network may take on a CPU, and far less than somebody waits for a run
 * that hangs. */
static const double default_stall = 120;

/* ---- for the watch -------------------------------------------------------------------------- */

static int64_t progress(void *owner, int member)
{
    const tn_replica *r = &((const tn_group *)owner)->replica[member];
    tn_comm *comm = atomic_load(&r->comm);
    if (!comm)
        return 0;
    const tn_collectives *all = r->plan->share.collectives;
    return atomic_load(&r->plan->done) + all->begun(comm) + all->finished(comm);
}

static tn_status check(void *owner, int member)
{
    const tn_group *g = owner;
    tn_comm *comm = atomic_load(&g->replica[member].comm);
    return comm ? g->collectives->check(comm) : TN_OK;
}

static void give_up(void *owner)
{
    tn_group *g = owner;
    atomic_store(&g->given_up, true);
    for (int i = 0; i < g->members; i++) {
        tn_comm *comm = atomic_load(&g->replica[i].comm);
        if (comm)
            g->collectives->abort(comm);
    }
}

/* ---- errors --------------------------------------------------------------------------------- */

/* "; it ended after update 17, with bucket 2 of 5 (fc6) to come" */
static void tell_end(const tn_group *g, int member, char *text, size_t size)
{
    const tn_replica *r = &g->replica[member];
    tn_comm *comm = atomic_load(&r->comm);
    *text = 0;
    if (!tn_team_failed(g->team) || !comm)
        return;
    const int length = snprintf(text, size, "; all %d devices ended after update %lld", g->ranks,
                                (long long)r->plan->updates);
    const int64_t buckets = r->plan->num_buckets;
    if (buckets == 0 || length < 0 || (size_t)length >= size)
        return;
    const int64_t next = g->collectives->finished(comm) % buckets;
    snprintf(text + length, size - (size_t)length, ", bucket %lld of %lld (%s) being the next",
             (long long)next + 1, (long long)buckets, r->plan->bucket[next].name);
}

tn_status tn_group_do(tn_group *g, tn_team_work work, tn_team_task *task, void *arg)
{
    int member;
    char end[256];
    const tn_status status = tn_team_do(g->team, work, task, arg, &member);
    if (status == TN_OK || member < 0) /* none: it has failed before, and says the same again */
        return status;
    const long long row = (g->first + member) * g->rows;
    tell_end(g, member, end, sizeof end);
    tn_fail(status, "%s (rows %lld to %lld of a batch): %s%s",
            g->whole->device->member[member]->name, row, row + (long long)g->rows - 1, tn_error(),
            end);
    if (tn_team_failed(g->team))
        tn_team_fail(g->team, status);
    return status;
}

/* ---- making --------------------------------------------------------------------------------- */

static tn_status make_replica(void *arg, int member)
{
    tn_group *g = arg;
    const tn_share share = {
        .rank = g->first + member, .ranks = g->ranks, .collectives = g->collectives, .stale = true};
    tn_plan **plan = &g->replica[member].plan;
    TN_TRY(tn_plan_create_share(plan, g->shard, g->whole->device->member[member], &g->whole->opts,
                                &share));
    (*plan)->run.share_rows = (float)g->rows;
    return TN_OK;
}

static tn_status join(void *arg, int member)
{
    tn_group *g = arg;
    tn_plan *p = g->replica[member].plan;
    tn_join_opts opts = {.id = g->id,
                         .rank = p->share.rank,
                         .ranks = p->share.ranks,
                         .given_up = &g->given_up,
                         .stall = 2 * (double)g->whole->opts.stall}; /* the watch is to be first */
    for (int i = 0; p->opts.reduce_bf16 && i < p->num_buckets; i++) {
        const size_t count = p->bucket[i].end - p->bucket[i].begin;
        opts.most_bf16 = count > opts.most_bf16 ? count : opts.most_bf16;
    }
    TN_TRY(p->share.collectives->join(p->device->impl, &opts, &p->share.comm));
    p->run.comm = p->share.comm;
    atomic_store(&g->replica[member].comm, p->share.comm);
    return TN_OK;
}

/* One number of each, before anything depends on it. */
static tn_status try_out(tn_plan *p, void *memory)
{
    const tn_backend *b = tn_plan_backend(p);
    tn_backend_device *d = p->device->impl;
    const float ranks = (float)p->share.ranks, want = ranks * (ranks + 1) / 2;
    float x = (float)p->share.rank + 1;
    TN_TRY(b->upload(d, memory, &x, sizeof x));
    TN_TRY(p->share.collectives->all_reduce(p->share.comm, TN_MARK_NONE, memory, 1, TN_F32));
    TN_TRY(b->download(d, &x, memory, sizeof x));
    if (x != want)
        return tn_fail(
            TN_ERR_DEVICE, "a sum over %d devices by %s is %g, not %g: they cannot train",
            p->share.ranks, p->share.collectives->describe(p->share.comm), (double)x, (double)want);
    return p->share.collectives->barrier(p->share.comm);
}

static tn_status pre_flight(void *arg, int member)
{
    tn_plan *p = ((tn_group *)arg)->replica[member].plan;
    void *memory = NULL;
    TN_TRY(tn_plan_backend(p)->alloc(p->device->impl, sizeof(float), &memory));
    const tn_status status = try_out(p, memory);
    tn_plan_backend(p)->free(p->device->impl, memory);
    return status;
}

/* The input that has the labels of a mean over rows. */
static tn_status find_labels(tn_group *g)
{
    for (size_t i = 0; i < g->shard->num_nodes; i++) {
        const tn_node *n = g->shard->node[i];
        if (n->op->labels == 0)
            continue;
        const int32_t id = n->in[n->op->labels];
        const tn_node *from = g->shard->node[g->shard->value[id - 1].node];
        if (from->op != &tn_op_input)
            return tn_fail(TN_ERR_UNSUPPORTED,
                           "%s %s: on several devices its labels must be an input, not from %s",
                           n->op->name, n->name, from->name);
        if (g->labels && g->labels != id)
            return tn_fail(TN_ERR_UNSUPPORTED,
                           "%s %s: on several devices all losses must have the same labels",
                           n->op->name, n->name);
        g->labels = id;
    }
    return TN_OK;
}

static tn_status make(tn_group *g)
{
    tn_plan *whole = g->whole;
    TN_TRY(tn_graph_status(whole->graph));
    TN_TRY(tn_plan_check_opts(&whole->opts));
    if (whole->opts.stall == 0)
        whole->opts.stall = (float)default_stall;
    TN_TRY(tn_graph_shard(&g->shard, whole->graph, g->ranks));
    for (size_t i = 0; i < g->shard->num_nodes && g->rows == 0; i++)
        if (g->shard->node[i]->op == &tn_op_input)
            g->rows = g->shard->node[i]->y[0].dim[0];
    TN_TRY(find_labels(g));
    TN_TRY(tn_team_start(&g->team, &(tn_team_opts){.members = g->members,
                                                   .stall = (double)whole->opts.stall,
                                                   .owner = g,
                                                   .progress = progress,
                                                   .check = check,
                                                   .give_up = give_up}));
    TN_TRY(tn_group_do(g, TN_TEAM_PREPARE, make_replica, g));
    if (whole->opts.dry)
        return TN_OK;
    TN_TRY(g->collectives->make_id(&g->id));
    TN_TRY(tn_group_do(g, TN_TEAM_TOGETHER, join, g));
    return tn_group_do(g, TN_TEAM_TOGETHER, pre_flight, g);
}

tn_status tn_group_create(tn_group **out, tn_plan *whole)
{
    tn_group *g = tn_alloc(1, sizeof *g);
    if (!g)
        return tn_no_memory("group", sizeof *g);
    g->whole = whole;
    g->collectives = whole->device->backend->collectives;
    g->members = g->ranks = whole->device->members;
    g->replica = tn_alloc((size_t)g->members, sizeof *g->replica);
    const tn_status status =
        g->replica ? make(g) : tn_no_memory("group", (size_t)g->members * sizeof *g->replica);
    if (status != TN_OK) {
        tn_group_destroy(g);
        return status;
    }
    *out = g;
    return TN_OK;
}

static tn_status leave(void *arg, int member)
{
    tn_comm *comm = atomic_exchange(&((tn_group *)arg)->replica[member].comm, NULL);
    if (comm)
        ((tn_group *)arg)->collectives->leave(comm);
    return TN_OK;
}

void tn_group_destroy(tn_group *g)
{
    int failed;
    if (!g)
        return;
    /* Each in its thread, as they may wait for each other; those that gave up do not. */
    if (g->team && tn_team_do(g->team, TN_TEAM_PREPARE, leave, g, &failed) != TN_OK)
        for (int i = 0; i < g->members; i++)
            leave(g, i);
    tn_team_end(g->team);
    for (int i = 0; g->replica && i < g->members; i++)
        tn_plan_destroy(g->replica[i].plan);
    tn_graph_destroy(g->shard);
    tn_free(g->replica);
    tn_free(g);
}

/* ---- looking at it -------------------------------------------------------------------------- */

tn_plan *tn_group_replica(const tn_group *g, int index)
{
    return g->replica[index].plan;
}

void tn_group_describe(const tn_group *g, FILE *to)
{
    const tn_plan *p = g->replica[0].plan;
    const tn_comm *comm = p->share.comm;
    fprintf(to, "shares   the same on each of %d devices, %lld rows of %lld", g->ranks,
            (long long)g->rows, (long long)g->rows * g->ranks);
    if (p->num_buckets > 0)
        fprintf(to, "; gradients summed up in %d bucket%s by %s, %s", p->num_buckets,
                p->num_buckets == 1 ? "" : "s", p->share.collectives->name,
                p->opts.reduce_bf16 ? "bf16" : "f32");
    fprintf(to, "%s%s\n", comm ? ": " : "", comm ? p->share.collectives->describe(comm) : "");
}
