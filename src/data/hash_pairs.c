/*
 * Pairs of hashes that are near (hash.h).
 *
 * Bands. The pHashes are sorted by 16 of their bits, a bucket a value; each bucket is compared with those of all values
 * that differ in few bits. With a million hashes a bucket has 15, and 137 of them are looked at, a five-hundredth of all;
 * four bands see whatever is near. Mirrored hashes have buckets of their own, which those of the plain ones are compared
 * with.
 *   Source: the pigeonhole principle, as Manku, Jain, Das Sarma 2007, "Detecting near-duplicates for web crawling" has it.
 *
 * Threads take parts of the work by a counter; what they find is handed on under a lock.
 */
#include <stdatomic.h>
#include <string.h>

#include "base/base.h"
#include "base/thread.h"
#include "data/hash.h"

/* One instruction where the machine has it, chosen when the program is loaded, as in resample.c. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FAST __attribute__((target_clones("popcnt", "default")))
#else
#define FAST
#endif

enum { BANDS = 4, BAND_BITS = 16, VALUES = 1 << BAND_BITS, CHUNK = 64, KEPT = 4096 };

/* Hashes in an order, and where those of a band's value begin. */
typedef struct buckets {
    uint64_t *p, *d;
    int32_t *index; /* of the picture */
    int32_t *at;    /* [VALUES + 1], of bands */
} buckets;

typedef struct search {
    const tn_pairs *what;
    buckets plain, mirror;
    uint16_t *mask; /* the bits that near values of a band differ in */
    int masks;
    atomic_int next; /* piece of work that nobody has taken */
    int pieces;
    pthread_mutex_t lock; /* of found() */
} search;

/* What a thread has found and not handed on. */
typedef struct catch
{
    search *in;
    int count;
    int32_t a[KEPT], b[KEPT];
}
catch;

static void hand_on(catch *c)
{
    const tn_pairs *w = c->in->what;
    pthread_mutex_lock(&c->in->lock);
    for (int i = 0; i < c->count; i++)
        w->found(w->arg, c->a[i], c->b[i]);
    pthread_mutex_unlock(&c->in->lock);
    c->count = 0;
}

static void keep(catch *c, int32_t a, int32_t b)
{
    if (a == b)
        return;
    c->a[c->count] = a;
    c->b[c->count++] = b;
    if (c->count == KEPT)
        hand_on(c);
}

/* Hash i of `from` against [first, end) of `to`. */
FAST static void compare(catch *c, const buckets *from, int32_t i, const buckets *to, int32_t first,
                         int32_t end)
{
    const uint64_t p = from->p[i], d = from->d[i];
    const int bits = c->in->what->bits;
    for (int32_t j = first; j < end; j++)
        if (__builtin_popcountll(p ^ to->p[j]) <= bits &&
            __builtin_popcountll(d ^ to->d[j]) <= bits)
            keep(c, from->index[i], to->index[j]);
}

/* ---- all ---------------------------------------------------------------------------------------- */

static void piece_of_all(catch *c, int piece)
{
    search *s = c->in;
    const int32_t count = (int32_t)s->what->count, end = (piece + 1) * CHUNK;
    for (int32_t i = piece * CHUNK; i < end && i < count; i++) {
        compare(c, &s->plain, i, &s->plain, i + 1, count);
        compare(c, &s->plain, i, &s->mirror, 0, count);
    }
}

/* ---- bands -------------------------------------------------------------------------------------- */

static void piece_of_band(catch *c, int piece)
{
    search *s = c->in;
    const buckets *plain = &s->plain, *mirror = &s->mirror;
    for (int v = piece * CHUNK; v < (piece + 1) * CHUNK; v++)
        for (int m = 0; m < s->masks; m++) {
            const int w = v ^ s->mask[m];
            for (int32_t i = plain->at[v]; i < plain->at[v + 1]; i++) {
                if (w >= v) /* each two buckets once */
                    compare(c, plain, i, plain, w == v ? i + 1 : plain->at[w], plain->at[w + 1]);
                compare(c, plain, i, mirror, mirror->at[w], mirror->at[w + 1]);
            }
        }
}

static int band_of(uint64_t p, int band)
{
    return (int)(p >> (BAND_BITS * band) & (VALUES - 1));
}

static const tn_hash *hash_at(const search *s, bool mirror, int64_t i)
{
    return mirror ? &s->what->hash[i].mirror : &s->what->hash[i].plain;
}

/* Counting sort. */
static void sort_by_band(const search *s, buckets *b, bool mirror, int band)
{
    memset(b->at, 0, (VALUES + 1) * sizeof *b->at);
    for (int64_t i = 0; i < s->what->count; i++)
        b->at[band_of(hash_at(s, mirror, i)->p, band) + 1]++;
    for (int v = 0; v < VALUES; v++)
        b->at[v + 1] += b->at[v];
    for (int64_t i = 0; i < s->what->count; i++) {
        const tn_hash *h = hash_at(s, mirror, i);
        const int32_t place = b->at[band_of(h->p, band)]++;
        b->p[place] = h->p;
        b->d[place] = h->d;
        b->index[place] = (int32_t)i;
    }
    memmove(b->at + 1, b->at, VALUES * sizeof *b->at);
    b->at[0] = 0;
}

/* All numbers of 16 bits of which at most `most` are set. */
static void list_masks(search *s, int most)
{
    for (int v = 0; v < VALUES; v++)
        if (__builtin_popcount((unsigned)v) <= most)
            s->mask[s->masks++] = (uint16_t)v;
}

/* ---- threads ------------------------------------------------------------------------------------ */

typedef struct crew {
    search *in;
    void (*piece)(catch *c, int piece);
    atomic_bool failed;
} crew;

static void *body(void *arg)
{
    crew *all = arg;
    search *s = all->in;
    catch *c = tn_alloc(1, sizeof *c);
    if (!c) {
        atomic_store(&all->failed, true);
        return NULL;
    }
    c->in = s;
    for (int piece; (piece = atomic_fetch_add(&s->next, 1)) < s->pieces;)
        all->piece(c, piece);
    hand_on(c);
    tn_free(c);
    return NULL;
}

static void stop(void *arg)
{
    crew *all = arg;
    atomic_store(&all->in->next, all->in->pieces);
}

static tn_status run(search *s, void (*piece)(catch *c, int piece), int pieces)
{
    crew all = {.in = s, .piece = piece};
    tn_threads threads;
    s->pieces = pieces;
    atomic_store(&s->next, 0);
    TN_TRY(tn_threads_start(&threads, s->what->threads, body, stop, &all));
    tn_threads_join(&threads);
    return atomic_load(&all.failed) ? tn_no_memory("pairs of pictures", sizeof(catch)) : TN_OK;
}

static bool make_room(buckets *b, size_t count)
{
    b->p = tn_alloc(count, sizeof *b->p);
    b->d = tn_alloc(count, sizeof *b->d);
    b->index = tn_alloc(count, sizeof *b->index);
    b->at = tn_alloc(VALUES + 1, sizeof *b->at);
    return b->p && b->d && b->index && b->at;
}

static void drop(buckets *b)
{
    tn_free(b->p);
    tn_free(b->d);
    tn_free(b->index);
    tn_free(b->at);
}

static tn_status find(search *s)
{
    const tn_pairs *w = s->what;
    tn_status status = TN_OK;
    if (w->count <= TN_PAIRS_ALL && !w->bands) {
        /* Any order will do. */
        sort_by_band(s, &s->plain, false, 0);
        sort_by_band(s, &s->mirror, true, 0);
        return run(s, piece_of_all, (int)((w->count + CHUNK - 1) / CHUNK));
    }
    list_masks(s, w->bits / BANDS);
    for (int band = 0; band < BANDS && status == TN_OK; band++) {
        sort_by_band(s, &s->plain, false, band);
        sort_by_band(s, &s->mirror, true, band);
        status = run(s, piece_of_band, VALUES / CHUNK);
    }
    return status;
}

tn_status tn_pairs_find(const tn_pairs *what)
{
    if (what->count < 2)
        return TN_OK;
    if (what->count > INT32_MAX)
        return tn_fail(TN_ERR_ARGUMENT, "%lld pictures are more than %d, which can be compared",
                       (long long)what->count, INT32_MAX);
    search s = {.what = what, .lock = PTHREAD_MUTEX_INITIALIZER};
    s.mask = tn_alloc(VALUES, sizeof *s.mask);
    const size_t count = (size_t)what->count;
    tn_status status = TN_OK;
    if (!s.mask || !make_room(&s.plain, count) || !make_room(&s.mirror, count))
        status = tn_no_memory("hashes of pictures", count * sizeof(tn_hashes));
    if (status == TN_OK)
        status = find(&s);
    drop(&s.plain);
    drop(&s.mirror);
    tn_free(s.mask);
    pthread_mutex_destroy(&s.lock);
    return status;
}
