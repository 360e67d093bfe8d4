#define _DEFAULT_SOURCE /* usleep */

#include "lab_queue.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static const char *program, *folder;

void lab_queue_begin(void)
{
    folder = lab_make_folder();
}

void lab_queue_end(void)
{
    lab_remove(folder);
}

const char *lab_queue_folder(void)
{
    return folder;
}

const char *lab_queue_path(const char *name)
{
    static char path[2][1200];
    static int next;
    next = !next;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
    return path[next];
}

void lab_queue_slots(const char *kind, int count)
{
    char name[64];
    assert_int_equal(mkdir(lab_queue_path("slots"), 0777), 0);
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "slots/%s-%d", kind, i);
        const int fd = open(lab_queue_path(name), O_RDWR | O_CREAT, 0666);
        assert_true(fd >= 0);
        close(fd);
    }
}

/* ---- a job: "job FOLDER NAME DEVICE BYTES MICROSECONDS" ----------------------------------------- */

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

/* One write, so that lines of all jobs stand in the order in which they were written. */
static void say(const char *path, const char *what, const char *name, const char *device)
{
    char line[200];
    const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT, 0666);
    const int length =
        snprintf(line, sizeof line, "%s %s %s %ld\n", what, name, device, (long)getpid());
    if (fd < 0 || write(fd, line, (size_t)length) != length)
        exit(9);
    close(fd);
}

void lab_queue_main(int argc, char **argv)
{
    char log[1200], run[1300];
    program = argv[0];
    if (argc != 7 || strcmp(argv[1], "job") != 0)
        return;
    tn_queue *place = NULL;
    signal(SIGTERM, stop);
    alarm(120);
    snprintf(log, sizeof log, "%s/log", argv[2]);
    snprintf(run, sizeof run, "%s/runs/%s", argv[2], argv[3]);
    const bool is_run = argv[3][0] == 'r';
    const tn_status status =
        tn_queue_wait(&place, &(tn_queue_opts){.folder = argv[2],
                                               .name = argv[3],
                                               .device = argv[4],
                                               .host_bytes = strtoull(argv[5], NULL, 10),
                                               .run = is_run ? run : NULL,
                                               .command = (const char *[]){"a", "b c", NULL},
                                               .stop = &stopped});
    if (status != TN_OK) {
        fprintf(stderr, "%s: %s\n", argv[3], tn_error());
        exit(status == TN_END ? 7 : 8);
    }
    say(log, "begin", argv[3], tn_queue_device(place));
    usleep((useconds_t)strtoul(argv[6], NULL, 10));
    say(log, "end", argv[3], tn_queue_device(place));
    tn_queue_leave(place);
    exit(0);
}

pid_t lab_queue_start(const char *name, const char *device, uint64_t bytes, int microseconds)
{
    char *words[7] = {strdup(program), strdup("job"), strdup(folder), strdup(name),
                      strdup(device),  malloc(32),    malloc(32)};
    snprintf(words[5], 32, "%llu", (unsigned long long)bytes);
    snprintf(words[6], 32, "%d", microseconds);
    char *const args[] = {words[0], words[1], words[2], words[3],
                          words[4], words[5], words[6], NULL};
    pid_t pid;
    assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, args, environ), 0);
    for (int i = 0; i < 7; i++)
        free(words[i]);
    return pid;
}

int lab_queue_end_of(pid_t child)
{
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* So many tickets are there: the last one who came waits. */
void lab_queue_until_tickets(int count)
{
    for (int i = 0; i < 30000; i++, usleep(1000))
        if (lab_exists(lab_queue_path("queue")) &&
            lab_entries(lab_queue_path("queue")) == count + 1) /* lock */
            return;
    fail_msg("there are %d entries, not %d tickets", lab_entries(lab_queue_path("queue")), count);
}

/* ---- what the jobs said -------------------------------------------------------------------------- */

int lab_queue_log(lab_line *to, int most)
{
    FILE *f = fopen(lab_queue_path("log"), "r");
    int count = 0;
    while (f && count < most &&
           fscanf(f, "%7s %63s %31s %*d", to[count].what, to[count].name, to[count].device) == 3)
        count++;
    if (f)
        fclose(f);
    return count;
}

bool lab_queue_has_begun(const char *name)
{
    static lab_line all[256];
    const int count = lab_queue_log(all, 256);
    for (int i = 0; i < count; i++)
        if (strcmp(all[i].what, "begin") == 0 && strcmp(all[i].name, name) == 0)
            return true;
    return false;
}

void lab_queue_until_begun(const char *name)
{
    for (int i = 0; i < 30000 && !lab_queue_has_begun(name); i++)
        usleep(1000);
    assert_true(lab_queue_has_begun(name));
}
