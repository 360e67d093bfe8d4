/*
 * The list of findings. Texts, suspects and labels lie in one arena.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/number.h"
#include "data/check.h"

tn_status tn_check_no_memory(void)
{
    return tn_fail(TN_ERR_MEMORY, "the check of a set: no memory for what was found");
}

const char *tn_check_text(tn_check *c, const char *format, ...)
{
    va_list values, again;
    va_start(values, format);
    va_copy(again, values);
    const int length = tn_vprint(NULL, 0, format, values);
    char *text = length < 0 ? NULL : tn_arena_alloc(&c->text, (size_t)length + 1, 1);
    if (text)
        tn_vprint(text, (size_t)length + 1, format, again);
    va_end(values);
    va_end(again);
    return text;
}

tn_finding *tn_check_add(tn_check *c, tn_find kind, int64_t suspects, int labels)
{
    if (tn_grow((void **)&c->finding, c->num_findings, &c->finding_capacity, sizeof *c->finding,
                "the check of a set") != TN_OK)
        return NULL;
    tn_finding f = {.kind = kind, .count = suspects, .num_classes = labels};
    if (suspects > 0)
        f.suspect = tn_arena_alloc(&c->text, (size_t)suspects, sizeof *f.suspect);
    if (labels > 0)
        f.label = tn_arena_alloc(&c->text, (size_t)labels, sizeof *f.label);
    if ((suspects > 0 && !f.suspect) || (labels > 0 && !f.label)) {
        (void)!tn_check_no_memory();
        return NULL;
    }
    c->finding[c->num_findings] = f;
    return &c->finding[c->num_findings++];
}

/* Kinds, then pictures, then classes; no two of a kind begin with the same. */
static int by_kind(const void *a, const void *b)
{
    const tn_finding *x = a, *y = b;
    const int64_t i = x->count ? x->suspect[0].item : -1, j = y->count ? y->suspect[0].item : -1;
    const int k = x->num_classes ? x->label[0] : -1, l = y->num_classes ? y->label[0] : -1;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return i != j ? (i < j ? -1 : 1) : (k > l) - (k < l);
}

void tn_check_sort(tn_check *c)
{
    if (c->num_findings > 0)
        qsort(c->finding, c->num_findings, sizeof *c->finding, by_kind);
}
