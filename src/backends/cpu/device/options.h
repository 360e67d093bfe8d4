/* What a CPU device's name asks for, and which part of the host's threads is the device's. */
#ifndef TN_CPU_OPTIONS_H
#define TN_CPU_OPTIONS_H

#include "backends/cpu/device/cpu.h"

typedef struct tn_cpu_opts {
    int threads; /* of this device */
    int first;   /* so many are those of replicas and ranks before it, */
    int all;     /* and so many they have together */
    bool pin;
    bool reference;
    tn_cpu_prefer prefer;
} tn_cpu_opts;

tn_status tn_cpu_read_options(const tn_open_opts *opts, tn_cpu_opts *out);
/* The most threads of one device: what OMP_THREAD_LIMIT says. */
int tn_cpu_thread_limit(void);

#endif
