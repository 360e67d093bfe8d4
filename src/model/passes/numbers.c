/*
 * numbers: what a model's passes do to its numbers, beside changing them.
 */
#include "model/passes/numbers.h"

#include <string.h>

static tn_status take(tn_model *to, const tn_model *m, const tn_node *param)
{
    tn_shape shape;
    float *data = NULL;
    const ptrdiff_t index = m->numbers.find(&m->numbers, param->name, &shape);
    if (index < 0)
        return TN_OK;
    if (!tn_shape_equal(&shape, &param->y[0]))
        return tn_fail(TN_ERR_SHAPE, "%s: %s is %s, but the net's is %s", m->path, param->name,
                       tn_shape_format(&shape).text, tn_shape_format(&param->y[0]).text);
    TN_TRY(tn_model_new_number(to, param->name, &shape, &data));
    return m->numbers.read(&m->numbers, (size_t)index, data);
}

tn_status tn_numbers_take(tn_model *to, const tn_model *m, const tn_graph *g)
{
    for (size_t i = 0; i < g->num_nodes; i++)
        if (g->node[i]->op == &tn_op_param)
            TN_TRY(take(to, m, g->node[i]));
    tn_model_sort(to);
    return TN_OK;
}

tn_model_number *tn_numbers_find(const tn_model *m, const char *name)
{
    tn_shape shape;
    const ptrdiff_t index = m->numbers.find(&m->numbers, name, &shape);
    return index < 0 ? NULL : &m->number[index];
}

static void drop(tn_model *m, tn_model_number *number)
{
    tn_free(number->name);
    tn_free(number->data);
    *number = m->number[--m->num_numbers];
}

tn_status tn_numbers_rename(tn_model *m, const char *name, const char *to)
{
    tn_model_number *number = tn_numbers_find(m, name);
    if (!number || strcmp(name, to) == 0)
        return TN_OK;
    char *copy = tn_copy_text(to);
    if (!copy)
        return tn_no_memory("model", strlen(to));
    tn_model_number *other = tn_numbers_find(m, to);
    tn_free(number->name);
    number->name = copy;
    if (other)
        drop(m, other);
    tn_model_sort(m);
    return TN_OK;
}

void tn_numbers_leave(tn_model *m, const tn_graph *g)
{
    for (size_t i = m->num_numbers; i-- > 0;) {
        const int32_t id = tn_names_find(g, m->number[i].name);
        if (!id || tn_graph_node_of(g, id)->op != &tn_op_param)
            drop(m, &m->number[i]);
    }
    tn_model_sort(m);
}
