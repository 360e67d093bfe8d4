/* opendir and stat are POSIX. */
#define _POSIX_C_SOURCE 200809L

#include "feed.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "../common/args.h"
#include "../common/progress.h"

/* ---- sets ------------------------------------------------------------------------------------- */

/* Names of the parts of a set, the ones to be preferred first. */
static const char *const train_names[] = {"train", "training", NULL};
static const char *const val_names[] = {"val",     "valid", "validation", "test",
                                        "testing", "eval",  NULL};

/* "folder/name" of its first subfolder so named, in any case, into `path`. */
static bool find_part(const char *folder, const char *const *names, char path[SETS_PATH])
{
    DIR *dir = opendir(folder);
    const struct dirent *e;
    int best = -1;
    while (dir && (e = readdir(dir)))
        for (int i = 0; names[i] && (best < 0 || i < best); i++) {
            struct stat s;
            char found[SETS_PATH];
            if (strcasecmp(e->d_name, names[i]) != 0)
                continue;
            const int length = snprintf(found, sizeof found, "%s/%s", folder, e->d_name);
            if (length < 0 || (size_t)length >= sizeof found)
                args_fail("the name of the folder is too long");
            if (stat(found, &s) != 0 || !S_ISDIR(s.st_mode))
                continue;
            best = i;
            memcpy(path, found, sizeof found);
        }
    if (dir)
        closedir(dir);
    return best >= 0;
}

static tn_dataset *open_set(const char *path, const tn_dataset *classes_of, const recipe *r)
{
    tn_dataset *set = NULL;
    const tn_dataset_opts opts = {.path = path, .classes_of = classes_of, .exclude = r->exclude};
    if (tn_dataset_open(&set, &opts) != TN_OK)
        args_fail("%s", tn_error());
    if (tn_dataset_count(set) == 0)
        args_fail("%s: holds no images", path);
    return set;
}

bool sets_find_parts(const char *folder, char train[SETS_PATH], char val[SETS_PATH])
{
    return find_part(folder, train_names, train) && find_part(folder, val_names, val);
}

void sets_open(sets *s, const recipe *r)
{
    *s = (sets){0};
    snprintf(s->train_path, sizeof s->train_path, "%s", r->folder);
    char train[SETS_PATH], val[SETS_PATH];
    const bool both = sets_find_parts(r->folder, train, val);
    if (both && r->split > 0)
        args_fail("%s is shared out already, into %s and %s: leave out --split, or name %s",
                  r->folder, train, val, train);
    if (both)
        memcpy(s->train_path, train, sizeof train);
    s->train = open_set(s->train_path, NULL, r);
    if (both || r->val) {
        snprintf(s->val_path, sizeof s->val_path, "%s", r->val ? r->val : val);
        s->val = open_set(s->val_path, s->train, r);
    }
    if (r->split > 0) {
        tn_dataset *whole = s->train;
        s->train = NULL;
        tn_must(tn_dataset_split(whole, r->split, (uint64_t)r->seed, &s->train, &s->val));
        tn_dataset_close(whole);
    }
}

void sets_close(sets *s)
{
    tn_dataset_close(s->val);
    tn_dataset_close(s->train);
}

/* ---- batches ---------------------------------------------------------------------------------- */

void feed_open(feed *f, const tn_dataset *set, tn_loader_opts opts, bool whole)
{
    *f = (feed){0};
    opts.drop_last = whole && tn_dataset_count(set) >= opts.batch;
    tn_must(tn_loader_open(&f->loader, set, &opts));
    f->batches = tn_loader_batches(f->loader);
}

static void copy_first(feed *f, const tn_dataset *set, const tn_loader_opts *opts)
{
    tn_loader *loader = NULL;
    tn_batch first;
    tn_must(tn_loader_open(&loader, set, opts));
    tn_must(tn_loader_next(loader, &first));
    f->batch = first;
    f->batch.item = f->batch.place =
        NULL; /* the loader's, which is closed: nobody could name one of them */
    memcpy(f->images, first.images.data,
           (size_t)opts->batch * (size_t)opts->height * (size_t)opts->width * 3);
    memcpy(f->labels, first.labels.data, (size_t)opts->batch * sizeof *f->labels);
    tn_loader_close(loader);
}

void feed_fixed(feed *f, const tn_dataset *set, const tn_loader_opts *opts, int classes,
                int64_t batches)
{
    const int64_t n = opts->batch, h = opts->height, w = opts->width;
    const size_t bytes = (size_t)(n * h * w * 3);
    *f = (feed){.batches = batches,
                .images = malloc(bytes),
                .labels = malloc((size_t)n * sizeof *f->labels)};
    if (!f->images || !f->labels)
        run_fail("no memory for a batch of %zu bytes", bytes);
    f->batch = (tn_batch){.images = {.dtype = TN_U8, .shape = TN_SHAPE(n, h, w, 3)},
                          .labels = {.dtype = TN_I32, .shape = TN_SHAPE(n)},
                          .count = (int)n};
    if (set) {
        copy_first(f, set, opts);
    } else {
        uint32_t random = 1;
        for (size_t i = 0; i < bytes; i++) {
            random = random * 1664525u + 1013904223u;
            f->images[i] = (uint8_t)(random >> 24);
        }
        for (int64_t i = 0; i < n; i++)
            f->labels[i] = (int32_t)(i % classes);
    }
    f->batch.images.data = f->images;
    f->batch.labels.data = f->labels;
}

tn_status feed_next(feed *f, tn_batch *out)
{
    const double began = seconds();
    tn_status status = TN_OK;
    if (f->loader) {
        status = tn_loader_next(f->loader, out);
    } else if (f->index == f->batches) {
        f->epoch++;
        f->index = 0;
        status = TN_END;
    } else {
        *out = f->batch;
        out->epoch = f->epoch;
        out->index = f->index++;
    }
    f->waited += seconds() - began;
    return status;
}

void feed_seek(feed *f, int64_t epoch, int64_t index)
{
    f->epoch = epoch;
    f->index = index;
    if (f->loader)
        tn_must(tn_loader_seek(f->loader, epoch, index));
}

const char *feed_bad(feed *f, const char **reason)
{
    if (!f->loader || f->bad == tn_loader_num_bad(f->loader))
        return NULL;
    *reason = tn_loader_bad_reason(f->loader, f->bad);
    return tn_loader_bad_path(f->loader, f->bad++);
}

void feed_close(feed *f)
{
    tn_loader_close(f->loader);
    free(f->images);
    free(f->labels);
    *f = (feed){0};
}
