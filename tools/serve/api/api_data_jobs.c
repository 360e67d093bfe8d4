/* Data sets: what is done to them, by tenon-data. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../data.h"
#include "../jobs.h"
#include "../words.h"

/* ---- leaving out ------------------------------------------------------------------------------------ */

/* POST /datasets/ID/exclude {finding, checked}, {kind} or {pictures: [{side, item, path}, ...]}, {undo} */
static void exclude(server *s, const request *r, const char *const id[], answer *a)
{
    data_question k;
    bool undo = false;
    json_value *ask = api_body(r, a);
    if (ask && data_ask(&k, "exclude", id[0], a)) {
        json *j = &k.q.j;
        data_pass_number(j, ask, "finding");
        data_pass_number(j, ask, "checked");
        json_text(j, "kind", json_string(json_member(ask, "kind")));
        (void)json_truth(json_member(ask, "undo"), &undo);
        json_bool(j, "undo", undo);
        json_array(j, "pictures");
        for (const json_value *p = json_first(json_member(ask, "pictures")); p; p = json_next(p)) {
            json_object(j, NULL);
            json_text(j, "side", json_string(json_member(p, "side")));
            data_pass_number(j, p, "item");
            json_text(j, "path", json_string(json_member(p, "path")));
            json_end(j, '}');
        }
        json_end(j, ']');
        data_asked(&k, s, r, a, data_tell, NULL);
    }
    json_free(ask);
}

/* What is being done to it is of no more use, and must not end in another one of that name. */
static bool end_it(void *with, const job *j)
{
    (void)with;
    if (job_is_alive(j))
        (void)job_end(j);
    return false; /* the newest of them alone can be alive */
}

/* DELETE /datasets/ID: to the workspace's trash. */
static void remove_it(server *s, const request *r, const char *const id[], answer *a)
{
    data_question k;
    job_list(s, "check", id[0], end_it, NULL);
    job_list(s, "pack", id[0], end_it, NULL);
    if (data_ask(&k, "remove", id[0], a))
        data_asked(&k, s, r, a, data_tell, NULL);
}

/* ---- jobs ------------------------------------------------------------------------------------------- */

static bool is_alive(void *with, const job *j)
{
    bool *alive = with;
    *alive = *alive || job_is_alive(j);
    return false; /* the newest of them alone */
}

/* Starts it, and answers; one of a kind at a time. */
static bool begin(server *s, const char *kind, const char *name, const char *from, words *w,
                  answer *a)
{
    const char *const facts[] = {"from", from, NULL};
    bool alive = false;
    job j;
    reply p;
    w->word[w->count] = NULL;
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

/* {model}: the name of a run, by whose best numbers labels are doubted. */
static bool read_model(server *s, const request *r, char folder[RUN_PATH], answer *a)
{
    json_value *ask = r->size ? api_body(r, a) : NULL;
    const char *model = json_string(json_member(ask, "model"));
    bool done = ask || !r->size;
    folder[0] = '\0';
    if (model && !run_name_is_good(model)) {
        reply_error(a, 422, "model", "%.64s is no name of a run", model);
        done = false;
    } else if (model) {
        done = api_folder(s, model, folder, a);
    }
    json_free(ask);
    return done;
}

/* POST /datasets/ID/check {model} */
static void check(server *s, const request *r, const char *const id[], answer *a)
{
    static words w; /* large, and the daemon has one thread */
    char size[32], report[JOB_FILE], model[RUN_PATH];
    if (!read_model(s, r, model, a))
        return;
    w.count = 0;
    words_add(&w, "tenon-data", "check");
    if (!words_add_dataset(s, &w, id[0], a))
        return;
    if (model[0])
        words_add(&w, "--model", model);
    snprintf(size, sizeof size, "%.0f", w.size);
    snprintf(report, sizeof report, "%s/datasets/%s/report.json", s->workspace, id[0]);
    words_add(&w, "--size", size);
    words_add(&w, "--out", report);
    words_add(&w, "--force", "--json");
    words_add(&w, "--quiet", "--progress");
    (void)begin(s, "check", id[0], NULL, &w, a);
}

/* ---- a new one -------------------------------------------------------------------------------------- */

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
    if (!words_find_folder(s, json_member(ask, "data"), path[0])) {
        reply_error(a, 422, "data", "there is no such folder here");
    } else if (has_val && !words_find_folder(s, val, path[1])) {
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

/* ---- packing ---------------------------------------------------------------------------------------- */

typedef struct packing {
    server *s;
    words w;
    char name[RUN_NAME + 1], from[RUN_NAME + 1], size[32], out[JOB_FILE];
} packing;

/* Its folder is there; or it is not, and that is the answer. */
static void tell_packing(void *with, const child_said *said, answer *a)
{
    packing *p = with;
    char path[JOB_FILE];
    answer made = {0};
    data_tell(NULL, said, &made);
    if (made.status != 200) {
        *a = made;
        return;
    }
    free(made.text);
    if (begin(p->s, "pack", p->name, p->from, &p->w, a))
        return;
    snprintf(path, sizeof path, "%s/datasets/%s", p->s->workspace, p->name);
    (void)unlink(strcat(path, "/dataset.json"));
    path[strlen(path) - strlen("/dataset.json")] = '\0';
    (void)rmdir(path);
}

static void ask_packing(packing *p, const request *r, const json_value *ask, answer *a)
{
    double size = 256;
    data_question k;
    (void)json_number(json_member(ask, "size"), &size);
    p->w.count = 0;
    words_add(&p->w, "tenon-data", "pack");
    if (!words_add_dataset(p->s, &p->w, p->from, a) || !data_ask(&k, "make", p->name, a)) {
        free(p);
        return;
    }
    snprintf(p->size, sizeof p->size, "%.0f", size);
    snprintf(p->out, sizeof p->out, "%s/datasets/%s/packed", p->s->workspace, p->name);
    words_add(&p->w, NULL, p->out);
    words_add(&p->w, "--size", p->size);
    words_add(&p->w, "--json", "--quiet");
    words_add(&p->w, "--progress", NULL);
    json_text(&k.q.j, "packed", p->from);
    data_asked(&k, p->s, r, a, tell_packing, p);
}

/* POST /datasets/ID/pack {name, size}: a data set of that name, which is packed of this one. */
static void pack(server *s, const request *r, const char *const id[], answer *a)
{
    json_value *ask = api_body(r, a);
    const char *name = json_string(json_member(ask, "name"));
    packing *p = ask && check_name(name, a) ? calloc(1, sizeof *p) : NULL;
    double size = 256;
    (void)json_number(json_member(ask, "size"), &size);
    if (p && !(size >= 8 && size <= 4096)) {
        reply_error(a, 422, "size", "size is 8 to 4096 pixels");
        free(p);
    } else if (p) {
        p->s = s;
        snprintf(p->name, sizeof p->name, "%s", name);
        snprintf(p->from, sizeof p->from, "%s", id[0]);
        ask_packing(p, r, ask, a);
    }
    json_free(ask);
}

const api api_data_jobs = {.route = {{"POST", "/datasets", make},
                                     {"DELETE", "/datasets/*", remove_it},
                                     {"POST", "/datasets/*/check", check},
                                     {"POST", "/datasets/*/pack", pack},
                                     {"POST", "/datasets/*/exclude", exclude}}};
