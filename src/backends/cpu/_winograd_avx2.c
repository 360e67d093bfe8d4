/* The transforms and products of _winograd.h for AVX2 and FMA. */
#define LANES 8
#define ROWS 6
#define WIDE 2
#define TRIPLE_ROWS 4
#define TURNED_ROWS 4
#define TURNED_WIDE 2
#define AHEAD 0
#define CODE tn_wino_avx2
#define NAME "avx2"
#include "backends/cpu/_winograd_body.h"
