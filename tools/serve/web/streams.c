#define _POSIX_C_SOURCE 200809L

#include "streams.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"

enum { RING = 256, LINE = 512, BEATS = 30 };

/* One that listens. */
typedef struct listener {
    streams *of;
    struct MHD_Connection *connection; /* NULL: this place is free */
    long long seen;
    size_t sent; /* bytes of the one after it */
    bool asleep;
} listener;

struct streams {
    pthread_mutex_t lock; /* the library's own are taken inside of it */
    char ring[RING][LINE];
    long long newest;
    int beats;
    bool ends;
    listener listener[HTTP_STREAMS];
};

streams *streams_open(void)
{
    streams *s = calloc(1, sizeof *s);
    if (s)
        pthread_mutex_init(&s->lock, NULL);
    return s;
}

void streams_close(streams *s)
{
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static void wake_all(streams *s)
{
    for (int i = 0; i < HTTP_STREAMS; i++)
        if (s->listener[i].connection && s->listener[i].asleep) {
            s->listener[i].asleep = false;
            MHD_resume_connection(s->listener[i].connection);
        }
}

void streams_end(streams *s)
{
    pthread_mutex_lock(&s->lock);
    s->ends = true;
    wake_all(s);
    pthread_mutex_unlock(&s->lock);
}

/* The daemon's thread asks for more. Nothing new: the connection sleeps until the next event wakes it. */
static ssize_t more(void *arg, uint64_t at, char *to, size_t room)
{
    listener *l = arg;
    streams *s = l->of;
    ssize_t written = 0;
    (void)at;
    pthread_mutex_lock(&s->lock);
    if (s->ends) {
        written = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (l->seen == s->newest) {
        l->asleep = true;
        MHD_suspend_connection(l->connection);
    } else {
        const char *line = s->ring[(l->seen + 1) % RING];
        if (s->newest - l->seen >
            RING) { /* too slow: what was begun is ended, and then comes the newest */
            l->seen = s->newest - 2;
            l->sent = 0;
            line = "\n\n";
        }
        const size_t left = strlen(line) - l->sent, size = left < room ? left : room;
        memcpy(to, line + l->sent, size);
        l->sent += size;
        if (size == left) {
            l->seen++;
            l->sent = 0;
        }
        written = (ssize_t)size;
    }
    pthread_mutex_unlock(&s->lock);
    return written;
}

static void gone(void *arg)
{
    listener *l = arg;
    pthread_mutex_lock(&l->of->lock);
    l->connection = NULL;
    pthread_mutex_unlock(&l->of->lock);
}

struct MHD_Response *streams_begin(streams *s, struct MHD_Connection *c)
{
    enum { BLOCK = 4096 };
    listener *l = NULL;
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < HTTP_STREAMS && !l && !s->ends; i++)
        if (!s->listener[i].connection)
            l = &s->listener[i];
    if (l)
        *l = (listener){.of = s, .connection = c, .seen = s->newest > 0 ? s->newest - 1 : 0};
    pthread_mutex_unlock(&s->lock);
    struct MHD_Response *r =
        l ? MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, more, l, gone) : NULL;
    if (l && !r)
        gone(l);
    return r;
}

static void put(streams *s, const char *text)
{
    s->newest++;
    snprintf(s->ring[s->newest % RING], LINE, "%s", text);
    s->beats = 0;
    wake_all(s);
}

void streams_publish(streams *s, const char *event, const char *data)
{
    char text[LINE];
    if (snprintf(text, sizeof text, "event: %s\ndata: %s\n\n", event, data) >= (int)sizeof text)
        snprintf(text, sizeof text, "event: %s\ndata: {}\n\n", event);
    pthread_mutex_lock(&s->lock);
    put(s, text);
    pthread_mutex_unlock(&s->lock);
}

void streams_beat(streams *s)
{
    pthread_mutex_lock(&s->lock);
    if (++s->beats >= BEATS)
        put(s, ": alive\n\n");
    pthread_mutex_unlock(&s->lock);
}
