/*
 * A device's threads on a core each.
 *
 * A device has its cores, and its own threads are bound to them, from when it is opened; whichever thread runs a plan is
 * bound to the first when it does: a replica's is not the one that opened the device. It stays so until the device is
 * closed, or it ends.
 */
#ifndef TN_CPU_PIN_H
#define TN_CPU_PIN_H

#include "backends/cpu/device/options.h"

typedef struct tn_pin {
    int threads;
    int core[]; /* a thread */
} tn_pin;

/* Of the cores that the process may use those that the fewest open pins have, in order, beginning with number
 * opts->first. TN_ERR_ARGUMENT if opts->all are more than there are. */
tn_status tn_pin_open(tn_pin **out, const tn_cpu_opts *opts);
/* Gives threads back the cores that they had before. NULL is fine. */
void tn_pin_close(tn_pin *p);

/* Binds the calling thread, if it is not; else, and with NULL, costs next to nothing. */
tn_status tn_pin_caller(const tn_pin *p);

#endif
