/*
 * Losses that are sums of losses: each a mean over the rows that have a label of its own, on one device and on groups;
 * in half precision a sum of f32.
 */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "graph/op.h"
#include "lab_op.h"

enum { ROWS = 8, IN = 6, CLASSES = 4, MOST_PARAMS = 6, MOST = 64 };

/* Labels of the two heads. In shares of two and four their labelled rows are as uneven as can be. */
static const struct {
    int32_t label[2][ROWS];
    const char *why;
} batches[] = {
    {{{0, 1, 2, 3, 0, 1, 2, 3}, {3, 2, 1, 0, 3, 2, 1, 0}}, "all rows have both labels"},
    {{{0, 1, 2, 3, 0, -1, -1, -1}, {-1, -1, -1, -1, 1, -1, 2, -1}}, "few have both"},
    {{{-1, -1, -1, -1, -1, -1, -1, 2}, {-1, -1, 1, -1, -1, -1, -1, -1}}, "one row has each"},
    {{{-1, -1, -1, -1, -1, -1, -1, -1}, {0, 1, 2, 3, 0, 1, 2, 3}}, "no row has the first"},
};

typedef struct built {
    tn_device *device;
    tn_graph *g;
    tn_plan *plan;
    tn_value x, label[2], loss, part[2];
} built;

/* Two heads on one trunk, the second of twice the weight; `same`: both have the first labels, as auxiliaries do. */
static tn_status open_net(built *b, const char *device, bool same, tn_plan_opts opts)
{
    TN_TRY(tn_device_open(&b->device, device));
    TN_TRY(tn_graph_create(&b->g));
    tn_graph *g = b->g;
    b->x = tn_input(g, "x", TN_F32, TN_SHAPE(ROWS, IN));
    b->label[0] = tn_input(g, "a", TN_I32, TN_SHAPE(ROWS));
    b->label[1] = same ? b->label[0] : tn_input(g, "b", TN_I32, TN_SHAPE(ROWS));
    const tn_value h = tn_tanh(g, tn_dense(g, b->x, &(tn_dense_opts){.units = 5}), NULL);
    for (int i = 0; i < 2; i++) {
        const tn_value logits = tn_dense(g, h, &(tn_dense_opts){.units = CLASSES});
        b->part[i] = tn_softmax_xent(g, logits, b->label[i], NULL).loss;
    }
    float two = 2;
    const tn_value weight = tn_constant(g, "two", (tn_tensor){TN_F32, {0}, &two});
    b->loss = tn_add(g, tn_mul(g, weight, b->part[1], NULL), b->part[0], NULL);
    opts.loss = b->loss;
    opts.keep = b->part;
    opts.num_keep = 2;
    opts.seed = 2;
    opts.optim = tn_sgd(NULL);
    return tn_plan_create(&b->plan, g, b->device, &opts);
}

static void close_net(built *b)
{
    tn_plan_destroy(b->plan);
    tn_graph_destroy(b->g);
    tn_device_close(b->device);
    *b = (built){0};
}

static void set(const built *b, size_t batch)
{
    float x[ROWS * IN];
    int32_t label[ROWS];
    tn_random r = tn_random_begin(LAB_SEED, TN_RANDOM_TEST, 90 + batch);
    for (int i = 0; i < ROWS * IN; i++)
        x[i] = (float)(2 * tn_random_real(&r) - 1);
    assert_ok(tn_plan_set(b->plan, b->x, (tn_tensor){TN_F32, TN_SHAPE(ROWS, IN), x}));
    for (int i = 0; i < (b->label[1].id == b->label[0].id ? 1 : 2); i++) {
        memcpy(label, batches[batch].label[i], sizeof label);
        assert_ok(tn_plan_set(b->plan, b->label[i], (tn_tensor){TN_I32, TN_SHAPE(ROWS), label}));
    }
}

typedef struct answers {
    float loss[3], x[MOST_PARAMS][MOST];
    int params;
} answers;

static void read_answers(const built *b, int part, answers *a)
{
    const tn_value of[] = {b->loss, b->part[0], b->part[1]};
    for (int i = 0; i < 3; i++)
        assert_ok(tn_plan_get(b->plan, of[i], (tn_tensor){TN_F32, {0}, &a->loss[i]}));
    a->params = tn_plan_num_params(b->plan);
    assert_int_equal(a->params, MOST_PARAMS);
    for (int i = 0; i < a->params; i++) {
        tn_param_info info;
        assert_ok(tn_plan_param(b->plan, i, &info));
        assert_true(tn_elements(&info.shape) <= MOST);
        assert_ok(tn_plan_param_get(b->plan, i, part, (tn_tensor){TN_F32, info.shape, a->x[i]}));
    }
}

static void compare(const answers *got, const answers *want, float allowed, const char *where)
{
    for (int i = 0; i < 3; i++)
        if (!(fabsf(got->loss[i] - want->loss[i]) <= allowed * (1 + want->loss[i])))
            fail_msg("%s: loss %d is %g, not %g", where, i, (double)got->loss[i],
                     (double)want->loss[i]);
    for (int i = 0; i < want->params; i++)
        for (int k = 0; k < MOST; k++)
            if (!(fabsf(got->x[i][k] - want->x[i][k]) <= allowed * (0.1F + fabsf(want->x[i][k]))))
                fail_msg("%s: parameter %d[%d]: %g, not %g", where, i, k, (double)got->x[i][k],
                         (double)want->x[i][k]);
}

/* What the sum is by hand: the parts are, and each is the mean over its own rows. */
static void check_parts(const answers *a, size_t batch)
{
    const float sum = a->loss[1] + 2 * a->loss[2];
    assert_true(fabsf(a->loss[0] - sum) <= 1e-5F * (1 + sum));
    for (int i = 0; i < 2; i++) {
        bool any = false;
        for (int n = 0; n < ROWS; n++)
            any |= batches[batch].label[i][n] >= 0;
        assert_int_equal(a->loss[1 + i] > 0, any);
    }
}

static void devices_agree(void **unused)
{
    (void)unused;
    static const char *const groups[] = {"cpu:0-1", "cpu:0-3", "cpu:0-1,reference"};
    for (int same = 0; same < 2; same++) {
        built one = {0};
        assert_ok(open_net(&one, "cpu,reference", same, (tn_plan_opts){0}));
        for (size_t batch = 0; batch < TN_COUNT(batches); batch++) {
            answers want = {0};
            print_message("%s%s\n", batches[batch].why, same ? ", one for both heads" : "");
            set(&one, batch);
            assert_ok(tn_plan_run(one.plan));
            read_answers(&one, TN_PARAM_GRADIENT, &want);
            if (!same)
                check_parts(&want, batch);
            for (size_t k = 0; k < TN_COUNT(groups) + 3; k++) {
                const char *device = k < TN_COUNT(groups)    ? groups[k]
                                     : k == TN_COUNT(groups) ? "cpu"
                                                             : lab_devices()[k - TN_COUNT(groups)];
                built b = {0};
                answers got = {0};
                if (!device)
                    break;
                assert_ok(
                    open_net(&b, device, same, (tn_plan_opts){.precision = TN_PRECISION_F32}));
                for (size_t before = 0; before <= batch; before++) {
                    set(&b, before);
                    assert_ok(tn_plan_run(b.plan));
                }
                read_answers(&b, TN_PARAM_GRADIENT, &got);
                compare(&got, &want, 1e-4F, device);
                close_net(&b);
            }
        }
        close_net(&one);
    }
}

/* Runs that one update takes weigh as their labels: of losses with the same labels as one batch. */
static void accumulated_runs_weigh_as_their_labels(void **unused)
{
    (void)unused;
    static const char *const devices[] = {"cpu", "cpu:0-1"};
    for (size_t k = 0; k < TN_COUNT(devices); k++) {
        built one = {0}, two = {0};
        answers a = {0}, want = {0}, got = {0}, begin = {0};
        double weight = 0;
        assert_ok(open_net(&one, devices[k], true, (tn_plan_opts){0}));
        assert_ok(open_net(&two, devices[k], true, (tn_plan_opts){.accumulate = 2}));
        read_answers(&two, TN_PARAM_VALUE, &begin);
        for (size_t batch = 0; batch < 2; batch++) {
            int labelled = 0;
            for (int n = 0; n < ROWS; n++)
                labelled += batches[batch].label[0][n] >= 0;
            set(&one, batch);
            assert_ok(tn_plan_run(one.plan));
            read_answers(&one, TN_PARAM_GRADIENT, &a);
            for (int i = 0; i < a.params; i++)
                for (int e = 0; e < MOST; e++)
                    want.x[i][e] += (float)labelled * a.x[i][e];
            weight += labelled;
            set(&two, batch);
            assert_ok(tn_plan_run(two.plan));
        }
        assert_ok(tn_plan_update(two.plan, 1));
        read_answers(&two, TN_PARAM_VALUE, &got);
        for (int i = 0; i < a.params; i++)
            for (int e = 0; e < MOST; e++) {
                got.x[i][e] = begin.x[i][e] - got.x[i][e];
                want.x[i][e] /= (float)weight;
            }
        want.params = a.params;
        memcpy(want.loss, got.loss, sizeof want.loss);
        compare(&got, &want, 1e-3F, devices[k]);
        close_net(&one);
        close_net(&two);
    }
}

/* In half precision losses are summed up in f32, and the loss scale, which is more than an f16 holds, gets to each. */
static void sums_are_f32(void **unused)
{
    (void)unused;
    static const tn_precision halves[] = {TN_PRECISION_BF16, TN_PRECISION_F16};
    for (const char *const *device = lab_devices() + 1; *device; device++)
        for (size_t k = 0; k < TN_COUNT(halves); k++) {
            built b = {0};
            answers got = {0};
            int64_t skipped = -1;
            assert_ok(open_net(&b, *device, false, (tn_plan_opts){.precision = halves[k]}));
            for (int i = 0; i < 2; i++) {
                set(&b, 1);
                assert_ok(tn_plan_run(b.plan));
                assert_ok(tn_plan_update(b.plan, 0.1F));
            }
            read_answers(&b, TN_PARAM_VALUE, &got);
            const float sum = got.loss[1] + 2 * got.loss[2];
            assert_true(fabsf(got.loss[0] - sum) <= 1e-6F * sum);
            assert_ok(tn_plan_skipped(b.plan, &skipped));
            assert_int_equal(skipped, 0);
            close_net(&b);
        }
}

/* A loss of one element that a layer writes as it writes all else. */
static void a_loss_may_have_dimensions(void **unused)
{
    (void)unused;
    float x[IN] = {1, -1, 0.5F, 2, -2, 0.25F};
    for (const char *const *device = lab_devices(); *device; device++)
        for (int half = 0; half < (strcmp(*device, "cpu") ? 2 : 1); half++) {
            built b = {0};
            float dw[IN];
            assert_ok(tn_device_open(&b.device, *device));
            assert_ok(tn_graph_create(&b.g));
            b.x = tn_input(b.g, "x", TN_F32, TN_SHAPE(1, IN));
            const tn_value y = tn_dense(b.g, b.x, &(tn_dense_opts){.units = 1});
            assert_ok(tn_plan_create(
                &b.plan, b.g, b.device,
                &(tn_plan_opts){.loss = y,
                                .precision = half ? TN_PRECISION_BF16 : TN_PRECISION_F32}));
            assert_ok(tn_plan_set(b.plan, b.x, (tn_tensor){TN_F32, TN_SHAPE(1, IN), x}));
            assert_ok(tn_plan_run(b.plan));
            assert_ok(tn_plan_param_get(b.plan, 0, TN_PARAM_GRADIENT,
                                        (tn_tensor){TN_F32, TN_SHAPE(1, IN), dw}));
            assert_memory_equal(dw, x, sizeof dw);
            close_net(&b);
        }
}

/* What divides by the weights of the labels' classes cannot be the mean of what shares of a batch have. */
static void several_devices_refuse_weights_of_classes(void **unused)
{
    (void)unused;
    static const char *const devices[] = {"cpu:0-1", "cpu"};
    float weights[CLASSES] = {1, 2, 3, 4};
    for (size_t k = 0; k < TN_COUNT(devices); k++) {
        built b = {0};
        assert_ok(tn_device_open(&b.device, devices[k]));
        assert_ok(tn_graph_create(&b.g));
        b.x = tn_input(b.g, "x", TN_F32, TN_SHAPE(ROWS, IN));
        b.label[0] = tn_input(b.g, "a", TN_I32, TN_SHAPE(ROWS));
        const tn_value y = tn_dense(b.g, b.x, &(tn_dense_opts){.units = CLASSES});
        const tn_value classes =
            tn_constant(b.g, "classes", (tn_tensor){TN_F32, TN_SHAPE(CLASSES), weights});
        b.loss = tn_softmax_xent_weighted(b.g, y, b.label[0], (tn_value){0}, classes,
                                          &(tn_softmax_xent_opts){.name = "rare"})
                     .loss;
        const tn_status status =
            tn_plan_create(&b.plan, b.g, b.device, &(tn_plan_opts){.loss = b.loss});
        if (k == 0)
            assert_fails(status, TN_ERR_UNSUPPORTED,
                         "softmax_xent rare: several devices cannot share a batch");
        else
            assert_ok(status);
        close_net(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_agree),
        cmocka_unit_test(accumulated_runs_weigh_as_their_labels),
        cmocka_unit_test(sums_are_f32),
        cmocka_unit_test(a_loss_may_have_dimensions),
        cmocka_unit_test(several_devices_refuse_weights_of_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
