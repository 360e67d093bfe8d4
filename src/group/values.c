/*
 * What goes in is shared out by rows; what comes out is put together again: rows behind each other, scalars
 * as the mean (f32) or the sum (i32) of the replicas'; of parameters those of the first. Replicas of other
 * processes are asked by theirs, and then each tells the others.
 */
#include "group/replica.h"
#include "run/run.h"

typedef tn_status tensor_call(tn_plan *p, tn_value v, tn_tensor host);

/* A tensor of the whole batch, of which each replica is given its rows. */
typedef struct by_rows {
    tn_group *g;
    tensor_call *call;
    tn_value value;
    tn_tensor host;
} by_rows;

static tn_status rows_of_one(void *arg, int member)
{
    const by_rows *b = arg;
    const tn_group *g = b->g;
    size_t bytes;
    tn_tensor part = b->host;
    TN_TRY(tn_shape_bytes(&part.shape, part.dtype, &bytes));
    part.shape.dim[0] /= g->ranks;
    part.data = (char *)part.data + bytes / (size_t)g->ranks * (size_t)(g->first + member);
    return b->call(g->replica[member].plan, b->value, part);
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

static tn_status do_rows(tn_group *g, tensor_call *call, tn_value v, const tn_tensor *host)
{
    by_rows *b;
    TN_TRY(tn_team_room(g->team, sizeof *b, &b));
    *b = (by_rows){g, call, v, *host};
    return tn_group_do(g, TN_TEAM_TOGETHER, rows_of_one, b);
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
    tn_plan_rows *each, all = {0, 0};
    TN_TRY(room_for_each(g, 0, sizeof *each, &each));
    find_rows(g, each + g->first);
    TN_TRY(gather_each(g, sizeof *each, each));
    for (int i = 0; i < g->ranks; i++) {
        all.samples += each[i].samples;
        all.labelled += each[i].labelled;
    }
    const int64_t counted = all.labelled + (all.labelled == 0); /* of none all sums are 0 */
    for (int i = 0; i < g->members; i++) {
        tn_plan *p = g->replica[i].plan;
        p->run.all_rows = all.samples;
        p->run.share_rows = (float)((double)counted / g->ranks);
        p->full = (double)all.labelled / (double)(g->ranks * tn_plan_places(p));
    }
    return TN_OK;
}

tn_status tn_group_set(tn_plan *whole, tn_value input, tn_tensor host)
{
    tn_group *g = whole->group;
    tn_plan_value *unused;
    TN_TRY(check_whole(g, input, &host));
    TN_TRY(tn_plan_find_input(g->replica[0].plan, input, &unused));
    TN_TRY(do_rows(g, tn_plan_set, input, &host));
    return input.id == g->labels ? share_rows(g) : TN_OK;
}

/* ---- values --------------------------------------------------------------------------------- */

typedef union scalar {
    float f32;
    int32_t i32;
} scalar;

typedef struct scalars {
    tn_group *g;
    tn_value value;
    tn_dtype dtype;
    scalar x[]; /* a replica */
} scalars;

static tn_status scalar_of_one(void *arg, int member)
{
    scalars *s = arg;
    return tn_plan_get(s->g->replica[member].plan, s->value,
                       (tn_tensor){s->dtype, {0}, &s->x[s->g->first + member]});
}

static tn_status get_scalar(tn_group *g, tn_value v, const tn_tensor *host)
{
    scalars *s;
    TN_TRY(room_for_each(g, sizeof *s, sizeof *s->x, &s));
    s->g = g;
    s->value = v;
    s->dtype = host->dtype;
    TN_TRY(tn_group_do(g, TN_TEAM_TOGETHER, scalar_of_one, s));
    TN_TRY(gather_each(g, sizeof *s->x, s->x));
    double sum = 0;
    for (int i = 0; i < g->ranks; i++)
        sum += host->dtype == TN_I32 ? (double)s->x[i].i32 : (double)s->x[i].f32;
    if (host->dtype == TN_I32)
        *(int32_t *)host->data = (int32_t)sum;
    else
        *(float *)host->data = (float)(sum / g->ranks);
    return TN_OK;
}

static tn_status get_rows(tn_group *g, tensor_call *call, tn_value v, const tn_tensor *host)
{
    size_t bytes;
    TN_TRY(do_rows(g, call, v, host));
    TN_TRY(tn_shape_bytes(&host->shape, host->dtype, &bytes));
    return gather_each(g, bytes / (size_t)g->ranks, host->data);
}

tn_status tn_group_get(tn_plan *whole, tn_value v, tn_tensor host)
{
    tn_group *g = whole->group;
    tn_plan_value *unused;
    TN_TRY(check_whole(g, v, &host));
    TN_TRY(tn_plan_find_kept(g->replica[0].plan, v, &unused));
    return host.shape.ndim == 0 ? get_scalar(g, v, &host) : get_rows(g, tn_plan_get, v, &host);
}

tn_status tn_group_get_gradient(tn_plan *whole, tn_value v, tn_tensor host)
{
    tn_group *g = whole->group;
    tn_plan_value *unused;
    TN_TRY(check_whole(g, v, &host));
    TN_TRY(tn_plan_find_gradient(g->replica[0].plan, v, &unused));
    return get_rows(g, tn_plan_get_gradient, v, &host);
}

typedef struct sums {
    tn_group *g;
    tn_value value;
    int64_t runs;
    double sum[]; /* a replica */
} sums;

static tn_status sum_of_one(void *arg, int member)
{
    sums *s = arg;
    int64_t runs;
    TN_TRY(tn_plan_take_sum(s->g->replica[member].plan, s->value, &s->sum[s->g->first + member],
                            &runs));
    if (member == 0)
        s->runs = runs;
    return TN_OK;
}

tn_status tn_group_take_sum(tn_plan *whole, tn_value v, double *sum, int64_t *runs)
{
    tn_group *g = whole->group;
    tn_plan_value *value;
    TN_TRY(tn_plan_find_summed(g->replica[0].plan, v, &value));
    const tn_dtype dtype = value->dtype;
    sums *s;
    TN_TRY(room_for_each(g, sizeof *s, sizeof *s->sum, &s));
    s->g = g;
    s->value = v;
    TN_TRY(tn_group_do(g, TN_TEAM_TOGETHER, sum_of_one, s));
    TN_TRY(gather_each(g, sizeof *s->sum, s->sum));
    double all = 0;
    for (int i = 0; i < g->ranks; i++)
        all += s->sum[i];
    *sum = dtype == TN_I32 ? all : all / g->ranks;
    *runs = s->runs;
    return TN_OK;
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
