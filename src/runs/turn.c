/*
 * Tickets are drawn, and looked at, by who holds queue/lock. A ticket whose lock is free is a dead one's and removed by whoever
 * sees it. Each who waits finds out by himself: all who came before him keep what they wait for, and what is left is his.
 *
 * He looks when somebody has closed a ticket or a slot that was open for writing, which the kernel tells (inotify), however that
 * one ended; and once a second, for memory, for other machines of a shared disk, and where there is no inotify to be had. So a
 * waiting program costs nothing and begins at once. Who only looks opens for reading, and so wakes nobody.
 */
#define _DEFAULT_SOURCE /* flock */

#include "runs/turn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runs/read.h"

/* ---- the folder -------------------------------------------------------------------------------- */

static tn_status open_part(const char *folder, const char *name, char **path, int *out)
{
    *path = tn_format("%s/%s", folder, name);
    if (!*path)
        return tn_no_memory("queue", strlen(folder));
    if (mkdir(*path, 0777) != 0 && errno != EEXIST)
        return tn_fail(TN_ERR_IO, "%s: cannot be made: %s", *path, strerror(errno));
    *out = open(*path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *out >= 0 ? TN_OK
                     : tn_fail(TN_ERR_IO, "%s: cannot be opened: %s", *path, strerror(errno));
}

/* The lock, for close(). Opened for reading, or each look would wake all who wait. */
static tn_status lock(const tn_turn *t, int *out)
{
    const int fd = openat(t->queue, "lock", O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    int done = fd < 0 ? -1 : flock(fd, LOCK_EX);
    while (fd >= 0 && done != 0 && errno == EINTR)
        done = flock(fd, LOCK_EX);
    if (done == 0) {
        *out = fd;
        return TN_OK;
    }
    const tn_status status =
        tn_fail(TN_ERR_IO, "%s/lock: cannot be locked: %s", t->queue_path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return status;
}

/* ---- tickets ------------------------------------------------------------------------------------ */

/* Of somebody who has ended, it is removed. */
static bool is_held(const tn_turn *t, int fd, const char *name)
{
    if (flock(fd, LOCK_SH | LOCK_NB) != 0)
        return errno == EWOULDBLOCK;
    (void)unlinkat(t->queue, name, 0);
    return false;
}

/* One that is not ours; false: it is a dead one's, or none that can be read. */
static bool read_ticket(const tn_turn *t, const char *name, tn_ticket *out)
{
    int fd;
    char text[TN_TICKET_MOST_BYTES];
    size_t got = 0;
    if (tn_runs_open_file(&fd, t->queue, t->queue_path, name) != TN_OK)
        return false;
    const bool is_ticket =
        is_held(t, fd, name) &&
        tn_runs_read_part(fd, text, sizeof text, 0, &got, t->queue_path) == TN_OK &&
        tn_ticket_read(out, text, got) == TN_OK;
    close(fd);
    out->number = tn_ticket_number(name);
    return is_ticket;
}

typedef struct tickets {
    tn_ticket *ticket; /* who came before, in no order; who could not be read is not there */
    size_t count, capacity;
    int64_t last; /* the largest number */
} tickets;

static tn_status note(tickets *all, const tn_turn *t, const char *name)
{
    const int64_t number = tn_ticket_number(name);
    tn_ticket ticket;
    if (number < 0 || (t->ticket >= 0 && strcmp(name, t->name) == 0))
        return TN_OK;
    all->last = number > all->last ? number : all->last;
    if (!read_ticket(t, name, &ticket) || number > t->number)
        return TN_OK;
    TN_TRY(tn_grow((void **)&all->ticket, all->count, &all->capacity, sizeof ticket, "queue"));
    all->ticket[all->count++] = ticket;
    return TN_OK;
}

static tn_status list(tickets *all, const tn_turn *t)
{
    *all = (tickets){0};
    const int copy = openat(t->queue, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    if (!d) {
        if (copy >= 0)
            close(copy);
        return tn_fail(TN_ERR_IO, "%s: cannot be read: %s", t->queue_path, strerror(errno));
    }
    tn_status status = TN_OK;
    tn_error_kept kept;
    tn_error_keep(&kept);
    for (const struct dirent *e; status == TN_OK && (e = readdir(d));)
        status = note(all, t, e->d_name);
    closedir(d);
    if (status != TN_OK) {
        tn_free(all->ticket);
        return status;
    }
    tn_error_put_back(&kept);
    return TN_OK;
}

static tn_status draw(tn_turn *t, const char *name, const char *text)
{
    tickets all;
    tn_slots s = {.dir = -1};
    TN_TRY(list(&all, t));
    tn_free(all.ticket);
    tn_status status = tn_slots_read(&s, t->slots, t->slots_path);
    if (status == TN_OK)
        status = tn_slots_make(&s, t->wants.kind);
    if (status == TN_OK)
        status = tn_slots_check(&s, &t->wants);
    tn_slots_free(&s);
    TN_TRY(status);
    t->number = all.last + 1;
    snprintf(t->name, sizeof t->name, "%08" PRId64 "-%.64s", t->number, name);
    t->ticket = openat(t->queue, t->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    const size_t length = strlen(text);
    if (t->ticket >= 0 && flock(t->ticket, LOCK_EX | LOCK_NB) == 0 &&
        write(t->ticket, text, length) == (ssize_t)length)
        return TN_OK;
    return tn_fail(TN_ERR_IO, "%s/%s: cannot be written: %s", t->queue_path, t->name,
                   strerror(errno));
}

tn_status tn_turn_open(tn_turn *t, const char *folder, const char *name, const char *text)
{
    int held;
    t->queue = t->slots = t->ticket = t->events = -1;
    t->number = INT64_MAX;
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return tn_fail(TN_ERR_IO, "%s: cannot be made: %s", folder, strerror(errno));
    TN_TRY(open_part(folder, "queue", &t->queue_path, &t->queue));
    TN_TRY(open_part(folder, "slots", &t->slots_path, &t->slots));
    t->events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (t->events >= 0) {
        (void)inotify_add_watch(t->events, t->queue_path, IN_CLOSE_WRITE | IN_DELETE);
        (void)inotify_add_watch(t->events, t->slots_path, IN_CLOSE_WRITE | IN_CREATE);
    }
    TN_TRY(lock(t, &held));
    const tn_status status = draw(t, name, text);
    close(held);
    return status;
}

void tn_turn_close(tn_turn *t)
{
    if (t->ticket >= 0) {
        (void)unlinkat(t->queue, t->name, 0);
        close(t->ticket);
    }
    const int open_files[] = {t->queue, t->slots, t->events};
    for (size_t i = 0; i < TN_COUNT(open_files); i++)
        if (open_files[i] >= 0)
            close(open_files[i]);
    tn_free(t->queue_path);
    tn_free(t->slots_path);
    *t = (tn_turn){.queue = -1, .slots = -1, .ticket = -1, .events = -1};
}

/* ---- whose turn --------------------------------------------------------------------------------- */

void tn_turn_give_back(tn_turn_got *got)
{
    for (size_t i = 0; i < got->count; i++)
        close(got->file[i]);
    tn_free(got->file);
    tn_free(got->index);
    *got = (tn_turn_got){0};
}

static tn_status take(tn_turn *t, tn_slots *s, tn_turn_got *got)
{
    got->index = tn_alloc(s->count + 1, sizeof *got->index);
    if (!got->index)
        return tn_no_memory("queue", s->count * sizeof *got->index);
    for (size_t i = 0, at = 0; i < s->count; i++)
        if (s->slot[i].chosen)
            got->index[at++] = s->slot[i].index;
    const tn_status status = tn_slots_take(s, t->host_bytes, &got->file, &got->count);
    if (status != TN_OK)
        tn_turn_give_back(got);
    return status;
}

static void tell(const tn_turn *t, const tn_slots *s, size_t before, char *why, size_t size)
{
    char taken[160];
    tn_slots_tell(s, &t->wants, taken, sizeof taken);
    snprintf(why, size, "ticket %" PRId64 ", %zu before it; waits for %s", t->number, before,
             *taken ? taken : t->wants.kind);
}

/* What is left by who came before. */
static tn_status choose(tn_turn *t, tn_slots *s, tickets *all, bool *in, char *why, size_t size)
{
    uint64_t total, left = tn_slots_memory(s, &total);
    for (int64_t number = 0; number < t->number;) { /* in order: each keeps of what is left */
        const tn_ticket *next = NULL;
        for (size_t i = 0; i < all->count; i++)
            if (all->ticket[i].number > number && (!next || all->ticket[i].number < next->number))
                next = &all->ticket[i];
        if (!next)
            break;
        tn_slots_keep(s, &next->wants);
        left = next->host_bytes < left ? left - next->host_bytes : 0;
        number = next->number;
    }
    *in = tn_slots_choose(s, &t->wants);
    if (!*in) {
        tell(t, s, all->count, why, size);
    } else if (t->host_bytes > left) {
        *in = false;
        if (t->host_bytes > total / 10 * 9)
            return tn_fail(TN_ERR_MEMORY,
                           "queue: %" PRIu64 " bytes of memory are wanted, and the machine has "
                           "%" PRIu64,
                           t->host_bytes, total);
        snprintf(why, size,
                 "ticket %" PRId64 ", %zu before it; waits for memory: %" PRIu64 " MiB are wanted",
                 t->number, all->count, t->host_bytes >> 20);
    }
    return TN_OK;
}

static tn_status look(tn_turn *t, bool *in, tn_turn_got *got, char *why, size_t size)
{
    tickets all;
    tn_slots s;
    TN_TRY(tn_slots_read(&s, t->slots, t->slots_path));
    tn_status status = list(&all, t);
    if (status == TN_OK) {
        status = choose(t, &s, &all, in, why, size);
        tn_free(all.ticket);
    }
    if (status == TN_OK && *in)
        status = take(t, &s, got);
    tn_slots_free(&s);
    return status;
}

tn_status tn_turn_try(tn_turn *t, bool *in, tn_turn_got *got, char *why, size_t size)
{
    int held;
    *in = false;
    TN_TRY(lock(t, &held));
    const tn_status status = look(t, in, got, why, size);
    close(held);
    return status;
}

/* ---- sleeping ----------------------------------------------------------------------------------- */

void tn_turn_watch(tn_turn *t, const char *control)
{
    if (t->events >= 0)
        (void)inotify_add_watch(t->events, control, IN_MOVED_TO);
}

/* The kernel tells of a closed file before it lets go of its lock: a moment later it has. */
void tn_turn_sleep(const tn_turn *t)
{
    enum { MILLISECONDS = 1000, MOMENT = 2000000 };
    char events[4096];
    struct pollfd p = {.fd = t->events, .events = POLLIN};
    if (poll(&p, t->events >= 0, MILLISECONDS) <= 0)
        return;
    nanosleep(&(struct timespec){.tv_nsec = MOMENT}, NULL);
    while (read(t->events, events, sizeof events) > 0)
        ;
}
