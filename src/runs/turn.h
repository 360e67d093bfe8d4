/*
 * The folder of a queue: tickets drawn, and whose turn it is. See <tenon/queue.h>.
 */
#ifndef TN_RUNS_TURN_H
#define TN_RUNS_TURN_H

#include <tenon/queue.h>

#include "runs/slots.h"

typedef struct tn_turn {
    char *queue_path, *slots_path;
    int queue, slots; /* open folders */
    int ticket;       /* open and held; -1: none */
    int64_t number;
    char name[96]; /* of the ticket's file */
    tn_wants wants;
    uint64_t host_bytes;
    int events; /* inotify; -1: there is none to be had */
} tn_turn;

/* Makes what is missing, and draws a ticket with that text. */
tn_status tn_turn_open(tn_turn *t, const char *folder, const char *name, const char *text);
void tn_turn_close(tn_turn *t); /* the ticket is gone */

/* Of a run in a queue: its control/ may change too. */
void tn_turn_watch(tn_turn *t, const char *control);

/* What was got: open files that hold the slots, and their numbers. */
typedef struct tn_turn_got {
    int *file, *index;
    size_t count;
} tn_turn_got;
void tn_turn_give_back(tn_turn_got *got);

/* Is it? *in, and what was got; else what is waited for. */
tn_status tn_turn_try(tn_turn *t, bool *in, tn_turn_got *got, char *why, size_t size);

/* Until something has changed, a signal, or a second has passed. */
void tn_turn_sleep(const tn_turn *t);

#endif
