/*
 * Peak rates: every model that can be planned for has a row; what is computed from a file of properties
 * agrees with the row of the same model; what is not known is said.
 */
#include <stdio.h>
#include <string.h>

#include "lab_sim.h"

static tn_status rates(const char *device, tn_precision p, double *flops, double *bytes)
{
    tn_device *d = NULL;
    assert_ok(tn_device_open(&d, device));
    const tn_status status = tn_device_rates(d, p, flops, bytes);
    tn_device_close(d);
    return status;
}

static void known_models_have_rates(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    (void)sim;
    static const struct {
        const char *device;
        tn_precision precision;
        double teraflops, gigabytes;
        const char *why;
    } cases[] = {
        {"sim,gpu=h100", TN_PRECISION_F32, 66.9, 3352, "strict f32: no tensor cores"},
        {"sim,gpu=h100", TN_PRECISION_DEFAULT, 494.7, 3352, "what it computes in: tf32"},
        {"sim,gpu=h100", TN_PRECISION_BF16, 989.4, 3352, "without sparsity"},
        {"sim,gpu=b200", TN_PRECISION_F16, 2250, 8000, ""},
        {"sim,gpu=a100", TN_PRECISION_TF32, 156, 1555, "of 40 GB"},
        {"sim,gpu=r3090", TN_PRECISION_F16, 71, 936, "GeForce: half with sums in f32"},
        {"sim,gpu=r4090", TN_PRECISION_BF16, 165.2, 1008, "GeForce"},
        {"sim,gpu=r5090", TN_PRECISION_F16, 209.5, 1792, "GeForce"},
        {"sim,gpu=t4", TN_PRECISION_F16, 65, 320, ""},
        {"sim,gpu=t4", TN_PRECISION_DEFAULT, 8.1, 320, "f32: it has no tf32"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        double flops, bytes;
        print_message("%s: %s\n", cases[i].device, cases[i].why);
        assert_ok(rates(cases[i].device, cases[i].precision, &flops, &bytes));
        assert_true(flops == cases[i].teraflops * 1e12 && bytes == cases[i].gigabytes * 1e9);
        assert_ok(rates(cases[i].device, cases[i].precision, NULL, NULL));
    }
    double flops;
    assert_fails(rates("sim,gpu=t4", TN_PRECISION_BF16, &flops, NULL), TN_ERR_UNSUPPORTED,
                 "has no bf16");
}

/* The properties of a model with `extra` behind the first brace, as a file; the device that it makes. */
static const char *write_properties(const char *folder, const char *stem, const char *extra)
{
    static char device[256];
    char path[128];
    snprintf(path, sizeof path, "%s/%s.json", folder, stem);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "{%s\"totalGlobalMem\": 1000000}\n", extra);
    fclose(f);
    snprintf(device, sizeof device, "sim,cudnn=off,gpu=%s", path);
    return device;
}

static void files_are_computed(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    (void)sim;
    static const struct {
        const char *stem, *json;
        tn_precision precision;
        double low, high; /* 1e12; 0: refused */
        const char *says;
    } cases[] = {
        {"h", "\"deviceVer\": 900, \"multiProcessorCount\": 132, \"smClockRateKHz\": 1980000, ",
         TN_PRECISION_BF16, 989, 1080, NULL},
        {"a", "\"deviceVer\": 800, \"multiProcessorCount\": 108, \"smClockRateKHz\": 1410000, ",
         TN_PRECISION_TF32, 155, 157, NULL},
        {"b", "\"deviceVer\": 1000, \"multiProcessorCount\": 148, \"smClockRateKHz\": 1965000, ",
         TN_PRECISION_F32, 74, 81, NULL},
        {"g",
         "\"deviceName\": \"NVIDIA GeForce RTX 3090\", \"deviceVer\": 860, "
         "\"multiProcessorCount\": 82, \"smClockRateKHz\": 1695000, ",
         TN_PRECISION_F16, 70.5, 71.5, NULL},
        {"p",
         "\"deviceName\": \"NVIDIA RTX PRO 6000\", \"deviceVer\": 1200, "
         "\"multiProcessorCount\": 188, \"smClockRateKHz\": 2617000, ",
         TN_PRECISION_F16, 500, 506, NULL},
        {"n", "\"deviceVer\": 900, \"multiProcessorCount\": 132, ", TN_PRECISION_F32, 0, 0,
         "\"smClockRateKHz\" is missing"},
        {"u", "\"deviceVer\": 870, \"multiProcessorCount\": 16, \"smClockRateKHz\": 1000000, ",
         TN_PRECISION_F32, 0, 0, "sm_87"},
    };
    const char *folder = lab_make_folder();
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        double flops = 0, bytes;
        const char *device = write_properties(folder, cases[i].stem, cases[i].json);
        if (cases[i].says) {
            assert_fails(rates(device, cases[i].precision, &flops, NULL), TN_ERR_UNSUPPORTED,
                         cases[i].says);
            continue;
        }
        assert_ok(rates(device, cases[i].precision, &flops, NULL));
        if (!(flops >= cases[i].low * 1e12 && flops <= cases[i].high * 1e12))
            fail_msg("%s: %g", cases[i].json, flops);
        assert_fails(rates(device, cases[i].precision, &flops, &bytes), TN_ERR_UNSUPPORTED,
                     "add \"memoryBandwidthGBps\"");
    }
    double flops, bytes;
    const char *device =
        write_properties(folder, "w",
                         "\"memoryBandwidthGBps\": 960, \"deviceVer\": 890, "
                         "\"multiProcessorCount\": 142, \"smClockRateKHz\": 2500000, ");
    assert_ok(rates(device, TN_PRECISION_DEFAULT, &flops, &bytes));
    assert_true(bytes == 960e9);
    lab_remove(folder);
}

/* What a file says is looked at before it is believed. */
static void numbers_of_files_are_checked(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    (void)sim;
    static const struct {
        const char *json, *says;
    } cases[] = {
        {"\"deviceVer\": 42949673860, \"multiProcessorCount\": 132, ",
         "\"deviceVer\" is 42949673860, not from 100 to 99999"},
        {"\"deviceVer\": 900, \"multiProcessorCount\": 4294967428, ",
         "\"multiProcessorCount\" is 4294967428, not from 1 to 99999"},
        {"\"deviceVer\": 900, \"multiProcessorCount\": -132, ", "is -132, not from 1"},
        {"\"deviceVer\": 900, \"multiProcessorCount\": 99999999999999999999, ",
         "\"multiProcessorCount\" is missing, or no whole number"},
        {"\"deviceVer\": 9e2, \"multiProcessorCount\": 132, ",
         "\"deviceVer\" is missing, or no whole number"},
        {"\"deviceVer\": 900.5, \"multiProcessorCount\": 132, ", "no whole number"},
    };
    const char *folder = lab_make_folder();
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_device *d = NULL;
        assert_fails(tn_device_open(&d, write_properties(folder, "x", cases[i].json)),
                     TN_ERR_FORMAT, cases[i].says);
    }
    lab_remove(folder);
}

static void a_gpu_that_is_there_has_those_of_its_model(void **unused)
{
    (void)unused;
    lab_need_sim(sim);
    double flops;
    assert_true(sim->set_gpu("h100"));
    assert_ok(rates("sim:0", TN_PRECISION_F32, &flops, NULL));
    assert_true(flops == 66.9 * 1e12);
    assert_true(sim->set_gpu("t4"));
    assert_ok(rates("sim:0", TN_PRECISION_DEFAULT, &flops, NULL));
    assert_true(flops == 8.1 * 1e12);
    assert_true(sim->set_gpu("h100"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_models_have_rates),
        cmocka_unit_test(files_are_computed),
        cmocka_unit_test(numbers_of_files_are_checked),
        cmocka_unit_test(a_gpu_that_is_there_has_those_of_its_model),
    };
    return cmocka_run_group_tests_name("cuda rates", tests, NULL, NULL);
}
