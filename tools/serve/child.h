/*
 * Programs that do what the server does not: found beside it or on PATH, started without a shell, with nothing of its environment
 * but PATH, HOME, LANG, USER, TENON_*, OMP_* and CUDA_*.
 */
#ifndef SERVE_CHILD_H
#define SERVE_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "web/http.h"

enum { CHILD_WORDS = 64, CHILD_BYTES = 1 << 22 /* that one may say */ };

/* What it said; ended by 0 and gone afterwards. status: its exit status, 128 + signal, -1: it could not be started or had to be
 * ended, and `error` says why. */
typedef struct child_said {
    int status;
    const char *out, *error;
    size_t size; /* of out */
} child_said;
typedef void child_tell(void *with, const child_said *said, answer *a);

/* A short one, whose output makes the answer: given later. Words end with NULL; with is for free(). 503 at once if there are as
 * many as the machine has cores, and two. */
void child_ask(const request *r, answer *a, const char *const *words, double seconds,
               child_tell *tell, void *with);

/* One that lives on, whatever becomes of the server: in a session of its own, what it says is appended to a file. Returns 0, or
 * errno. */
int child_start(const char *const *words, const char *output);

/* One that lives on, once it has begun: answered when there is the file `ready`, or it has ended, or it is still preparing after so
 * many seconds. Then status is -1 and `error` NULL; of one that has ended before it is its own, and `out` the last that it said. */
void child_begin(const request *r, answer *a, const char *const *words, const char *output,
                 const char *ready, double seconds, child_tell *tell, void *with);

/* Ends the short ones: before the server is closed. */
void child_end_all(void);

/* ---- what lives.c and jobs.c share with child.c ---- */

/* in: what it reads, -1: nothing; out and error: what becomes of both; error may be out. lock: an open file that it is handed, and keeps open as long as it lives;
 * or none. All but short ones are in a session of their own. Returns 0, or errno. */
enum { CHILD_SHORT = -2, CHILD_LIVES = -1 };
int child_spawn(pid_t *pid, const char *const *words, int in, int out, int error, int lock);
/* One more; false: there are too many, and that is the answer. Then child_leave(). */
bool child_enter(answer *a);
void child_leave(void);
/* What it may have of a resource (setrlimit(2)); nothing where a sanitizer speaks for all of the address space. */
void child_limit(pid_t pid, int resource, size_t most);
bool child_ends(void); /* child_end_all() was called */
/* In a thread of its own; false: there is none to be had. */
bool child_thread(void *(*does)(void *), void *with);

#endif
