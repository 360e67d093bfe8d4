#include "backends/cuda/lab_small.h"

#include "base/random.h"

enum { SEED = 3, PIXELS = SMALL_SIDE * SMALL_SIDE * 3 };

static tn_status build(lab_small *s)
{
    TN_TRY(tn_graph_create(&s->g));
    s->image = tn_input(s->g, "image", TN_U8, TN_SHAPE(SMALL_ROWS, SMALL_SIDE, SMALL_SIDE, 3));
    s->label = tn_input(s->g, "label", TN_I32, TN_SHAPE(SMALL_ROWS));
    tn_value x = tn_image_input(
        s->g, s->image,
        &(tn_image_input_opts){.mean = {128, 128, 128}, .scale = {1 / 64.F, 1 / 64.F, 1 / 64.F}});
    x = tn_relu(
        s->g,
        tn_conv2d(s->g, x,
                  &(tn_conv2d_opts){.name = "conv", .filters = 8, .kernel = {3}, .pad = {1}}),
        NULL);
    x = tn_pool2d(s->g, x, &(tn_pool2d_opts){.kernel = {2}});
    x = tn_dropout(s->g, x, &(tn_dropout_opts){.name = "drop", .rate = 0.25F});
    x = tn_dense(s->g, x, &(tn_dense_opts){.name = "fc", .units = SMALL_CLASSES});
    s->loss = tn_softmax_xent(s->g, x, s->label, &(tn_softmax_xent_opts){.name = "loss"});
    return tn_graph_status(s->g);
}

tn_status lab_small_open(lab_small *s, const char *device, tn_plan_opts opts)
{
    *s = (lab_small){0};
    tn_status status = tn_device_open(&s->device, device);
    if (status == TN_OK)
        status = build(s);
    opts.loss = s->loss.loss;
    opts.seed = SEED;
    if (status == TN_OK)
        status = tn_plan_create(&s->plan, s->g, s->device, &opts);
    if (status != TN_OK)
        lab_small_close(s);
    return status;
}

/* A class is a colour under noise. */
tn_status lab_small_set(const lab_small *s, int i)
{
    uint8_t x[SMALL_ROWS * PIXELS];
    int32_t labels[SMALL_ROWS];
    tn_random r = tn_random_begin(SEED, TN_RANDOM_TEST, (uint64_t)i);
    for (int n = 0; n < SMALL_ROWS; n++) {
        labels[n] = (i + n) % SMALL_CLASSES;
        for (int j = 0; j < PIXELS; j++)
            x[n * PIXELS + j] =
                (uint8_t)((j % 3 == labels[n] ? 120 : 60) + (int)tn_random_below(&r, 60));
    }
    TN_TRY(tn_plan_set(s->plan, s->image,
                       (tn_tensor){TN_U8, TN_SHAPE(SMALL_ROWS, SMALL_SIDE, SMALL_SIDE, 3), x}));
    return tn_plan_set(s->plan, s->label, (tn_tensor){TN_I32, TN_SHAPE(SMALL_ROWS), labels});
}

tn_status lab_small_step(const lab_small *s, int i, float rate)
{
    TN_TRY(lab_small_set(s, i));
    TN_TRY(tn_plan_run(s->plan));
    return tn_plan_update(s->plan, rate);
}

tn_status lab_small_loss(const lab_small *s, float *loss)
{
    return tn_plan_get(s->plan, s->loss.loss, (tn_tensor){TN_F32, {0}, loss});
}

void lab_small_close(lab_small *s)
{
    tn_plan_destroy(s->plan);
    tn_graph_destroy(s->g);
    tn_device_close(s->device);
    *s = (lab_small){0};
}
