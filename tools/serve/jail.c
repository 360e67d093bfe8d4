#define _GNU_SOURCE /* syscall, realpath */

#include "jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../common/args.h"

void jail_add(jail *j, const char *path)
{
    if (j->roots == JAIL_ROOTS)
        args_fail("--data: more than %d folders", JAIL_ROOTS);
    char *real = realpath(path, NULL);
    const int fd = real ? open(real, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0)
        args_fail("%s: %s", path, strerror(errno));
    for (int i = 0; i < j->roots; i++)
        if (strcmp(j->root[i].path, real) == 0) { /* it is there already */
            close(fd);
            free(real);
            return;
        }
    j->root[j->roots].path = real;
    j->root[j->roots++].fd = fd;
}

const char *jail_below(const jail *j, int root, const char *path)
{
    const char *folder = j->root[root].path;
    size_t length = strlen(folder);
    if (length == 1) /* the root of the file system */
        length = 0;
    if (strncmp(path, folder, length) != 0 || (path[length] != '/' && path[length] != '\0'))
        return NULL;
    return path + length + strspn(path + length, "/");
}

static int open_beneath(const jail *j, int root, const char *path, int flags)
{
    const struct open_how how = {.flags = (unsigned long long)(flags | O_CLOEXEC),
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, j->root[root].fd, *path ? path : ".", &how, sizeof how);
}

/* A link may lead into another root: what it leads to is opened there, by the same rules. */
static int open_elsewhere(const jail *j, int root, const char *path, int flags)
{
    char whole[JAIL_PATH];
    const bool fits =
        snprintf(whole, sizeof whole, "%s/%s", j->root[root].path, path) < (int)sizeof whole;
    char *real = fits ? realpath(whole, NULL) : NULL;
    int fd = -1;
    for (int i = 0; real && fd < 0 && i < j->roots; i++) {
        const char *rest = jail_below(j, i, real);
        if (rest)
            fd = open_beneath(j, i, rest, flags);
    }
    free(real);
    if (fd < 0)
        errno = EXDEV;
    return fd;
}

int jail_open(const jail *j, int root, const char *path, int flags)
{
    if (root < 0 || root >= j->roots) {
        errno = ENOENT;
        return -1;
    }
    const int fd = open_beneath(j, root, path, flags);
    const bool is_path = strncmp(path, "../", 3) != 0 && strstr(path, "/..") == NULL;
    return fd < 0 && errno == EXDEV && is_path && path[0] != '/'
               ? open_elsewhere(j, root, path, flags)
               : fd;
}

int jail_open_at(int folder, const char *name, int flags)
{
    const struct open_how how = {.flags = (unsigned long long)(flags | O_CLOEXEC),
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    return (int)syscall(SYS_openat2, folder, name, &how, sizeof how);
}

bool jail_path(int fd, char path[JAIL_PATH])
{
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    const ssize_t length = readlink(name, path, JAIL_PATH - 1);
    path[length > 0 ? length : 0] = '\0';
    return length > 0 && path[0] == '/';
}

int jail_open_path(const jail *j, const char *path, int flags)
{
    for (int i = 0; i < j->roots; i++) {
        const char *rest = jail_below(j, i, path);
        const int fd = rest ? jail_open(j, i, rest, flags) : -1;
        if (fd >= 0)
            return fd;
    }
    errno = ENOENT;
    return -1;
}
