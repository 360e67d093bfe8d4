/* The passes of _conv_few.h for what any processor has: 16 registers of half a vector, which it would compare
 * element by element to pool. */
#define LANES 8
#define CHANNELS 1
#define ROWS 6
#define WIDE 1
#define CODE tn_few_portable
#define NAME "portable"
#include "backends/cpu/_conv_few_body.h"
