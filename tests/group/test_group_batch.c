/*
 * A batch that is not dimension 0, and values that have none, on several devices: what one device computes. What
 * several cannot share is refused.
 */
#include <math.h>
#include <string.h>

#include "lab.h"

enum { T = 3, N = 4, C = 5, K = 2 };

typedef struct net {
    tn_device *device;
    tn_graph *g;
    tn_value t, table, rows, wide, shifted, y, loss;
    tn_plan *plan;
} net;

/* T x N x C through element-wise layers beside rows through a dense layer; a row of a table for all of them. */
static tn_status open_net(net *s, const char *device)
{
    tn_graph *g = NULL;
    *s = (net){0};
    TN_TRY(tn_device_open(&s->device, device));
    TN_TRY(tn_graph_create(&s->g));
    g = s->g;
    s->t = tn_input_batched(g, "t", TN_F32, TN_SHAPE(T, N, C), 1);
    s->rows = tn_input(g, "rows", TN_F32, TN_SHAPE(N, C));
    s->table = tn_input_batched(g, "table", TN_F32, TN_SHAPE(K, C), TN_NO_BATCH);
    s->wide = tn_sigmoid(g, s->t, NULL);
    s->shifted = tn_sigmoid(g, s->table, NULL);
    s->y = tn_dense(g, s->rows, &(tn_dense_opts){.name = "fc", .units = K});
    s->loss = tn_add(g, tn_mse(g, s->y, tn_tanh(g, s->y, NULL), NULL),
                     tn_mse(g, s->shifted, s->table, NULL), NULL);
    const tn_value keep[] = {s->wide, s->shifted, s->y};
    return tn_plan_create(&s->plan, g, s->device,
                          &(tn_plan_opts){.loss = s->loss,
                                          .keep = keep,
                                          .num_keep = 3,
                                          .optim = tn_sgd(NULL),
                                          .input_gradients = true});
}

static void close_net(net *s)
{
    tn_plan_destroy(s->plan);
    tn_graph_destroy(s->g);
    tn_device_close(s->device);
}

typedef struct answers {
    float t[T * N * C], wide[T * N * C], shifted[K * C], y[N * K], loss;
    float d_rows[N * C], d_table[K * C], weight[K * C];
    double sum;
    int64_t runs;
} answers;

static void fill(float *x, size_t count, float from)
{
    for (size_t i = 0; i < count; i++)
        x[i] = from + 0.25F * (float)(i * 7 % 11);
}

static void ask(const char *device, answers *a)
{
    float t[T * N * C], rows[N * C], table[K * C];
    net s;
    *a = (answers){0};
    fill(t, TN_COUNT(t), -1);
    fill(rows, TN_COUNT(rows), -0.5F);
    fill(table, TN_COUNT(table), -2);
    assert_ok(open_net(&s, device));
    assert_ok(tn_plan_set(s.plan, s.t, (tn_tensor){TN_F32, TN_SHAPE(T, N, C), t}));
    assert_ok(tn_plan_set(s.plan, s.rows, (tn_tensor){TN_F32, TN_SHAPE(N, C), rows}));
    assert_ok(tn_plan_set(s.plan, s.table, (tn_tensor){TN_F32, TN_SHAPE(K, C), table}));
    for (int i = 0; i < 3; i++) {
        assert_ok(tn_plan_run(s.plan));
        assert_ok(tn_plan_update(s.plan, 0.1F));
    }
    assert_ok(tn_plan_run(s.plan));
    assert_ok(tn_plan_get(s.plan, s.t, (tn_tensor){TN_F32, TN_SHAPE(T, N, C), a->t}));
    assert_ok(tn_plan_get(s.plan, s.wide, (tn_tensor){TN_F32, TN_SHAPE(T, N, C), a->wide}));
    assert_ok(tn_plan_get(s.plan, s.shifted, (tn_tensor){TN_F32, TN_SHAPE(K, C), a->shifted}));
    assert_ok(tn_plan_get(s.plan, s.y, (tn_tensor){TN_F32, TN_SHAPE(N, K), a->y}));
    assert_ok(tn_plan_get(s.plan, s.loss, (tn_tensor){TN_F32, {0}, &a->loss}));
    assert_ok(tn_plan_get_gradient(s.plan, s.rows, (tn_tensor){TN_F32, TN_SHAPE(N, C), a->d_rows}));
    assert_ok(
        tn_plan_get_gradient(s.plan, s.table, (tn_tensor){TN_F32, TN_SHAPE(K, C), a->d_table}));
    assert_ok(tn_plan_param_get(s.plan, tn_plan_find_param(s.plan, "fc.weight"), TN_PARAM_VALUE,
                                (tn_tensor){TN_F32, TN_SHAPE(K, C), a->weight}));
    assert_ok(tn_plan_take_sum(s.plan, s.loss, &a->sum, &a->runs));
    close_net(&s);
    assert_memory_equal(a->t, t, sizeof t);
}

static void near(const char *what, const float *a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabsf(a[i] - b[i]) <= 2e-6F * fmaxf(1, fabsf(a[i]))))
            fail_msg("%s %zu: %g on one device, %g on several", what, i, (double)a[i],
                     (double)b[i]);
}

static void it_is_what_one_device_computes(void **state)
{
    (void)state;
    static const char *const groups[] = {"cpu:0-1", "cpu:0-3", "cpu:0-1,reference"};
    static answers one, several;
    ask("cpu", &one);
    assert_true(one.d_table[0] != 0 && one.d_rows[0] != 0);
    for (size_t d = 0; d < TN_COUNT(groups); d++) {
        ask(groups[d], &several);
        near("wide", one.wide, several.wide, TN_COUNT(one.wide));
        near("shifted", one.shifted, several.shifted, TN_COUNT(one.shifted));
        near("y", one.y, several.y, TN_COUNT(one.y));
        near("loss", &one.loss, &several.loss, 1);
        near("d_rows", one.d_rows, several.d_rows, TN_COUNT(one.d_rows));
        near("d_table", one.d_table, several.d_table, TN_COUNT(one.d_table));
        near("weight", one.weight, several.weight, TN_COUNT(one.weight));
        assert_true(fabs(one.sum - several.sum) < 1e-5);
        assert_int_equal(several.runs, 4);
    }
}

/* ---- what cannot be shared ---------------------------------------------------------------------- */

static void refuses(tn_value (*build)(tn_graph *), tn_status status, const char *text)
{
    tn_graph *g = NULL;
    tn_device *d = NULL;
    tn_plan *p = NULL;
    assert_ok(tn_graph_create(&g));
    const tn_value v = build(g);
    const tn_plan_opts opts = {.keep = &v, .num_keep = 1};
    assert_ok(tn_graph_status(g));
    assert_ok(tn_device_open(&d, "cpu,threads=1"));
    assert_ok(tn_plan_create(&p, g, d, &opts)); /* one device can */
    tn_plan_destroy(p);
    tn_device_close(d);
    assert_ok(tn_device_open(&d, "cpu:0-1"));
    assert_fails(tn_plan_create(&p, g, d, &opts), status, text);
    tn_device_close(d);
    tn_graph_destroy(g);
}

static tn_value two_batches(tn_graph *g)
{
    return tn_add(g, tn_input(g, "a", TN_F32, TN_SHAPE(N, N)),
                  tn_input_batched(g, "b", TN_F32, TN_SHAPE(N, N), 1), NULL);
}

static tn_value root_of_a_mean(tn_graph *g)
{
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(N, C));
    return tn_sigmoid(g, tn_mse(g, x, x, NULL), NULL);
}

static tn_value norm_across(tn_graph *g)
{
    return tn_lrn(g, tn_input_batched(g, "x", TN_F32, TN_SHAPE(C, N, 2, 2), 1), NULL);
}

static tn_value no_batch(tn_graph *g)
{
    return tn_relu(g, tn_input_batched(g, "x", TN_F32, TN_SHAPE(N, C), TN_NO_BATCH), NULL);
}

static tn_value unlike(tn_graph *g)
{
    tn_input(g, "table", TN_F32, TN_SHAPE(7, C));
    return tn_relu(g, tn_input(g, "x", TN_F32, TN_SHAPE(N, C)), NULL);
}

static void what_mixes_rows_is_refused(void **state)
{
    (void)state;
    refuses(two_batches, TN_ERR_SHAPE,
            "with a batch of 2: add add1: 2 x 4 and 4 x 2: with their last dimensions in line, 2 "
            "stands over 4 (its inputs: a (the "
            "batch is dimension 0), b (the batch is dimension 1))");
    refuses(
        root_of_a_mean, TN_ERR_UNSUPPORTED,
        "sigmoid sigmoid1: several devices cannot share a batch whose rows it mixes (its inputs: "
        "mse1 (a mean over it))");
    refuses(
        norm_across, TN_ERR_UNSUPPORTED,
        "lrn lrn1: several devices cannot share a batch whose rows it mixes (its inputs: x (the "
        "batch is dimension 1))");
    refuses(no_batch, TN_ERR_SHAPE, "no input has a batch that 2 devices could share");
    refuses(unlike, TN_ERR_SHAPE,
            "input x is 4 x 5, a batch of 4, but input table is 7 x 5, one of "
            "7: which dimension is the batch, or that there is none, "
            "tn_input_batched() says");
}

static tn_status make_and_set(void *unused)
{
    (void)unused;
    float t[T * N * C] = {0};
    net s;
    tn_status status = open_net(&s, "cpu:0-1");
    if (status == TN_OK)
        status = tn_plan_set(s.plan, s.t, (tn_tensor){TN_F32, TN_SHAPE(T, N, C), t});
    close_net(&s);
    return status;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    assert_true(lab_fail_each_allocation(make_and_set, NULL) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_what_one_device_computes),
        cmocka_unit_test(what_mixes_rows_is_refused),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
