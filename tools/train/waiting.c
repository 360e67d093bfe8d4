#define _POSIX_C_SOURCE 200809L /* fork, pipe */
/* --queue: a run that waits for its turn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tenon/queue.h>

#include "../common/args.h"
#include "../common/stop.h"
#include "job.h"

/* ---- what it will take ------------------------------------------------------------------------ */

/* Found out by a process of its own, so that this one has no threads yet, and no context on a GPU, when it is let in. */
typedef struct need {
    char device[256]; /* that it would take now */
    size_t host, on_device;
} need;

static void measure(session *s, need *n)
{
    s->dry = true;
    session_open(s);
    const size_t total = tn_plan_memory(s->plan).total;
    const char *name = tn_device_name(s->device);
    snprintf(n->device, sizeof n->device, "%s", name);
    if (strncmp(name, "cpu", 3) == 0)
        n->host = total;
    else
        n->on_device = total;
}

static need find_need(job *j)
{
    need n = {{0}};
    int ends[2], status;
    fflush(NULL);
    if (pipe(ends) != 0)
        run_fail("a plan of what the run will take cannot be made: no pipe");
    const pid_t child = fork();
    if (child < 0)
        run_fail("a plan of what the run will take cannot be made: no process");
    if (child == 0) {
        measure(&j->s, &n);
        _exit(write(ends[1], &n, sizeof n) == (ssize_t)sizeof n ? 0 : 1);
    }
    close(ends[1]);
    const bool got = read(ends[0], &n, sizeof n) == (ssize_t)sizeof n;
    close(ends[0]);
    if (waitpid(child, &status, 0) != child || !got || status != 0)
        exit(WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status)
                                                      : 1); /* it has said why */
    return n;
}

/* ---- waiting ---------------------------------------------------------------------------------- */

/* "cuda:0" that nobody asked for is any GPU; a number of threads is one of cores. */
static void name_device(char name[256], const recipe *r, const need *n)
{
    const bool cpu = strncmp(n->device, "cpu", 3) == 0;
    snprintf(name, 256, "%s", r->device ? r->device : n->device);
    if (!r->device && !cpu)
        name[strcspn(name, ":,")] = '\0';
    const size_t used = strlen(name);
    if (cpu && r->threads > 0 && !strstr(name, "threads="))
        snprintf(name + used, 256 - used, ",threads=%lld", (long long)r->threads);
}

static void tell_waiting(void *unused, const char *text)
{
    (void)unused;
    printf("waiting  %s\n", text);
    fflush(stdout);
}

void job_wait(job *j, const char *workspace, const char *const *command)
{
    const need n = find_need(j);
    static char device[256];
    tn_queue *place = NULL;
    name_device(device, &j->s.r, &n);
    stop_catch(NULL);
    const char *name = strrchr(j->folder, '/');
    const tn_status status =
        tn_queue_wait(&place, &(tn_queue_opts){.folder = getenv("TENON_SLOTS") ? NULL : workspace,
                                               .name = name ? name + 1 : j->folder,
                                               .device = device,
                                               .host_bytes = n.host,
                                               .device_bytes = n.on_device,
                                               .run = j->folder,
                                               .lock_fd = (int)j->lock_fd,
                                               .command = command,
                                               .stop = stop_flag(),
                                               .tell = tell_waiting});
    if (status == TN_END)
        exit(stop_status());
    if (status != TN_OK)
        args_fail("%s", tn_error());
    snprintf(device, sizeof device, "%s", tn_queue_device(place));
    j->s.r.device = device;
    j->lock_fd = tn_queue_lock(place);
    j->place = place;
}
