/*
 * Passes over nets that nobody would write: whatever a text tells of, it is optimised, or refused for a reason of its own and
 * not for what a pass did; and done again nothing changes.
 */
#include <stdlib.h>
#include <string.h>

#include <tenon/optimise.h>

#include "fuzz.h"
#include "graph/graph.h"
#include "model/import.h"

const int fuzz_rounds = 2500;

enum { MOST = 1 << 16 /* elements of a value */ };

static bool is_small(const tn_graph *g)
{
    bool small = true;
    for (size_t i = 0; i < g->num_nodes && small; i++)
        for (int j = 0; j < g->node[i]->num_out && small; j++)
            small = tn_elements(&g->node[i]->y[j]) <= MOST;
    return small;
}

static void add_numbers(tn_model *m, const tn_node *param)
{
    float *data = NULL;
    if (tn_model_new_number(m, param->name, &param->y[0], &data) != TN_OK)
        abort();
    for (int64_t i = 0; i < tn_elements(&param->y[0]); i++)
        data[i] = (float)(i % 7) / 4 - 0.5F;
}

static void check_again(const tn_model *m)
{
    tn_model *again = NULL;
    if (tn_model_optimise(&again, m, NULL) != TN_OK)
        abort();
    if (strcmp(tn_model_fact(again, "tenon.graph"), tn_model_fact(m, "tenon.graph")) != 0)
        abort();
    tn_model_close(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    tn_model *m = NULL, *out = NULL;
    char *text = tn_alloc(size + 1, 1);
    if (!text)
        return 0;
    memcpy(text, bytes, size);
    if (tn_model_read(&m, "fuzz", text, &(tn_model_opts){.batch = 2}) == TN_OK &&
        is_small(tn_model_graph(m))) {
        const tn_graph *g = tn_model_graph(m);
        for (size_t i = 0; i < g->num_nodes; i++)
            if (g->node[i]->op == &tn_op_param)
                add_numbers(m, g->node[i]);
        tn_model_sort(m);
        if (tn_model_optimise(&out, m, NULL) == TN_OK)
            check_again(out);
        else if (strncmp(tn_error(), "optimise: ", 10) != 0)
            abort();
    }
    tn_model_close(out);
    tn_model_close(m);
    tn_free(text);
    if (tn_alloc_live() != 0)
        abort();
    return 0;
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    static const char *const texts[] = {
        "tenon graph 1\n"
        "input i u8 N 9 8 3\n"
        "input label i32 N\n"
        "x = image_input(i) mean=1,,3 scale=0.1\n"
        "p = pad(x) before=0,0,1,1 after=0,0,1\n"
        "c = conv2d(p) filters=6 kernel=3 groups=3 no_bias\n"
        "b = batchnorm(c)\n"
        "k = constant() shape=6,1,1 numbers=2,1,3,1,2,1\n"
        "m = mul(b, k)\n"
        "n = sub(k, m)\n"
        "r = relu(n)\n"
        "q = pad(r) before=0,0,1\n"
        "y = pool2d(q) kernel=3 stride=2\n"
        "d = dropout(y) rate=0.5\n"
        "fc = dense(d) units=4\n"
        "loss, top_1, top_k = softmax_xent(fc, label)\n"
        "output fc\n"
        "loss loss\n",
        "tenon graph 1\n"
        "input a f32 N 6 4 4\n"
        "w = param() shape=6\n"
        "v = reshape(w) shape=6,1,1\n"
        "e = exp(v)\n"
        "s = scale(a)\n"
        "t = conv_transpose2d(s) filters=4 kernel=2 groups=2\n"
        "u = batchnorm(t)\n"
        "f = add(a, e)\n"
        "g = div(f, v)\n"
        "h = relu(g)\n"
        "j = relu(g)\n"
        "l = maximum(h, j)\n"
        "o = transpose(l) axes=0,1,2,3\n"
        "z = neg(o)\n"
        "output z\n"
        "output u\n",
        "tenon graph 1\n"
        "input x f32 N 4\n"
        "input t f32 N 6\n"
        "w = param() shape=6,4\n"
        "a = dense(x) units=6 weight.value=w\n"
        "b = dense(x) units=6 weight.value=w bias.value=a.bias\n"
        "q = fake_quant(w) axis=0\n"
        "c = dense(x) units=6 weight.value=q\n"
        "d = add(b, c)\n"
        "l = mse(d, t)\n"
        "n = binary_xent(a, t)\n"
        "m = add(l, n)\n"
        "loss m\n",
    };
    for (size_t i = 0; i < TN_COUNT(texts); i++)
        seed(arg, (const uint8_t *)texts[i], strlen(texts[i]));
}
