/*
 * Runs and updates: every replica does its own; what they do as one is in run/share.c. What a program may not
 * ask for is found out before they begin: then an error in one can be the end for all.
 */
#include "run/run.h"

#include <stdalign.h>
#include <string.h>

#include "group/replica.h"

typedef struct every {
    tn_group *g;
    tn_plan_call *call;
    int only; /* this replica, or -1 */
    alignas(max_align_t) unsigned char arg[];
} every;

static tn_status call_one(void *arg, int member)
{
    every *e = arg;
    if (e->only >= 0 && e->only != member)
        return TN_OK;
    return e->call(e->g->replica[member].plan, e->arg);
}

static tn_status call_with(tn_group *g, tn_plan_call *call, int only, void *arg, size_t bytes)
{
    every *e;
    TN_TRY(tn_team_room(g->team, sizeof *e + bytes, &e));
    e->g = g;
    e->call = call;
    e->only = only;
    if (bytes)
        memcpy(e->arg, arg, bytes);
    TN_TRY(tn_group_do(g, TN_TEAM_TOGETHER, call_one, e));
    if (bytes)
        memcpy(arg, e->arg, bytes);
    return TN_OK;
}

tn_status tn_group_first(tn_group *g, tn_plan_call *call, void *arg, size_t bytes)
{
    return call_with(g, call, 0, arg, bytes);
}

tn_status tn_group_each(tn_group *g, tn_plan_call *call, void *arg, size_t bytes)
{
    return call_with(g, call, -1, arg, bytes);
}

/* In all ranks, or those that have theirs would wait for the others. Once set an input stays so. */
static tn_status check_inputs(tn_group *g)
{
    if (g->inputs_set)
        return TN_OK;
    TN_TRY(tn_group_agree(g, tn_plan_check_inputs(g->replica[0].plan)));
    g->inputs_set = true;
    return TN_OK;
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
    TN_TRY(check_inputs(g));
    return tn_group_each(g, run, NULL, 0);
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
    TN_TRY(check_inputs(g));
    return tn_group_each(g, evaluate, NULL, 0);
}

static tn_status update(tn_plan *p, void *rate)
{
    return tn_plan_update(p, *(const float *)rate);
}

tn_status tn_group_update(tn_plan *whole, float rate)
{
    tn_group *g = whole->group;
    TN_TRY(tn_plan_check_update(g->replica[0].plan, rate));
    return tn_group_each(g, update, &rate, sizeof rate);
}

static tn_status sum_gradients(tn_plan *p, void *unused)
{
    (void)unused;
    return tn_plan_sum_gradients(p);
}

tn_status tn_group_sum_gradients(tn_group *g)
{
    return tn_group_each(g, sum_gradients, NULL, 0);
}

/* ---- step by step --------------------------------------------------------------------------- */

typedef struct profile_of {
    tn_group *g;
    float rate;
    int steps;
    double seconds[]; /* steps of the first replica, then of the next, ... */
} profile_of;

static tn_status profile_one(void *arg, int member)
{
    profile_of *o = arg;
    return tn_plan_profile(o->g->replica[member].plan, o->rate, o->seconds + member * o->steps);
}

tn_status tn_group_profile(tn_plan *whole, float rate, double *seconds)
{
    tn_group *g = whole->group;
    tn_plan *first = g->replica[0].plan;
    const int steps = tn_plan_num_steps(first);
    profile_of *o;
    TN_TRY(tn_plan_check_profile(first, rate));
    TN_TRY(check_inputs(g));
    TN_TRY(tn_team_room(g->team,
                        sizeof *o + (size_t)steps * (size_t)g->members * sizeof *o->seconds, &o));
    o->g = g;
    o->rate = rate;
    o->steps = steps;
    TN_TRY(tn_group_do(g, TN_TEAM_TOGETHER, profile_one, o));
    for (int i = 0; i < steps; i++) {
        seconds[i] = 0;
        for (int m = 0; m < g->members; m++) {
            const double s = o->seconds[m * steps + i];
            seconds[i] = s > seconds[i] ? s : seconds[i];
        }
    }
    return TN_OK;
}
