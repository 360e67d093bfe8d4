/* The transforms and products of _winograd.h for what any processor has. */
#define LANES 8
#define ROWS 6
#define WIDE 1
#define TRIPLE_ROWS 0
#define TURNED_ROWS 4
#define TURNED_WIDE 1
#define AHEAD 0
#define CODE tn_wino_portable
#define NAME "portable"
#include "backends/cpu/_winograd_body.h"
