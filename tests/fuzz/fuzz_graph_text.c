/*
 * The text of a graph: whatever the bytes, there is a graph whose own text is read as the same graph, or an error that names
 * the place.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "graph/text.h"

const int fuzz_rounds = 40000;

static char *text_of(const tn_graph *g)
{
    char *text = NULL;
    if (tn_graph_format(g, NULL, &text) != TN_OK)
        abort();
    return text;
}

static void check_graph(const tn_graph *g)
{
    tn_graph *again = NULL;
    char *text = text_of(g);
    /* An input may have been given a batch in numbers: it is N in the text, and another one need not do. */
    const tn_graph_read_opts same_batch = {.batch = tn_text_batch(g)};
    if (tn_graph_read(&again, text, strlen(text), &same_batch) != TN_OK)
        abort();
    char *same = text_of(again);
    if (strcmp(text, same) != 0)
        abort();
    tn_free(same);
    tn_free(text);
    tn_graph_destroy(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    tn_graph *g = NULL;
    const tn_graph_read_opts opts = {.name = "fuzz", .batch = 2};
    if (tn_graph_read(&g, (const char *)bytes, size, &opts) == TN_OK)
        check_graph(g);
    else if (strncmp(tn_error(), "fuzz:", 5) != 0)
        abort();
    tn_graph_destroy(g);
    if (tn_alloc_live() != 0)
        abort();
    return 0;
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    static const char *const texts[] = {
        "tenon graph 1\n"
        "input image u8 N 28 28 1\n"
        "input label i32 N # numbers\n"
        "x = image_input(image) mean=1,,3 scale=0.00390625\n"
        "conv1 = conv2d(x) filters=20 kernel=5,3 stride=,2 pad=1,0 weight.init=xavier bias.rate=2\n"
        "\"p 1\\n\" = pool2d(conv1) kind=mean kernel=2 ceil\n"
        "fc = dense(\"p 1\\n\") units=10 no_bias weight.init=normal:0.01 weight.frozen\n"
        "loss, top_1, top_k = softmax_xent(fc, label) label_smoothing=0.1\n"
        "output fc\n"
        "loss loss\n",
        "tenon graph 1\r\n"
        "input a f32 N 6 4 4\n"
        "input t f32\n"
        "b = batchnorm(a) momentum=0 epsilon=1e-05 weight.init=constant:0\n"
        "c = concat(a, b, a)\n"
        "r = leaky_relu(c) slope=0.1\n"
        "l = lrn(r) size=3 alpha=0.5\n"
        "d = dropout(l) rate=0.5\n"
        "e = add(d, c)\n"
        "f = flatten(e)\n"
        "s = softmax(f)\n"
        "m = mse(s, f)\n"
        "output m",
        "tenon graph 1\n"
        "input x f32 N 4\n"
        "w = param() shape=6,4 init=normal:0.01 rate=2 frozen\n"
        "a = dense(x) units=6 weight.value=w\n"
        "b = dense(x) units=6 weight.value=w bias.value=a.bias\n"
        "c = constant() dtype=i32 shape=2,2 numbers=1,0,0,1\n"
        "m = constant() shape=6 numbers=-2.5\n"
        "y = add(a, m)\n"
        "r = reshape(y) shape=-1,2,3\n"
        "t = transpose(r) axes=0,2,1\n"
        "output t",
    };
    for (size_t i = 0; i < TN_COUNT(texts); i++)
        seed(arg, (const uint8_t *)texts[i], strlen(texts[i]));
}
