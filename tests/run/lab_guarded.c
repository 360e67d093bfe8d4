#include "run/lab_guarded.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "lab_sim.h"

const lab_kind *lab_kind_here(int index)
{
    static const lab_kind kinds[] = {
        {"cpu", TN_PRECISION_F32},      {"cpu,reference", TN_PRECISION_F32},
        {"cpu:0-1", TN_PRECISION_F32},  {"sim:0", TN_PRECISION_F32},
        {"sim:0-1", TN_PRECISION_F32},  {"sim:0", TN_PRECISION_BF16},
        {"sim:0-1", TN_PRECISION_BF16}, {"sim:0", TN_PRECISION_F16}};
    const lab_sim *sim = lab_find_sim();
    if (sim)
        sim->set_devices(2);
    const bool here = (size_t)index < TN_COUNT(kinds) && (sim || *kinds[index].device == 'c');
    return here ? &kinds[index] : NULL;
}

void lab_guarded_open(lab_guarded *s, const lab_kind *kind, tn_plan_opts opts)
{
    *s = (lab_guarded){0};
    assert_ok(tn_device_open(&s->device, kind->device));
    assert_ok(tn_graph_create(&s->g));
    s->x = tn_input(s->g, "x", TN_F32, TN_SHAPE(GUARDED_ROWS, GUARDED_WIDE));
    s->label = tn_input(s->g, "label", TN_I32, TN_SHAPE(GUARDED_ROWS));
    tn_value y = tn_dense(s->g, s->x, &(tn_dense_opts){.name = "fc1", .units = 16});
    y = tn_batchnorm(s->g, y, &(tn_batchnorm_opts){.name = "norm"});
    s->logits = tn_dense(s->g, tn_relu(s->g, y, NULL),
                         &(tn_dense_opts){.name = "fc2", .units = GUARDED_CLASSES});
    s->loss = tn_softmax_xent(s->g, s->logits, s->label, NULL).loss;
    opts.loss = s->loss;
    opts.keep = &s->logits;
    opts.num_keep = 1;
    opts.precision = kind->precision;
    opts.seed += opts.seed == 0 ? 7 : 0;
    assert_ok(tn_plan_create(&s->plan, s->g, s->device, &opts));
}

void lab_guarded_close(lab_guarded *s)
{
    tn_plan_destroy(s->plan);
    tn_graph_destroy(s->g);
    tn_device_close(s->device);
}

void lab_guarded_set(const lab_guarded *s, int i, bool bad)
{
    float x[GUARDED_ROWS * GUARDED_WIDE];
    int32_t label[GUARDED_ROWS];
    tn_random random = tn_random_begin(3, TN_RANDOM_TEST, (uint64_t)i);
    for (int k = 0; k < GUARDED_ROWS * GUARDED_WIDE; k++)
        x[k] = (float)tn_random_below(&random, 256) / 64 - 2;
    for (int k = 0; k < GUARDED_ROWS; k++)
        label[k] = (k + i) % GUARDED_CLASSES;
    if (bad)
        x[GUARDED_WIDE * 5 + 1] = NAN;
    assert_ok(
        tn_plan_set(s->plan, s->x, (tn_tensor){TN_F32, TN_SHAPE(GUARDED_ROWS, GUARDED_WIDE), x}));
    assert_ok(tn_plan_set(s->plan, s->label, (tn_tensor){TN_I32, TN_SHAPE(GUARDED_ROWS), label}));
}

void lab_guarded_step(const lab_guarded *s, int i, bool bad)
{
    lab_guarded_set(s, i, bad);
    assert_ok(tn_plan_run(s->plan));
    assert_ok(tn_plan_update(s->plan, 0.05F));
}

size_t lab_guarded_params(const lab_guarded *s, int part, float *to)
{
    size_t count = 0;
    for (int i = 0; i < tn_plan_num_params(s->plan); i++) {
        tn_param_info info;
        int64_t own;
        assert_ok(tn_plan_param(s->plan, i, &info));
        assert_ok(tn_shape_count(&info.shape, &own));
        if (part >= TN_PARAM_GRADIENT && !info.trained)
            continue;
        assert_true(count + (size_t)own <= GUARDED_MOST);
        assert_ok(tn_plan_param_get(s->plan, i, part, (tn_tensor){TN_F32, info.shape, to + count}));
        count += (size_t)own;
    }
    return count;
}

void lab_guarded_state(const lab_guarded *s, const tn_plan_opts *opts, int slots, lab_state *state)
{
    memset(state, 0, sizeof *state);
    state->values = lab_guarded_params(s, TN_PARAM_VALUE, state->value);
    for (int i = 0; i < slots; i++)
        state->slots += lab_guarded_params(s, TN_PARAM_SLOT + i, state->slot + state->slots);
    if (opts->ema > 0)
        state->averages = lab_guarded_params(s, TN_PARAM_AVERAGE, state->average);
}
