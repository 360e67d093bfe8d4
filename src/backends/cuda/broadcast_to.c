/* broadcast_to on a GPU: its route, see move/move.h. */
#include "backends/cuda/move/move.h"

const tn_kernel tn_cuda_broadcast_to = TN_CUDA_MOVE("broadcast_to");
