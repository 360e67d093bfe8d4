/* Logs of runs: which are open, what is said of each in a list, and lending one to who reads all of it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"

void cache_close_series(cache *c, cached_run *r)
{
    c->open -= r->series != NULL;
    tn_series_close(r->series);
    r->series = NULL;
}

bool cache_same(const cache_stamp *a, const cache_stamp *b)
{
    return a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec &&
           a->size == b->size && a->file == b->file;
}

/* The one that was asked for least of late. */
static void close_oldest(cache *c)
{
    cached_run *oldest = NULL;
    for (size_t i = 0; i < c->count; i++)
        if (c->run[i].series && (!oldest || c->run[i].asked < oldest->asked))
            oldest = &c->run[i];
    if (oldest)
        cache_close_series(c, oldest);
}

/* The log, read on to its end; NULL: it cannot be read. */
static tn_series *series_of(cache *c, cached_run *r)
{
    r->asked = ++c->asked;
    if (r->series)
        return tn_series_update(r->series, NULL) == TN_OK ? r->series : NULL;
    if (c->open >= CACHE_OPEN)
        close_oldest(c);
    if (tn_run_series(&r->series, r->folder) != TN_OK) {
        r->series = NULL;
        return NULL;
    }
    c->open++;
    return r->series;
}

/* It is kept open for the next one. */
static void keep_series(cache *c, cached_run *r, tn_series *s)
{
    if (c->open >= CACHE_OPEN)
        close_oldest(c);
    r->asked = ++c->asked;
    r->series = s;
    c->open++;
}

bool cache_lend(cache *c, const char *name, cache_loan *l)
{
    char folder[RUN_PATH];
    cached_run *r;
    cache_lock(c);
    while ((r = cache_find(c, name)) && r->lent)
        pthread_cond_wait(&c->given_back, &c->lock);
    snprintf(folder, sizeof folder, "%s/%s", c->folder, name);
    snprintf(l->name, sizeof l->name, "%s", name);
    l->series = r ? r->series : NULL;
    if (r) {
        l->begun = r->begun;
        r->lent = true;
        c->open -= r->series != NULL;
        r->series = NULL;
    }
    cache_unlock(c);
    if ((l->series ? tn_series_update(l->series, NULL) : tn_run_series(&l->series, folder)) ==
        TN_OK)
        return true;
    tn_series_close(l->series);
    l->series = NULL;
    cache_give_back(c, l);
    return false;
}

void cache_give_back(cache *c, cache_loan *l)
{
    cache_lock(c);
    cached_run *r = cache_find(c, l->name);
    if (r)
        r->lent = false;
    if (r && l->series && !r->series && cache_same(&r->begun, &l->begun)) {
        keep_series(c, r, l->series);
        l->series = NULL;
    }
    pthread_cond_broadcast(&c->given_back);
    cache_unlock(c);
    tn_series_close(l->series);
}

static double last_of(const tn_series *s, const char *kind, const char *name)
{
    tn_column c;
    return tn_series_find(s, kind, name, &c) && c.count > 0 ? c.value[c.count - 1] : (double)NAN;
}

/* Means of stretches of the loss, each of as many lines. */
static void thin_loss(cache_summary *to, const tn_series *s)
{
    tn_column c;
    if (!tn_series_find(s, "step", "loss", &c))
        return;
    const int64_t each = c.count / CACHE_SPARK + 1;
    for (int64_t i = each - 1; i < c.count && to->points < CACHE_SPARK; i += each) {
        double sum = 0;
        for (int64_t k = i + 1 - each; k <= i; k++)
            sum += c.value[k];
        to->spark[to->points++] = sum / (double)each;
    }
}

static void summarise(cache_summary *to, const tn_series *s)
{
    tn_event first, last;
    *to = (cache_summary){(double)NAN, (double)NAN, (double)NAN, (double)NAN, (double)NAN, {0}, 0};
    if (!s)
        return;
    to->val_top1 = last_of(s, "epoch", "val.top1");
    to->val_loss = last_of(s, "epoch", "val.loss");
    to->images_s = last_of(s, "step", "images_s");
    to->wait = last_of(s, "step", "wait");
    if (tn_series_event(s, 0, &first) && tn_series_event(s, tn_series_num_events(s) - 1, &last))
        to->took = last.time - first.time;
    thin_loss(to, s);
}

const cache_summary *cache_summary_of(cache *c, cached_run *r)
{
    if (r->summed.file && cache_same(&r->summed, &r->log))
        return &r->summary;
    if (r->lent || (!r->series && r->log.size > CACHE_SHORT)) {
        if (!r->summed.file)
            summarise(&r->summary, NULL);
        r->wanted = true;
        return &r->summary;
    }
    const tn_series *s = series_of(c, r);
    summarise(&r->summary, s);
    if (s) /* else it is tried again */
        r->summed = r->log;
    return &r->summary;
}

/* One summary that is wanted; false: none is. The log stays open, so that it is only read on when it grows. */
bool cache_make_wanted(cache *c)
{
    char name[RUN_NAME + 1], folder[RUN_PATH];
    tn_series *s = NULL;
    cache_summary summary;
    cached_run *r = NULL;
    cache_lock(c);
    for (size_t i = 0; i < c->count && !r; i++)
        r = c->run[i].wanted ? &c->run[i] : NULL;
    if (!r || c->ends) {
        cache_unlock(c);
        return false;
    }
    r->wanted = false;
    const cache_stamp stamp = r->log;
    snprintf(name, sizeof name, "%s", r->name);
    snprintf(folder, sizeof folder, "%s", r->folder);
    cache_unlock(c);
    if (tn_run_series(&s, folder) != TN_OK)
        s = NULL;
    summarise(&summary, s);
    cache_lock(c);
    r = cache_find(c, name);
    if (r && s) {
        r->wanted = false; /* who has asked meanwhile wanted this one */
        r->summary = summary;
        r->summed = stamp;
        r->asked = ++c->asked;
        c->tell(c->with, r->name, r->info);
    }
    if (r && s && !r->series && !r->lent) {
        keep_series(c, r, s);
        s = NULL;
    }
    cache_unlock(c);
    tn_series_close(s);
    return true;
}
