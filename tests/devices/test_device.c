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
        {"cpu:all", "cpu:0", "all that there are, which may be one"},
        {"cpu:0-0", "cpu:0", "a list of one"},
        {"cpu:0-1", "cpu:0-1", "several"},
        {"cpu:3,0-1", "cpu:3,0-1", "in this order"},
        {"cpu:0,2,threads=3", "cpu:0,2,threads=3", "options begin with a letter"},
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
        {"cpu:0-", TN_ERR_ARGUMENT, "is no device number"},
        {"cpu:0-1x", TN_ERR_ARGUMENT, "\"0-1x\" is no device number"},
        {"cpu:3-1", TN_ERR_ARGUMENT, "3-1 counts backwards"},
        {"cpu:0-2,1", TN_ERR_ARGUMENT, "number 1 is there twice"},
        {"cpu:0-64", TN_ERR_ARGUMENT, "more than 64 devices"},
        {"cpu:all,1", TN_ERR_ARGUMENT, "option \"1\""},
        {"cpu:0-2,threads=2", TN_ERR_ARGUMENT, "threads=2 is not enough for 3 replicas"},
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

static void a_group_names_its_devices_and_shares_the_threads(void **state)
{
    (void)state;
    tn_device *d = NULL;
    size_t total = 0, unused = 0;
    assert_ok(tn_device_open(&d, "cpu:4,7,threads=3"));
    const char *text = tn_device_describe(d);
    assert_non_null(strstr(text, "2 devices: cpu:4: "));
    assert_non_null(strstr(text, ", 2 threads, "));
    assert_non_null(strstr(text, "; cpu:7: "));
    assert_non_null(strstr(text, ", 1 thread, "));
    assert_ok(tn_device_memory(d, &total, &unused));
    assert_true(unused > 0 && unused < total);
    tn_device_close(d);
}

static tn_status open_and_close(void *arg)
{
    tn_device *d = NULL;
    (void)arg;
    const tn_status status = tn_device_open(&d, "cpu:0-1,threads=2");
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
        cmocka_unit_test(a_group_names_its_devices_and_shares_the_threads),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
