/* The rows of _dense.h for AVX2 and FMA, with 16 registers. */
#define LANES 8
#define CODE tn_dense_avx2
#define NAME "rows:avx2"
#define ROWS_1 8
#define ROWS_2 6
#define ROWS_3 4
#define ROWS_4 3
#include "backends/cpu/_dense_body.h"
