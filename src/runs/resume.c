/* A run goes on. */
#include "runs/checkpoints.h"

tn_status tn_run_resume(tn_run *run)
{
    return tn_fail(TN_ERR_UNSUPPORTED, "%s: no run can be resumed yet", run->folder.path);
}
