/* clip by a kernel of our own. Backward reads x: y is rounded, and with it min and max. */
#include "backends/cuda/elementwise/unary.h"

TN_UNARY_KERNEL(clip, TNK_CLIP, false);
