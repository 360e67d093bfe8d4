#define _GNU_SOURCE /* types of the library's header */

#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "body.h"
#include "streams.h"

enum {
    CONNECTIONS = 256,
    AN_ADDRESS = 64,
    MEMORY = 32768, /* a connection's, headers among it */
    HEADER_SECONDS = 10,
    IDLE_SECONDS = 30,
    BODY_SECONDS = 120,
    A_SECOND = 16384, /* bytes of a body that goes to a file, at least */
};

/* One connection: how long it has been bringing what it brings. */
typedef struct line {
    int fd;
    time_t since; /* 0: an answer is on its way, or a stream is */
    struct line *before, *next;
} line;

struct http {
    struct MHD_Daemon *daemon;
    http_admits *admits;
    http_answers *answers;
    void *with;
    pthread_mutex_t lock; /* of lines */
    line *lines;
    pthread_t clock;
    atomic_bool ends;
    streams *streams;
};

/* One request. */
struct http_call {
    http *h;
    struct MHD_Connection *connection;
    body body;
    time_t began;
    bool given; /* `answer` is there */
    answer answer;
    char from[INET6_ADDRSTRLEN];
};

const char *http_query(const request *r, const char *name)
{
    return MHD_lookup_connection_value(r->call->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_header(const request *r, const char *name)
{
    return MHD_lookup_connection_value(r->call->connection, MHD_HEADER_KIND, name);
}

const char *http_from(const request *r)
{
    return r->call->from;
}

static void find_from(struct http_call *k)
{
    const union MHD_ConnectionInfo *i =
        MHD_get_connection_info(k->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *a = i ? i->client_addr : NULL;
    snprintf(k->from, sizeof k->from, "socket");
    if (a && a->sa_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)a)->sin_addr, k->from,
                  sizeof k->from);
    if (a && a->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, k->from,
                  sizeof k->from);
}

/* ---- clocks: the library's own begins anew with every byte ----------------------------------------- */

static void set_clock(struct http_call *k, time_t since)
{
    const union MHD_ConnectionInfo *i =
        MHD_get_connection_info(k->connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    line *l = i ? i->socket_context : NULL;
    if (!l)
        return;
    pthread_mutex_lock(&k->h->lock);
    l->since = since;
    pthread_mutex_unlock(&k->h->lock);
}

static time_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1; /* never 0 */
}

/* It brings no more, and all that it has brought was read. The library may wait for it to its time's end: the last bytes and the
 * end came at once, and it heard of one of them. */
static bool has_left(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP};
    int unread = 0;
    return poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP)) &&
           ioctl(fd, FIONREAD, &unread) == 0 && unread == 0;
}

/* Twice a second: who is too slow, or gone, is shut out; and streams are told that we live. */
static void *watch(void *arg)
{
    http *h = arg;
    while (!atomic_load(&h->ends)) {
        const time_t late = now() - HEADER_SECONDS;
        pthread_mutex_lock(&h->lock);
        for (line *l = h->lines; l; l = l->next)
            if (l->since && (l->since < late || has_left(l->fd))) {
                shutdown(l->fd, SHUT_RDWR);
                l->since = 0;
            }
        pthread_mutex_unlock(&h->lock);
        streams_beat(h->streams);
        nanosleep(&(struct timespec){.tv_nsec = 500000000}, NULL);
    }
    return NULL;
}

static void connected(void *with, struct MHD_Connection *c, void **context,
                      enum MHD_ConnectionNotificationCode code)
{
    http *h = with;
    const union MHD_ConnectionInfo *i =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    line *l = *context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        l = i ? calloc(1, sizeof *l) : NULL;
        *context = l;
        if (!l)
            return;
        l->fd = i->connect_fd;
        l->since = now();
        pthread_mutex_lock(&h->lock);
        l->next = h->lines;
        if (l->next)
            l->next->before = l;
        h->lines = l;
        pthread_mutex_unlock(&h->lock);
    } else if (l) {
        pthread_mutex_lock(&h->lock);
        *(l->before ? &l->before->next : &h->lines) = l->next;
        if (l->next)
            l->next->before = l->before;
        pthread_mutex_unlock(&h->lock);
        free(l);
        *context = NULL;
    }
}

/* ---- answers -------------------------------------------------------------------------------------- */

/* On every answer, whoever asked: it is shown by no other page, loads nothing from elsewhere, and is what it says it is. */
static void add_headers(struct MHD_Response *r, const answer *a)
{
    static const char *const always[][2] = {
        {"Content-Security-Policy",
         "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
         "connect-src "
         "'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "
         "require-trusted-types-for 'script'; trusted-types 'none'"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        MHD_add_response_header(r, always[i][0], always[i][1]);
    MHD_add_response_header(r, "Cache-Control", a->tag ? "no-cache" : "no-store");
    if (a->tag)
        MHD_add_response_header(r, "ETag", a->tag);
    if (a->type)
        MHD_add_response_header(r, "Content-Type", a->type);
    if (a->allow)
        MHD_add_response_header(r, "Allow", a->allow);
    if (a->status == 401)
        MHD_add_response_header(r, "WWW-Authenticate", "Bearer");
}

static enum MHD_Result send_answer(struct http_call *k, answer *a)
{
    struct MHD_Response *r = NULL;
    set_clock(k, 0);
    if (a->stream && !(r = streams_begin(k->h->streams, k->connection)))
        *a = (answer){.status = 503, .type = "text/plain", .kept = "too many\n", .size = 9};
    if (a->file)
        r = MHD_create_response_from_fd64(a->size, a->file);
    else if (a->text)
        r = MHD_create_response_from_buffer(a->size, a->text, MHD_RESPMEM_MUST_FREE);
    else if (!a->stream)
        r = MHD_create_response_from_buffer(a->size, (void *)(uintptr_t)a->kept,
                                            MHD_RESPMEM_PERSISTENT);
    char *text = a->text;
    const int file = a->file;
    a->text = NULL;
    a->file = 0;
    if (!r) {
        free(text);
        if (file)
            close(file);
        return MHD_NO;
    }
    add_headers(r, a);
    const enum MHD_Result done = MHD_queue_response(k->connection, a->status, r);
    MHD_destroy_response(r);
    return done;
}

static enum MHD_Result begin(http *h, struct MHD_Connection *c, const char *method,
                             const char *path, void **state)
{
    struct http_call *k = calloc(1, sizeof *k);
    *state = k;
    if (!k)
        return MHD_NO;
    k->h = h;
    k->connection = c;
    k->began = now();
    find_from(k);
    set_clock(k, now() + IDLE_SECONDS - HEADER_SECONDS);
    answer a = {.status = 200};
    const request r = {.method = method, .path = path, .body = "", .call = k};
    const char *length = http_header(&r, "Content-Length");
    k->body.place.most = HTTP_BODY;
    if (!h->admits(h->with, &r, &k->body.place, &a))
        return send_answer(k, &a);
    if (!length || strtoull(length, NULL, 10) <= k->body.place.most)
        return MHD_YES;
    a = body_too_large();
    return send_answer(k, &a);
}

static enum MHD_Result handle(void *with, struct MHD_Connection *c, const char *path,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **state)
{
    http *h = with;
    struct http_call *k = *state;
    (void)version;
    if (!k)
        return begin(h, c, method, path, state);
    if (*size) {
        const time_t next = now() + IDLE_SECONDS,
                     last = k->began + BODY_SECONDS +
                            (time_t)(k->body.place.file ? k->body.size / A_SECOND : 0);
        set_clock(k, (next < last ? next : last) - HEADER_SECONDS);
        const bool kept = body_keep(&k->body, data, *size);
        *size = 0;
        return kept ? MHD_YES : MHD_NO;
    }
    if (!k->given) {
        answer a = {.status = 200};
        const request r = {
            method, path, k->body.bytes ? k->body.bytes : "", k->body.size, k->body.place.file, k};
        body_over(&k->body);
        if (k->body.error)
            a = body_not_written();
        else
            h->answers(h->with, &r, &a);
        if (a.later) /* then k->answer is of the thread that gives it */
            return MHD_YES;
        k->answer = a;
    }
    return send_answer(k, &k->answer);
}

static void over(void *with, struct MHD_Connection *c, void **state,
                 enum MHD_RequestTerminationCode code)
{
    struct http_call *k = *state;
    (void)with, (void)c, (void)code;
    if (!k)
        return;
    set_clock(k,
              now() + IDLE_SECONDS - HEADER_SECONDS); /* the next one may take its time to begin */
    free(k->answer.text);
    if (k->answer.file)
        close(k->answer.file);
    body_free(&k->body);
    free(k);
    *state = NULL;
}

struct http_call *http_later(const request *r, answer *a)
{
    a->later = true;
    set_clock(r->call, 0);
    MHD_suspend_connection(r->call->connection);
    return r->call;
}

void http_give(struct http_call *k, const answer *a)
{
    k->answer = *a;
    k->given = true;
    MHD_resume_connection(k->connection);
}

void http_publish(http *h, const char *event, const char *data)
{
    streams_publish(h->streams, event, data);
}

/* ---- the server ----------------------------------------------------------------------------------- */

static void no_words(void *with, const char *format, va_list list)
{
    (void)with, (void)format, (void)list;
}

bool http_open(http **out, int fd, http_admits *admits, http_answers *answers, void *with)
{
    http *h = calloc(1, sizeof *h);
    if (h)
        h->streams = streams_open();
    if (!h || !h->streams) {
        free(h);
        return false;
    }
    *out = h;
    h->admits = admits;
    h->answers = answers;
    h->with = with;
    pthread_mutex_init(&h->lock, NULL);
    h->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        handle, h, MHD_OPTION_EXTERNAL_LOGGER, no_words, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_NOTIFY_COMPLETED, over, NULL, MHD_OPTION_NOTIFY_CONNECTION, connected, h,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)AN_ADDRESS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_END);
    if (!h->daemon || pthread_create(&h->clock, NULL, watch, h) != 0) {
        const int error = errno;
        if (h->daemon)
            MHD_stop_daemon(h->daemon);
        streams_close(h->streams);
        free(h);
        *out = NULL;
        errno = error;
        return false;
    }
    return true;
}

void http_close(http *h)
{
    atomic_store(&h->ends, true);
    pthread_join(h->clock, NULL);
    streams_end(h->streams);
    MHD_stop_daemon(h->daemon);
    streams_close(h->streams);
    pthread_mutex_destroy(&h->lock);
    free(h);
}
