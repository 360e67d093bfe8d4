/*
 * A net that went through its text is the same net: the text again, the plan's description, and every number of two steps
 * of training, bit by bit. The nets of the examples do so in tests/examples/test_nets_text.c.
 */
#include "lab_op.h"
#include "lab_random_net.h"
#include "lab_same_net.h"

enum { NETS = 30 };

static void check(int number)
{
    lab_net n = lab_draw_net(number, number % 2);
    tn_minimise(n.g, n.loss);
    tn_output(n.g, n.logits);
    tn_graph *again = lab_through_text(n.g, LAB_NET_BATCH);
    assert_int_equal(tn_graph_output_at(again, 0).id, n.logits.id);
    /* What a text says does not depend on the device: the simulated one, which is slow, sees a few. */
    const char *const *device = lab_devices();
    for (int i = 0; device[i] && (i == 0 || number % 15 == 0); i++)
        lab_assert_same_net(n.g, again, device[i], n.made_of);
    tn_graph_destroy(again);
    tn_graph_destroy(n.g);
}

static void random_nets_are_the_same_through_their_text(void **state)
{
    (void)state;
    for (int i = 0; i < (LAB_SLOW ? NETS / 5 : NETS); i++)
        check(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_nets_are_the_same_through_their_text)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
