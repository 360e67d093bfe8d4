#include "data/bad.h"

#include <string.h>

#include "base/base.h"

enum { UNKNOWN, GOOD, BAD };

tn_status tn_bad_create(tn_bad_items *b, const tn_origin *origin)
{
    const size_t items = (size_t)origin->source.items;
    *b = (tn_bad_items){.origin = origin, .verdict = tn_alloc(items, sizeof *b->verdict)};
    if (!b->verdict)
        return tn_no_memory("loader", items * sizeof *b->verdict);
    for (size_t i = 0; i < items; i++)
        atomic_init(&b->verdict[i], UNKNOWN);
    return TN_OK;
}

void tn_bad_destroy(tn_bad_items *b)
{
    for (size_t i = 0; i < b->count; i++) {
        tn_free(b->item[i].name);
        tn_free(b->item[i].reason);
    }
    tn_free(b->item);
    tn_free(b->verdict);
    *b = (tn_bad_items){0};
}

bool tn_bad_is_judged(const tn_bad_items *b, int64_t item)
{
    return atomic_load(&b->verdict[item]) != UNKNOWN;
}

bool tn_bad_is_named(const tn_bad_items *b, int64_t item)
{
    return atomic_load(&b->verdict[item]) == BAD;
}

/* A name that was given meanwhile stays. */
void tn_bad_pass(tn_bad_items *b, int64_t item)
{
    unsigned char unknown = UNKNOWN;
    atomic_compare_exchange_strong(&b->verdict[item], &unknown, GOOD);
}

const char *tn_bad_reason(const char *text, const char *name)
{
    char shown[1024]; /* as it is in an error */
    tn_show(shown, sizeof shown, name);
    const size_t length = strlen(shown);
    const bool begins = strncmp(text, shown, length) == 0 && strncmp(text + length, ": ", 2) == 0;
    return begins ? text + length + 2 : text;
}

tn_status tn_bad_name(tn_bad_items *b, int64_t item, const char *problem)
{
    if (tn_bad_is_named(b, item))
        return TN_OK;
    TN_TRY(tn_grow((void **)&b->item, b->count, &b->capacity, sizeof *b->item, "bad items"));
    char *name = tn_origin_name(b->origin, item);
    char *reason = name ? tn_copy_text(tn_bad_reason(problem, name)) : NULL;
    if (!reason) {
        tn_free(name);
        return tn_no_memory("bad items", strlen(problem) + 1);
    }
    b->item[b->count++] = (tn_bad_item){name, reason};
    atomic_store(&b->verdict[item], BAD);
    return TN_OK;
}

tn_status tn_bad_check(const tn_bad_items *b, double percent, tn_status status)
{
    const int64_t count = b->origin->source.items, bad = (int64_t)b->count;
    const int64_t share = (int64_t)((double)count * percent / 100);
    const int64_t allowed = share || percent == 0 ? share : 1;
    if (bad <= allowed)
        return TN_OK;
    const tn_bad_item *last = &b->item[bad - 1];
    return tn_fail(status,
                   "%lld of %lld %s are bad, where %lld (%g %%) are allowed; the last is %s: %s",
                   (long long)bad, (long long)count, b->origin->what, (long long)allowed, percent,
                   last->name, last->reason);
}
