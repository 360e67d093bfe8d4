#define _GNU_SOURCE /* O_DIRECTORY, flock, strerrordesc_np */

#include "jobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "web/reply.h"

enum { AT_ONCE = 4 };

/* ---- beginning -------------------------------------------------------------------------------------- */

bool job_make(server *s, const char *kind, job *j, answer *a)
{
    long number[JOBS_LISTED];
    char folder[JOB_PATH];
    if (jobs_alive(s) >= AT_ONCE) {
        reply_error(a, 503, NULL, "%d jobs run already: wait until one has ended", AT_ONCE);
        return false;
    }
    const size_t count = job_numbers(s, kind, number);
    if (job_folder(s, "", folder))
        (void)mkdir(folder, 0777);
    for (long n = count ? number[0] + 1 : 1;; n++) {
        snprintf(j->id, sizeof j->id, "%.*s-%ld", JOB_KIND, kind, n);
        if (job_folder(s, j->id, j->folder) && mkdir(j->folder, 0777) == 0)
            return true;
        if (errno != EEXIST)
            break;
    }
    reply_error(a, 500, NULL, "a folder for the job cannot be made: %s", strerror(errno));
    return false;
}

static bool write_about(const job *j, const char *of, const char *const *facts,
                        const char *const *words)
{
    char path[JOB_FILE], kind[JOB_NAME + 1];
    FILE *to = fopen(job_file(j, "job.json", path), "wxe");
    json out = {.to = to, .flat = true};
    if (!to)
        return false;
    snprintf(kind, sizeof kind, "%.*s", (int)(strrchr(j->id, '-') - j->id), j->id);
    json_object(&out, NULL);
    json_text(&out, "kind", kind);
    json_text(&out, "of", of);
    json_exact(&out, "began", job_now());
    json_object(&out, "facts");
    for (int i = 0; facts && facts[i]; i += 2)
        json_text(&out, facts[i], facts[i + 1]);
    json_end(&out, '}');
    json_array(&out, "words");
    for (int i = 0; words[i]; i++)
        json_text(&out, NULL, words[i]);
    json_end(&out, ']');
    json_end(&out, '}');
    return fclose(to) == 0;
}

static void write_number(const job *j, const char *name, long number)
{
    char path[JOB_FILE];
    FILE *to = fopen(job_file(j, name, path), "we");
    if (to) {
        fprintf(to, "%ld\n", number);
        fclose(to);
    }
}

/* A tool that runs. Its lock is held here, too, until its status is written: so nobody sees it ended without one. */
typedef struct watched {
    server *s;
    job j;
    pid_t pid;
    int lock;
} watched;

static void *watch(void *with)
{
    watched *w = with;
    int ended = 0;
    char data[256];
    while (waitpid(w->pid, &ended, 0) < 0 && errno == EINTR)
        ;
    write_number(&w->j, "status", WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended));
    close(w->lock);
    snprintf(data, sizeof data, "{\"id\":\"%s\",\"state\":\"ended\"}", w->j.id);
    if (!child_ends())
        http_publish(w->s->http, "job", data);
    free(w);
    return NULL;
}

static int start(watched *w, const char *const *words)
{
    char path[JOB_FILE];
    const int made = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    const int out = open(job_file(&w->j, "result.json", path), made, 0666);
    const int error = open(job_file(&w->j, "output.log", path), made | O_APPEND, 0666);
    w->lock = open(job_file(&w->j, "lock", path), made, 0666);
    int status = out < 0 || error < 0 || w->lock < 0 || flock(w->lock, LOCK_EX) != 0 ? errno : 0;
    if (status == 0)
        status = child_spawn(&w->pid, words, -1, out, error, w->lock);
    if (out >= 0)
        close(out);
    if (error >= 0)
        close(error);
    if (status && w->lock >= 0)
        close(w->lock);
    return status;
}

static bool forget(void *with, const job *j)
{
    int *left = with;
    if (--*left < 0 && !job_is_alive(j))
        job_drop(j);
    return true;
}

/* Nobody else is ever rid of them. */
static void forget_old(const server *s, const job *j, const char *of)
{
    char kind[JOB_NAME + 1];
    int of_it = JOBS_OF, of_kind = JOBS_KEPT;
    snprintf(kind, sizeof kind, "%.*s", (int)(strrchr(j->id, '-') - j->id), j->id);
    job_list(s, kind, of, forget, &of_it);
    job_list(s, kind, NULL, forget, &of_kind);
}

bool job_start(server *s, const job *j, const char *of, const char *const *facts,
               const char *const *words, answer *a)
{
    watched *w = calloc(1, sizeof *w);
    int status = w ? 0 : ENOMEM;
    if (w) {
        *w = (watched){.s = s, .j = *j, .lock = -1};
        status = write_about(j, of, facts, words) ? start(w, words) : errno;
    }
    if (status) {
        reply_error(a, 500, NULL, "%s cannot be started: %s", words[0], strerrordesc_np(status));
        job_drop(j);
        free(w);
        return false;
    }
    write_number(j, "pid", w->pid);
    forget_old(s, j, of);
    if (!child_thread(watch, w)) { /* its lock goes with it, and its status is not known */
        close(w->lock);
        free(w);
    }
    return true;
}

/* All files in it are its own, and none a folder. */
void job_drop(const job *j)
{
    DIR *d = opendir(j->folder);
    for (const struct dirent *e; d && (e = readdir(d));)
        (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    (void)rmdir(j->folder);
}

bool job_end(const job *j)
{
    long pid;
    if (!job_is_alive(j)) {
        job_drop(j);
        return access(j->folder, F_OK) != 0;
    }
    return job_number(j, "pid", &pid) && pid > 1 && kill((pid_t)pid, SIGTERM) == 0;
}
