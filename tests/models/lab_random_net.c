/* Nets drawn at random: which layers meet, in which shapes, is what no table of cases has thought of. */
#include "lab_random_net.h"

#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "graph/op.h"
#include "lab.h"
#include "lab_op.h"

enum {
    BATCH = LAB_NET_BATCH,
    CLASSES = LAB_NET_CLASSES,
    MAX_STEPS = 8,
    MAX_WEIGHTS = 32,
    MAX_NUMBERS = 1 << 13
};

typedef struct draw {
    /* Apart, so that which parameters are shared, and what goes element by element, changes nothing else. */
    tn_random random, sharing, each;
    bool shares;
    tn_graph *g;
    tn_value weight[MAX_WEIGHTS];
    int weights;
    char made_of[512];
} draw;

static int64_t below(draw *d, int64_t count)
{
    return (int64_t)tn_random_below(&d->random, (uint64_t)count);
}

static tn_shape shape_of(const draw *d, tn_value v)
{
    tn_shape s = {0};
    assert_ok(tn_value_shape(d->g, v, &s));
    return s;
}

static void note(draw *d, const char *what)
{
    const size_t used = strlen(d->made_of);
    snprintf(d->made_of + used, sizeof d->made_of - used, " %s", what);
}

/* A convolution, with the weights of one before it, if that is so drawn and there are some that fit. */
static tn_value conv(draw *d, tn_value x, tn_conv2d_opts o)
{
    char name[16], weight[32];
    const tn_shape s = shape_of(d, x);
    const int groups = o.groups + (o.groups == 0), second = o.kernel[1] ? 1 : 0;
    const tn_shape wanted = TN_SHAPE(o.filters, s.dim[1] / groups, o.kernel[0], o.kernel[second]);
    snprintf(name, sizeof name, "c%d", d->weights);
    snprintf(weight, sizeof weight, "%s.weight", name);
    for (int i = 0; d->shares && i < d->weights && !o.weight.value.id; i++) {
        const tn_shape have = shape_of(d, d->weight[i]);
        if (tn_shape_equal(&have, &wanted) && tn_random_below(&d->sharing, 2)) {
            note(d, "shared");
            o.weight.value = d->weight[i];
        }
    }
    o.name = name;
    const tn_value y = tn_conv2d(d->g, x, &o);
    assert_true(d->weights < MAX_WEIGHTS);
    d->weight[d->weights++] = o.weight.value.id ? o.weight.value : tn_graph_value(d->g, weight);
    return y;
}

/* The loss, and how far some weights are from given numbers, as inputs on either side. */
static tn_value draw_penalty(draw *d, tn_value loss)
{
    float numbers[MAX_NUMBERS];
    if (!d->shares || d->weights == 0 || tn_random_below(&d->sharing, 3))
        return loss;
    const tn_value w = d->weight[tn_random_below(&d->sharing, (uint64_t)d->weights)];
    const tn_shape shape = shape_of(d, w);
    const int64_t count = tn_elements(&shape);
    if (count > MAX_NUMBERS)
        return loss;
    for (int64_t i = 0; i < count; i++) /* far enough to have a gradient as large as others */
        numbers[i] = (i % 2 ? 0.01F : -0.01F) * (float)count;
    note(d, "penalty");
    const tn_value near = tn_constant(d->g, NULL, (tn_tensor){TN_F32, shape, numbers});
    const tn_value off = tn_mse(d->g, tn_add(d->g, w, near, NULL), near, NULL);
    return tn_add(d->g, off, tn_add(d->g, loss, tn_mse(d->g, near, w, NULL), NULL), NULL);
}

static tn_value draw_conv(draw *d, tn_value x)
{
    const tn_shape s = shape_of(d, x);
    const int side = (int)(s.dim[2] < s.dim[3] ? s.dim[2] : s.dim[3]);
    tn_conv2d_opts o = {.filters = 1 + (int)below(d, 24),
                        .kernel = {1 + (int)below(d, 3), 1 + (int)below(d, 3)}};
    o.no_bias = below(d, 3) == 0;
    for (int i = 0; i < 2; i++) {
        if (o.kernel[i] > side)
            o.kernel[i] = 1;
        o.pad[i] = (int)below(d, o.kernel[i]);
        o.stride[i] = 1 + (int)(below(d, 4) == 0);
    }
    if (o.pad[1] == 0)
        o.pad[0] = 0;
    if (s.dim[1] % 2 == 0 && below(d, 4) == 0) {
        o.groups = 2;
        o.filters += o.filters % 2;
    }
    char text[64];
    snprintf(text, sizeof text, "conv%dx%dk%dg%d", o.kernel[0], o.kernel[1], o.filters, o.groups);
    note(d, text);
    return conv(d, x, o);
}

static tn_value draw_pool(draw *d, tn_value x)
{
    static const tn_pool_kind kinds[] = {TN_POOL_MAX, TN_POOL_MEAN, TN_POOL_MEAN_PAD};
    const tn_shape s = shape_of(d, x);
    if (s.dim[2] < 3 || s.dim[3] < 3)
        return x;
    const int kernel = 2 + (int)below(d, 2);
    note(d, "pool");
    return tn_pool2d(d->g, x,
                     &(tn_pool2d_opts){.kind = kinds[below(d, 3)],
                                       .kernel = {kernel},
                                       .stride = {1 + (int)below(d, 2)},
                                       .pad = {(int)below(d, 2)},
                                       .ceil = below(d, 2) == 0});
}

/* Two ways side by side, then added or joined. */
static tn_value draw_fork(draw *d, tn_value x)
{
    const tn_shape s = shape_of(d, x);
    const tn_conv2d_opts same = {.filters = (int)s.dim[1], .kernel = {3}, .pad = {1}};
    const tn_value way = tn_relu(d->g, conv(d, x, same), NULL);
    if (below(d, 2)) {
        note(d, "add");
        return tn_add(d->g, way, x, NULL);
    }
    note(d, "concat");
    return tn_concat(d->g, 3, (tn_value[]){way, x, conv(d, x, same)}, NULL);
}

/* What one of two values makes of the other: a number a channel of each image, a number a channel. */
static tn_value draw_pair(draw *d, tn_value x)
{
    const tn_shape s = shape_of(d, x);
    switch (tn_random_below(&d->each, 4)) {
    case 0:
        note(d, "gate");
        return tn_mul(
            d->g, x,
            tn_sigmoid(d->g,
                       tn_pool2d(d->g, x, &(tn_pool2d_opts){.kind = TN_POOL_MEAN, .global = true}),
                       NULL),
            NULL);
    case 1:
        return note(d, "shift"),
               tn_sub(d->g, tn_param(d->g, NULL, TN_SHAPE(s.dim[1], 1, 1), NULL), x, NULL);
    case 2:
        return note(d, "scale"), tn_scale(d->g, x, NULL);
    default:
        return note(d, "maximum"),
               tn_maximum(d->g, tn_hardswish(d->g, x, NULL), tn_neg(d->g, x, NULL), NULL);
    }
}

/* Now and then something that goes element by element. */
static tn_value draw_each(draw *d, tn_value x)
{
    switch (tn_random_below(&d->each, 18)) {
    case 0:
        return note(d, "swish"), tn_swish(d->g, x, NULL);
    case 1:
        return note(d, "gelu"), tn_gelu(d->g, x, NULL);
    case 2:
        return note(d, "clip"), tn_clip(d->g, x, &(tn_clip_opts){.min = -1, .max = 6});
    case 3:
        return note(d, "elu"), tn_elu(d->g, x, NULL);
    case 4:
        return note(d, "prelu"), tn_prelu(d->g, x, NULL);
    case 5:
        return note(d, "hardsigmoid"), tn_hardsigmoid(d->g, x, NULL);
    case 6:
        return note(d, "selu"), tn_selu(d->g, x, NULL);
    case 7:
        return note(d, "mish"), tn_mish(d->g, x, NULL);
    case 8:
        return note(d, "softplus"), tn_softplus(d->g, x, NULL);
    case 9:
        return draw_pair(d, x);
    default:
        return x;
    }
}

static tn_value draw_step(draw *d, tn_value x)
{
    switch (below(d, 9)) {
    case 0:
        return draw_pool(d, x);
    case 1:
        return draw_fork(d, x);
    case 2:
        return note(d, "bn"), tn_batchnorm(d->g, x, NULL);
    case 3:
        return note(d, "lrn"), tn_lrn(d->g, x, NULL);
    case 4:
        return note(d, "tanh"), tn_tanh(d->g, x, NULL);
    case 5:
        return note(d, "leaky"), tn_leaky_relu(d->g, x, &(tn_leaky_relu_opts){.slope = 0.1F});
    default:
        return note(d, "relu of"), tn_relu(d->g, draw_conv(d, x), NULL);
    }
}

lab_net lab_draw_net(int number, bool shares)
{
    draw d = {.random = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, 1000 + (uint64_t)number),
              .sharing = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, 2000 + (uint64_t)number),
              .each = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, 3000 + (uint64_t)number),
              .shares = shares};
    lab_net n = {.image = TN_SHAPE(BATCH, 6 + below(&d, 9), 6 + below(&d, 9), 1 + below(&d, 4))};
    assert_ok(tn_graph_create(&d.g));
    n.in = tn_input(d.g, "image", TN_U8, n.image);
    n.label = tn_input(d.g, "label", TN_I32, TN_SHAPE(BATCH));
    tn_value x = tn_image_input(
        d.g, n.in,
        &(tn_image_input_opts){.mean = {128, 128, 128, 128}, .scale = {.01F, .01F, .01F, .01F}});
    for (int64_t steps = 2 + below(&d, MAX_STEPS - 1); steps > 0; steps--)
        x = draw_each(&d, draw_step(&d, x));
    if (below(&d, 2))
        x = tn_relu(d.g, tn_dense(d.g, x, &(tn_dense_opts){.units = 1 + (int)below(&d, 70)}), NULL);
    if (below(&d, 3) == 0)
        x = tn_dropout(d.g, x, &(tn_dropout_opts){.name = "drop", .rate = 0.25F});
    n.logits = tn_dense(d.g, x, &(tn_dense_opts){.units = CLASSES});
    n.loss = draw_penalty(&d, tn_softmax_xent(d.g, n.logits, n.label, NULL).loss);
    assert_ok(tn_graph_status(d.g));
    n.g = d.g;
    memcpy(n.made_of, d.made_of, sizeof n.made_of);
    return n;
}
