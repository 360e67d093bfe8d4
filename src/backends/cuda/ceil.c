/* ceil by a kernel of our own. */
#include "backends/cuda/elementwise/unary.h"

TN_UNARY_KERNEL(ceil, TNK_CEIL, false);
