/* The rows of _pool2d.h for AVX-512. */
#define LANES 16
#define PARTS 1
#define CODE tn_pool_avx512
#define NAME "avx512"
#include "backends/cpu/_pool2d_body.h"
