/*
 * The simulated GPU's controls, which are in its module, tenon_sim.so.
 */
#ifndef TN_LAB_SIM_H
#define TN_LAB_SIM_H

#include "lab.h"

/* For tn_sim_counts; everything else is reached through the pointers below. */
#include "sim/control.h"

typedef struct lab_sim {
    void (*fail_at)(const char *function, long nth);
    void (*set_devices)(int count);
    void (*set_memory)(size_t bytes);
    bool (*set_gpu)(const char *name);
    void (*set_patience)(double seconds);
    void (*set_seed)(uint64_t seed);
    void (*set_count_error)(int error);
    bool (*set_refusals)(const char *policy);
    void (*trace_begin)(void);
    tn_sim_counts (*trace_counts)(void);
    tn_sim_counts (*trace_device)(int device);
    long (*trace_calls)(const char *function);
    void (*check_leaks)(void);
} lab_sim;

/* NULL if this build has no simulated GPU. */
const lab_sim *lab_find_sim(void);

/* The same if it is what tests run on: NULL where TENON_TEST_GPU names another, whose calls nobody counts. */
const lab_sim *lab_counting_sim(void);

/* Skips the test, saying so, where there is none. */
#define lab_need_sim(sim)                                                \
    const lab_sim *sim = lab_find_sim();                                 \
    do {                                                                 \
        if (!(sim)) {                                                    \
            print_message("skipped: this build has no simulated GPU\n"); \
            skip();                                                      \
        }                                                                \
    } while (0)

#endif
