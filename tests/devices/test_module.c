/*
 * Backends that are files: one that is not there, and one that is no library.
 */
#define _POSIX_C_SOURCE 200809L /* setenv */

#include <stdio.h>
#include <stdlib.h>

#include "lab.h"

static void write_module(const char *folder, const char *name, const char *bytes)
{
    char path[1100];
    snprintf(path, sizeof path, "%s/tenon_%s.so", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(bytes, f);
    assert_int_equal(fclose(f), 0);
}

static void files_that_are_no_modules_are_named(void **unused)
{
    (void)unused;
    char list[2300];
    tn_device *d = NULL;
    const char *before = getenv("TENON_MODULES"), *folder = lab_make_folder();
    char *kept = tn_copy_text(before ? before : "");
    snprintf(list, sizeof list, "/nonexistent:%s", folder);
    assert_int_equal(setenv("TENON_MODULES", list, 1), 0);

    assert_fails(tn_device_open(&d, "tpu:0"), TN_ERR_UNSUPPORTED,
                 "no backend \"tpu\": it has cpu, and there is no tenon_tpu.so in /nonexistent, ");
    assert_fails(tn_device_open(&d, "tpu:0"), TN_ERR_UNSUPPORTED, folder);
    write_module(folder, "tpu", "no library\n");
    assert_fails(tn_device_open(&d, "tpu:0"), TN_ERR_DEVICE, "tenon_tpu.so cannot be loaded: ");
    write_module(folder, "empty", "");
    assert_fails(tn_device_open(&d, "empty"), TN_ERR_DEVICE, "tenon_empty.so cannot be loaded: ");
    assert_null(d);

    /* A GPU that cannot be used is told of when it is asked for, and when the best device is. */
    write_module(folder, "cuda", "damaged");
    assert_fails(tn_device_open(&d, "cuda:0"), TN_ERR_DEVICE, "tenon_cuda.so cannot be loaded: ");
    assert_fails(tn_device_open(&d, NULL), TN_ERR_DEVICE, "tenon_cuda.so cannot be loaded: ");

    assert_int_equal(setenv("TENON_MODULES", kept, 1), 0);
    tn_free(kept);
    lab_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(files_that_are_no_modules_are_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
