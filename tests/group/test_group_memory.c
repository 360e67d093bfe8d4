/* What a group says of its memory. */
#include "backends/backend.h"
#include "lab.h"
#include "lab_sim.h"

/* Devices of a group need not have the same memory left: the fullest one is told. */
static void memory_is_that_of_the_fullest(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    enum { TAKEN = 1 << 20 };
    static const int order[] = {1, 0, 2};
    tn_device *d = NULL;
    sim->set_devices(3);
    assert_ok(tn_device_open(&d, "sim:0-2"));
    for (size_t i = 0; i < TN_COUNT(order); i++) {
        size_t before, after, total, own_total;
        void *taken = NULL;
        const tn_device *m = d->member[order[i]];
        assert_ok(tn_device_memory(d, &own_total, &before));
        assert_ok(m->backend->alloc(m->impl, TAKEN, &taken));
        assert_ok(tn_device_memory(d, &total, &after));
        assert_true(total == own_total && after + TAKEN <= before);
        m->backend->free(m->impl, taken);
    }
    tn_device_close(d);
    sim->check_leaks();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_is_that_of_the_fullest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
