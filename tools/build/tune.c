/* Which kernels are the fastest here, for each number of rows that was asked for. */
#include "../common/args.h"
#include "build.h"

void build_tune(build *b)
{
    tn_device *device = NULL;
    if (!b->q.tune)
        return;
    if (tn_device_open(&device, b->q.device) != TN_OK)
        args_fail("%s", tn_error());
    for (int i = 0; i < b->trials; i++) {
        tn_tuned *found = NULL;
        build_trial *t = &b->trial[i];
        if (tn_engine_tune(b->ready, device, t->rows, NULL, &found) != TN_OK)
            run_fail("--tune, %lld rows on %s: %s", (long long)t->rows, b->q.device, tn_error());
        t->tuned[0] = found->before;
        t->tuned[1] = found->after;
        tn_tuned_destroy(found);
    }
    tn_device_close(device);
}
