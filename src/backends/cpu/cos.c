/* cos on the CPU. */
#include "backends/cpu/elementwise/unary.h"

TN_UNARY_KERNEL(cos);
