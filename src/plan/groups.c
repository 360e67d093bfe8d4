/*
 * groups: parameters that learn at a rate and with a decay of their own, by their names; the rate may be set anew.
 */
#define _POSIX_C_SOURCE 200809L /* fnmatch */

#include <fnmatch.h>
#include <math.h>
#include <string.h>

#include "plan/passes.h"

/* Does one of the patterns, with commas between them, name the parameter or the layer that made it? */
static tn_status names(const char *list, const tn_plan_parameter *w, bool *out)
{
    for (*out = false; *list && !*out;) {
        const size_t length = strcspn(list, ",");
        char *pattern = tn_format("%.*s", (int)length, list);
        if (!pattern)
            return tn_no_memory("plan", length);
        *out =
            fnmatch(pattern, w->name, 0) == 0 || fnmatch(pattern, tn_plan_param_maker(w), 0) == 0;
        tn_free(pattern);
        list += length + (list[length] == ',');
    }
    return TN_OK;
}

static tn_status check_number(int group, const char *name, float x)
{
    if (x >= 0 && isfinite(x))
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "plan: groups[%d]: %s is %g", group, name, (double)x);
}

static tn_status find_one(tn_plan *p, int number)
{
    tn_param_group g = p->opts.groups[number];
    int count = 0;
    TN_COMPLETE(g.rate, 1);
    TN_COMPLETE(g.decay, 1);
    TN_TRY(check_number(number, "rate", g.rate));
    TN_TRY(check_number(number, "decay", g.decay));
    if (!g.pattern)
        return tn_fail(TN_ERR_ARGUMENT, "plan: groups[%d]: the pattern is NULL", number);
    for (int i = 0; i < p->num_params; i++) {
        tn_plan_parameter *w = &p->param[i];
        bool is = false;
        if (w->trained && w->group == 0)
            TN_TRY(names(g.pattern, w, &is));
        if (is)
            w->group = number + 1;
        count += is;
    }
    p->param_group[number] = g;
    if (count > 0)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT,
                   "plan: groups[%d]: no parameter that is trained and in no group before it is "
                   "called as \"%s\"",
                   number, g.pattern);
}

tn_status tn_plan_find_groups(tn_plan *p)
{
    const int count = p->opts.num_groups;
    if (count < 0 || (count > 0 && !p->opts.groups))
        return tn_fail(TN_ERR_ARGUMENT, "plan: %d groups%s", count,
                       count > 0 ? ", which are NULL" : "");
    if (count == 0)
        return TN_OK;
    p->param_group = tn_arena_alloc(&p->arena, (size_t)count, sizeof *p->param_group);
    if (!p->param_group)
        return tn_no_memory("plan", (size_t)count * sizeof *p->param_group);
    for (int i = 0; i < count; i++)
        TN_TRY(find_one(p, i));
    return TN_OK;
}

bool tn_plan_is_still(const tn_plan *p, int range)
{
    const int group = p->range_of[range].group;
    return group > 0 && p->param_group[group - 1].rate == 0;
}

void tn_plan_set_ranges(tn_plan *p)
{
    for (int i = 0; i < p->num_ranges; i++) {
        const int group = p->range_of[i].group;
        if (group > 0)
            p->range[i].rate = p->range_of[i].rate * p->param_group[group - 1].rate;
    }
    for (int i = 0; i < p->num_buckets; i++)
        tn_plan_cut_ranges(p, &p->bucket[i]);
}
