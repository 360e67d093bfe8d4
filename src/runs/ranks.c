/* Several processes that train one model: the first one writes, and all must go the same way. */
#include <string.h>

#include "runs/runs.h"

static int ranks(const tn_run *run)
{
    return tn_device_ranks(run->opts.device);
}

tn_status tn_run_share(tn_run *run, void *data, size_t bytes)
{
    if (ranks(run) == 1)
        return TN_OK;
    char *all = tn_alloc((size_t)ranks(run), bytes);
    if (!all)
        return tn_no_memory("ranks", (size_t)ranks(run) * bytes);
    const tn_status status = tn_device_gather(run->opts.device, data, bytes, all);
    if (status == TN_OK)
        memcpy(data, all, bytes);
    tn_free(all);
    return status;
}

/* A status of a rank, with its sentence. */
typedef struct told {
    tn_status status;
    char text[500];
} told;

tn_status tn_run_agree(tn_run *run, tn_status status)
{
    if (ranks(run) == 1)
        return status;
    told own = {.status = status};
    if (status != TN_OK)
        snprintf(own.text, sizeof own.text, "%s", tn_error());
    told *all = tn_alloc((size_t)ranks(run), sizeof *all);
    if (!all)
        return tn_no_memory("ranks", (size_t)ranks(run) * sizeof *all);
    tn_status agreed = tn_device_gather(run->opts.device, &own, sizeof own, all);
    for (int i = 0; i < ranks(run) && agreed == TN_OK; i++)
        if (all[i].status != TN_OK)
            agreed = i == tn_device_rank(run->opts.device)
                         ? tn_fail(all[i].status, "%s", own.text)
                         : tn_fail(all[i].status, "rank %d: %s", i, all[i].text);
    tn_free(all);
    return agreed;
}

tn_status tn_run_any(tn_run *run, bool *stop, bool *save, bool *ordered)
{
    enum { STOP = 1, SAVE = 2, ORDERED = 4 };
    unsigned char all[TN_MAX_RANKS];
    const unsigned char own = (unsigned char)((atomic_load(&run->stop_asked) ? STOP : 0) |
                                              (atomic_exchange(&run->save_asked, 0) ? SAVE : 0) |
                                              (*ordered ? ORDERED : 0));
    TN_TRY(tn_device_gather(run->opts.device, &own, 1, all));
    for (int i = 0; i < ranks(run); i++) {
        *stop |= (all[i] & STOP) != 0;
        *save |= (all[i] & SAVE) != 0;
    }
    *ordered = (all[0] & ORDERED) != 0;
    return TN_OK;
}
