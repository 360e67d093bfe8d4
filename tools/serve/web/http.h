/*
 * The server's side of HTTP: libmicrohttpd, which http.c alone sees, in one thread. Requests are answered by functions of the
 * program, at once or later from another thread; event streams are written to by anyone.
 *
 * Limits: 256 connections, 64 an address, 16 KiB of headers, 10 s for the whole of them, 30 s without progress of a body and 120 s for all of it, and
 * of one that goes to a file a second more for each 16 KiB that have come, 128 event streams.
 */
#ifndef SERVE_HTTP_H
#define SERVE_HTTP_H

#include <stdbool.h>
#include <stddef.h>

enum { HTTP_BODY = 1 << 20 /* bytes of one that is kept in memory */, HTTP_STREAMS = 128 };

typedef struct http http;

/* All of it is the server's, and gone when the answer is given. */
typedef struct request {
    const char *method, *path; /* the path with %XX resolved, without what follows '?' */
    const char *body;          /* ended by 0; "" if there is none */
    size_t size;
    int file;               /* where a body went that http_admits() found a file for; else 0 */
    struct http_call *call; /* http.c's own */
} request;

/* What was asked behind '?', and a header; NULL if it is not there. */
const char *http_query(const request *r, const char *name);
const char *http_header(const request *r, const char *name);
/* Of whom: an address in words, the same for all connections from it. */
const char *http_from(const request *r);

typedef struct answer {
    unsigned status;   /* 200, 404, ... */
    const char *type;  /* "application/json" */
    char *text;        /* for free(), or NULL: */
    const void *kept;  /* bytes that live on */
    int file;          /* or an open file, closed when it is sent; 0: none */
    size_t size;       /* of any */
    const char *tag;   /* of what is kept, for If-None-Match; NULL: not to be kept by anybody */
    const char *allow; /* of 405: the methods that there are */
    bool stream;       /* an event stream begins */
    bool later;        /* http_later() was called */
} answer;

/* Where a body goes: without a file to memory. */
typedef struct http_place {
    int file; /* closed by http.c; one without a name (O_TMPFILE) leaves nothing behind where a body does not come to its end */
    unsigned long long most; /* bytes that it may have: HTTP_BODY if nobody says else */
    /* NULL, or called once: all of the body is here, and its answer is made next; or it will not come. */
    void (*over)(void *with, unsigned long long reserved);
    void *with;
    unsigned long long reserved; /* what was kept free for it */
} http_place;

/* Before the body is taken: false, and an answer, if it is not to be. Then, with the body: the answer. */
typedef bool http_admits(void *with, const request *r, http_place *p, answer *a);
typedef void http_answers(void *with, const request *r, answer *a);

/* Takes the listening socket. *out is there before anything is asked. False, and errno: it cannot begin. */
bool http_open(http **out, int socket, http_admits *admits, http_answers *answers, void *with);
/* Answers that are still to come have been given. */
void http_close(http *h);

/* In http_answers: the answer comes by http_give(), once, from any thread. */
struct http_call *http_later(const request *r, answer *a);
void http_give(struct http_call *call, const answer *a);

/* An event to all streams; data is JSON in one line. Whoever is too slow misses some. */
void http_publish(http *h, const char *event, const char *data);

#endif
