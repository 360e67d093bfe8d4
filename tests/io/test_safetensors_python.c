/*
 * Python's safetensors opens what Tenon writes. Skipped (77) where Python does not have it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <tenon/tenon.h>

#include "io/safetensors.h"
#include "lab.h"

static tn_status write_file(const char *path)
{
    /* 0xE9 alone is Latin-1, not UTF-8: it must come out as U+F7E9, or Python refuses the file. */
    const tn_meta meta[] = {
        {"classes", "tench, \"Tinca\"\nK\xC3\xA4"
                    "fer \xE7\x94\xB2\xE8\x99\xAB \xE9\t\\"},
        {"empty", ""},
    };
    const tn_safetensor tensors[] = {
        {.name = "u8", .dtype = TN_U8, .shape = TN_SHAPE(3)},
        {.name = "conv1.weight", .dtype = TN_F32, .shape = TN_SHAPE(1, 2, 3)},
        {.name = "odd \"name\"", .dtype = TN_I32, .shape = TN_SHAPE(2)},
        {.name = "scalar", .dtype = TN_F32},
    };
    const uint8_t bytes[] = {1, 2, 255};
    const float weight[] = {0, 0.25f, 0.5f, 0.75f, 1, 1.25f}, scalar = 0.5f;
    const int32_t odd[] = {-7, 8};
    tn_safetensors_writer *w = NULL;
    TN_TRY(tn_safetensors_create(&w, path, tensors, TN_COUNT(tensors), meta, TN_COUNT(meta)));
    tn_status status = tn_safetensors_write(w, bytes, sizeof bytes);
    if (status == TN_OK)
        status = tn_safetensors_write(w, weight, sizeof weight);
    if (status == TN_OK)
        status = tn_safetensors_write(w, odd, sizeof odd);
    if (status == TN_OK)
        status = tn_safetensors_write(w, &scalar, sizeof scalar);
    if (status == TN_OK)
        status = tn_safetensors_commit(w);
    tn_safetensors_destroy(w);
    return status;
}

int main(void)
{
    const char *folder = lab_make_folder(), *python = getenv("TENON_TEST_PYTHON");
    char path[1100], command[4096];
    snprintf(path, sizeof path, "%s/ours.safetensors", folder);
    snprintf(command, sizeof command, "'%s' '%s' '%s'", python ? python : "python3",
             lab_golden("../io/read_safetensors.py"), path);
    tn_must(write_file(path));
    const int status = system(command);
    lab_remove(folder);
    return status != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
