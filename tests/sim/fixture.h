/*
 * What tests of streams and of graphs work with, on device 0.
 */
#ifndef TN_TEST_SIM_FIXTURE_H
#define TN_TEST_SIM_FIXTURE_H

#include "rules.h"

enum { N = 64, BYTES = N * sizeof(float), SEEDS = 30 };
static const enum cudaMemcpyKind to_device = cudaMemcpyHostToDevice,
                                 from_device = cudaMemcpyDeviceToHost;

extern cudaStream_t first, second, third; /* not blocking */
extern cudaEvent_t split, join;           /* not timed */
extern float *x, *y, *z;                  /* N in device memory */
extern float *pinned;                     /* N in pinned memory */

/* For a group of tests; the end looks for leaks. */
int fixture_begin(void **state);
int fixture_end(void **state);

/* to = factor * from + shift */
void scale(float *to, const float *from, float factor, float shift, cudaStream_t s);
/* to = 0 */
void fill(float *to, cudaStream_t s);
/* Its first element, when everything has been waited for. */
float first_of(const float *p);

#endif
