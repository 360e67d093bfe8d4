#include "data/bad.h"

#include <string.h>

enum { UNKNOWN, GOOD, BAD };

tn_status tn_bad_create(tn_bad_files *b, const tn_dataset *set)
{
    *b = (tn_bad_files){.set = set, .verdict = tn_alloc(set->num_items, sizeof *b->verdict)};
    if (!b->verdict)
        return tn_no_memory("loader", set->num_items * sizeof *b->verdict);
    for (size_t i = 0; i < set->num_items; i++)
        atomic_init(&b->verdict[i], UNKNOWN);
    return TN_OK;
}

void tn_bad_destroy(tn_bad_files *b)
{
    for (size_t i = 0; i < b->count; i++)
        tn_free(b->file[i].reason);
    tn_free(b->file);
    tn_free(b->verdict);
    *b = (tn_bad_files){0};
}

bool tn_bad_is_judged(const tn_bad_files *b, int64_t item)
{
    return atomic_load(&b->verdict[item]) != UNKNOWN;
}

bool tn_bad_is_named(const tn_bad_files *b, int64_t item)
{
    return atomic_load(&b->verdict[item]) == BAD;
}

/* A name that was given meanwhile stays. */
void tn_bad_pass(tn_bad_files *b, int64_t item)
{
    unsigned char unknown = UNKNOWN;
    atomic_compare_exchange_strong(&b->verdict[item], &unknown, GOOD);
}

/* What the decoder said, without the path that it began with. */
static const char *without_path(const char *text, const char *path)
{
    const size_t length = strlen(path);
    const bool begins = strncmp(text, path, length) == 0 && strncmp(text + length, ": ", 2) == 0;
    return begins ? text + length + 2 : text;
}

tn_status tn_bad_name(tn_bad_files *b, int64_t item, const char *problem)
{
    if (tn_bad_is_named(b, item))
        return TN_OK;
    TN_TRY(tn_grow((void **)&b->file, b->count, &b->capacity, sizeof *b->file, "bad files"));
    char *reason = tn_copy_text(without_path(problem, b->set->item[item].path));
    if (!reason)
        return tn_no_memory("bad files", strlen(problem) + 1);
    b->file[b->count++] = (tn_bad_file){item, reason};
    atomic_store(&b->verdict[item], BAD);
    return TN_OK;
}

tn_status tn_bad_check(const tn_bad_files *b, double percent, tn_status status)
{
    const int64_t count = tn_dataset_count(b->set), bad = (int64_t)b->count;
    const int64_t share = (int64_t)((double)count * percent / 100);
    const int64_t allowed = share || percent == 0 ? share : 1;
    if (bad <= allowed)
        return TN_OK;
    const tn_bad_file *last = &b->file[bad - 1];
    return tn_fail(
        status, "%lld of %lld images are bad, where %lld (%g %%) are allowed; the last is %s: %s",
        (long long)bad, (long long)count, (long long)allowed, percent,
        b->set->item[last->item].path, last->reason);
}
