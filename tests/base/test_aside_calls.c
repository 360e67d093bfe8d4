/*
 * A file written aside, call by call: the linker hands every open, pwrite, fsync and rename of the program to
 * the functions below (--wrap, see CMakeLists.txt), which note the call and make it fail as told.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/aside.h"
#include "lab.h"

/* ---- the calls -------------------------------------------------------------------------------- */

typedef enum what { NOTHING, FAIL, KILL_BEFORE, KILL_AFTER } what;

static struct shim {
    char log[256]; /* a word a call */
    bool active;
    int calls;   /* since it became active */
    what what;   /* happens at ... */
    int at;      /* ... this call, counted from 1 */
    int error;   /* errno of what fails */
    size_t most; /* bytes that a write takes; 0: all */
    bool twice;  /* each write and flush is interrupted first */
    bool again;  /* the call before was */
} shim;

int __real_open(const char *path, int flags, ...);
ssize_t __real_pwrite(int fd, const void *data, size_t bytes, off_t at);
int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __wrap_open(const char *path, int flags, ...);
ssize_t __wrap_pwrite(int fd, const void *data, size_t bytes, off_t at);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);

/* True: the call fails, errno is set. */
static bool before(const char *word)
{
    if (!shim.active)
        return false;
    const size_t used = strlen(shim.log);
    snprintf(shim.log + used, sizeof shim.log - used, "%s%s", used ? " " : "", word);
    if (++shim.calls != shim.at)
        return false;
    if (shim.what == KILL_BEFORE)
        raise(SIGKILL);
    errno = shim.error;
    return shim.what == FAIL;
}

static void after(void)
{
    if (shim.active && shim.what == KILL_AFTER && shim.calls == shim.at)
        raise(SIGKILL);
}

/* True: the call is interrupted, the one that repeats it is not. */
static bool interrupted(void)
{
    shim.again = shim.active && shim.twice && !shim.again;
    errno = EINTR;
    return shim.again;
}

int __wrap_open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
    }
    if (before(flags & O_CREAT ? "make" : "open"))
        return -1;
    const int fd = __real_open(path, flags, mode);
    after();
    return fd;
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t bytes, off_t at)
{
    if (interrupted() || before("write"))
        return -1;
    const size_t most = shim.active && shim.most ? shim.most : bytes;
    const ssize_t done = __real_pwrite(fd, data, bytes < most ? bytes : most, at);
    after();
    return done;
}

int __wrap_fsync(int fd)
{
    struct stat s;
    const bool folder = fstat(fd, &s) == 0 && S_ISDIR(s.st_mode);
    if (interrupted() || before(folder ? "flush-folder" : "flush"))
        return -1;
    const int failed = __real_fsync(fd);
    after();
    return failed;
}

int __wrap_rename(const char *from, const char *to)
{
    if (before("rename"))
        return -1;
    const int failed = __real_rename(from, to);
    after();
    return failed;
}

/* ---- a save ----------------------------------------------------------------------------------- */

static const char *folder;
static char path[1100];

enum { BYTES = 1000, OLD = 'o', NEW = 'n' };

static tn_status write_parts(tn_aside *a, int letter)
{
    char data[BYTES];
    memset(data, letter, sizeof data);
    data[0] = '?';
    TN_TRY(tn_aside_write(a, data, BYTES / 2));
    TN_TRY(tn_aside_write(a, data + BYTES / 2, BYTES - BYTES / 2));
    data[0] = (char)letter;
    TN_TRY(tn_aside_write_at(a, data, 1, 0));
    return tn_aside_place(a);
}

static tn_status save(int letter)
{
    tn_aside a;
    TN_TRY(tn_aside_open(&a, path));
    const tn_status status = write_parts(&a, letter);
    tn_aside_discard(&a);
    return status;
}

/* The letter that the file is full of. */
static int content(void)
{
    char data[BYTES + 1];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(data, 1, sizeof data, f), BYTES);
    fclose(f);
    for (int i = 1; i < BYTES; i++)
        assert_int_equal(data[i], data[0]);
    return data[0];
}

static void begin(void)
{
    shim = (struct shim){0};
    assert_ok(save(OLD));
    shim.active = true;
}

/* ---- tests ------------------------------------------------------------------------------------ */

static const char order[] = "make write write write flush rename open flush-folder";
enum { MAKE = 1, WRITE = 2, FLUSH = 5, RENAME = 6, OPEN = 7, FLUSH_FOLDER = 8, CALLS = 8 };

static void first_on_the_disk_then_in_place(void **state)
{
    (void)state;
    begin();
    assert_ok(save(NEW));
    assert_string_equal(shim.log, order);
    assert_int_equal(content(), NEW);
}

static void short_and_interrupted_writes_go_on(void **state)
{
    (void)state;
    begin();
    shim.most = 7;
    assert_ok(save(NEW));
    assert_int_equal(content(), NEW);
    begin();
    shim.twice = true;
    assert_ok(save(NEW));
    assert_string_equal(shim.log, order);
    assert_int_equal(content(), NEW);
}

static void a_call_that_fails_is_told_and_leaves_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *why;
        int at, error;
        const char *says; /* NULL: it does not matter */
    } cases[] = {
        {"no room for a name", MAKE, ENOSPC, "no file can be made in its folder: No space left"},
        {"a read-only disk", MAKE, EROFS, "Read-only file system"},
        {"a full disk", WRITE, ENOSPC, "cannot write 500 bytes from byte 0 on: No space left"},
        {"later", WRITE + 1, ENOSPC, "cannot write 500 bytes from byte 500 on: No space left"},
        {"a broken disk", WRITE + 2, EIO, "cannot write 1 bytes from byte 0 on: Input/output"},
        {"found when it is flushed", FLUSH, EIO, "its 1000 bytes cannot be flushed to the disk"},
        {"delayed allocation", FLUSH, ENOSPC, "flushed to the disk: No space left"},
        {"quota", FLUSH, EDQUOT, "flushed to the disk: Disk quota exceeded"},
        {"a mount point", RENAME, EBUSY, "cannot be put in place: Device or resource busy"},
        {"a folder that may not be listed", OPEN, EACCES, NULL},
        {"too many open files", OPEN, EMFILE, "its folder cannot be flushed"},
        {"a file system that flushes no folders", FLUSH_FOLDER, EINVAL, NULL},
        {"a broken disk, late", FLUSH_FOLDER, EIO,
         "its folder cannot be flushed to the disk: Input"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        print_message("%s\n", cases[i].why);
        begin();
        shim.what = FAIL;
        shim.at = cases[i].at;
        shim.error = cases[i].error;
        if (cases[i].says) {
            assert_fails(save(NEW), TN_ERR_IO, cases[i].says);
            assert_non_null(strstr(tn_error(), path));
        } else {
            assert_ok(save(NEW));
        }
        assert_int_equal(content(), cases[i].at > RENAME ? NEW : OLD);
        assert_int_equal(lab_entries(folder), 1);
    }
}

static void a_killed_save_leaves_a_whole_file(void **state)
{
    (void)state;
    for (int at = 1; at <= CALLS; at++)
        for (what kill = KILL_BEFORE; kill <= KILL_AFTER; kill++) {
            begin();
            shim.what = kill;
            shim.at = at;
            fflush(NULL);
            const pid_t child = fork();
            if (child == 0) {
                (void)save(NEW);
                _exit(0);
            }
            int status = 0;
            assert_int_equal(waitpid(child, &status, 0), child);
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
            shim.active = false;
            const bool placed = at > RENAME || (at == RENAME && kill == KILL_AFTER);
            assert_int_equal(content(), placed ? NEW : OLD);
            const bool left = !placed && (at > MAKE || kill == KILL_AFTER);
            assert_int_equal(lab_entries(folder), left ? 2 : 1);
            assert_ok(save(NEW));
            assert_int_equal(lab_entries(folder), 1);
        }
}

int main(void)
{
    folder = lab_make_folder();
    snprintf(path, sizeof path, "%s/file", folder);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_on_the_disk_then_in_place),
        cmocka_unit_test(short_and_interrupted_writes_go_on),
        cmocka_unit_test(a_call_that_fails_is_told_and_leaves_nothing),
        cmocka_unit_test(a_killed_save_leaves_a_whole_file),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lab_remove(folder);
    return failed;
}
