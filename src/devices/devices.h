/*
 * What stands between a name that a program gives and a device that is open: modules, and ranks.
 */
#ifndef TN_DEVICES_H
#define TN_DEVICES_H

#include "backends/backend.h"
#include "base/module.h"

/* The table of that module, loaded once and never unloaded. NULL in *out if there is no such file:
 * then `looked` says where it was looked for. An error if there is one and it cannot be used. */
tn_status tn_module_load(const char *name, const void **out, char *looked, size_t size);

/* ranks.c: from the name of a device, "mpi:cpu", to the ranks; *place is this one's. */
tn_status tn_ranks_begin(const char *name, const tn_ranks **out, tn_rank_place *place);
/* The status of the first rank that has another than TN_OK, with its text, on all of them. */
tn_status tn_ranks_agree(const tn_ranks *ranks, const tn_rank_place *place, double stall,
                         tn_status status);
/* An error unless all ranks have as many devices of the same kind. */
tn_status tn_ranks_same(const tn_device *d);
/* What a device that is opened alone should say if this process is one of several; NULL: it is not. */
const char *tn_ranks_alone(void);

#endif
