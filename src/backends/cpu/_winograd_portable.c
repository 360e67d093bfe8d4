/* The transforms of _winograd.h for what any processor has. */
#define LANES 8
#define CODE tn_wino_portable
#define NAME "portable"
#include "backends/cpu/_winograd_body.h"
