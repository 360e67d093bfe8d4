#include "groups.h"

#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/json_read.h"
#include "../common/text.h"
#include "set.h"

/* A leak has all that is alike on both sides. */
static const tn_find kinds[] = {TN_FIND_CONFLICT, TN_FIND_LEAK, TN_FIND_SAME, TN_FIND_ALIKE};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void *get(size_t count, size_t size)
{
    void *p = calloc(count + 1, size);
    if (!p)
        run_fail("no memory for %zu images", count);
    return p;
}

static int64_t *all_alone(const tn_dataset *set)
{
    const int64_t count = tn_dataset_count(set);
    int64_t *group = get((size_t)count, sizeof *group);
    for (int64_t i = 0; i < count; i++)
        group[i] = -1;
    return group;
}

/* ---- by looking ------------------------------------------------------------------------------- */

static bool is_group(tn_find kind)
{
    for (int i = 0; i < KINDS; i++)
        if (kind == kinds[i])
            return true;
    return false;
}

int64_t *groups_of_set(const tn_dataset *set, int threads, bool quiet, int64_t *groups)
{
    int64_t *group = all_alone(set);
    set_line line = set_line_begin(quiet, false);
    tn_check *check = NULL;
    const tn_status status = tn_check_set(
        &check, set, &(tn_check_opts){.threads = threads, .progress = set_line_show, .arg = &line});
    set_line_clear(&line);
    if (status != TN_OK)
        run_fail("%s", tn_error());
    *groups = 0;
    for (int64_t i = 0; i < tn_check_num_findings(check); i++) {
        const tn_finding *f = tn_check_finding(check, i);
        for (int64_t k = 0; k < f->count && is_group(f->kind); k++)
            group[f->suspect[k].item] = i;
        *groups += is_group(f->kind);
    }
    tn_check_close(check);
    return group;
}

/* ---- of a report ------------------------------------------------------------------------------ */

typedef struct named {
    const char *path;
    int64_t item;
} named;

static int by_path(const void *a, const void *b)
{
    return strcmp(((const named *)a)->path, ((const named *)b)->path);
}

typedef struct report {
    const char *path;
    named *sorted; /* the set's images */
    int64_t count, *group;
    int64_t found, missing; /* pictures of groups */
} report;

/* All pictures of a finding that are of the set, and not of a val beside it, become group `number`. */
static void take_finding(report *r, const json_value *finding, int64_t number)
{
    for (const json_value *p = json_first(json_member(finding, "pictures")); p; p = json_next(p)) {
        const char *path = json_string(json_member(p, "path"));
        const char *side = json_string(json_member(p, "side"));
        if (!path || !side)
            args_fail("%s: is no report of tenon data check", r->path);
        if (strcmp(side, "set") != 0)
            continue;
        const named *found = bsearch(&(named){.path = path}, r->sorted, (size_t)r->count,
                                     sizeof *r->sorted, by_path);
        r->found += found != NULL;
        r->missing += found == NULL;
        if (found)
            r->group[found->item] = number;
    }
}

static bool is_named_group(const char *kind)
{
    for (int i = 0; i < KINDS && kind; i++)
        if (strcmp(kind, tn_find_name(kinds[i])) == 0)
            return true;
    return false;
}

static void sort_images(report *r, const tn_dataset *set)
{
    r->count = tn_dataset_count(set);
    r->sorted = get((size_t)r->count, sizeof *r->sorted);
    for (int64_t i = 0; i < r->count; i++)
        r->sorted[i] = (named){tn_dataset_item_path(set, i), i};
    qsort(r->sorted, (size_t)r->count, sizeof *r->sorted, by_path);
}

int64_t *groups_of_report(const tn_dataset *set, const char *path, int64_t *groups)
{
    report r = {.path = path, .group = all_alone(set)};
    size_t size;
    char *text = text_read(path, &size);
    json_value *all = json_parse(text);
    const json_value *findings = json_member(all, "findings");
    if (!findings)
        args_fail("%s: is no report of tenon data check (--json)", path);
    sort_images(&r, set);
    *groups = 0;
    for (const json_value *f = json_first(findings); f; f = json_next(f))
        if (is_named_group(json_string(json_member(f, "kind"))))
            take_finding(&r, f, (*groups)++);
    if (r.missing && !r.found)
        args_fail(
            "%s: none of its %lld pictures is in the set: it is of another one, or this one has "
            "another name there",
            path, (long long)r.missing);
    if (r.missing)
        args_warn("note: %s: %lld of its pictures are not in the set", path, (long long)r.missing);
    free(r.sorted);
    json_free(all);
    free(text);
    return r.group;
}
