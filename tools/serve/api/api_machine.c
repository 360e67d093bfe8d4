/* What the machine has, and what of it is taken now. */
#define _DEFAULT_SOURCE /* getloadavg, strndup */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "../server.h"
#include "../stand.h"
#include "../web/reply.h"

/* KiB of a line of /proc/meminfo; NaN: it has none. */
static double memory_line(const char *text, const char *name)
{
    unsigned long long kib;
    const char *at = strstr(text, name);
    return at && sscanf(at + strlen(name), ": %llu", &kib) == 1 ? (double)kib * 1024 : (double)NAN;
}

/* `now` is what tenon-doctor has said: a line of JSON; NULL: nothing, and `why` says why. */
static void tell_machine(const char *workspace, const char *now, const char *why, answer *a)
{
    char text[4096] = "";
    double load[1] = {(double)NAN};
    struct statvfs disk;
    reply p;
    FILE *f = fopen("/proc/meminfo", "re");
    if (f) {
        text[fread(text, 1, sizeof text - 1, f)] = '\0';
        fclose(f);
    }
    (void)getloadavg(load, 1);
    const bool has_disk = statvfs(workspace, &disk) == 0;
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
        if (now)
            json_number_text(&p.j, "now", now);
        else
            json_null(&p.j, "now");
        json_text(&p.j, "now_error", why);
        json_end(&p.j, '}');
    }
    reply_end(&p, a, 200);
}

static size_t whole(const char *bytes, size_t size)
{
    const char *end = memchr(bytes, '\n', size);
    return end ? (size_t)(end - bytes) + 1 : 0;
}

typedef struct asked {
    const char *workspace; /* the server's */
} asked;

static void tell(void *with, const child_said *said, answer *a)
{
    const asked *q = with;
    char *line = said->status == 0 ? strndup(said->out, whole(said->out, said->size) - 1) : NULL;
    tell_machine(q->workspace, line,
                 line                ? NULL
                 : said->status == 0 ? "no memory"
                                     : said->error,
                 a);
    free(line);
}

/* GET /machine: GPUs and how busy the cores were since the last question, by a tenon-doctor that stays up. */
static void get_machine(server *s, const request *r, const char *const id[], answer *a)
{
    const char *const words[] = {"tenon-doctor", "--watch", "0", "--json", s->workspace, NULL};
    const stand_way way = {.words = words, .seconds = 5, .whole = whole};
    asked *q = malloc(sizeof *q);
    (void)id;
    if (!q) {
        reply_error(a, 503, NULL, "the server has no memory left");
        return;
    }
    q->workspace = s->workspace;
    stand_ask(r, a, &way, "\n", 1, tell, q);
}

const api api_machine = {{
    {"GET", "/machine", get_machine},
}};
