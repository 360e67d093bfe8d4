/*
 * Tests of the simulated GPU: what ends a process is tried in a child, whose end and last words are
 * looked at.
 */
#ifndef TN_TEST_SIM_RULES_H
#define TN_TEST_SIM_RULES_H

#include "kernels.h"
#include "lab.h"
#include "sim/control.h"
#include "sim/sim.h"

/* Fails unless body breaks that rule, with a message that contains `text`. */
void rule_breaks(const char *rule, const char *text, void (*body)(void));
/* Fails unless body dies of memory that it may not touch; the address sanitizer's word is good too. */
void rule_faults(void (*body)(void));
/* Fails unless body ends the process with that status, or returns (0). */
void rule_exits(int status, void (*body)(void));

#define assert_cuda(call) rule_assert((call), cudaSuccess, #call, __FILE__, __LINE__)
#define assert_error(call, error) rule_assert((call), (error), #call, __FILE__, __LINE__)
void rule_assert(cudaError_t got, cudaError_t want, const char *call, const char *file, int line);

/* Shortcuts; all of them must succeed. */
cudaStream_t new_stream(void);
cudaEvent_t new_event(void);
void *new_device(size_t bytes);
void *new_pinned(size_t bytes);

#endif
