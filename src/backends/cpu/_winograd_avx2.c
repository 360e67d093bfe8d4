/* The transforms of _winograd.h for AVX2 and FMA. */
#define LANES 8
#define CODE tn_wino_avx2
#define NAME "avx2"
#include "backends/cpu/_winograd_body.h"
