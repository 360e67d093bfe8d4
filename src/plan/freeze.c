/*
 * freeze: parameters that tn_plan_opts.freeze names are not trained.
 */
#define _POSIX_C_SOURCE 200809L /* fnmatch */

#include <fnmatch.h>
#include <string.h>

#include "plan/passes.h"

/* A layer may compute otherwise if its parameters are frozen: its node tells it. */
static void tell(const tn_plan *p, int32_t id)
{
    for (size_t i = 0; i < p->num_nodes; i++) {
        tn_node *n = &p->node[i]->node;
        for (int j = 0; j < n->num_params; j++)
            if (n->w[j] == id)
                n->param[j].opts.frozen = true;
    }
}

/* How many parameters a pattern names, by their own names or by that of their layer; all of them are frozen. */
static int freeze(tn_plan *p, const char *pattern)
{
    int count = 0;
    for (size_t i = 0; i < p->num_values; i++) {
        tn_plan_value *v = &p->value[i];
        if (!v->source || !v->source->spec || v->readers == 0)
            continue;
        const tn_node *maker = v->source->made_by;
        if (fnmatch(pattern, v->name, 0) != 0 && (!maker || fnmatch(pattern, maker->name, 0) != 0))
            continue;
        v->frozen = true;
        tell(p, (int32_t)i + 1);
        count++;
    }
    return count;
}

tn_status tn_plan_freeze(tn_plan *p)
{
    const char *list = p->opts.freeze;
    while (list && *list) {
        const size_t length = strcspn(list, ",");
        char *pattern = tn_format("%.*s", (int)length, list);
        tn_status status = TN_OK;
        if (!pattern)
            status = tn_no_memory("plan", length);
        else if (freeze(p, pattern) == 0)
            status =
                tn_fail(TN_ERR_ARGUMENT, "plan: freeze: no parameter is called as \"%s\"", pattern);
        tn_free(pattern);
        TN_TRY(status);
        list += length + (list[length] == ',');
    }
    return TN_OK;
}
