/*
 * whole: how a model is made of a model, around what passes do to its net.
 */
#include "model/passes/numbers.h"
#include "model/passes/rewrite.h"

static tn_status copy_facts(tn_model *to, const tn_model *m)
{
    for (size_t i = 0; i < m->num_facts; i++)
        TN_TRY(tn_model_set_fact(to, m->fact[i].key, m->fact[i].value));
    for (size_t i = 0; i < m->num_notices; i++)
        TN_TRY(tn_model_add_notice(to, "%s", m->notice[i]));
    return TN_OK;
}

tn_status tn_rewrite_begin(tn_model **out, const tn_model *m)
{
    TN_TRY(tn_model_create(out, m->path));
    TN_TRY(copy_facts(*out, m));
    return tn_numbers_take(*out, m, m->graph);
}

/* By its text, which is what is saved. */
tn_status tn_rewrite_end(tn_model *m, const tn_graph *g, int64_t batch)
{
    char *text = NULL;
    TN_TRY(tn_graph_format(g, NULL, &text));
    const tn_status status = tn_model_set_fact(m, "tenon.graph", text);
    tn_free(text);
    TN_TRY(status);
    TN_TRY(tn_model_read_graph(m, batch));
    tn_numbers_leave(m, m->graph);
    return TN_OK;
}
