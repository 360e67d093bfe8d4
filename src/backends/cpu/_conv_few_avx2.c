/* The passes of _conv_few.h for AVX2 and FMA, with 16 registers. */
#define LANES 8
#define CHANNELS 4
#define ROWS 6
#define WIDE 2
#define POOL_WIDE 3
#define CODE tn_few_avx2
#define NAME "avx2"
#include "backends/cpu/_conv_few_body.h"
