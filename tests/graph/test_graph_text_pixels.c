/* The text of a net that names every pixel: what is written is read back. */
#include <string.h>

#include "graph/text.h"
#include "lab.h"

static const char decoder[] =
    "tenon graph 1\n"
    "input x f32 N 8 4 4\n"
    "input pixels i32 N 8 8\n"
    "input weights f32 N 8 8\n"
    "up = conv_transpose2d(x) filters=6 kernel=3 stride=2 pad=1 output_pad=1 groups=2 bias.rate=2\n"
    "norm = normalize(up) kind=group groups=3 epsilon=0.001 no_bias weight.init=constant:0.5\n"
    "log = log_softmax(norm) axis=-1\n"
    "share = softmax(norm)\n"
    "loss, right, top_k = softmax_xent(norm, pixels, weights) top_k=2 weights=rows\n"
    "off = huber(log, norm) delta=0.5\n"
    "yes = binary_xent(norm, share) positive_weight=2\n"
    "far = l1(log, share)\n"
    "output off\n"
    "output yes\n"
    "output far\n"
    "loss loss\n";

static void what_is_read_is_written(void **unused)
{
    (void)unused;
    tn_graph *g = NULL;
    char *text = NULL;
    assert_ok(tn_graph_read(&g, decoder, strlen(decoder), &(tn_graph_read_opts){.batch = 2}));
    assert_ok(tn_graph_format(g, NULL, &text));
    assert_string_equal(text, decoder);
    tn_free(text);
    tn_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_read_is_written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
