/*
 * Slots: what a machine has to give out, a file slots/KIND-NUMBER each. Who has one holds it (flock) and writes into it who he is
 * and what memory he was let in with: "PID BYTES". All that is done here is done by who holds the queue's lock.
 */
#ifndef TN_RUNS_SLOTS_H
#define TN_RUNS_SLOTS_H

#include "runs/ticket.h"

typedef struct tn_slot {
    char kind[TN_SLOT_KIND + 1];
    int index;
    bool free, kept, chosen;
    int64_t pid; /* of one that is not free */
    uint64_t bytes;
} tn_slot;

typedef struct tn_slots {
    int dir;
    const char *path; /* for errors */
    tn_slot *slot;    /* by kind and number */
    size_t count, capacity;
} tn_slots;

/* Those that there are. `dir` is an open folder, the caller's. */
tn_status tn_slots_read(tn_slots *s, int dir, const char *path);
void tn_slots_free(tn_slots *s);

/* One of each core that this process may use, or of each GPU, where there is none of that kind yet. */
tn_status tn_slots_make(tn_slots *s, const char *kind);

/* TN_ERR_ARGUMENT if there is not what is wanted, free or not. */
tn_status tn_slots_check(const tn_slots *s, const tn_wants *w);

/* Left for one who came before: those that he named, or as many free ones as he wants. */
void tn_slots_keep(tn_slots *s, const tn_wants *w);

/* Marks what is to be taken; false: they are not all free yet. */
bool tn_slots_choose(tn_slots *s, const tn_wants *w);

/* Takes what was chosen: open files that hold them, as many as *count, for tn_free(). */
tn_status tn_slots_take(tn_slots *s, uint64_t bytes, int **files, size_t *count);

/* "cuda-0, cuda-1": those that are waited for, of a choice that failed. */
void tn_slots_tell(const tn_slots *s, const tn_wants *w, char *text, size_t size);

/* Bytes of the host that are free to be promised: what the system says less a tenth, and less what others were let in with
 * and have not taken yet; and what there is in all. 0 where nobody says it. */
uint64_t tn_slots_memory(const tn_slots *s, uint64_t *total);

#endif
