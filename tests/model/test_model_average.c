/* A model of the averages that a checkpoint keeps: their numbers in place of those that were trained, to the bit. */
#include <stdlib.h>
#include <string.h>

#include "lab.h"
#include "lab_model.h"
#include "lab_set.h"

static tn_device *device;
static const char *folder;

static int set_up(void **state)
{
    (void)state;
    folder = lab_make_folder();
    return tn_device_open(&device, "cpu,threads=1") == TN_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    tn_device_close(device);
    lab_remove(folder);
    return 0;
}

/* All parameters and statistics of a plan that begins as the model are what the trained plan has now. */
static void assert_numbers(const char *path, bool average, tn_plan *trained)
{
    tn_model *m = NULL;
    tn_plan *p = NULL;
    assert_ok(tn_model_open(&m, path, &(tn_model_opts){.average = average}));
    assert_true(tn_model_keeps_average(m));
    assert_ok(tn_plan_create(&p, tn_model_graph(m), device, &(tn_plan_opts){.from = m}));
    assert_null(tn_plan_from(p, TN_FROM_NEW, 0));
    assert_null(tn_plan_from(p, TN_FROM_LEFT, 0));
    for (int i = 0; i < tn_plan_num_params(p); i++) {
        tn_param_info info;
        int64_t count;
        assert_ok(tn_plan_param(p, i, &info));
        float *got = lab_model_param(p, info.full_name, &count);
        float *want = lab_model_param(trained, info.full_name, &count);
        assert_memory_equal(got, want, (size_t)count * sizeof *got);
        free(got);
        free(want);
    }
    tn_plan_destroy(p);
    tn_model_close(m);
}

static void averages_stand_in_the_place_of_numbers(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s", lab_path(folder, "both"));
    tn_graph *g = lab_model_net(3);
    tn_plan *p = lab_model_train(g, device, &(tn_plan_opts){.seed = 3, .ema = 0.5});
    assert_ok(tn_checkpoint_save(p, path, NULL, 0));
    assert_numbers(path, false, p);
    int64_t count;
    float *trained = lab_model_param(p, "fc.weight", &count);
    assert_ok(tn_plan_use_average(p, true));
    float *average = lab_model_param(p, "fc.weight", &count);
    assert_memory_not_equal(trained, average, (size_t)count * sizeof *average);
    assert_numbers(path, true, p);
    free(trained);
    free(average);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
}

static void where_there_are_none_it_is_an_error(void **state)
{
    (void)state;
    char path[512];
    snprintf(path, sizeof path, "%s", lab_path(folder, "plain"));
    tn_graph *g = lab_model_net(3);
    tn_plan *p = lab_model_train(g, device, NULL);
    tn_model *m = NULL;
    const tn_model_opts average = {.average = true};
    assert_ok(tn_checkpoint_save(p, path, NULL, 0));
    assert_fails(tn_model_open(&m, path, &average), TN_ERR_ARGUMENT, "plain: keeps no averages");
    assert_null(m);
    assert_ok(tn_model_open(&m, path, NULL));
    assert_false(tn_model_keeps_average(m));
    tn_model_close(m);
    m = NULL;
    lab_write_text(path, "tenon graph 1\ninput x f32 N 4\noutput x\n");
    assert_fails(tn_model_open(&m, path, &average), TN_ERR_ARGUMENT, "no numbers to average");
    assert_null(m);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(averages_stand_in_the_place_of_numbers),
        cmocka_unit_test(where_there_are_none_it_is_an_error),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
