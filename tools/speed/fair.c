/* What makes a comparison of devices unfair: what the doctor finds slow here, and what others took of the machine meanwhile. */
#define _DEFAULT_SOURCE /* getrusage */

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "speed.h"

static double idle, all, own;

/* Ticks that this process has had of all cores. */
static double own_ticks(void)
{
    struct rusage u;
    if (getrusage(RUSAGE_SELF, &u) != 0)
        return 0;
    return ((double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
            (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6) *
           (double)sysconf(_SC_CLK_TCK);
}

void fair_begin(void)
{
    if (!cpu_times("", &idle, &all))
        all = -1;
    own = own_ticks();
}

/* The share of all cores that others had since then; below 0: unknown. */
static double others(void)
{
    double idle_now, all_now;
    if (all < 0 || !cpu_times("", &idle_now, &all_now) || all_now <= all)
        return -1;
    const double taken = all_now - all - (idle_now - idle) - (own_ticks() - own);
    return taken > 0 ? taken / (all_now - all) : 0;
}

static const char *get_variable(const char *name)
{
    return getenv(name);
}

/* What the doctor finds that is nothing to a batch that lies in memory. */
static bool matters(const char *id)
{
    static const char *const not [] = {"disk-", "jpeg-", "nccl-", "shm-", "no-p2p", "no-folder"};
    for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
        if (strncmp(id, not [i], strlen(not [i])) == 0)
            return false;
    return true;
}

void fair_end(const column *c, findings *out)
{
    static facts f;
    static findings found;
    const double busy = others();
    f.variable = get_variable;
    build_look(&f.build);
    gpus_look(&f.gpus, "");
    host_look(&f.host, "");
    disk_look(&f.disk, ".");
    libraries_look(&f);
    f.host.busy = busy;
    judge(&f, &found);
    const int threads = threads_of(c[CPU].description);
    if (!c[CPU].absent && threads > 0 && threads < f.host.threads)
        find(out, SLOW, "threads-few",
             "The CPU's column has %d thread%s of %d: --cpu %s says so.|Let it have them all.",
             threads, threads == 1 ? "" : "s", f.host.threads, c[CPU].device);
    for (int i = 0; i < found.count; i++)
        if (found.at[i].level > NOTE && matters(found.at[i].id) && out->count < MAX_FINDINGS)
            out->at[out->count++] = found.at[i];
}
