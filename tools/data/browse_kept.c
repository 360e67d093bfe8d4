/* Data sets that stay open while they are asked about. */
#define _POSIX_C_SOURCE 200809L /* stat's times */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/text.h"
#include "browse.h"

enum { KEPT = 4 };

static kept all[KEPT];
static int64_t asked;

stamp browse_stamp(const char *path)
{
    struct stat s;
    if (!path || stat(path, &s) != 0)
        return (stamp){0};
    return (stamp){s.st_mtim, s.st_size, s.st_ino};
}

bool browse_same(const stamp *a, const stamp *b)
{
    return a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec &&
           a->size == b->size && a->file == b->file;
}

/* ---- what a question says ------------------------------------------------------------------------- */

bool browse_number(said *s, const json_value *ask, const char *name, int64_t least, int64_t most,
                   int64_t without, int64_t *number)
{
    const json_value *value = json_member(ask, name);
    double given;
    *number = without;
    if (!value || json_is_null(value))
        return true;
    if (!json_number(value, &given) || !(given >= (double)least && given <= (double)most) ||
        given != (double)(int64_t)given)
        return browse_refuse(s, name, "%s is a whole number from %lld to %lld", name,
                             (long long)least, (long long)most);
    *number = (int64_t)given;
    return true;
}

bool browse_side(said *s, const kept *k, const json_value *ask, bool *val)
{
    const char *side = json_string(json_member(ask, "side"));
    *val = side && strcmp(side, "val") == 0;
    if (side && !*val && strcmp(side, "set") != 0)
        return browse_refuse(s, "side", "side is set or val");
    if (*val && !k->side[1].set)
        return browse_none(s, "side", "%s has no val", k->name);
    return true;
}

bool browse_folder(said *s, const char *workspace, const json_value *ask, char folder[BROWSE_PATH])
{
    const char *name = json_string(json_member(ask, "dataset"));
    if (!name || !run_name_is_good(name))
        return browse_refuse(s, "dataset",
                             "a name is of small letters, digits, '.', '_' and '-', begins with a "
                             "letter or a digit, "
                             "and has at most %d",
                             RUN_NAME);
    if (snprintf(folder, BROWSE_PATH, "%s/datasets/%s", workspace, name) >= BROWSE_PATH - 64)
        return browse_refuse(s, "dataset", "the workspace's path is too long");
    return true;
}

/* ---- opening -------------------------------------------------------------------------------------- */

static void close_side(kept_side *d)
{
    tn_loader_close(d->loader);
    tn_dataset_close(d->set);
    free(d->out);
    free(d->kind);
    free(d->sorted);
    *d = (kept_side){0};
}

void browse_forget(kept *k)
{
    for (int i = 0; !k && i < KEPT; i++)
        browse_forget(&all[i]);
    if (!k)
        return;
    close_side(&k->side[0]);
    close_side(&k->side[1]);
    json_free(k->about);
    json_free(k->report);
    *k = (kept){0};
}

static void *get(int64_t count, size_t size)
{
    void *p = calloc((size_t)count + 1, size);
    if (!p)
        run_fail("no memory for %lld pictures", (long long)count);
    return p;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const numbered *)a)->path, ((const numbered *)b)->path);
}

/* What the list leaves out: the items that the set has without it, and with it has not. Both have the same order. */
static bool find_out(kept_side *d, const tn_dataset *classes, const char *exclude)
{
    tn_dataset *less = NULL;
    const int64_t count = tn_dataset_count(d->set);
    const tn_dataset_opts opts = {
        .path = d->path, .classes_of = classes, .exclude = exclude, .found = browse_found};
    free(d->out);
    d->out = get(count, sizeof *d->out);
    d->outs = 0;
    if (browse_stamp(exclude).file == 0)
        return true;
    if (tn_dataset_open(&less, &opts) != TN_OK)
        return false;
    int64_t at = 0;
    for (int64_t i = 0; i < count; i++) {
        const char *path = tn_dataset_item_path(less, at);
        d->out[i] = !path || strcmp(path, tn_dataset_item_path(d->set, i)) != 0;
        d->outs += d->out[i];
        at += !d->out[i];
    }
    tn_dataset_close(less);
    return true;
}

static bool open_side(kept_side *d, const char *path, const tn_dataset *classes,
                      const char *exclude)
{
    const tn_dataset_opts opts = {.path = path, .classes_of = classes, .found = browse_found};
    d->path = path;
    if (tn_dataset_open(&d->set, &opts) != TN_OK)
        return false;
    const int64_t count = tn_dataset_count(d->set);
    d->kind = get(count, sizeof *d->kind);
    memset(d->kind, -1, (size_t)count);
    d->sorted = get(count, sizeof *d->sorted);
    for (int64_t i = 0; i < count; i++)
        d->sorted[i] = (numbered){tn_dataset_item_path(d->set, i), i};
    qsort(d->sorted, (size_t)count, sizeof *d->sorted, by_path);
    return find_out(d, classes, exclude);
}

int64_t browse_find(const kept *k, bool val, const char *path)
{
    const kept_side *d = &k->side[val];
    const numbered *found =
        path && d->set ? bsearch(&(numbered){.path = path}, d->sorted,
                                 (size_t)tn_dataset_count(d->set), sizeof *d->sorted, by_path)
                       : NULL;
    return found ? found->item : -1;
}

int browse_kind(const char *name)
{
    for (int i = 0; name && i < TN_FINDS; i++)
        if (strcmp(name, tn_find_name((tn_find)i)) == 0)
            return i;
    return -1;
}

const json_value *browse_finding(const kept *k, int64_t number)
{
    const json_value *f = json_first(json_member(k->report, "findings"));
    for (; f && number > 0; number--)
        f = json_next(f);
    return f;
}

/* Each picture's gravest finding, which stands before its others. */
static void mark_findings(kept *k)
{
    for (const json_value *f = browse_finding(k, 0); f; f = json_next(f)) {
        const int kind = browse_kind(json_string(json_member(f, "kind")));
        for (const json_value *p = json_first(json_member(f, "pictures")); p; p = json_next(p)) {
            const char *side = json_string(json_member(p, "side"));
            const bool val = side && strcmp(side, "val") == 0;
            const int64_t item = browse_find(k, val, json_string(json_member(p, "path")));
            if (item >= 0 && k->side[val].kind[item] < 0)
                k->side[val].kind[item] = (signed char)kind;
        }
    }
}

json_value *browse_json(const char *folder, const char *name, stamp *now)
{
    char path[BROWSE_FILE];
    size_t size;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    *now = browse_stamp(path);
    if (now->file == 0)
        return NULL;
    char *text = text_read(path, &size);
    json_value *value = json_parse(text);
    free(text);
    return value;
}

static bool open_kept(said *s, kept *k, const char *folder, const char *name)
{
    char exclude[BROWSE_FILE];
    snprintf(k->name, sizeof k->name, "%s", name);
    snprintf(k->folder, sizeof k->folder, "%s", folder);
    snprintf(exclude, sizeof exclude, "%s/exclude.txt", folder);
    k->about = browse_json(folder, "dataset.json", &k->stamps[0]);
    const char *path = json_string(json_member(k->about, "path"));
    const char *val = json_string(json_member(k->about, "val"));
    if (!path)
        return browse_none(s, "dataset", "there is no dataset %s", name);
    k->report = browse_json(folder, "report.json", &k->stamps[1]);
    k->stamps[2] = browse_stamp(exclude);
    k->stamps[3] = browse_stamp(path);
    if (!open_side(&k->side[0], path, NULL, exclude) ||
        (val && !open_side(&k->side[1], val, k->side[0].set, exclude))) {
        snprintf(k->problem, sizeof k->problem, "%s", tn_error());
        close_side(&k->side[0]);
        close_side(&k->side[1]);
        return true;
    }
    mark_findings(k);
    return true;
}

/* Have its files changed? The list of what is left out has a look of its own. */
static bool is_current(const kept *k)
{
    static const char *const names[] = {"dataset.json", "report.json"};
    char path[BROWSE_FILE];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", k->folder, names[i]);
        const stamp now = browse_stamp(path);
        if (!browse_same(&now, &k->stamps[i]))
            return false;
    }
    const stamp now = browse_stamp(json_string(json_member(k->about, "path")));
    return browse_same(&now, &k->stamps[3]) && !k->problem[0];
}

/* One click leaves a picture out: then all else stays as it is known. False: it cannot be opened so. */
static bool look_at_list(kept *k)
{
    char exclude[BROWSE_FILE];
    snprintf(exclude, sizeof exclude, "%s/exclude.txt", k->folder);
    const stamp now = browse_stamp(exclude);
    if (browse_same(&now, &k->stamps[2]))
        return true;
    k->stamps[2] = now;
    for (int i = 0; i < 2 && k->side[i].set; i++)
        if (!find_out(&k->side[i], i ? k->side[0].set : NULL, exclude))
            return false;
    return true;
}

kept *browse_take(said *s, const char *workspace, const json_value *ask)
{
    char folder[BROWSE_PATH];
    if (!browse_folder(s, workspace, ask, folder))
        return NULL;
    const char *name = json_string(json_member(ask, "dataset"));
    kept *k = &all[0];
    for (int i = 0; i < KEPT; i++) {
        if (strcmp(all[i].name, name) == 0) {
            k = &all[i];
            break;
        }
        k = all[i].asked < k->asked ? &all[i] : k;
    }
    if (strcmp(k->name, name) != 0 || !is_current(k) || !look_at_list(k)) {
        browse_forget(k);
        if (!open_kept(s, k, folder, name)) {
            browse_forget(k);
            return NULL;
        }
    }
    k->asked = ++asked;
    return k;
}

kept *browse_open(said *s, const char *workspace, const json_value *ask)
{
    kept *k = browse_take(s, workspace, ask);
    if (k && k->problem[0]) {
        browse_refuse(s, NULL, "%s", k->problem);
        return NULL;
    }
    return k;
}
