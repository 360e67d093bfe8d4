#include "lab_pair.h"

#include <string.h>

void lab_pair_mean(const lab_ref *r, lab_pair_value *value)
{
    int64_t count;
    assert_ok(tn_shape_count(&r->x_shape[0], &count));
    r->y[0] = 0;
    for (int64_t i = 0; i < count; i++)
        r->y[0] += value(r->x[0][i], r->x[1][i], r->opts) / (double)count;
}

static void compare(const char *device, lab_pair_layer *layer, const void *opts, tn_shape shape,
                    const lab_pair_want *want)
{
    tn_device *d = NULL;
    tn_graph *g = NULL;
    tn_plan *p = NULL;
    float in[2][64], loss;
    int64_t count;
    assert_ok(tn_shape_count(&shape, &count));
    assert_true(count <= 64);
    memcpy(in[0], want->x, (size_t)count * sizeof(float));
    memcpy(in[1], want->target, (size_t)count * sizeof(float));
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_graph_create(&g));
    const tn_value x[] = {tn_input(g, "x", TN_F32, shape), tn_input(g, "t", TN_F32, shape)};
    const tn_value y = layer(g, x[0], x[1], opts);
    assert_ok(tn_plan_create(
        &p, g, d,
        &(tn_plan_opts){.loss = y, .input_gradients = true, .precision = TN_PRECISION_F32}));
    for (int i = 0; i < 2; i++)
        assert_ok(tn_plan_set(p, x[i], (tn_tensor){TN_F32, shape, in[i]}));
    assert_ok(tn_plan_run(p));
    assert_ok(tn_plan_get(p, y, (tn_tensor){TN_F32, {0}, &loss}));
    lab_assert_close("loss", &loss, want->loss, 1, 1);
    for (int i = 0; i < 2; i++)
        assert_ok(tn_plan_get_gradient(p, x[i], (tn_tensor){TN_F32, shape, in[i]}));
    lab_assert_close("dx", in[0], want->dx, count, 0);
    lab_assert_close("dtarget", in[1], want->dtarget, count, 0);
    tn_plan_destroy(p);
    tn_graph_destroy(g);
    tn_device_close(d);
}

void lab_check_pair(lab_pair_layer *layer, const void *opts, tn_shape shape,
                    const lab_pair_want *want)
{
    for (const char *const *device = lab_devices(); *device; device++)
        compare(*device, layer, opts, shape, want);
    compare("cpu,reference", layer, opts, shape, want);
}

void lab_check_pair_shapes(lab_pair_layer *layer, const void *opts, const char *op)
{
    tn_graph *g;
    assert_ok(tn_graph_create(&g));
    layer(g, tn_input(g, "a", TN_F32, TN_SHAPE(2, 3)), tn_input(g, "b", TN_F32, TN_SHAPE(6)), opts);
    assert_fails(tn_graph_status(g), TN_ERR_SHAPE, "x is 2 x 3, target 6: not the same shape");
    assert_true(strncmp(tn_error(), op, strlen(op)) == 0);
    tn_graph_destroy(g);
}
