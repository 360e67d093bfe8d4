/* tenon-run repeat, requeue: runs that begin again, or go on, by tenon-train. */
#define _XOPEN_SOURCE 700 /* realpath, setsid, nanosleep, readlink */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../common/args.h"
#include "../common/json_read.h"
#include "../common/workspace.h"
#include "run.h"

static struct {
    const char *workspace, *run, *device;
} flags;

/* ---- starting tenon-train ------------------------------------------------------------------------- */

/* That beside this program; else the one of PATH. */
static const char *trainer(void)
{
    static char path[PATH_MAX];
    static const char name[] = "tenon-train";
    const ssize_t length = readlink("/proc/self/exe", path, sizeof path - sizeof name - 1);
    path[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash) {
        memcpy(slash + 1, name, sizeof name);
        if (access(path, X_OK) == 0)
            return path;
    }
    return name;
}

static _Noreturn void become(char **words)
{
    words[0] = (char *)(uintptr_t)trainer();
    execvp(words[0], words);
    run_fail("%s cannot be started: %s", words[0], strerror(errno));
}

static char *copy(const char *text)
{
    char *own = strdup(text);
    if (!own)
        run_fail("no memory for a command line");
    return own;
}

/* ---- repeat ---------------------------------------------------------------------------------------- */

int run_repeat(int argc, char **argv)
{
    enum { MOST = 10 };
    static const arg options[] = {
        ARG_WORKSPACE(&flags.workspace),
        {ARG_TEXT, "run", "NAME|DIR", "the new run; default: a name of the net and the time",
         &flags.run, 0, 0},
        {ARG_TEXT, "device", "NAME", "another of the same kind; default: as it was", &flags.device,
         0, 0},
    };
    const args a = {
        .usage = "tenon-run repeat RUN [options]",
        .about = "Does what a run did, from its beginning, as another run: its recipe, and "
                 "its orders at their steps.\nOn the same kind of device the numbers are the "
                 "same, bit for bit; `tenon run compare` looks.",
        .more = "Exit status: as tenon train.",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .min_words = 1,
        .max_words = 1,
        .words = "the name of a run"};
    args_parse(&a, argc, argv);
    tn_run_info *r = run_named(flags.workspace, argv[1]);
    char *words[MOST] = {NULL, copy("--repeat"), realpath(r->folder, NULL)};
    const char *const given[][2] = {
        {"--workspace", flags.workspace}, {"--run", flags.run}, {"--device", flags.device}};
    int count = 3;
    for (int i = 0; i < 3; i++)
        if (given[i][1]) {
            words[count++] = copy(given[i][0]);
            words[count++] = copy(given[i][1]);
        }
    tn_run_info_close(r);
    if (!words[2])
        run_fail("%s: %s", run_text(argv[1]), strerror(errno));
    become(words);
}

/* ---- requeue --------------------------------------------------------------------------------------- */

enum { WORDS = 4096 };

/* What command.json says, of a run that has not begun yet: in `words`, and the folder to start it in. */
static void read_command(const tn_run_info *r, char **words, char **folder)
{
    enum { BYTES = 1 << 20 };
    char path[RUN_PATH + 16], *text = calloc(BYTES, 1);
    snprintf(path, sizeof path, "%s/command.json", r->folder);
    FILE *f = text ? fopen(path, "re") : NULL;
    if (f && fread(text, 1, BYTES - 1, f) == 0)
        text[0] = '\0';
    if (f)
        fclose(f);
    json_value *v = f ? json_parse(text) : NULL;
    const char *where = json_string(json_member(v, "folder"));
    const json_value *word = json_first(json_member(v, "command"));
    const char *name = json_string(word), *slash = name ? strrchr(name, '/') : NULL;
    if (!where || !name)
        args_fail("%s: does not say how the run was started", run_text(path));
    if (strcmp(slash ? slash + 1 : name, "tenon-train") != 0)
        args_fail("%s was started by %s, and only tenon-train is started again", run_text(r->name),
                  run_text(name));
    int count = 1;
    while ((word = json_next(word)) && count < WORDS - 1) {
        if (!json_string(word))
            args_fail("%s: its command is no list of words", run_text(path));
        words[count++] = copy(json_string(word));
    }
    *folder = copy(where);
    json_free(v);
    free(text);
}

/* Of one that has begun: it goes on. The workspace is that which its folder is in. */
static void resume_command(const tn_run_info *r, char **words)
{
    static const char runs[] = "/runs";
    char *whole = realpath(r->folder, NULL);
    if (!whole)
        run_fail("%s: %s", run_text(r->folder), strerror(errno));
    int count = 1;
    words[count++] = copy("--resume");
    words[count++] = whole;
    words[count++] = copy("--queue");
    char *workspace = copy(whole), *slash = strrchr(workspace, '/');
    *slash = '\0';
    const size_t length = strlen(workspace), end = strlen(runs);
    if (length > end && strcmp(workspace + length - end, runs) == 0) {
        workspace[length - end] = '\0';
        words[count++] = copy("--workspace");
        words[count++] = workspace;
    } else {
        free(workspace);
    }
}

/* In a session of its own, so that it outlives the terminal; what it says goes to output.log. */
static pid_t start(const tn_run_info *r, char **words, const char *folder)
{
    char log[RUN_PATH + 16];
    snprintf(log, sizeof log, "%s/output.log", r->folder);
    const pid_t pid = fork();
    if (pid != 0)
        return pid;
    const int in = open("/dev/null", O_RDONLY),
              out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (setsid() < 0 || in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 ||
        dup2(out, 2) < 0)
        run_fail("%s: %s", log, strerror(errno));
    close(in);
    close(out);
    if (folder && chdir(folder) != 0)
        run_fail("%s: %s", folder, strerror(errno));
    become(words);
}

/* Until it holds its lock, or has ended: then that is what is told. */
static int see(const tn_run_info *r, pid_t pid)
{
    const struct timespec nap = {.tv_nsec = 20 * 1000 * 1000};
    for (;; nanosleep(&nap, NULL)) {
        int status;
        tn_run_info *now = NULL;
        const bool ended = waitpid(pid, &status, WNOHANG) == pid;
        const bool read = tn_run_read(&now, r->folder) == TN_OK;
        const bool alive = read && now->alive;
        tn_run_info_close(now);
        if (ended && !(WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
            args_warn("%s has ended at once; %s/output.log says why", run_text(r->name),
                      run_text(r->folder));
            return 1;
        }
        if (!alive && !ended)
            continue;
        printf("%s: started as process %ld; it talks to %s/output.log\n", run_text(r->name),
               (long)pid, run_text(r->folder));
        return 0;
    }
}

static bool has_begun(const tn_run_info *r)
{
    char path[RUN_PATH + 16];
    snprintf(path, sizeof path, "%s/config.json", r->folder);
    return access(path, F_OK) == 0;
}

/* One that says to have ended lets go of its lock in a moment. */
static bool is_alive(const tn_run_info *r)
{
    enum { TURNS = 250 };
    const struct timespec nap = {.tv_nsec = 20 * 1000 * 1000};
    bool alive = r->alive || r->elsewhere;
    for (int i = 0; i < TURNS && alive && r->state > TN_RUN_IS_STOPPING; i++) {
        tn_run_info *now = NULL;
        nanosleep(&nap, NULL);
        alive = tn_run_read(&now, r->folder) != TN_OK || now->alive;
        tn_run_info_close(now);
    }
    return alive;
}

static int requeue(const tn_run_info *r)
{
    static char *words[WORDS];
    char *folder = NULL;
    memset(words, 0, sizeof words);
    if (r->state == TN_RUN_IS_DONE)
        args_fail("%s is done", run_text(r->name));
    if (is_alive(r))
        args_fail("%s is alive: %s", run_text(r->name), tn_runs_state_name(r->state));
    if (has_begun(r))
        resume_command(r, words);
    else
        read_command(r, words, &folder);
    const pid_t pid = start(r, words, folder);
    if (pid < 0)
        run_fail("no process can be started: %s", strerror(errno));
    for (int i = 1; words[i]; i++)
        free(words[i]);
    free(folder);
    return see(r, pid);
}

/* Those of the workspace that died while they waited, as all do when the machine is started anew. */
static int requeue_all(void)
{
    char folder[RUN_PATH];
    tn_runs *runs = NULL;
    int status = 0, count = 0;
    runs_folder(folder, flags.workspace);
    if (tn_runs_list(&runs, folder) != TN_OK)
        args_fail("%s", run_text(tn_error()));
    for (int64_t i = 0; i < tn_runs_count(runs); i++) {
        const tn_run_info *r = tn_runs_at(runs, i);
        const char *said = tn_fields_text(r->all, "state");
        if (r->state != TN_RUN_IS_DIED || !said || strcmp(said, "queued") != 0)
            continue;
        count++;
        status |= requeue(r);
    }
    tn_runs_close(runs);
    if (count == 0)
        args_warn("no run of %s has died while it waited", run_text(folder));
    return status;
}

int run_requeue(int argc, char **argv)
{
    static const arg options[] = {ARG_WORKSPACE(&flags.workspace)};
    const args a = {
        .usage = "tenon-run requeue [RUN...] [options]",
        .about =
            "Has runs wait in the queue again: one that has begun goes on from its last "
            "checkpoint, "
            "one that died while\nit waited begins, as it was started. Without a name all that "
            "died "
            "while they waited, as when the machine was\nstarted anew. Each gets a process of its "
            "own that does not end with the terminal.",
        .more = "Exit status: 0; 1: one of them has ended at once; 2: one is alive, done, or was "
                "started "
                "by another program.",
        .options = options,
        .count = sizeof options / sizeof options[0],
        .max_words = -1,
        .words = "names of runs"};
    const int words = args_parse(&a, argc, argv);
    int status = words == 0 ? requeue_all() : 0;
    for (int i = 1; i <= words; i++) {
        tn_run_info *r = run_named(flags.workspace, argv[i]);
        status |= requeue(r);
        tn_run_info_close(r);
    }
    return fflush(stdout) == 0 ? status : 1;
}
