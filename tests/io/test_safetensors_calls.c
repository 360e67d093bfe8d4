/*
 * Reading, call by call: the linker hands every pread of the program to the function below (--wrap, see
 * CMakeLists.txt), which takes fewer bytes, is interrupted or fails.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/safetensors.h"
#include "lab.h"

static struct shim {
    size_t most;       /* bytes that a call takes; 0: all */
    bool twice, again; /* each call is interrupted first; this one was */
    int calls, at;     /* the call that fails, from 1; 0: none */
} shim;

ssize_t __real_pread(int fd, void *to, size_t bytes, off_t at);
ssize_t __wrap_pread(int fd, void *to, size_t bytes, off_t at);

ssize_t __wrap_pread(int fd, void *to, size_t bytes, off_t at)
{
    shim.again = shim.twice && !shim.again;
    errno = EINTR;
    if (shim.again)
        return -1;
    errno = EIO;
    if (++shim.calls == shim.at)
        return -1;
    return __real_pread(fd, to, shim.most && shim.most < bytes ? shim.most : bytes, at);
}

enum { COUNT = 100 };
static char path[1100];

static void write_file(void)
{
    const tn_safetensor t = {.name = "a", .dtype = TN_I32, .shape = TN_SHAPE(COUNT)};
    int32_t data[COUNT];
    for (int i = 0; i < COUNT; i++)
        data[i] = i * i;
    tn_safetensors_writer *w = NULL;
    assert_ok(tn_safetensors_create(&w, path, &t, 1, NULL, 0));
    assert_ok(tn_safetensors_write(w, data, sizeof data));
    assert_ok(tn_safetensors_commit(w));
    tn_safetensors_destroy(w);
}

static tn_status read_file(void)
{
    int32_t data[COUNT] = {0};
    tn_safetensors *f = NULL;
    TN_TRY(tn_safetensors_open(&f, path));
    const tn_status status = tn_safetensors_read(f, tn_safetensors_find(f, "a"), data);
    tn_safetensors_close(f);
    for (int i = 0; status == TN_OK && i < COUNT; i++)
        assert_int_equal(data[i], i * i);
    return status;
}

static void short_and_interrupted_reads_go_on(void **state)
{
    (void)state;
    write_file();
    shim = (struct shim){.most = 7};
    assert_ok(read_file());
    assert_true(shim.calls > 60);
    shim = (struct shim){.twice = true};
    assert_ok(read_file());
}

static void each_read_may_fail(void **state)
{
    (void)state;
    write_file();
    for (int at = 1; at <= 3; at++) { /* the length, the header, the numbers */
        shim = (struct shim){.at = at};
        assert_fails(read_file(), TN_ERR_IO, "Input/output error");
        assert_non_null(strstr(tn_error(), path));
    }
    shim = (struct shim){.at = 4};
    assert_ok(read_file());
}

int main(void)
{
    const char *folder = lab_make_folder();
    snprintf(path, sizeof path, "%s/file", folder);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_and_interrupted_reads_go_on),
        cmocka_unit_test(each_read_may_fail),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lab_remove(folder);
    return failed;
}
