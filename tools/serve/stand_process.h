/* The process behind a program that stays up (stand.h): what it is asked by, what it says, and why it ended. */
#ifndef SERVE_STAND_PROCESS_H
#define SERVE_STAND_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PROCESS_WHY = 1024 };

typedef struct process {
    pid_t pid; /* 0: it does not run */
    int to, from, error;
    char *bytes; /* that it has said, ended by 0 */
    size_t size, capacity;
    char why[PROCESS_WHY]; /* the first that it said of what went wrong */
} process;

/* memory: bytes that it may address, 0: any. Returns 0, or errno. */
int process_start(process *p, const char *const *words, size_t memory);
void process_stop(process *p);
/* What it has said by now: it is read once poll() says that there is something. False: it says too much, or has ended. */
bool process_take(process *p);
void process_take_why(process *p);
/* A sentence, without the program's name. */
const char *process_why_ended(process *p);

#endif
