#define _DEFAULT_SOURCE /* kinds of files of readdir, dirfd */

#include "cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../common/args.h"
#include "../common/workspace.h"

enum { PATH = RUN_PATH, QUARTER = 250000000 };

/* ---- runs ------------------------------------------------------------------------------------------- */

static void forget(cache *c, cached_run *r)
{
    cache_close_series(c, r);
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
    if (cache_same(&begun, &r->begun))
        return;
    cache_close_series(c, r);
    tn_fields_close(r->config);
    r->config = NULL;
    r->summed = (cache_stamp){0};
    r->begun = begun;
}

/* Not only further on. */
static bool is_other(const tn_run_info *a, const tn_run_info *b)
{
    return !a || a->state != b->state || !a->reason != !b->reason;
}

/* Reads a run again if its files have changed, or if only its lock can tell. TN_ERR_FORMAT: it is none (any more). */
static tn_status look_at(cache *c, cached_run *r, bool tells)
{
    const cache_stamp state = stamp_of(r, "state.json"), log = stamp_of(r, "log.jsonl");
    const bool same = r->info && cache_same(&state, &r->state) && cache_same(&log, &r->log);
    tn_run_info *info = NULL;
    if (same && !r->info->alive)
        return TN_OK;
    const tn_status status = tn_run_read(&info, r->folder);
    if (status != TN_OK)
        return status;
    tells = tells || is_other(r->info, info);
    r->untold = r->untold || shows_else(r->info, info);
    forget_other(c, r);
    tn_run_info_close(r->info);
    r->info = info;
    r->state = state;
    r->log = log;
    if (tells && r->untold) {
        c->tell(c->with, r->name, info);
        r->untold = false;
    }
    return TN_OK;
}

/* Nobody was told of a folder that is no run (yet). */
static void remove_at(cache *c, size_t at)
{
    if (c->run[at].info)
        c->tell(c->with, c->run[at].name, NULL);
    forget(c, &c->run[at]);
    memmove(c->run + at, c->run + at + 1, (c->count - at - 1) * sizeof *c->run);
    c->count--;
}

/* A run that has ended is resumed by new files in its folder, which are seen at once; one that is written over is seen a little
 * later. */
static void look_at_place(const cache *c, cached_run *r, int folders)
{
    enum { LOOKS = 5 /* to one at all files */ };
    struct stat s = {0};
    const bool known = fstatat(folders, r->name, &s, AT_SYMLINK_NOFOLLOW) == 0;
    const cache_stamp place = {s.st_mtim, s.st_size, s.st_ino};
    r->rests = known && r->info && !r->info->alive && c->looks % LOOKS != 0 &&
               cache_same(&place, &r->place);
    r->place = place;
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
        if (!r)
            continue;
        r->seen = true;
        look_at_place(c, r, dirfd(d));
    }
    closedir(d);
    return true;
}

void cache_look(cache *c)
{
    cache_lock(c);
    for (size_t i = 0; i < c->count; i++)
        c->run[i].seen = false;
    c->unread = 0;
    c->looks++;
    if (!look_for_new(c)) {
        c->unread = 1;
        snprintf(c->why, sizeof c->why, "%.400s: %s", c->folder, strerror(errno));
        cache_unlock(c);
        return;
    }
    for (size_t i = 0; i < c->count;) {
        cached_run *r = &c->run[i];
        const tn_status status = !r->seen ? TN_ERR_FORMAT : r->rests ? TN_OK : look_at(c, r, true);
        if (status == TN_ERR_IO) {
            c->unread++;
            snprintf(c->why, sizeof c->why, "%s", tn_error());
        }
        if (status == TN_OK)
            i++;
        else
            remove_at(c, i);
    }
    cache_unlock(c);
}

/* Those that live: their files alone. */
static void look_at_living(cache *c)
{
    cache_lock(c);
    for (size_t i = 0; i < c->count; i++)
        if (c->run[i].info->alive)
            (void)look_at(c, &c->run[i], false); /* one that is gone the whole look finds */
    cache_unlock(c);
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
        for (int made = 0; made < MADE && cache_make_wanted(c);)
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
    pthread_cond_init(&c->given_back, NULL);
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
    pthread_cond_destroy(&c->given_back);
    pthread_mutex_destroy(&c->lock);
}
