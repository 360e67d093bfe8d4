#ifndef TN_CPU_ADAM_H
#define TN_CPU_ADAM_H

#include "backends/backend.h"

/* decoupled: weight decay shrinks w itself (AdamW) and does not enter g (Adam). */
tn_status tn_cpu_adam(const tn_optim_call *c, bool decoupled);

#endif
