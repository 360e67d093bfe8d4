/*
 * What the parts of `tenon data browse` share: the data sets of a workspace, which are folders datasets/NAME with
 *
 *     dataset.json   where its pictures are: path, val (or null), given, size; made (seconds since 1970), split, packed
 *     exclude.txt    what is left out of it, if anything is
 *     report.json    what tenon data check --out said last
 *     train.txt, val.txt  of one that was shared out; packed/ of one that was packed
 *
 * Those that are asked for stay open.
 */
#ifndef TOOLS_DATA_BROWSE_H
#define TOOLS_DATA_BROWSE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include <tenon/tenon.h>

#include "../common/json.h"
#include "../common/json_read.h"
#include "../common/workspace.h"

enum {
    BROWSE_PATH = 4096,
    BROWSE_FILE = BROWSE_PATH + 300, /* one in such a folder */
    BROWSE_LISTED = 500
};

/* When a file was changed last; all 0: it is not there. */
typedef struct stamp {
    struct timespec changed;
    int64_t size;
    uint64_t file;
} stamp;
stamp browse_stamp(const char *path);
bool browse_same(const stamp *a, const stamp *b);

typedef struct numbered {
    const char *path;
    int64_t item;
} numbered;

/* The set, or val. */
typedef struct kept_side {
    const char *path; /* NULL: there is no val */
    tn_dataset *set;  /* with what is left out, so that numbers stay */
    bool *out;        /* [items] left out */
    int64_t outs;
    signed char *kind; /* [items] the gravest finding that it is in, -1: none */
    numbered *sorted;  /* [items] by path */
    tn_loader *loader; /* as the network sees it; NULL: nobody has asked */
    int loader_size;
    char loader_augment[8];
} kept_side;

typedef struct kept {
    char name[RUN_NAME + 1], folder[BROWSE_PATH];
    json_value *about, *report; /* dataset.json; report.json, NULL if there is none */
    kept_side side[2];
    char problem[1024]; /* why its pictures cannot be told; "": they can */
    stamp stamps[4];    /* of dataset.json, report.json, exclude.txt and the folder of the set */
    int64_t asked;
} kept;

/* An answer while it is made: JSON by `j`, or the bytes of a picture. */
typedef struct said {
    const char *kind; /* "json", "jpeg", "bmp", "error", "none" */
    json j;
    char *text;
    size_t size;
    uint8_t *bytes; /* of a picture, for free() */
    size_t count;
} said;

/* What is wrong, and with which member of the question; returns false. `browse_none`: what is asked about is not there. */
bool browse_refuse(said *s, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool browse_none(said *s, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Answers a question; false where it refused. */
typedef bool browse_answers(said *s, const char *workspace, const json_value *ask);
browse_answers browse_list, browse_about, browse_items, browse_image, browse_make, browse_exclude,
    browse_remove;

/* For tn_dataset_opts.found: who waits for the answer is told how many there are so far, once a second. */
void browse_found(void *with, int64_t images);

/* The data set that the question names, open; NULL: refused. browse_take(): one whose pictures cannot be told, too. */
kept *browse_open(said *s, const char *workspace, const json_value *ask);
kept *browse_take(said *s, const char *workspace, const json_value *ask);
void browse_forget(kept *k); /* it is another now */
/* The folder of datasets, or of one: false: refused, for its name is none. */
bool browse_folder(said *s, const char *workspace, const json_value *ask, char folder[BROWSE_PATH]);

/* A file of such a folder, for json_free(); NULL: it is not there, or no JSON. */
json_value *browse_json(const char *folder, const char *name, stamp *now);

/* Its item of that path on a side, -1: none. */
int64_t browse_find(const kept *k, bool val, const char *path);
/* "set" or "val" of the question, the first without; false: refused. */
bool browse_side(said *s, const kept *k, const json_value *ask, bool *val);
/* A whole number of the question, `without` if it is not there; false: refused. */
bool browse_number(said *s, const json_value *ask, const char *name, int64_t least, int64_t most,
                   int64_t without, int64_t *number);
/* Finding number `number` of the report; NULL: there is none. */
const json_value *browse_finding(const kept *k, int64_t number);
/* One picture, as an object of its own; why may be NULL. */
void browse_tell_item(json *j, const kept *k, bool val, int64_t item, const char *why);

/* The kind of finding by its name, -1: there is none. */
int browse_kind(const char *name);

#endif
