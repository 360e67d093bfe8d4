#include "backends/cuda/lab_layer.h"

#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "graph/op.h"
#include "lab_sim.h"

const double lab_tolerances[] = {1e-5, 4.0 / 2048, 4.0 / 256};
const tn_precision lab_precisions[] = {TN_PRECISION_F32, TN_PRECISION_F16, TN_PRECISION_BF16};

/* The same numbers on every device, which f16 and bf16 hold too. */
static void draw(float *to, int64_t count, uint64_t stream)
{
    tn_random r = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, stream);
    assert_true(count <= LAB_LAYER_MOST);
    for (int64_t i = 0; i < count; i++)
        to[i] = (float)tn_random_below(&r, 129) / 64 - 1;
}

static tn_tensor drawn(tn_shape shape, uint64_t stream)
{
    static float numbers[LAB_LAYER_MOST];
    draw(numbers, tn_elements(&shape), stream);
    return (tn_tensor){TN_F32, shape, numbers};
}

tn_status lab_layer_open(lab_layer_rig *r, const lab_layer *l, const char *device,
                         tn_precision precision, bool dry)
{
    *r = (lab_layer_rig){0};
    TN_TRY(tn_device_open(&r->device, device));
    TN_TRY(tn_graph_create(&r->g));
    r->x = tn_input(r->g, "x", TN_F32, l->x);
    r->y = l->conv.filters ? tn_conv2d(r->g, r->x, &l->conv) : tn_dense(r->g, r->x, &l->dense);
    if (l->relu)
        r->y = tn_relu(r->g, r->y, NULL);
    tn_shape shape;
    TN_TRY(tn_value_shape(r->g, r->y, &shape));
    r->target = tn_input(r->g, "target", TN_F32, shape);
    const tn_plan_opts opts = {.loss = tn_mse(r->g, r->y, r->target, NULL),
                               .keep = &r->y,
                               .num_keep = 1,
                               .input_gradients = !l->first,
                               .precision = precision,
                               .loss_scale = 64,
                               .dry = dry};
    return tn_plan_create(&r->plan, r->g, r->device, &opts);
}

void lab_layer_close(lab_layer_rig *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
}

/* Of the first step that is no reorder. */
static void tell_kernel(const tn_plan *p, lab_answer *a)
{
    tn_step_info step;
    int i = 0;
    do
        assert_ok(tn_plan_step(p, i++, &step));
    while (strcmp(step.op, "reorder") == 0);
    snprintf(a->kernel, sizeof a->kernel, "%s", step.kernel);
}

void lab_layer_answer(const lab_layer *l, const char *device, tn_precision precision, lab_answer *a)
{
    lab_layer_rig r;
    tn_shape y;
    tn_param_info info;
    const lab_sim *sim = lab_counting_sim();
    *a = (lab_answer){0};
    assert_ok(lab_layer_open(&r, l, device, precision, true));
    a->planned = tn_plan_memory(r.plan).total;
    lab_layer_close(&r);
    assert_ok(lab_layer_open(&r, l, device, precision, false));
    assert_int_equal(tn_plan_memory(r.plan).total, a->planned);
    assert_ok(tn_value_shape(r.g, r.y, &y));
    assert_ok(tn_plan_set(r.plan, r.x, drawn(l->x, 0)));
    assert_ok(tn_plan_set(r.plan, r.target, drawn(y, 1)));
    for (int i = 0; i < tn_plan_num_params(r.plan); i++) {
        assert_ok(tn_plan_param(r.plan, i, &info));
        assert_ok(
            tn_plan_param_set(r.plan, i, TN_PARAM_VALUE, drawn(info.shape, 2 + strlen(info.name))));
    }
    if (sim)
        sim->trace_begin();
    assert_ok(tn_plan_run(r.plan));
    if (sim)
        a->products = sim->trace_calls("cublasLtMatmul");
    a->y_count = tn_elements(&y);
    a->x_count = tn_elements(&l->x);
    assert_true(a->y_count <= LAB_LAYER_MOST);
    assert_ok(tn_plan_get(r.plan, r.y, (tn_tensor){TN_F32, y, a->y}));
    if (!l->first)
        assert_ok(tn_plan_get_gradient(r.plan, r.x, (tn_tensor){TN_F32, l->x, a->dx}));
    tell_kernel(r.plan, a);
    for (int i = 0; i < tn_plan_num_params(r.plan); i++) {
        assert_ok(tn_plan_param(r.plan, i, &info));
        a->w_count[i] = tn_elements(&info.shape);
        assert_ok(tn_plan_param_get(r.plan, i, TN_PARAM_GRADIENT,
                                    (tn_tensor){TN_F32, info.shape, a->dw[i]}));
    }
    lab_layer_close(&r);
}

/* got is want, by the lab's rule or, in coarser numbers, by that of four roundings. */
static void close_enough(const lab_layer *l, const char *what, const float *got, const float *want,
                         int64_t count, double unit, double tolerance)
{
    double largest = 0, worst = 0;
    for (int64_t i = 0; i < count; i++) {
        const double size = want[i] < 0 ? -(double)want[i] : (double)want[i];
        const double off = (double)got[i] - (double)want[i], error = off < 0 ? -off : off;
        largest = size > largest ? size : largest;
        worst = error <= worst ? worst : error; /* a NaN is the worst */
    }
    if (!(worst <= tolerance * (largest + unit)))
        fail_msg("%s: %s: off by %g, allowed %g", l->why, what, worst,
                 tolerance * (largest + unit));
}

void lab_layer_compare(const lab_layer *l, const lab_answer *got, const lab_answer *want,
                       double tolerance)
{
    const double unit = 1 / (double)want->y_count;
    close_enough(l, "y", got->y, want->y, want->y_count, 1, tolerance);
    close_enough(l, "dx", got->dx, want->dx, want->x_count, unit, tolerance);
    for (int i = 0; i < LAB_LAYER_PARAMS; i++)
        close_enough(l, i ? "dw1" : "dw0", got->dw[i], want->dw[i], want->w_count[i], unit,
                     tolerance);
}
