/* Home in one answer, the machine, and the stream of events. */
#define _DEFAULT_SOURCE /* getloadavg, gethostname */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <tenon/status.h>

#include "reply.h"
#include "server.h"

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
        cache_unlock(&s->cache);
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 200);
}

/* KiB of a line of /proc/meminfo; NaN: it has none. */
static double memory_line(const char *text, const char *name)
{
    unsigned long long kib;
    const char *at = strstr(text, name);
    return at && sscanf(at + strlen(name), ": %llu", &kib) == 1 ? (double)kib * 1024 : (double)NAN;
}

/* GET /machine */
static void get_machine(server *s, const request *r, const char *const id[], answer *a)
{
    char text[4096] = "";
    double load[1] = {(double)NAN};
    struct statvfs disk;
    reply p;
    (void)r, (void)id;
    FILE *f = fopen("/proc/meminfo", "re");
    if (f) {
        text[fread(text, 1, sizeof text - 1, f)] = '\0';
        fclose(f);
    }
    (void)getloadavg(load, 1);
    const bool has_disk = statvfs(s->workspace, &disk) == 0;
    const double block = has_disk ? (double)disk.f_frsize : (double)NAN;
    reply_begin(&p);
    if (p.j.to) {
        json_object(&p.j, NULL);
        json_count(&p.j, "cores", sysconf(_SC_NPROCESSORS_ONLN));
        json_real(&p.j, "load", load[0]);
        json_exact(&p.j, "memory", memory_line(text, "MemTotal"));
        json_exact(&p.j, "memory_free", memory_line(text, "MemAvailable"));
        json_exact(&p.j, "disk", has_disk ? block * (double)disk.f_blocks : block);
        json_exact(&p.j, "disk_free", has_disk ? block * (double)disk.f_bavail : block);
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
    {"GET", "/machine", get_machine},
    {"GET", "/events", get_events},
}};
