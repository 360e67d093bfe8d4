#include "lab_packed.h"

#include "lab.h"
#include "lab_set.h"

char lab_root[1024], lab_packed[1024];

int lab_make_packed(void **state)
{
    (void)state;
    snprintf(lab_root, sizeof lab_root, "%s", lab_make_folder());
    snprintf(lab_packed, sizeof lab_packed, "%s", lab_make_folder());
    lab_write_squares(lab_root, 3, 4, LAB_SIDE);
    tn_dataset *set = NULL;
    if (tn_dataset_open(&set, &(tn_dataset_opts){.path = lab_root}) != TN_OK)
        return -1;
    const tn_status status =
        tn_dataset_pack(set, &(tn_pack_opts){.folder = lab_packed, .side = LAB_SIDE, .threads = 3});
    tn_dataset_close(set);
    return status == TN_OK ? 0 : -1;
}

int lab_remove_packed(void **state)
{
    (void)state;
    lab_remove(lab_root);
    lab_remove(lab_packed);
    return 0;
}
