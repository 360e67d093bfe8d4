/* The passes of _conv_few.h for what any processor has: 16 registers of half a vector. */
#define LANES 8
#define CHANNELS 1
#define ROWS 6
#define WIDE 1
#define CODE tn_few_portable
#define NAME "few channels:portable"
#include "backends/cpu/_conv_few_body.h"
