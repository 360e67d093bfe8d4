#include "data/check.h"

#include <tenon/check.h>

#include "base/thread.h"

static const char *const names[TN_FINDS] = {
    [TN_FIND_BROKEN] = "broken",     [TN_FIND_CONFLICT] = "conflict",
    [TN_FIND_LEAK] = "leak",         [TN_FIND_ONE_CLASS] = "one class",
    [TN_FIND_EMPTY] = "empty",       [TN_FIND_SHORTCUT] = "shortcut",
    [TN_FIND_SAME] = "same",         [TN_FIND_ALIKE] = "alike",
    [TN_FIND_DOUBTFUL] = "doubtful", [TN_FIND_UNEQUAL] = "unequal",
    [TN_FIND_FEW] = "few",           [TN_FIND_FLAT] = "flat",
    [TN_FIND_ODD] = "odd",           [TN_FIND_SMALL] = "small",
    [TN_FIND_MIXED] = "mixed"};

const char *tn_find_name(tn_find kind)
{
    return (unsigned)kind < TN_FINDS ? names[kind] : NULL;
}

/* ---- making one --------------------------------------------------------------------------------- */

static tn_status complete(tn_check_opts *o, const tn_dataset *set)
{
    o->size = o->size ? o->size : 224;
    o->threads = o->threads ? o->threads : tn_cores();
    if (o->size < 1 || o->threads < 1)
        return tn_fail(TN_ERR_ARGUMENT, "check: size %d, %d threads: both must be positive",
                       o->size, o->threads);
    if (o->val && tn_dataset_classes(o->val) != tn_dataset_classes(set))
        return tn_fail(TN_ERR_ARGUMENT,
                       "check: val has %d classes, not the %d of the set "
                       "(tn_dataset_opts.classes_of)",
                       tn_dataset_classes(o->val), tn_dataset_classes(set));
    return TN_OK;
}

static tn_status begin(tn_check *c, const tn_dataset *set)
{
    c->num_classes = tn_dataset_classes(set);
    c->set[0] = tn_dataset_hold(set);
    c->set[1] = c->opts.val ? tn_dataset_hold(c->opts.val) : NULL;
    for (int s = 0; s < TN_SIDES; s++) {
        c->first[s + 1] = c->first[s] + tn_dataset_count(c->set[s]);
        c->class_count[s] = tn_alloc((size_t)c->num_classes, sizeof **c->class_count);
        if (!c->class_count[s])
            return tn_check_no_memory();
    }
    const int64_t count = tn_check_count(c);
    if (count > INT32_MAX)
        return tn_fail(TN_ERR_ARGUMENT, "check: %lld pictures are more than %d", (long long)count,
                       INT32_MAX);
    c->look = tn_alloc((size_t)count, sizeof *c->look);
    return c->look ? TN_OK : tn_no_memory("the check of a set", (size_t)count * sizeof *c->look);
}

static tn_status measure(tn_check *c)
{
    TN_TRY(tn_check_each(c, NULL, tn_check_count(c), tn_look_at));
    TN_TRY(tn_check_sides(c));
    TN_TRY(tn_check_files(c));
    TN_TRY(tn_check_alike(c));
    TN_TRY(tn_check_classes(c));
    tn_check_sort(c);
    return TN_OK;
}

tn_status tn_check_set(tn_check **out, const tn_dataset *set, const tn_check_opts *opts)
{
    TN_NEED(out, "out");
    TN_NEED(set, "set");
    tn_check *c = tn_alloc(1, sizeof *c);
    if (!c)
        return tn_check_no_memory();
    c->opts = opts ? *opts : (tn_check_opts){0};
    tn_status status = complete(&c->opts, set);
    if (status == TN_OK)
        status = begin(c, set);
    if (status == TN_OK)
        status = measure(c);
    if (status == TN_OK)
        *out = c;
    else
        tn_check_close(c);
    return status;
}

void tn_check_close(tn_check *check)
{
    if (!check)
        return;
    for (int64_t i = 0; check->look && i < tn_check_count(check); i++)
        tn_free(check->look[i].problem);
    for (int s = 0; s < TN_SIDES; s++) {
        tn_dataset_close(check->set[s]);
        tn_free(check->class_count[s]);
    }
    tn_free(check->look);
    tn_free(check->finding);
    tn_arena_free(&check->text);
    tn_free(check);
}

/* ---- answers ------------------------------------------------------------------------------------ */

int64_t tn_check_num_findings(const tn_check *check)
{
    return check ? (int64_t)check->num_findings : 0;
}

const tn_finding *tn_check_finding(const tn_check *check, int64_t index)
{
    return index >= 0 && index < tn_check_num_findings(check) ? &check->finding[index] : NULL;
}

const tn_check_limit *tn_check_limit_of(const tn_check *check)
{
    return check ? &check->limit : NULL;
}

int64_t tn_check_count(const tn_check *check)
{
    return check ? check->first[TN_SIDES] : 0;
}

bool tn_check_item(const tn_check *check, int64_t item, tn_checked *out)
{
    if (!out || item < 0 || item >= tn_check_count(check))
        return false;
    const tn_look *l = &check->look[item];
    const tn_item *from = tn_check_source(check, item);
    *out = (tn_checked){.path = from->path,
                        .problem = l->problem,
                        .label = from->label,
                        .val = tn_check_side_at(check, item) == 1,
                        .width = l->width,
                        .height = l->height,
                        .orientation = l->orientation,
                        .bytes = l->size,
                        .format = l->format,
                        .quality = l->quality,
                        .grey = l->grey};
    for (int k = 0; k < 3; k++)
        out->mean[k] = (double)l->sum[k] / (TN_HASH_SIDE * TN_HASH_SIDE);
    return true;
}

const tn_check_side *tn_check_side_of(const tn_check *check, bool val)
{
    return check && check->set[val] ? &check->side[val] : NULL;
}

int64_t tn_check_class_count(const tn_check *check, bool val, int label)
{
    return check && label >= 0 && label < check->num_classes ? check->class_count[val][label] : 0;
}
