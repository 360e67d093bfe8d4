/*
 * Findings about single files: broken, flat, odd, small. One of a kind, with all of its files.
 */
#include "data/check.h"

enum { ODD = 3 };

static int shorter(const tn_look *l)
{
    return l->width < l->height ? l->width : l->height;
}

static int longer(const tn_look *l)
{
    return l->width < l->height ? l->height : l->width;
}

static bool is_broken(const tn_check *c, const tn_look *l)
{
    (void)c;
    return l->problem != NULL;
}

static bool is_flat(const tn_check *c, const tn_look *l)
{
    (void)c;
    return !l->problem && l->flat;
}

static bool is_odd(const tn_check *c, const tn_look *l)
{
    (void)c;
    return !l->problem && longer(l) > ODD * shorter(l);
}

static bool is_small(const tn_check *c, const tn_look *l)
{
    return !l->problem && shorter(l) < c->opts.size;
}

static const char *why_broken(tn_check *c, const tn_look *l)
{
    (void)c;
    return l->problem;
}

static const char *why_size(tn_check *c, const tn_look *l)
{
    return tn_check_text(c, "%d x %d pixels", l->width, l->height);
}

static const char *why_flat(tn_check *c, const tn_look *l)
{
    enum { AREA = TN_HASH_SIDE * TN_HASH_SIDE };
    return tn_check_text(c, "one colour, about %u %u %u", (unsigned)(l->sum[0] / AREA),
                         (unsigned)(l->sum[1] / AREA), (unsigned)(l->sum[2] / AREA));
}

typedef struct rule {
    tn_find kind;
    bool leave_out;
    bool (*is)(const tn_check *c, const tn_look *l);
    const char *(*why)(tn_check *c, const tn_look *l);
    const char *text; /* behind "N of M files" */
} rule;

static const rule rules[] = {
    {TN_FIND_BROKEN, true, is_broken, why_broken, "cannot be read."},
    {TN_FIND_FLAT, false, is_flat, why_flat, "are of one colour, or nearly."},
    {TN_FIND_ODD, false, is_odd, why_size,
     "are over three times as long as wide: a crop sees a small part of them."},
    {TN_FIND_SMALL, false, is_small, why_size, "are smaller than what the network will see"}};

static tn_status apply(tn_check *c, const rule *r)
{
    const int64_t all = tn_check_count(c);
    int64_t count = 0;
    for (int64_t i = 0; i < all; i++)
        count += r->is(c, &c->look[i]);
    if (count == 0)
        return TN_OK;
    tn_finding *f = tn_check_add(c, r->kind, count, 0);
    if (!f)
        return TN_ERR_MEMORY;
    tn_suspect *s = tn_check_suspects(f);
    f->text =
        r->kind == TN_FIND_SMALL
            ? tn_check_text(c, "%lld of %lld files %s, %d x %d: they are scaled up.",
                            (long long)count, (long long)all, r->text, c->opts.size, c->opts.size)
            : tn_check_text(c, "%lld of %lld files %s", (long long)count, (long long)all, r->text);
    bool whole = f->text != NULL;
    for (int64_t i = 0; i < all; i++)
        if (r->is(c, &c->look[i])) {
            *s = (tn_suspect){i, r->why(c, &c->look[i]), r->leave_out};
            whole &= s++->why != NULL;
        }
    return whole ? TN_OK : tn_check_no_memory();
}

tn_status tn_check_files(tn_check *c)
{
    for (size_t i = 0; i < TN_COUNT(rules); i++)
        TN_TRY(apply(c, &rules[i]));
    return TN_OK;
}
