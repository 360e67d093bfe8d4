/*
 * stored: the numbers and facts of a file of safetensors.
 */
#include <string.h>

#include "model/narrow.h"

/* What is in a checkpoint for a run that goes on, or lies between an engine's tensors, and is no number of the net. */
static bool is_none(const tn_model *m, const char *name)
{
    if (tn_model_fact(m, "tenon.engine") &&
        (strncmp(name, TN_SAFETENSORS_PAD, strlen(TN_SAFETENSORS_PAD)) == 0 ||
         strncmp(name, TN_NARROW_SCALES, strlen(TN_NARROW_SCALES)) == 0))
        return true;
    return tn_model_fact(m, "tenon.optimizer") &&
           (strncmp(name, "optimizer.", 10) == 0 || strncmp(name, "accumulated.", 12) == 0 ||
            strncmp(name, "ema.", 4) == 0);
}

/* The average of a number, which stands in its place; the number itself if it has none. */
static const tn_safetensor *average_of(const tn_model *m, const tn_safetensor *t)
{
    const tn_safetensor *other;
    for (size_t i = 0; (other = tn_safetensors_at(m->file, i)); i++)
        if (strncmp(other->name, "ema.", 4) == 0 && strcmp(other->name + 4, t->name) == 0)
            return other;
    return t;
}

tn_status tn_model_take_file(tn_model *m, bool average)
{
    const char *key, *value;
    for (size_t i = 0; (key = tn_safetensors_meta_at(m->file, i, &value)); i++)
        if (value)
            TN_TRY(tn_model_set_fact(m, key, value));
    const tn_safetensor *t;
    for (size_t i = 0; (t = tn_safetensors_at(m->file, i)); i++) {
        const bool none = is_none(m, t->name);
        m->keeps_average |= none && strncmp(t->name, "ema.", 4) == 0;
        if (none)
            continue;
        const tn_safetensor *stored = average ? average_of(m, t) : t;
        TN_TRY(tn_model_add(m, t->name, &stored->shape, stored, NULL));
    }
    tn_model_sort(m);
    if (average && !m->keeps_average)
        return tn_fail(TN_ERR_ARGUMENT, "%s: keeps no averages of its parameters", m->path);
    return TN_OK;
}
