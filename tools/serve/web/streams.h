/*
 * Event streams (text/event-stream): a ring of the last events that each connection reads at its own pace. With http.c the only
 * one that sees libmicrohttpd.
 */
#ifndef SERVE_STREAMS_H
#define SERVE_STREAMS_H

#include <microhttpd.h>

typedef struct streams streams;

streams *streams_open(void); /* NULL: no memory */
/* Nobody waits any more: before the daemon is stopped. */
void streams_end(streams *s);
void streams_close(streams *s);

/* The body of one that begins; NULL: there are too many, or no memory. */
struct MHD_Response *streams_begin(streams *s, struct MHD_Connection *c);

void streams_publish(streams *s, const char *event, const char *data);
/* Called about twice a second: a comment every 15 s keeps proxies from ending a stream, and finds out who has gone. */
void streams_beat(streams *s);

#endif
