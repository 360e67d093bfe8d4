/* What several of api_*.c share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../common/workspace.h"
#include "../child.h"
#include "../server.h"
#include "../web/reply.h"

cached_run *api_find(server *s, const char *id, answer *a)
{
    cache_lock(&s->cache);
    cached_run *r = cache_find(&s->cache, id);
    if (r)
        return r;
    cache_unlock(&s->cache);
    reply_error(a, 404, NULL, "there is no run %s", id);
    return NULL;
}

bool api_always(server *s, const char *const id[])
{
    (void)s, (void)id;
    return true;
}

bool api_long_log(server *s, const char *const id[])
{
    cache_lock(&s->cache);
    const cached_run *r = cache_find(&s->cache, id[0]);
    const bool is_long = r && r->log.size > CACHE_SHORT;
    cache_unlock(&s->cache);
    return is_long;
}

bool api_number(const request *r, const char *name, double least, double most, double *number,
                answer *a)
{
    const char *text = http_query(r, name);
    char *end;
    if (!text)
        return true;
    *number = strtod(text, &end);
    if (end != text && *end == '\0' && *number >= least && *number <= most)
        return true;
    reply_error(a, 422, name, "%s: \"%.40s\" is no number from %g to %g", name, text, least, most);
    return false;
}

bool api_folder(server *s, const char *id, char path[RUN_PATH], answer *a)
{
    const cached_run *r = api_find(s, id, a);
    if (!r)
        return false;
    snprintf(path, RUN_PATH, "%s", r->folder);
    cache_unlock(&s->cache);
    return true;
}

/* Objects and arrays in each other, more than which nothing here has. */
static bool is_deep(const char *text)
{
    enum { DEEPEST = 32 };
    int depth = 0;
    for (bool in = false; *text; text++) {
        if (in && *text == '\\' && text[1])
            text++;
        else if (*text == '"')
            in = !in;
        else if (!in)
            depth += (*text == '{' || *text == '[') - (*text == '}' || *text == ']');
        if (depth > DEEPEST)
            return true;
    }
    return false;
}

json_value *api_body(const request *r, answer *a)
{
    json_value *ask = strlen(r->body) == r->size && !is_deep(r->body) ? json_parse(r->body) : NULL;
    if (!ask)
        reply_error(a, 400, NULL, "what was sent is no JSON");
    return ask;
}

/* "tenon-run set: runs/a: is not alive" without the program's name. */
static const char *sentence(const char *error)
{
    const char *colon = strstr(error, ": ");
    return colon ? colon + 2 : *error ? error : "it did not say why";
}

/* A tool's own JSON is the answer where it has one; its status says which it is. */
static void tell_tool(void *with, const child_said *said, answer *a)
{
    const unsigned *done = with;
    if (said->size > 0 && said->out[0] == '{' && said->status >= 0 && said->status < 4) {
        char *text = malloc(said->size + 1);
        if (text) {
            memcpy(text, said->out, said->size);
            reply_text(a, said->status == 0 || said->status == 3 ? *done : 409, text, said->size);
            return;
        }
    }
    char error[900];
    snprintf(error, sizeof error, "%s", sentence(said->error));
    error[strcspn(error, "\n")] = '\0';
    if (said->status == 0)
        reply_error(a, *done, NULL, "done");
    else
        reply_error(a, said->status == 2 ? 409 : said->status == 3 ? 504 : 500, NULL, "%s", error);
}

static unsigned *status_of(unsigned status)
{
    unsigned *to = malloc(sizeof *to);
    if (to)
        *to = status;
    return to;
}

void api_tool(const request *r, answer *a, const char *const *words, double seconds,
              unsigned status)
{
    child_ask(r, a, words, seconds, tell_tool, status_of(status));
}

const char *api_last_part(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash && slash[1] ? slash + 1 : path;
}
