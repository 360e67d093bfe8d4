/* Slots: listed, kept, chosen, taken. */
#define _DEFAULT_SOURCE /* flock */

#include "runs/slots.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/core_set.h"
#include "base/host_memory.h"
#include "base/thread.h"
#include "runs/read.h"

/* ---- what there is ----------------------------------------------------------------------------- */

/* "cuda-12" */
static bool read_name(const char *name, tn_slot *out)
{
    const size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz");
    const size_t digits = name[length] == '-' ? strspn(name + length + 1, "0123456789") : 0;
    if (length == 0 || length > TN_SLOT_KIND || digits == 0 || digits > 4 ||
        name[length + 1 + digits])
        return false;
    *out = (tn_slot){.index = (int)strtol(name + length + 1, NULL, 10)};
    memcpy(out->kind, name, length);
    return true;
}

typedef struct slot_name {
    char text[TN_SLOT_KIND + 8];
} slot_name;

static slot_name name_of(const tn_slot *slot)
{
    slot_name n;
    snprintf(n.text, sizeof n.text, "%s-%d", slot->kind, slot->index);
    return n;
}

/* Read only: who looks wakes nobody, as who had one does when he closes it (turn.c). */
static void look_at(tn_slots *s, tn_slot *slot)
{
    int fd;
    char text[64] = "";
    size_t got;
    if (tn_runs_open_file(&fd, s->dir, s->path, name_of(slot).text) != TN_OK)
        return;
    slot->free = flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (!slot->free && tn_runs_read_part(fd, text, sizeof text - 1, 0, &got, s->path) == TN_OK &&
        sscanf(text, "%" SCNd64 " %" SCNu64, &slot->pid, &slot->bytes) != 2)
        slot->bytes = 0;
    close(fd);
}

static int by_kind_and_number(const void *a, const void *b)
{
    const tn_slot *p = a, *q = b;
    const int kinds = strcmp(p->kind, q->kind);
    return kinds ? kinds : p->index - q->index;
}

static tn_status add(tn_slots *s, const tn_slot *slot)
{
    TN_TRY(tn_grow((void **)&s->slot, s->count, &s->capacity, sizeof *s->slot, "slots"));
    s->slot[s->count++] = *slot;
    return TN_OK;
}

tn_status tn_slots_read(tn_slots *s, int dir, const char *path)
{
    *s = (tn_slots){.dir = dir, .path = path};
    const int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    tn_status status = TN_OK;
    tn_slot slot;
    if (!d) {
        if (copy >= 0)
            close(copy);
        return tn_fail(TN_ERR_IO, "%s: cannot be read: %s", path, strerror(errno));
    }
    for (const struct dirent *e; status == TN_OK && (e = readdir(d));)
        if (read_name(e->d_name, &slot))
            status = add(s, &slot);
    closedir(d);
    if (status != TN_OK) {
        tn_slots_free(s);
        return status;
    }
    if (s->count > 1)
        qsort(s->slot, s->count, sizeof *s->slot, by_kind_and_number);
    tn_error_kept kept;
    tn_error_keep(&kept);
    for (size_t i = 0; i < s->count; i++)
        look_at(s, &s->slot[i]);
    tn_error_put_back(&kept);
    return TN_OK;
}

void tn_slots_free(tn_slots *s)
{
    tn_free(s->slot);
    *s = (tn_slots){.dir = -1};
}

/* ---- making them -------------------------------------------------------------------------------- */

/* GPUs that NVIDIA's driver knows of, without asking for one. */
static int count_gpus(void)
{
    int count = 0;
    DIR *d = opendir("/proc/driver/nvidia/gpus");
    for (const struct dirent *e; d && (e = readdir(d));)
        count += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return count;
}

static tn_status make(tn_slots *s, const char *kind, int index)
{
    tn_slot slot = {.index = index, .free = true};
    snprintf(slot.kind, sizeof slot.kind, "%s", kind);
    const slot_name name = name_of(&slot);
    const int fd = openat(s->dir, name.text, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return tn_fail(TN_ERR_IO, "%s/%s: cannot be made: %s", s->path, name.text, strerror(errno));
    close(fd);
    return add(s, &slot);
}

tn_status tn_slots_make(tn_slots *s, const char *kind)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->slot[i].kind, kind) == 0)
            return TN_OK;
    if (strcmp(kind, "cpu") == 0) {
        static int core[TN_MOST_CORES];
        const int count = tn_cores_list(core, tn_cores());
        for (int i = 0; i < count; i++)
            TN_TRY(make(s, kind, core[i]));
        return TN_OK;
    }
    const int gpus = strcmp(kind, "cuda") == 0 ? count_gpus() : 0;
    for (int i = 0; i < gpus; i++)
        TN_TRY(make(s, kind, i));
    return TN_OK;
}

/* ---- choosing ----------------------------------------------------------------------------------- */

static bool is_named(const tn_wants *w, int index)
{
    for (int i = 0; i < w->named; i++)
        if (w->index[i] == index)
            return true;
    return w->named == 0;
}

/* A core that this process may not use is none for it. */
static bool is_usable(const tn_slot *slot)
{
    static int core[TN_MOST_CORES];
    if (strcmp(slot->kind, "cpu") != 0)
        return true;
    const int count = tn_cores_list(core, TN_MOST_CORES);
    for (int i = 0; i < count; i++)
        if (core[i] == slot->index)
            return true;
    return false;
}

static bool may_be(const tn_wants *w, const tn_slot *slot)
{
    return strcmp(slot->kind, w->kind) == 0 && is_named(w, slot->index);
}

/* So many are wanted of those that may be. */
static int64_t wanted(const tn_slots *s, const tn_wants *w)
{
    int64_t all = 0;
    if (w->named || w->count)
        return w->named ? w->named : w->count;
    for (size_t i = 0; i < s->count; i++)
        all += may_be(w, &s->slot[i]) && is_usable(&s->slot[i]);
    return all;
}

tn_status tn_slots_check(const tn_slots *s, const tn_wants *w)
{
    int64_t there = 0;
    for (size_t i = 0; i < s->count; i++)
        there += may_be(w, &s->slot[i]) && is_usable(&s->slot[i]);
    if (there > 0 && there >= wanted(s, w))
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT,
                   "queue: %lld of %s are wanted%s, and %s has %lld (a file %s-NUMBER each)",
                   (long long)(w->named || w->count ? wanted(s, w) : 1), w->kind,
                   w->named ? " by their numbers" : "", s->path, (long long)there, w->kind);
}

void tn_slots_keep(tn_slots *s, const tn_wants *w)
{
    int64_t left = w->named || w->count ? wanted(s, w) : (int64_t)s->count;
    for (size_t i = 0; i < s->count && left > 0; i++) {
        tn_slot *slot = &s->slot[i];
        if (!may_be(w, slot) || slot->kept || (!slot->free && !w->named))
            continue;
        slot->kept = true;
        left--;
    }
}

bool tn_slots_choose(tn_slots *s, const tn_wants *w)
{
    int64_t left = wanted(s, w);
    for (size_t i = 0; i < s->count && left > 0; i++) {
        tn_slot *slot = &s->slot[i];
        slot->chosen = may_be(w, slot) && slot->free && !slot->kept && is_usable(slot);
        left -= slot->chosen;
    }
    return left == 0;
}

void tn_slots_tell(const tn_slots *s, const tn_wants *w, char *text, size_t size)
{
    size_t used = 0;
    *text = '\0';
    for (size_t i = 0; i < s->count; i++) {
        const tn_slot *slot = &s->slot[i];
        const bool taken = !slot->free || slot->kept;
        if (may_be(w, slot) && taken && used + sizeof(slot_name) + 2 < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "",
                                     name_of(slot).text);
    }
}

/* ---- taking ------------------------------------------------------------------------------------- */

/* Nobody else takes one meanwhile, but a program may hold what is not given out here. */
static tn_status hold(const tn_slots *s, const tn_slot *slot, uint64_t bytes, int *out)
{
    const slot_name name = name_of(slot);
    char text[64];
    const int fd = openat(s->dir, name.text, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    const int length = snprintf(text, sizeof text, "%ld %" PRIu64 "\n", (long)getpid(), bytes);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 || ftruncate(fd, 0) != 0 ||
        pwrite(fd, text, (size_t)length, 0) != length) {
        const tn_status status =
            tn_fail(TN_ERR_IO, "%s/%s: cannot be taken: %s", s->path, name.text, strerror(errno));
        if (fd >= 0)
            close(fd);
        return status;
    }
    *out = fd;
    return TN_OK;
}

tn_status tn_slots_take(tn_slots *s, uint64_t bytes, int **files, size_t *count)
{
    int *held = tn_alloc(s->count + 1, sizeof *held);
    size_t taken = 0;
    tn_status status = held ? TN_OK : tn_no_memory("slots", s->count * sizeof *held);
    for (size_t i = 0; i < s->count && status == TN_OK; i++) {
        if (!s->slot[i].chosen)
            continue;
        status = hold(s, &s->slot[i], taken ? 0 : bytes, &held[taken]);
        taken += status == TN_OK;
    }
    if (status == TN_OK) {
        *files = held;
        *count = taken;
        return TN_OK;
    }
    while (taken > 0)
        close(held[--taken]);
    tn_free(held);
    return status;
}

/* ---- memory ------------------------------------------------------------------------------------- */

/* What a process has of it already. */
static uint64_t resident(int64_t pid)
{
    char path[64];
    uint64_t pages = 0;
    snprintf(path, sizeof path, "/proc/%" PRId64 "/statm", pid);
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%*u %" SCNu64, &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t tn_slots_memory(const tn_slots *s, uint64_t *total)
{
    uint64_t left;
    (void)tn_host_memory("", total, &left); /* nothing is left where the system does not say */
    left = left / 10 * 9;
    for (size_t i = 0; i < s->count; i++) {
        const tn_slot *slot = &s->slot[i];
        const uint64_t has = slot->free || slot->bytes == 0 ? slot->bytes : resident(slot->pid);
        const uint64_t promised = slot->free || has > slot->bytes ? 0 : slot->bytes - has;
        left = promised < left ? left - promised : 0;
    }
    return left;
}
