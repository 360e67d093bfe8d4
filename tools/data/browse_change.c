/* Data sets as they are made, and what is left out of them. No picture is moved or written. */
#define _GNU_SOURCE /* asprintf */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../common/args.h"
#include "../common/text.h"
#include "../common/whole.h"
#include "../train/feed.h"
#include "browse.h"
#include "set.h"

/* ---- leaving out ---------------------------------------------------------------------------------- */

typedef struct picked {
    const kept *k;
    const char *reason;
    tn_excluded *file;
    int64_t count, room;
    bool *taken[2]; /* [items] once is enough */
} picked;

static void pick(picked *p, bool val, int64_t item)
{
    const kept_side *d = &p->k->side[val];
    const int64_t items = tn_dataset_count(d->set);
    if (!p->taken[val] && !(p->taken[val] = calloc((size_t)items, sizeof(bool))))
        run_fail("no memory for %lld pictures", (long long)items);
    if (p->taken[val][item])
        return;
    p->taken[val][item] = true;
    if (p->count == p->room) {
        p->room = 2 * p->room + 16;
        p->file = realloc(p->file, (size_t)p->room * sizeof *p->file);
        if (!p->file)
            run_fail("no memory for %lld pictures", (long long)p->room);
    }
    p->file[p->count++] = (tn_excluded){set_list_name(d->path, p->k->side[!val].path,
                                                      tn_dataset_item_path(d->set, item),
                                                      tn_dataset_side(d->set) > 0),
                                        p->reason};
}

/* Those that the check advises to leave out; if it advises none, all but the first, which others are compared with. */
static void pick_finding(picked *p, const json_value *finding, bool undo)
{
    bool advised = false;
    for (int round = 0; round < 2 && (round == 0 || (!advised && !undo)); round++) {
        int64_t at = 0;
        const json_value *m = json_first(json_member(finding, "pictures"));
        for (; m; m = json_next(m), at++) {
            bool leave_out = false;
            const char *side = json_string(json_member(m, "side"));
            const bool val = side && strcmp(side, "val") == 0;
            const int64_t item = browse_find(p->k, val, json_string(json_member(m, "path")));
            (void)json_truth(json_member(m, "leave_out"), &leave_out);
            advised |= leave_out;
            if (item >= 0 &&
                (undo ? p->k->side[val].out[item]
                      : !p->k->side[val].out[item] && (leave_out || (round == 1 && at > 0))))
                pick(p, val, item);
        }
    }
}

/* A finding's number is of one report: whoever saw another one means another finding. */
static bool is_seen(said *s, const kept *k, const json_value *ask)
{
    double checked;
    if (!json_number(json_member(ask, "checked"), &checked) ||
        checked == (double)k->stamps[1].changed.tv_sec)
        return true;
    return browse_refuse(s, "checked", "%s was checked again meanwhile: its findings are others",
                         k->name);
}

/* Likewise a picture's number: the folder may have other files now. */
static bool pick_picture(said *s, picked *p, const json_value *picture, bool undo)
{
    bool val;
    int64_t item;
    const char *path = json_string(json_member(picture, "path"));
    if (!browse_side(s, p->k, picture, &val) ||
        !browse_number(s, picture, "item", 0, INT64_MAX / 2, -1, &item))
        return false;
    const kept_side *d = &p->k->side[val];
    if (item < 0 || item >= tn_dataset_count(d->set))
        return browse_none(s, "pictures", "%s has no picture %lld", p->k->name, (long long)item);
    if (path && strcmp(path, tn_dataset_item_path(d->set, item)) != 0)
        return browse_refuse(s, "pictures", "picture %lld of %s is no longer %s", (long long)item,
                             p->k->name, path);
    if (d->out[item] == undo)
        pick(p, val, item);
    return true;
}

static bool pick_asked(said *s, picked *p, const json_value *ask, bool undo)
{
    int64_t number;
    if (!browse_number(s, ask, "finding", 0, INT64_MAX / 2, -1, &number) || !is_seen(s, p->k, ask))
        return false;
    const json_value *finding = number >= 0 ? browse_finding(p->k, number) : NULL;
    if (number >= 0 && !finding)
        return browse_none(s, "finding", "there is no finding %lld", (long long)number);
    const char *kind = json_string(json_member(finding ? finding : ask, "kind"));
    if (kind && browse_kind(kind) < 0)
        return browse_refuse(s, "kind", "%.40s is no kind of finding", kind);
    p->reason = kind ? tn_find_name((tn_find)browse_kind(kind)) : "left out by hand";
    if (finding)
        pick_finding(p, finding, undo);
    for (const json_value *f = kind && !finding ? browse_finding(p->k, 0) : NULL; f;
         f = json_next(f))
        if (browse_kind(json_string(json_member(f, "kind"))) == browse_kind(kind))
            pick_finding(p, f, undo);
    for (const json_value *m = json_first(json_member(ask, "pictures")); m; m = json_next(m))
        if (!pick_picture(s, p, m, undo))
            return false;
    return true;
}

/* Is the line, up to its tab, one of these lines'? */
static bool is_among(const char *line, size_t length, const char *lines)
{
    while (*lines) {
        const size_t end = strcspn(lines, "\n"), key = strcspn(lines, "\t\n");
        if (key == length && strncmp(lines, line, key) == 0)
            return true;
        lines += end + (lines[end] == '\n');
    }
    return false;
}

/* The list as it was, with these lines behind it or without those that name the same. What a user wrote stays as it is. */
static void put_list(FILE *to, const char *old, const char *lines, bool undo)
{
    for (const char *at = old; *at;) {
        const size_t end = strcspn(at, "\n"), key = strcspn(at, "\t\n");
        if (!undo || at[0] == '#' || !is_among(at, key, lines))
            fprintf(to, "%.*s\n", (int)end, at);
        at += end + (at[end] == '\n');
    }
    if (!undo)
        fputs(*old ? lines + strcspn(lines, "\n") + 1 : lines, to);
}

/* Would the set open with it? Else nobody could train on it, nor take anything back. */
static bool is_good(said *s, const kept *k, const char *list)
{
    tn_dataset *set[2] = {NULL, NULL};
    tn_status status = TN_OK;
    for (int i = 0; i < 2 && status == TN_OK && k->side[i].set; i++)
        status = tn_dataset_open(&set[i], &(tn_dataset_opts){.path = k->side[i].path,
                                                             .classes_of = set[0],
                                                             .exclude = list,
                                                             .found = browse_found});
    if (status != TN_OK)
        browse_refuse(s, NULL, "%s", tn_error());
    tn_dataset_close(set[1]);
    tn_dataset_close(set[0]);
    return status == TN_OK;
}

static bool write_list(said *s, const kept *k, const picked *p, bool undo)
{
    char path[BROWSE_FILE], aside[BROWSE_FILE];
    size_t size;
    whole w;
    snprintf(path, sizeof path, "%s/exclude.txt", k->folder);
    snprintf(aside, sizeof aside, "%s/exclude.next", k->folder);
    if (tn_exclude_write(aside, p->file, p->count) != TN_OK)
        return browse_refuse(s, NULL, "%s", tn_error());
    char *lines = text_read(aside, &size);
    char *old = browse_stamp(path).file ? text_read(path, &size) : strdup("");
    whole_begin(&w, aside, true);
    put_list(w.to, old, lines, undo);
    whole_end(&w);
    free(old);
    free(lines);
    if (!is_good(s, k, aside)) {
        (void)unlink(aside);
        return false;
    }
    if (rename(aside, path) != 0)
        return browse_refuse(s, NULL, "%s cannot be written: %s", path, strerror(errno));
    return true;
}

bool browse_exclude(said *s, const char *workspace, const json_value *ask)
{
    kept *k = browse_open(s, workspace, ask);
    picked p = {.k = k};
    bool undo = false;
    (void)json_truth(json_member(ask, "undo"), &undo);
    bool done = k && pick_asked(s, &p, ask, undo);
    if (done && p.count > 0)
        done = write_list(s, k, &p, undo);
    if (done) {
        json_object(&s->j, NULL);
        json_count(&s->j, undo ? "taken_in" : "left_out", p.count);
        json_end(&s->j, '}');
    }
    for (int64_t i = 0; i < p.count; i++)
        free((void *)(uintptr_t)p.file[i].path);
    free(p.file);
    free(p.taken[0]);
    free(p.taken[1]);
    return done;
}

/* ---- making --------------------------------------------------------------------------------------- */

typedef struct plan {
    char folder[BROWSE_PATH], path[BROWSE_PATH], val[BROWSE_PATH], given[BROWSE_PATH];
    const char *packed; /* the data set that it is packed of, later; NULL: its pictures are there */
    int64_t size, seed;
    double split; /* per cent; 0: none */
} plan;

/* Where it will be, as `tenon data pack` will put it. */
static bool plan_packed(said *s, plan *p, const char *workspace)
{
    char path[BROWSE_FILE + RUN_NAME];
    stamp now;
    double size = 224;
    const bool fits = run_name_is_good(p->packed) && strlen(p->folder) < BROWSE_PATH - 32;
    snprintf(path, sizeof path, "%s/datasets/%s", workspace, p->packed);
    json_value *of = fits ? browse_json(path, "dataset.json", &now) : NULL;
    const char *given = json_string(json_member(of, "given"));
    if (given) {
        const bool val = json_string(json_member(of, "val")) != NULL;
        (void)json_number(json_member(of, "size"), &size);
        p->size = (int64_t)size;
        snprintf(p->given, sizeof p->given, "%s", given);
        snprintf(p->path, sizeof p->path, "%.4050s/packed%s", p->folder, val ? "/train" : "");
        if (val)
            snprintf(p->val, sizeof p->val, "%.4050s/packed/val", p->folder);
    }
    json_free(of);
    return given ? true : browse_none(s, "packed", "there is no dataset %s", p->packed);
}

static bool read_plan(said *s, plan *p, const char *workspace, const json_value *ask)
{
    const char *path = json_string(json_member(ask, "path")),
               *val = json_string(json_member(ask, "val"));
    if (!browse_folder(s, workspace, ask, p->folder) ||
        !browse_number(s, ask, "size", 8, 2048, 224, &p->size) ||
        !browse_number(s, ask, "seed", 0, 1000000000, 0, &p->seed))
        return false;
    p->packed = json_string(json_member(ask, "packed"));
    if (p->packed)
        return plan_packed(s, p, workspace);
    if (!path || path[0] != '/' || strlen(path) >= sizeof p->given ||
        (val && (val[0] != '/' || strlen(val) >= sizeof p->val)))
        return browse_refuse(s, "path", "path, and val, are full paths");
    snprintf(p->given, sizeof p->given, "%s", path);
    snprintf(p->path, sizeof p->path, "%s", path);
    snprintf(p->val, sizeof p->val, "%s", val ? val : "");
    if (json_number(json_member(ask, "split"), &p->split) && !(p->split > 0 && p->split < 100))
        return browse_refuse(s, "split", "split is per cent, above 0 and below 100");
    if (!val && sets_find_parts(p->given, p->path, p->val) && p->split > 0)
        return browse_refuse(s, "split", "%s is shared out already, into %s and %s", p->given,
                             p->path, p->val);
    if (val && p->split > 0)
        return browse_refuse(s, "split", "there is a val already");
    return true;
}

/* Opens it, which is to say whether it is one, and shares it out. */
static bool try_plan(said *s, plan *p)
{
    tn_dataset *set = NULL, *val = NULL, *part[2] = {NULL, NULL};
    if (p->packed)
        return true;
    static const char *const names[] = {"train.txt", "val.txt"};
    tn_status status =
        tn_dataset_open(&set, &(tn_dataset_opts){.path = p->path, .found = browse_found});
    if (status == TN_OK && p->val[0])
        status = tn_dataset_open(
            &val, &(tn_dataset_opts){.path = p->val, .classes_of = set, .found = browse_found});
    if (status == TN_OK && p->split > 0)
        status = tn_dataset_split(set, p->split, (uint64_t)p->seed, &part[0], &part[1]);
    for (int i = 0; i < 2 && part[0] && status == TN_OK; i++) {
        char *to = i ? p->val : p->path;
        if (snprintf(to, BROWSE_PATH, "%s/%s", p->folder, names[i]) < BROWSE_PATH)
            status = tn_dataset_write_list(part[i], to);
    }
    if (status != TN_OK)
        browse_refuse(s, "path", "%s", tn_error());
    tn_dataset_close(part[0]);
    tn_dataset_close(part[1]);
    tn_dataset_close(val);
    tn_dataset_close(set);
    return status == TN_OK;
}

static void write_plan(const plan *p)
{
    char path[BROWSE_FILE];
    whole w;
    snprintf(path, sizeof path, "%s/dataset.json", p->folder);
    whole_begin(&w, path, true);
    json j = {.to = w.to};
    json_object(&j, NULL);
    json_count(&j, "v", 1);
    json_text(&j, "path", p->path);
    json_text(&j, "val", p->val[0] ? p->val : NULL);
    json_text(&j, "given", p->given);
    json_count(&j, "size", p->size);
    json_count(&j, "made", (int64_t)time(NULL));
    json_text(&j, "packed", p->packed);
    if (p->split > 0) {
        json_real(&j, "split", p->split);
        json_count(&j, "seed", p->seed);
    }
    json_end(&j, '}');
    whole_end(&w);
}

bool browse_make(said *s, const char *workspace, const json_value *ask)
{
    static plan p; /* large */
    char all[BROWSE_PATH];
    p = (plan){0};
    if (!read_plan(s, &p, workspace, ask))
        return false;
    snprintf(all, sizeof all, "%s/datasets", workspace);
    (void)mkdir(all, 0777);
    if (mkdir(p.folder, 0777) != 0)
        return errno == EEXIST
                   ? browse_refuse(s, "dataset", "there is a dataset %s already",
                                   json_string(json_member(ask, "dataset")))
                   : browse_refuse(s, NULL, "%s cannot be made: %s", p.folder, strerror(errno));
    if (!try_plan(s, &p)) {
        for (int i = 0; i < 2; i++) {
            char path[BROWSE_FILE];
            snprintf(path, sizeof path, "%s/%s", p.folder, i ? "val.txt" : "train.txt");
            (void)unlink(path);
        }
        (void)rmdir(p.folder);
        return false;
    }
    write_plan(&p);
    json_object(&s->j, NULL);
    json_text(&s->j, "id", json_string(json_member(ask, "dataset")));
    json_end(&s->j, '}');
    return true;
}

/* ---- removing ------------------------------------------------------------------------------------- */

bool browse_remove(said *s, const char *workspace, const json_value *ask)
{
    char trash[BROWSE_FILE], to[BROWSE_FILE + RUN_NAME + 64];
    kept *k = browse_take(s, workspace, ask);
    if (!k)
        return false;
    snprintf(trash, sizeof trash, "%s/trash", workspace);
    (void)mkdir(trash, 0777);
    snprintf(to, sizeof to, "%s/dataset-%s-%lld", trash, k->name, (long long)time(NULL));
    if (rename(k->folder, to) != 0)
        return browse_refuse(s, NULL, "%s cannot be moved to %s: %s", k->folder, to,
                             strerror(errno));
    browse_forget(k);
    json_object(&s->j, NULL);
    json_text(&s->j, "trash", to);
    json_end(&s->j, '}');
    return true;
}
