/*
 * Parameters and constants in the text of a graph: those of the program, those that layers share, numbers of all types.
 */
#include <string.h>

#include "graph/text.h"
#include "lab.h"

static const char whole[] =
    "tenon graph 1\n"
    "input x f32 N 4\n"
    "w = param() shape=6,4 init=normal:0.01 rate=2 decay=0 frozen\n"
    "scalar = param() init=constant:0.5\n"
    "a = dense(x) units=6 weight.value=w bias.rate=2\n"
    "\"b c\" = dense(x) units=6 weight.value=w bias.value=a.bias\n"
    "m = constant() shape=6 numbers=1,-2.5,0,1e-07,inf,3.4028235e+38\n"
    "ids = constant() dtype=i32 shape=2,2 numbers=1,-2147483648,2147483647,0\n"
    "bytes = constant() dtype=u8 shape=3 numbers=255\n"
    "one = constant() numbers=-0\n"
    "y = add(a, \"b c\")\n"
    "z = add(y, m)\n"
    "output z\n";

static char *text_of(const tn_graph *g)
{
    char *text = NULL;
    assert_ok(tn_graph_format(g, NULL, &text));
    return text;
}

static void what_is_read_is_written(void **state)
{
    (void)state;
    tn_graph *g = NULL, *again = NULL;
    assert_ok(tn_graph_read(&g, whole, strlen(whole), &(tn_graph_read_opts){.batch = 3}));
    char *text = text_of(g);
    assert_string_equal(text, whole);
    assert_ok(tn_graph_read(&again, text, strlen(text), NULL));
    const tn_value a = tn_graph_value(g, "a.bias"), b = tn_graph_value(again, "a.bias");
    assert_true(a.id > 0 && a.id == b.id);
    tn_free(text);
    tn_graph_destroy(again);
    tn_graph_destroy(g);
}

/* What a program makes, a plan computes, and the text says is all the same. */
static void constants_are_what_they_were(void **state)
{
    (void)state;
    tn_graph *g = NULL, *again = NULL;
    tn_device *device = NULL;
    float numbers[6] = {1, -2.5F, 0.1F, 1e-30F, 7, 1.0F / 3}, got[2][6];
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(1, 6));
    const tn_value c = tn_constant(g, "c", (tn_tensor){TN_F32, TN_SHAPE(1, 6), numbers});
    tn_output(g, tn_add(g, x, c, NULL));
    char *text = text_of(g);
    assert_ok(tn_graph_read(&again, text, strlen(text), NULL));
    assert_ok(tn_device_open(&device, "cpu,threads=1"));
    for (int i = 0; i < 2; i++) {
        tn_plan *p = NULL;
        float zero[6] = {0};
        const tn_graph *from = i ? again : g;
        assert_ok(tn_plan_create(&p, from, device, &(tn_plan_opts){0}));
        assert_ok(
            tn_plan_set(p, tn_graph_input(from, 0), (tn_tensor){TN_F32, TN_SHAPE(1, 6), zero}));
        assert_ok(tn_plan_evaluate(p));
        assert_ok(tn_plan_get(p, tn_graph_output_at(from, 0),
                              (tn_tensor){TN_F32, TN_SHAPE(1, 6), got[i]}));
        tn_plan_destroy(p);
    }
    assert_memory_equal(got[0], numbers, sizeof numbers);
    assert_memory_equal(got[1], numbers, sizeof numbers);
    tn_device_close(device);
    tn_free(text);
    tn_graph_destroy(again);
    tn_graph_destroy(g);
}

static void what_cannot_be_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"c = constant() shape=3", "constant c: the tensor given has no data"},
        {"c = constant() shape=3 numbers=1,2",
         "net:3:32: numbers of 3: 2 of them, not one for all, nor 3"},
        {"c = constant() shape=3 numbers=1,2,3,4", "numbers of 3: more than 3 of them"},
        {"c = constant() numbers=1 shape=3",
         "net:3:26: \"shape\" behind the numbers, which come last"},
        {"c = constant() shape=3 numbers=1,,2", "numbers is \",\", not a number"},
        {"c = constant() dtype=u8 numbers=256", "numbers is \"256\", not a whole number that fits"},
        {"c = constant() dtype=i32 numbers=1.5", "numbers is \"1.5\", not a whole number"},
        {"c = constant() dtype=f16 numbers=1",
         "numbers of f16: a text has those of f32, i32 and u8"},
        {"c = constant() shape=999999,999999 numbers=1",
         "numbers of 999999 x 999999 are more than"},
        {"c = constant(x) numbers=1", "constant reads 0 values, not 1"},
        {"w = param()  shape=0", "net:3:5: param w: dimension 0"},
        {"d = dense(x) units=3 weight.value=w", "net:3:35: \"w\" is read here, but no line before"},
        {"d = dense(x) units=3 weight.value=x", "net:3:5: dense d: "},
        {"d = dense(x) units=3 weight.value=", "\"the end of the line\" where the name of a value"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_graph *g = NULL;
        char text[256];
        snprintf(text, sizeof text, "tenon graph 1\ninput x f32 N 4\n%s\n", cases[i].line);
        const tn_graph_read_opts opts = {.name = "net"};
        if (tn_graph_read(&g, text, strlen(text), &opts) == TN_OK ||
            !strstr(tn_error(), cases[i].says))
            fail_msg("%s\nsays \"%s\", not \"%s\"", text, tn_error(), cases[i].says);
        assert_null(g);
        assert_int_equal(tn_alloc_live(), 0);
    }
}

/* A few letters cannot ask for all the memory there is. */
static void constants_are_limited_together(void **state)
{
    (void)state;
    tn_graph *g = NULL;
    char text[1024] = "tenon graph 1\n";
    for (int i = 0; i < 5; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "c%d = constant() dtype=u8 shape=64,1024,1024 numbers=0\n", i);
    assert_fails(tn_graph_read(&g, text, strlen(text), NULL), TN_ERR_FORMAT,
                 "graph:6:53: numbers of 64 x 1024 x 1024 are more than a text may say");
}

/* Of another number of classes are the last layer's parameters too, and a bias that is added behind it. */
static void another_number_of_classes(void **state)
{
    (void)state;
    static const char text[] =
        "tenon graph 1\ninput x f32 N 4\nw = param() shape=4,4\nb = param() shape=4\n"
        "c = param() shape=1,4\nfc = dense(x) units=4 weight.value=w bias.value=b\n"
        "y = add(c, fc)\noutput y\n";
    static const char want[] = "w = param() shape=7,4\nb = param() shape=7\nc = param() shape=1,7\n"
                               "fc = dense(x) units=7 weight.value=w bias.value=b\n";
    for (int classes = 4; classes <= 7; classes += 3) {
        tn_graph *g = NULL;
        assert_ok(tn_graph_read(&g, text, strlen(text), &(tn_graph_read_opts){.classes = classes}));
        char *back = text_of(g);
        assert_non_null(strstr(back, classes == 4 ? "c = param() shape=1,4\n" : want));
        tn_free(back);
        tn_graph_destroy(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written),
        cmocka_unit_test(constants_are_what_they_were),
        cmocka_unit_test(what_cannot_be_is_named),
        cmocka_unit_test(constants_are_limited_together),
        cmocka_unit_test(another_number_of_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
