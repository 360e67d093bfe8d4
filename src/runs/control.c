/* Orders to a running run. */
#include "runs/runs.h"

tn_status tn_run_control(tn_run *run, tn_run_orders *now, bool *save)
{
    (void)run;
    (void)now;
    (void)save;
    return TN_OK;
}
