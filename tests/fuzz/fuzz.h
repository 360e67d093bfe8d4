/*
 * What a fuzz target gives to its drivers, libFuzzer or fuzz_main.c.
 */
#ifndef TN_FUZZ_H
#define TN_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Any bytes: must come back without a crash, a hang or a leak. Aborts if a promise is broken. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Calls `seed` with valid inputs, each a start for damage. */
void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *arg);

/* How many damaged copies of each seed the plain test tries: about three seconds' worth. */
extern const int fuzz_rounds;

#endif
