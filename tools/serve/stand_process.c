#define _GNU_SOURCE /* pipe2 */

#include "stand_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stand.h"

enum { FIRST_BYTES = 65536 };

void process_stop(process *p)
{
    if (p->pid == 0)
        return;
    close(p->to);
    close(p->from);
    close(p->error);
    kill(p->pid, SIGKILL);
    while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    p->pid = 0;
}

int process_start(process *p, const char *const *words, size_t memory)
{
    int pipes[3][2];
    int made = 0, status = 0;
    while (made < 3 && pipe2(pipes[made], O_CLOEXEC) == 0)
        made++;
    status = made < 3
                 ? errno
                 : child_spawn(&p->pid, words, pipes[0][0], pipes[1][1], pipes[2][1], CHILD_SHORT);
    for (int i = 0; i < made; i++)
        close(pipes[i][i == 0 ? 0 : 1]);
    if (status == 0) {
        p->to = pipes[0][1];
        p->from = pipes[1][0];
        p->error = pipes[2][0];
        if (memory)
            child_limit(p->pid, RLIMIT_AS, memory);
        return 0;
    }
    for (int i = 0; i < made; i++)
        close(pipes[i][i == 0 ? 1 : 0]);
    p->pid = 0;
    return status;
}

bool process_take(process *p)
{
    if (p->capacity - p->size < FIRST_BYTES) {
        const size_t capacity = 2 * p->capacity + 2 * FIRST_BYTES;
        char *bytes = capacity <= 2 * STAND_BYTES ? realloc(p->bytes, capacity) : NULL;
        if (!bytes)
            return false;
        p->bytes = bytes;
        p->capacity = capacity;
    }
    const ssize_t got = read(p->from, p->bytes + p->size, p->capacity - p->size - 1);
    p->size += got > 0 ? (size_t)got : 0;
    p->bytes[p->size] = '\0';
    return got > 0 || (got < 0 && errno == EINTR);
}

/* A sentence comes in pieces; of too many sentences the first ones are kept. */
void process_take_why(process *p)
{
    char rest[PROCESS_WHY];
    const size_t has = strlen(p->why), room = sizeof p->why - 1 - has;
    const ssize_t got = read(p->error, room ? p->why + has : rest, room ? room : sizeof rest);
    if (got > 0 && room)
        p->why[has + (size_t)got] = '\0';
}

const char *process_why_ended(process *p)
{
    struct pollfd error = {.fd = p->error, .events = POLLIN};
    while (poll(&error, 1, 0) > 0 && error.revents & POLLIN)
        process_take_why(p);
    p->why[strcspn(p->why, "\n")] = '\0';
    const char *colon = strstr(p->why, ": ");
    return colon ? colon + 2 : p->why[0] ? p->why : "it was ended by what it was asked";
}
