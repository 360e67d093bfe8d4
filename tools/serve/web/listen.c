#define _GNU_SOURCE /* SOCK_CLOEXEC */

#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../common/args.h"

enum { WAITING = 128 };

typedef union place {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un file;
} place;

/* Its size; 0: it is no address. */
static socklen_t find(place *p, const char *address, int port)
{
    memset(p, 0, sizeof *p);
    if (inet_pton(AF_INET, address, &p->v4.sin_addr) == 1) {
        p->v4.sin_family = AF_INET;
        p->v4.sin_port = htons((uint16_t)port);
        return sizeof p->v4;
    }
    memset(p, 0, sizeof *p);
    if (inet_pton(AF_INET6, address, &p->v6.sin6_addr) == 1) {
        p->v6.sin6_family = AF_INET6;
        p->v6.sin6_port = htons((uint16_t)port);
        return sizeof p->v6;
    }
    return 0;
}

int listen_on(const char *address, int *port)
{
    place p;
    const int yes = 1;
    socklen_t size = find(&p, address, *port);
    if (size == 0)
        args_fail("--listen: \"%s\" is no address: 127.0.0.1, 0.0.0.0, ::1, ...", address);
    const int fd = socket(p.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        run_fail("no socket: %s", strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, &p.any, size) != 0 || listen(fd, WAITING) != 0)
        args_fail("port %d of %s cannot be listened at: %s%s", *port, address, strerror(errno),
                  errno == EADDRINUSE ? "; another server may be running: --port takes another"
                                      : "");
    size = sizeof p;
    if (getsockname(fd, &p.any, &size) == 0)
        *port = ntohs(p.any.sa_family == AF_INET ? p.v4.sin_port : p.v6.sin6_port);
    return fd;
}

/* One that was left behind by a server that was killed. */
static void remove_dead(const char *path, const place *p)
{
    struct stat s;
    if (lstat(path, &s) != 0 || !S_ISSOCK(s.st_mode))
        return;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, &p->any, sizeof p->file) != 0 && errno == ECONNREFUSED)
        (void)unlink(path);
    if (fd >= 0)
        close(fd);
}

int listen_at(const char *path)
{
    place p = {.file = {.sun_family = AF_UNIX}};
    if (strlen(path) >= sizeof p.file.sun_path)
        args_fail("--socket: %s: a socket's path has at most %zu bytes", path,
                  sizeof p.file.sun_path - 1);
    memcpy(p.file.sun_path, path, strlen(path) + 1);
    remove_dead(path, &p);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        run_fail("no socket: %s", strerror(errno));
    const mode_t mask = umask(077);
    const bool bound = bind(fd, &p.any, sizeof p.file) == 0;
    const int error = errno;
    umask(mask);
    if (!bound || listen(fd, WAITING) != 0)
        args_fail("--socket: %s cannot be listened at: %s", path, strerror(bound ? errno : error));
    return fd;
}

bool listen_is_local(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}
