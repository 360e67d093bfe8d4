/*
 * Runs and updates: every replica does its own; what they do as one is in run/share.c. What a program may not
 * ask for is found out before they begin: then an error in one can be the end for all.
 */
#include "run/run.h"

#include "group/replica.h"

typedef struct every {
    tn_group *g;
    tn_plan_call *call;
    void *arg;
    int only; /* this replica, or -1 */
} every;

static tn_status call_one(void *arg, int member)
{
    const every *e = arg;
    if (e->only >= 0 && e->only != member)
        return TN_OK;
    return e->call(e->g->replica[member].plan, e->arg);
}

tn_status tn_group_first(tn_group *g, tn_plan_call *call, void *arg)
{
    return tn_group_do(g, TN_TEAM_TOGETHER, call_one, &(every){g, call, arg, 0});
}

tn_status tn_group_each(tn_group *g, tn_plan_call *call, void *arg)
{
    return tn_group_do(g, TN_TEAM_TOGETHER, call_one, &(every){g, call, arg, -1});
}

static tn_status run(tn_plan *p, void *unused)
{
    (void)unused;
    return tn_plan_run(p);
}

tn_status tn_group_run(tn_plan *whole)
{
    tn_group *g = whole->group;
    TN_TRY(tn_plan_check_run(g->replica[0].plan));
    return tn_group_each(g, run, NULL);
}

static tn_status evaluate(tn_plan *p, void *unused)
{
    (void)unused;
    return tn_plan_evaluate(p);
}

tn_status tn_group_evaluate(tn_plan *whole)
{
    tn_group *g = whole->group;
    TN_TRY(tn_plan_check_runnable(g->replica[0].plan));
    return tn_group_each(g, evaluate, NULL);
}

static tn_status update(tn_plan *p, void *rate)
{
    return tn_plan_update(p, *(const float *)rate);
}

tn_status tn_group_update(tn_plan *whole, float rate)
{
    tn_group *g = whole->group;
    TN_TRY(tn_plan_check_update(g->replica[0].plan, rate));
    return tn_group_each(g, update, &rate);
}

static tn_status sum_gradients(tn_plan *p, void *unused)
{
    (void)unused;
    return tn_plan_sum_gradients(p);
}

tn_status tn_group_sum_gradients(tn_group *g)
{
    return tn_group_each(g, sum_gradients, NULL);
}

/* ---- step by step --------------------------------------------------------------------------- */

typedef struct profile_of {
    tn_group *g;
    float rate;
    double *seconds; /* steps of the first replica, then of the next, ... */
    int steps;
} profile_of;

static tn_status profile_one(void *arg, int member)
{
    const profile_of *o = arg;
    return tn_plan_profile(o->g->replica[member].plan, o->rate, o->seconds + member * o->steps);
}

tn_status tn_group_profile(tn_plan *whole, float rate, double *seconds)
{
    tn_group *g = whole->group;
    tn_plan *first = g->replica[0].plan;
    profile_of o = {.g = g, .rate = rate, .steps = tn_plan_num_steps(first)};
    const size_t count = (size_t)o.steps * (size_t)g->members;
    TN_TRY(tn_plan_check_profile(first, rate));
    o.seconds = tn_alloc(count, sizeof *o.seconds);
    if (!o.seconds)
        return tn_no_memory("profile", count * sizeof *o.seconds);
    const tn_status status = tn_group_do(g, TN_TEAM_TOGETHER, profile_one, &o);
    for (int i = 0; status == TN_OK && i < o.steps; i++) {
        seconds[i] = 0;
        for (int m = 0; m < g->members; m++) {
            const double s = o.seconds[m * o.steps + i];
            seconds[i] = s > seconds[i] ? s : seconds[i];
        }
    }
    tn_free(o.seconds);
    return status;
}
