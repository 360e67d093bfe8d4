/* The rows of _pool2d.h for what any processor has: blocks of 8 as oneDNN makes them there, halved. */
#define LANES 4
#define PARTS 2
#define CODE tn_pool_portable
#define NAME "portable"
#include "backends/cpu/_pool2d_body.h"
