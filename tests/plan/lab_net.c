#include "plan/lab_net.h"

#include <math.h>
#include <string.h>

#include "base/base.h"
#include "lab.h"
#include "plan/plan_test.h"
#include "plan/toy.h"

const float toy_data[8] = {0.5f, -1.5f, 2.5f, 0.25f, -0.75f, 3.5f, 1.25f, -2.25f};

tn_status toy_build(toy_built *b, toy_net make, tn_plan_opts opts)
{
    TN_TRY(tn_graph_create(&b->g));
    b->x = tn_input(b->g, "x", TN_F32, TN_SHAPE(8));
    b->loss = make(b->g, b->x);
    opts.loss = b->loss;
    TN_TRY(tn_plan_create(&b->plan, b->g, &toy_device, &opts));
    if (opts.dry)
        return TN_OK;
    float x[8];
    memcpy(x, toy_data, sizeof x);
    return tn_plan_set(b->plan, b->x, (tn_tensor){TN_F32, TN_SHAPE(8), x});
}

void toy_destroy(toy_built *b)
{
    tn_plan_destroy(b->plan);
    tn_graph_destroy(b->g);
    *b = (toy_built){0};
}

float toy_run(toy_built *b)
{
    float loss = 0;
    assert_ok(tn_plan_poison(b->plan));
    assert_ok(tn_plan_run(b->plan));
    assert_ok(tn_plan_get(b->plan, b->loss, (tn_tensor){TN_F32, {0}, &loss}));
    return loss;
}

float toy_param(toy_built *b, int i, int part)
{
    float value = NAN;
    assert_ok(tn_plan_param_get(b->plan, i, part, (tn_tensor){TN_F32, TN_SHAPE(1), &value}));
    return value;
}

/* The loss with an element of the parameter moved by `step`. */
static float moved(toy_built *b, int index, const tn_param_info *info, int64_t element, float step)
{
    float w[8];
    const tn_tensor all = {TN_F32, info->shape, w};
    assert_ok(tn_plan_param_get(b->plan, index, TN_PARAM_VALUE, all));
    const float value = w[element];
    w[element] = value + step;
    assert_ok(tn_plan_param_set(b->plan, index, TN_PARAM_VALUE, all));
    const float loss = toy_run(b);
    w[element] = value;
    assert_ok(tn_plan_param_set(b->plan, index, TN_PARAM_VALUE, all));
    return loss;
}

/* All nets are linear in each element near where it is, or quadratic, so differences are exact but for rounding. */
static void check_gradients(toy_built *b)
{
    const float step = 1.0f / 64;
    for (int i = 0; i < tn_plan_num_params(b->plan); i++) {
        tn_param_info info;
        float got[8];
        assert_ok(tn_plan_param(b->plan, i, &info));
        if (!info.trained)
            continue;
        toy_run(b);
        assert_ok(
            tn_plan_param_get(b->plan, i, TN_PARAM_GRADIENT, (tn_tensor){TN_F32, info.shape, got}));
        for (int64_t j = 0; j < info.shape.dim[0]; j++) {
            const float want =
                (moved(b, i, &info, j, step) - moved(b, i, &info, j, -step)) / (2 * step);
            if (!(fabsf(got[j] - want) <= 1e-3f * (1 + fabsf(want))))
                fail_msg("%s[%d]: gradient %g, but differences give %g", info.full_name, (int)j,
                         (double)got[j], (double)want);
        }
    }
}

void toy_check_net(toy_net make, const char *why)
{
    float loss[2];
    for (int fused = 0; fused < 2; fused++) {
        toy_built b = {0};
        print_message("%s%s\n", why, fused ? "" : ", not fused");
        assert_ok(toy_build(&b, make, (tn_plan_opts){.no_fusion = !fused}));
        loss[fused] = toy_run(&b);
        check_gradients(&b);
        assert_true(toy_run(&b) == loss[fused]);
        toy_destroy(&b);
    }
    assert_true(fabsf(loss[0] - loss[1]) < 1e-5f);
}
