/*
 * A plan on several devices is the plan on one: the same losses, parameters, gradients, counts and outputs,
 * within the rounding of sums that are added in another order.
 */
#include <math.h>
#include <string.h>

#include "group/lab_group.h"

/* After 20 steps: each differs from one device by sums in another order, 2^-24 of what is added a time, and
 * these differences add up. Observed: at most 4e-7. */
static const float allowed = 4e-6F;
/* Through a ReLU that is 0 within rounding a difference may jump: then of the order of one gradient of one
 * element. Observed in the ResNet: at most 2e-4, from step 14 on. */
static const float allowed_after_a_kink = 2e-3F;

static tn_plan_opts with_sgd(void)
{
    return (tn_plan_opts){.optim = tn_sgd(&(tn_sgd_opts){.momentum = 0.9F, .weight_decay = 1e-3F})};
}

static void training_is_that_of_one_device(void **unused)
{
    (void)unused;
    tn_plan_opts clipped = {.optim = tn_adam(NULL), .clip_norm = 0.5F};
    tn_plan_opts summed = with_sgd(), small = with_sgd(), both = clipped;
    summed.accumulate = 3;
    small.bucket_bytes = 1;
    both.accumulate = 2;
    both.bucket_bytes = 1000;
    const struct {
        const char *why;
        tn_plan_opts opts;
    } cases[] = {
        {"sgd", with_sgd()},
        {"a bucket a parameter", small},
        {"three runs an update", summed},
        {"adam, clipped", clipped},
        {"the same, two runs an update, some buckets", both},
    };
    static const char *const groups[] = {"cpu:0-1", "cpu:0-3", "cpu:0-7", "cpu:2,0,threads=2"};
    static lab_history one, several;
    for (size_t c = 0; c < TN_COUNT(cases); c++) {
        lab_group_train("cpu", LAB_LENET, cases[c].opts, &one);
        assert_true(one.loss[GROUP_STEPS - 1] < one.loss[0]);
        for (size_t d = 0; d < TN_COUNT(groups); d++) {
            lab_group_train(groups[d], LAB_LENET, cases[c].opts, &several);
            const float difference = lab_group_difference(&one, &several);
            print_message("%s, %s: %.2g\n", cases[c].why, groups[d], (double)difference);
            assert_true(difference <= allowed);
        }
    }
}

/* With the statistics of the whole batch a network with batchnorm learns the same too, and its running
 * statistics are the same; with each device's own it learns as well, but something else. */
static void batchnorm_may_see_the_whole_batch(void **unused)
{
    (void)unused;
    static const char *const groups[] = {"cpu:0-1", "cpu:0-3", "cpu:0-1,reference"};
    static lab_history one, several;
    tn_plan_opts opts = with_sgd();
    lab_group_train("cpu", LAB_RESNET, opts, &one);
    assert_true(one.loss[GROUP_STEPS - 1] < one.loss[0]);
    for (size_t d = 0; d < TN_COUNT(groups); d++) {
        opts.sync_batchnorm = true;
        lab_group_train(groups[d], LAB_RESNET, opts, &several);
        const float difference = lab_group_difference(&one, &several);
        for (int i = 0; i < 10; i++)
            assert_true(fabsf(one.loss[i] - several.loss[i]) <= allowed);
        opts.sync_batchnorm = false;
        lab_group_train(groups[d], LAB_RESNET, opts, &several);
        const float own = lab_group_difference(&one, &several);
        print_message("%s: %.2g; statistics of each device's rows: %.2g\n", groups[d],
                      (double)difference, (double)own);
        assert_true(difference <= allowed_after_a_kink);
        assert_true(own > 10 * allowed_after_a_kink &&
                    several.loss[GROUP_STEPS - 1] < several.loss[0]);
    }
}

static void two_runs_have_the_same_bits(void **unused)
{
    (void)unused;
    static lab_history first, second;
    tn_plan_opts opts = with_sgd();
    opts.sync_batchnorm = true;
    opts.bucket_bytes = 1000;
    for (int net = LAB_LENET; net <= LAB_RESNET; net++) {
        lab_group_train("cpu:0-3", (lab_net)net, opts, &first);
        lab_group_train("cpu:0-3", (lab_net)net, opts, &second);
        assert_memory_equal(&first, &second, sizeof first);
    }
}

/* In bf16 each gradient keeps 8 bits: the run is another one, and nearly the same. */
static void gradients_may_travel_as_bf16(void **unused)
{
    (void)unused;
    static lab_history full, half;
    tn_plan_opts opts = with_sgd();
    lab_group_train("cpu:0-1", LAB_LENET, opts, &full);
    opts.reduce_bf16 = true;
    lab_group_train("cpu:0-1", LAB_LENET, opts, &half);
    const float difference = lab_group_difference(&full, &half);
    assert_true(difference > allowed && difference < 0x1p-6F);
}

/* ---- what a program reads ------------------------------------------------------------------- */

enum { LOGITS = GROUP_ROWS * GROUP_CLASSES };

/* All that can be read of a plan after a step and an evaluation. */
typedef struct answers {
    float loss, norm, logits[LOGITS], gradient[GROUP_MOST_PARAMS], momentum[GROUP_MOST_PARAMS];
    int32_t top_1, labels[GROUP_ROWS];
    double sums[2];
    int64_t runs, updates;
    size_t count;
} answers;

static void read_all(const char *device, tn_plan_opts opts, int runs, answers *a)
{
    lab_group s;
    *a = (answers){0};
    assert_ok(lab_group_open(&s, device, LAB_LENET, opts));
    for (int i = 0; i < 4; i++)
        assert_ok(lab_group_step(&s, i, runs));
    a->count = lab_group_params(&s, TN_PARAM_GRADIENT, a->gradient);
    lab_group_params(&s, TN_PARAM_SLOT, a->momentum);
    assert_ok(tn_plan_gradient_norm(s.plan, &a->norm));
    assert_ok(lab_group_set(&s, 5)); /* with rows that have no label */
    assert_ok(tn_plan_evaluate(s.plan));
    assert_ok(lab_group_loss(&s, &a->loss));
    assert_ok(tn_plan_get(s.plan, s.loss.top_1, (tn_tensor){TN_I32, {0}, &a->top_1}));
    assert_ok(tn_plan_get(s.plan, s.logits,
                          (tn_tensor){TN_F32, TN_SHAPE(GROUP_ROWS, GROUP_CLASSES), a->logits}));
    assert_ok(tn_plan_get(s.plan, s.label, (tn_tensor){TN_I32, TN_SHAPE(GROUP_ROWS), a->labels}));
    assert_ok(tn_plan_take_sum(s.plan, s.loss.loss, &a->sums[0], &a->runs));
    assert_ok(tn_plan_take_sum(s.plan, s.loss.top_1, &a->sums[1], &a->runs));
    a->updates = tn_plan_updates(s.plan);
    lab_group_close(&s);
}

static void near(const char *what, const float *a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabsf(a[i] - b[i]) <= allowed * fmaxf(1, fabsf(a[i]))))
            fail_msg("%s %zu: %g on one device, %g on several", what, i, (double)a[i],
                     (double)b[i]);
}

static void what_is_read_is_of_the_whole_batch(void **unused)
{
    (void)unused;
    static answers one, several;
    for (int runs = 1; runs <= 2; runs++) {
        tn_plan_opts opts = with_sgd();
        opts.clip_norm = 1;
        opts.accumulate = runs;
        read_all("cpu", opts, runs, &one);
        read_all("cpu:0-3", opts, runs, &several);
        near("loss", &one.loss, &several.loss, 1);
        near("norm", &one.norm, &several.norm, 1);
        near("logit", one.logits, several.logits, LOGITS);
        near("gradient", one.gradient, several.gradient, one.count);
        near("momentum", one.momentum, several.momentum, one.count);
        assert_memory_equal(one.labels, several.labels, sizeof one.labels);
        assert_int_equal(one.top_1, several.top_1);
        assert_true(fabs(one.sums[0] - several.sums[0]) < 1e-5);
        assert_true(one.sums[1] == several.sums[1]);
        assert_int_equal(one.runs, several.runs);
        assert_int_equal(one.updates, several.updates);
    }
}

/* An epoch of any number of rows, the last batch filled up with rows of label -1: each row counts once. */
static void validation_counts_each_row_once(void **unused)
{
    (void)unused;
    static const char *const devices[] = {"cpu", "cpu:0-1", "cpu:0-3", "cpu:0-7"};
    double loss[TN_COUNT(devices)], right[TN_COUNT(devices)];
    for (int rows = 1; rows <= 2 * GROUP_ROWS; rows += 5)
        for (size_t d = 0; d < TN_COUNT(devices); d++) {
            lab_group s;
            loss[d] = right[d] = 0;
            assert_ok(lab_group_open(&s, devices[d], LAB_LENET, with_sgd()));
            for (int begin = 0; begin < rows; begin += GROUP_ROWS) {
                const int count = rows - begin < GROUP_ROWS ? rows - begin : GROUP_ROWS;
                int32_t labels[GROUP_ROWS], top_1;
                float mean;
                for (int i = 0; i < GROUP_ROWS; i++)
                    labels[i] = i < count ? i % GROUP_CLASSES : -1;
                assert_ok(lab_group_set(&s, begin));
                assert_ok(tn_plan_set(s.plan, s.label,
                                      (tn_tensor){TN_I32, TN_SHAPE(GROUP_ROWS), labels}));
                assert_ok(tn_plan_evaluate(s.plan));
                assert_ok(lab_group_loss(&s, &mean));
                assert_ok(tn_plan_get(s.plan, s.loss.top_1, (tn_tensor){TN_I32, {0}, &top_1}));
                loss[d] += (double)mean * count;
                right[d] += top_1;
            }
            assert_true(right[d] == right[0]);
            assert_true(fabs(loss[d] - loss[0]) <= 1e-5 * rows);
            lab_group_close(&s);
        }
}

/* One begins, another number of devices goes on: as if one had done it all. */
static void a_checkpoint_goes_on_anywhere(void **unused)
{
    (void)unused;
    static const char *const first[] = {"cpu", "cpu:0-1", "cpu:0-3"};
    static const char *const then[] = {"cpu", "cpu:0-3", "cpu"};
    static float want[GROUP_MOST_PARAMS], got[GROUP_MOST_PARAMS];
    const char *folder = lab_make_folder();
    char path[512];
    snprintf(path, sizeof path, "%s/half.safetensors", folder);
    for (size_t k = 0; k < TN_COUNT(first); k++) {
        lab_group s;
        assert_ok(lab_group_open(&s, first[k], LAB_LENET, with_sgd()));
        for (int i = 0; i < 3; i++)
            assert_ok(lab_group_step(&s, i, 1));
        assert_ok(tn_checkpoint_save(s.plan, path, NULL, 0));
        lab_group_close(&s);
        assert_ok(lab_group_open(&s, then[k], LAB_LENET, with_sgd()));
        assert_ok(lab_group_step(&s, 0, 1)); /* all of this is to be forgotten */
        assert_ok(tn_checkpoint_load(s.plan, path, TN_LOAD_RESUME));
        for (int i = 3; i < 6; i++)
            assert_ok(lab_group_step(&s, i, 1));
        assert_int_equal(tn_plan_updates(s.plan), 6);
        const size_t count = lab_group_params(&s, TN_PARAM_VALUE, k ? got : want);
        lab_group_close(&s);
        if (k)
            near("parameter", want, got, count);
    }
    lab_remove(folder);
}

/* Each device has had statistics of its own rows; evaluation is with the first's, which the checkpoint has. */
static void evaluation_is_the_same_on_all(void **unused)
{
    (void)unused;
    static float want[LOGITS], got[LOGITS];
    const char *folder = lab_make_folder();
    const tn_tensor whole = {TN_F32, TN_SHAPE(GROUP_ROWS, GROUP_CLASSES), got};
    char path[512];
    lab_group s;
    snprintf(path, sizeof path, "%s/trained.safetensors", folder);
    assert_ok(lab_group_open(&s, "cpu:0-3", LAB_RESNET, with_sgd()));
    for (int i = 0; i < 5; i++)
        assert_ok(lab_group_step(&s, i, 1));
    assert_ok(tn_checkpoint_save(s.plan, path, NULL, 0));
    assert_ok(lab_group_set(&s, 9));
    assert_ok(tn_plan_evaluate(s.plan));
    assert_ok(tn_plan_get(s.plan, s.logits, whole));
    lab_group_close(&s);
    memcpy(want, got, sizeof want);
    assert_ok(lab_group_open(&s, "cpu", LAB_RESNET, with_sgd()));
    assert_ok(tn_checkpoint_load(s.plan, path, TN_LOAD_PARAMS));
    assert_ok(lab_group_set(&s, 9));
    assert_ok(tn_plan_evaluate(s.plan));
    assert_ok(tn_plan_get(s.plan, s.logits, whole));
    lab_group_close(&s);
    near("logit", want, got, LOGITS);
    lab_remove(folder);
}

/* Of an input that is f32: the gradient of the whole batch's loss, row by row. */
static void gradients_of_inputs_are_of_the_whole_loss(void **unused)
{
    (void)unused;
    enum { ROWS = 8, WIDE = 3 };
    static const char *const devices[] = {"cpu", "cpu:0-3"};
    float x[ROWS * WIDE], target[ROWS * 2], loss[2], dx[2][ROWS * WIDE];
    for (int i = 0; i < ROWS * WIDE; i++)
        x[i] = (float)(i % 7) - 3;
    for (int i = 0; i < ROWS * 2; i++)
        target[i] = (float)(i % 5) - 2;
    for (int d = 0; d < 2; d++) {
        tn_graph *g = NULL;
        tn_device *device = NULL;
        tn_plan *p = NULL;
        const tn_shape in = TN_SHAPE(ROWS, WIDE), out = TN_SHAPE(ROWS, 2);
        assert_ok(tn_graph_create(&g));
        assert_ok(tn_device_open(&device, devices[d]));
        const tn_value a = tn_input(g, "a", TN_F32, in), b = tn_input(g, "b", TN_F32, out);
        const tn_value mse = tn_mse(g, tn_dense(g, a, &(tn_dense_opts){.units = 2}), b, NULL);
        assert_ok(tn_plan_create(&p, g, device,
                                 &(tn_plan_opts){.loss = mse, .input_gradients = true, .seed = 5}));
        assert_ok(tn_plan_set(p, a, (tn_tensor){TN_F32, in, x}));
        assert_ok(tn_plan_set(p, b, (tn_tensor){TN_F32, out, target}));
        assert_ok(tn_plan_run(p));
        assert_ok(tn_plan_get(p, mse, (tn_tensor){TN_F32, {0}, &loss[d]}));
        assert_ok(tn_plan_get_gradient(p, a, (tn_tensor){TN_F32, in, dx[d]}));
        tn_plan_destroy(p);
        tn_device_close(device);
        tn_graph_destroy(g);
    }
    near("loss", &loss[0], &loss[1], 1);
    near("dx", dx[0], dx[1], ROWS * WIDE);
}

/* Without a loss: forward only. And dry: laid out, not joined. */
static void plans_need_not_train(void **unused)
{
    (void)unused;
    static const char *const devices[] = {"cpu", "cpu:0-1"};
    float logits[2][LOGITS];
    size_t memory[2];
    for (int d = 0; d < 2; d++) {
        lab_group s;
        tn_plan *p = NULL;
        assert_ok(lab_group_open(&s, devices[d], LAB_RESNET, (tn_plan_opts){.dry = true}));
        memory[d] = tn_plan_memory(s.plan).total;
        assert_fails(lab_group_set(&s, 0), TN_ERR_ARGUMENT, "it is dry");
        assert_fails(tn_plan_evaluate(s.plan), TN_ERR_ARGUMENT, "it is dry");
        assert_ok(tn_plan_create(&p, s.g, s.device,
                                 &(tn_plan_opts){.keep = &s.logits, .num_keep = 1, .seed = 3}));
        tn_plan_destroy(s.plan);
        s.plan = p;
        assert_fails(tn_plan_run(s.plan), TN_ERR_ARGUMENT, "it has no loss");
        assert_fails(lab_group_set(&s, 0), TN_ERR_ARGUMENT, "label: this plan computes nothing");
        assert_ok(tn_plan_evaluate(s.plan));
        assert_ok(tn_plan_get(s.plan, s.logits,
                              (tn_tensor){TN_F32, TN_SHAPE(GROUP_ROWS, GROUP_CLASSES), logits[d]}));
        lab_group_close(&s);
    }
    near("logit", logits[0], logits[1], LOGITS);
    assert_true(memory[1] < memory[0]);
}

static void a_plan_tells_how_it_is_shared(void **unused)
{
    (void)unused;
    lab_group one, s;
    double forward[2], training[2], seconds[64];
    char text[1 << 14] = "";
    tn_plan_opts opts = with_sgd();
    opts.bucket_bytes = 1000;
    assert_ok(lab_group_open(&one, "cpu", LAB_LENET, opts));
    assert_ok(lab_group_open(&s, "cpu:0-1", LAB_LENET, opts));
    tn_plan_flops(one.plan, &forward[0], &training[0]);
    tn_plan_flops(s.plan, &forward[1], &training[1]);
    assert_true(forward[0] == forward[1] && training[0] == training[1]);
    assert_true(tn_plan_memory(s.plan).params == tn_plan_memory(one.plan).params);
    assert_true(tn_plan_memory(s.plan).activations < tn_plan_memory(one.plan).activations);
    assert_int_equal(tn_plan_num_steps(s.plan), tn_plan_num_steps(one.plan));
    assert_true(tn_plan_num_steps(s.plan) <= (int)TN_COUNT(seconds));
    assert_ok(lab_group_set(&s, 0));
    assert_ok(tn_plan_profile(s.plan, 0.01F, seconds));
    for (int i = 0; i < tn_plan_num_steps(s.plan); i++)
        assert_true(seconds[i] > 0 && seconds[i] < 60);
    assert_int_equal(tn_plan_updates(s.plan), 1);
    FILE *f = tmpfile();
    assert_ok(tn_plan_describe(s.plan, TN_DESCRIBE_TEXT, f));
    rewind(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    assert_non_null(strstr(text,
                           "shares   the same on each of 2 devices, 4 rows of 8; gradients summed "
                           "up in 4 buckets by host, f32: memory of the host"));
    lab_group_close(&s);
    lab_group_close(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_is_that_of_one_device),
        cmocka_unit_test(batchnorm_may_see_the_whole_batch),
        cmocka_unit_test(two_runs_have_the_same_bits),
        cmocka_unit_test(gradients_may_travel_as_bf16),
        cmocka_unit_test(what_is_read_is_of_the_whole_batch),
        cmocka_unit_test(validation_counts_each_row_once),
        cmocka_unit_test(a_checkpoint_goes_on_anywhere),
        cmocka_unit_test(evaluation_is_the_same_on_all),
        cmocka_unit_test(gradients_of_inputs_are_of_the_whole_loss),
        cmocka_unit_test(plans_need_not_train),
        cmocka_unit_test(a_plan_tells_how_it_is_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
