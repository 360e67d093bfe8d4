/*
 * Tickets of a queue: who waits, and for what. A file queue/00000042-NAME of one JSON object:
 *
 *     {"v": 1, "name": "first", "device": "cuda:0", "pid": 4711, "host_bytes": 123, "device_bytes": 456, "run": "/w/runs/first"}
 */
#ifndef TN_RUNS_TICKET_H
#define TN_RUNS_TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "runs/json.h"

enum { TN_TICKET_MOST_BYTES = 1 << 14, TN_SLOT_KIND = 15, TN_WANTS_MOST = 64 };

/* Slots that a device is made of. */
typedef struct tn_wants {
    char kind[TN_SLOT_KIND + 1]; /* "cpu", "cuda" */
    int index[TN_WANTS_MOST];    /* those that are named */
    int named;
    int64_t count; /* how many if none is named; 0: all that there are */
} tn_wants;

/* TN_ERR_ARGUMENT, TN_ERR_UNSUPPORTED with the name and why. */
tn_status tn_wants_read(tn_wants *out, const char *device);

/* The device with these numbers in the place of what it said; for tn_free(), NULL: no memory. "cuda" and 2: "cuda:2". */
char *tn_wants_name(const char *device, const int *index, int count);

typedef struct tn_ticket {
    int64_t number;
    tn_wants wants;
    uint64_t host_bytes;
} tn_ticket;

/* The number of a file's name; -1: it is no ticket. */
int64_t tn_ticket_number(const char *name);

/* But for the number. TN_ERR_FORMAT, TN_ERR_ARGUMENT. */
tn_status tn_ticket_read(tn_ticket *out, const char *text, size_t size);

#endif
