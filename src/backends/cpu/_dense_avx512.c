/* The rows of _dense.h and the tiles of _dense_tiles.h for AVX-512, which has 32 registers. */
#define LANES 16
#define CODE tn_dense_avx512
#define NAME "rows:avx512"
#define ROWS_1 8
#define ROWS_2 8
#define ROWS_3 8
#define ROWS_4 6
#include "backends/cpu/_dense_body.h"
#define TILES_CODE tn_tiles_avx512
#define TILES_NAME "tiles 16x16:avx512"
#define WIDE_PARTS(part) part(0, 8) part(8, 8)
#define NARROW_PARTS(part) part(0, 16)
#define TILES_CHUNK 256
#define AHEAD 32
#include "backends/cpu/_dense_tiles_body.h"
