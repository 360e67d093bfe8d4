/* Programs that live on, whatever becomes of the server: trainings. */
#define _GNU_SOURCE /* strerrordesc_np */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "web/reply.h"

enum { LAST = 4096 /* bytes of what it said */, MOMENT = 50000000 };

static void *wait_for(void *with)
{
    const pid_t pid = (pid_t)(intptr_t)with;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return NULL;
}

static int start(const char *const *words, const char *output, pid_t *pid)
{
    const int fd = open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return errno;
    const int status = child_spawn(pid, words, -1, fd, fd, CHILD_LIVES);
    close(fd);
    return status;
}

int child_start(const char *const *words, const char *output)
{
    pid_t pid;
    const int status = start(words, output, &pid);
    if (status == 0) /* without a thread it stays in the table of processes until the server ends */
        (void)child_thread(wait_for, (void *)(intptr_t)pid);
    return status;
}

/* ---- one whose beginning is looked at ------------------------------------------------------------------ */

typedef struct beginner {
    struct http_call *call;
    pid_t pid;
    double seconds;
    char *output, *ready;
    child_tell *tell;
    void *with;
} beginner;

static void forget(beginner *b)
{
    free(b->output);
    free(b->ready);
    free(b->with);
    free(b);
}

/* The last bytes of a file, from the begin of a line. */
static const char *read_last(const char *path, char text[LAST + 1])
{
    FILE *f = fopen(path, "re");
    size_t size = 0;
    if (f) {
        const bool all = fseek(f, -LAST, SEEK_END) != 0;
        if (all)
            rewind(f);
        size = fread(text, 1, LAST, f);
        fclose(f);
    }
    text[size] = '\0';
    while (size > 0 && text[size - 1] == '\n')
        text[--size] = '\0';
    const char *line = strrchr(text, '\n');
    return line ? line + 1 : text;
}

static void give(beginner *b, int status, const char *said)
{
    answer a = {.status = 500};
    const child_said told = {.status = status, .out = said, .size = strlen(said)};
    b->tell(b->with, &told, &a);
    http_give(b->call, &a);
    child_leave();
}

static void *attend(void *with)
{
    beginner *b = with;
    char text[LAST + 1];
    int ended = 0;
    bool has_ended = false, has_begun = false;
    for (double waited = 0; waited < b->seconds && !child_ends(); waited += MOMENT / 1e9) {
        nanosleep(&(struct timespec){.tv_nsec = MOMENT}, NULL);
        has_ended = waitpid(b->pid, &ended, WNOHANG) == b->pid;
        has_begun = access(b->ready, F_OK) == 0;
        if (has_ended || has_begun)
            break;
    }
    if (has_begun || !has_ended) {
        give(b, -1, "");
        if (!has_ended && b->seconds > 0)
            wait_for((void *)(intptr_t)b->pid);
    } else {
        const int status = WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
        const char *said = read_last(b->output, text);
        if (status >
            0) /* it has never been a run; before it is told, for the next one may have the same name */
            (void)unlink(b->output);
        give(b, status, said);
    }
    forget(b);
    return NULL;
}

void child_begin(const request *r, answer *a, const char *const *words, const char *output,
                 const char *ready, double seconds, child_tell *tell, void *with)
{
    beginner *b = calloc(1, sizeof *b);
    if (!b || !(b->output = strdup(output)) || !(b->ready = strdup(ready)) || !with) {
        free(with);
        if (b)
            forget(b);
        reply_error(a, 503, NULL, "the server has no memory left");
        return;
    }
    b->seconds = seconds;
    b->tell = tell;
    b->with = with;
    if (!child_enter(a)) {
        forget(b);
        return;
    }
    const int status = start(words, output, &b->pid);
    if (status) {
        (void)unlink(output);
        child_leave();
        forget(b);
        reply_error(a, 500, NULL, "%s cannot be started: %s", words[0], strerrordesc_np(status));
        return;
    }
    b->call = http_later(r, a);
    if (!child_thread(attend, b)) {
        b->seconds = 0; /* it lives, and is not looked at */
        attend(b);
    }
}
