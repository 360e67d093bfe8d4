#include "plan/lab_weights.h"

#include <math.h>

void lab_build(lab_weighed *n)
{
    *n = (lab_weighed){0};
    if (tn_graph_create(&n->g) != TN_OK)
        return;
    n->x = tn_input(n->g, "x", TN_F32, TN_SHAPE(ROWS, C, SIDE, SIDE));
    n->label = tn_input(n->g, "label", TN_I32, TN_SHAPE(ROWS));
    tn_value v =
        tn_conv2d(n->g, n->x, &(tn_conv2d_opts){.name = "conv", .filters = 4, .kernel = {3}});
    v = tn_relu(n->g, tn_batchnorm(n->g, v, &(tn_batchnorm_opts){.name = "bn"}), NULL);
    v = tn_pool2d(n->g, v, &(tn_pool2d_opts){.kernel = {2}});
    n->y = tn_dense(n->g, v, &(tn_dense_opts){.name = "fc", .units = K});
    n->loss = tn_softmax_xent(n->g, n->y, n->label, NULL);
}

enum { PIXELS = ROWS * C * SIDE * SIDE };

static void fill(float *pixels)
{
    for (int i = 0; i < PIXELS; i++)
        pixels[i] = (float)(i * 31 % 17) / 8 - 1;
}

static tn_status set_labels(tn_plan *p, const lab_weighed *n)
{
    int32_t labels[ROWS];
    for (int i = 0; i < ROWS; i++)
        labels[i] = i % K;
    return tn_plan_set(p, n->label, (tn_tensor){TN_I32, TN_SHAPE(ROWS), labels});
}

tn_plan_opts lab_training(const lab_weighed *n, tn_weights *w)
{
    return (tn_plan_opts){.loss = n->loss.loss,
                          .optim = tn_adam(NULL),
                          .seed = 7,
                          .precision = TN_PRECISION_F32,
                          .weights = w};
}

tn_plan_opts lab_testing(const lab_weighed *n, tn_weights *w, int64_t batch)
{
    return (tn_plan_opts){.keep = &n->y,
                          .num_keep = 1,
                          .seed = 99, /* of no use: there is nothing to draw */
                          .batch = batch,
                          .precision = TN_PRECISION_F32,
                          .weights = w,
                          .kept_weights = INFINITY};
}

tn_status lab_step(tn_plan *p, const lab_weighed *n)
{
    float pixels[PIXELS];
    fill(pixels);
    TN_TRY(tn_plan_set(p, n->x, (tn_tensor){TN_F32, TN_SHAPE(ROWS, C, SIDE, SIDE), pixels}));
    TN_TRY(set_labels(p, n));
    TN_TRY(tn_plan_run(p));
    return tn_plan_update(p, 0.01F);
}

/* What the net says of the first rows. */
tn_status lab_answer(tn_plan *p, const lab_weighed *n, int64_t rows, float *y)
{
    float pixels[PIXELS];
    fill(pixels);
    TN_TRY(tn_plan_set(p, n->x, (tn_tensor){TN_F32, TN_SHAPE(rows, C, SIDE, SIDE), pixels}));
    TN_TRY(tn_plan_evaluate(p));
    return tn_plan_get(p, n->y, (tn_tensor){TN_F32, TN_SHAPE(rows, K), y});
}

/* The same by a plan that has all by itself, after so many steps. */
void lab_want_after(const char *device, int steps, float *y)
{
    lab_weighed n;
    tn_device *d = NULL;
    tn_plan *p = NULL;
    lab_build(&n);
    assert_ok(tn_device_open(&d, device));
    tn_plan_opts opts = lab_training(&n, NULL);
    opts.keep = &n.y;
    opts.num_keep = 1;
    assert_ok(tn_plan_create(&p, n.g, d, &opts));
    for (int i = 0; i < steps; i++)
        assert_ok(lab_step(p, &n));
    if (steps == 0)
        assert_ok(set_labels(p, &n));
    assert_ok(lab_answer(p, &n, ROWS, y));
    tn_plan_destroy(p);
    tn_device_close(d);
    tn_graph_destroy(n.g);
}

void lab_near(const char *what, const float *want, const float *got, int count, float within)
{
    for (int i = 0; i < count; i++)
        if (!(fabsf(want[i] - got[i]) <= within))
            fail_msg("%s: %g, not %g at %d", what, (double)got[i], (double)want[i], i);
}
