/* A model for others: files that are made of it, and what its layers are, as jobs. */
#define _GNU_SOURCE /* linkat, O_TMPFILE, AT_SYMLINK_FOLLOW */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../child.h"
#include "../models.h"
#include "../web/reply.h"

enum { PICTURE = 64 << 20, KEPT = 3 /* jobs of layers */ };

/* The words of a command line, with their own room. */
typedef struct line {
    const char *word[CHILD_WORDS + 1];
    int count;
} line;

static void add(line *l, const char *word)
{
    if (word && l->count < CHILD_WORDS)
        l->word[l->count++] = word;
}

static void add_pair(line *l, const char *option, const char *value)
{
    add(l, option);
    add(l, value);
}

/* ---- exports ---------------------------------------------------------------------------------------- */

typedef struct wish {
    const char *format, *precision;
    bool average, has_data, calibrates;
    double max_drop;
    char data[JAIL_PATH], calibrate[JAIL_PATH], drop[32];
} wish;

static bool read_wish(server *s, const json_value *given, const model_file *m, wish *w, answer *a)
{
    const json_value *data = json_member(given, "data"),
                     *calibrate = json_member(given, "calibrate");
    answer none = {.status = 200};
    w->format = json_string(json_member(given, "format"));
    w->precision = json_string(json_member(given, "precision"));
    w->max_drop = 1;
    (void)json_number(json_member(given, "max_drop"), &w->max_drop);
    (void)json_truth(json_member(given, "average"), &w->average);
    if (!w->format || (strcmp(w->format, "onnx") != 0 && strcmp(w->format, "engine") != 0)) {
        reply_error(a, 422, "format", "format is onnx or engine");
        return false;
    }
    if (w->precision && strcmp(w->precision, "f32") != 0 && strcmp(w->precision, "int8") != 0) {
        reply_error(a, 422, "precision", "precision is f32 or int8");
        return false;
    }
    if (!(w->max_drop >= 0 && w->max_drop <= 100)) {
        reply_error(a, 422, "max_drop", "max_drop is of 0 to 100 points");
        return false;
    }
    snprintf(w->drop, sizeof w->drop, "%.6g", w->max_drop);
    /* Without any pictures nothing is judged; those that were named have to be there. */
    w->has_data = model_data(s, data, m, MODEL_VAL, w->data, NULL, data ? a : &none);
    free(none.text);
    if (data && !json_is_null(data) && !w->has_data)
        return false;
    none.text = NULL;
    w->calibrates =
        model_data(s, calibrate, m, MODEL_TRAIN, w->calibrate, NULL, calibrate ? a : &none);
    free(none.text);
    return !calibrate || json_is_null(calibrate) || w->calibrates;
}

static void say_engine(line *l, const wish *w, const model_file *m, const char *to)
{
    const bool int8 = w->precision && strcmp(w->precision, "int8") == 0;
    add_pair(l, "tenon-build", m->path);
    add_pair(l, "-o", to);
    add(l, "--json");
    add_pair(l, "--precision", int8 ? "int8" : "f32");
    if (w->has_data) {
        add_pair(l, "--parity", w->data);
        add_pair(l, "--check", w->data);
        add_pair(l, "--max-drop", w->drop);
    }
    if (int8 && w->calibrates)
        add_pair(l, "--calibrate", w->calibrate);
}

static void say_onnx(line *l, const wish *w, const model_file *m, const char *to)
{
    add_pair(l, "tenon-model", "convert");
    add_pair(l, m->path, to);
    add(l, "--json");
    add(l, w->average ? "--average" : NULL);
    if (w->has_data)
        add_pair(l, "--parity", w->data);
}

/* "flowers.onnx" of the model flowers.safetensors. */
static void name_file(char name[RUN_NAME + 1], const model_file *m, const char *ending)
{
    const char *dot = *m->run ? NULL : strrchr(m->id, '.');
    size_t length = dot ? (size_t)(dot - m->id) : strlen(m->id);
    if (length + strlen(ending) > RUN_NAME)
        length = RUN_NAME - strlen(ending);
    snprintf(name, RUN_NAME + 1, "%.*s%s", (int)length, m->id, ending);
}

/* POST /models/ID/exports {format, precision, data, calibrate, max_drop, average} */
static void export_it(server *s, const request *r, const char *const id[], answer *a)
{
    static wish w; /* large, and the daemon has one thread */
    model_file m;
    job j;
    line l = {.count = 0};
    char name[RUN_NAME + 1], to[JOB_FILE];
    json_value *given = api_body(r, a);
    w = (wish){0};
    if (given && model_find(s, id[0], &m, a) && read_wish(s, given, &m, &w, a) &&
        job_make(s, "export", &j, a)) {
        const bool engine = strcmp(w.format, "engine") == 0;
        name_file(name, &m, engine ? ".plan" : ".onnx");
        (engine ? say_engine : say_onnx)(&l, &w, &m, job_file(&j, name, to));
        const char *const facts[] = {
            "format", w.format, "precision", w.precision ? w.precision : "f32", "file", name, NULL};
        model_job_start(s, &j, &m, facts, l.word, a);
    }
    json_free(given);
}

/* ---- layers ----------------------------------------------------------------------------------------- */

static bool take_picture(server *s, const request *r, const char *const id[], http_place *p,
                         answer *a)
{
    (void)r, (void)id;
    p->file = open(s->workspace, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    p->most = PICTURE;
    if (p->file > 0)
        return true;
    reply_error(a, 500, NULL, "there is no room for a picture in the workspace");
    return false;
}

static bool forget_old(void *with, const job *j)
{
    int *kept = with;
    if (++*kept > KEPT && !job_is_alive(j))
        job_drop(j);
    return true;
}

static bool keep_picture(const request *r, const job *j, char path[JOB_FILE], answer *a)
{
    char from[64];
    snprintf(from, sizeof from, "/proc/self/fd/%d", r->file);
    if (linkat(AT_FDCWD, from, AT_FDCWD, job_file(j, "picture", path), AT_SYMLINK_FOLLOW) == 0)
        return true;
    reply_error(a, 500, NULL, "the picture cannot be kept in the workspace");
    job_drop(j);
    return false;
}

/* POST /models/ID/layers: the bytes of a picture, or nothing. */
static void layers(server *s, const request *r, const char *const id[], answer *a)
{
    model_file m;
    job j;
    line l = {.count = 0};
    char path[JOB_FILE];
    const bool has_picture = r->file && r->size > 0;
    int kept = 0;
    if (!model_find(s, id[0], &m, a) || !job_make(s, "layers", &j, a) ||
        (has_picture && !keep_picture(r, &j, path, a)))
        return;
    add_pair(&l, "tenon-model", "layers");
    add_pair(&l, m.path, has_picture ? path : NULL);
    add_pair(&l, "--out", j.folder);
    add(&l, "--json");
    if (model_job_start(s, &j, &m,
                        (const char *const[]){"picture", has_picture ? "picture" : "", NULL},
                        l.word, a))
        job_list(s, "layers", m.id, forget_old, &kept);
}

const api api_exports = {.route = {
                             {"POST", "/models/*/exports", export_it},
                             {"POST", "/models/*/layers", layers, take_picture},
                         }};
