/*
 * tenon-serve: a workspace's runs over HTTP. It computes nothing itself: it reads folders, and starts the other tools.
 *
 *     http.c body.c streams.c     connections (listen.c)       guard.c    who may ask
 *     routes.c                    which function answers       reply.c    in JSON
 *     cache.c                     what is known of the runs    child.c    programs that it starts
 *     api_*.c                     the answers, by subject      shared.c   what these share
 *     jail.c                      folders that may be named    words.c    command lines of what a page asks for
 *     jobs*.c                     long work of other tools     stand.c    programs that stay up, asked again and again
 *     models*.c                   models of the workspace
 *     work.c                      answers that read much
 *     page.c                      the files of the page, which are in the program
 */
#ifndef SERVE_SERVER_H
#define SERVE_SERVER_H

#include "../common/json.h"
#include "../common/json_read.h"
#include "../common/workspace.h"
#include "cache.h"
#include "jail.h"
#include "uploads.h"
#include "web/guard.h"
#include "web/http.h"

typedef struct server {
    const char *workspace; /* its real path */
    const char *page; /* files of the page are read from this folder; NULL: the program has them */
    guard guard;
    jail jail; /* folders of pictures */
    cache cache;
    uploads uploads;
    http *http;
} server;

http_admits serve_admits;   /* with: the server */
http_answers serve_answers; /* likewise */

/* ---- api_*.c: each ends in its table, `const api api_runs`, and CMake gathers them ---- */

/* id: what stood for the stars of its pattern, which is a name by run_name_is_good(). */
typedef void api_answers(server *s, const request *r, const char *const id[], answer *a);

/* Where its body goes, before it comes: false where the answer says why it is not taken. */
typedef bool api_takes(server *s, const request *r, const char *const id[], http_place *p,
                       answer *a);

/* Is there so much to read that it is done in a thread of its own (work.h)? */
typedef bool api_long(server *s, const char *const id[]);
api_long api_always, api_long_log; /* shared.c; the second: of a run with a long log */

typedef struct api_route {
    const char *method, *pattern; /* behind /api/v1; a star stands for one name */
    api_answers *answers;
    api_takes *takes;  /* NULL: it stays in memory */
    api_long *is_long; /* NULL: it is not */
} api_route;

enum { API_ROUTES = 24, API_STARS = 2 };
typedef struct api {
    api_route route[API_ROUTES]; /* up to one without a method */
} api;
extern const api *const api_all[]; /* up to NULL */

/* ---- shared.c. What is NULL or false has made the answer: it says what is wrong ---- */

/* The run of that name with the cache's lock held, for cache_unlock(). */
cached_run *api_find(server *s, const char *id, answer *a);
/* The folder of a run, by which a tool finds it wherever the workspace is. */
bool api_folder(server *s, const char *id, char path[RUN_PATH], answer *a);
/* What was sent, as JSON; for json_free(). */
json_value *api_body(const request *r, answer *a);
/* A number of a query, between least and most; left as it is if it is not there. */
bool api_number(const request *r, const char *name, double least, double most, double *number,
                answer *a);
/* Starts a tool with --json whose answer is the answer, with that status if it is done; a refusal (2) is 409. Words as child_ask(). */
void api_tool(const request *r, answer *a, const char *const *words, double seconds,
              unsigned status);
/* "flowers" of "/data/flowers"; NULL of NULL. */
const char *api_last_part(const char *path);
/* api_runs.c: a run's members, in an object that is open: those of `tenon run list --json`, and what a list shows beside. */
void api_tell_run(server *s, json *j, cached_run *r);

/* page.c: a file of the page, 404 if there is none of that name. */
void page_answers(const server *s, const request *r, answer *a);

#endif
