/*
 * Rates that are measured: plausible ones, of the CPU and of a simulated GPU, and what cannot be measured.
 */
#include <tenon/tune.h>

#include "lab_sim.h"

static tn_status measure(const char *name, double seconds, double *flops, double *bytes)
{
    tn_device *d = NULL;
    assert_ok(tn_device_open(&d, name));
    const tn_status status = tn_measure_rates(d, TN_PRECISION_F32, seconds, flops, bytes);
    tn_device_close(d);
    return status;
}

/* What nothing that this runs on leaves: a million to 10^15 a second. */
static void assert_plausible(double rate)
{
    print_message("%g a second\n", rate);
    assert_true(rate > 1e6 && rate < 1e15);
}

static void a_device_says_what_it_reaches(void **unused)
{
    (void)unused;
    double flops, bytes;
    assert_ok(measure("cpu", 0.1, &flops, &bytes));
    assert_plausible(flops);
    assert_plausible(bytes);
    assert_ok(measure("cpu,reference", 0.001, &flops, NULL));
    assert_plausible(flops);
    if (!lab_find_sim())
        return;
    assert_ok(measure("sim:0", 0.001, &flops, NULL));
    assert_plausible(flops);
}

static void what_cannot_be_measured_is_said(void **unused)
{
    (void)unused;
    double flops;
    assert_fails(measure("cpu", 0, &flops, NULL), TN_ERR_ARGUMENT, "measured for 0 seconds");
    assert_fails(measure("cpu", 61, &flops, NULL), TN_ERR_ARGUMENT, "up to 60");
    assert_fails(measure("cpu:0-1", 0.001, &flops, NULL), TN_ERR_UNSUPPORTED,
                 "several devices: what one reaches");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_device_says_what_it_reaches),
                                       cmocka_unit_test(what_cannot_be_measured_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
