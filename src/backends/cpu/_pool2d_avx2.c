/* The rows of _pool2d.h for AVX2 and FMA. */
#define LANES 8
#define PARTS 1
#define CODE tn_pool_avx2
#define NAME "avx2"
#include "backends/cpu/_pool2d_body.h"
