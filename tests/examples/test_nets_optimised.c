/*
 * Every network, optimised: it makes the same logits by fewer nodes, and what only training needs is gone.
 */
#include <string.h>

#include "../../nets/nets.h"
#include "lab.h"
#include "model/lab_optimise.h"

enum { BATCH = 2, CLASSES = 7 };

/* The side of the images that a test has time for, and what there is to be found. */
static const struct {
    const char *name;
    int side;
    const char *finds;
} cases[] = {
    {"lenet", 28, "alive"},
    {"slim", 64, "evaluation"},
    {"torchvision", 64, "evaluation"},
    {"caffe", 67, "evaluation"},
    {"2012", 67, "evaluation"},
    {"vgg11", 32, "evaluation"},
    {"vgg16", 32, "evaluation"},
    {"googlenet", 80, "evaluation"},
    {"resnet18", 32, "batchnorm 20:"},
    {"resnet50", 32, "batchnorm 53:"},
    {"mobilenet_v2", 32, "batchnorm 52:"},
    {"densenet121", 32, "batchnorm 59:"},
    {"squeezenet", 48, "evaluation"},
    {"unet", 32, "alive"},
    {"vit_tiny", 32, "alive"},
};

static tn_graph *build(const net *n, int64_t side)
{
    tn_graph *g = NULL;
    assert_ok(tn_graph_create(&g));
    const tn_value image = tn_input(g, "image", TN_U8, TN_SHAPE(BATCH, side, side, n->channels));
    const tn_value label =
        tn_input(g, "label", TN_I32, n->pixels ? TN_SHAPE(BATCH, side, side) : TN_SHAPE(BATCH));
    const tn_value x = tn_image_input(g, image, &n->input);
    tn_value y;
    const tn_softmax_xent_opts loss = {.name = "loss"};
    tn_minimise(g, net_train(n, g, x, (net_labels){label}, CLASSES, &loss, &y).loss);
    tn_output(g, y);
    assert_ok(tn_graph_status(g));
    return g;
}

static void check(const net *n, int64_t side, const char *finds)
{
    tn_graph *g = build(n, side);
    tn_model *m = lab_model_of_graph(g), *small = NULL, *again = NULL;
    assert_ok(tn_model_optimise(&small, m, NULL));
    const char *told = tn_model_fact(small, "tenon.passes");
    const char *text = tn_model_fact(small, "tenon.graph");
    if (!strstr(told, finds))
        fail_msg("%s: \"%s\" is not in\n%s", n->name, finds, told);
    assert_int_equal(tn_graph_value(tn_model_graph(small), "label").id, 0);
    assert_null(strstr(text, "dropout"));
    assert_string_equal(
        tn_value_name(tn_model_graph(small), tn_graph_output_at(tn_model_graph(small), 0)),
        tn_value_name(g, tn_graph_output_at(g, 0)));
    assert_ok(tn_model_optimise(&again, small, NULL));
    assert_string_equal(tn_model_fact(again, "tenon.graph"), text);
    assert_string_equal(tn_model_fact(again, "tenon.passes"), told);
    lab_assert_same_outputs(m, small, n->name);
    tn_model_close(again);
    tn_model_close(small);
    tn_model_close(m);
    tn_graph_destroy(g);
}

static void all_compute_what_they_did(void **state)
{
    (void)state;
    int nets = 0;
    while (net_name(nets))
        nets++;
    assert_int_equal(nets, TN_COUNT(cases));
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        assert_non_null(net_find(cases[i].name));
        check(net_find(cases[i].name), cases[i].side, cases[i].finds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_compute_what_they_did)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
