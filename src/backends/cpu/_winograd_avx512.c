/* The transforms of _winograd.h for AVX-512. */
#define LANES 16
#define CODE tn_wino_avx512
#define NAME "avx512"
#include "backends/cpu/_winograd_body.h"
