/* What is on a picture, as a model says: by a tenon-infer that stays up, one a model. */
#define _GNU_SOURCE /* O_TMPFILE, O_PATH */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../jobs.h"
#include "../models.h"
#include "../stand.h"
#include "../web/reply.h"
#include "../words.h"

enum { PICTURE = 64 << 20 /* bytes of one */, SECONDS = 120 /* the first opens the model */ };

static bool is_json(const request *r)
{
    const char *type = http_header(r, "Content-Type");
    return type && strncmp(type, "application/json", 16) == 0;
}

/* A picture goes to a file without a name, which is gone when the answer is given. */
static bool take_picture(server *s, const request *r, const char *const id[], http_place *p,
                         answer *a)
{
    (void)id;
    if (is_json(r))
        return true;
    p->file = open(s->workspace, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    p->most = PICTURE;
    if (p->file > 0)
        return true;
    reply_error(a, 500, NULL, "there is no room for a picture in the workspace");
    return false;
}

static size_t whole_line(const char *bytes, size_t size)
{
    const char *end = memchr(bytes, '\n', size);
    return end ? (size_t)(end - bytes) + 1 : 0;
}

static void tell_classes(json *j, const json_value *said)
{
    json_array(j, "classes");
    for (const json_value *c = json_first(json_member(said, "classes")); c; c = json_next(c)) {
        double number = 0, share = 0;
        (void)json_number(json_member(c, "class"), &number);
        (void)json_number(json_member(c, "share"), &share);
        json_object(j, NULL);
        json_count(j, "class", (int64_t)number);
        json_text(j, "name", json_string(json_member(c, "name")));
        json_real(j, "share", share);
        json_end(j, '}');
    }
    json_end(j, ']');
}

/* "/proc/7/fd/9: is no picture" without the file's name, which says nothing to anybody. */
static const char *behind_name(const char *error, const char *name)
{
    const size_t length = name ? strlen(name) : 0;
    return length && strncmp(error, name, length) == 0 && error[length] == ':' ? error + length + 2
                                                                               : error;
}

static void tell_classified(void *with, const child_said *said, answer *a)
{
    (void)with;
    reply p;
    json_value *one = said->status == 0 ? json_parse(said->out) : NULL;
    const char *error = json_string(json_member(one, "error"));
    double run = 0, picture = 0;
    if (!one || error) {
        reply_error(a, 422, "picture", "%s",
                    one ? behind_name(error, json_string(json_member(one, "file"))) : said->error);
        json_free(one);
        return;
    }
    (void)json_number(json_member(one, "seconds"), &run);
    (void)json_number(json_member(one, "picture_seconds"), &picture);
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        tell_classes(&p.j, one);
        json_real(&p.j, "seconds", run);
        json_real(&p.j, "picture_seconds", picture);
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 200);
    json_free(one);
}

static void ask(const request *r, answer *a, const model_file *m, const char *picture)
{
    char line[JAIL_PATH + 1], stamp[MODEL_STAMP];
    const char *const program[] = {"tenon-infer", m->path, "-", "--json", NULL};
    const stand_way way = {
        .words = program, .stamp = model_stamp(m, stamp), .seconds = SECONDS, .whole = whole_line};
    const int length = snprintf(line, sizeof line, "%s\n", picture);
    if (length >= (int)sizeof line || strchr(picture, '\n'))
        reply_error(a, 422, "path", "a picture whose name has a line break cannot be asked about");
    else
        stand_ask(r, a, &way, line, (size_t)length, tell_classified, NULL);
}

/* POST /models/ID/classify: the bytes of a picture; or JSON, {root, path}. */
static void classify(server *s, const request *r, const char *const id[], answer *a)
{
    model_file m;
    char path[JAIL_PATH];
    if (!model_find(s, id[0], &m, a))
        return;
    if (r->file && r->size > 0) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), r->file);
        ask(r, a, &m, path);
        return;
    }
    if (!is_json(r)) {
        reply_error(a, 422, "picture", "no picture was sent");
        return;
    }
    json_value *given = api_body(r, a);
    if (given && words_find(s, given, path))
        ask(r, a, &m, path);
    else if (given)
        reply_error(a, 422, "path", "there is no such picture here");
    json_free(given);
}

/* POST /models/ID/classifications {data: {root, path}}: all pictures of a folder; a job, whose result is that of tenon-infer. */
static void classify_many(server *s, const request *r, const char *const id[], answer *a)
{
    model_file m;
    char data[JAIL_PATH];
    json_value *given = api_body(r, a);
    if (given && model_find(s, id[0], &m, a) &&
        model_data(s, json_member(given, "data"), &m, MODEL_PICTURES, data, NULL, a)) {
        const char *const program[] = {"tenon-infer", m.path, data, "--json", NULL};
        model_job(s, "classification", &m, (const char *const[]){"data", data, NULL}, program, a);
    }
    json_free(given);
}

const api api_classify = {.route = {
                              {"POST", "/models/*/classify", classify, take_picture},
                              {"POST", "/models/*/classifications", classify_many},
                          }};
