/* The transforms and products of _winograd.h for AVX-512. */
#define LANES 16
#define ROWS 14
#define WIDE 2
#define TRIPLE_ROWS 0
#define TURNED_ROWS 8
#define TURNED_WIDE 2
#define AHEAD 32
#define CODE tn_wino_avx512
#define NAME "avx512"
#include "backends/cpu/_winograd_body.h"
