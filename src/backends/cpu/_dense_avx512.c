/* The rows of _dense.h for AVX-512, which has 32 registers. */
#define LANES 16
#define CODE tn_dense_avx512
#define NAME "rows:avx512"
#define ROWS_1 8
#define ROWS_2 8
#define ROWS_3 8
#define ROWS_4 6
#include "backends/cpu/_dense_body.h"
