/*
 * What is known of a workspace's runs, kept up by looking: files that have changed are read again, logs are read on. Nothing is
 * true because it is in here; all of it is in the folders.
 *
 * Threads: all calls but cache_open() and cache_close() take its lock, or want it held.
 */
#ifndef SERVE_CACHE_H
#define SERVE_CACHE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <tenon/runs.h>

#include "../common/workspace.h"

/* When files were changed last, and how large they were. */
typedef struct cache_stamp {
    struct timespec changed;
    int64_t size;
    uint64_t file;
} cache_stamp;

/* What a list shows of a run's log; NaN where it says nothing. */
enum { CACHE_SPARK = 60 };
typedef struct cache_summary {
    double val_top1, val_loss, images_s, wait, took;
    double spark[CACHE_SPARK]; /* its loss, thinned */
    int points;
} cache_summary;

typedef struct cached_run {
    char *name, *folder;
    tn_run_info *info;
    tn_series
        *series;   /* NULL: nobody asks. It holds its file open: CACHE_OPEN of all runs at most */
    int64_t asked; /* when it was asked for last, counted */
    cache_summary summary;
    cache_stamp summed;            /* of the log that the summary is of */
    bool wanted;                   /* its summary, which the thread is to make */
    tn_fields *config;             /* NULL: likewise, or it cannot be read */
    cache_stamp state, log, begun; /* begun: of config.json */
    cache_stamp place;             /* of its folder */
    bool rests;                    /* it has ended, and its folder is as it was */
    bool untold;                   /* it is another one than was told */
    bool seen;                     /* in the look that is under way */
    bool lent;                     /* its series, to cache_lend() */
} cached_run;

/* Told of what has changed: a run that is new, gone (NULL info) or another. */
typedef void cache_tell(void *with, const char *name, const tn_run_info *info);

enum {
    CACHE_OPEN = 32,
    CACHE_WHY = 600,
    CACHE_SHORT = 1 << 18 /* bytes of a log that is read while somebody waits */
};

typedef struct cache {
    pthread_mutex_t lock;
    pthread_cond_t given_back;
    char *folder;    /* with the runs in it */
    cached_run *run; /* by name */
    size_t count, capacity;
    cache_tell *tell;
    void *with;
    pthread_t thread;
    bool ends, began;
    int64_t asked, looks;
    int open;   /* series */
    int unread; /* folders that cannot be looked into, and why the last of them */
    char why[CACHE_WHY];
} cache;

/* Ends the program if there is no memory. The folder need not be there yet. */
void cache_open(cache *c, const char *folder, cache_tell *tell, void *with);
/* Nothing is looked at any more; then, when nobody asks any more, it is closed. */
void cache_stop(cache *c);
void cache_close(cache *c);

/* Four times a second, in a thread of its own, which this begins. That a run has gone on is told once a second, another state at once. */
void cache_watch(cache *c);

/* Looks at once. The lock is taken. */
void cache_look(cache *c);

/* The log of a run, read on to its end, for cache_give_back(): alone, and without the lock, since it may be long. Nobody else has it
 * meanwhile. False: there is none, or it cannot be read, and tn_error() says why. */
typedef struct cache_loan {
    char name[RUN_NAME + 1];
    cache_stamp begun;
    tn_series *series;
} cache_loan;
bool cache_lend(cache *c, const char *name, cache_loan *l);
void cache_give_back(cache *c, cache_loan *l);

/* ---- with the lock held ---- */

void cache_lock(cache *c);
void cache_unlock(cache *c);
/* NULL if there is none. */
cached_run *cache_find(cache *c, const char *name);
/* As the log was when it changed last; of a long log that is not open as it was before, or nothing yet: then the thread reads it,
 * without the lock, and tells. */
const cache_summary *cache_summary_of(cache *c, cached_run *r);
/* What repeats it. @return NULL, and tn_error(), if it cannot be read */
const tn_fields *cache_config(cached_run *r);

/* ---- what cache.c and cache_logs.c share ---- */

void cache_close_series(cache *c, cached_run *r);
bool cache_same(const cache_stamp *a, const cache_stamp *b);
/* One summary that is wanted; false: none is. The log stays open, so that it is only read on when it grows. Without the lock. */
bool cache_make_wanted(cache *c);

#endif
