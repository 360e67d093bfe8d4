/* Data sets: what is done to them, by tenon-data. */
#define _GNU_SOURCE /* O_PATH */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "data.h"
#include "jobs.h"

/* ---- leaving out ------------------------------------------------------------------------------------ */

/* POST /datasets/ID/exclude {finding} or {pictures: [{side, item}, ...]}, {undo} */
static void exclude(server *s, const request *r, const char *const id[], answer *a)
{
    data_question k;
    bool undo = false;
    json_value *ask = api_body(r, a);
    if (ask && data_ask(&k, "exclude", id[0], a)) {
        json *j = &k.q.j;
        data_pass_number(j, ask, "finding");
        (void)json_truth(json_member(ask, "undo"), &undo);
        json_bool(j, "undo", undo);
        json_array(j, "pictures");
        for (const json_value *p = json_first(json_member(ask, "pictures")); p; p = json_next(p)) {
            json_object(j, NULL);
            json_text(j, "side", json_string(json_member(p, "side")));
            data_pass_number(j, p, "item");
            json_end(j, '}');
        }
        json_end(j, ']');
        data_asked(&k, s, r, a, data_tell, NULL);
    }
    json_free(ask);
}

/* DELETE /datasets/ID: to the workspace's trash. */
static void remove_it(server *s, const request *r, const char *const id[], answer *a)
{
    data_question k;
    if (data_ask(&k, "remove", id[0], a))
        data_asked(&k, s, r, a, data_tell, NULL);
}

/* ---- jobs ------------------------------------------------------------------------------------------- */

/* dataset.json of one, which is the workspace's own; NULL, and the answer says that there is none. */
static json_value *read_record(const server *s, const char *name, answer *a)
{
    enum { MOST = 1 << 16 };
    char path[JOB_FILE];
    snprintf(path, sizeof path, "%s/datasets/%s/dataset.json", s->workspace, name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char *text = calloc(1, MOST + 1);
    const ssize_t got = text && fd >= 0 ? read(fd, text, MOST) : -1;
    if (fd >= 0)
        close(fd);
    json_value *record = got > 0 ? json_parse(text) : NULL;
    free(text);
    if (!json_string(json_member(record, "path"))) {
        json_free(record);
        reply_error(a, 404, "dataset", "there is no dataset %s", name);
        return NULL;
    }
    return record;
}

/* The words of a job about a data set, and room for what they name. */
typedef struct job_words {
    const char *word[24];
    int count;
    char list[JOB_FILE], to[JOB_FILE], size[32];
} job_words;

static void add(job_words *w, const char *option, const char *value)
{
    if (option)
        w->word[w->count++] = option;
    if (value)
        w->word[w->count++] = value;
}

/* --val and --exclude, as it has them. */
static void add_sides(job_words *w, const server *s, const char *name, const json_value *record)
{
    const char *val = json_string(json_member(record, "val"));
    if (val)
        add(w, "--val", val);
    snprintf(w->list, sizeof w->list, "%s/datasets/%s/exclude.txt", s->workspace, name);
    if (access(w->list, F_OK) == 0)
        add(w, "--exclude", w->list);
}

static bool is_alive(void *with, const job *j)
{
    bool *alive = with;
    *alive = *alive || job_is_alive(j);
    return false; /* the newest of them alone */
}

/* Starts it, and answers; one of a kind at a time. */
static bool begin(server *s, const char *kind, const char *name, const char *from,
                  const job_words *w, answer *a)
{
    const char *const facts[] = {"from", from, NULL};
    bool alive = false;
    job j;
    reply p;
    job_list(s, kind, name, is_alive, &alive);
    if (alive) {
        reply_error(a, 409, NULL, "%s: that is being done", name);
        return false;
    }
    if (!job_make(s, kind, &j, a) || !job_start(s, &j, name, facts, w->word, a))
        return false;
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_text(&p.j, "id", name);
        json_text(&p.j, "job", j.id);
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 202);
    return true;
}

static void begin_check(server *s, const char *name, const json_value *record, answer *a)
{
    static job_words w; /* large, and the daemon has one thread */
    double pixels = 224;
    w.count = 0;
    add(&w, "tenon-data", "check");
    add(&w, json_string(json_member(record, "path")), NULL);
    add_sides(&w, s, name, record);
    (void)json_number(json_member(record, "size"), &pixels);
    snprintf(w.size, sizeof w.size, "%.0f", pixels);
    snprintf(w.to, sizeof w.to, "%s/datasets/%s/report.json", s->workspace, name);
    add(&w, "--size", w.size);
    add(&w, "--out", w.to);
    add(&w, "--force", "--json");
    add(&w, "--quiet", NULL);
    w.word[w.count] = NULL;
    (void)begin(s, "check", name, NULL, &w, a);
}

/* POST /datasets/ID/check */
static void check(server *s, const request *r, const char *const id[], answer *a)
{
    json_value *record = read_record(s, id[0], a);
    (void)r;
    if (record)
        begin_check(s, id[0], record, a);
    json_free(record);
}

/* ---- a new one -------------------------------------------------------------------------------------- */

/* The real path of {root, path}; false: it is not there. */
static bool find_path(const server *s, const json_value *data, char path[JAIL_PATH])
{
    double root = 0;
    const char *given = json_string(json_member(data, "path"));
    path[0] = '\0';
    (void)json_number(json_member(data, "root"), &root);
    const int fd = given && root >= 0 && root < JAIL_ROOTS
                       ? jail_open(&s->jail, (int)root, given, O_PATH)
                       : -1;
    const bool found = fd >= 0 && jail_path(fd, path);
    if (fd >= 0)
        close(fd);
    return found;
}

static bool check_name(const char *name, answer *a)
{
    if (name && run_name_is_good(name))
        return true;
    reply_error(a, 422, "name",
                "a name is of small letters, digits, '.', '_' and '-', begins with a letter or a "
                "digit, and has at most %d",
                RUN_NAME);
    return false;
}

static void tell_made(void *with, const child_said *said, answer *a)
{
    data_tell(with, said, a);
    a->status = a->status == 200 ? 201 : a->status;
}

/* POST /datasets {name, data: {root, path}, val: {root, path} or split, seed, size} */
static void make(server *s, const request *r, const char *const id[], answer *a)
{
    static const char *const numbers[] = {"split", "seed", "size"};
    char path[2][JAIL_PATH];
    json_value *ask = api_body(r, a);
    const char *name = json_string(json_member(ask, "name"));
    const json_value *val = json_member(ask, "val");
    const bool has_val = val && !json_is_null(val);
    data_question k;
    (void)id;
    if (!ask || !check_name(name, a)) {
        json_free(ask);
        return;
    }
    if (!find_path(s, json_member(ask, "data"), path[0])) {
        reply_error(a, 422, "data", "there is no such folder here");
    } else if (has_val && !find_path(s, val, path[1])) {
        reply_error(a, 422, "val", "there is no such folder here");
    } else if (data_ask(&k, "make", name, a)) {
        json_text(&k.q.j, "path", path[0]);
        json_text(&k.q.j, "val", has_val ? path[1] : NULL);
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            data_pass_number(&k.q.j, ask, numbers[i]);
        data_asked(&k, s, r, a, tell_made, NULL);
    }
    json_free(ask);
}

const api api_data_jobs = {.route = {{"POST", "/datasets", make},
                                     {"DELETE", "/datasets/*", remove_it},
                                     {"POST", "/datasets/*/check", check},
                                     {"POST", "/datasets/*/exclude", exclude}}};
