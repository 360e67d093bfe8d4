/* How good a model is: tenon-eval as a job, and the pictures behind each number of its confusion matrix. */
#define _GNU_SOURCE /* O_NOFOLLOW */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../jobs.h"
#include "../models.h"
#include "../thumbs.h"
#include "../web/reply.h"

enum { LINE = 16384, SIDE = 160 };

static const char kind[] = "evaluation", pictures[] = "pictures.jsonl";

/* POST /models/ID/evaluations {data: {root, path} or {dataset}}; without data its run's own validation set. */
static void evaluate(server *s, const request *r, const char *const id[], answer *a)
{
    model_file m;
    job j;
    char data[JAIL_PATH], exclude[JAIL_PATH], list[JOB_FILE];
    json_value *given = api_body(r, a);
    if (given && model_find(s, id[0], &m, a) &&
        model_data(s, json_member(given, "data"), &m, MODEL_VAL, data, exclude, a) &&
        job_make(s, kind, &j, a)) {
        const char *words[16] = {"tenon-eval", m.path,       data,
                                 "--json",     "--pictures", job_file(&j, pictures, list),
                                 "--known",    "--quiet"};
        if (*exclude) {
            words[8] = "--exclude";
            words[9] = exclude;
        }
        model_job_start(s, &j, &m, (const char *const[]){"data", data, NULL}, words, a);
    }
    json_free(given);
}

/* That evaluation of that model. */
static bool find(const server *s, const char *const id[], job *j, answer *a)
{
    const bool found = strncmp(id[1], kind, sizeof kind - 1) == 0 && job_find(s, id[1], j);
    json_value *about = found ? job_about(j) : NULL;
    const char *of = json_string(json_member(about, "of"));
    const bool is = of && strcmp(of, id[0]) == 0;
    json_free(about);
    if (!is)
        reply_error(a, 404, NULL, "there is no %s of %s", id[1], id[0]);
    return is;
}

/* GET /models/ID/evaluations/N */
static void one_evaluation(server *s, const request *r, const char *const id[], answer *a)
{
    job j;
    reply p;
    (void)r;
    if (!find(s, id, &j, a))
        return;
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        job_tell(&p.j, &j, true);
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 200);
}

/* ---- the pictures of a cell ------------------------------------------------------------------------- */

static FILE *open_pictures(const job *j, answer *a)
{
    char path[JOB_FILE];
    const int fd = open(job_file(j, pictures, path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (fd >= 0 && !f)
        close(fd);
    if (!f)
        reply_error(a, 404, NULL, "%s has no pictures yet", j->id);
    return f;
}

static void tell_picture(json *j, const char *line, long at)
{
    double share = 0, right = 0;
    json_value *one = json_parse(line);
    const char *file = json_string(json_member(one, "file"));
    const char *slash = file ? strrchr(file, '/') : NULL;
    const bool told = json_number(json_member(one, "share"), &share);
    (void)json_number(json_member(one, "right"), &right);
    json_object(j, NULL);
    json_count(j, "at", at);
    json_text(j, "name", slash ? slash + 1 : file);
    json_text(j, "file", file);
    if (told) {
        json_real(j, "share", share);
        json_real(j, "right", right);
    } else {
        json_null(j, "share");
        json_null(j, "right");
    }
    json_end(j, '}');
    json_free(one);
}

/* GET /models/ID/evaluations/N/pictures?label&said&after&count: those of a cell, the surest first. `at` is what
 * image?at asks for. */
static void cell(server *s, const request *r, const char *const id[], answer *a)
{
    char line[LINE], begin[64];
    job j;
    double label = 0, said = 0, after = 0, count = 50;
    int64_t found = 0;
    reply p;
    if (!api_number(r, "label", 0, 1e9, &label, a) || !api_number(r, "said", -1, 1e9, &said, a) ||
        !api_number(r, "after", 0, 1e9, &after, a) || !api_number(r, "count", 1, 500, &count, a) ||
        !find(s, id, &j, a))
        return;
    FILE *f = open_pictures(&j, a);
    if (!f)
        return;
    const int length =
        snprintf(begin, sizeof begin, "{\"label\": %.0f,\"said\": %.0f,", label, said);
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_array(&p.j, "pictures");
        for (long at = 0; fgets(line, sizeof line, f); at = ftell(f)) {
            if (strncmp(line, begin, (size_t)length) != 0)
                continue;
            if (found >= (int64_t)after && found < (int64_t)(after + count))
                tell_picture(&p.j, line, at);
            found++;
        }
        json_end(&p.j, ']');
        json_count(&p.j, "count", found);
        json_end(&p.j, '}');
    }
    fclose(f);
    reply_end(&p, a, 200);
}

/* In place: bytes that are no UTF-8 stand in JSON as U+F780 to U+F7FF (common/json.h). */
static void restore_bytes(char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    for (; *p; text++) {
        const bool stands = p[0] == 0xef && (p[1] == 0x9e || p[1] == 0x9f) && p[2];
        *text = (char)(stands ? (p[1] & 1) << 6 | (p[2] & 0x3f) | 0x80 : p[0]);
        p += stands ? 3 : 1;
    }
    *text = '\0';
}

/* The file that the line there names; "": none. */
static void file_at(FILE *f, long at, char path[JAIL_PATH])
{
    static char line[LINE];
    path[0] = '\0';
    if (fseek(f, at > 0 ? at - 1 : 0, SEEK_SET) != 0 || (at > 0 && fgetc(f) != '\n') ||
        !fgets(line, sizeof line, f))
        return;
    json_value *one = json_parse(line);
    const char *file = json_string(json_member(one, "file"));
    if (file && strlen(file) < JAIL_PATH)
        snprintf(path, JAIL_PATH, "%s", file);
    restore_bytes(path);
    json_free(one);
}

/* GET /models/ID/evaluations/N/image?at: small. */
static void picture(server *s, const request *r, const char *const id[], answer *a)
{
    job j;
    char path[JAIL_PATH];
    double at = 0;
    if (!api_number(r, "at", 0, 1e12, &at, a) || !find(s, id, &j, a))
        return;
    FILE *f = open_pictures(&j, a);
    if (!f)
        return;
    file_at(f, (long)at, path);
    fclose(f);
    if (!*path)
        reply_error(a, 404, "at", "no line begins there");
    else if (!model_inside(s, path))
        reply_error(a, 403, NULL,
                    "%.200s lies outside of the folders that may be looked at (--data)", path);
    else
        thumbs_give(r, a, path, SIDE);
}

const api api_evaluations = {
    .route = {
        {"POST", "/models/*/evaluations", evaluate},
        {"GET", "/models/*/evaluations/*", one_evaluation, .is_long = api_always},
        {"GET", "/models/*/evaluations/*/pictures", cell, .is_long = api_always},
        {"GET", "/models/*/evaluations/*/image", picture},
    }};
