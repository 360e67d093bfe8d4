/* broadcast_to on the CPU: its route, see move/move.h. */
#include "backends/cpu/move/move.h"

const tn_kernel tn_cpu_broadcast_to = TN_CPU_MOVE("broadcast_to");
