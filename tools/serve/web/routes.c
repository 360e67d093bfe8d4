/* Which function answers what. */
#include <stdio.h>
#include <string.h>

#include "../../common/workspace.h"
#include "../server.h"
#include "../work.h"
#include "reply.h"

/* What stands for the stars of a pattern: room for a name at most. */
typedef struct stars {
    char name[API_STARS][RUN_NAME + 1];
    const char *id[API_STARS];
    int count;
} stars;

/* Does it fit, and is what stands for the stars a name? */
static bool fits(const char *pattern, const char *path, stars *s)
{
    s->count = 0;
    for (;; pattern++) {
        if (*pattern != '*') {
            if (*pattern != *path)
                return false;
            if (*path++ == '\0')
                return true;
            continue;
        }
        const size_t length = strcspn(path, "/");
        if (s->count == API_STARS || length == 0 || length > RUN_NAME)
            return false;
        char *name = s->name[s->count];
        memcpy(name, path, length);
        name[length] = '\0';
        s->id[s->count++] = name;
        if (!run_name_is_good(name))
            return false;
        path += length;
    }
}

static bool is_method(const char *method, const char *wanted)
{
    return strcmp(method, wanted) == 0 ||
           (strcmp(wanted, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

/* Of a path below /api; NULL if it is none, "" if it is of no version that there is. */
static const char *path_in_api(const char *path)
{
    static const char version[] = "/api/v1";
    const size_t length = sizeof version - 1;
    if (strncmp(path, "/api/", 5) != 0)
        return NULL;
    return strncmp(path, version, length) == 0 && path[length] == '/' ? path + length : "";
}

static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
enum { METHODS = sizeof methods / sizeof *methods };

/* NULL: there is none; then *other has a bit for each method that there is of this path. */
static const api_route *find(const char *method, const char *path, stars *is, size_t *other)
{
    *other = 0;
    for (const api *const *t = api_all; *t; t++)
        for (const api_route *r = (*t)->route; r < (*t)->route + API_ROUTES && r->method; r++) {
            if (!fits(r->pattern, path, is))
                continue;
            if (is_method(method, r->method))
                return r;
            for (size_t m = 0; m < METHODS; m++)
                if (strcmp(methods[m], r->method) == 0)
                    *other |= (size_t)1 << m;
        }
    return NULL;
}

static void answer_api(server *s, const request *r, const char *path, answer *a)
{
    static char allowed[1 << METHODS][32]; /* by the methods that there are */
    stars is;
    size_t other;
    const api_route *route = find(r->method, path, &is, &other);
    if (route && route->is_long && route->is_long(s, is.id) &&
        work_later(s, r, route->answers, is.id, is.count, a))
        return;
    if (route) {
        route->answers(s, r, is.id, a);
        return;
    }
    if (other == 0) {
        reply_error(a, 404, NULL, "there is no %.200s", r->path);
        return;
    }
    char *list = allowed[other];
    list[0] = '\0';
    for (size_t m = 0; m < METHODS; m++)
        if (other & (size_t)1 << m) {
            const size_t used = strlen(list);
            snprintf(list + used, sizeof allowed[0] - used, "%s%s", used ? ", " : "", methods[m]);
        }
    reply_error(a, 405, NULL, "%.16s is not done here: %s", r->method, list);
    a->allow = list;
}

bool serve_admits(void *with, const request *r, http_place *p, answer *a)
{
    server *s = with;
    stars is;
    size_t other;
    const char *length = http_header(r, "Content-Length"), *path = path_in_api(r->path);
    const bool has_body =
        (length && strcmp(length, "0") != 0) || http_header(r, "Transfer-Encoding");
    if (!guard_admits(&s->guard, r, a))
        return false;
    if (path) {
        const api_route *route = find(r->method, path, &is, &other);
        return !route || !route->takes || route->takes(s, r, is.id, p, a);
    }
    if (!has_body)
        return true;
    reply_error(a, 405, NULL,
                "the page is only read"); /* whoever shows no token stores nothing here */
    return false;
}

void serve_answers(void *with, const request *r, answer *a)
{
    server *s = with;
    const char *path = path_in_api(r->path);
    if (path)
        answer_api(s, r, path, a);
    else if (is_method(r->method, "GET"))
        page_answers(s, r, a);
    else
        reply_error(a, 405, NULL, "the page is only read");
}
