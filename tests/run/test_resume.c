/*
 * Numbers that come from outside, between any two calls: parameters set by the program, a file loaded, a run resumed;
 * of plans that train, evaluate, accumulate, compute in half precision, are several. After each the plan goes on as
 * one that had these numbers all along.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "lab_op.h"
#include "lab_sim.h"

enum { ROWS = 8, WIDE = 6, CLASSES = 3, MOST = 512, STEPS = 6 };

typedef struct rig {
    tn_device *device;
    tn_graph *g;
    tn_plan *plan;
    tn_value x, label, logits, loss;
} rig;

typedef struct kind {
    const char *why, *device;
    tn_precision precision;
    int accumulate;
    float loss_scale;
} kind;

static void open_rig(rig *r, const kind *k, uint64_t seed)
{
    assert_ok(tn_device_open(&r->device, k->device));
    assert_ok(tn_graph_create(&r->g));
    r->x = tn_input(r->g, "x", TN_F32, TN_SHAPE(ROWS, WIDE));
    r->label = tn_input(r->g, "label", TN_I32, TN_SHAPE(ROWS));
    tn_value y =
        tn_relu(r->g, tn_dense(r->g, r->x, &(tn_dense_opts){.name = "fc1", .units = 16}), NULL);
    /* The numbers that it draws depend on how many runs there were. */
    y = tn_dropout(r->g, y, &(tn_dropout_opts){.name = "drop", .rate = 0.25F});
    r->logits = tn_dense(r->g, y, &(tn_dense_opts){.name = "fc2", .units = CLASSES});
    r->loss = tn_softmax_xent(r->g, r->logits, r->label, NULL).loss;
    assert_ok(tn_plan_create(&r->plan, r->g, r->device,
                             &(tn_plan_opts){.loss = r->loss,
                                             .keep = &r->logits,
                                             .num_keep = 1,
                                             .optim = tn_sgd(&(tn_sgd_opts){.momentum = 0.9F}),
                                             .precision = k->precision,
                                             .accumulate = k->accumulate,
                                             .loss_scale = k->loss_scale,
                                             .seed = seed}));
}

static void close_rig(rig *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
}

static void set_batch(const rig *r, int step)
{
    float x[ROWS * WIDE];
    int32_t label[ROWS];
    tn_random random = tn_random_begin(21, TN_RANDOM_TEST, (uint64_t)step);
    for (int i = 0; i < ROWS * WIDE; i++)
        x[i] = (float)tn_random_below(&random, 256) / 64 - 2;
    for (int i = 0; i < ROWS; i++) /* every other batch is short */
        label[i] = step % 2 && i > 4 ? -1 : (int32_t)tn_random_below(&random, CLASSES);
    assert_ok(tn_plan_set(r->plan, r->x, (tn_tensor){TN_F32, TN_SHAPE(ROWS, WIDE), x}));
    assert_ok(tn_plan_set(r->plan, r->label, (tn_tensor){TN_I32, TN_SHAPE(ROWS), label}));
}

/* Run number `step`, and the update that may be due after it. */
static void step(const rig *r, const kind *k, int step)
{
    set_batch(r, step);
    assert_ok(tn_plan_run(r->plan));
    if ((step + 1) % k->accumulate == 0)
        assert_ok(tn_plan_update(r->plan, 0.1F));
}

typedef struct numbers {
    float v[2 * MOST];
    int count;
} numbers;

/* Values; what the optimizer keeps, if asked; and what the plan makes of them. */
static void read_all(const rig *r, numbers *out, bool slots)
{
    float logits[ROWS * CLASSES];
    out->count = 0;
    for (int i = 0; i < tn_plan_num_params(r->plan); i++)
        for (int part = TN_PARAM_VALUE; part <= (slots ? TN_PARAM_SLOT : TN_PARAM_VALUE);
             part += TN_PARAM_SLOT) {
            tn_param_info info;
            int64_t own;
            assert_ok(tn_plan_param(r->plan, i, &info));
            assert_ok(tn_shape_count(&info.shape, &own));
            assert_true(out->count + own <= MOST);
            assert_ok(tn_plan_param_get(r->plan, i, part,
                                        (tn_tensor){TN_F32, info.shape, out->v + out->count}));
            out->count += (int)own;
        }
    set_batch(r, 100);
    assert_ok(tn_plan_evaluate(r->plan));
    assert_ok(
        tn_plan_get(r->plan, r->logits, (tn_tensor){TN_F32, TN_SHAPE(ROWS, CLASSES), logits}));
    memcpy(out->v + out->count, logits, sizeof logits);
    out->count += ROWS * CLASSES;
}

static void assert_same(const kind *k, const char *what, const numbers *got, const numbers *want)
{
    assert_int_equal(got->count, want->count);
    for (int i = 0; i < got->count; i++)
        if (got->v[i] != want->v[i])
            fail_msg("%s, %s: number %d is %.9g, not %.9g", k->why, what, i, (double)got->v[i],
                     (double)want->v[i]);
}

static void copy_params(const rig *from, const rig *to)
{
    float buffer[MOST];
    for (int i = 0; i < tn_plan_num_params(from->plan); i++) {
        tn_param_info info;
        assert_ok(tn_plan_param(from->plan, i, &info));
        const tn_tensor t = {TN_F32, info.shape, buffer};
        assert_ok(tn_plan_param_get(from->plan, i, TN_PARAM_VALUE, t));
        assert_ok(tn_plan_param_set(to->plan, i, TN_PARAM_VALUE, t));
    }
}

/* What a plan had before may not show: runs, an evaluation, half a sum. */
static void use(const rig *r, const kind *k, int runs)
{
    for (int i = 0; i < runs; i++)
        step(r, k, i);
    assert_ok(tn_plan_evaluate(r->plan));
}

/* Saved after each number of runs, and resumed by a plan that has been elsewhere. */
static void check_resume(const kind *k, const char *path)
{
    for (int saved = 1; saved < STEPS; saved++) {
        static numbers got, want;
        float scale[2];
        rig first, second; /* one after the other: several GPUs that sum up do nothing beside */
        open_rig(&first, k, 1);
        for (int i = 0; i < STEPS; i++) {
            if (i == saved)
                assert_ok(tn_checkpoint_save(first.plan, path, NULL, 0));
            step(&first, k, i);
        }
        assert_ok(tn_plan_loss_scale(first.plan, &scale[0]));
        read_all(&first, &want, true);
        close_rig(&first);
        kind other = *k;
        other.loss_scale *= 4;
        open_rig(&second, &other, 1);
        use(&second, k, k->accumulate + 1); /* and half a sum */
        assert_ok(tn_checkpoint_load(second.plan, path, TN_LOAD_RESUME));
        for (int i = saved; i < STEPS; i++)
            step(&second, k, i);
        assert_ok(tn_plan_loss_scale(second.plan, &scale[1]));
        assert_true(scale[0] == scale[1]);
        read_all(&second, &got, true);
        assert_same(k, "resumed", &got, &want);
        close_rig(&second);
    }
}

/* Saved when all runs of an update are summed up, and resumed by a plan that has summed up nothing yet. */
static void check_due(const kind *k, const char *path)
{
    static numbers got, want;
    rig first, second;
    open_rig(&first, k, 1);
    for (int i = 0; i < k->accumulate; i++) {
        set_batch(&first, i);
        assert_ok(tn_plan_run(first.plan));
    }
    assert_ok(tn_checkpoint_save(first.plan, path, NULL, 0));
    assert_ok(tn_plan_update(first.plan, 0.1F));
    read_all(&first, &want, true);
    close_rig(&first);
    open_rig(&second, k, 2);
    assert_ok(tn_checkpoint_load(second.plan, path, TN_LOAD_RESUME));
    assert_ok(tn_plan_update(second.plan, 0.1F));
    read_all(&second, &got, true);
    assert_same(k, "resumed before the update", &got, &want);
    close_rig(&second);
}

/* Values by set and by load, into a plan that has been used: it evaluates with these. */
static void check_values(const kind *k, const char *path, bool load)
{
    static numbers got, want;
    rig from, to;
    open_rig(&from, k, 1);
    use(&from, k, 2);
    read_all(&from, &want, false);
    open_rig(&to, k, 2);
    use(&to, k, 2);
    if (load) {
        assert_ok(tn_checkpoint_save(from.plan, path, NULL, 0));
        assert_ok(tn_checkpoint_load(to.plan, path, TN_LOAD_PARAMS));
    } else {
        copy_params(&from, &to);
    }
    read_all(&to, &got, false);
    assert_same(k, load ? "loaded" : "set", &got, &want);
    close_rig(&from);
    close_rig(&to);
}

static void goes_on_as_if_nothing_had_been(void **unused)
{
    (void)unused;
    static const kind kinds[] = {
        {"cpu", "cpu", TN_PRECISION_F32, 1, 1},
        {"cpu, accumulated", "cpu", TN_PRECISION_F32, 3, 1},
        {"two cpus", "cpu:0-1", TN_PRECISION_F32, 1, 1},
        {"two cpus, accumulated", "cpu:0-1", TN_PRECISION_F32, 3, 1},
        {"gpu", "sim:0,deterministic=on", TN_PRECISION_F32, 1, 1},
        {"gpu, bf16", "sim:0,deterministic=on", TN_PRECISION_BF16, 1, 1},
        {"gpu, f16", "sim:0,deterministic=on", TN_PRECISION_F16, 1, 1024},
        {"gpu, f16, accumulated", "sim:0,deterministic=on", TN_PRECISION_F16, 3, 1024},
        {"two gpus, f16, accumulated", "sim:0-1,deterministic=on", TN_PRECISION_F16, 2, 1024},
    };
    const lab_sim *sim = lab_counting_sim();
    const char *folder = lab_make_folder();
    char path[512];
    snprintf(path, sizeof path, "%s/run.safetensors", folder);
    if (sim)
        sim->set_devices(2);
    for (size_t i = 0; i < TN_COUNT(kinds); i++) {
        if (!sim && kinds[i].device[0] == 's')
            continue;
        check_resume(&kinds[i], path);
        if (kinds[i].accumulate > 1)
            check_due(&kinds[i], path);
        check_values(&kinds[i], path, false);
        check_values(&kinds[i], path, true);
    }
    lab_remove(folder);
}

/* Half a sum is no beginning for a plan that takes fewer runs together. */
static void half_a_sum_needs_its_other_half(void **unused)
{
    (void)unused;
    const kind three = {"three", "cpu", TN_PRECISION_F32, 3, 1},
               one = {"one", "cpu", TN_PRECISION_F32, 1, 1};
    const char *folder = lab_make_folder();
    char path[512];
    static numbers before, after;
    rig r, other;
    snprintf(path, sizeof path, "%s/run.safetensors", folder);
    open_rig(&r, &three, 1);
    use(&r, &three, 2);
    assert_ok(tn_checkpoint_save(r.plan, path, NULL, 0));
    open_rig(&other, &one, 2);
    use(&other, &one, 1);
    read_all(&other, &before, true);
    assert_fails(tn_checkpoint_load(other.plan, path, TN_LOAD_RESUME), TN_ERR_ARGUMENT,
                 "was written after 2 runs of an update, and the plan accumulates 1");
    read_all(&other, &after, true);
    assert_same(&one, "refused", &after, &before);
    assert_ok(tn_checkpoint_load(other.plan, path, TN_LOAD_PARAMS));
    close_rig(&other);
    close_rig(&r);
    lab_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_as_if_nothing_had_been),
        cmocka_unit_test(half_a_sum_needs_its_other_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
