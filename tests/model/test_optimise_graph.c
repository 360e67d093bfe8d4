/*
 * Passes that change the graph alone: what numbers decide is computed once, zeros around images become padding, and of nodes
 * that do the same one is left.
 */
#include <math.h>
#include <string.h>

#include "lab.h"
#include "lab_optimise.h"

static const lab_optimise_case constants[] = {
    {"what puts a weight on its grid of whole numbers stays",
     "input x f32 N 4\nw = param() shape=3,4\nq = fake_quant(w) axis=0\n"
     "y = dense(x) units=3 weight.value=q\noutput y\n",
     NULL, NULL},
    {"what is read as a weight alone",
     "input x f32 N 4\nw = param() shape=4,3\nt = transpose(w) axes=1,0\n"
     "y = dense(x) units=3 weight.value=t\noutput y\n",
     "input x f32 N 4\nt = param() shape=3,4 frozen\ny = dense(x) units=3 weight.value=t\noutput "
     "y\n",
     "alive 1: w\nconstant 1: t"},
    {"of parameters and constants",
     "input x f32 N 4\nw = param() shape=4\nc = constant() shape=4 numbers=1,2,3,4\n"
     "a = mul(w, c)\nb = exp(a)\ny = add(x, b)\noutput y\n",
     "input x f32 N 4\nb = param() shape=4 frozen\ny = add(x, b)\noutput y\n",
     "alive 2: w c\nconstant 2: a b"},
    {"one that two read is there once, and w is read by what is not known",
     "input x f32 N 4\nw = param() shape=4\na = neg(w)\ny = add(x, a)\nz = mul(a, y)\nv = mul(w, "
     "z)\n"
     "output z\noutput v\n",
     "input x f32 N 4\nw = param() shape=4\na = param() shape=4 frozen\ny = add(x, a)\n"
     "z = mul(a, y)\nv = mul(w, z)\noutput z\noutput v\n",
     NULL},
    {"a layer of them, with its numbers; and what is an output",
     "input x f32 N 4\nw = param() shape=2,3\nd = dense(w) units=4\nr = relu(d)\nq = slice(r) "
     "end=1\ny = add(x, q)\noutput y\noutput r\n",
     "input x f32 N 4\nr = param() shape=2,4 frozen\nq = param() shape=1,4 frozen\ny = add(x, q)\n"
     "output y\noutput r\n",
     NULL},
    {"what would be much larger stays",
     "input x f32 N 300 300\nc = constant() shape=300,1 numbers=2\nb = broadcast_to(c) "
     "shape=300,300\ny = mul(x, b)\noutput y\n",
     NULL, NULL},
    {"a parameter of its own that another reads, and an input that is none",
     "input x f32 N 4\ninput t f32 4 batch=none\nw = param() shape=2,3\nd = dense(w) units=4\n"
     "e = dense(x) units=4 bias.value=d.bias\nq = reduce(d) axes=0\nf = add(q, t)\ny = add(e, f)\n"
     "output y\n",
     NULL, NULL},
};

static void constants_are_computed(void **state)
{
    (void)state;
    lab_optimise(constants, TN_COUNT(constants), "constant");
}

#define X "input x f32 N 4 7 6\n"

static const lab_optimise_case pads[] = {
    {"of a convolution",
     X "p = pad(x) before=0,0,1,2 after=0,0,1,2\nc = conv2d(p) filters=3 kernel=3\noutput c\n",
     X "c = conv2d(x) filters=3 kernel=3 pad=1,2 pad_extra=0,0\noutput c\n",
     "alive 1: p\npad 1: c"},
    {"beside its own, and more on one side",
     X "p = pad(x) before=0,0,1 after=0,0,0,3\n"
       "c = conv2d(p) filters=3 kernel=3 pad=1 pad_extra=1 stride=2\noutput c\n",
     X "c = conv2d(x) filters=3 kernel=3 stride=2 pad=2,1 pad_extra=0,4\noutput c\n", NULL},
    {"two that read it, and one after the other",
     X "p = pad(x) before=0,0,1,1\nq = pad(p) before=0,0,0,1\nc = conv2d(p) filters=3 kernel=3\n"
       "d = conv2d(q) filters=3 kernel=3\noutput c\noutput d\n",
     X "c = conv2d(x) filters=3 kernel=3 pad=1,1 pad_extra=-1,-1\n"
       "d = conv2d(x) filters=3 kernel=3 pad=1,2 pad_extra=-1,-2\noutput c\noutput d\n",
     NULL},
    {"of a mean, which goes on counting them",
     X "p = pad(x) before=0,0,1,1 after=0,0,1\nm = pool2d(p) kind=mean kernel=3 stride=2\n"
       "n = pool2d(p) kind=mean_pad kernel=4 stride=2 pad=1\noutput m\noutput n\n",
     X "m = pool2d(x) kind=mean_pad kernel=3 stride=2 pad=1,1 pad_extra=0,-1\n"
       "n = pool2d(x) kind=mean_pad kernel=4 stride=2 pad=2,2 pad_extra=0,-1\noutput m\noutput n\n",
     NULL},
    {"of a maximum, where nothing is below",
     X "p = pad(x) before=0,0,1,1 value=-inf\nm = pool2d(p) kernel=3 stride=2\nr = relu(x)\n"
       "q = pad(r) before=0,0,1,1\nn = pool2d(q) kernel=3 stride=1\noutput m\noutput n\n",
     X "m = pool2d(x) kernel=3 stride=2 pad=1,1 pad_extra=-1,-1\nr = relu(x)\n"
       "n = pool2d(r) kernel=3 stride=1 pad=1,1 pad_extra=-1,-1\noutput m\noutput n\n",
     NULL},
    {"zeros are not below all, and other numbers no padding",
     X "p = pad(x) before=0,0,1,1\nm = pool2d(p) kernel=3\nq = pad(x) before=0,0,1 value=1\n"
       "c = conv2d(q) filters=3 kernel=3\nn = pool2d(q) kind=mean kernel=3\noutput m\noutput c\n"
       "output n\n",
     NULL, NULL},
    {"of channels; as large as the window; in a mean that has padding, or one over all; rounded "
     "up; taps apart",
     X "p = pad(x) before=0,1\nc = conv2d(p) filters=3 kernel=3\nq = pad(x) before=0,0,2\n"
       "a = pool2d(q) kind=mean kernel=2\ns = pad(x) before=0,0,1\n"
       "b = pool2d(s) kind=mean kernel=3 pad=1\ng = pool2d(s) kind=mean global\n"
       "h = pool2d(s) kind=mean kernel=3 ceil\n"
       "i = pool2d(s) kind=mean kernel=2 dilation=2\noutput i\noutput c\noutput a\noutput "
       "b\noutput g\noutput h\n",
     NULL, NULL},
    {"and stays where another reads it",
     X "p = pad(x) before=0,0,1\nc = conv2d(p) filters=4 kernel=1\ny = add(p, c)\noutput y\n",
     X "p = pad(x) before=0,0,1\nc = conv2d(x) filters=4 kernel=1 pad=1,0 pad_extra=-1,0\n"
       "y = add(p, c)\noutput y\n",
     "pad 1: c"},
};

static void pads_become_padding(void **state)
{
    (void)state;
    lab_optimise(pads, TN_COUNT(pads), "pad");
}

static const lab_optimise_case same[] = {
    {"the same twice, and then what reads it",
     X "w = param() shape=3,4,1,1\na = relu(x)\nb = relu(x)\nc = clip(a) max=1\nd = clip(b) max=1\n"
       "k = constant() shape=4,1,1 numbers=2\nl = constant() shape=4,1,1 numbers=2\ne = mul(c, k)\n"
       "f = mul(d, l)\ng = add(e, f)\nu = param() shape=3\n"
       "h = conv2d(g) filters=3 kernel=1 weight.value=w bias.value=u\n"
       "i = conv2d(g) filters=3 kernel=1,1 pad=0 weight.value=w bias.value=u\ny = add(h, "
       "i)\noutput y\n",
     X "w = param() shape=3,4,1,1\na = relu(x)\nc = clip(a) max=1\nk = constant() shape=4,1,1 "
       "numbers=2\ne = mul(c, k)\ng = add(e, e)\nu = param() shape=3\n"
       "h = conv2d(g) filters=3 kernel=1 weight.value=w bias.value=u\ny = add(h, h)\noutput y\n",
     "common 5: b d l f i"},
    {"other options, other inputs, other order, weights of its own, dropout, an output",
     X "a = clip(x) max=1\nb = clip(x) max=2\nc = sub(a, b)\nd = sub(b, a)\n"
       "e = conv2d(x) filters=4 kernel=1\nf = conv2d(x) filters=4 kernel=1\ng = dropout(x) "
       "rate=0.5\nh = dropout(x) rate=0.5\ni = relu(x)\nj = relu(x)\nk = add(c, d)\nl = add(e, f)\n"
       "m = add(g, h)\noutput k\noutput l\noutput m\noutput i\noutput j\n",
     NULL, NULL},
    {"all that a node makes",
     "input x f32 N 4\ninput t i32 N\nu, u.top_1, u.top_k = softmax_xent(x, t)\nv, v.top_1, "
     "v.top_k = "
     "softmax_xent(x, t)\na = add(u, v)\noutput a\n",
     "input x f32 N 4\ninput t i32 N\nu, u.top_1, u.top_k = softmax_xent(x, t)\na = add(u, u)\n"
     "output a\n",
     "common 1: v"},
};

static void the_same_is_done_once(void **state)
{
    (void)state;
    lab_optimise(same, TN_COUNT(same), "common");
}

/* All of them: one makes what another finds. */
static const lab_optimise_case all[] = {
    {"known numbers go into weights, of nodes that dropout stood between, behind a pad that was "
     "one",
     X
     "s = param() shape=6\nk = reshape(s) shape=6,1,1\nk2 = exp(k)\np = pad(x) before=0,0,1,1 "
     "after=0,0,1,1\nc = conv2d(p) filters=6 kernel=3 no_bias\nd = dropout(c) rate=0.2\n"
     "b = batchnorm(d)\ni = reshape(b) shape=0,0,0,-1\nm = mul(i, k2)\nr = relu(m)\nr2 = relu(m)\n"
     "y = add(r, r2)\noutput y\n",
     X "c = conv2d(x) filters=6 kernel=3 pad=1,1 pad_extra=0,0\nr = relu(c)\ny = add(r, r)\n"
       "output y\n",
     "evaluation 2: d i\nalive 3: s k2 p\nconstant 2: k k2\npad 1: c\nbatchnorm 1: b\naffine 1: m\n"
     "common 1: r2"},
};

static void one_makes_what_another_finds(void **state)
{
    (void)state;
    lab_optimise(all, TN_COUNT(all), NULL);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    lab_optimise_without_memory(
        lab_model_of_text("tenon graph 1\n" X "s = param() shape=4\nk = reshape(s) shape=4,1,1\n"
                          "p = pad(x) before=0,0,1\nm = pool2d(p) kind=mean kernel=3\na = exp(m)\n"
                          "b = exp(m)\nc = minimum(a, b)\ny = maximum(c, k)\noutput y\n"),
        100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_are_computed),   cmocka_unit_test(pads_become_padding),
        cmocka_unit_test(the_same_is_done_once),    cmocka_unit_test(one_makes_what_another_finds),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
