/* thresholded_relu by a kernel of our own. */
#include "backends/cuda/elementwise/unary.h"

TN_UNARY_KERNEL(thresholded_relu, TNK_THRESHOLDED_RELU, false);
