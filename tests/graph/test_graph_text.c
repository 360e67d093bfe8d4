/*
 * The text of a graph: what is written is read back as the same graph, and whatever else is written is refused with its
 * line, its column and the word.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/text.h"
#include "lab.h"

/* Every type of attribute, everything that can be said of a parameter, several outputs, names that need quotes. */
static const char whole[] =
    "tenon graph 1\n"
    "input image u8 N 9 9 3\n"
    "input label i32 N\n"
    "input \"a b\\\"c\\\\\\011\" f32 N 4\n"
    "x = image_input(image) mean=123.675,,103.53 scale=0.017124753\n"
    "conv1 = conv2d(x) filters=4 kernel=3,5 stride=,2 pad=0,1 no_bias weight.init=normal:0.01 "
    "weight.rate=2 weight.decay=0 weight.frozen\n"
    "input = pool2d(conv1) kind=mean_pad kernel=2 ceil\n"
    "bn = batchnorm(input) momentum=0 weight.init=constant:0 bias.frozen\n"
    "layer1.0/conv-2:x = conv2d(bn) filters=4 kernel=1 weight.init=fan_in "
    "bias.init=constant:-0.25\n"
    "cat = concat(bn, layer1.0/conv-2:x)\n"
    "fc = dense(cat) units=4 weight.init=xavier\n"
    "above = clip(fc) min=-1.5 max=inf\n"
    "sum = add(above, \"a b\\\"c\\\\\\011\")\n"
    "loss, right, top_k = softmax_xent(sum, label) label_smoothing=0.1\n"
    "output sum\n"
    "output right\n"
    "loss loss\n";

static char *text_of(const tn_graph *g)
{
    char *text = NULL;
    assert_ok(tn_graph_format(g, NULL, &text));
    return text;
}

static tn_graph *read(const char *text)
{
    tn_graph *g = NULL;
    assert_ok(tn_graph_read(&g, text, strlen(text), &(tn_graph_read_opts){.batch = 2}));
    return g;
}

static void what_is_read_is_written(void **state)
{
    (void)state;
    tn_graph *g = read(whole);
    char *text = text_of(g);
    assert_string_equal(text, whole);
    tn_free(text);
    assert_string_equal(tn_value_name(g, tn_graph_output_at(g, 1)), "right");
    assert_int_equal(tn_graph_output_at(g, 2).id, 0);
    assert_int_equal(tn_graph_loss(g).id, tn_graph_value(g, "loss").id);
    assert_int_equal(tn_graph_loss(g).id + 1, tn_graph_value(g, "right").id);
    tn_shape s;
    assert_ok(tn_value_shape(g, tn_graph_input(g, 0), &s));
    assert_string_equal(tn_shape_format(&s).text, "2 x 9 x 9 x 3");
    assert_int_equal(tn_graph_input(g, 3).id, 0);
    tn_graph_destroy(g);
}

/* Blanks, comments, other ends of lines, other ways to write a number, names left out. */
static void it_need_not_be_written_as_we_do(void **state)
{
    (void)state;
    tn_graph *g = read("tenon graph 1 # a net\r\n\r\n  # by hand\n"
                       "input \"image\" u8 N 9 9 1\n\tinput label i32 N\n"
                       "x=image_input( image )scale = 1e-2 , +0.5\n"
                       "fc = dense(x) bias.init=constant:2.50 units=010 weight.rate=0\r\n"
                       "l = softmax_xent(fc,label)\noutput l.top_k");
    char *text = text_of(g);
    assert_string_equal(text, "tenon graph 1\ninput image u8 N 9 9 1\ninput label i32 N\n"
                              "x = image_input(image) scale=0.01,0.5\n"
                              "fc = dense(x) units=10 weight.rate=0 bias.init=constant:2.5\n"
                              "l, l.top_1, l.top_k = softmax_xent(fc, label)\noutput l.top_k\n");
    tn_free(text);
    tn_graph_destroy(g);
}

/* Inputs whose batches differ cannot be said by one N. */
static void a_batch_that_is_none_is_a_number(void **state)
{
    (void)state;
    tn_graph *g = NULL;
    assert_ok(tn_graph_create(&g));
    tn_input(g, "a", TN_F32, TN_SHAPE(3, 4));
    tn_input(g, "b", TN_F32, TN_SHAPE(6, 4));
    tn_input(g, "t", TN_F32, (tn_shape){0});
    char *text = text_of(g);
    assert_string_equal(text, "tenon graph 1\ninput a f32 3 4\ninput b f32 6 4\ninput t f32\n");
    tn_free(text);
    tn_graph_destroy(g);
}

static void which_dimension_is_the_batch_comes_back(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "tenon graph 1\ninput x f32 N 3\ninput t f32 2 N 3\ninput table f32 5 3 batch=none\n",
        "tenon graph 1\ninput x f32 7 3\ninput t f32 2 3 4 batch=2\ninput square f32 4 4\n",
    };
    for (size_t i = 0; i < TN_COUNT(texts); i++) {
        tn_graph *g = read(texts[i]);
        char *text = text_of(g);
        assert_string_equal(text, texts[i]);
        assert_int_equal(g->node[1]->y_batch[0], i + 1);
        tn_free(text);
        tn_graph_destroy(g);
    }
}

/* Floats of all sizes, and those that are hard to write. */
static void floats_come_back_bit_by_bit(void **state)
{
    (void)state;
    static const float hard[] = {
        1e-45F, 1.17549435e-38F, 3.40282347e38F, 0.1F,       1.0F / 3, 16777217.0F, 9.99999994e-9F,
        -2.5F,  1e10F,           123456789.0F,   8388608.5F, 0.3F,     2.0e-3F,     7.2e-30F};
    uint32_t random = 12345;
    for (size_t i = 0; i < 5000; i++) {
        float value, back;
        random = random * 1664525u + 1013904223u;
        memcpy(&value, &random, sizeof value);
        value = i < TN_COUNT(hard) ? hard[i] : value;
        if (!isfinite(value) || value == 0 || value == (float)TN_ZERO)
            continue;
        tn_graph *g = NULL, *again = NULL;
        assert_ok(tn_graph_create(&g));
        const tn_value x = tn_input(g, "x", TN_U8, TN_SHAPE(1, 1, 1, 4));
        tn_image_input(g, x, &(tn_image_input_opts){.mean = {0, 0, 0, value}});
        char *text = text_of(g);
        assert_ok(tn_graph_read(&again, text, strlen(text), NULL));
        back = ((const tn_image_input_opts *)again->node[1]->given)->mean[3];
        assert_memory_equal(&back, &value, sizeof value);
        tn_free(text);
        tn_graph_destroy(again);
        tn_graph_destroy(g);
    }
}

#define HEAD "tenon graph 1\ninput x f32 N 4\ninput image u8 N 8 8 3\n"

static const struct {
    const char *text, *says;
} refused[] = {
    {"", "net:1:1: is no text of a graph: it does not begin with \"tenon graph 1\""},
    {"tenon graph", "net:1:12: is \"the end of the text\" of the text of a graph; Tenon "},
    {"tenon graph 2\n", "net:1:13: is \"2\" of the text of a graph"},
    {"tenon graph 1\ninput x f32 3 4 batch=2\n",
     "net:2:23: \"2\" where the dimension that is the batch, from 0, or none, should be"},
    {"tenon graph 1\ninput x f32 batch=0\n",
     "net:2:19: \"0\" where the dimension that is the batch"},
    {"tenon graph 1\ninput x f32 3 batch 0\n", "net:2:21: \"0\" where \"=\" should be"},
    {"tenon graph 1 2\n", "net:1:15: \"2\" where the end of the line should be"},
    {HEAD "y relu(x)\n", "net:4:1: \"y\" begins no line"},
    {HEAD "= relu(x)\n", "net:4:1: \"=\" where the name of a node should be"},
    {HEAD "\"\" = relu(x)\n", "net:4:6: relu: the name is empty"},
    {HEAD "y = swish9(x)\n", "net:4:5: there is no operation \"swish9\""},
    {HEAD "y = (x)\n", "net:4:5: there is no operation \"(\""},
    {HEAD "y = relu x\n", "net:4:10: \"x\" where \"(\" should be"},
    {HEAD "y = relu(x y)\n", "net:4:12: \"y\" where \",\" or \")\" should be"},
    {HEAD "y = relu(x,)\n", "net:4:12: \")\" where the name of a value should be"},
    {HEAD "y = relu(z)\nz = relu(x)\n",
     "net:4:10: \"z\" is read here, but no line before makes it"},
    {HEAD "y = relu(x, x)\n", "net:4:5: relu reads 1 values, not 2"},
    {HEAD "x = relu(x)\n", "net:4:5: relu x: the graph has a input of that name already"},
    {HEAD "y, z = relu(x)\n", "net:4:8: relu y: makes 1 values, not the 2 that are named"},
    {HEAD "y, = relu(x)\n", "net:4:4: \"=\" where one more name should be"},
    {HEAD "a, b, c, d, e, f, g, h, i, j = relu(x)\n", "no operation makes more than"},
    {HEAD "y = dense(x) units=5 width=3\n", "net:4:22: dense has no option \"width\""},
    {HEAD "y = dense(x) weight.initial=he\n", "dense has no option \"weight.initial\""},
    {HEAD "y = dense(x) units=5 units=6\n", "net:4:22: \"units\" is given twice"},
    {HEAD "y = dense(x) units=5 weight.rate=1 weight.rate=1\n", "\"weight.rate\" is given twice"},
    {HEAD "y = dense(x) units\n",
     "net:4:19: units wants a value: \"the end of the line\" is no \"=\""},
    {HEAD "y = dense(x) units=\n",
     "net:4:20: units is \"the end of the line\", not a whole number"},
    {HEAD "y = dense(x) units=5.5\n", "net:4:20: units is \"5.5\", not a whole number that fits"},
    {HEAD "y = dense(x) units=\"5\"\n", "units is \"5\", not a whole number"},
    {HEAD "y = dense(x) units=2147483648\n",
     "net:4:20: units is \"2147483648\", not a whole number that fits"},
    {HEAD "y = dense(x) units=-2147483648\n",
     "units is \"-2147483648\", not a whole number that fits"},
    {HEAD "y = dense(x) units=5 no_bias=1\n",
     "net:4:29: no_bias stands by itself: \"=\" has no place"},
    {HEAD "y = dense(x) units=5 )\n",
     "net:4:22: \")\" where an option of dense, or the end of the line"},
    {HEAD "y = dense(x) units=0\n", "net:4:5: dense y: units is "},
    {HEAD "y = dense(x) units=5 weight.init=cold\n",
     "net:4:34: init is \"cold\", none of default, constant, normal, uniform, he, xavier, fan_in"},
    {HEAD "y = dense(x) units=5 weight.init=normal:\n",
     "init is \"normal:\", not a way to begin and a number"},
    {HEAD "y = dense(x) units=5 weight.init=normal:1e99\n", "init is \"normal:1e99\", not a way"},
    {HEAD "y = dense(x) units=5 weight.rate=1e-60\n",
     "net:4:34: rate is \"1e-60\", not a number that fits"},
    {HEAD "y = dense(x) units=5 weight.rate=1e60\n", "rate is \"1e60\", not a number that fits"},
    {HEAD "y = dense(x) units=5 weight.rate=one\n", "rate is \"one\", not a number"},
    {HEAD "y = dense(x) units=5 weight.rate=-1\n", "net:4:5: dense y: rate of weight is -1"},
    {HEAD "y = image_input(image) mean=1,-inf\n", "image_input y: channel 1 has mean -inf"},
    {HEAD "y = image_input(image) mean=1,2,3,4,5\n", "net:4:37: mean has more than 4 numbers"},
    {HEAD "y = image_input(image) mean=1,,\n",
     "net:4:32: mean is \"the end of the line\", not a number"},
    {HEAD "y = image_input(image)\np = pool2d(y) kind=median\n",
     "net:5:20: kind is \"median\", none of max, mean, mean_pad"},
    {HEAD "y = image_input(image)\np = pool2d(y) kernel=1,2,3\n", "kernel has more than 2 numbers"},
    {HEAD "y = image_input(image)\np = conv2d(y) filters=1 kernel=9\n",
     "net:5:5: conv2d p: a window of 9 pixels"},
    {HEAD "y = relu(x) \xC3\xA4\n", "net:4:13: byte 0xc3 has no place here"},
    {HEAD "y = relu(x) \"a\n", "net:4:13: a name in quotes that does not end"},
    {HEAD "\"\\q\" = relu(x)\n", "net:4:2: an escape that there is not"},
    {HEAD "\"\\000\" = relu(x)\n", "net:4:2: an escape that there is not"},
    {HEAD "input x f32 N\n", "net:4:7: input x: the graph has a input of that name already"},
    {HEAD "input z f99 N\n",
     "net:4:9: \"f99\" where the type of the input, such as f32 or u8, should be"},
    {HEAD "input z f32 M\n", "net:4:13: \"M\" where a dimension, N or a number above 0, should be"},
    {HEAD "input z f32 1 1 1 1 1 1 1 1 1\n", "net:4:29: more than 8 dimensions"},
    {HEAD "input z f32 9223372036854775807 4\n",
     "net:4:7: input z: 9223372036854775807 x 4 has more elements"},
    {HEAD "input\n", "net:4:1: \"input\" begins no line"},
    {HEAD "output y\n", "net:4:8: \"y\" is read here, but no line before makes it"},
    {HEAD "output x x\n", "net:4:10: \"x\" where the end of the line should be"},
    {HEAD "loss x\nloss x\n", "net:5:6: a second loss, \"x\""},
};

static void what_cannot_be_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < TN_COUNT(refused); i++) {
        tn_graph *g = NULL;
        const char *text = refused[i].text;
        const tn_status status =
            tn_graph_read(&g, text, strlen(text), &(tn_graph_read_opts){.name = "net"});
        if (status == TN_OK || !strstr(tn_error(), refused[i].says))
            fail_msg("%s\nsays \"%s\", not \"%s\"", text, tn_error(), refused[i].says);
        assert_null(g);
        assert_int_equal(tn_alloc_live(), 0);
    }
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    enum { BYTES = (16 << 20) + 1 };
    tn_graph *g = NULL;
    char *text = malloc(BYTES);
    assert_non_null(text);
    memset(text, ' ', BYTES);
    memcpy(text, "tenon graph 1\n", 14);
    assert_fails(tn_graph_read(&g, text, BYTES, NULL), TN_ERR_FORMAT,
                 "graph: has more than the 16777216 bytes");
    assert_ok(tn_graph_read(&g, text, BYTES - 1, NULL));
    tn_graph_destroy(g);
    free(text);
    assert_fails(tn_graph_read(&g, whole, sizeof whole - 1, &(tn_graph_read_opts){.batch = -1}),
                 TN_ERR_ARGUMENT, "graph: a batch of -1");
    assert_fails(tn_graph_read(&g, whole, sizeof whole, NULL), TN_ERR_FORMAT, "byte 0x00");
    static const char unseen[] = "tenon graph 1\ninput x f32 N 4 # \0\ny = relu(x)\n";
    assert_fails(tn_graph_read(&g, unseen, sizeof unseen - 1, NULL), TN_ERR_FORMAT,
                 "graph:2:19: byte 0x00");
}

static void files_are_read_and_written(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    char path[512], says[600], back[2048] = "";
    tn_graph *g = read(whole), *again = NULL;
    snprintf(path, sizeof path, "%s/net", folder);
    FILE *f = fopen(path, "wb");
    assert_ok(tn_graph_write(g, f));
    fclose(f);
    assert_ok(tn_graph_open(&again, path, NULL));
    f = fopen(path, "rb");
    assert_int_equal(fread(back, 1, sizeof back - 1, f), sizeof whole - 1);
    fclose(f);
    assert_string_equal(back, whole);
    tn_graph_destroy(again);
    f = fopen(path, "ab");
    fputs("y = relu(z)\n", f);
    fclose(f);
    snprintf(says, sizeof says, "%s:18:10: \"z\" is read here", path);
    assert_fails(tn_graph_open(&again, path, NULL), TN_ERR_FORMAT, says);
    assert_fails(tn_graph_open(&again, folder, NULL), TN_ERR_IO, "Is a directory");
    assert_fails(tn_graph_open(&again, "/none/net", NULL), TN_ERR_IO, "/none/net: No such file");
    f = fopen("/dev/full", "wb");
    if (f) {
        setvbuf(f, NULL, _IONBF, 0);
        assert_fails(tn_graph_write(g, f), TN_ERR_IO, "graph text: No space left");
        fclose(f);
    }
    tn_graph_destroy(g);
    lab_remove(folder);
}

/* A graph that could not be built has no text. */
static void the_first_error_is_told(void **state)
{
    (void)state;
    tn_graph *g = NULL;
    assert_ok(tn_graph_create(&g));
    tn_output(g, (tn_value){7, 7});
    tn_minimise(g, (tn_value){8, 8});
    assert_fails(tn_graph_write(g, stdout), TN_ERR_ARGUMENT,
                 "output: value 7 is one of another graph");
    tn_graph_destroy(g);
}

static tn_status there_and_back(void *unused)
{
    (void)unused;
    tn_graph *g = NULL;
    char *text = NULL;
    tn_status status = tn_graph_read(&g, whole, sizeof whole - 1, NULL);
    if (status == TN_OK)
        status = tn_graph_format(g, NULL, &text);
    tn_free(text);
    tn_graph_destroy(g);
    return status;
}

static void no_memory_leaves_nothing(void **state)
{
    (void)state;
    assert_true(lab_fail_each_allocation(there_and_back, NULL) > 8);
}

/* A hundred thousand nodes, each looked up by name, take no time that grows with their square. */
static void many_nodes_are_found_at_once(void **state)
{
    (void)state;
    enum { NODES = 100000, LINE = 32 };
    static char text[NODES * LINE];
    size_t used = (size_t)sprintf(text, "tenon graph 1\ninput n0 f32 N\n");
    for (int i = 1; i <= NODES; i++)
        used += (size_t)sprintf(text + used, "n%d = relu(n%d)\n", i, i - 1);
    tn_graph *g = read(text);
    char *back = text_of(g);
    assert_string_equal(back, text);
    tn_free(back);
    tn_graph_destroy(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_is_written),
        cmocka_unit_test(it_need_not_be_written_as_we_do),
        cmocka_unit_test(a_batch_that_is_none_is_a_number),
        cmocka_unit_test(which_dimension_is_the_batch_comes_back),
        cmocka_unit_test(floats_come_back_bit_by_bit),
        cmocka_unit_test(what_cannot_be_is_named),
        cmocka_unit_test(what_is_too_large_is_refused),
        cmocka_unit_test(files_are_read_and_written),
        cmocka_unit_test(the_first_error_is_told),
        cmocka_unit_test(no_memory_leaves_nothing),
        cmocka_unit_test(many_nodes_are_found_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
