/*
 * group: replicas made and joined, and what an error of one of them says.
 */
#include "group/group.h"

#include <stdio.h>

#include "devices/devices.h"
#include "group/replica.h"
#include "run/run.h"

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
static void tell_end(const tn_group *g, int member, int64_t updates, char *text, size_t size)
{
    const tn_replica *r = &g->replica[member];
    tn_comm *comm = atomic_load(&r->comm);
    *text = 0;
    if (!tn_team_failed(g->team) || !comm)
        return;
    const int length = snprintf(text, size, "; all %d devices ended after update %lld", g->ranks,
                                (long long)updates);
    const int64_t buckets = r->plan->num_buckets;
    if (buckets == 0 || length < 0 || (size_t)length >= size)
        return;
    const int64_t next = g->collectives->finished(comm) % buckets;
    snprintf(text + length, size - (size_t)length, ", bucket %lld of %lld (%s) being the next",
             (long long)next + 1, (long long)buckets, r->plan->bucket[next].name);
}

/* Of another process, which says how in tn_error(). */
static bool other_failed(const tn_group *g)
{
    const tn_ranks *ranks = g->whole->device->ranks;
    return ranks && ranks->check() == TN_END;
}

/* "cpu:1", "rank 1, cpu" */
static void tell_who(const tn_group *g, int member, char *text, size_t size)
{
    const tn_device *d = g->whole->device;
    if (d->ranks)
        snprintf(text, size, "rank %d, %s", d->place.rank, d->member[member]->name);
    else
        snprintf(text, size, "%s", d->member[member]->name);
}

/* The group has failed, with that in tn_error(): in this process for good, and the others are told. */
static void end_group(tn_group *g, tn_status status)
{
    tn_team_fail(g->team, status);
    if (g->whole->device->ranks)
        g->whole->device->ranks->fail(tn_error());
}

tn_status tn_group_do(tn_group *g, tn_team_work work, tn_team_task *task, void *arg)
{
    int member;
    char end[256], who[300];
    const tn_plan *first = g->replica[0].plan;
    const int64_t updates = first ? first->updates : 0; /* while all are at rest */
    const tn_status status = tn_team_do(g->team, work, task, arg, &member);
    if (status == TN_OK || member < 0) /* none: it has failed before, and says the same again */
        return status;
    if (tn_team_failed(g->team) && other_failed(g)) {
        tn_team_fail(g->team, TN_ERR_DEVICE);
        return TN_ERR_DEVICE;
    }
    const long long row = (g->first + member) * g->rows;
    tell_end(g, member, updates, end, sizeof end);
    tell_who(g, member, who, sizeof who);
    tn_fail(status, "%s (rows %lld to %lld of a batch): %s%s", who, row,
            row + (long long)g->rows - 1, tn_error(), end);
    if (tn_team_failed(g->team))
        end_group(g, status);
    return status;
}

tn_status tn_group_gather(tn_group *g, const void *own, size_t bytes, void *all)
{
    const tn_status status = tn_device_gather(g->whole->device, own, bytes, all);
    if (status != TN_OK)
        end_group(g, status);
    return status;
}

tn_status tn_group_agree(tn_group *g, tn_status status)
{
    const tn_device *d = g->whole->device;
    return d->ranks ? tn_ranks_agree(d->ranks, &d->place, d->stall, status) : status;
}

/* ---- making --------------------------------------------------------------------------------- */

/* What is made may load code, or try things out: nothing that devices do together is to be under way (see
 * collective.h). */
static tn_status wait_for_all(const tn_group *g, const tn_device *d)
{
    return d->backend->wait && !g->whole->opts.dry ? d->backend->wait(d->impl) : TN_OK;
}

static tn_status make_replica(void *arg, int member)
{
    tn_group *g = arg;
    const tn_share share = {
        .rank = g->first + member, .ranks = g->ranks, .collectives = g->collectives, .stale = true};
    tn_plan **plan = &g->replica[member].plan;
    TN_TRY(wait_for_all(g, g->whole->device->member[member]));
    TN_TRY(tn_single_create(plan, g->shard, g->whole->device->member[member], &g->whole->opts,
                            &share));
    return TN_OK;
}

static tn_status meet(void *team)
{
    return tn_team_meet(team);
}

static tn_status join(void *arg, int member)
{
    tn_group *g = arg;
    tn_plan *p = g->replica[member].plan;
    tn_join_opts opts = {.id = g->id,
                         .rank = p->share.rank,
                         .ranks = p->share.ranks,
                         .given_up = &g->given_up,
                         .meet = g->members > 1 ? meet : NULL,
                         .with = g->team,
                         .stall = g->stall_wait};
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

/* One rank makes it. */
static tn_status spread_id(tn_group *g)
{
    const tn_rank_place *place = &g->whole->device->place;
    if (!g->whole->device->ranks)
        return g->collectives->make_id(&g->id);
    tn_comm_id *all = tn_alloc((size_t)place->ranks, sizeof *all);
    tn_status status = all ? TN_OK : tn_no_memory("group", (size_t)place->ranks * sizeof *all);
    if (status == TN_OK && place->rank == 0)
        status = g->collectives->make_id(&g->id);
    status = tn_group_agree(g, status);
    if (status == TN_OK)
        status = tn_group_gather(g, &g->id, sizeof *all, all);
    if (status == TN_OK)
        g->id = all[0];
    tn_free(all);
    return status;
}

/* Who is to be the first to give up: of members in one process the watch, which sees who is behind; a rank is only
 * seen not to come by those that wait for it. */
static void set_stalls(tn_group *g)
{
    tn_plan *whole = g->whole;
    tn_device *d = whole->device;
    if (whole->opts.stall == 0)
        whole->opts.stall = TN_STALL;
    d->stall = (double)whole->opts.stall;
    g->stall_wait = d->ranks ? d->stall : 2 * d->stall;
    g->stall_watch = d->ranks ? 2 * d->stall : d->stall;
}

static tn_status make_replicas(tn_group *g)
{
    tn_plan *whole = g->whole;
    TN_TRY(tn_graph_status(whole->graph));
    TN_TRY(tn_plan_check_opts(&whole->opts));
    if (whole->opts.reduce_bf16 && whole->device->ranks &&
        !whole->device->backend->collectives->spans)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "plan: reduce_bf16: gradients of %s travel between ranks as f32 only",
                       whole->device->backend->name);
    set_stalls(g);
    TN_TRY(tn_graph_shard(&g->shard, whole->graph, g->ranks));
    TN_TRY(tn_graph_batch(g->shard, &g->rows));
    TN_TRY(tn_team_start(&g->team, &(tn_team_opts){.members = g->members,
                                                   .stall = g->stall_watch,
                                                   .owner = g,
                                                   .progress = progress,
                                                   .check = check,
                                                   .give_up = give_up}));
    return tn_group_do(g, TN_TEAM_PREPARE, make_replica, g);
}

static tn_status make(tn_group *g)
{
    TN_TRY(tn_group_agree(g, make_replicas(g)));
    if (g->whole->opts.dry)
        return TN_OK;
    TN_TRY(spread_id(g));
    TN_TRY(tn_group_do(g, TN_TEAM_TOGETHER, join, g));
    return tn_group_do(g, TN_TEAM_TOGETHER, pre_flight, g);
}

tn_status tn_group_create(tn_group **out, tn_plan *whole)
{
    tn_group *g = tn_alloc(1, sizeof *g);
    if (!g)
        return tn_no_memory("group", sizeof *g);
    g->whole = whole;
    const tn_device *d = whole->device;
    g->members = d->members;
    g->ranks = d->members * tn_device_ranks(d);
    g->first = d->members * d->place.rank;
    g->collectives = d->backend->collectives;
    if (d->ranks && !g->collectives->spans)
        g->collectives = d->ranks->collectives;
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
    /* Each in its thread, as they may wait for each other. Those that gave up do not; but one of them may still be at
     * work, and what it works with is there until its thread has ended. */
    if (g->team && !tn_team_failed(g->team))
        tn_team_do(g->team, TN_TEAM_PREPARE, leave, g, &failed);
    tn_team_end(g->team);
    for (int i = 0; g->replica && i < g->members; i++)
        leave(g, i);
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

void tn_group_describe(const tn_plan *whole, FILE *to)
{
    const tn_group *g = whole->group;
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
