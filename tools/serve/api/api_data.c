/* Data sets: what there is of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../data.h"
#include "../jobs.h"
#include "../stand.h"

enum { SECONDS = 60, PATIENCE = 3, GIB = 4 /* that the program which decodes may address */ };

/* ---- asking tenon data browse ----------------------------------------------------------------------- */

/* "json BYTES\n" and so many bytes. */
static size_t whole(const char *bytes, size_t size)
{
    size_t count = 0;
    const char *end = memchr(bytes, '\n', size < 64 ? size : 64);
    if (!end)
        return size < 64 ? 0 : STAND_BYTES + 1;
    if (sscanf(bytes, "%*[a-z] %zu", &count) != 1 || count > STAND_BYTES)
        return STAND_BYTES + 1;
    const size_t length = (size_t)(end - bytes) + 1 + count;
    return length > size ? 0 : length;
}

static const struct {
    const char *kind;
    unsigned status;
    const char *type;
} kinds[] = {{"json", 200, NULL},
             {"jpeg", 200, "image/jpeg"},
             {"bmp", 200, "image/bmp"},
             {"error", 422, NULL},
             {"none", 404, NULL}};

/* It takes longer than a browser waits: how many pictures it has found so far. */
static void tell_waits(const char *found, answer *a)
{
    reply p;
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_bool(&p.j, "waits", true);
        json_count(&p.j, "found", strtoll(found, NULL, 10));
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 202);
}

void data_tell(void *with, const child_said *said, answer *a)
{
    (void)with;
    if (said->status == STAND_WAITS) {
        tell_waits(said->out, a);
        return;
    }
    const size_t head = said->status == 0 ? strcspn(said->out, "\n") + 1 : 0;
    char *bytes = head ? malloc(said->size - head + 1) : NULL;
    if (!bytes) {
        reply_error(a, 500, NULL, "tenon-data: %s", said->error);
        return;
    }
    memcpy(bytes, said->out + head, said->size - head);
    reply_text(a, 500, bytes, said->size - head);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strncmp(said->out, kinds[i].kind, strlen(kinds[i].kind)) == 0) {
            a->status = kinds[i].status;
            a->type = kinds[i].type ? kinds[i].type : a->type;
        }
}

bool data_ask(data_question *k, const char *what, const char *dataset, answer *a)
{
    reply_begin(&k->q);
    if (!k->q.j.to) {
        reply_error(a, 503, NULL, "the server has no memory left");
        return false;
    }
    json_object(&k->q.j, NULL);
    json_text(&k->q.j, "do", what);
    json_text(&k->q.j, "dataset", dataset);
    k->patience = PATIENCE;
    snprintf(k->of, sizeof k->of, "%.*s", RUN_NAME, dataset ? dataset : "");
    return true;
}

void data_asked(data_question *k, const server *s, const request *r, answer *a, child_tell *tell,
                void *with)
{
    const char *const words[] = {"tenon-data", "browse", s->workspace, "-", NULL};
    /* A set that takes long to open is no other one's affair. */
    const stand_way way = {.words = words,
                           .memory = (size_t)GIB << 30,
                           .seconds = SECONDS,
                           .patience = k->patience,
                           .waits = true,
                           .whole = whole,
                           .stamp = k->of};
    json_end(&k->q.j, '}'); /* and the end of the line */
    if (fclose(k->q.j.to) != 0) {
        free(with);
        reply_error(a, 503, NULL, "the server has no memory left");
        return;
    }
    stand_ask(r, a, &way, k->q.text, k->q.size, tell, with);
    free(k->q.text);
}

void data_pass_number(json *j, const json_value *ask, const char *name)
{
    double number;
    if (json_number(json_member(ask, name), &number))
        json_exact(j, name, number);
}

/* Words of the query as they are, and its numbers; what they may be, the program knows. False: the answer says which is no number. */
static bool pass_query(data_question *k, const request *r, const char *const *texts,
                       const char *const *numbers, answer *a)
{
    for (; *texts; texts++)
        json_text(&k->q.j, *texts, http_query(r, *texts));
    for (; *numbers; numbers++) {
        double number = -1;
        if (!api_number(r, *numbers, 0, 1e15, &number, a)) {
            fclose(k->q.j.to);
            free(k->q.text);
            return false;
        }
        if (number >= 0)
            json_count(&k->q.j, *numbers, (int64_t)number);
    }
    return true;
}

/* ---- looking ---------------------------------------------------------------------------------------- */

typedef struct telling {
    json *j;
    int left; /* to be looked at */
} telling;

static bool tell_job(void *with, const job *j)
{
    const telling *t = with;
    json_object(t->j, NULL);
    job_tell(t->j, j, false);
    json_end(t->j, '}');
    return false;
}

/* Those that run are among the newest. */
static bool tell_running(void *with, const job *j)
{
    telling *t = with;
    if (job_is_alive(j))
        (void)tell_job(with, j);
    return --t->left > 0;
}

/* The last job of each kind that is about a data set; of all those that run, if it is NULL. */
static void tell_jobs(json *j, const server *s, const char *dataset)
{
    static const char *const those[] = {"check", "pack"};
    json_array(j, "jobs");
    for (size_t i = 0; i < sizeof those / sizeof *those; i++) {
        telling t = {j, 10};
        job_list(s, those[i], dataset, dataset ? tell_job : tell_running, &t);
    }
    json_end(j, ']');
}

/* GET /datasets, and /datasets/ID */
static void about(server *s, const request *r, const char *const id[], answer *a)
{
    data_question k;
    if (!data_ask(&k, id[0] ? "about" : "list", id[0], a))
        return;
    tell_jobs(&k.q.j, s, id[0]);
    data_asked(&k, s, r, a, data_tell, NULL);
}

static void list(server *s, const request *r, const char *const id[], answer *a)
{
    const char *const none[] = {NULL};
    (void)id;
    about(s, r, none, a);
}

/* GET /datasets/ID/items?side&class&kind&finding&find&out&after&count */
static void items(server *s, const request *r, const char *const id[], answer *a)
{
    static const char *const texts[] = {"side", "class", "kind", "find", NULL};
    static const char *const numbers[] = {"finding", "after", "count", NULL};
    data_question k;
    const char *out = http_query(r, "out");
    if (!data_ask(&k, "items", id[0], a) || !pass_query(&k, r, texts, numbers, a))
        return;
    json_bool(&k.q.j, "out", out && strcmp(out, "1") == 0);
    data_asked(&k, s, r, a, data_tell, NULL);
}

/* GET /datasets/ID/items/N/image?side&view&pixels&size&augment&seed */
static void image(server *s, const request *r, const char *const id[], answer *a)
{
    static const char *const texts[] = {"side", "view", "augment", NULL};
    static const char *const numbers[] = {"pixels", "size", "seed", NULL};
    data_question k;
    char *end;
    const long long item = strtoll(id[1], &end, 10);
    if (*end != '\0' || strlen(id[1]) > 15)
        reply_error(a, 404, "item", "there is no picture %s", id[1]);
    else if (data_ask(&k, "image", id[0], a) && pass_query(&k, r, texts, numbers, a)) {
        json_count(&k.q.j, "item", item);
        k.patience = 0;
        data_asked(&k, s, r, a, data_tell, NULL);
    }
}

const api api_data = {.route = {{"GET", "/datasets", list},
                                {"GET", "/datasets/*", about},
                                {"GET", "/datasets/*/items", items},
                                {"GET", "/datasets/*/items/*/image", image}}};
