#include <stdio.h>
#include <string.h>

#include "../common/args.h"
#include "compare.h"
#include "run.h"

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

static tn_fields *fields_of(tn_series *s, int64_t index)
{
    tn_fields *f = NULL;
    if (tn_series_fields(s, index, &f) != TN_OK)
        run_fail("%s", run_text(tn_error()));
    return f;
}

/* An order that changes what is computed: one that was refused does not. */
static bool sets(tn_series *s, int64_t index)
{
    tn_fields *f = fields_of(s, index);
    bool found = false;
    for (int64_t i = 0; i < tn_fields_count(f); i++)
        found |= strncmp(tn_fields_at(f, i)->name, "set.", 4) == 0;
    const char *applied = tn_fields_text(f, "applied");
    found &= !applied || strcmp(applied, "true") == 0;
    tn_fields_close(f);
    return found;
}

/* The next line that counts, from `index` on; false past the last. */
static bool next(tn_series *s, int64_t *index, tn_event *e)
{
    static const char *const none[] = {"start", "resume",   "end", "checkpoint",
                                       "warn",  "bad_file", NULL};
    for (; tn_series_event(s, *index, e); (*index)++)
        if (!is_one_of(e->kind, none) && (strcmp(e->kind, "order") != 0 || sets(s, *index)))
            return true;
    return false;
}

/* ---- two lines --------------------------------------------------------------------------------- */

static void differs(run_difference *d, const tn_event *e, const char *field, const char *a,
                    const char *b)
{
    d->found = true;
    d->step = e->step;
    snprintf(d->kind, sizeof d->kind, "%s", run_text(e->kind));
    snprintf(d->field, sizeof d->field, "%s", field);
    snprintf(d->value[0], sizeof d->value[0], "%s", a);
    snprintf(d->value[1], sizeof d->value[1], "%s", b);
}

/* Those of x that y has not, or otherwise. */
static void compare_fields(run_difference *d, const tn_event *e, const tn_fields *x,
                           const tn_fields *y, bool swapped)
{
    static const char *const none[] = {"t",    "images_s", "wait", "seconds", "by",
                                       "host", "device",   "id",   NULL};
    const tn_field *f;
    for (int64_t i = 0; !d->found && (f = tn_fields_at(x, i)); i++) {
        const tn_field *g = tn_fields_find(y, f->name);
        if (is_one_of(f->name, none) ||
            (g && (swapped || (f->kind == g->kind && strcmp(f->text, g->text) == 0))))
            continue;
        const char *there = run_text(f->text), *other = g ? run_text(g->text) : "nothing";
        differs(d, e, run_text(f->name), swapped ? other : there, swapped ? there : other);
    }
}

static void compare_lines(run_difference *d, const tn_event *e, tn_series *a, int64_t i,
                          tn_series *b, int64_t k)
{
    tn_fields *x = fields_of(a, i), *y = fields_of(b, k);
    compare_fields(d, e, x, y, false);
    compare_fields(d, e, y, x, true);
    tn_fields_close(x);
    tn_fields_close(y);
}

/* ---- two logs ---------------------------------------------------------------------------------- */

/* A line that one has before the other: does that count? */
static bool alone_counts(const tn_event *e)
{
    static const char *const either[] = {"digest", "evaluate", NULL};
    return !is_one_of(e->kind, either);
}

/* Is there a line of that kind and step from `index` on? */
static bool comes(tn_series *s, int64_t index, const tn_event *e)
{
    tn_event later;
    for (; next(s, &index, &later) && later.step <= e->step; index++)
        if (later.step == e->step && strcmp(later.kind, e->kind) == 0)
            return true;
    return false;
}

static void walk(run_comparison *c, tn_series *a, tn_series *b)
{
    tn_event x, y;
    int64_t i = 0, k = 0;
    for (;;) {
        const bool in_a = next(a, &i, &x), in_b = next(b, &k, &y);
        if (!in_a && !in_b)
            break;
        const bool together = in_a && in_b && x.step == y.step && strcmp(x.kind, y.kind) == 0;
        const bool a_first =
            in_a && (!in_b || x.step < y.step || (x.step == y.step && !comes(b, k, &x)));
        const tn_event *e = a_first || together ? &x : &y;
        if (together)
            compare_lines(&c->first, e, a, i, b, k);
        else if (alone_counts(e))
            differs(&c->first, e, "", a_first ? "yes" : "no", a_first ? "no" : "yes");
        if (c->first.found)
            break;
        c->same_to = together && e->step > c->same_to ? e->step : c->same_to;
        i += together || a_first;
        k += together || !a_first;
    }
    if (c->first.found && c->first.step <= c->same_to)
        c->same_to = c->first.step - 1;
}

/* Of the digests that both have. */
static void compare_digests(run_comparison *c, tn_series *a, tn_series *b)
{
    tn_event x, y;
    for (int64_t i = 0, k = 0;
         c->digest_differs < 0 && tn_series_event(a, i, &x) && tn_series_event(b, k, &y);) {
        const bool in_a = strcmp(x.kind, "digest") == 0, in_b = strcmp(y.kind, "digest") == 0;
        if (!in_a || !in_b || x.step != y.step) {
            const bool skip_a = !in_a || (in_b && x.step < y.step);
            i += skip_a;
            k += !skip_a;
            continue;
        }
        tn_fields *f = fields_of(a, i++), *g = fields_of(b, k++);
        const char *p = tn_fields_text(f, "params"), *q = tn_fields_text(g, "params");
        const char *o = tn_fields_text(f, "optim"), *r = tn_fields_text(g, "optim");
        c->params = p && q && strcmp(p, q) != 0;
        c->optim = o && r && strcmp(o, r) != 0;
        if (c->params || c->optim)
            c->digest_differs = x.step;
        else
            c->digest_same = x.step;
        tn_fields_close(f);
        tn_fields_close(g);
    }
}

void compare_logs(run_comparison *c, tn_series *a, tn_series *b)
{
    tn_series *const both[2] = {a, b};
    *c = (run_comparison){.same_to = -1,
                          .last = {-1, -1},
                          .digest_same = -1,
                          .digest_differs = -1,
                          .tensors_step = -1};
    for (int n = 0; n < 2; n++) {
        tn_event e;
        if (tn_series_event(both[n], tn_series_num_events(both[n]) - 1, &e))
            c->last[n] = e.step;
    }
    walk(c, a, b);
    compare_digests(c, a, b);
}
