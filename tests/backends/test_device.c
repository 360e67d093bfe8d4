/*
 * Opening devices by name: what is understood, and what each mistake is told as.
 */
#include <string.h>

#include "lab.h"

static void names_are_understood(void **state)
{
    (void)state;
    const struct {
        const char *name, *opened, *why;
    } cases[] = {
        {"cpu", "cpu", "a backend"},
        {"cpu:0", "cpu:0", "and which of its devices"},
        {"cpu,threads=2", "cpu,threads=2", "an option"},
        {"cpu:0,threads=1", "cpu:0,threads=1", "both"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_device *d = NULL, *again = NULL;
        print_message("%s\n", cases[i].why);
        assert_ok(tn_device_open(&d, cases[i].name));
        assert_string_equal(tn_device_name(d), cases[i].opened);
        assert_non_null(strstr(tn_device_describe(d), "oneDNN"));
        assert_ok(tn_device_open(&again, tn_device_name(d)));
        tn_device_close(again);
        tn_device_close(d);
    }
    tn_device_close(NULL);
}

/* The first GPU, or the CPU, which says why there is none. */
static void the_best_there_is_is_opened(void **state)
{
    (void)state;
    tn_device *best = NULL, *gpu = NULL;
    const bool has_gpu = tn_device_open(&gpu, "cuda:0") == TN_OK;
    assert_ok(tn_device_open(&best, NULL));
    assert_string_equal(tn_device_name(best), has_gpu ? "cuda:0" : "cpu");
    if (!has_gpu)
        assert_non_null(strstr(tn_device_describe(best), "oneDNN"));
    tn_device_close(best);
    tn_device_close(gpu);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    const struct {
        const char *name;
        tn_status status;
        const char *says;
    } cases[] = {
        {"", TN_ERR_ARGUMENT, "begins with no backend"},
        {":0", TN_ERR_ARGUMENT, "begins with no backend"},
        {"an-absurdly-long-name", TN_ERR_ARGUMENT, "begins with no backend"},
        {"cpu:", TN_ERR_ARGUMENT, "is no device number"},
        {"cpu:x", TN_ERR_ARGUMENT, "\"x\" is no device number"},
        {"cpu:0x", TN_ERR_ARGUMENT, "is no device number"},
        {"cpu:99999999999999999999", TN_ERR_ARGUMENT, "is no device number"},
        {"cpu:1", TN_ERR_DEVICE, "cpu:1: there is only cpu:0"},
        {"tpu", TN_ERR_UNSUPPORTED,
         "no backend \"tpu\": it has cpu, and there is no tenon_tpu.so in"},
        {"../../tpu", TN_ERR_ARGUMENT, "begins with no backend"},
        {"cpu,threads=0", TN_ERR_ARGUMENT, "threads"},
        {"cpu,threads=two", TN_ERR_ARGUMENT, "threads"},
        {"cpu,threads=-1", TN_ERR_ARGUMENT, "threads"},
        {"cpu,speed=9", TN_ERR_ARGUMENT, "speed"},
        {"cpu,", TN_ERR_ARGUMENT, "option"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_device *d = NULL;
        print_message("\"%s\"\n", cases[i].name);
        assert_fails(tn_device_open(&d, cases[i].name), cases[i].status, cases[i].says);
        assert_null(d);
    }
}

static tn_status open_and_close(void *arg)
{
    tn_device *d = NULL;
    (void)arg;
    const tn_status status = tn_device_open(&d, "cpu,threads=1");
    tn_device_close(d);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(lab_fail_each_allocation(open_and_close, NULL) > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_understood),
        cmocka_unit_test(the_best_there_is_is_opened),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
