/* The engine as it runs, held against the model that it was made of. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common/args.h"
#include "build.h"

void build_compare(build *b)
{
    tn_model *made = NULL;
    if (!b->q.parity)
        return;
    if (tn_model_open(&made, b->q.out, NULL) != TN_OK)
        run_fail("%s", tn_error());
    b->parity = parity_of(made, b->model, b->q.parity);
    tn_model_close(made);
    if (b->parity.same || strcmp(b->q.precision, "f32") != 0)
        return;
    (void)unlink(b->q.out);
    if (b->q.json)
        build_tell_refused(b, stdout);
    else
        parity_tell(&b->parity, stdout);
    fflush(stdout);
    args_warn("%s: the engine is off by %.2g of the largest number: it was removed", b->q.out,
              b->parity.worst);
    exit(BUILD_NOT_PASSED);
}
