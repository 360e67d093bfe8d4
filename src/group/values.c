/*
 * What goes in is shared out by rows, in the dimension that is the batch, or given to all where there is none; what
 * comes out is put together again: rows, means over rows as the mean (f32) or the sum (i32) of the replicas'; of what has
 * no batch, and of parameters, those of the first. Replicas of other processes are asked by theirs, and then each
 * tells the others.
 */
#include <stdalign.h>
#include <string.h>

#include "group/replica.h"
#include "run/run.h"

typedef tn_status tensor_call(tn_plan *p, tn_value v, tn_tensor host);

/* A tensor of the whole batch, to or from the replicas. */
typedef struct exchange {
    tn_group *g;
    tensor_call *call;
    tn_value value;
    tn_tensor part; /* what the replica of rank 0 is given, */
    size_t step;    /* and how many bytes behind it the next one's is */
    bool first;     /* only the first replica here is asked */
    alignas(max_align_t) unsigned char room[];
} exchange;

static tn_status exchange_one(void *arg, int member)
{
    const exchange *e = arg;
    tn_tensor part = e->part;
    if (e->first && member > 0)
        return TN_OK;
    part.data = (char *)part.data + e->step * (size_t)(e->g->first + member);
    return e->call(e->g->replica[member].plan, e->value, part);
}

/* In the team's room: `head` bytes, then one of `size` a replica. */
static tn_status room_for_each(const tn_group *g, size_t head, size_t size, void *out)
{
    return tn_team_room(g->team, head + (size_t)g->ranks * size, out);
}

/* What the replicas here have found, at their places, becomes what all have. */
static tn_status gather_each(tn_group *g, size_t size, void *each)
{
    char *own = (char *)each + (size_t)g->first * size;
    return tn_group_gather(g, own, (size_t)g->members * size, each);
}

/* Each replica is given a tensor of that shape of its own, in the room. */
static tn_status begin_in_room(tn_group *g, tensor_call *call, tn_value v, const tn_tensor *host,
                               const tn_shape *shape, exchange **out)
{
    size_t bytes;
    exchange *e;
    TN_TRY(tn_shape_bytes(shape, host->dtype, &bytes));
    TN_TRY(room_for_each(g, sizeof *e, bytes, &e));
    e->g = g;
    e->call = call;
    e->value = v;
    e->part = (tn_tensor){host->dtype, *shape, e->room};
    e->step = bytes;
    *out = e;
    return TN_OK;
}

/* Each is given its rows; where dimension 0 is the batch they lie in the program's tensor as they are. */
static tn_status begin_rows(tn_group *g, tensor_call *call, tn_value v, const tn_tensor *host,
                            int batch, exchange **out)
{
    tn_shape shape = host->shape;
    size_t bytes;
    shape.dim[batch] /= g->ranks;
    if (batch > 0)
        return begin_in_room(g, call, v, host, &shape, out);
    TN_TRY(tn_team_room(g->team, sizeof **out, out));
    TN_TRY(tn_shape_bytes(&shape, host->dtype, &bytes));
    **out = (exchange){g, call, v, {host->dtype, shape, host->data}, bytes, false};
    return TN_OK;
}

/* All are given the same, or only the first is asked. */
static tn_status begin_whole(tn_group *g, tensor_call *call, tn_value v, const tn_tensor *host,
                             bool first, exchange **out)
{
    TN_TRY(tn_team_room(g->team, sizeof **out, out));
    **out = (exchange){g, call, v, *host, 0, first};
    return TN_OK;
}

/* Between the program's tensor and the room, where each replica's rows lie together. */
static void move_rows(exchange *e, const tn_tensor *host, int batch, bool to_room)
{
    const size_t ranks = (size_t)e->g->ranks;
    size_t before = 1;
    for (int i = 0; i < batch; i++)
        before *= (size_t)host->shape.dim[i];
    const size_t bytes = e->step / before;
    for (size_t r = 0; r < ranks; r++)
        for (size_t i = 0; i < before; i++) {
            unsigned char *room = e->room + r * e->step + i * bytes;
            unsigned char *own = (unsigned char *)host->data + (i * ranks + r) * bytes;
            memcpy(to_room ? room : own, to_room ? own : room, bytes);
        }
}

/* Does the tensor fit the value, that of the whole batch? */
static tn_status check_whole(const tn_group *g, tn_value v, const tn_tensor *host)
{
    tn_shape shape;
    tn_dtype dtype;
    const tn_plan *first = g->replica[0].plan;
    TN_TRY(tn_plan_check_runnable(first));
    TN_TRY(tn_value_shape(g->whole->graph, v, &shape));
    TN_TRY(tn_value_dtype(g->whole->graph, v, &dtype));
    return tn_plan_check_tensor(tn_plan_value_of(first, v.id)->name, &shape, dtype, host);
}

/* ---- inputs --------------------------------------------------------------------------------- */

/* The rows of each replica here: all of them hold a sample, if one behind them in this process' rows does. */
static void find_rows(const tn_group *g, tn_plan_rows *rows)
{
    bool behind = false;
    for (int i = g->members; i-- > 0;) {
        tn_plan *p = g->replica[i].plan;
        rows[i] = tn_plan_own_rows(p);
        if (behind)
            rows[i].samples = p->run.batch;
        p->run.rows = rows[i].samples;
        behind |= rows[i].samples > 0;
    }
}

/* Each is told those of all, and what means over rows divide by: see tn_run_state.rows, share_rows. */
static tn_status share_rows(tn_group *g)
{
    tn_plan_rows *each, all = {0};
    TN_TRY(room_for_each(g, 0, sizeof *each, &each));
    find_rows(g, each + g->first);
    TN_TRY(gather_each(g, sizeof *each, each));
    for (int i = 0; i < g->ranks; i++) {
        all.samples += each[i].samples;
        all.told += each[i].told;
        for (int k = 0; k < TN_MAX_LABELS; k++)
            all.labelled[k] += each[i].labelled[k];
    }
    for (int i = 0; i < g->members; i++) {
        tn_plan *p = g->replica[i].plan;
        p->run.all_rows = all.samples;
        for (int k = 0; k < TN_MAX_LABELS; k++) {
            const int64_t counted = all.labelled[k];
            p->run.share_rows[k] = /* of none all sums are 0 */
                (float)((double)(counted ? counted : 1) / g->ranks);
        }
        p->full = tn_plan_fullness(p, &all, g->ranks);
    }
    return TN_OK;
}

tn_status tn_group_set(tn_plan *whole, tn_value input, tn_tensor host)
{
    tn_group *g = whole->group;
    tn_plan_value *v;
    exchange *e;
    TN_TRY(check_whole(g, input, &host));
    TN_TRY(tn_plan_find_input(g->replica[0].plan, input, &v));
    if (v->batch >= 0)
        TN_TRY(begin_rows(g, tn_plan_set, input, &host, v->batch, &e));
    else
        TN_TRY(begin_whole(g, tn_plan_set, input, &host, false, &e));
    if (v->batch > 0)
        move_rows(e, &host, v->batch, true);
    TN_TRY(tn_group_do(g, TN_TEAM_TOGETHER, exchange_one, e));
    return v->labels ? share_rows(g) : TN_OK;
}

/* The first ones of this process' rows. */
tn_status tn_group_set_rows(tn_plan *whole, int64_t rows)
{
    tn_group *g = whole->group;
    const tn_plan *first = g->replica[0].plan;
    TN_TRY(tn_plan_check_runnable(first));
    TN_TRY(tn_plan_check_rows(first, rows, first->run.batch * g->members));
    for (int i = 0; i < g->members; i++) {
        tn_plan *p = g->replica[i].plan;
        const int64_t own = rows < p->run.batch ? rows : p->run.batch;
        tn_plan_tell_rows(p, own);
        rows -= own;
    }
    return share_rows(g);
}

/* ---- values --------------------------------------------------------------------------------- */

static tn_status get_rows(tn_group *g, tensor_call *call, tn_value v, const tn_tensor *host,
                          int batch)
{
    exchange *e;
    TN_TRY(begin_rows(g, call, v, host, batch, &e));
    TN_TRY(tn_group_do(g, TN_TEAM_TOGETHER, exchange_one, e));
    TN_TRY(gather_each(g, e->step, e->part.data));
    if (batch > 0)
        move_rows(e, host, batch, false);
    return TN_OK;
}

/* The sum of what all replicas have, or its mean. */
static void add_up(const exchange *e, const tn_tensor *host, bool mean)
{
    const int ranks = e->g->ranks;
    const int64_t count = tn_elements(&host->shape);
    for (int64_t i = 0; i < count; i++) {
        double sum = 0;
        for (int r = 0; r < ranks; r++) {
            const void *of = e->room + (size_t)r * e->step;
            sum += host->dtype == TN_I32 ? (double)((const int32_t *)of)[i]
                                         : (double)((const float *)of)[i];
        }
        if (host->dtype == TN_I32)
            ((int32_t *)host->data)[i] = (int32_t)sum;
        else
            ((float *)host->data)[i] = (float)(mean ? sum / ranks : sum);
    }
}

static tn_status get_sum(tn_group *g, tensor_call *call, tn_value v, const tn_tensor *host,
                         bool mean)
{
    exchange *e;
    TN_TRY(begin_in_room(g, call, v, host, &host->shape, &e));
    TN_TRY(tn_group_do(g, TN_TEAM_TOGETHER, exchange_one, e));
    TN_TRY(gather_each(g, e->step, e->room));
    add_up(e, host, mean);
    return TN_OK;
}

static tn_status get_first(tn_group *g, tn_value v, const tn_tensor *host)
{
    exchange *e;
    TN_TRY(begin_whole(g, tn_plan_get, v, host, true, &e));
    return tn_group_do(g, TN_TEAM_TOGETHER, exchange_one, e);
}

tn_status tn_group_get(tn_plan *whole, tn_value value, tn_tensor host)
{
    tn_group *g = whole->group;
    tn_plan_value *v;
    TN_TRY(check_whole(g, value, &host));
    TN_TRY(tn_plan_find_kept(g->replica[0].plan, value, &v));
    if (v->batch >= 0)
        return get_rows(g, tn_plan_get, value, &host, v->batch);
    return v->batch == TN_BATCH_MEAN ? get_sum(g, tn_plan_get, value, &host, true)
                                     : get_first(g, value, &host);
}

/* A replica's is that of its part of the loss. */
tn_status tn_group_get_gradient(tn_plan *whole, tn_value value, tn_tensor host)
{
    tn_group *g = whole->group;
    tn_plan_value *v;
    TN_TRY(check_whole(g, value, &host));
    TN_TRY(tn_plan_find_gradient(g->replica[0].plan, value, &v));
    return v->batch >= 0 ? get_rows(g, tn_plan_get_gradient, value, &host, v->batch)
                         : get_sum(g, tn_plan_get_gradient, value, &host, false);
}

typedef struct sums {
    tn_group *g;
    tn_value value;
    bool only_looks;
    int64_t runs;
    double sum[]; /* a replica */
} sums;

static tn_status sum_of_one(void *arg, int member)
{
    sums *s = arg;
    int64_t runs;
    TN_TRY(tn_single_take_sum(s->g->replica[member].plan, s->value, &s->sum[s->g->first + member],
                              &runs, s->only_looks));
    if (member == 0)
        s->runs = runs;
    return TN_OK;
}

tn_status tn_group_take_sum(tn_plan *whole, tn_value v, double *sum, int64_t *runs, bool only_looks)
{
    tn_group *g = whole->group;
    tn_plan_value *value;
    TN_TRY(tn_plan_find_summed(g->replica[0].plan, v, &value));
    const bool adds = value->dtype == TN_I32 && value->batch == TN_BATCH_MEAN;
    sums *s;
    TN_TRY(room_for_each(g, sizeof *s, sizeof *s->sum, &s));
    s->g = g;
    s->value = v;
    s->only_looks = only_looks;
    TN_TRY(tn_group_do(g, TN_TEAM_TOGETHER, sum_of_one, s));
    TN_TRY(gather_each(g, sizeof *s->sum, s->sum));
    double all = 0;
    for (int i = 0; i < g->ranks; i++)
        all += s->sum[i];
    *sum = adds ? all : all / g->ranks;
    *runs = s->runs;
    return TN_OK;
}

typedef struct tallies {
    tn_group *g;
    size_t each; /* numbers of a replica */
    double number[];
} tallies;

static tn_status tallies_of_one(void *arg, int member)
{
    tallies *t = arg;
    return tn_single_get_tallies(t->g->replica[member].plan,
                                 t->number + (size_t)(t->g->first + member) * t->each);
}

static tn_status tallies_to_one(void *arg, int member)
{
    const tallies *t = arg;
    return tn_single_set_tallies(t->g->replica[member].plan,
                                 t->number + (size_t)(t->g->first + member) * t->each);
}

static tn_status begin_tallies(tn_group *g, tallies **out)
{
    const size_t each = (size_t)g->replica[0].plan->num_tallies * TN_TALLY;
    TN_TRY(room_for_each(g, sizeof **out, each * sizeof *(*out)->number, out));
    (*out)->g = g;
    (*out)->each = each;
    return TN_OK;
}

tn_status tn_group_get_tallies(tn_plan *whole, double *to)
{
    tn_group *g = whole->group;
    tallies *t;
    TN_TRY(begin_tallies(g, &t));
    TN_TRY(tn_group_do(g, TN_TEAM_TOGETHER, tallies_of_one, t));
    TN_TRY(gather_each(g, t->each * sizeof *t->number, t->number));
    memcpy(to, t->number, (size_t)g->ranks * t->each * sizeof *to);
    return TN_OK;
}

tn_status tn_group_set_tallies(tn_plan *whole, const double *from)
{
    tn_group *g = whole->group;
    tallies *t;
    TN_TRY(begin_tallies(g, &t));
    memcpy(t->number, from, (size_t)g->ranks * t->each * sizeof *from);
    return tn_group_do(g, TN_TEAM_TOGETHER, tallies_to_one, t);
}

/* ---- parameters ----------------------------------------------------------------------------- */

typedef struct parameter {
    int index, part;
    tn_tensor host;
} parameter;

static tn_status get_param(tn_plan *p, void *arg)
{
    const parameter *w = arg;
    return tn_plan_param_get(p, w->index, w->part, w->host);
}

static tn_status set_param(tn_plan *p, void *arg)
{
    const parameter *w = arg;
    return tn_plan_param_set(p, w->index, w->part, w->host);
}

tn_status tn_group_param_get(tn_plan *whole, int index, int part, tn_tensor host)
{
    tn_group *g = whole->group;
    TN_TRY(tn_plan_check_part(g->replica[0].plan, index, part, &host));
    if (part == TN_PARAM_GRADIENT)
        TN_TRY(tn_group_sum_gradients(g));
    parameter w = {index, part, host};
    return tn_group_first(g, get_param, &w, sizeof w);
}

tn_status tn_group_param_set(tn_plan *whole, int index, int part, tn_tensor host)
{
    tn_group *g = whole->group;
    TN_TRY(tn_plan_check_part(g->replica[0].plan, index, part, &host));
    if (part == TN_PARAM_GRADIENT)
        return tn_fail(TN_ERR_UNSUPPORTED, "plan: on several devices gradients cannot be set");
    parameter w = {index, part, host};
    TN_TRY(tn_group_first(g, set_param, &w, sizeof w));
    for (int i = 0; i < g->members; i++) /* the next run takes it over */
        g->replica[i].plan->share.stale = true;
    return TN_OK;
}
