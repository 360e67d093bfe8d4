/*
 * Every network through its text: the same text and the same plan, where it is small enough to be trained in a
 * moment the same numbers too.
 */
#include <stdlib.h>

#include "../../nets/nets.h"
#include "lab.h"
#include "models/lab_same_net.h"

enum { BATCH = 2, CLASSES = 7 };

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

static char *describe(const tn_graph *g, tn_device *device)
{
    tn_plan *p = NULL;
    assert_ok(
        tn_plan_create(&p, g, device, &(tn_plan_opts){.loss = tn_graph_loss(g), .dry = true}));
    char *text = lab_describe(p);
    tn_plan_destroy(p);
    return text;
}

static void all_are_planned_alike(void **state)
{
    (void)state;
    tn_device *device = NULL;
    assert_ok(tn_device_open(&device, "cpu,threads=1"));
    for (int i = 0; net_name(i); i++) {
        const net *n = net_find(net_name(i));
        tn_graph *g = build(n, n->size), *again = lab_through_text(g, BATCH);
        char *a = describe(g, device), *b = describe(again, device);
        assert_string_equal(a, b);
        free(a);
        free(b);
        tn_graph_destroy(again);
        tn_graph_destroy(g);
    }
    tn_device_close(device);
}

static void small_ones_learn_alike(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t side;
    } small[] = {{"lenet", 28},    {"slim", 64}, {"googlenet", 80},
                 {"resnet18", 32}, {"unet", 16}, {"vit_tiny", 32}};
    for (size_t i = 0; i < TN_COUNT(small); i++) {
        tn_graph *g = build(net_find(small[i].name), small[i].side);
        tn_graph *again = lab_through_text(g, BATCH);
        lab_assert_same_net(g, again, "cpu,threads=1", small[i].name);
        tn_graph_destroy(again);
        tn_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_planned_alike),
        cmocka_unit_test(small_ones_learn_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
