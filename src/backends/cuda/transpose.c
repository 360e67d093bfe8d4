/* transpose on a GPU: its route, see move/move.h. */
#include "backends/cuda/move/move.h"

const tn_kernel tn_cuda_transpose = TN_CUDA_MOVE("transpose");
