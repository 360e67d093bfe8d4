#define _GNU_SOURCE /* getrandom, strcasecmp */

#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../common/args.h"
#include "reply.h"

/* ---- the token ------------------------------------------------------------------------------------- */

static void make_token(char *token)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char bytes[TOKEN_LETTERS];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        run_fail("the system gives no random numbers: %s", strerror(errno));
    for (int i = 0; i < TOKEN_LETTERS; i++)
        token[i] = letters[bytes[i] & 63];
    token[TOKEN_LETTERS] = '\0';
}

static bool read_token(char *token, int fd)
{
    const ssize_t got = read(fd, token, TOKEN_LETTERS);
    token[got > 0 ? got : 0] = '\0';
    return got == TOKEN_LETTERS &&
           strspn(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
               TOKEN_LETTERS;
}

void guard_token(guard *g, const char *workspace)
{
    char path[4096];
    struct stat s;
    if (snprintf(path, sizeof path, "%s/serve.token", workspace) >= (int)sizeof path)
        args_fail("%s: the path is too long", workspace);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        if (fstat(fd, &s) != 0 || !S_ISREG(s.st_mode) || s.st_uid != geteuid() || s.st_mode & 077)
            args_fail(
                "%s: others may read it or it is not yours: chmod 600, or remove it, and a new "
                "one is made",
                path);
        if (!read_token(g->token, fd))
            args_fail("%s: is no token: remove it, and a new one is made", path);
        close(fd);
        return;
    }
    if (errno != ENOENT)
        args_fail("%s: cannot be opened: %s", path, strerror(errno));
    make_token(g->token);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || write(fd, g->token, TOKEN_LETTERS) != TOKEN_LETTERS || write(fd, "\n", 1) != 1 ||
        close(fd) != 0)
        run_fail("%s: cannot be written: %s", path, strerror(errno));
}

bool guard_same(const char *a, const char *b, size_t size)
{
    unsigned char differs = 0;
    for (size_t i = 0; i < size; i++)
        differs |= (unsigned char)(a[i] ^ b[i]);
    return differs == 0;
}

/* ---- names ----------------------------------------------------------------------------------------- */

/* "localhost:7860" of "localhost"; without a port where it is HTTP's own. */
static bool is_named(const char *given, const char *name, int port)
{
    char text[300];
    snprintf(text, sizeof text, "%.255s:%d", name, port);
    return strcasecmp(given, text) == 0 || (port == 80 && strcasecmp(given, name) == 0);
}

static bool is_ours(const guard *g, const char *given)
{
    static const char *const always[] = {"localhost", "127.0.0.1", "[::1]"};
    if (!given)
        return false;
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (is_named(given, always[i], g->port))
            return true;
    for (int i = 0; i < g->hosts; i++) /* a proxy before us may have another port, or none */
        if (is_named(given, g->host[i], g->port) || strcasecmp(given, g->host[i]) == 0)
            return true;
    return false;
}

static bool is_our_page(const guard *g, const char *origin)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        const size_t length = strlen(schemes[i]);
        if (strncasecmp(origin, schemes[i], length) == 0)
            return is_ours(g, origin + length);
    }
    return false;
}

/* ---- the token that is shown ------------------------------------------------------------------------ */

enum { WRONG = 5, PAUSE_SECONDS = 60 };

static long long now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

/* The place where an address's tries are counted; the oldest is given up for a new one. */
static size_t place_of(guard *g, const char *from)
{
    const size_t count = sizeof g->tried / sizeof *g->tried;
    size_t oldest = 0;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(g->tried[i].from, from) == 0)
            return i;
        if (g->tried[i].since < g->tried[oldest].since)
            oldest = i;
    }
    snprintf(g->tried[oldest].from, sizeof g->tried[oldest].from, "%s", from);
    g->tried[oldest].wrong = 0;
    g->tried[oldest].since = now();
    return oldest;
}

/* The right one is let in whoever has guessed before: 256 bits are not guessed, and a page that was left open with an old token
 * must not lock its owner out. */
static bool shows_token(guard *g, const request *r, answer *a)
{
    static const char scheme[] = "Bearer ";
    const char *given = http_header(r, "Authorization");
    if (given && strncasecmp(given, scheme, sizeof scheme - 1) == 0 &&
        strlen(given + sizeof scheme - 1) == TOKEN_LETTERS &&
        guard_same(given + sizeof scheme - 1, g->token, TOKEN_LETTERS))
        return true;
    const size_t i = place_of(g, http_from(r));
    if (now() - g->tried[i].since >= PAUSE_SECONDS) {
        g->tried[i].wrong = 0;
        g->tried[i].since = now();
    }
    g->tried[i].wrong += given != NULL; /* who shows none has not guessed */
    if (g->tried[i].wrong > WRONG)
        reply_error(a, 429, NULL, "too many wrong tokens from here: wait a minute");
    else
        reply_error(a, 401, NULL,
                    "the token is missing or wrong: open the address that tenon serve prints");
    return false;
}

bool guard_admits(guard *g, const request *r, answer *a)
{
    const char *origin = http_header(r, "Origin");
    if (g->port && !is_ours(g, http_header(r, "Host"))) {
        reply_error(a, 421, NULL, "this server does not go by that name: --host says others");
        return false;
    }
    if (g->port && origin && !is_our_page(g, origin)) {
        reply_error(a, 403, NULL, "asked by a page of another server");
        return false;
    }
    if (http_header(r, "Content-Length") && http_header(r, "Transfer-Encoding")) {
        reply_error(a, 400, NULL,
                    "its length is told twice"); /* a proxy may have taken the other */
        return false;
    }
    if (!g->token[0] || strncmp(r->path, "/api/", 5) != 0)
        return true;
    return shows_token(g, r, a);
}
