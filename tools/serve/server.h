/*
 * tenon-serve: a workspace's runs over HTTP. It computes nothing itself: it reads folders, and starts the other tools.
 *
 *     http.c streams.c listen.c   connections                  guard.c    who may ask
 *     routes.c                    which function answers       reply.c    in JSON
 *     cache.c                     what is known of the runs    child.c    programs that it starts
 *     api_*.c                     the answers, by subject      page.c     the files of the page, which are in the program
 *     jail.c                      folders that may be named    words.c    command lines of what a page asks for
 */
#ifndef SERVE_SERVER_H
#define SERVE_SERVER_H

#include "../common/json.h"
#include "cache.h"
#include "guard.h"
#include "http.h"
#include "jail.h"

typedef struct server {
    const char *workspace; /* its real path */
    const char *page; /* files of the page are read from this folder; NULL: the program has them */
    guard guard;
    jail jail; /* folders of pictures */
    cache cache;
    http *http;
} server;

/* One of the API's: `id` is what stood for the star of its pattern, NULL if it has none. */
typedef void route_answers(server *s, const request *r, const char *id, answer *a);

http_admits serve_admits;   /* with: the server */
http_answers serve_answers; /* likewise */

/* ---- api_*.c ---- */

route_answers api_state, api_machine, api_events;
route_answers api_runs, api_run, api_series, api_log, api_notes, api_notes_put;
route_answers api_begin, api_plan, api_nets, api_browse;
route_answers api_orders, api_resume, api_remove, api_compare;

/* The run of that name with the cache's lock held, for cache_unlock(); or NULL, and the answer says that there is none. */
cached_run *api_find(server *s, const char *id, answer *a);
/* Its members, in an object that is open: those of `tenon run list --json`, and what a list shows beside: net, data, epochs. */
void api_tell_run(server *s, json *j, cached_run *r);
/* A number of a query, between least and most; what it is without. False: the answer says what is wrong. */
bool api_number(const request *r, const char *name, double least, double most, double *number,
                answer *a);

/* page.c: a file of the page, 404 if there is none of that name. */
void page_answers(const server *s, const request *r, answer *a);

#endif
