/* swish by a kernel of our own. */
#include "backends/cuda/elementwise/unary.h"

TN_UNARY_KERNEL(swish, TNK_SWISH, false);
