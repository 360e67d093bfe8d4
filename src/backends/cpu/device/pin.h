/*
 * OpenMP's threads on a core each.
 *
 * A device has its cores from when it is opened; threads are bound to them by whoever runs a plan, in whichever
 * thread that is: a replica's is not the one that opened the device. Bound threads stay so until the device is
 * closed, or they end.
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

/* Binds the calling thread and those that OpenMP gives it, if they are not; else, and with NULL, costs next to
 * nothing. To be called before loops, and again after those in which fewer threads may have been asked for. */
tn_status tn_pin_team(const tn_pin *p);

#endif
