/* The tensors of a checkpoint. */
#include "io/checkpoint_parts.h"

#include <stdio.h>
#include <string.h>

void tn_parts_free(tn_parts *list)
{
    for (size_t i = 0; i < list->count; i++)
        tn_free(list->part[i].name);
    tn_free(list->part);
}

static tn_status parts_add(tn_parts *list, int index, int number, const tn_param_info *info,
                           const char *slot)
{
    tn_part p = {.param = index, .part = number, .shape = info->shape};
    TN_TRY(tn_shape_bytes(&info->shape, TN_F32, &p.bytes));
    TN_TRY(tn_grow((void **)&list->part, list->count, &list->capacity, sizeof p, "checkpoint"));
    p.name = number == TN_PARAM_SUM       ? tn_format("accumulated.%s", info->full_name)
             : number == TN_PARAM_AVERAGE ? tn_format("ema.%s", info->full_name)
             : slot                       ? tn_format("optimizer.%s.%s", info->full_name, slot)
                                          : tn_format("%s", info->full_name);
    if (!p.name)
        return tn_no_memory("checkpoint name", strlen(info->full_name));
    list->part[list->count++] = p;
    return TN_OK;
}

tn_status tn_parts_list(tn_parts *list, const tn_plan *plan, bool all, bool sum)
{
    for (int i = 0; i < tn_plan_num_params(plan); i++) {
        tn_param_info info;
        TN_TRY(tn_plan_param(plan, i, &info));
        TN_TRY(parts_add(list, i, TN_PARAM_VALUE, &info, NULL));
        const char *slot;
        for (int s = 0; all && info.trained && (slot = tn_plan_slot_name(plan, s)); s++)
            TN_TRY(parts_add(list, i, TN_PARAM_SLOT + s, &info, slot));
        if (sum && info.trained)
            TN_TRY(parts_add(list, i, TN_PARAM_SUM, &info, NULL));
        if (all && tn_plan_has_average(plan))
            TN_TRY(parts_add(list, i, TN_PARAM_AVERAGE, &info, NULL));
    }
    return TN_OK;
}

size_t tn_parts_largest(const tn_parts *list)
{
    size_t most = 0;
    for (size_t i = 0; i < list->count; i++)
        most = list->part[i].bytes > most ? list->part[i].bytes : most;
    return most;
}

tn_optimizer_text tn_optimizer_describe(const tn_plan *plan)
{
    tn_optimizer_text t;
    int used = snprintf(t.text, sizeof t.text, "%s", tn_plan_optim_name(plan));
    const char *slot;
    for (int s = 0; (slot = tn_plan_slot_name(plan, s)) && used < (int)sizeof t.text; s++)
        used += snprintf(t.text + used, sizeof t.text - (size_t)used, " %s", slot);
    return t;
}
