/* tenon-run wait: until runs have ended. */
#define _POSIX_C_SOURCE 200809L /* nanosleep */

#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "../common/args.h"
#include "../common/progress.h"
#include "../common/workspace.h"
#include "run.h"

static struct {
    const char *workspace;
    double timeout;
    bool quiet;
} flags;

static const char about[] = "Waits until a run has ended, and ends as its trainer did: 0 if it is "
                            "done, 1 if it failed or died, 130 if it was stopped.";

static const char more[] =
    "Exit status: as above; 2: there is no such run; 3: it has not ended within --timeout.";

static const arg options[] = {
    ARG_WORKSPACE(&flags.workspace),
    {ARG_REAL, "timeout", "SECONDS", "wait no longer than that; default: for ever", &flags.timeout,
     ARG_ABOVE_0, 1e9},
    {ARG_FLAG, "quiet", NULL, "say nothing", &flags.quiet, 0, 0},
};

static int status_of(const tn_run_info *r)
{
    switch (r->state) {
    case TN_RUN_IS_DONE:
        return 0;
    case TN_RUN_IS_STOPPED:
        return 128 + SIGINT;
    default:
        return 1;
    }
}

static void say(const tn_run_info *r)
{
    if (flags.quiet)
        return;
    printf("%s %s: step %lld%s%s\n", run_text(r->name), run_state_text(r),
           (long long)(r->step < 0 ? 0 : r->step), r->reason ? ", " : "",
           r->reason ? run_text(r->reason) : "");
    if (r->state == TN_RUN_IS_DIED && r->checkpoint)
        printf("it can go on from step %lld\n", (long long)r->checkpoint_step);
}

int run_wait(int argc, char **argv)
{
    const args a = {.usage = "tenon-run wait RUN [options]",
                    .about = about,
                    .more = more,
                    .options = options,
                    .count = sizeof options / sizeof options[0],
                    .min_words = 1,
                    .max_words = 1,
                    .words = "the name of a run"};
    const struct timespec nap = {.tv_nsec = 250 * 1000 * 1000};
    args_parse(&a, argc, argv);
    const double began = seconds();
    tn_run_info *r = run_named(flags.workspace, argv[1]);
    for (;; nanosleep(&nap, NULL)) {
        tn_run_info *now = NULL;
        if (tn_run_read(&now, r->folder) != TN_OK)
            run_fail("%s", run_text(tn_error()));
        tn_run_info_close(r);
        r = now;
        const bool ended = r->state > TN_RUN_IS_STOPPING;
        if (!ended && !(flags.timeout > 0 && seconds() - began > flags.timeout))
            continue;
        const int status = ended ? status_of(r) : 3;
        say(r);
        tn_run_info_close(r);
        return fflush(stdout) == 0 ? status : 1;
    }
}
