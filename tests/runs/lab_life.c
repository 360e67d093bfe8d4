#define _DEFAULT_SOURCE /* POSIX 2008, and scandir */

#include "lab_life.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab_sim.h"

extern char **environ;
static const char *program;

/* ---- a life ----------------------------------------------------------------------------------- */

enum { WORDS = 6, SAME_WORDS = 5 };

void lab_life_main(int argc, char **argv, const lab_run_kind *kinds)
{
    program = argv[0];
    if (access("/dev/shm", W_OK) == 0) /* a disk would be waited for, thousands of times */
        setenv("TMPDIR", "/dev/shm", 0);
    if (argc == SAME_WORDS && strcmp(argv[1], "same") == 0) {
        lab_same_runs("these runs", argv[2], argv[3], strcmp(argv[4], "stopped") == 0);
        exit(0);
    }
    if (argc != WORDS || strcmp(argv[1], "life") != 0)
        return;
    const lab_run_kind *kind = &kinds[atoi(argv[3])];
    const int64_t until = atoll(argv[4]);
    const lab_end end = (lab_end)atoi(argv[5]);
    const lab_sim *sim = lab_find_sim();
    if (sim)
        sim->set_devices(2);
    lab_run r;
    lab_run_plan(&r, kind);
    assert_ok(lab_run_open(&r, argv[2], true));
    r.dies = end == LAB_KILL_EVALUATING;
    lab_run_train(&r, end == LAB_TERM ? until - 1 : until);
    if (end == LAB_KILL)
        raise(SIGKILL);
    if (end == LAB_TERM) {
        if (tn_device_rank(r.device) == tn_device_ranks(r.device) - 1) /* one rank is enough */
            tn_run_signal(r.run, SIGTERM);
        lab_run_train(&r, until + 1);
        assert_true(r.orders.stop);
    }
    lab_run_end(&r, end == LAB_TERM ? TN_RUN_STOPPED : TN_RUN_DONE);
    exit(0);
}

static int start(const char *folder, int kind, int64_t until, lab_end end)
{
    char own[16], steps[24], how[16];
    snprintf(own, sizeof own, "%d", kind);
    snprintf(steps, sizeof steps, "%lld", (long long)until);
    snprintf(how, sizeof how, "%d", (int)end);
    char name[1100], life[] = "life", path[1100];
    snprintf(name, sizeof name, "%s", program);
    snprintf(path, sizeof path, "%s", folder);
    char *const args[WORDS + 1] = {name, life, path, own, steps, how, NULL};
    pid_t pid;
    if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, args, environ) != 0)
        fail_msg("%s cannot be started", program);
    return pid;
}

int lab_life_begin(const char *folder, int kind, int64_t until)
{
    return start(folder, kind, until, LAB_DONE);
}

void lab_life(const char *folder, int kind, int64_t until, lab_end end)
{
    int status = 0;
    waitpid(start(folder, kind, until, end), &status, 0);
    const bool killed = end == LAB_KILL || end == LAB_KILL_EVALUATING;
    const bool right = killed ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
                              : WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!right)
        fail_msg("a life until step %lld ended with status 0x%x", (long long)until, status);
}

/* ---- what is the same ------------------------------------------------------------------------- */

typedef struct effective {
    char **line;
    int count;
} effective;

static double step_of(const cJSON *j)
{
    return cJSON_GetNumberValue(cJSON_GetObjectItem(j, "step"));
}

/* Without what the machine's speed makes of it. */
static char *timeless(cJSON *j)
{
    static const char *const times[] = {"t", "images_s", "wait", "seconds"};
    for (size_t i = 0; i < TN_COUNT(times); i++)
        cJSON_DeleteItemFromObject(j, times[i]);
    return cJSON_PrintUnformatted(j);
}

static bool counts(const char *kind, bool stopped)
{
    static const char *const never[] = {"start", "resume", "end"};
    for (size_t i = 0; i < TN_COUNT(never); i++)
        if (strcmp(kind, never[i]) == 0)
            return false;
    return !stopped || strcmp(kind, "step") == 0 || strcmp(kind, "epoch") == 0;
}

/* The lines that count, as any reader finds them: "resume" drops those of later steps. */
static effective read_log(const char *folder, bool stopped)
{
    enum { MOST = 4000 };
    static double steps[MOST];
    char path[1200], *text = NULL;
    size_t room = 0;
    effective e = {.line = calloc(MOST, sizeof(char *))};
    snprintf(path, sizeof path, "%s/log.jsonl", folder);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (getline(&text, &room, f) > 0) {
        cJSON *j = cJSON_Parse(text);
        if (!j)
            fail_msg("%s: %s", path, text);
        const char *kind = cJSON_GetStringValue(cJSON_GetObjectItem(j, "e"));
        if (strcmp(kind, "resume") == 0)
            while (e.count > 0 && steps[e.count - 1] > step_of(j))
                free(e.line[--e.count]);
        if (counts(kind, stopped)) {
            assert_true(e.count < MOST);
            steps[e.count] = step_of(j);
            e.line[e.count++] = timeless(j);
        }
        cJSON_Delete(j);
    }
    free(text);
    fclose(f);
    return e;
}

static void same_logs(const char *why, const char *folder, const char *other, bool stopped)
{
    const effective a = read_log(folder, stopped), b = read_log(other, stopped);
    for (int i = 0; i < a.count && i < b.count; i++)
        if (strcmp(a.line[i], b.line[i]) != 0)
            fail_msg("%s: line %d of the log is\n%s\nand not\n%s", why, i + 1, b.line[i],
                     a.line[i]);
    if (a.count != b.count)
        fail_msg("%s: %d lines, not %d", why, b.count, a.count);
    assert_true(a.count > 0);
    for (int i = 0; i < a.count; i++) {
        free(a.line[i]);
        free(b.line[i]);
    }
    free(a.line);
    free(b.line);
}

static char *read_file(const char *folder, const char *name, size_t *bytes)
{
    enum { MOST = 1 << 20 };
    char path[1500], *text = malloc(MOST);
    snprintf(path, sizeof path, "%s/checkpoints/%s", folder, name);
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s is not there", path);
    *bytes = fread(text, 1, MOST, f);
    fclose(f);
    return text;
}

static void same_file(const char *why, const char *folder, const char *other, const char *name)
{
    size_t bytes, other_bytes;
    char *a = read_file(folder, name, &bytes), *b = read_file(other, name, &other_bytes);
    if (bytes != other_bytes || memcmp(a, b, bytes) != 0)
        fail_msg("%s: %s is another file", why, name);
    free(a);
    free(b);
}

static int is_checkpoint(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

void lab_same_runs(const char *why, const char *folder, const char *other, bool stopped)
{
    struct dirent **name;
    char path[1200];
    same_logs(why, folder, other, stopped);
    snprintf(path, sizeof path, "%s/checkpoints", folder);
    const int count = scandir(path, &name, is_checkpoint, alphasort);
    assert_true(count > 1);
    for (int i = 0; i < count; i++) {
        if (!stopped || i == count - 1)
            same_file(why, folder, other, name[i]->d_name);
        free(name[i]);
    }
    free(name);
    snprintf(path, sizeof path, "%s/checkpoints", other);
    if (!stopped)
        assert_int_equal(lab_entries(path), count);
}
