#include "set.h"

#include "../common/args.h"

tn_dataset *set_open(const char *path, const tn_dataset *classes, const char *exclude, bool quiet)
{
    tn_dataset *set = NULL;
    const tn_dataset_opts opts = {.path = path, .classes_of = classes, .exclude = exclude};
    if (tn_dataset_open(&set, &opts) != TN_OK)
        args_fail("%s", tn_error());
    for (int i = 0; i < tn_dataset_num_notices(set) && !quiet; i++)
        args_warn("note: %s", tn_dataset_notice(set, i));
    return set;
}
