#define _DEFAULT_SOURCE /* kinds of files of readdir */

#include "cache.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../common/args.h"
#include "../common/workspace.h"

enum { PATH = RUN_PATH, QUARTER = 250000000 };

/* ---- runs ------------------------------------------------------------------------------------------- */

static void close_series(cache *c, cached_run *r)
{
    c->open -= r->series != NULL;
    tn_series_close(r->series);
    r->series = NULL;
}

static void forget(cache *c, cached_run *r)
{
    close_series(c, r);
    tn_fields_close(r->config);
    tn_run_info_close(r->info);
    free(r->folder);
    free(r->name);
    *r = (cached_run){0};
}

/* Where a run of that name is, or would be. */
static size_t place_of(const cache *c, const char *name)
{
    size_t low = 0, high = c->count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (strcmp(c->run[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

cached_run *cache_find(cache *c, const char *name)
{
    const size_t at = place_of(c, name);
    return at < c->count && strcmp(c->run[at].name, name) == 0 ? &c->run[at] : NULL;
}

/* NULL: no memory, and it is tried again at the next look. */
static cached_run *add(cache *c, const char *name)
{
    if (c->count == c->capacity) {
        const size_t capacity = 2 * c->capacity + 16;
        cached_run *run = realloc(c->run, capacity * sizeof *run);
        if (!run)
            return NULL;
        c->run = run;
        c->capacity = capacity;
    }
    const size_t at = place_of(c, name), size = strlen(c->folder) + strlen(name) + 2;
    cached_run r = {.name = strdup(name), .folder = malloc(size)};
    if (!r.name || !r.folder) {
        forget(c, &r);
        return NULL;
    }
    snprintf(r.folder, size, "%s/%s", c->folder, name);
    memmove(c->run + at + 1, c->run + at, (c->count - at) * sizeof *c->run);
    c->run[at] = r;
    c->count++;
    return &c->run[at];
}

static cache_stamp stamp_of(const cached_run *r, const char *file)
{
    char path[PATH];
    struct stat s;
    cache_stamp stamp = {.size = -1};
    if (snprintf(path, sizeof path, "%s/%s", r->folder, file) < (int)sizeof path &&
        stat(path, &s) == 0)
        stamp = (cache_stamp){s.st_mtim, s.st_size, s.st_ino};
    return stamp;
}

static bool is_same(const cache_stamp *a, const cache_stamp *b)
{
    return a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec &&
           a->size == b->size && a->file == b->file;
}

/* Whoever shows it would show something else. */
static bool shows_else(const tn_run_info *a, const tn_run_info *b)
{
    return !a || a->state != b->state || a->step != b->step || a->epoch != b->epoch ||
           a->updated < b->updated || a->updated > b->updated ||
           a->checkpoint_step != b->checkpoint_step || !a->reason != !b->reason;
}

/* Another run may have taken the place of one that was moved away between two looks: nothing of that one is this one's. */
static void forget_other(cache *c, cached_run *r)
{
    const cache_stamp begun = stamp_of(r, "config.json");
    if (is_same(&begun, &r->begun))
        return;
    close_series(c, r);
    tn_fields_close(r->config);
    r->config = NULL;
    r->summed = (cache_stamp){0};
    r->begun = begun;
}

/* Reads a run again if its files have changed, or if only its lock can tell. False: it is none (any more). */
static bool look_at(cache *c, cached_run *r)
{
    const cache_stamp state = stamp_of(r, "state.json"), log = stamp_of(r, "log.jsonl");
    const bool same = r->info && is_same(&state, &r->state) && is_same(&log, &r->log);
    tn_run_info *info = NULL;
    if (same && !r->info->alive)
        return true;
    if (tn_run_read(&info, r->folder) != TN_OK)
        return false;
    const bool else_ = shows_else(r->info, info);
    forget_other(c, r);
    tn_run_info_close(r->info);
    r->info = info;
    r->state = state;
    r->log = log;
    if (else_)
        c->tell(c->with, r->name, info);
    return true;
}

static void remove_at(cache *c, size_t at)
{
    c->tell(c->with, c->run[at].name, NULL);
    forget(c, &c->run[at]);
    memmove(c->run + at, c->run + at + 1, (c->count - at - 1) * sizeof *c->run);
    c->count--;
}

/* Names that are none of a run's are passed over, and so are links. False: it cannot be looked at now, so that nothing is known
 * of what is gone. */
static bool look_for_new(cache *c)
{
    DIR *d = opendir(c->folder);
    if (!d)
        return errno == ENOENT;
    for (const struct dirent *e; (e = readdir(d));) {
        if ((e->d_type != DT_DIR && e->d_type != DT_UNKNOWN) || !run_name_is_good(e->d_name))
            continue;
        cached_run *r = cache_find(c, e->d_name);
        r = r ? r : add(c, e->d_name);
        if (r)
            r->seen = true;
    }
    closedir(d);
    return true;
}

void cache_look(cache *c)
{
    cache_lock(c);
    for (size_t i = 0; i < c->count; i++)
        c->run[i].seen = false;
    if (!look_for_new(c)) {
        cache_unlock(c);
        return;
    }
    for (size_t i = 0; i < c->count;)
        if (c->run[i].seen && look_at(c, &c->run[i]))
            i++;
        else if (c->run[i].info)
            remove_at(c, i);
        else { /* a folder that is no run (yet) */
            forget(c, &c->run[i]);
            memmove(c->run + i, c->run + i + 1, (c->count - i - 1) * sizeof *c->run);
            c->count--;
        }
    cache_unlock(c);
}

/* Those that live: their files alone. */
static void look_at_living(cache *c)
{
    cache_lock(c);
    for (size_t i = 0; i < c->count; i++)
        if (c->run[i].info->alive)
            (void)look_at(c, &c->run[i]); /* one that is gone the whole look finds */
    cache_unlock(c);
}

/* ---- logs ------------------------------------------------------------------------------------------- */

/* The one that was asked for least of late. */
static void close_oldest(cache *c)
{
    cached_run *oldest = NULL;
    for (size_t i = 0; i < c->count; i++)
        if (c->run[i].series && (!oldest || c->run[i].asked < oldest->asked))
            oldest = &c->run[i];
    if (oldest)
        close_series(c, oldest);
}

tn_series *cache_series(cache *c, cached_run *r)
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
    enum { SHORT = 1 << 18 /* bytes of a log that is read while somebody waits */ };
    if (r->summed.file && is_same(&r->summed, &r->log))
        return &r->summary;
    if (!r->series && r->log.size > SHORT) {
        if (!r->summed.file)
            summarise(&r->summary, NULL);
        r->wanted = true;
        return &r->summary;
    }
    const tn_series *s = cache_series(c, r);
    summarise(&r->summary, s);
    if (s) /* else it is tried again */
        r->summed = r->log;
    return &r->summary;
}

/* One summary that is wanted; false: none is. The log stays open, so that it is only read on when it grows. */
static bool make_wanted(cache *c)
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
    if (r && s && !r->series) {
        if (c->open >= CACHE_OPEN)
            close_oldest(c);
        r->series = s;
        c->open++;
        s = NULL;
    }
    cache_unlock(c);
    tn_series_close(s);
    return true;
}

const tn_fields *cache_config(cached_run *r)
{
    if (!r->config && tn_run_config_fields(&r->config, r->folder) != TN_OK)
        r->config = NULL;
    return r->config;
}

/* ---- the thread ------------------------------------------------------------------------------------- */

static void *watch(void *with)
{
    enum {
        WHOLE = 4 /* looks at those that live to one at all */,
        MADE = 4 /* summaries between looks */
    };
    cache *c = with;
    for (int i = 1;; i++) {
        nanosleep(&(struct timespec){.tv_nsec = QUARTER}, NULL);
        cache_lock(c);
        const bool ends = c->ends;
        cache_unlock(c);
        if (ends)
            return NULL;
        if (i % WHOLE == 0)
            cache_look(c);
        else
            look_at_living(c);
        for (int made = 0; made < MADE && make_wanted(c);)
            made++;
    }
}

void cache_lock(cache *c)
{
    pthread_mutex_lock(&c->lock);
}

void cache_unlock(cache *c)
{
    pthread_mutex_unlock(&c->lock);
}

void cache_open(cache *c, const char *folder, cache_tell *tell, void *with)
{
    *c = (cache){.folder = strdup(folder), .tell = tell, .with = with};
    if (!c->folder)
        run_fail("no memory for the list of runs");
    pthread_mutex_init(&c->lock, NULL);
}

void cache_watch(cache *c)
{
    if (pthread_create(&c->thread, NULL, watch, c) != 0)
        run_fail("no thread to watch the runs");
    c->began = true;
}

void cache_stop(cache *c)
{
    cache_lock(c);
    c->ends = true;
    cache_unlock(c);
    if (c->began)
        pthread_join(c->thread, NULL);
}

void cache_close(cache *c)
{
    for (size_t i = 0; i < c->count; i++)
        forget(c, &c->run[i]);
    free(c->run);
    free(c->folder);
    pthread_mutex_destroy(&c->lock);
}
