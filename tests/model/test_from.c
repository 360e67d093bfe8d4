/*
 * Plans that begin with a model's numbers: which are taken, which begin as ever, which are left; what is taken is not drawn
 * at random; and parameters frozen by their names.
 */
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "lab.h"
#include "lab_model.h"

static tn_device *device;

/* The linker puts this in the place of tn_threads_start() (--wrap): the numbers of a large parameter are drawn by threads. */
tn_status __real_tn_threads_start(tn_threads *t, int count, void *(*work)(void *),
                                  void (*stop)(void *), void *arg);
static int draws;
tn_status __wrap_tn_threads_start(tn_threads *t, int count, void *(*work)(void *),
                                  void (*stop)(void *), void *arg);
tn_status __wrap_tn_threads_start(tn_threads *t, int count, void *(*work)(void *),
                                  void (*stop)(void *), void *arg)
{
    draws++;
    return __real_tn_threads_start(t, count, work, stop, arg);
}

static tn_model *trained(int classes)
{
    tn_graph *g = lab_model_net(classes);
    tn_plan *p = lab_model_train(g, device, NULL);
    tn_model *m = NULL;
    assert_ok(tn_model_of_plan(&m, p));
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    return m;
}

/* "hidden.weight" is larger than what one thread draws. */
static void what_is_taken_is_not_drawn(void **state)
{
    (void)state;
    tn_model *m = trained(3);
    tn_graph *g = lab_model_net(3);
    for (int from = 0; from < 2; from++) {
        tn_plan *p = NULL;
        draws = 0;
        assert_ok(tn_plan_create(
            &p, g, device, &(tn_plan_opts){.loss = tn_graph_loss(g), .from = from ? m : NULL}));
        assert_int_equal(draws, from ? 0 : 1);
        tn_plan_destroy(p);
    }
    tn_graph_destroy(g);
    tn_model_close(m);
}

static void assert_list(const tn_plan *p, tn_from which, const char *wanted)
{
    char list[512] = "";
    for (int i = 0; tn_plan_from(p, which, i); i++)
        strcat(strcat(list, tn_plan_from(p, which, i)), " ");
    assert_string_equal(list, wanted);
}

static void all_are_listed(const char *name)
{
    tn_device *d = NULL;
    tn_model *m = trained(3);
    tn_graph *g = lab_model_net(5), *other = NULL;
    tn_plan *p = NULL;
    tn_plan_opts opts = {.loss = tn_graph_loss(g), .from = m};
    assert_ok(tn_device_open(&d, name));
    assert_fails(tn_plan_create(&p, g, d, &opts), TN_ERR_SHAPE,
                 "plan: fc.weight is 3 x 600 in a plan, but the plan's is 5 x 600");
    opts.from_any_shape = true;
    assert_ok(tn_plan_create(&p, g, d, &opts));
    assert_list(p, TN_FROM_TAKEN,
                "conv.weight conv.bias bn.weight bn.bias bn.running_mean bn.running_var "
                "hidden.weight hidden.bias ");
    assert_list(p, TN_FROM_OTHER_SHAPE, "fc.weight fc.bias ");
    assert_list(p, TN_FROM_NEW, "");
    assert_list(p, TN_FROM_LEFT, "");
    tn_plan_destroy(p);

    assert_ok(tn_graph_create(&other));
    const tn_value x = tn_input(other, "x", TN_F32, TN_SHAPE(2, 128));
    const tn_value h = tn_dense(other, x, &(tn_dense_opts){.name = "hidden", .units = 600});
    const tn_value y = tn_dense(other, h, &(tn_dense_opts){.name = "last", .units = 2});
    opts = (tn_plan_opts){.keep = &y, .num_keep = 1, .from = m};
    assert_ok(tn_plan_create(&p, other, d, &opts));
    assert_list(p, TN_FROM_TAKEN, "hidden.weight hidden.bias ");
    assert_list(p, TN_FROM_NEW, "last.weight last.bias ");
    assert_list(p, TN_FROM_LEFT,
                "bn.bias bn.running_mean bn.running_var bn.weight conv.bias conv.weight fc.bias "
                "fc.weight ");
    tn_plan_destroy(p);
    tn_graph_destroy(other);

    assert_ok(tn_graph_create(&other));
    const tn_value z = tn_dense(other, tn_input(other, "x", TN_F32, TN_SHAPE(2, 3)),
                                &(tn_dense_opts){.name = "strange", .units = 2});
    opts.keep = &z;
    assert_fails(tn_plan_create(&p, other, d, &opts), TN_ERR_ARGUMENT,
                 "plan: none of the 10 tensors of a plan, such as bn.bias, is one of its 2 "
                 "parameters, such as strange.weight");
    tn_graph_destroy(other);
    tn_graph_destroy(g);
    tn_device_close(d);
    tn_model_close(m);
}

static void what_is_taken_new_or_left_is_listed(void **state)
{
    (void)state;
    all_are_listed("cpu,threads=2");
    all_are_listed("cpu:0-1,threads=2");
    assert_null(tn_plan_from(NULL, TN_FROM_TAKEN, 0));
}

/* What begins anew is what it is without a model. */
static void what_is_new_begins_as_ever(void **state)
{
    (void)state;
    tn_model *m = trained(3);
    tn_graph *g = lab_model_net(5);
    tn_plan *from = NULL, *ever = NULL;
    tn_plan_opts opts = {.loss = tn_graph_loss(g), .seed = 9};
    assert_ok(tn_plan_create(&ever, g, device, &opts));
    opts.from = m;
    opts.from_any_shape = true;
    assert_ok(tn_plan_create(&from, g, device, &opts));
    tn_model_close(m); /* needed no more */
    static const char *const names[] = {"fc.weight", "conv.weight"};
    for (int i = 0; i < 2; i++) {
        int64_t count;
        float *a = lab_model_param(from, names[i], &count),
              *b = lab_model_param(ever, names[i], &count);
        assert_int_equal(memcmp(a, b, (size_t)count * sizeof *a) == 0, i == 0);
        free(a);
        free(b);
    }
    tn_plan_destroy(from);
    tn_plan_destroy(ever);
    tn_graph_destroy(g);
}

static void what_is_frozen_stays(void **state)
{
    (void)state;
    static const struct {
        const char *freeze, *trained;
    } cases[] = {
        {NULL,
         "conv.weight conv.bias bn.weight bn.bias hidden.weight hidden.bias fc.weight fc.bias "},
        {"",
         "conv.weight conv.bias bn.weight bn.bias hidden.weight hidden.bias fc.weight fc.bias "},
        {"conv", "bn.weight bn.bias hidden.weight hidden.bias fc.weight fc.bias "},
        {"*.bias", "conv.weight bn.weight hidden.weight fc.weight "},
        {"[a-d]*,hidden.w*", "hidden.bias fc.weight fc.bias "},
        {"conv*,bn*,hidden*", "fc.weight fc.bias "},
    };
    tn_model *m = trained(3);
    tn_graph *g = lab_model_net(3);
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_plan *p = lab_model_train(g, device,
                                     &(tn_plan_opts){.from = m, .freeze = cases[i].freeze}),
                *begun = NULL;
        char list[512] = "";
        assert_ok(tn_plan_create(&begun, g, device, &(tn_plan_opts){.from = m}));
        for (int k = 0; k < tn_plan_num_params(p); k++) {
            tn_param_info info;
            char name[64];
            int64_t count;
            assert_ok(tn_plan_param(p, k, &info));
            snprintf(name, sizeof name, "%s.%s", info.node, info.name);
            if (info.trained)
                strcat(strcat(list, name), " ");
            if (info.trained || strncmp(info.name, "running_", 8) == 0 ||
                tn_plan_find_param(begun, name) < 0)
                continue;
            float *a = lab_model_param(p, name, &count), *b = lab_model_param(begun, name, &count);
            assert_memory_equal(a, b, (size_t)count * sizeof *a);
            free(a);
            free(b);
        }
        assert_string_equal(list, cases[i].trained);
        tn_plan_destroy(begun);
        tn_plan_destroy(p);
    }
    tn_plan *p = NULL;
    assert_fails(tn_plan_create(&p, g, device,
                                &(tn_plan_opts){.loss = tn_graph_loss(g), .freeze = "conv,cnov*"}),
                 TN_ERR_ARGUMENT, "plan: freeze: no parameter is called as \"cnov*\"");
    assert_fails(
        tn_plan_create(&p, g, device, &(tn_plan_opts){.loss = tn_graph_loss(g), .freeze = "*"}),
        TN_ERR_ARGUMENT,
        "depends on no parameter that is trained, with those frozen that are named *");
    tn_graph_destroy(g);
    tn_model_close(m);
}

typedef struct begin {
    const tn_model *model;
    const tn_graph *g;
} begin;

static tn_status begin_and_end(void *arg)
{
    const begin *b = arg;
    tn_plan *p = NULL;
    const tn_status status = tn_plan_create(
        &p, b->g, device, &(tn_plan_opts){.from = b->model, .freeze = "conv,bn.weight"});
    tn_plan_destroy(p);
    return status;
}

static void no_memory_leaves_nothing(void **state)
{
    (void)state;
    tn_model *m = trained(3);
    assert_true(lab_fail_each_allocation(begin_and_end, &(begin){m, tn_model_graph(m)}) > 10);
    tn_model_close(m);
}

static int open_all(void **state)
{
    (void)state;
    assert_ok(tn_device_open(&device, "cpu,threads=2"));
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    tn_device_close(device);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_is_not_drawn),
        cmocka_unit_test(what_is_taken_new_or_left_is_listed),
        cmocka_unit_test(what_is_new_begins_as_ever),
        cmocka_unit_test(what_is_frozen_stays),
        cmocka_unit_test(no_memory_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
