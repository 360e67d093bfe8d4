/* The rows of _dense.h and the tiles of _dense_tiles.h for AVX2 and FMA, with 16 registers. */
#define LANES 8
#define CODE tn_dense_avx2
#define NAME "rows:avx2"
#define ROWS_1 8
#define ROWS_2 6
#define ROWS_3 4
#define ROWS_4 3
#include "backends/cpu/_dense_body.h"
#define TILES_CODE tn_tiles_avx2
#define TILES_NAME "tiles 16x16:avx2"
#define WIDE_PARTS(part) part(0, 6) part(6, 5) part(11, 5)
#define NARROW_PARTS(part) part(0, 8) part(8, 8)
#define TILES_CHUNK 128
#define AHEAD 0
#include "backends/cpu/_dense_tiles_body.h"
