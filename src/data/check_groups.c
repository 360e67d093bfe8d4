/*
 * Groups of pictures that are the same or look alike, a finding each:
 *
 *   conflict   the same picture has two labels
 *   leak       else pictures of both sides
 *   same       else nothing but the same picture
 *   alike      else
 *
 * What to leave out: all where labels differ, as nobody knows which is right; else what is like a picture that stays. Those
 * of val are asked first, so that what val measures stays, then the larger ones. Of a chain whose ends differ more than
 * one stays.
 */
#include <stdlib.h>
#include <string.h>

#include "data/check.h"

typedef struct member {
    int32_t group, same;
    int64_t item, pixels, size;
} member;

/* By group, the largest picture first. */
static int by_group(const void *a, const void *b)
{
    const member *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    if (x->pixels != y->pixels)
        return x->pixels > y->pixels ? -1 : 1;
    if (x->size != y->size)
        return x->size > y->size ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* What a group has. */
typedef struct kin {
    const member *member;
    int64_t count;
    bool labels, conflict; /* pictures, the same ones, of several classes */
    bool sides, all_same;
} kin;

static int label_of(const tn_check *c, const member *m)
{
    return tn_check_source(c, m->item)->label;
}

static bool labels_differ(const tn_check *c, const member *a, const member *b)
{
    return label_of(c, a) != label_of(c, b);
}

/* The same pictures of a group lie together once they are sorted by that. */
static int by_same(const void *a, const void *b)
{
    const member *x = a, *y = b;
    if (x->same != y->same)
        return x->same < y->same ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

static bool has_conflict(const tn_check *c, member *m, int64_t count)
{
    bool conflict = false;
    qsort(m, (size_t)count, sizeof *m, by_same);
    for (int64_t i = 1; i < count; i++)
        conflict |= m[i].same == m[i - 1].same && labels_differ(c, &m[i], &m[i - 1]);
    qsort(m, (size_t)count, sizeof *m, by_group);
    return conflict;
}

static kin know(const tn_check *c, member *m, int64_t count)
{
    kin k = {.member = m, .count = count, .all_same = true};
    for (int64_t i = 1; i < count; i++) {
        k.labels |= labels_differ(c, m, &m[i]);
        k.sides |= tn_check_side_at(c, m[0].item) != tn_check_side_at(c, m[i].item);
        k.all_same &= m[0].same == m[i].same;
    }
    k.conflict = k.labels && has_conflict(c, m, count);
    return k;
}

static bool is_near(const tn_check *c, const member *a, const member *b)
{
    const tn_look *x = &c->look[a->item], *y = &c->look[b->item];
    return x->hashed && y->hashed && tn_hashes_distance(&x->hash, &y->hash) <= c->limit.bits;
}

/* kept: room for all members. */
static void choose(const tn_check *c, const kin *k, tn_suspect *suspect, int64_t *kept)
{
    const bool by_nature = c->limit.bits == TN_STRICT_BITS;
    const bool doubtful = by_nature && !k->sides;
    int64_t stay = 0;
    for (int side = TN_SIDES - 1; side >= 0; side--)
        for (int64_t i = 0; i < k->count; i++) {
            const member *m = &k->member[i];
            if (tn_check_side_at(c, m->item) != side)
                continue;
            suspect[i].leave_out = k->conflict || (k->labels && !by_nature);
            for (int64_t e = 0; e < stay && !suspect[i].leave_out; e++) {
                const member *other = &k->member[kept[e]];
                suspect[i].leave_out =
                    m->same == other->same || (!doubtful && is_near(c, m, other));
            }
            if (!suspect[i].leave_out)
                kept[stay++] = i;
        }
}

/* How a picture is like the group's first. */
static const char *likeness(tn_check *c, const kin *k, int64_t i)
{
    const member *a = &k->member[0], *b = &k->member[i];
    const tn_look *x = &c->look[a->item], *y = &c->look[b->item];
    const char *path = tn_check_source(c, a->item)->path;
    if (a->same == b->same)
        return tn_check_text(c, "the same %s as %s",
                             strcmp(x->bytes.text, y->bytes.text) == 0 ? "bytes" : "pixels", path);
    const int plain = tn_hash_distance(&x->hash.plain, &y->hash.plain);
    const int least = tn_hashes_distance(&x->hash, &y->hash);
    if (least > c->limit.bits)
        return tn_check_text(c, "like others that are like %s", path);
    return tn_check_text(c, "%d bit%s from %s%s", least, least == 1 ? "" : "s",
                         least < plain ? "the mirror image of " : "", path);
}

/* Its classes, by number, each once. Returns how many; `to` NULL: only that. */
static int classes_of(const tn_check *c, const kin *k, int *to)
{
    int count = 0;
    for (int last = -1;; count++) {
        int next = c->num_classes;
        for (int64_t i = 0; i < k->count; i++) {
            const int label = label_of(c, &k->member[i]);
            next = label > last && label < next ? label : next;
        }
        if (next == c->num_classes)
            return count;
        if (to)
            to[count] = next;
        last = next;
    }
}

static const char *say(tn_check *c, const kin *k, const int *label, int labels)
{
    const char *const *name = c->set[0]->class_name;
    const char *what = k->all_same ? "are the same" : "look alike";
    const char *sides = k->sides ? ", in the set and in val" : "";
    const long long count = (long long)k->count;
    if (!k->labels)
        return tn_check_text(c, "%lld pictures of %s %s%s.", count, name[label[0]], what, sides);
    return tn_check_text(c, "%lld pictures %s%s, in %d classes (%s, %s%s): one label is %s wrong.",
                         count, what, sides, labels, name[label[0]], name[label[1]],
                         labels > 2 ? ", ..." : "", k->conflict ? "surely" : "probably");
}

static tn_status add_group(tn_check *c, const kin *k, int64_t *kept)
{
    const tn_find kind = k->conflict   ? TN_FIND_CONFLICT
                         : k->sides    ? TN_FIND_LEAK
                         : k->all_same ? TN_FIND_SAME
                                       : TN_FIND_ALIKE;
    const int labels = classes_of(c, k, NULL);
    tn_finding *f = tn_check_add(c, kind, k->count, labels);
    if (!f)
        return TN_ERR_MEMORY;
    int *label = tn_check_labels(f);
    tn_suspect *suspect = tn_check_suspects(f);
    classes_of(c, k, label);
    f->text = say(c, k, label, labels);
    bool whole = f->text != NULL;
    for (int64_t i = 0; i < k->count; i++) {
        suspect[i].item = k->member[i].item;
        if (i > 0)
            whole &= (suspect[i].why = likeness(c, k, i)) != NULL;
    }
    choose(c, k, suspect, kept);
    return whole ? TN_OK : tn_check_no_memory();
}

tn_status tn_check_group_findings(tn_check *c, const tn_groups *g)
{
    const int64_t all = tn_check_count(c);
    member *m = tn_alloc((size_t)all, sizeof *m);
    int64_t *kept = tn_alloc((size_t)all, sizeof *kept);
    tn_status status = m && kept ? TN_OK : tn_check_no_memory();
    for (int64_t i = 0; status == TN_OK && i < all; i++) {
        const tn_look *l = &c->look[i];
        m[i] = (member){g->alike[i], g->same[i], i, (int64_t)l->width * l->height, l->size};
    }
    if (status == TN_OK)
        qsort(m, (size_t)all, sizeof *m, by_group);
    for (int64_t i = 0, end; status == TN_OK && i < all; i = end) {
        for (end = i + 1; end < all && m[end].group == m[i].group; end++) {
        }
        if (end - i > 1) {
            const kin k = know(c, m + i, end - i);
            status = add_group(c, &k, kept);
        }
    }
    tn_free(m);
    tn_free(kept);
    return status;
}
