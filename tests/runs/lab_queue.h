/*
 * Programs that wait in a queue: each is a process of its own, the test program again, that takes a slot, says so in a file that
 * all append to, and leaves it after a while.
 */
#ifndef TN_LAB_QUEUE_H
#define TN_LAB_QUEUE_H

#include <sys/types.h>

#include "lab.h"

/* A test program of these begins its main with it: it does not return in a process that is such a job. */
void lab_queue_main(int argc, char **argv);

/* A new folder for a queue, and no more. */
void lab_queue_begin(void);
void lab_queue_end(void);
const char *lab_queue_folder(void);
const char *lab_queue_path(const char *name); /* in it; in one of two static buffers */
/* Files slots/KIND-0 and so on. */
void lab_queue_slots(const char *kind, int count);

/* One that wants a device and so much memory, and has it so long. One whose name begins with r is a run, runs/NAME. Its end is 0;
 * 7 if it was told to stop while it waited, 8 if it could not wait, 128 + signal if it was killed. */
pid_t lab_queue_start(const char *name, const char *device, uint64_t bytes, int microseconds);
int lab_queue_end_of(pid_t child);

/* Until so many wait; until that one has a slot. */
void lab_queue_until_tickets(int count);
void lab_queue_until_begun(const char *name);
bool lab_queue_has_begun(const char *name);

/* What they said, in that order: "begin" or "end", who, and the device that it got. */
typedef struct lab_line {
    char what[8], name[64], device[32];
} lab_line;
int lab_queue_log(lab_line *to, int most);

#endif
