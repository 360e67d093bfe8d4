/* Where an op has several kernels, which is asked first is said by their ranks: two of one would leave one out. */
#include <string.h>

#include "backends/backend.h"
#include "lab_op.h"

static void check_table(const char *device, const tn_kernel *const *kernels)
{
    for (const tn_kernel *const *a = kernels; *a; a++)
        for (const tn_kernel *const *b = a + 1; *b; b++)
            if (strcmp((*a)->op, (*b)->op) == 0 && (*a)->rank == (*b)->rank)
                fail_msg("%s: two kernels of %s have rank %d", device, (*a)->op, (*a)->rank);
}

static void no_two_kernels_of_an_op_have_the_same(void **unused)
{
    (void)unused;
    const char *names[] = {"cpu", "cpu,reference", lab_devices()[1]};
    for (size_t i = 0; i < TN_COUNT(names) && names[i]; i++) {
        tn_device *d = NULL;
        assert_ok(tn_device_open(&d, names[i]));
        const tn_backend *b = d->backend;
        check_table(names[i], b->kernels_of ? b->kernels_of(d->impl) : b->kernels);
        tn_device_close(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_two_kernels_of_an_op_have_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
