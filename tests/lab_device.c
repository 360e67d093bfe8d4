/* Which devices there are to test on. */
#include <stdio.h>

#include "lab_op.h"

const char *const *lab_devices(void)
{
    static char plain[64], with[64], without[64];
    static const char *list[5];
    if (list[0])
        return list;
    list[0] = "cpu";
    const char *named = getenv("TENON_TEST_GPU"), *gpu = named ? named : "sim:0";
    tn_device *d = NULL;
    if (!*gpu)
        return list;
    const tn_status status = tn_device_open(&d, gpu);
    if (status == TN_ERR_UNSUPPORTED && !named && !getenv("TENON_TEST_NEED_SIM")) {
        print_message("skipped: the simulated GPU is not in this build: %s\n", tn_error());
        return list;
    }
    if (status != TN_OK)
        fail_msg("%s: %s", gpu, tn_error());
    tn_device_close(d);
    /* The lab looks for the same bits; both ways of summing are seen. */
    snprintf(with, sizeof with, "%s,cudnn=all,deterministic=on", gpu);
    snprintf(without, sizeof without, "%s,cudnn=off", gpu);
    list[1] = with;
    list[2] = without;
    if (named) { /* a GPU has the time for what programs get if they ask for nothing, too */
        snprintf(plain, sizeof plain, "%s", gpu);
        list[3] = plain;
    }
    return list;
}

bool lab_can_prefer(void)
{
    if (!TENON_DNNL)
        print_message("skipped: a kernel that this build, without oneDNN, has not\n");
    return TENON_DNNL;
}
