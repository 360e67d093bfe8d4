/*
 * tenon data check: what is wrong with a set.
 */
#include <stdio.h>

#include <tenon/tenon.h>

#include "../common/args.h"
#include "data.h"

int data_check(int argc, char **argv)
{
    const args a = {.usage = "tenon-data check DIR",
                    .about = "Says what a set of pictures has: classes and files.",
                    .min_words = 1,
                    .max_words = 1,
                    .words = "a set"};
    args_parse(&a, argc, argv);
    tn_dataset *set;
    if (tn_dataset_open(&set, &(tn_dataset_opts){.path = argv[1]}) != TN_OK)
        args_fail("%s", tn_error());
    for (int i = 0; i < tn_dataset_num_notices(set); i++)
        args_warn("%s", tn_dataset_notice(set, i));
    for (int i = 0; i < tn_dataset_classes(set); i++)
        printf("%7lld %s\n", (long long)tn_dataset_class_count(set, i),
               tn_dataset_class_name(set, i));
    tn_dataset_close(set);
    return fflush(stdout) == 0 ? 0 : 1;
}
