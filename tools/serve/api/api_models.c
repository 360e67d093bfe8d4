/* Models: which there are, and what one is. */
#define _POSIX_C_SOURCE 200809L /* strdup */

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../child.h"
#include "../jobs.h"
#include "../models.h"
#include "../web/reply.h"

enum { LISTED = 500, DESCRIBE_SECONDS = 60, JOBS = 20 };

/* What its run says of it. */
static void tell_run(server *s, json *j, const model_file *m)
{
    cache_lock(&s->cache);
    cached_run *r = *m->run ? cache_find(&s->cache, m->run) : NULL;
    const tn_fields *c = r ? cache_config(r) : NULL, *says = r ? r->info->all : NULL;
    const bool best = says && m->step < 0;
    json_text(j, "run", *m->run ? m->run : NULL);
    json_text(j, "net", api_last_part(c ? tn_fields_text(c, "net.name") : NULL));
    json_text(j, "data", api_last_part(c ? tn_fields_text(c, "data.path") : NULL));
    json_real(j, "best", best ? tn_fields_number(says, "best.value") : (double)NAN);
    json_real(j, "epoch", best ? tn_fields_number(says, "best.epoch") : (double)NAN);
    json_real(j, "step",
              best          ? tn_fields_number(says, "best.step")
              : m->step < 0 ? (double)NAN
                            : (double)m->step);
    cache_unlock(&s->cache);
}

static void tell_model(server *s, json *j, const model_file *m)
{
    char stamp[MODEL_STAMP];
    json_text(j, "id", m->id);
    json_text(j, "format", *m->run ? "safetensors" : model_format(m->id));
    json_count(j, "bytes", m->bytes);
    json_exact(j, "changed", m->changed);
    json_text(j, "stamp", model_stamp(m, stamp));
    tell_run(s, j, m);
}

static bool is_found(server *s, const model_file *m, const char *find)
{
    cache_lock(&s->cache);
    cached_run *r = *m->run ? cache_find(&s->cache, m->run) : NULL;
    const tn_fields *c = r ? cache_config(r) : NULL;
    const char *net = c ? tn_fields_text(c, "net.name") : NULL;
    const bool found = strstr(m->id, find) || (net && strstr(net, find));
    cache_unlock(&s->cache);
    return found;
}

/* GET /models?find&after&count: the newest first. */
static void list_models(server *s, const request *r, const char *const id[], answer *a)
{
    double after = 0, count = 50;
    const char *find = http_query(r, "find");
    size_t all = 0, others = 0, kept = 0;
    reply p;
    (void)id;
    if (!api_number(r, "after", 0, 1e9, &after, a) || !api_number(r, "count", 1, LISTED, &count, a))
        return;
    model_file *list = model_list(s, &all, &others);
    reply_begin(&p);
    if (p.j.to && list) {
        for (size_t i = 0; i < all; i++)
            if (!find || !*find || is_found(s, &list[i], find))
                list[kept++] = list[i];
        json_object(&p.j, NULL);
        json_count(&p.j, "count", (int64_t)kept);
        json_count(&p.j, "others", (int64_t)others);
        json_array(&p.j, "models");
        for (size_t i = (size_t)after; i < kept && i < (size_t)after + (size_t)count; i++) {
            json_object(&p.j, NULL);
            tell_model(s, &p.j, &list[i]);
            json_end(&p.j, '}');
        }
        json_end(&p.j, ']');
        json_end(&p.j, '}');
    }
    free(list);
    reply_end(&p, a, 200);
}

/* ---- one -------------------------------------------------------------------------------------------- */

typedef struct asked {
    server *s;
    model_file m;
} asked;

typedef struct listing {
    json *to;
    int left;
    bool results;
} listing;

static bool tell_job(void *with, const job *j)
{
    listing *l = with;
    json_object(l->to, NULL);
    job_tell(l->to, j, l->results);
    json_end(l->to, '}');
    return --l->left > 0;
}

static void tell_jobs(const asked *k, json *j, const char *name, const char *kind, bool results)
{
    json_array(j, name);
    job_list(k->s, kind, k->m.id, tell_job, &(listing){j, JOBS, results});
    json_end(j, ']');
}

/* "tenon-model describe: FILE: ..." without the program's name, and its first line alone. */
static const char *sentence(const char *error, char *text, size_t size)
{
    const char *colon = strstr(error, ": ");
    snprintf(text, size, "%s", colon ? colon + 2 : *error ? error : "it cannot be read");
    text[strcspn(text, "\n")] = '\0';
    return text;
}

/* about: as tenon-model describe says it; NULL: it cannot be read, and problem says why. */
static void tell_all(const asked *k, const char *about, const char *problem, answer *a)
{
    reply p;
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        tell_model(k->s, &p.j, &k->m);
        json_text(&p.j, "path", k->m.path);
        if (about)
            json_number_text(&p.j, "about", about);
        else
            json_null(&p.j, "about");
        json_text(&p.j, "problem", problem);
        tell_jobs(k, &p.j, "evaluations", "evaluation", false);
        tell_jobs(k, &p.j, "classifications", "classification", false);
        tell_jobs(k, &p.j, "layers", "layers", false);
        tell_jobs(k, &p.j, "exports", "export", true);
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 200);
}

/* What was said last, of a file that is still the same: a page asks again and again while a job runs. */
static struct {
    pthread_mutex_t lock;
    char path[JAIL_PATH], stamp[MODEL_STAMP], *about;
} known = {.lock = PTHREAD_MUTEX_INITIALIZER};

static char *find_known(const model_file *m)
{
    char stamp[MODEL_STAMP];
    pthread_mutex_lock(&known.lock);
    const bool is = known.about && strcmp(known.path, m->path) == 0 &&
                    strcmp(known.stamp, model_stamp(m, stamp)) == 0;
    char *about = is ? strdup(known.about) : NULL;
    pthread_mutex_unlock(&known.lock);
    return about;
}

static void keep_known(const model_file *m, const char *about)
{
    char *copy = strdup(about);
    pthread_mutex_lock(&known.lock);
    free(known.about);
    known.about = copy;
    memcpy(known.path, m->path, sizeof known.path);
    model_stamp(m, known.stamp);
    pthread_mutex_unlock(&known.lock);
}

static void tell_described(void *with, const child_said *said, answer *a)
{
    const asked *k = with;
    const bool described =
        said->size > 0 && said->out[0] == '{' && said->status >= 0 && said->status < 2;
    char error[900];
    if (described)
        keep_known(&k->m, said->out);
    tell_all(k, described ? said->out : NULL,
             described ? NULL : sentence(said->error, error, sizeof error), a);
}

/* GET /models/ID */
static void one_model(server *s, const request *r, const char *const id[], answer *a)
{
    asked *k = malloc(sizeof *k);
    if (!k) {
        reply_error(a, 503, NULL, "the server has no memory left");
        return;
    }
    k->s = s;
    if (!model_find(s, id[0], &k->m, a)) {
        free(k);
        return;
    }
    char *about = find_known(&k->m);
    if (about) {
        tell_all(k, about, NULL, a);
        free(about);
        free(k);
        return;
    }
    const char *const words[] = {"tenon-model", "describe", k->m.path, "--json", NULL};
    child_ask(r, a, words, DESCRIBE_SECONDS, tell_described, k);
}

/* GET /models/ID/file: as it is. */
static void model_itself(server *s, const request *r, const char *const id[], answer *a)
{
    model_file m;
    (void)r;
    if (model_find(s, id[0], &m, a))
        reply_file(a, m.path, m.id);
}

const api api_models = {.route = {
                            {"GET", "/models", list_models},
                            {"GET", "/models/*", one_model},
                            {"GET", "/models/*/file", model_itself},
                        }};
