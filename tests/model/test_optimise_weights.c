/*
 * Passes that put into weights what stands beside them: batchnorm and affine. What the net computes stays within 1e-5 of the
 * largest; where a number has another reader, or is somebody's output, nothing is done.
 */
#include <math.h>
#include <string.h>

#include "lab.h"
#include "lab_optimise.h"

#define X "input x f32 N 4 6 5\n"

static const lab_optimise_case batchnorm[] = {
    {"into a convolution",
     X "c = conv2d(x) filters=6 kernel=3 pad=1\nb = batchnorm(c)\ny = relu(b)\noutput y\n",
     X "c = conv2d(x) filters=6 kernel=3 pad=1\ny = relu(c)\noutput y\n", "batchnorm 1: b"},
    {"which gets a bias, and whose rate and start stay said",
     X "c = conv2d(x) filters=6 kernel=3 no_bias weight.init=he weight.rate=2\n"
       "b = batchnorm(c) epsilon=0.5\ny = relu(b)\noutput y\n",
     X "c = conv2d(x) filters=6 kernel=3 weight.init=he weight.rate=2\ny = relu(c)\noutput y\n",
     "batchnorm 1: b"},
    {"of groups, one of them a channel each",
     X "c = conv2d(x) filters=6 kernel=3 groups=2\nb = batchnorm(c)\n"
       "d = conv2d(b) filters=6 kernel=3 groups=6 no_bias\nb2 = batchnorm(d)\ny = relu(b2)\noutput "
       "y\n",
     X "c = conv2d(x) filters=6 kernel=3 groups=2\nd = conv2d(c) filters=6 kernel=3 groups=6\n"
       "y = relu(d)\noutput y\n",
     "batchnorm 2: b b2"},
    {"into a transposed one, of groups too",
     X "c = conv_transpose2d(x) filters=3 kernel=3 stride=2\nb = batchnorm(c)\nr = relu(b)\n"
       "d = conv_transpose2d(x) filters=6 kernel=2,3 groups=2 no_bias\nb2 = batchnorm(d)\n"
       "r2 = relu(b2)\noutput r\noutput r2\n",
     X "c = conv_transpose2d(x) filters=3 kernel=3 stride=2\nr = relu(c)\n"
       "d = conv_transpose2d(x) filters=6 kernel=2,3 groups=2\nr2 = relu(d)\noutput r\noutput r2\n",
     "batchnorm 2: b b2"},
    {"into a dense layer",
     X "c = dense(x) units=7 no_bias\nb = batchnorm(c)\ny = relu(b)\noutput y\n",
     X "c = dense(x) units=7\ny = relu(c)\noutput y\n", "batchnorm 1: b"},
    {"an output keeps its name",
     X "c = conv2d(x) filters=6 kernel=3 no_bias\nb = batchnorm(c)\nz = relu(b)\noutput b\noutput "
       "z\n",
     X "b = conv2d(x) filters=6 kernel=3\nz = relu(b)\noutput b\noutput z\n", "batchnorm 1: b"},
    {"one after another",
     X "c = conv2d(x) filters=6 kernel=3\nb = batchnorm(c)\nb2 = batchnorm(b)\ny = "
       "relu(b2)\noutput y\n",
     X "c = conv2d(x) filters=6 kernel=3\ny = relu(c)\noutput y\n", "batchnorm 2: b b2"},
    {"a parameter of the program's own keeps its name",
     X "w = param() shape=6,4,3,3\nc = conv2d(x) filters=6 kernel=3 weight.value=w\n"
       "b = batchnorm(c)\ny = relu(b)\noutput y\n",
     X "w = param() shape=6,4,3,3\nc = conv2d(x) filters=6 kernel=3 weight.value=w\ny = relu(c)\n"
       "output y\n",
     "batchnorm 1: b"},
    {"where none stands before it, into the one behind",
     X "p = pool2d(x) kind=mean kernel=2 stride=1\nb = batchnorm(p)\n"
       "c = conv2d(b) filters=6 kernel=3 groups=2 no_bias\ny = relu(c)\noutput y\n",
     X "p = pool2d(x) kind=mean kernel=2 stride=1\nc = conv2d(p) filters=6 kernel=3 groups=2\n"
       "y = relu(c)\noutput y\n",
     "batchnorm 1: b"},
    {"and into a dense layer of images", X "b = batchnorm(x)\ny = dense(b) units=5\noutput y\n",
     X "y = dense(x) units=5\noutput y\n", "batchnorm 1: b"},
    {"between two of them, into the first",
     X "c = conv2d(x) filters=6 kernel=3\nb = batchnorm(c)\nd = conv2d(b) filters=2 kernel=1\n"
       "output d\n",
     X "c = conv2d(x) filters=6 kernel=3\nd = conv2d(c) filters=2 kernel=1\noutput d\n", NULL},
    {"padding is 0 behind it and would be another number before it",
     X "b = batchnorm(x)\nc = conv2d(b) filters=6 kernel=3 pad=1\noutput c\n", NULL, NULL},
    {"a transposed one sums fewer at its border",
     X "b = batchnorm(x)\nc = conv_transpose2d(b) filters=6 kernel=3\noutput c\n", NULL, NULL},
    {"another reads the convolution",
     X "c = conv2d(x) filters=6 kernel=3\nb = batchnorm(c)\ny = add(b, c)\noutput y\n", NULL, NULL},
    {"the convolution is an output",
     X "c = conv2d(x) filters=6 kernel=3\nb = batchnorm(c)\noutput b\noutput c\n", NULL, NULL},
    {"another has the same weights",
     X "c = conv2d(x) filters=6 kernel=3\nb = batchnorm(c)\n"
       "d = conv2d(x) filters=6 kernel=3 weight.value=c.weight\ne = conv2d(x) filters=6 kernel=3\n"
       "b2 = batchnorm(e)\nf = conv2d(x) filters=6 kernel=3 bias.value=e.bias\noutput b\noutput d\n"
       "output b2\noutput f\n",
     NULL, NULL},
    {"they are a constant",
     X "w = constant() shape=6,4,3,3 numbers=0.1\n"
       "c = conv2d(x) filters=6 kernel=3 weight.value=w\nb = batchnorm(c)\noutput b\n",
     NULL, NULL},
    {"the bias that it would get is the name of another",
     X "s = param() shape=6\nc.bias = relu(s)\nc = conv2d(x) filters=6 kernel=3 no_bias\n"
       "b = batchnorm(c)\ny = relu(b)\noutput y\noutput c.bias\n",
     NULL, NULL},
};

static void batchnorm_is_folded(void **state)
{
    (void)state;
    lab_optimise(batchnorm, TN_COUNT(batchnorm), "batchnorm");
}

#define C6 "constant() shape=6,1,1 numbers=2,-0.5,0.25,1,3,-1\n"

static const lab_optimise_case affine[] = {
    {"products and sums behind a convolution",
     X "k = " C6 "w = param() shape=1,6,1,1\nq = constant() numbers=0.3\n"
       "c = conv2d(x) filters=6 kernel=3 no_bias\na = mul(c, k)\nb = add(w, a)\nd = sub(b, q)\n"
       "e = sub(q, d)\nf = div(e, k)\ng = neg(f)\nh = scale(g)\nout = relu(h)\noutput out\n",
     X "c = conv2d(x) filters=6 kernel=3\nout = relu(c)\noutput out\n",
     "alive 3: k w q\naffine 7: a b d e f g h"},
    {"a product alone needs no bias",
     X "k = " C6 "c = conv2d(x) filters=6 kernel=3 no_bias\na = mul(c, k)\nout = relu(a)\noutput "
       "out\n",
     X "c = conv2d(x) filters=6 kernel=3 no_bias\nout = relu(c)\noutput out\n", NULL},
    {"behind a dense layer",
     X "k = constant() shape=3 numbers=2,-0.5,0.25\nc = dense(x) units=3\na = mul(c, k)\n"
       "out = add(a, k)\noutput out\n",
     X "out = dense(x) units=3\noutput out\n", "alive 1: k\naffine 2: a out"},
    {"behind a batchnorm and a scale that stay",
     X "k = constant() shape=4,1,1 numbers=2,-0.5,0.25,1\nr = relu(x)\nb = batchnorm(r)\n"
       "a = mul(b, k)\ny = relu(a)\ns = scale(y) no_bias\nt = add(s, k)\nz = relu(t)\noutput z\n",
     X "r = relu(x)\nb = batchnorm(r)\ny = relu(b)\ns = scale(y)\nz = relu(s)\noutput z\n", NULL},
    {"two that are left are one",
     X "k = constant() shape=4,1,1 numbers=2,-0.5,0.25,1\na = mul(x, k)\nb = add(a, k)\n"
       "c = relu(b)\nd = sub(c, k)\ne = mul(k, d)\noutput c\noutput e\n",
     X "a = scale(x)\nc = relu(a)\ne = scale(c)\noutput c\noutput e\n",
     "alive 1: k\naffine 4: a b d e"},
    {"before a convolution without padding",
     X "k = constant() shape=4,1,1 numbers=2,-0.5,0.25,1\na = add(x, k)\n"
       "c = conv2d(a) filters=6 kernel=3 stride=2 no_bias\nout = relu(c)\noutput out\n",
     X "c = conv2d(x) filters=6 kernel=3 stride=2\nout = relu(c)\noutput out\n", NULL},
    {"with padding a product alone",
     X "k = constant() shape=4,1,1 numbers=2,-0.5,0.25,1\na = mul(x, k)\n"
       "c = conv2d(a) filters=6 kernel=3 pad=1\nb = add(x, k)\n"
       "d = conv2d(b) filters=6 kernel=3 pad=1\noutput c\noutput d\n",
     X "k = constant() shape=4,1,1 numbers=2,-0.5,0.25,1\n"
       "c = conv2d(x) filters=6 kernel=3 pad=1\nb = add(x, k)\n"
       "d = conv2d(b) filters=6 kernel=3 pad=1\noutput c\noutput d\n",
     NULL},
    {"mean and scale of an image",
     "input i u8 N 6 5 3\nx = image_input(i) mean=120,110,100 scale=0.01,0.02,0.03\n"
     "c = conv2d(x) filters=6 kernel=3\nout = relu(c)\noutput out\n",
     "input i u8 N 6 5 3\nx = image_input(i)\nc = conv2d(x) filters=6 kernel=3\nout = relu(c)\n"
     "output out\n",
     "affine 1: x"},
    {"with padding a scale alone",
     "input i u8 N 6 5 3\nx = image_input(i) scale=0.01\nc = conv2d(x) filters=6 kernel=3 pad=1\n"
     "j = image_input(i) mean=1 scale=0.01\nd = conv2d(j) filters=6 kernel=3 pad=1\noutput c\n"
     "output d\n",
     "input i u8 N 6 5 3\nx = image_input(i)\nc = conv2d(x) filters=6 kernel=3 pad=1\n"
     "j = image_input(i) mean=1 scale=0.01\nd = conv2d(j) filters=6 kernel=3 pad=1\noutput c\n"
     "output d\n",
     "affine 1: x"},
    {"an image that two read",
     "input i u8 N 6 5 3\nx = image_input(i) scale=0.01\nc = conv2d(x) filters=6 kernel=3\n"
     "d = conv2d(x) filters=6 kernel=3\noutput c\noutput d\n",
     NULL, NULL},
    {"not by channel: of rows, of pixels, of what makes y larger",
     X "r = constant() shape=5 numbers=1,2,3,4,5\n"
       "k = constant() shape=1,6,1,1 numbers=1,2,3,4,5,6\n"
       "c = conv2d(x) filters=6 kernel=3 pad=1\na = mul(c, r)\nb = conv2d(x) filters=1 kernel=3\n"
       "d = mul(b, k)\noutput a\noutput d\n",
     NULL, NULL},
    {"what is divided by, and what has itself for the other",
     X "k = " C6
       "c = conv2d(x) filters=6 kernel=3\na = div(k, c)\nb = conv2d(x) filters=6 kernel=3\n"
       "d = mul(b, b)\noutput a\noutput d\n",
     NULL, NULL},
    {"what is read twice, or is an output",
     X "k = " C6 "c = conv2d(x) filters=6 kernel=3\na = mul(c, k)\nb = add(c, k)\n"
       "d = conv2d(x) filters=6 kernel=3\ne = add(d, k)\noutput a\noutput b\noutput d\noutput e\n",
     NULL, NULL},
    {"a number that would be infinite",
     X "k = constant() numbers=0\nc = conv2d(x) filters=6 kernel=3\na = div(c, k)\n"
       "output a\n",
     NULL, NULL},
};

static void products_and_sums_are_folded(void **state)
{
    (void)state;
    lab_optimise(affine, TN_COUNT(affine), "affine");
}

/* Numbers that the model lacks are no reason to fail: what they belong to stays. */
static void what_has_no_numbers_stays(void **state)
{
    (void)state;
    static const char text[] = "tenon graph 1\n" X "c = conv2d(x) filters=6 kernel=3\nb = "
                               "batchnorm(c)\ns = scale(b)\noutput s\n";
    tn_model *m = NULL, *out = NULL;
    assert_ok(tn_model_read(&m, "a.net", text, NULL));
    assert_ok(tn_model_optimise(&out, m, NULL));
    assert_string_equal(tn_model_fact(out, "tenon.graph"), text);
    assert_null(tn_model_fact(out, "tenon.passes"));
    tn_model_close(out);
    tn_model_close(m);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    lab_optimise_without_memory(
        lab_model_of_text("tenon graph 1\ninput i u8 N 6 5 3\nx = image_input(i) scale=0.1\n"
                          "k = " C6 "c = conv2d(x) filters=6 kernel=3 no_bias\nb = batchnorm(c)\n"
                          "m = mul(b, k)\nr = relu(m)\np = mul(r, k)\nq = add(p, k)\noutput q\n"),
        100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batchnorm_is_folded),
        cmocka_unit_test(products_and_sums_are_folded),
        cmocka_unit_test(what_has_no_numbers_stays),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
