/*
 * Event files for TensorBoard, which reads them while they grow. A start of the program has a file of its own.
 */
#ifndef TN_RUNS_TFEVENTS_H
#define TN_RUNS_TFEVENTS_H

#include "runs/append.h"

/* Bytes that grow. */
typedef struct tn_proto {
    char *at;
    size_t length, capacity;
    bool failed;
} tn_proto;

typedef struct tn_events {
    tn_append file;
    tn_proto value, summary, event; /* parts of the one that is written, used again */
    uint32_t crc[256];
    bool open;
} tn_events;

/* In the folder `events` of the open folder `dir`. From step `restart` on (0: a run that begins) earlier files do not
 * count. */
tn_status tn_events_open(tn_events *e, int dir, const char *path, int64_t restart);
void tn_events_close(tn_events *e);

/* The same within a file. */
void tn_events_restart(tn_events *e, int64_t step);

/* Nothing of events that are not open. */
void tn_events_scalar(tn_events *e, int64_t step, const char *tag, double number);
void tn_events_text(tn_events *e, int64_t step, const char *tag, const char *markdown);
void tn_events_flush(tn_events *e);

#endif
