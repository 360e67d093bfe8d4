/*
 * Who may ask, and how: decided by the headers alone, before a body is taken.
 *
 *     the name    Host must be one that this server goes by, or a page elsewhere could reach it under a name of its own that
 *                 leads here (DNS rebinding): 421
 *     the page    Origin, where a browser says it, must be this server: 403
 *     the token   "Authorization: Bearer ..." on all of /api: 401; after five wrong ones of an address within a minute: 429
 */
#ifndef SERVE_GUARD_H
#define SERVE_GUARD_H

#include "http.h"

enum { TOKEN_LETTERS = 43 /* 256 bits */, GUARD_HOSTS = 8 };

typedef struct guard {
    char token[TOKEN_LETTERS + 1]; /* "": none is asked for */
    int port;                      /* 0: a socket in a file, where Host is whatever it is */
    const char *host[GUARD_HOSTS]; /* names beside localhost, 127.0.0.1 and [::1] */
    int hosts;
    struct {
        char from[48];
        int wrong;
        long long since;
    } tried[64];
} guard;

/* The token of a workspace's serve.token, made if it is not there; ends the program if it cannot be kept for this user alone. */
void guard_token(guard *g, const char *workspace);

bool guard_admits(guard *g, const request *r, answer *a);

/* As many steps whatever the bytes are. */
bool guard_same(const char *a, const char *b, size_t size);

#endif
