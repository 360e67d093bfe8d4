/*
 * The real NCCL as it is found: it gives ids without a GPU. What is no NCCL is told from it.
 */
#define _POSIX_C_SOURCE 200809L /* setenv, symlink */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/devices.h"
#include "lab.h"

/* That of the module for real GPUs; skips where there is none. */
static const tn_collectives *real(void)
{
    const void *module;
    char looked[1024];
    assert_ok(tn_module_load("cuda", &module, looked, sizeof looked));
    const tn_backend *cuda = module;
    if (!cuda || !cuda->collectives) {
        print_message("skipped: this build has no tenon_cuda.so, or that no NCCL\n");
        skip();
    }
    return cuda->collectives;
}

static void another_library_is_refused(void **unused)
{
    (void)unused;
    const tn_collectives *nccl = real();
    const char *modules = getenv("TENON_MODULES"), *folder = lab_make_folder();
    char other[1024], name[1024];
    tn_comm_id id;
    snprintf(other, sizeof other, "%s/tenon_sim.so", modules ? modules : ".");
    snprintf(name, sizeof name, "%s/libnccl.so.2", folder);
    assert_int_equal(symlink(other, name), 0);
    setenv("TENON_CUDA_LIBS", folder, 1);
    assert_fails(nccl->make_id(&id), TN_ERR_DEVICE,
                 "NCCL 2.19 to 2.x, for several GPUs, is needed: the libnccl.so.2 that was found "
                 "has no ncclGetVersion");
    unsetenv("TENON_CUDA_LIBS");
    lab_remove(folder);
}

static void ids_are_all_different(void **unused)
{
    (void)unused;
    const tn_collectives *nccl = real();
    tn_comm_id a, b;
    const tn_status status = nccl->make_id(&a);
    if (status != TN_OK) {
        assert_fails(status, TN_ERR_DEVICE, "NCCL 2.19 to 2.x, for several GPUs, is needed, and");
        print_message("skipped: %s\n", tn_error());
        skip();
    }
    assert_ok(nccl->make_id(&b));
    assert_memory_not_equal(&a, &b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_library_is_refused),
        cmocka_unit_test(ids_are_all_different),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
