#define _GNU_SOURCE /* O_PATH, syscall */

#include "io/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base.h"

enum { READ = O_RDONLY | O_CLOEXEC | O_NONBLOCK };

/* ---- opening ---------------------------------------------------------------------------------- */

/* What Linux 5.6 has; declared here, since headers may be older. */
typedef struct how {
    uint64_t flags, mode, resolve;
} how;
enum { NO_SYMLINKS = 0x04, BENEATH = 0x08 };

#ifdef SYS_openat2
static int open_at_once(int folder, const char *name)
{
    const how h = {.flags = READ, .resolve = BENEATH | NO_SYMLINKS};
    return (int)syscall(SYS_openat2, folder, name, &h, sizeof h);
}
#else
static int open_at_once(int folder, const char *name)
{
    (void)folder, (void)name;
    errno = ENOSYS;
    return -1;
}
#endif

/* One component after the other, none of which leads up or elsewhere. */
static int open_by_steps(int folder, const char *name)
{
    char part[256];
    int at = dup(folder);
    while (at >= 0) {
        const size_t length = strcspn(name, "/");
        const bool last = name[length] == '\0';
        if (length == 0 || length >= sizeof part || strncmp(name, "..", length) == 0) {
            close(at);
            errno = EXDEV;
            return -1;
        }
        memcpy(part, name, length);
        part[length] = '\0';
        const int next = openat(
            at, part, last ? READ | O_NOFOLLOW : O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        const int why = errno;
        close(at);
        errno = why;
        if (last)
            return next;
        at = next;
        name += length + 1;
    }
    return -1;
}

static int open_beneath(int folder, const char *name)
{
    const int fd = open_at_once(folder, name);
    /* An old kernel, or a container that does not let it through. */
    return fd < 0 && (errno == ENOSYS || errno == EPERM) ? open_by_steps(folder, name) : fd;
}

/* ---- the folder --------------------------------------------------------------------------------- */

static int open_folder(const char *beside)
{
    const char *slash = strrchr(beside, '/');
    char *folder = slash ? tn_copy_text(beside) : NULL;
    if (slash && !folder) {
        errno = ENOMEM;
        return -1;
    }
    if (folder)
        folder[slash == beside ? 1 : slash - beside] = '\0';
    const int fd = open(folder ? folder : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const int why = errno;
    tn_free(folder);
    errno = why;
    return fd;
}

static tn_status check(int fd, const char *beside, const char *name)
{
    struct stat s;
    if (fd < 0 && (errno == EXDEV || errno == ELOOP))
        return tn_fail(TN_ERR_FORMAT, "%s: its file \"%s\" is not in its folder, or is a link",
                       beside, name);
    if (fd < 0 || fstat(fd, &s) != 0)
        return tn_fail(TN_ERR_IO, "%s: its file \"%s\": %s", beside, name, strerror(errno));
    if (s.st_nlink > 1)
        return tn_fail(TN_ERR_FORMAT, "%s: its file \"%s\" has %lld names (hard links), not one",
                       beside, name, (long long)s.st_nlink);
    return TN_OK;
}

tn_status tn_open_beneath(int *out, const char *beside, const char *name)
{
    const int folder = open_folder(beside);
    const int fd = folder < 0 ? -1 : open_beneath(folder, name);
    const tn_status status = check(fd, beside, name);
    if (folder >= 0)
        close(folder);
    if (status != TN_OK && fd >= 0)
        close(fd);
    *out = status == TN_OK ? fd : -1;
    return status;
}
