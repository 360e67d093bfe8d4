#define _POSIX_C_SOURCE 200809L
#include "serve.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double bench_now(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0) {
        perror("clock_gettime");
        exit(1);
    }
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int bench_number(const char *what, const char *text, int least)
{
    char *end = NULL;
    const long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || number < least || number > INT_MAX) {
        fprintf(stderr, "%s is '%s', not a whole number of at least %d\n", what, text, least);
        exit(2);
    }
    return (int)number;
}

void bench_serve(const char *about, bench_lap (*work)(void *arg, int64_t units), void *arg)
{
    char line[64];
    printf("ready %s\n", about);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) && strcmp(line, "quit\n") != 0) {
        int64_t units = 0;
        if (sscanf(line, "run %" SCNd64, &units) != 1) {
            fprintf(stderr, "asked to '%s', not to run or to quit\n", line);
            exit(1);
        }
        const bench_lap lap = work(arg, units);
        printf("done %.9f %" PRId64 "\n", lap.seconds, lap.images);
        fflush(stdout);
    }
}
