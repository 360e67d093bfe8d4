/* Home in one answer, and the stream of events. */
#define _DEFAULT_SOURCE /* gethostname */

#include <stdio.h>
#include <unistd.h>

#include <tenon/status.h>

#include "../server.h"
#include "../web/reply.h"

static void count_states(json *j, const cache *c)
{
    int64_t count[TN_RUN_IS_DIED + 1] = {0};
    for (size_t i = 0; i < c->count; i++)
        count[c->run[i].info->state]++;
    json_object(j, "states");
    for (int i = 0; i <= TN_RUN_IS_DIED; i++)
        json_count(j, tn_runs_state_name((tn_runs_state)i), count[i]);
    json_end(j, '}');
}

/* GET /state: how many runs there are in each state. The runs themselves are /runs. */
static void get_state(server *s, const request *r, const char *const id[], answer *a)
{
    char host[256] = "";
    reply p;
    (void)r, (void)id;
    (void)gethostname(host, sizeof host - 1);
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_text(&p.j, "workspace", s->workspace);
        json_text(&p.j, "host", host);
        json_text(&p.j, "version", tn_version());
        cache_lock(&s->cache);
        count_states(&p.j, &s->cache);
        json_count(&p.j, "unread", s->cache.unread);
        json_text(&p.j, "unread_why", s->cache.unread ? s->cache.why : NULL);
        cache_unlock(&s->cache);
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 200);
}

/* GET /events: what has changed, not how it is: who misses one has missed nothing that he cannot ask for. */
static void get_events(server *s, const request *r, const char *const id[], answer *a)
{
    (void)s, (void)r, (void)id;
    *a = (answer){.status = 200, .type = "text/event-stream", .stream = true};
}

const api api_state = {{
    {"GET", "/state", get_state},
    {"GET", "/events", get_events},
}};
