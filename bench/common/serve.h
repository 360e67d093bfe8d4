/* A child's half of the protocol in harness.py, and the clock. */
#ifndef BENCH_SERVE_H
#define BENCH_SERVE_H

#include <stdint.h>

/* What some work took. */
typedef struct bench_lap {
    double seconds;
    int64_t images;
} bench_lap;

/* Say "ready about", then do work whenever asked to, until told to quit. Ends the program if the
 * parent breaks the protocol. */
void bench_serve(const char *about, bench_lap (*work)(void *arg, int64_t units), void *arg);

/* Seconds since some moment; never goes back. */
double bench_now(void);

/* A whole number of at least `least` from the command line, or a sentence and exit status 2. */
int bench_number(const char *what, const char *text, int least);

#endif
