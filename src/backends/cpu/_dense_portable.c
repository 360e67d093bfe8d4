/* The rows of _dense.h and the tiles of _dense_tiles.h for what any processor has: 16 registers of 4 floats. */
#define LANES 4
#define CODE tn_dense_portable
#define NAME "rows:portable"
#define ROWS_1 8
#define ROWS_2 6
#define ROWS_3 4
#define ROWS_4 3
#include "backends/cpu/_dense_body.h"
#define TILES_CODE tn_tiles_portable
#define TILES_NAME "tiles 16x16:portable"
#define WIDE_PARTS(part) part(0, 4) part(4, 4) part(8, 4) part(12, 4)
#define NARROW_PARTS(part) part(0, 8) part(8, 8)
#define TILES_CHUNK 128
#define AHEAD 0
#include "backends/cpu/_dense_tiles_body.h"
