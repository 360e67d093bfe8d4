/*
 * ranks: the module is found, and what ranks say to each other about devices.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "devices/devices.h"

tn_status tn_ranks_begin(const char *name, const tn_ranks **out, tn_rank_place *place)
{
    const void *module;
    char looked[1024];
    TN_TRY(tn_module_load("mpi", &module, looked, sizeof looked));
    if (!module)
        return tn_fail(TN_ERR_UNSUPPORTED,
                       "device \"%s\": this build of Tenon has no MPI: there is no tenon_mpi.so "
                       "in %s",
                       name, looked);
    *out = module;
    return (*out)->begin(place);
}

typedef struct opinion {
    tn_status status;
    char text[508];
} opinion;

tn_status tn_ranks_agree(const tn_ranks *ranks, const tn_rank_place *place, double stall,
                         tn_status status)
{
    opinion *all = tn_alloc((size_t)place->ranks, sizeof *all);
    if (!all) { /* the others cannot be asked: they are told */
        ranks->fail("no memory");
        return tn_no_memory("ranks", (size_t)place->ranks * sizeof *all);
    }
    opinion own = {.status = status};
    if (status != TN_OK)
        snprintf(own.text, sizeof own.text, "%s", tn_error());
    tn_status result = ranks->gather(stall, &own, sizeof own, all);
    for (int i = 0; result == TN_OK && i < place->ranks; i++)
        if (all[i].status != TN_OK)
            result = tn_fail(all[i].status, "rank %d: %s", i, all[i].text);
    tn_free(all);
    return result;
}

typedef struct kind {
    char backend[16];
    int members;
} kind;

tn_status tn_ranks_same(const tn_device *d)
{
    kind *all = tn_alloc((size_t)d->place.ranks, sizeof *all);
    if (!all)
        return tn_no_memory("ranks", (size_t)d->place.ranks * sizeof *all);
    kind own = {.members = d->members};
    snprintf(own.backend, sizeof own.backend, "%s", d->backend->name);
    tn_status status = d->ranks->gather(d->stall, &own, sizeof own, all);
    for (int i = 0; status == TN_OK && i < d->place.ranks; i++)
        if (memcmp(&all[i], &all[0], sizeof own) != 0)
            status = tn_fail(TN_ERR_ARGUMENT,
                             "rank 0 has %d of %s, rank %d has %d of %s: all ranks must have the "
                             "same",
                             all[0].members, all[0].backend, i, all[i].members, all[i].backend);
    tn_free(all);
    return status;
}

const char *tn_ranks_alone(void)
{
    /* How many were started together: Open MPI's, MPICH's. */
    static const char *const names[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"};
    for (size_t i = 0; i < TN_COUNT(names); i++) {
        const char *size = getenv(names[i]);
        if (size && atoi(size) > 1)
            return "on its own, though started as one of several; with mpi: before the device's "
                   "name they would train together";
    }
    return NULL;
}

/* ---- for programs --------------------------------------------------------------------------- */

int tn_device_rank(const tn_device *d)
{
    return d ? d->place.rank : 0;
}

int tn_device_ranks(const tn_device *d)
{
    return !d ? 0 : d->ranks ? d->place.ranks : 1;
}

tn_status tn_device_gather(tn_device *d, const void *own, size_t bytes, void *all)
{
    TN_NEED(d, "device");
    TN_NEED(own || !bytes, "own");
    TN_NEED(all || !bytes, "all");
    if (d->ranks) {
        const tn_status status = d->ranks->gather(d->stall, own, bytes, all);
        /* TN_END is for those that wait for one's own error to come */
        return status == TN_END ? tn_fail(TN_ERR_DEVICE, "%s", tn_error()) : status;
    }
    if (own != all)
        memcpy(all, own, bytes);
    return TN_OK;
}
