/* What changes of a machine, every so many seconds: for the page of tenon serve, and for whoever looks on. */
#define _POSIX_C_SOURCE 200809L /* nanosleep */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../common/args.h"
#include "doctor.h"

typedef struct moment {
    double busy; /* share of all cores; below 0: not known yet */
    host_facts host;
    disk_facts disk;
    gpus_facts gpus;
} moment;

static void tell_moment_json(const moment *m)
{
    json j = {.to = stdout, .flat = true};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    json_object(&j, NULL);
    json_exact(&j, "t", (double)now.tv_sec + (double)(now.tv_nsec / 1000000) / 1e3);
    json_maybe(&j, "cpu_busy", m->busy);
    json_maybe(&j, "memory_bytes", m->host.memory);
    json_maybe(&j, "memory_available_bytes", m->host.available);
    json_maybe(&j, "shm_free_bytes", m->host.shm_free);
    json_maybe(&j, "disk_bytes", m->disk.size);
    json_maybe(&j, "disk_free_bytes", m->disk.free);
    json_array(&j, "gpus");
    for (int i = 0; i < m->gpus.count; i++) {
        json_object(&j, NULL);
        gpu_json(&j, &m->gpus.gpu[i]);
        json_end(&j, '}');
    }
    json_end(&j, ']');
    json_end(&j, '}');
}

/* What NVML does not say is a dash. */
static void tell_number(double number, int digits, const char *unit)
{
    if (number < 0)
        printf("-%s", unit);
    else
        printf("%.*f%s", digits, number, unit);
}

static void tell_gpu(int i, const gpu_facts *g)
{
    char why[WORDS];
    clock_reasons(g->reasons, why);
    printf("  GPU %d ", i);
    tell_number(g->busy, 0, " % ");
    tell_number(g->used / 1e9, 1, " of ");
    tell_number(g->memory / 1e9, 1, " GB ");
    tell_number(g->watts, 0, " W ");
    tell_number(g->celsius, 0, " C");
    printf("%s%s", *why ? ", slowed by " : "", why);
}

static void tell_moment_text(const moment *m)
{
    char now[16];
    const time_t t = time(NULL);
    struct tm local;
    strftime(now, sizeof now, "%H:%M:%S", localtime_r(&t, &local));
    printf("%s  CPU ", now);
    tell_number(100 * m->busy, 0, " %  memory ");
    tell_number(m->host.available / 1e9, 1, " of ");
    tell_number(m->host.memory / 1e9, 1, " GB free");
    for (int i = 0; i < m->gpus.count; i++)
        tell_gpu(i, &m->gpus.gpu[i]);
    printf("\n");
}

/* Until there is a line of stdin; its end is that of the program. */
static void wait_for_question(void)
{
    int c;
    while ((c = getchar()) != '\n')
        if (c == EOF)
            exit(0);
}

void watch(double every, const char *folder, bool as_json)
{
    moment m = {.busy = -1};
    double idle = 0, all = 0, idle_now, all_now;
    bool known = cpu_times("", &idle, &all);
    if (every == 0)
        wait_for_question();
    for (;;) {
        memory_look(&m.host, "");
        disk_look(&m.disk, folder);
        nvml_look(&m.gpus);
        (as_json ? tell_moment_json : tell_moment_text)(&m);
        if (fflush(stdout) != 0)
            exit(1); /* nobody reads on */
        if (every == 0)
            wait_for_question();
        else
            nanosleep(&(struct timespec){.tv_sec = (time_t)every,
                                         .tv_nsec = (long)(1e9 * (every - floor(every)))},
                      NULL);
        known = cpu_times("", &idle_now, &all_now) && known;
        m.busy = known && all_now > all ? 1 - (idle_now - idle) / (all_now - all) : -1;
        idle = idle_now;
        all = all_now;
    }
}
