/* atan by a kernel of our own. */
#include "backends/cuda/elementwise/unary.h"

TN_UNARY_KERNEL(atan, TNK_ATAN, false);
