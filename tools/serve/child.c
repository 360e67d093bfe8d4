#define _GNU_SOURCE /* pipe2, POSIX_SPAWN_SETSID, environ, prlimit */

#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "web/reply.h"

enum { STACK = 256 << 10, SAYS = 4096, LOCK = 3 /* the open file that a job is handed */ };

static atomic_int running;
static atomic_bool ends;

/* ---- starting --------------------------------------------------------------------------------------- */

/* Of "tenon-train" the one beside this program, if there is one. */
static void find(char path[PATH_MAX], const char *program)
{
    const ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(path, '/');
    const size_t left = slash ? (size_t)(path + PATH_MAX - slash) : 0;
    if (slash && (size_t)snprintf(slash, left, "/%s", program) < left && access(path, X_OK) == 0)
        return;
    snprintf(path, PATH_MAX, "%s", program);
}

static bool goes_on(const char *variable)
{
    static const char *const names[] = {
        "PATH=", "HOME=", "LANG=", "USER=", "TENON_", "OMP_", "CUDA_", "LD_LIBRARY_PATH="};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(variable, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* What it is given of the environment, for free(). */
static char **choose_environment(void)
{
    size_t count = 0, all = 0;
    while (environ[all])
        all++;
    char **chosen = calloc(all + 1, sizeof *chosen);
    for (size_t i = 0; chosen && i < all; i++)
        if (goes_on(environ[i]))
            chosen[count++] = environ[i];
    return chosen;
}

/* What a file says may be made to fill the machine: whoever reads it has as much memory as there is, and fails then. A training
 * takes what its plan said. */
static void limit_memory(pid_t pid)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0)
        child_limit(pid, RLIMIT_DATA, (size_t)pages * (size_t)page);
}

int child_spawn(pid_t *pid, const char *const *words, int in, int out, int error, int lock)
{
    char path[PATH_MAX];
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, all;
    char **environment = choose_environment();
    if (!environment)
        return ENOMEM;
    find(path, words[0]);
    posix_spawn_file_actions_init(&files);
    if (in >= 0)
        posix_spawn_file_actions_adddup2(&files, in, 0);
    else
        posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out, 1);
    posix_spawn_file_actions_adddup2(&files, error, 2);
    if (lock >= 0)
        posix_spawn_file_actions_adddup2(&files, lock, LOCK);
    posix_spawnattr_init(&how);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setsigdefault(&how, &all);
    posix_spawnattr_setflags(&how, (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                           (lock == CHILD_SHORT ? 0 : POSIX_SPAWN_SETSID)));
    /* posix_spawn's argv has no const, and is left as it is. */
    const int status =
        posix_spawnp(pid, path, &files, &how, (char *const *)(uintptr_t)words, environment);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    free(environment);
    if (status == 0 && lock != CHILD_LIVES)
        limit_memory(*pid);
    return status;
}

/* ---- short ones ------------------------------------------------------------------------------------- */

typedef struct text {
    int fd; /* -1: it has ended */
    char *bytes;
    size_t size, capacity, most;
} text;

typedef struct child {
    struct http_call *call;
    const char *words[CHILD_WORDS + 1];
    double seconds;
    child_tell *tell;
    void *with;
} child;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* False: it says more than it may, or there is no memory. */
static bool take(text *t)
{
    if (t->capacity - t->size < SAYS) {
        const size_t capacity = 2 * t->capacity + 2 * SAYS;
        char *bytes = capacity <= t->most ? realloc(t->bytes, capacity) : NULL;
        if (!bytes)
            return false;
        t->bytes = bytes;
        t->capacity = capacity;
    }
    const ssize_t got = read(t->fd, t->bytes + t->size, SAYS - 1);
    if (got <= 0 && !(got < 0 && errno == EINTR)) {
        close(t->fd);
        t->fd = -1;
    }
    t->size += got > 0 ? (size_t)got : 0;
    t->bytes[t->size] = '\0';
    return true;
}

/* NULL, or why it had to be ended. */
static const char *listen_to(text *out, text *error, double until)
{
    while (out->fd >= 0 || error->fd >= 0) {
        struct pollfd p[2] = {{.fd = out->fd, .events = POLLIN},
                              {.fd = error->fd, .events = POLLIN}};
        if (atomic_load(&ends))
            return "the server ends";
        if (now() > until)
            return "it took too long";
        if (poll(p, 2, 200) <= 0)
            continue;
        if ((p[0].revents && !take(out)) || (p[1].revents && !take(error)))
            return "it says too much";
    }
    return NULL;
}

/* It has been started: what it says, until it ends. */
static void hear(pid_t pid, const child *c, text t[2], child_said *said)
{
    int ended = 0;
    said->error = listen_to(&t[0], &t[1], now() + c->seconds);
    if (said->error)
        kill(pid, SIGKILL);
    while (waitpid(pid, &ended, 0) < 0 && errno == EINTR)
        ;
    if (said->error)
        return;
    said->status = WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
    said->out = t[0].bytes ? t[0].bytes : "";
    said->error = t[1].bytes ? t[1].bytes : "";
    said->size = t[0].size;
}

static void converse(const child *c, text t[2], child_said *said)
{
    int out[2], error[2];
    pid_t pid;
    if (pipe2(out, O_CLOEXEC) != 0)
        return;
    if (pipe2(error, O_CLOEXEC) != 0) {
        close(out[0]);
        close(out[1]);
        return;
    }
    const int status = child_spawn(&pid, c->words, -1, out[1], error[1], CHILD_SHORT);
    close(out[1]);
    close(error[1]);
    t[0].fd = out[0];
    t[1].fd = error[0];
    if (status == 0)
        hear(pid, c, t, said);
    else
        said->error = strerrordesc_np(status);
    for (int i = 0; i < 2; i++)
        if (t[i].fd >= 0)
            close(t[i].fd);
}

static void forget(child *c)
{
    for (int i = 0; c && c->words[i]; i++)
        free((char *)(uintptr_t)c->words[i]);
    if (c)
        free(c->with);
    free(c);
}

static void *attend(void *arg)
{
    child *c = arg;
    answer a = {.status = 500};
    child_said said = {.status = -1, .out = "", .error = "there are too many open files"};
    text t[2] = {{.fd = -1, .most = CHILD_BYTES}, {.fd = -1, .most = CHILD_BYTES / 64}};
    converse(c, t, &said);
    c->tell(c->with, &said, &a);
    http_give(c->call, &a);
    free(t[0].bytes);
    free(t[1].bytes);
    forget(c);
    child_leave();
    return NULL;
}

/* NULL: no memory; `with` is its own from now on, and gone then. */
static child *prepare(const char *const *words, void *with)
{
    child *c = calloc(1, sizeof *c);
    if (!c) {
        free(with);
        return NULL;
    }
    c->with = with;
    for (int i = 0; words[i]; i++) {
        c->words[i] = i < CHILD_WORDS ? strdup(words[i]) : NULL;
        if (!c->words[i]) {
            forget(c);
            return NULL;
        }
    }
    return c;
}

bool child_enter(answer *a)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (atomic_fetch_add(&running, 1) < (cores > 0 ? cores : 1) + 2 && !atomic_load(&ends))
        return true;
    atomic_fetch_sub(&running, 1);
    reply_error(a, 503, NULL, "too much is being done: try again in a moment");
    return false;
}

void child_limit(pid_t pid, int resource, size_t most)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    const struct rlimit limit = {most, most};
    (void)prlimit(pid, resource, &limit, NULL);
#else
    (void)pid, (void)resource, (void)most;
#endif
}

void child_leave(void)
{
    atomic_fetch_sub(&running, 1);
}

bool child_ends(void)
{
    return atomic_load(&ends);
}

bool child_thread(void *(*does)(void *), void *with)
{
    pthread_attr_t how;
    pthread_t thread;
    pthread_attr_init(&how);
    pthread_attr_setstacksize(&how, STACK);
    pthread_attr_setdetachstate(&how, PTHREAD_CREATE_DETACHED);
    const bool done = pthread_create(&thread, &how, does, with) == 0;
    pthread_attr_destroy(&how);
    return done;
}

void child_ask(const request *r, answer *a, const char *const *words, double seconds,
               child_tell *tell, void *with)
{
    if (!child_enter(a)) {
        free(with);
        return;
    }
    child *c = prepare(words, with);
    if (!c) {
        child_leave();
        reply_error(a, 503, NULL, "the server has no memory left");
        return;
    }
    c->seconds = seconds;
    c->tell = tell;
    c->call = http_later(r, a);
    if (!child_thread(attend, c))
        attend(c); /* the server waits meanwhile: it is a short one */
}

void child_end_all(void)
{
    atomic_store(&ends, true);
    while (atomic_load(&running) > 0)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}
