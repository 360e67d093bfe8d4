/*
 * Where alexnet's batches come from: a loader, one batch again and again, or made-up images.
 */
#ifndef TRAIN_FEED_H
#define TRAIN_FEED_H

#include <tenon/tenon.h>

#include "recipe.h"

enum { SETS_PATH = 4096 };

/* The sets of a run. val is NULL where there is nothing to validate on. */
typedef struct sets {
    tn_dataset *train, *val;
    char train_path[SETS_PATH], val_path[SETS_PATH]; /* val's is "" where it was split from train */
} sets;

/* The parts of a set whose folder holds both, train and val (or test, or what else they may be called). */
bool sets_find_parts(const char *folder, char train[SETS_PATH], char val[SETS_PATH]);

/* Finds them as the flags say: a folder that holds train and val (or a test set, or what else they may
 * be called) is shared out already. Ends the program with status 2 if they are not there. */
void sets_open(sets *s, const recipe *r);
void sets_close(sets *s);

typedef struct feed {
    tn_loader *loader; /* NULL: `batch` again and again */
    tn_batch batch;
    uint8_t *images;
    int32_t *labels;
    int64_t batches;      /* an epoch */
    int64_t epoch, index; /* of the next one, without a loader */
    int64_t bad;          /* bad files already told of */
    double waited;        /* seconds in feed_next() so far */
} feed;

/* Batches of a set, as opts say. A set smaller than a batch is padded, a larger one's last, short batch
 * left out if `whole`. */
void feed_open(feed *f, const tn_dataset *set, tn_loader_opts opts, bool whole);

/* One batch of random images, or, if `set` is not NULL, its first; an epoch has `batches` of it. */
void feed_fixed(feed *f, const tn_dataset *set, const tn_loader_opts *opts, int classes,
                int64_t batches);

/* As tn_loader_next(). */
tn_status feed_next(feed *f, tn_batch *out);
void feed_seek(feed *f, int64_t epoch, int64_t index);

/* The next bad file that was not told of yet, NULL if there is none. */
const char *feed_bad(feed *f, const char **reason);

void feed_close(feed *f);

#endif
