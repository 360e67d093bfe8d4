/* transpose on the CPU: its route, see move/move.h. */
#include "backends/cpu/move/move.h"

const tn_kernel tn_cpu_transpose = TN_CPU_MOVE("transpose");
