/*
 * A device below the plan: its backend's table and its memory.
 */
#ifndef TN_LAB_RAW_H
#define TN_LAB_RAW_H

#include "backends/backend.h"
#include "lab_op.h"

typedef struct lab_raw {
    tn_device *device;
    const tn_backend *b;
    tn_backend_device *d;
} lab_raw;

/* Opens the GPU that this build tests on; skips the test, saying so, where there is none. */
void lab_raw_open(lab_raw *r);
void lab_raw_open_cpu(lab_raw *r);
void lab_raw_close(lab_raw *r);

/* Device memory with those numbers, or with bytes of 0xff for NULL, which are no numbers. */
void *lab_raw_take(const lab_raw *r, const void *host, size_t bytes);
void lab_raw_give(const lab_raw *r, void *p);
void lab_raw_get(const lab_raw *r, void *host, const void *from, size_t bytes);

/* Element i of numbers of that type. */
double lab_decode(tn_dtype dtype, const void *numbers, size_t i);
/* Is that the number of the type that is closest to x? */
bool lab_is_rounded(tn_dtype dtype, double got, double x);

#endif
