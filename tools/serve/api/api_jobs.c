/* Jobs: long work that outlives the server (jobs.h). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../jobs.h"
#include "../web/reply.h"

typedef struct list {
    json *to;
    int left;
} list;

static bool tell_one(void *with, const job *j)
{
    list *l = with;
    json_object(l->to, NULL);
    job_tell(l->to, j, false);
    json_end(l->to, '}');
    return --l->left > 0;
}

/* GET /jobs?kind&of&count: those of a kind, the newest first. */
static void list_jobs(server *s, const request *r, const char *const id[], answer *a)
{
    double count = 50;
    const char *kind = http_query(r, "kind"), *of = http_query(r, "of");
    reply p;
    (void)id;
    if (!kind || !*kind || strlen(kind) > JOB_KIND) {
        reply_error(a, 422, "kind", "kind is to name a kind of jobs");
        return;
    }
    if (!api_number(r, "count", 1, 500, &count, a))
        return;
    reply_begin(&p);
    if (p.j.to) {
        json_array(&p.j, NULL);
        job_list(s, kind, of && *of ? of : NULL, tell_one, &(list){&p.j, (int)count});
        json_end(&p.j, ']');
    }
    reply_end(&p, a, 200);
}

static bool find(const server *s, const char *id, job *j, answer *a)
{
    if (job_find(s, id, j))
        return true;
    reply_error(a, 404, NULL, "there is no job %s", id);
    return false;
}

/* GET /jobs/ID: with its result, once it is done. */
static void one_job(server *s, const request *r, const char *const id[], answer *a)
{
    job j;
    reply p;
    (void)r;
    if (!find(s, id[0], &j, a))
        return;
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        job_tell(&p.j, &j, true);
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 200);
}

/* DELETE /jobs/ID: one that runs is told to end; of one that does not all is removed. */
static void end_job(server *s, const request *r, const char *const id[], answer *a)
{
    job j;
    reply p;
    (void)r;
    if (!find(s, id[0], &j, a))
        return;
    if (!job_end(&j)) {
        reply_error(a, 409, NULL, "%s cannot be ended", j.id);
        return;
    }
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_text(&p.j, "id", j.id);
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 200);
}

/* GET /jobs/ID/files/NAME: what its tool has written there. */
static void job_itself(server *s, const request *r, const char *const id[], answer *a)
{
    job j;
    char path[JOB_FILE];
    (void)r;
    if (find(s, id[0], &j, a))
        reply_file(a, job_file(&j, id[1], path), id[1]);
}

const api api_jobs = {.route = {
                          {"GET", "/jobs", list_jobs, .is_long = api_always},
                          {"GET", "/jobs/*", one_job, .is_long = api_always},
                          {"DELETE", "/jobs/*", end_job},
                          {"GET", "/jobs/*/files/*", job_itself},
                      }};
