/*
 * A run, call by call: the linker hands every call to the system that changes a file to the functions below (--wrap, see
 * CMakeLists.txt). At each of them a life is killed (before it, behind it, a write in the middle of it), or that call fails,
 * or it and all that follow. Whatever it was, the run can be resumed and is in the end the one that nothing happened to.
 */
#define _DEFAULT_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab_life.h"

/* ---- the calls -------------------------------------------------------------------------------- */

typedef enum fate { NOTHING, KILL_BEFORE, KILL_HALF, KILL_AFTER, FAIL, FAIL_ON } fate;

/* In a life: what happens at which call, counted from 1; the parent says it by the environment. */
static fate now;
static int at, calls;
static bool counting; /* says at its end how many there were */

static void begin_life(void)
{
    const char *told = getenv("LAB_CALL");
    int number = 0;
    if (told && sscanf(told, "%d %d", &number, &at) == 2)
        now = (fate)number;
    counting = getenv("LAB_COUNT") != NULL;
    if (now >= FAIL && !freopen("/dev/null", "w", stderr)) /* it fails as it should */
        exit(2);
}

/* True: the call fails, errno is set. */
static bool before(void)
{
    calls++;
    if (calls == at && now == KILL_BEFORE)
        raise(SIGKILL);
    errno = ENOSPC;
    return (calls == at && now == FAIL) || (calls >= at && now == FAIL_ON);
}

static void after(void)
{
    if (calls == at && now == KILL_AFTER)
        raise(SIGKILL);
}

static bool halves(void)
{
    return calls == at && now == KILL_HALF;
}

#define WRAP(type, name, parameters, arguments)    \
    type __real_##name parameters;                 \
    type __wrap_##name parameters;                 \
    type __wrap_##name parameters                  \
    {                                              \
        if (before())                              \
            return -1;                             \
        const type done = __real_##name arguments; \
        after();                                   \
        return done;                               \
    }

WRAP(int, fsync, (int fd), (fd))
WRAP(int, fdatasync, (int fd), (fd))
WRAP(int, rename, (const char *from, const char *to), (from, to))
WRAP(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WRAP(int, linkat, (int a, const char *from, int b, const char *to, int how), (a, from, b, to, how))
WRAP(int, unlinkat, (int dir, const char *name, int how), (dir, name, how))
WRAP(int, mkdirat, (int dir, const char *name, mode_t mode), (dir, name, mode))
WRAP(int, ftruncate, (int fd, off_t bytes), (fd, bytes))

ssize_t __real_write(int fd, const void *data, size_t bytes);
ssize_t __wrap_write(int fd, const void *data, size_t bytes);
ssize_t __wrap_write(int fd, const void *data, size_t bytes)
{
    if (before())
        return now == FAIL && bytes > 1 ? __real_write(fd, data, bytes / 2) : -1;
    const ssize_t done = __real_write(fd, data, halves() ? bytes / 2 : bytes);
    if (halves())
        raise(SIGKILL);
    after();
    return done;
}

ssize_t __real_pwrite(int fd, const void *data, size_t bytes, off_t from);
ssize_t __wrap_pwrite(int fd, const void *data, size_t bytes, off_t from);
ssize_t __wrap_pwrite(int fd, const void *data, size_t bytes, off_t from)
{
    if (before())
        return -1;
    const ssize_t done = __real_pwrite(fd, data, halves() ? bytes / 2 : bytes, from);
    if (halves())
        raise(SIGKILL);
    after();
    return done;
}

/* ---- lives ------------------------------------------------------------------------------------ */

static const lab_run_kind kinds[] = {
    {"cpu", .log_every = 2, .save_steps = 3, .keep = 1, .events = true}};

enum { STEPS = 12, MOST_CALLS = 400 };

/* Its exit status, -1 if it was killed. */
static int life(const char *folder, fate what, int call)
{
    char told[40];
    int status = 0;
    snprintf(told, sizeof told, "%d %d", (int)what, call);
    setenv("LAB_CALL", told, 1);
    waitpid(lab_life_begin(folder, 0, STEPS), &status, 0);
    setenv("LAB_CALL", "0 0", 1);
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
        fail_msg("call %d: a life ended by signal %d", call, WTERMSIG(status));
    return WIFSIGNALED(status) ? -1 : WEXITSTATUS(status);
}

static int count_calls(const char *folder)
{
    setenv("LAB_COUNT", "1", 1);
    const int status = life(folder, NOTHING, 0);
    unsetenv("LAB_COUNT");
    assert_int_equal(status, 0);
    char path[1200];
    int count = 0;
    snprintf(path, sizeof path, "%s/calls", folder);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%d", &count), 1);
    fclose(f);
    return count;
}

static void check_each(fate what, const char *why, int step)
{
    char whole[1024], text[100];
    snprintf(whole, sizeof whole, "%s", lab_make_folder()); /* whose memory is used again */
    const int count = count_calls(whole);
    assert_true(count > 40 && count < MOST_CALLS);
    for (int call = 1; call <= count; call += step) {
        const char *folder = lab_make_folder();
        const int first = life(folder, what, call);
        if (what < FAIL && what != KILL_HALF)
            assert_int_equal(first, -1);
        snprintf(text, sizeof text, "%s, call %d", why, call);
        lab_life(folder, 0, STEPS, LAB_DONE);
        lab_same_runs(text, whole, folder, what >= FAIL);
        lab_remove(folder);
    }
    lab_remove(whole);
}

enum { EACH = LAB_SLOW ? 7 : 1 };

static void killed_before_each_call(void **state)
{
    (void)state;
    check_each(KILL_BEFORE, "killed before", EACH);
}

static void killed_in_the_middle_of_each_write(void **state)
{
    (void)state;
    check_each(KILL_HALF, "killed in the middle", EACH);
}

static void killed_behind_each_call(void **state)
{
    (void)state;
    check_each(KILL_AFTER, "killed behind", 3 * EACH);
}

static void each_call_fails_once(void **state)
{
    (void)state;
    check_each(FAIL, "failing once", EACH);
}

static void all_calls_fail_from_each_on(void **state)
{
    (void)state;
    check_each(FAIL_ON, "failing on", 3 * EACH);
}

static void tell_calls(void)
{
    if (!counting)
        return;
    const int count = calls;
    FILE *f = fopen("calls", "w");
    if (f)
        fprintf(f, "%d\n", count);
    if (f)
        fclose(f);
}

int main(int argc, char **argv)
{
    begin_life();
    if (counting && argc > 2 && chdir(argv[2]) == 0)
        atexit(tell_calls);
    lab_life_main(argc, argv, kinds);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_before_each_call),
        cmocka_unit_test(killed_in_the_middle_of_each_write),
        cmocka_unit_test(killed_behind_each_call),
        cmocka_unit_test(each_call_fails_once),
        cmocka_unit_test(all_calls_fail_from_each_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
