/* mkdtemp and nftw are POSIX. */
#define _XOPEN_SOURCE 700

#include "lab.h"

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void lab_assert_error(const tn_error_kept *want, const char *call, const char *file, int line)
{
    if (strcmp(want->text, tn_error()) == 0)
        return;
    print_error("%s succeeded, and yet tn_error() is now \"%s\"\n", call, tn_error());
    _fail(file, line);
}

void lab_assert_fails(tn_status got, tn_status want, const char *text, const char *call,
                      const char *file, int line)
{
    if (got != want) {
        print_error("%s gave \"%s\" (%s), not \"%s\"\n", call, tn_status_text(got), tn_error(),
                    tn_status_text(want));
        _fail(file, line);
    }
    if (!strstr(tn_error(), text)) {
        print_error("%s says \"%s\", without \"%s\"\n", call, tn_error(), text);
        _fail(file, line);
    }
}

long lab_fail_each_allocation(tn_status (*body)(void *), void *arg)
{
    const long live = tn_alloc_live();
    for (long n = 1;; n++) {
        tn_alloc_fail_at(n);
        const tn_status status = body(arg);
        tn_alloc_fail_at(0);
        if (tn_alloc_live() != live)
            fail_msg("allocation %ld failing: %ld blocks are left behind (%s)", n,
                     tn_alloc_live() - live, tn_error());
        if (status == TN_OK)
            return n - 1;
        if (status != TN_ERR_MEMORY)
            fail_msg("allocation %ld failing is reported as %s: %s", n, tn_status_text(status),
                     tn_error());
    }
}

static const char *join(const char *variable, const char *name)
{
    static char path[8][1024];
    static int next;
    char *p = path[next++ % 8];
    const char *folder = getenv(variable);
    snprintf(p, sizeof path[0], "%s/%s", folder ? folder : ".", name);
    return p;
}

const char *lab_data(const char *name)
{
    return join("TENON_TEST_DATA", name);
}

const char *lab_golden(const char *name)
{
    return join("TENON_TEST_GOLDEN", name);
}

bool lab_exists(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0;
}

int lab_entries(const char *folder)
{
    DIR *d = opendir(folder);
    assert_non_null(d);
    int count = -2; /* . and .. */
    while (readdir(d))
        count++;
    closedir(d);
    return count;
}

const char *lab_make_folder(void)
{
    static char path[4][1024];
    static int next;
    char *p = path[next++ % 4];
    const char *parent = getenv("TMPDIR");
    snprintf(p, sizeof path[0], "%s/tenon-test-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(p))
        fail_msg("no folder %s", p);
    return p;
}

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *where)
{
    (void)s, (void)type, (void)where;
    return remove(path);
}

void lab_remove(const char *folder)
{
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void lab_nap(double seconds)
{
    const time_t whole = (time_t)seconds;
    nanosleep(
        &(struct timespec){.tv_sec = whole, .tv_nsec = (long)((seconds - (double)whole) * 1e9)},
        NULL);
}
