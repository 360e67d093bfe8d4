/*
 * nonfinite: each replica looks at its own rows; the earliest step is told, of those with the same the first rank's.
 */
#include "group/replica.h"
#include "run/run.h"

typedef struct findings {
    tn_group *g;
    tn_found_nonfinite found[]; /* a replica, of all ranks */
} findings;

static tn_status look(void *arg, int member)
{
    findings *f = arg;
    tn_plan *p = f->g->replica[member].plan;
    return tn_plan_look_for_nonfinite(p, &f->found[p->share.rank]);
}

static const tn_found_nonfinite *first_of(const findings *f)
{
    const tn_found_nonfinite *first = &f->found[0];
    for (int i = 1; i < f->g->ranks; i++) {
        const tn_found_nonfinite *one = &f->found[i];
        if (one->part && (!first->part || one->step < first->step))
            first = one;
    }
    return first;
}

tn_status tn_group_find_nonfinite(tn_plan *whole, tn_nonfinite *out)
{
    tn_group *g = whole->group;
    const tn_plan *first = g->replica[0].plan;
    findings *f;
    TN_TRY(tn_plan_check_again(first));
    TN_TRY(tn_team_room(g->team, sizeof *f + (size_t)g->ranks * sizeof *f->found, &f));
    f->g = g;
    TN_TRY(tn_group_do(g, TN_TEAM_TOGETHER, look, f));
    TN_TRY(
        tn_group_gather(g, &f->found[g->first], (size_t)g->members * sizeof *f->found, f->found));
    tn_plan_tell_nonfinite(first, first_of(f), out);
    return TN_OK;
}
