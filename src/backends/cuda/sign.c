/* sign by a kernel of our own. */
#include "backends/cuda/elementwise/unary.h"

TN_UNARY_KERNEL(sign, TNK_SIGN, false);
