/* Nets as text, read for another number of classes than they were written for. */
#include <stdio.h>
#include <string.h>

#include "graph/text.h"
#include "lab.h"

static void another_number_of_classes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says; /* the line that changes, or the error */
    } cases[] = {
        {"input x f32 N 4\nh = dense(x) units=9\nfc = dense(h) units=4 no_bias\ny = "
         "softmax(fc)\noutput y\n",
         "fc = dense(h) units=7 no_bias\n"},
        {"input x f32 N 4\nfc = dense(x) units=7\noutput fc\n", "fc = dense(x) units=7\n"},
        {"input x f32 N 2 4 4\nc = conv2d(x) filters=5 kernel=1\np = pool2d(c) global\n"
         "f = flatten(p)\noutput f\n",
         "c = conv2d(x) filters=7 kernel=1\n"},
        {"input x f32 N 4\nw = param() shape=4,4\nb = param() shape=4\nc = param() shape=1,4\n"
         "fc = dense(x) units=4 weight.value=w bias.value=b\ny = add(c, fc)\noutput y\n",
         "w = param() shape=7,4\nb = param() shape=7\nc = param() shape=1,7\n"
         "fc = dense(x) units=7 weight.value=w bias.value=b\n"},
        {"input x f32 N 4\nfc = dense(x) units=7\nz = add(fc, fc)\noutput z\n",
         "z = add(fc, fc)\n"},
        {"input x f32 N 4\nfc = dense(x) units=4\n", "net: says no output"},
        {"input x f32 N 4\na = dense(x) units=4\ny = add(a, x)\noutput y\n",
         "net: the number of classes cannot be changed: on the way back from output y stands the "
         "add y"},
        {"input x f32 N 4\ny = relu(x)\noutput y\n", "from output y stands the input x"},
        {"input x f32 N 4\ny = dense(x) units=4\nz = add(y, x)\noutput y\n", "net:4:5: add z: "},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g = NULL;
        char text[512], *back = NULL;
        snprintf(text, sizeof text, "tenon graph 1\n%s", cases[i].text);
        const tn_graph_read_opts opts = {.name = "net", .classes = 7};
        if (tn_graph_read(&g, text, strlen(text), &opts) == TN_OK)
            assert_ok(tn_graph_format(g, NULL, &back));
        if (!strstr(back ? back : tn_error(), cases[i].says))
            fail_msg("%s\ngives \"%s\", not \"%s\"", text, back ? back : tn_error(), cases[i].says);
        tn_free(back);
        tn_graph_destroy(g);
        assert_int_equal(tn_alloc_live(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(another_number_of_classes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
