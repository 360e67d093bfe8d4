/* Caffe's solvers: what becomes of each field, what is refused, and where the net is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tenon/tenon.h>

#include "lab.h"
#include "lab_caffe.h"

#define NET                                                                                        \
    "layer { name: \"d\" type: \"Data\" top: \"data\" top: \"label\" data_param { batch_size: 64 " \
    "} "                                                                                           \
    "transform_param { crop_size: 8 } }\n"                                                         \
    "layer { name: \"fc\" type: \"InnerProduct\" bottom: \"data\" top: \"fc\" "                    \
    "inner_product_param { num_output: 4 } }\n"                                                    \
    "layer { name: \"loss\" type: \"SoftmaxWithLoss\" bottom: \"fc\" bottom: \"label\" top: "      \
    "\"loss\" }\n"

static const struct {
    const char *why, *text, *recipe;
} solvers[] = {
    {"lenet_solver",
     "base_lr: 0.01 momentum: 0.9 weight_decay: 0.0005 lr_policy: \"inv\" gamma: 0.0001 "
     "power: 0.75 max_iter: 10000 snapshot: 5000 display: 100",
     "optim=sgd momentum=0.9 rate=0.01 rate-policy=inv rate-gamma=0.0001 rate-power=0.75 warmup=0 "
     "decay=0.0005 steps=10000 save-steps=5000 log-every=100"},
    {"nothing but what it must say", "base_lr: 0.1 lr_policy: \"fixed\" max_iter: 5",
     "optim=sgd momentum=0 rate=0.1 rate-policy=constant warmup=0 decay=0 steps=5"},
    {"step", "base_lr: 1 lr_policy: \"step\" gamma: 0.1 stepsize: 100 max_iter: 5",
     "optim=sgd momentum=0 rate=1 rate-policy=step rate-gamma=0.1 rate-period=100 warmup=0 decay=0 "
     "steps=5"},
    {"exp", "base_lr: 1 lr_policy: 'exp' gamma: 0.99 max_iter: 5",
     "optim=sgd momentum=0 rate=1 rate-policy=exp rate-gamma=0.99 warmup=0 decay=0 steps=5"},
    {"multistep",
     "base_lr: 1 lr_policy: \"multistep\" gamma: 0.5 stepvalue: 10 stepvalue: 20 max_iter: 30",
     "optim=sgd momentum=0 rate=1 rate-policy=multistep rate-gamma=0.5 warmup=0 rate-at=10,20 "
     "decay=0 "
     "steps=30"},
    {"poly", "base_lr: 1 lr_policy: \"poly\" power: 0.5 max_iter: 30",
     "optim=sgd momentum=0 rate=1 rate-policy=poly rate-power=0.5 warmup=0 decay=0 steps=30"},
    {"sigmoid", "base_lr: 1 lr_policy: \"sigmoid\" gamma: 0.5 stepsize: 7 max_iter: 30",
     "optim=sgd momentum=0 rate=1 rate-policy=sigmoid rate-gamma=0.5 rate-period=7 warmup=0 "
     "decay=0 "
     "steps=30"},
    {"Nesterov, and a seed",
     "type: \"Nesterov\" momentum: 0.5 base_lr: 1 lr_policy: \"fixed\" random_seed: 1701",
     "optim=sgd nesterov momentum=0.5 rate=1 rate-policy=constant warmup=0 decay=0 seed=1701"},
    {"Adam, by its old name",
     "solver_type: ADAM momentum: 0.9 momentum2: 0.99 delta: 1e-6 base_lr: 1 lr_policy: \"fixed\"",
     "optim=adam momentum=0.9 beta2=0.99 epsilon=1e-06 rate=1 rate-policy=constant warmup=0 "
     "decay=0"},
    {"the mean of several batches is clipped, not their sum",
     "base_lr: 1 lr_policy: \"fixed\" iter_size: 4 clip_gradients: 10",
     "optim=sgd momentum=0 rate=1 rate-policy=constant warmup=0 decay=0 accumulate=4 clip=2.5"},
};

static void a_solver_is_a_recipe(void **state)
{
    (void)state;
    for (size_t i = 0; i < TN_COUNT(solvers); i++) {
        tn_model *m = NULL;
        assert_ok(
            tn_model_open(&m, lab_caffe_net(solvers[i].text), &(tn_model_opts){.no_net = true}));
        assert_string_equal(tn_model_fact(m, "tenon.recipe"), solvers[i].recipe);
        assert_null(tn_model_graph(m));
        assert_null(tn_model_notice(m, 0));
        tn_model_close(m);
    }
}

static void what_it_says_besides_is_told(void **state)
{
    (void)state;
    tn_model *m = NULL;
    const char *path =
        lab_caffe_net("base_lr: 1 lr_policy: \"fixed\" test_iter: 100 test_interval: 500\n"
                      "snapshot_prefix: \"a/b\" solver_mode: GPU\nwarm: 3");
    assert_ok(tn_model_open(&m, path, &(tn_model_opts){.no_net = true}));
    assert_string_equal(tn_model_notice(m, 0),
                        "passed over of the solver: test_iter, test_interval, snapshot_prefix, "
                        "solver_mode, line 3: warm");
    tn_model_close(m);
}

static const struct {
    const char *text;
    tn_status status;
    const char *says;
} wrong[] = {
    {"type: \"RMSProp\" base_lr: 1 lr_policy: \"fixed\"", TN_ERR_UNSUPPORTED,
     "net.prototxt: the solver cannot be followed: its type is RMSProp; Tenon has SGD, Nesterov "
     "and Adam"},
    {"type: \"AdaGrad\" base_lr: 1 lr_policy: \"fixed\"", TN_ERR_UNSUPPORTED,
     "its type is AdaGrad"},
    {"solver_type: ADADELTA base_lr: 1 lr_policy: \"fixed\"", TN_ERR_UNSUPPORTED,
     "its type is AdaDelta"},
    {"type: \"Own\" base_lr: 1 lr_policy: \"fixed\"", TN_ERR_UNSUPPORTED, "its type is Own"},
    {"solver_type: 9 base_lr: 1 lr_policy: \"fixed\"", TN_ERR_UNSUPPORTED,
     "of a number that is not known"},
    {"base_lr: 1 lr_policy: \"plateau\"", TN_ERR_UNSUPPORTED, "its lr_policy is plateau"},
    {"base_lr: 1 lr_policy: \"fixed\" regularization_type: \"L1\"", TN_ERR_UNSUPPORTED,
     "its regularization_type is not L2"},
    {"base_lr: 1 lr_policy: \"multistep\" gamma: 1", TN_ERR_UNSUPPORTED,
     "falls at 0 steps (stepvalue)"},
    {"base_lr: 1", TN_ERR_FORMAT, "the solver does not say lr_policy"},
    {"base_lr: 1 lr_policy: \"step\" gamma: 1", TN_ERR_FORMAT, "the solver does not say stepsize"},
    {"net: \"x\"", TN_ERR_FORMAT, "the solver does not say base_lr"},
    {"item { id: 5 }", TN_ERR_FORMAT, "has no layers, and is no solver"},
};

static void what_cannot_be_followed_is_refused(void **state)
{
    (void)state;
    tn_model *m = NULL;
    for (size_t i = 0; i < TN_COUNT(wrong); i++)
        assert_fails(
            tn_model_open(&m, lab_caffe_net(wrong[i].text), &(tn_model_opts){.no_net = true}),
            wrong[i].status, wrong[i].says);
}

/* In it, beside it, or from where Caffe was started. */
static void its_net_is_found(void **state)
{
    (void)state;
    tn_model *m = NULL;
    const char *solver = lab_caffe_path("solver.prototxt");
#define OTHERS "base_lr: 1 lr_policy: \"fixed\" max_iter: 5 "
    static const char *const texts[] = {
        OTHERS "net_param {\n" NET "}", OTHERS "train_net_param {\n" NET "}",
        OTHERS "net: \"net.prototxt\"", OTHERS "train_net: \"net.prototxt\"", NULL};
    lab_caffe_net(NET);
    char above[600];
    const char *folder = strrchr(lab_caffe_path(""), '-'); /* "-XXXXXX/" of its name */
    snprintf(above, sizeof above, OTHERS "net: \"tenon-caffe%snet.prototxt\"", folder);
    for (size_t i = 0; i < TN_COUNT(texts); i++) {
        FILE *f = fopen(solver, "w");
        assert_non_null(f);
        fputs(texts[i] ? texts[i] : above, f);
        fclose(f);
        assert_ok(tn_model_open(&m, solver, NULL));
        assert_int_not_equal(tn_graph_loss(tn_model_graph(m)).id, 0);
        assert_string_equal(tn_model_fact(m, "tenon.recipe"),
                            "optim=sgd momentum=0 rate=1 rate-policy=constant warmup=0 decay=0 "
                            "steps=5 batch=64");
        tn_model_close(m);
        assert_ok(tn_model_open(&m, solver, &(tn_model_opts){.no_net = true}));
        assert_null(tn_model_graph(m));
        assert_non_null(strstr(tn_model_fact(m, "tenon.recipe"), "steps=5 batch=64"));
        tn_model_close(m);
    }
    FILE *f = fopen(solver, "w");
    assert_non_null(f);
    fputs(OTHERS "net: \"solver.prototxt\"", f); /* which is no net */
    fclose(f);
    assert_ok(tn_model_open(&m, solver, &(tn_model_opts){.no_net = true}));
    tn_model_close(m);
    assert_fails(tn_model_open(&m, solver, NULL), TN_ERR_FORMAT, "has no layers");
    assert_fails(tn_model_open(&m, lab_caffe_net(OTHERS "net: \"nowhere/x.prototxt\""), NULL),
                 TN_ERR_IO,
                 "its net nowhere/x.prototxt is not there, from here or from any folder above");
    assert_fails(tn_model_open(&m, lab_caffe_net("base_lr: 1 lr_policy: \"fixed\""), NULL),
                 TN_ERR_IO, "names no net");
}

static void shared_solvers_are_recipes(void **state)
{
    (void)state;
    lab_need_data("prototxt/BVLC+caffe/examples/mnist/lenet_solver.prototxt");
    tn_model *m = NULL;
    const char *path = lab_data("prototxt/BVLC+caffe/examples/mnist/lenet_solver.prototxt");
    assert_ok(tn_model_open(&m, path, &(tn_model_opts){.input = "*=1x28x28"}));
    assert_non_null(tn_model_graph(m));
    assert_non_null(strstr(tn_model_fact(m, "tenon.recipe"), "steps=10000 save-steps=5000 "
                                                             "log-every=100 batch=64"));
    tn_model_close(m);
    assert_fails(
        tn_model_open(
            &m, lab_data("prototxt/BVLC+caffe/examples/mnist/lenet_solver_rmsprop.prototxt"), NULL),
        TN_ERR_UNSUPPORTED, "its type is RMSProp");
}

static void no_memory_is_told(void **state)
{
    (void)state;
    const char *path = lab_caffe_net(OTHERS "test_iter: 1 net_param {\n" NET "}");
    for (long nth = 1;; nth++) {
        tn_model *m = NULL;
        tn_alloc_fail_at(nth);
        const tn_status status = tn_model_open(&m, path, NULL);
        tn_alloc_fail_at(0);
        tn_model_close(m);
        assert_int_equal(tn_alloc_live(), 0);
        if (status == TN_OK) {
            assert_in_range(nth, 30, 2000);
            return;
        }
        assert_int_equal(status, TN_ERR_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_solver_is_a_recipe),
        cmocka_unit_test(what_it_says_besides_is_told),
        cmocka_unit_test(what_cannot_be_followed_is_refused),
        cmocka_unit_test(its_net_is_found),
        cmocka_unit_test(shared_solvers_are_recipes),
        cmocka_unit_test(no_memory_is_told),
    };
    return cmocka_run_group_tests(tests, lab_caffe_open, lab_caffe_close);
}
