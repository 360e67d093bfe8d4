/* Which function answers what. */
#include <stdio.h>
#include <string.h>

#include "../common/workspace.h"
#include "reply.h"
#include "server.h"

static const struct {
    const char *method, *pattern; /* one star stands for one name */
    route_answers *answers;
} routes[] = {
    {"GET", "/api/v1/state", api_state},
    {"GET", "/api/v1/machine", api_machine},
    {"GET", "/api/v1/events", api_events},
    {"GET", "/api/v1/compare", api_compare},
    {"GET", "/api/v1/nets", api_nets},
    {"GET", "/api/v1/browse", api_browse},
    {"POST", "/api/v1/plan", api_plan},
    {"GET", "/api/v1/runs", api_runs},
    {"POST", "/api/v1/runs", api_begin},
    {"GET", "/api/v1/runs/*", api_run},
    {"DELETE", "/api/v1/runs/*", api_remove},
    {"GET", "/api/v1/runs/*/series", api_series},
    {"GET", "/api/v1/runs/*/log", api_log},
    {"GET", "/api/v1/runs/*/notes", api_notes},
    {"PUT", "/api/v1/runs/*/notes", api_notes_put},
    {"POST", "/api/v1/runs/*/orders", api_orders},
    {"POST", "/api/v1/runs/*/resume", api_resume},
};
enum { ROUTES = sizeof routes / sizeof *routes };

/* Does it fit? What stands for the star is copied to id, which holds what a name may be at most. */
static bool fits(const char *pattern, const char *path, char id[RUN_NAME + 1])
{
    const char *star = strchr(pattern, '*');
    const size_t before = star ? (size_t)(star - pattern) : 0;
    if (!star)
        return strcmp(pattern, path) == 0;
    if (strncmp(pattern, path, before) != 0)
        return false;
    const size_t length = strcspn(path + before, "/");
    if (length == 0 || length > RUN_NAME || strcmp(path + before + length, star + 1) != 0)
        return false;
    memcpy(id, path + before, length);
    id[length] = '\0';
    return true;
}

static bool is_method(const char *method, const char *wanted)
{
    return strcmp(method, wanted) == 0 ||
           (strcmp(wanted, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static void answer_api(server *s, const request *r, answer *a)
{
    char id[RUN_NAME + 1];
    static char allowed[ROUTES][32]; /* by the first route of a path; the daemon has one thread */
    size_t first = ROUTES;
    for (size_t i = 0; i < ROUTES; i++) {
        if (!fits(routes[i].pattern, r->path, id))
            continue;
        const bool has_id = strchr(routes[i].pattern, '*') != NULL;
        if (has_id && !run_name_is_good(id))
            break;
        if (is_method(r->method, routes[i].method)) {
            routes[i].answers(s, r, has_id ? id : NULL, a);
            return;
        }
        if (first == ROUTES) {
            first = i;
            allowed[i][0] = '\0';
        }
        const size_t used = strlen(allowed[first]);
        snprintf(allowed[first] + used, sizeof allowed[first] - used, "%s%s", used ? ", " : "",
                 routes[i].method);
    }
    if (first < ROUTES) {
        reply_error(a, 405, NULL, "%.16s is not done here: %s", r->method, allowed[first]);
        a->allow = allowed[first];
    } else {
        reply_error(a, 404, NULL, "there is no %.200s", r->path);
    }
}

bool serve_admits(void *with, const request *r, answer *a)
{
    server *s = with;
    const char *length = http_header(r, "Content-Length");
    const bool has_body =
        (length && strcmp(length, "0") != 0) || http_header(r, "Transfer-Encoding");
    if (!guard_admits(&s->guard, r, a))
        return false;
    if (!has_body || strncmp(r->path, "/api/", 5) == 0)
        return true;
    reply_error(a, 405, NULL,
                "the page is only read"); /* whoever shows no token stores nothing here */
    return false;
}

void serve_answers(void *with, const request *r, answer *a)
{
    server *s = with;
    if (strncmp(r->path, "/api/", 5) == 0)
        answer_api(s, r, a);
    else if (is_method(r->method, "GET"))
        page_answers(s, r, a);
    else
        reply_error(a, 405, NULL, "the page is only read");
}
