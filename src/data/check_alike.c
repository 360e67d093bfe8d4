/*
 * Which pictures are the same, and which look alike.
 *
 *   same   by the digest of the files; and of the pixels, which is taken of those pictures alone that have a likeness of
 *          the same size: to decode all of every picture would take longer than all else
 *   alike  by the hashes, where they are at most `limit` apart; groups are what is connected by such pairs (union-find),
 *          each known by the least of its pictures, whatever order they were found in
 *
 * The limit is measured on the set. Pairs of different classes should not be alike; if too many are, these pictures look
 * alike by nature (digits, scans, chips), and a lower limit is tried. Pairs that differ in two bits or less are no measure
 * of that, for so do pictures that lie in two classes by mistake; unless there are far too many of them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "data/check.h"

enum {
    FEW_BITS = 12, /* up to TN_PAIRS_ALL pictures */
    MANY_BITS = 10,
    TWIN_BITS = 2,
    TRIED = 200000,
    RARE = 100000, /* one pair of so many may be alike */
    TWIN_RARE = 1000,
    MOST_DRAWN = 20 * TRIED
};

typedef struct likeness {
    tn_check *check;
    int32_t *hashed; /* pictures that are compared: one of each of the same bytes */
    tn_hashes *hash; /* of those */
    int64_t count;
    tn_groups *groups;
    bool *twin; /* [pictures] has a likeness of the same size: its pixels are wanted */
    bool merge; /* alike pairs become groups */
} likeness;

/* ---- union-find --------------------------------------------------------------------------------- */

static int32_t root(int32_t *group, int32_t i)
{
    while (group[i] != i)
        i = group[i] = group[group[i]];
    return i;
}

static void join(int32_t *group, int64_t a, int64_t b)
{
    const int32_t x = root(group, (int32_t)a), y = root(group, (int32_t)b);
    group[x > y ? x : y] = x < y ? x : y;
}

/* ---- the same ----------------------------------------------------------------------------------- */

typedef struct keyed {
    const tn_digest *digest;
    int64_t width, height;
    int64_t item;
} keyed;

static int by_digest(const void *a, const void *b)
{
    const keyed *x = a, *y = b;
    const int order = strcmp(x->digest->text, y->digest->text);
    if (order != 0)
        return order;
    if (x->width != y->width)
        return x->width < y->width ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* Joins what has the same digest, of the file or of the pixels. */
static tn_status join_same(tn_check *c, const tn_groups *g, bool pixels)
{
    const int64_t all = tn_check_count(c);
    int64_t count = 0;
    keyed *key = tn_alloc((size_t)all, sizeof *key);
    if (!key)
        return tn_check_no_memory();
    for (int64_t i = 0; i < all; i++) {
        const tn_look *l = &c->look[i];
        const tn_digest *digest = pixels ? &l->pixels : &l->bytes;
        if (tn_check_reads(c, i) && digest->text[0])
            key[count++] = (keyed){digest, l->width, l->height, i};
    }
    qsort(key, (size_t)count, sizeof *key, by_digest);
    for (int64_t i = 1; i < count; i++) {
        const keyed *a = &key[i - 1], *b = &key[i];
        if (strcmp(a->digest->text, b->digest->text) == 0 && a->width == b->width &&
            a->height == b->height) {
            join(g->same, a->item, b->item);
            join(g->alike, a->item, b->item);
        }
    }
    tn_free(key);
    return TN_OK;
}

static bool same_size(const tn_look *a, const tn_look *b)
{
    return a->width == b->width && a->height == b->height;
}

/* Even pictures have no hash; their sums tell candidates. */
static void mark_flat_twins(likeness *k)
{
    const tn_check *c = k->check;
    int64_t last = -1;
    for (int64_t i = 0; i < tn_check_count(c); i++) {
        const tn_look *l = &c->look[i];
        if (!tn_check_reads(c, i) || l->hashed || k->groups->same[i] != i)
            continue;
        if (last >= 0) /* a few too many do no harm */
            k->twin[i] = k->twin[last] = true;
        last = i;
    }
}

static tn_status look_at_twins(likeness *k)
{
    const int64_t all = tn_check_count(k->check);
    int64_t count = 0, *items = tn_alloc((size_t)all, sizeof *items);
    if (!items)
        return tn_check_no_memory();
    mark_flat_twins(k);
    for (int64_t i = 0; i < all; i++)
        if (k->twin[i])
            items[count++] = i;
    tn_status status = tn_check_each(k->check, items, count, tn_look_at_pixels);
    tn_free(items);
    if (status == TN_OK)
        status = join_same(k->check, k->groups, true);
    return status;
}

/* ---- alike -------------------------------------------------------------------------------------- */

static tn_status gather(likeness *k)
{
    tn_check *c = k->check;
    const int64_t all = tn_check_count(c);
    k->hashed = tn_alloc((size_t)all, sizeof *k->hashed);
    k->hash = tn_alloc((size_t)all, sizeof *k->hash);
    k->twin = tn_alloc((size_t)all, sizeof *k->twin);
    if (!k->hashed || !k->hash || !k->twin)
        return tn_check_no_memory();
    for (int64_t i = 0; i < all; i++)
        if (tn_check_reads(c, i) && c->look[i].hashed && k->groups->same[i] == i) {
            k->hashed[k->count] = (int32_t)i;
            k->hash[k->count++] = c->look[i].hash;
        }
    return TN_OK;
}

static void found(void *arg, int64_t a, int64_t b)
{
    likeness *k = arg;
    const int32_t i = k->hashed[a], j = k->hashed[b];
    if (same_size(&k->check->look[i], &k->check->look[j]) &&
        tn_hash_distance(&k->hash[a].plain, &k->hash[b].plain) <= TN_STRICT_BITS)
        k->twin[i] = k->twin[j] = true;
    if (k->merge)
        join(k->groups->alike, i, j);
}

/* ---- the limit ---------------------------------------------------------------------------------- */

/* Pairs of different classes that were tried, and how many of them were how far apart. */
typedef struct trial {
    int64_t pairs, at[64 + 1];
} trial;

static void try_pair(const likeness *k, trial *t, int64_t a, int64_t b)
{
    const tn_check *c = k->check;
    if (tn_check_source(c, k->hashed[a])->label == tn_check_source(c, k->hashed[b])->label)
        return;
    t->pairs++;
    t->at[tn_hashes_distance(&k->hash[a], &k->hash[b])]++;
}

/* All pairs if they are few, else some at random, the same ones for the same set. */
static trial try_pairs(const likeness *k)
{
    trial t = {0};
    if (k->count * (k->count - 1) / 2 <= TRIED) {
        for (int64_t a = 0; a < k->count; a++)
            for (int64_t b = a + 1; b < k->count; b++)
                try_pair(k, &t, a, b);
        return t;
    }
    tn_random r = tn_random_begin(0, TN_RANDOM_CHECK, 0);
    for (int i = 0; t.pairs < TRIED && i < MOST_DRAWN; i++) {
        const int64_t a = (int64_t)tn_random_below(&r, (uint64_t)k->count);
        const int64_t b = (int64_t)tn_random_below(&r, (uint64_t)k->count);
        if (a != b)
            try_pair(k, &t, a, b);
    }
    return t;
}

static int64_t up_to(const trial *t, int bits)
{
    int64_t sum = 0;
    for (int i = 0; i <= bits; i++)
        sum += t->at[i];
    return sum;
}

static bool holds(const trial *t, int bits)
{
    const int64_t twins = up_to(t, TWIN_BITS), others = up_to(t, bits) - twins;
    const int64_t rare = TRIED / RARE; /* also of fewer pairs: chance has its share in two */
    return others <= rare && (twins <= rare || twins <= t->pairs / TWIN_RARE);
}

static tn_status choose_limit(likeness *k)
{
    tn_check *c = k->check;
    tn_check_limit *l = &c->limit;
    const int first = k->count > TN_PAIRS_ALL ? MANY_BITS : FEW_BITS;
    const trial t = try_pairs(k);
    l->pairs = t.pairs;
    l->alike[0] = up_to(&t, first);
    l->alike[1] = up_to(&t, TN_STRICT_BITS);
    l->bits = holds(&t, first) ? first : holds(&t, TN_STRICT_BITS) ? TN_STRICT_BITS : -1;
    if (t.pairs == 0)
        l->text = tn_check_text(c,
                                "Pictures are alike if both hashes differ in at most %d bits; "
                                "there are no pairs of different classes to try that on.",
                                first);
    else if (l->bits == first)
        l->text = tn_check_text(c,
                                "Pictures are alike if both hashes differ in at most %d bits: so "
                                "do %lld of %lld pairs of different classes.",
                                first, (long long)l->alike[0], (long long)t.pairs);
    else if (l->bits > 0)
        l->text = tn_check_text(
            c,
            "The pictures of this set look alike by nature: %lld of %lld pairs of different "
            "classes differ in at most %d bits. So pictures are alike only up to %d bits, as %lld "
            "pairs are.",
            (long long)l->alike[0], (long long)t.pairs, first, TN_STRICT_BITS,
            (long long)l->alike[1]);
    else
        l->text = tn_check_text(
            c,
            "The pictures of this set look too much alike by nature: %lld of %lld pairs of "
            "different classes differ in at most %d bits, and %lld in at most %d. So only the "
            "same pictures were looked for, not similar ones.",
            (long long)l->alike[0], (long long)t.pairs, first, (long long)l->alike[1],
            TN_STRICT_BITS);
    return l->text ? TN_OK : tn_check_no_memory();
}

/* ---- together ----------------------------------------------------------------------------------- */

static tn_status group(likeness *k)
{
    tn_check *c = k->check;
    TN_TRY(join_same(c, k->groups, false));
    for (int64_t i = 0; i < tn_check_count(c); i++)
        k->groups->same[i] = root(k->groups->same, (int32_t)i);
    TN_TRY(gather(k));
    TN_TRY(choose_limit(k));
    k->merge = c->limit.bits > 0;
    TN_TRY(tn_pairs_find(&(tn_pairs){.hash = k->hash,
                                     .count = k->count,
                                     .bits = k->merge ? c->limit.bits : TN_STRICT_BITS,
                                     .threads = c->opts.threads,
                                     .found = found,
                                     .arg = k}));
    TN_TRY(look_at_twins(k));
    for (int64_t i = 0; i < tn_check_count(c); i++) {
        k->groups->same[i] = root(k->groups->same, (int32_t)i);
        k->groups->alike[i] = root(k->groups->alike, (int32_t)i);
    }
    return tn_check_group_findings(c, k->groups);
}

tn_status tn_check_alike(tn_check *c)
{
    const int64_t count = tn_check_count(c);
    tn_groups g = {tn_alloc((size_t)count, sizeof *g.same),
                   tn_alloc((size_t)count, sizeof *g.alike)};
    likeness k = {.check = c, .groups = &g};
    tn_status status = g.same && g.alike ? TN_OK : tn_check_no_memory();
    for (int64_t i = 0; status == TN_OK && i < count; i++)
        g.same[i] = g.alike[i] = (int32_t)i;
    if (status == TN_OK)
        status = group(&k);
    tn_free(k.hashed);
    tn_free(k.hash);
    tn_free(k.twin);
    tn_free(g.same);
    tn_free(g.alike);
    return status;
}
