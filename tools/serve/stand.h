/*
 * Programs that stay up between questions: each is asked by its stdin and answers by its stdout, one question after the other. One
 * is started when it is asked first, started again if a question killed it, and ended when nobody has asked for a minute.
 */
#ifndef SERVE_STAND_H
#define SERVE_STAND_H

#include "child.h"

enum { STAND_BYTES = 1 << 24 /* of an answer */ };

typedef struct stand_way {
    const char *const
        *words;      /* the program: questions with the same words go to the same process */
    size_t memory;   /* bytes that it may address (RLIMIT_AS); 0: any */
    double seconds;  /* for an answer, or to say that it goes on; then it is ended */
    double patience; /* seconds after which who asks (GET) is told that it goes on; 0: never */
    bool waits;      /* it may say how far it is, by lines "wait TEXT" before its answer */
    /* How long the answer is that begins here, as far as it is there: 0: more is to come. */
    size_t (*whole)(const char *bytes, size_t size);
    /* Of a file that it has open: another one is asked when the file is another; NULL: it has none. */
    const char *stamp;
} stand_way;

/* Answered later, by `tell`: status 0 and `out` the answer; or -1, and `error` says why there is none; or STAND_WAITS, and `out` what it
 * said last: nobody hears of what comes of it, and it is to be asked again. Who changes something waits to the end, and hears what came
 * of it. with is for free(). 503 at once if too many wait. */
enum { STAND_WAITS = -2 };
void stand_ask(const request *r, answer *a, const stand_way *way, const char *question, size_t size,
               child_tell *tell, void *with);

/* Ends all: before the server is closed. */
void stand_end_all(void);

#endif
