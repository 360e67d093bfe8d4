/*
 * text: the net of a plan as text. Its loss is the plan's; its outputs are the graph's, or what the plan keeps.
 */
#include "graph/text.h"

#include "plan/plan.h"
#include "plan/plan_io.h"

/* Room for all values that are kept; the loss and what is counted beside it are not what a net is for. */
static tn_status list_kept(const tn_plan *p, tn_value **out, size_t *count)
{
    const tn_graph *g = p->graph;
    tn_value *kept = tn_alloc(g->num_values + 1, sizeof *kept);
    if (!kept)
        return tn_no_memory("plan", g->num_values * sizeof *kept);
    *count = 0;
    for (size_t i = 0; i < g->num_values; i++) {
        const bool of_loss =
            p->opts.loss.id && g->value[i].node == g->value[p->opts.loss.id - 1].node;
        if (tn_plan_first(p)->value[i].kept && !of_loss)
            kept[(*count)++] = (tn_value){(int32_t)i + 1, g->number};
    }
    *out = kept;
    return TN_OK;
}

tn_status tn_plan_text(const tn_plan *p, char **out, int64_t *batch)
{
    const tn_graph *g = p->graph;
    tn_value *kept = NULL;
    *batch = tn_text_batch(g);
    tn_text_roots roots = {g->output, g->num_outputs, p->opts.loss.id ? p->opts.loss : g->loss};
    if (g->num_outputs == 0) {
        TN_TRY(list_kept(p, &kept, &roots.num_outputs));
        roots.output = kept;
    }
    const tn_status status = tn_graph_format(g, &roots, out);
    tn_free(kept);
    return status;
}
