/*
 * freeze: parameters that tn_plan_opts.freeze names are not trained.
 */
#define _POSIX_C_SOURCE 200809L /* fnmatch */

#include <fnmatch.h>
#include <string.h>

#include "plan/passes.h"

/* How many parameters a pattern names, by their own names or by that of their node; all of them are frozen. */
static tn_status freeze(tn_plan *p, const char *pattern, int *count)
{
    for (size_t i = 0; i < p->num_nodes; i++) {
        tn_node *n = &p->node[i]->node;
        for (int j = 0; j < n->num_params; j++) {
            char *name = tn_format("%s.%s", n->name, n->param[j].name);
            if (!name)
                return tn_no_memory("plan", strlen(n->name));
            if (fnmatch(pattern, name, 0) == 0 || fnmatch(pattern, n->name, 0) == 0) {
                n->param[j].opts.frozen = true;
                ++*count;
            }
            tn_free(name);
        }
    }
    return TN_OK;
}

tn_status tn_plan_freeze(tn_plan *p)
{
    const char *list = p->opts.freeze;
    while (list && *list) {
        const size_t length = strcspn(list, ",");
        int count = 0;
        char *pattern = tn_format("%.*s", (int)length, list);
        tn_status status = pattern ? freeze(p, pattern, &count) : tn_no_memory("plan", length);
        if (status == TN_OK && count == 0)
            status =
                tn_fail(TN_ERR_ARGUMENT, "plan: freeze: no parameter is called as \"%s\"", pattern);
        tn_free(pattern);
        TN_TRY(status);
        list += length + (list[length] == ',');
    }
    return TN_OK;
}
