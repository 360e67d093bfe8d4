/*
 * Part of every module: what the library lends it, errors and the allocator, under the names that base.h gives
 * them.
 */
#ifndef TN_LENT_H
#define TN_LENT_H

#include "backends/module.h"

/* First of all, in the module's entry: false, after host->fail(), if the two do not go together. */
bool tn_lent_by(const tn_host *host);

#endif
