/*
 * Checkpoints: checkpoints/step-00000200.safetensors, whole or not at all; the last few of them, and the best as a second
 * name of one. A new one is written whole under another name, then its line with its digest is written to the log, then it
 * is put in its place: so each that is in its place is told of, and who resumes a run that was killed in between finishes
 * that. Where the line cannot be written the checkpoint does not count.
 */
#define _DEFAULT_SOURCE /* POSIX 2008; names of files by scandir */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/digest.h"
#include "base/number.h"
#include "base/thread.h"
#include "runs/checkpoints.h"

static const char best_file[] = TN_RUN_BEST_CHECKPOINT;
static const char next_file[] = TN_RUN_NEXT_CHECKPOINT;

tn_run_file tn_run_checkpoint_name(int64_t step)
{
    tn_run_file f;
    snprintf(f.name, sizeof f.name, "checkpoints/step-%08lld.safetensors", (long long)step);
    return f;
}

/* The step of "step-00000200.safetensors"; -1: another name. */
static int64_t step_of(const char *name)
{
    long long step;
    int end = 0;
    if (sscanf(name, "step-%18lld.safetensors%n", &step, &end) != 1 || end == 0 || name[end] ||
        step < 0 || strcmp(tn_run_checkpoint_name(step).name + sizeof "checkpoints", name) != 0)
        return -1;
    return step;
}

tn_status tn_run_checkpoints_list(const tn_run_folder *f, tn_run_checkpoints *out)
{
    *out = (tn_run_checkpoints){0};
    const int fd = openat(f->dir, "checkpoints", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        if (fd >= 0)
            close(fd);
        return tn_fail(TN_ERR_IO, "%s/checkpoints: cannot be listed: %s", f->path, strerror(errno));
    }
    tn_status status = TN_OK;
    for (const struct dirent *e; status == TN_OK && (e = readdir(d));) {
        const int64_t step = step_of(e->d_name);
        if (step < 0)
            continue;
        status = tn_grow((void **)&out->step, out->count, &out->capacity, sizeof *out->step,
                         "checkpoints");
        if (status != TN_OK)
            break;
        size_t at = out->count++; /* the newest first */
        for (; at > 0 && out->step[at - 1] < step; at--)
            out->step[at] = out->step[at - 1];
        out->step[at] = step;
    }
    closedir(d);
    return status;
}

void tn_run_checkpoints_free(tn_run_checkpoints *list)
{
    tn_free(list->step);
    *list = (tn_run_checkpoints){0};
}

tn_status tn_run_file_digest(const tn_run_folder *f, const char *name, tn_digest *out,
                             int64_t *bytes)
{
    enum { PART = 1 << 20 };
    const int fd = openat(f->dir, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tn_fail(TN_ERR_IO, "%s/%s: cannot be opened: %s", f->path, name, strerror(errno));
    tn_status status = TN_OK;
    char *part = tn_alloc_aligned(PART);
    tn_digesting *d = tn_digest_begin();
    if (!part || !d)
        status = tn_no_memory(name, PART);
    *bytes = 0;
    while (status == TN_OK) {
        const ssize_t got = read(fd, part, PART);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            status =
                tn_fail(TN_ERR_IO, "%s/%s: cannot be read: %s", f->path, name, strerror(errno));
        if (got <= 0)
            break;
        tn_digest_add(d, part, (size_t)got);
        *bytes += got;
    }
    if (d)
        *out = tn_digest_end(d);
    tn_free(part);
    close(fd);
    return status;
}

/* ---- what follows a checkpoint that is in its place ------------------------------------------- */

bool tn_run_same_file(const tn_run_folder *f, const char *a, const char *b)
{
    struct stat one, other;
    return fstatat(f->dir, a, &one, 0) == 0 && fstatat(f->dir, b, &other, 0) == 0 &&
           one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

/* A second name of the best, as long as that is there. On file systems without (FAT): a warning. */
static void make_best(tn_run *run)
{
    static const char aside[] = "checkpoints/best.tenon-link.tmp";
    const int dir = run->folder.dir;
    const tn_run_file best = tn_run_checkpoint_name(run->best.step);
    if (run->best.epoch == 0 || faccessat(dir, best.name, F_OK, 0) != 0 ||
        tn_run_same_file(&run->folder, best.name, best_file))
        return;
    (void)unlinkat(dir, aside, 0);
    if (linkat(dir, best.name, dir, aside, 0) == 0 && renameat(dir, aside, dir, best_file) == 0)
        return;
    char text[256];
    snprintf(text, sizeof text, "%s: cannot be made a name of %s: %s", best_file, best.name,
             strerror(errno));
    (void)unlinkat(dir, aside, 0);
    tn_run_warn(run, "best", text);
}

void tn_run_checkpoints_prune(tn_run *run)
{
    tn_run_checkpoints list;
    if (tn_run_checkpoints_list(&run->folder, &list) != TN_OK)
        tn_run_warn(run, "checkpoints", tn_error()); /* they are too many until the next */
    for (size_t i = list.count; i > (size_t)run->now.set.keep; i--)
        (void)unlinkat(run->folder.dir, tn_run_checkpoint_name(list.step[i - 1]).name, 0);
    tn_run_checkpoints_free(&list);
}

/* Those that will be too many once there is one of this step. */
static void tell_removed(const tn_run *run, const tn_run_checkpoints *list, tn_json *j)
{
    const size_t to_come = list->count == 0 || list->step[0] != run->step;
    tn_json_open(j, "removed", '[');
    for (size_t i = list->count; i > 0 && i + to_come > (size_t)run->now.set.keep; i--)
        tn_json_text(j, NULL, tn_run_checkpoint_name(list->step[i - 1]).name);
    tn_json_close(j, ']');
}

static bool is_best(const tn_run *run)
{
    return run->best.epoch > 0 && run->best.step == run->step;
}

tn_status tn_run_checkpoint_place(tn_run *run)
{
    const tn_run_file f = tn_run_checkpoint_name(run->step);
    const int dir = run->folder.dir, parts = openat(dir, "checkpoints", O_RDONLY | O_CLOEXEC);
    const bool done = renameat(dir, next_file, dir, f.name) == 0;
    const int error = errno;
    if (parts >= 0) {
        (void)fsync(parts); /* only a power cut would tell the difference */
        close(parts);
    }
    if (!done)
        return tn_fail(TN_ERR_IO, "%s/%s: cannot be put in place: %s", run->folder.path, f.name,
                       strerror(error));
    tn_run_checkpoint_placed(run);
    return TN_OK;
}

void tn_run_checkpoint_placed(tn_run *run)
{
    make_best(run);
    tn_run_checkpoints_prune(run);
}

/* ---- saving ----------------------------------------------------------------------------------- */

/* Its line, on the disk. */
static tn_status tell(tn_run *run, double began)
{
    tn_digest digest;
    tn_run_checkpoints list;
    int64_t bytes;
    TN_TRY(tn_run_file_digest(&run->folder, next_file, &digest, &bytes));
    tn_status status = tn_run_checkpoints_list(&run->folder, &list);
    if (status == TN_OK) {
        tn_json *j = tn_run_line_begin(run, "checkpoint");
        tn_json_text(j, "file", tn_run_checkpoint_name(run->step).name);
        tn_json_count(j, "bytes", bytes);
        tn_json_text(j, "xxh3", digest.text);
        tn_json_bool(j, "best", is_best(run));
        tell_removed(run, &list, j);
        tn_run_add_seconds(j, tn_now() - began);
        tn_events_flush(&run->events);
        status = tn_run_line_must(run);
    }
    tn_run_checkpoints_free(&list);
    return status;
}

static tn_status write_to(const tn_run *run, const char *path, bool params)
{
    tn_run_meta meta;
    TN_TRY(tn_run_meta_write(run, &meta));
    const tn_status status =
        params ? tn_checkpoint_save_params(run->opts.plan, path, meta.meta, meta.count)
               : tn_checkpoint_save(run->opts.plan, path, meta.meta, meta.count);
    tn_run_meta_free(&meta);
    return status;
}

static tn_status write_checkpoint(tn_run *run)
{
    const double began = tn_now();
    char *path = tn_format("%s/%s", run->opts.folder, next_file);
    tn_status status = path ? write_to(run, path, false) : tn_no_memory("checkpoint", 64);
    tn_free(path);
    if (status == TN_OK && run->writes) {
        status = tell(run, began);
        if (status == TN_OK)
            status = tn_run_checkpoint_place(run);
        else
            (void)unlinkat(run->folder.dir, next_file, 0);
    }
    return tn_run_agree(run, status);
}

/* Told, and tried again at the next that is due. */
static void put_off(tn_run *run)
{
    tn_free(run->trouble);
    run->trouble = tn_copy_text(tn_error());
    run->save_failed = true;
    tn_run_warn(run, "not_saved", tn_error());
    if (is_best(run))
        tn_run_warn(run, "best", "the best could not be saved; best.safetensors is an earlier one");
    tn_run_tell_state(run, true);
}

tn_status tn_run_checkpoint(tn_run *run, bool must)
{
    if (!run->opts.folder) /* the program's affair */
        return TN_OK;
    tn_error_kept kept;
    tn_error_keep(&kept);
    TN_TRY(tn_run_tell_digest(run));
    const tn_status status = write_checkpoint(run);
    if (status == TN_OK) {
        tn_free(run->trouble);
        run->trouble = NULL;
        run->save_failed = false;
        run->unsaved = false;
        return TN_OK;
    }
    if (must || status == TN_ERR_DEVICE || status == TN_END)
        return status;
    put_off(run);
    tn_error_put_back(&kept);
    return TN_OK;
}

tn_status tn_run_save(tn_run *run)
{
    TN_NEED(run, "run");
    if (!run->opts.folder)
        return tn_fail(TN_ERR_ARGUMENT, "run: it has no folder to save in; tn_run_save_as() has");
    return tn_run_checkpoint(run, true);
}

tn_status tn_run_save_as(tn_run *run, const char *path, bool params)
{
    TN_NEED(run, "run");
    TN_NEED(path, "path");
    return tn_run_agree(run, write_to(run, path, params));
}
