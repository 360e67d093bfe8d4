/*
 * Backends that are files: one that is not there, and one that is no library.
 */
#define _POSIX_C_SOURCE 200809L /* setenv */

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/module.h"
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

/* ---- a module of another version ------------------------------------------------------------ */

static char said[256];

static tn_status keep_text(tn_status status, const char *text)
{
    snprintf(said, sizeof said, "%s", text);
    return status;
}

/* The first module that this build has, by the folders of TENON_MODULES; NULL: none. */
static void *open_a_module(void)
{
    static const char *const names[] = {"sim", "cuda", "mpi"};
    const char *folder = getenv("TENON_MODULES");
    void *file = NULL;
    for (size_t i = 0; folder && !file && i < TN_COUNT(names); i++) {
        char path[1200];
        snprintf(path, sizeof path, "%.*s/tenon_%s.so", (int)strcspn(folder, ":"), folder,
                 names[i]);
        file = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    return file;
}

static void a_module_of_another_version_is_refused(void **unused)
{
    (void)unused;
    static const struct {
        const char *why, *version, *says;
        int more;
    } cases[] = {
        {"another interface", NULL, "this module is of Tenon ", 1},
        {"an older one", NULL, ", the library ", -1},
        {"another version of the same interface", "0.0.9", "the library 0.0.9", 0},
    };
    void *file = open_a_module();
    if (!file) {
        print_message("skipped: this build has no modules\n");
        skip();
    }
    union {
        void *object;
        tn_module_entry *function;
    } entry = {dlsym(file, TN_MODULE_ENTRY)};
    assert_non_null(entry.object);
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        const tn_host host = {.abi = TN_MODULE_ABI + cases[i].more,
                              .version = cases[i].version ? cases[i].version : tn_version(),
                              .fail = keep_text};
        print_message("%s\n", cases[i].why);
        *said = 0;
        assert_null(entry.function(&host));
        assert_non_null(strstr(said, cases[i].says));
    }
    dlclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_are_no_modules_are_named),
        cmocka_unit_test(a_module_of_another_version_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
