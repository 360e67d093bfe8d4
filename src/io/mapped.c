#define _POSIX_C_SOURCE 200809L /* pread, O_CLOEXEC */

#include "io/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

tn_status tn_map_fd(tn_mapped *out, int fd, const char *path)
{
    struct stat s;
    if (fstat(fd, &s) != 0)
        return tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(s.st_mode))
        return tn_fail(TN_ERR_IO, "%s: is no regular file", path);
    *out = (tn_mapped){(const uint8_t *)"", 0};
    if (s.st_size == 0)
        return TN_OK;
    void *at = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED)
        return tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
    *out = (tn_mapped){at, (size_t)s.st_size};
    return TN_OK;
}

tn_status tn_map(tn_mapped *out, const char *path)
{
    const int fd =
        open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO would wait for a writer */
    if (fd < 0)
        return tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
    const tn_status status = tn_map_fd(out, fd, path);
    close(fd); /* the map stays */
    return status;
}

void tn_unmap(tn_mapped *m)
{
    if (m->size)
        munmap((void *)(uintptr_t)m->at, m->size);
    *m = (tn_mapped){NULL, 0};
}

tn_status tn_read_at(int fd, const char *path, void *to, size_t bytes, size_t offset)
{
    const size_t most = (size_t)1 << 30; /* Linux reads at most 2 GiB in one call */
    for (char *p = to; bytes > 0;) {
        const ssize_t got = pread(fd, p, bytes < most ? bytes : most, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return tn_fail(TN_ERR_IO, "%s: %s", path, strerror(errno));
        if (got == 0)
            return tn_fail(TN_ERR_FORMAT, "%s: ends at byte %zu, %zu too early", path, offset,
                           bytes);
        p += got;
        offset += (size_t)got;
        bytes -= (size_t)got;
    }
    return TN_OK;
}
