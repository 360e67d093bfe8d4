#define _GNU_SOURCE /* flock, O_NOFOLLOW */

/* What there is of jobs, and what became of them: all of it from their folders. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../common/workspace.h"
#include "jobs.h"

const char *job_file(const job *j, const char *name, char path[JOB_FILE])
{
    snprintf(path, JOB_FILE, "%s/%s", j->folder, name);
    return path;
}

bool job_folder(const server *s, const char *id, char path[JOB_PATH])
{
    return snprintf(path, JOB_PATH, "%s/jobs%s%s", s->workspace, *id ? "/" : "", id) <
           JOB_PATH - 32;
}

/* Does anybody hold its lock? */
bool job_is_alive(const job *j)
{
    char path[JOB_FILE];
    const int fd = open(job_file(j, "lock", path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    const bool alive = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (fd >= 0)
        close(fd);
    return alive;
}

/* ---- numbers ---------------------------------------------------------------------------------------- */

/* "evaluate-12" of "evaluate": 12; -1: it is of another kind. */
static long number_of(const char *id, const char *kind)
{
    const size_t length = strlen(kind);
    char *end;
    if (strncmp(id, kind, length) != 0 || id[length] != '-' || id[length + 1] < '0' ||
        id[length + 1] > '9')
        return -1;
    const long number = strtol(id + length + 1, &end, 10);
    return *end ? -1 : number;
}

static int newest_first(const void *a, const void *b)
{
    const long x = *(const long *)a, y = *(const long *)b;
    return (x < y) - (x > y);
}

/* The numbers of a kind's jobs, the newest first; how many. */
size_t job_numbers(const server *s, const char *kind, long number[JOBS_LISTED])
{
    char folder[JOB_PATH];
    size_t count = 0;
    DIR *d = job_folder(s, "", folder) ? opendir(folder) : NULL;
    for (const struct dirent *e; d && (e = readdir(d));) {
        const long n = number_of(e->d_name, kind);
        if (n < 0)
            continue;
        if (count < JOBS_LISTED) {
            number[count++] = n;
            continue;
        }
        size_t oldest = 0; /* of too many it goes */
        for (size_t i = 1; i < count; i++)
            oldest = number[i] < number[oldest] ? i : oldest;
        number[oldest] = n > number[oldest] ? n : number[oldest];
    }
    if (d)
        closedir(d);
    qsort(number, count, sizeof *number, newest_first);
    return count;
}

/* How many of all kinds run. */
int jobs_alive(const server *s)
{
    char folder[JOB_PATH];
    int alive = 0;
    DIR *d = job_folder(s, "", folder) ? opendir(folder) : NULL;
    for (const struct dirent *e; d && (e = readdir(d));) {
        job j;
        alive += job_find(s, e->d_name, &j) && job_is_alive(&j);
    }
    if (d)
        closedir(d);
    return alive;
}

bool job_find(const server *s, const char *id, job *j)
{
    struct stat st;
    char path[JOB_FILE];
    if (!run_name_is_good(id) || !job_folder(s, id, j->folder) || lstat(j->folder, &st) != 0 ||
        !S_ISDIR(st.st_mode) || lstat(job_file(j, "job.json", path), &st) != 0 ||
        !S_ISREG(st.st_mode))
        return false;
    memcpy(j->id, id, strlen(id) + 1); /* as long as a name of a run at most */
    return true;
}

void job_list(const server *s, const char *kind, const char *of, job_each *each, void *with)
{
    long number[JOBS_LISTED];
    const size_t count = job_numbers(s, kind, number);
    for (size_t i = 0; i < count; i++) {
        char id[JOB_NAME + 1];
        job j;
        snprintf(id, sizeof id, "%.*s-%ld", JOB_KIND, kind, number[i]);
        if (!job_find(s, id, &j))
            continue;
        json_value *about = of ? job_about(&j) : NULL;
        const char *is = json_string(json_member(about, "of"));
        const bool wanted = !of || (is && strcmp(is, of) == 0);
        json_free(about);
        if (wanted && !each(with, &j))
            return;
    }
}

double job_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool job_number(const job *j, const char *name, long *number)
{
    char path[JOB_FILE];
    FILE *from = fopen(job_file(j, name, path), "re");
    const bool done = from && fscanf(from, "%ld", number) == 1;
    if (from)
        fclose(from);
    return done;
}

/* ---- looking ---------------------------------------------------------------------------------------- */

static char *read_file(const char *path, size_t most)
{
    struct stat s;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    const bool good = fd >= 0 && fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && s.st_size > 0;
    const size_t size = good ? (size_t)s.st_size < most ? (size_t)s.st_size : most : 0;
    char *text = good ? malloc(size + 1) : NULL;
    size_t at = 0;
    if (text && (size_t)s.st_size > most)
        (void)lseek(fd, s.st_size - (off_t)most, SEEK_SET);
    for (ssize_t got = 1; text && at < size && got > 0; at += got > 0 ? (size_t)got : 0)
        got = read(fd, text + at, size - at);
    if (text)
        text[at] = '\0';
    if (fd >= 0)
        close(fd);
    return text;
}

job_state job_look(const job *j, char **result)
{
    enum { MOST = 64 << 20 };
    char path[JOB_FILE];
    long status = -1;
    struct stat s;
    bool whole = false;
    if (result)
        *result = NULL;
    if (job_is_alive(j))
        return JOB_RUNNING;
    const bool told = job_number(j, "status", &status);
    const bool is_done = told && (status == 0 || status == 3 /* a gate was not met */);
    job_file(j, "result.json", path);
    if (is_done && !result)
        return stat(path, &s) == 0 && s.st_size > 0 ? JOB_DONE : JOB_FAILED;
    char *text = read_file(path, MOST);
    if (text && is_done) {
        whole = true;
    } else if (text) { /* nobody heard how it ended, or it failed: is all of it there? */
        json_value *value = json_parse(text);
        whole = value != NULL;
        json_free(value);
    }
    if (whole && result)
        *result = text;
    else
        free(text);
    return whole ? JOB_DONE : told && status < 128 ? JOB_FAILED : JOB_DIED;
}

json_value *job_about(const job *j)
{
    char path[JOB_FILE];
    char *text = read_file(job_file(j, "job.json", path), 1 << 20);
    json_value *about = text ? json_parse(text) : NULL;
    free(text);
    return about;
}

/* The last sentence that it said, without the program's name; names in it may have line breaks. */
static void tell_error(json *to, const job *j)
{
    enum { LAST = 4000 };
    char path[JOB_FILE];
    char *text = read_file(job_file(j, "output.log", path), LAST);
    char *last = text;
    for (char *p = text; p && (p = strstr(p, "\ntenon-")); p++)
        last = p + 1;
    for (char *p = last; p && *p; p++)
        *p = (char)(*p == '\n' && p[1] ? ' ' : *p == '\n' ? '\0' : *p);
    const char *colon = last ? strstr(last, ": ") : NULL;
    json_text(to, "error", colon ? colon + 2 : last && *last ? last : "it was ended");
    free(text);
}

/* The last whole line of one that runs: how far it is, if it says so. */
static void tell_line(json *to, const job *j)
{
    enum { LAST = 1000 };
    char path[JOB_FILE];
    char *text = read_file(job_file(j, "output.log", path), LAST);
    char *end = text ? strrchr(text, '\n') : NULL;
    if (end)
        *end = '\0';
    const char *line = end ? strrchr(text, '\n') : NULL;
    json_text(to, "says", line ? line + 1 : end ? text : NULL);
    free(text);
}

/* Of all its files. */
static int64_t bytes_of(const job *j)
{
    int64_t bytes = 0;
    struct stat s;
    DIR *d = opendir(j->folder);
    for (const struct dirent *e; d && (e = readdir(d));)
        if (fstatat(dirfd(d), e->d_name, &s, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(s.st_mode))
            bytes += s.st_size;
    if (d)
        closedir(d);
    return bytes;
}

static double changed(const job *j, const char *name)
{
    char path[JOB_FILE];
    struct stat s;
    return stat(job_file(j, name, path), &s) == 0
               ? (double)s.st_mtim.tv_sec + 1e-9 * (double)s.st_mtim.tv_nsec
               : 0;
}

/* As one says it in a shell: "tenon eval ..." of "tenon-eval". */
static void tell_command(json *to, const json_value *words)
{
    json_array(to, "command");
    for (const json_value *w = json_first(words); w; w = json_next(w))
        json_text(to, NULL, json_string(w));
    json_end(to, ']');
}

void job_tell(json *to, const job *j, bool result)
{
    static const char *const states[] = {"running", "done", "failed", "died"};
    char *text = NULL;
    double began = 0;
    const job_state state = job_look(j, result ? &text : NULL);
    json_value *about = job_about(j);
    const bool dated = json_number(json_member(about, "began"), &began);
    const double ended = state == JOB_RUNNING       ? job_now()
                         : changed(j, "status") > 0 ? changed(j, "status")
                                                    : changed(j, "result.json");
    json_text(to, "id", j->id);
    json_text(to, "kind", json_string(json_member(about, "kind")));
    json_text(to, "of", json_string(json_member(about, "of")));
    json_text(to, "state", states[state]);
    if (state == JOB_FAILED || state == JOB_DIED)
        tell_error(to, j);
    else
        json_null(to, "error");
    if (state == JOB_RUNNING)
        tell_line(to, j);
    if (dated) {
        json_exact(to, "began", began);
        json_real(to, "seconds", ended > began ? ended - began : 0);
    }
    json_count(to, "bytes", bytes_of(j));
    json_object(to, "facts");
    for (const json_value *f = json_first(json_member(about, "facts")); f; f = json_next(f))
        json_text(to, json_name(f), json_string(f));
    json_end(to, '}');
    tell_command(to, json_member(about, "words"));
    if (result && text)
        json_number_text(to, "result", text);
    free(text);
    json_free(about);
}
