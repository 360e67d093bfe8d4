/*
 * Kernels that keep the rules, and kernels that break one.
 */
#ifndef TN_TEST_SIM_KERNELS_H
#define TN_TEST_SIM_KERNELS_H

#include "backends/cuda/kernels/gpu.h"

/* y = scale * x + shift, element by element. */
struct tnk_test_scale_args {
    const void *x;
    void *y;
    int64_t count;
    float scale, shift;
};
TN_KERNEL_DECL_TYPES(tnk_test_scale, struct tnk_test_scale_args);

/* One block: y[0] = sum of x[0 ... count - 1]; the mistakes are told apart by `wrong`. */
enum tnk_test_wrong {
    TNK_TEST_RIGHT,
    TNK_TEST_NO_BARRIER,        /* reads what other threads have not written yet */
    TNK_TEST_NO_SECOND_BARRIER, /* writes what others have not read yet */
    TNK_TEST_TWO_BARRIERS,      /* one warp waits at another one */
    TNK_TEST_ENDS_EARLY,        /* half of the threads never come to the barrier */
    TNK_TEST_LANE_ENDED,        /* a shuffle names lanes that have ended */
    TNK_TEST_LANE_ENDS,         /* lanes end while others wait for them */
    TNK_TEST_LANE_MISSING,      /* a mask without the lane itself */
    TNK_TEST_LANES_APART,       /* half of the lanes vote, half shuffle */
    TNK_TEST_DEADLOCK,          /* the other half wait at a barrier */
    TNK_TEST_TOO_MUCH,          /* more shared memory than there is */
    TNK_TEST_OUT_OF_SHARED,     /* writes behind an array in shared memory */
    TNK_TEST_OUT_OF_MEMORY      /* writes y[threads] */
};
struct tnk_test_sum_args {
    const float *x;
    float *y;
    int count;
    int wrong;
};
TN_KERNEL_DECL(tnk_test_sum, struct tnk_test_sum_args);

/* Writes what every operation of a warp gives, 32 numbers each, see the test. */
struct tnk_test_warp_args {
    int *y;
};
TN_KERNEL_DECL(tnk_test_warp, struct tnk_test_warp_args);

/* Three-dimensional indices, arithmetic, atomics, shared memory that is new. */
struct tnk_test_language_args {
    float *y;
    unsigned *count, *largest, *indices;
};
TN_KERNEL_DECL(tnk_test_language, struct tnk_test_language_args);

#endif
