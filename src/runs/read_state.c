/*
 * What state a run is in. Nobody is believed who says to run: the lock is looked at.
 *
 *     state.json says              lock held        free                free, of another machine
 *     queued ... stopping          as it says       died                as it says, elsewhere
 *     done, stopped, failed        as it says       as it says          as it says
 *     nothing that can be read     running          as `end` says, died
 *
 * Who died between the last line of the log, `end`, and the state has ended as that line says. A trainer takes the lock before
 * it writes a state, and lets go of it after its last one. So who seems to have died is looked at again, in case it began or
 * ended just between the two looks: the state has to be the same before and after the lock was seen to be free.
 */
#define _DEFAULT_SOURCE /* flock */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "runs/read.h"

static const char *const names[] = {"queued", "starting", "running", "stopping",
                                    "done",   "stopped",  "failed",  "died"};

const char *tn_runs_state_name(tn_runs_state state)
{
    return (size_t)state < TN_COUNT(names) ? names[state] : "unknown";
}

typedef struct reading {
    tn_run_info info; /* first: what is given out is this */
    char *folder, *checkpoint, *problem;
    char *said; /* state.json */
    size_t said_bytes;
    tn_fields *all;
    tn_log_tail tail;
    tn_error_kept kept; /* what tn_error() says if all goes well */
} reading;

void tn_run_info_close(tn_run_info *info)
{
    reading *r = (reading *)info;
    if (!r)
        return;
    tn_free(r->folder);
    tn_free(r->checkpoint);
    tn_free(r->problem);
    tn_free(r->said);
    tn_fields_close(r->all);
    tn_fields_close(r->tail.end);
    tn_free(r);
}

/* ---- files ------------------------------------------------------------------------------------- */

/* An error that is no reason not to tell the rest; no memory is. */
static tn_status pass_over(reading *r, tn_status status)
{
    if (status == TN_ERR_MEMORY || status == TN_OK || status == TN_END)
        return status == TN_END ? TN_OK : status;
    if (!r->problem && !(r->problem = tn_copy_text(tn_error())))
        return tn_no_memory("what is wrong with a run", 1);
    tn_error_put_back(&r->kept);
    return TN_OK;
}

static tn_status read_state(reading *r, int folder)
{
    TN_TRY(tn_runs_read_whole(&r->said, &r->said_bytes, folder, r->folder, "state.json",
                              TN_RUN_STATE_MOST));
    cJSON *object = tn_json_object(r->said, r->said_bytes);
    if (!object)
        return tn_fail(TN_ERR_FORMAT, "%s/state.json: is not a JSON object", r->folder);
    const tn_status status = tn_fields_of(&r->all, object, "state.json");
    cJSON_Delete(object);
    return status;
}

/* Does state.json say behind the look at the lock what it said before? */
static tn_status says_the_same(const reading *r, int folder, bool *same)
{
    char *text = NULL;
    size_t size = 0;
    const tn_status status =
        tn_runs_read_whole(&text, &size, folder, r->folder, "state.json", TN_RUN_STATE_MOST);
    *same = !text ? !r->said : r->said && size == r->said_bytes && memcmp(text, r->said, size) == 0;
    tn_free(text);
    return status == TN_ERR_MEMORY ? status : TN_OK;
}

/* The step that a checkpoint's name tells of; -1: it is none. */
static int64_t step_of(const char *name)
{
    static const char before[] = "step-", behind[] = ".safetensors";
    if (strncmp(name, before, sizeof before - 1) != 0)
        return -1;
    const char *digit = name + sizeof before - 1;
    const size_t length = strspn(digit, "0123456789");
    if (length == 0 || length > 15 || strcmp(digit + length, behind) != 0)
        return -1;
    int64_t step = 0;
    for (size_t i = 0; i < length; i++)
        step = 10 * step + (digit[i] - '0');
    return step;
}

/* Each is whole or not there, so the last one is the one to go on from. */
static tn_status find_checkpoint(reading *r, int folder)
{
    char last[NAME_MAX + 1] = "";
    const int fd = openat(folder, "checkpoints", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        if (fd >= 0)
            close(fd);
        return errno == ENOENT
                   ? TN_OK
                   : tn_fail(TN_ERR_IO, "%s/checkpoints: %s", r->folder, strerror(errno));
    }
    for (const struct dirent *e; (e = readdir(d));) {
        const int64_t step = step_of(e->d_name);
        if (step > r->info.checkpoint_step) {
            r->info.checkpoint_step = step;
            memcpy(last, e->d_name, strlen(e->d_name) + 1);
        }
    }
    closedir(d);
    if (last[0] && !(r->checkpoint = tn_format("checkpoints/%s", last)))
        return tn_no_memory("path of a checkpoint", strlen(last));
    r->info.checkpoint = r->checkpoint;
    return TN_OK;
}

/* ---- alive ------------------------------------------------------------------------------------- */

/* Whoever wants the lock for himself tries again for a moment, since a look takes it for one. */
static tn_status look_at_lock(reading *r, int folder)
{
    int fd;
    const tn_status status = tn_runs_open_file(&fd, folder, r->folder, "lock");
    if (status != TN_OK)
        return status;
    const int error = flock(fd, LOCK_SH | LOCK_NB) == 0 ? 0 : errno;
    close(fd);
    r->info.alive = error == EWOULDBLOCK;
    return error == 0 || r->info.alive
               ? TN_OK
               : tn_fail(TN_ERR_IO, "%s/lock: %s", r->folder, strerror(error));
}

/* Is this the kernel that the run was started on? A free lock then means that nobody has it. */
static bool same_kernel(const tn_fields *all)
{
    char own[64] = "";
    const char *said = tn_fields_text(all, "boot");
    const int fd = said ? open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return false;
    const ssize_t bytes = read(fd, own, sizeof own - 1);
    close(fd);
    own[bytes > 0 ? bytes : 0] = '\0';
    own[strcspn(own, "\n")] = '\0';
    return own[0] && strcmp(own, said) == 0;
}

/* Are locks of another machine not seen here? NFS may keep them to the machine that takes them, and so may others. */
static bool shared_folder(int folder)
{
    static const unsigned long
        network[] = {0x6969,     0xFF534D42, 0xFE534D42, 0x517B,     0x01021997,
                     0x00C36400, 0x0BD00BD0, 0x47504653, 0x65735546, 0x5346414F,
                     0x19830326, 0x20030528}; /* NFS, CIFS, SMB2, SMB, 9p, Ceph, Lustre,
        GPFS, FUSE, AFS, BeeGFS, OrangeFS */
    struct statfs s;
    if (fstatfs(folder, &s) != 0)
        return false;
    for (size_t i = 0; i < TN_COUNT(network); i++)
        if (((unsigned long)s.f_type & 0xFFFFFFFFu) == network[i])
            return true;
    return false;
}

/* ---- what it comes to -------------------------------------------------------------------------- */

/* -1: it is the name of none that a file may say. */
static int state_of(const char *name)
{
    for (int i = 0; name && i < TN_RUN_IS_DIED; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static int64_t whole(const tn_fields *f, const char *name)
{
    const double number = tn_fields_number(f, name);
    return number >= 0 && number <= 0x1p53 ? (int64_t)number : -1;
}

static void judge(reading *r, int folder, bool lock_seen)
{
    tn_run_info *info = &r->info;
    const int said = state_of(tn_fields_text(r->all, "state"));
    const int ended = state_of(tn_fields_text(r->tail.end, "state"));
    const bool end_is_newer = ended > TN_RUN_IS_STOPPING && !(r->tail.time < info->updated);
    if (said > TN_RUN_IS_STOPPING)
        info->state = (tn_runs_state)said;
    else if (info->alive)
        info->state = said < 0 ? TN_RUN_IS_RUNNING : (tn_runs_state)said;
    else if (end_is_newer)
        info->state = (tn_runs_state)ended;
    else if (said >= 0 &&
             (!lock_seen || (info->host && !same_kernel(r->all) && shared_folder(folder))))
        info->state = (tn_runs_state)said;
    else
        info->state = TN_RUN_IS_DIED;
    info->elsewhere = said >= 0 && info->state == (tn_runs_state)said &&
                      info->state <= TN_RUN_IS_STOPPING && !info->alive && lock_seen;
    if (said <= TN_RUN_IS_STOPPING && end_is_newer && !info->alive)
        info->reason = tn_fields_text(r->tail.end, "reason");
}

static void fill(reading *r)
{
    tn_run_info *info = &r->info;
    const tn_fields *all = info->all = r->all;
    for (size_t n = strlen(r->folder); n > 1 && r->folder[n - 1] == '/'; n--)
        r->folder[n - 1] = '\0';
    const char *slash = strrchr(r->folder, '/');
    info->folder = r->folder;
    info->name = slash && slash[1] ? slash + 1 : r->folder;
    info->reason = tn_fields_text(all, "reason");
    info->host = tn_fields_text(all, "host");
    info->device = tn_fields_text(all, "device");
    info->problem = r->problem;
    info->pid = whole(all, "pid");
    info->step = whole(all, "step");
    info->steps = whole(all, "steps");
    info->epoch = whole(all, "epoch");
    info->epochs = whole(all, "epochs");
    info->eta = tn_fields_number(all, "eta");
    info->updated = tn_fields_number(all, "updated");
    if (r->tail.step > info->step)
        info->step = r->tail.step;
}

static bool is_run(int folder)
{
    struct stat s;
    return fstatat(folder, "lock", &s, AT_SYMLINK_NOFOLLOW) == 0 &&
           (fstatat(folder, "state.json", &s, AT_SYMLINK_NOFOLLOW) == 0 ||
            fstatat(folder, "config.json", &s, AT_SYMLINK_NOFOLLOW) == 0);
}

static tn_status read_all(reading *r, int folder)
{
    tn_error_keep(&r->kept);
    TN_TRY(pass_over(r, read_state(r, folder))); /* before the lock: says_the_same() */
    const tn_status lock = look_at_lock(r, folder);
    TN_TRY(pass_over(r, lock));
    TN_TRY(pass_over(r, tn_log_tail_read(&r->tail, folder, r->folder)));
    TN_TRY(pass_over(r, find_checkpoint(r, folder)));
    fill(r);
    judge(r, folder, lock == TN_OK);
    return TN_OK;
}

static tn_status read_once(reading **out, int folder, const char *path)
{
    reading *r = tn_alloc(1, sizeof *r);
    if (!r || !(r->folder = tn_copy_text(path))) {
        tn_free(r);
        return tn_no_memory("run", sizeof *r);
    }
    r->info.checkpoint_step = -1;
    const tn_status status = read_all(r, folder);
    if (status == TN_OK)
        *out = r;
    else
        tn_run_info_close(&r->info);
    return status;
}

static tn_status read_until_sure(reading **out, int folder, const char *path)
{
    enum { LOOKS = 8 };
    for (int i = 1;; i++) {
        bool same = true;
        tn_error_kept kept;
        tn_error_keep(&kept);
        TN_TRY(read_once(out, folder, path));
        reading *r = *out;
        tn_status status = TN_OK;
        if (r->info.state == TN_RUN_IS_DIED)
            status = says_the_same(r, folder, &same);
        if (status == TN_OK)
            tn_error_put_back(&kept);
        if (status == TN_OK && (same || i == LOOKS))
            return TN_OK;
        tn_run_info_close(&r->info);
        *out = NULL;
        if (status != TN_OK)
            return status;
    }
}

tn_status tn_run_read_at(tn_run_info **out, int at, const char *name, const char *path)
{
    int folder;
    reading *r = NULL;
    TN_TRY(tn_runs_open_folder(&folder, at, name, path));
    const tn_status status =
        is_run(folder)
            ? read_until_sure(&r, folder, path)
            : tn_fail(TN_ERR_FORMAT, "%s: is no run: it has no lock and state.json or config.json",
                      path);
    close(folder);
    if (status == TN_OK)
        *out = &r->info;
    return status;
}

tn_status tn_run_read(tn_run_info **out, const char *folder)
{
    TN_NEED(out, "out");
    TN_NEED(folder, "folder");
    return tn_run_read_at(out, AT_FDCWD, folder, folder);
}
