/*
 * Plans that only read weights, each on a device of its own and in a thread of its own: contexts of one engine. They have
 * one memory for weights and for what is made of them, run at the same time, and may read what the weights were lent.
 */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include <tenon/custom.h>

#include "base/base.h"
#include "lab_op.h"
#include "plan/plan_io.h"

enum { THREADS = 4, RUNS = 20, CHANNELS = 8, FILTERS = 16, SIDE = 12, UNITS = 40 };
enum { PICTURE = CHANNELS * SIDE * SIDE, FEATURES = FILTERS * SIDE * SIDE };

typedef struct net {
    tn_graph *g;
    tn_value x, y;
    tn_weights *weights;
    tn_custom_opts wait; /* without a function: there is none */
} net;

static void build(net *n)
{
    assert_ok(tn_graph_create(&n->g));
    n->x = tn_input(n->g, "x", TN_F32, TN_SHAPE(1, CHANNELS, SIDE, SIDE));
    tn_value v =
        tn_conv2d(n->g, n->x,
                  &(tn_conv2d_opts){.name = "conv", .filters = FILTERS, .kernel = {3}, .pad = {1}});
    if (n->wait.forward)
        v = tn_custom(n->g, 1, &v, &n->wait);
    n->y = tn_dense(n->g, tn_relu(n->g, v, NULL), &(tn_dense_opts){.name = "fc", .units = UNITS});
    assert_ok(tn_weights_create(&n->weights));
}

static void destroy(net *n)
{
    tn_weights_destroy(n->weights);
    tn_graph_destroy(n->g);
}

static const char *device_name(void)
{
    return lab_can_prefer() ? "cpu,threads=1,prefer=winograd" : "cpu,threads=1";
}

static tn_status open_context(const net *n, tn_device **d, tn_plan **p)
{
    TN_TRY(tn_device_open(d, device_name()));
    return tn_plan_create(p, n->g, *d,
                          &(tn_plan_opts){.keep = &n->y,
                                          .num_keep = 1,
                                          .seed = 3,
                                          .weights = n->weights,
                                          .kept_weights = INFINITY});
}

static tn_status answer(tn_plan *p, const net *n, float *y)
{
    float x[PICTURE];
    for (int i = 0; i < PICTURE; i++)
        x[i] = (float)(i * 7 % 23) / 11 - 1;
    TN_TRY(tn_plan_set(p, n->x, (tn_tensor){TN_F32, TN_SHAPE(1, CHANNELS, SIDE, SIDE), x}));
    TN_TRY(tn_plan_evaluate(p));
    return tn_plan_get(p, n->y, (tn_tensor){TN_F32, TN_SHAPE(1, UNITS), y});
}

/* What the weights are: their own, or `times` as large a bias of the last layer. */
static void numbers(float *conv, float *bias, float *fc, float *fc_bias, float times)
{
    for (int i = 0; i < FILTERS * CHANNELS * 9; i++)
        conv[i] = (float)(i * 5 % 13) / 13 - 0.5F;
    for (int i = 0; i < FILTERS; i++)
        bias[i] = (float)i / FILTERS;
    for (int i = 0; i < UNITS * FEATURES; i++)
        fc[i] = (float)(i * 3 % 17) / 170 - 0.05F;
    for (int i = 0; i < UNITS; i++)
        fc_bias[i] = times * (float)(i + 1);
}

typedef struct parts {
    float *conv, *bias, *fc, *fc_bias;
    size_t bytes; /* of the mapping that they are in */
} parts;

static float *take(parts *m, char *base, size_t count)
{
    float *at = base ? (float *)(void *)(base + m->bytes) : NULL;
    m->bytes += (count * sizeof *at + 63) / 64 * 64;
    return at;
}

static void lay_out(parts *m, char *base)
{
    m->bytes = 0;
    m->conv = take(m, base, FILTERS * CHANNELS * 9);
    m->bias = take(m, base, FILTERS);
    m->fc = take(m, base, (size_t)UNITS * FEATURES);
    m->fc_bias = take(m, base, UNITS);
}

static void map(parts *m)
{
    lay_out(m, NULL);
    void *base = mmap(NULL, m->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(base != MAP_FAILED);
    lay_out(m, base);
    numbers(m->conv, m->bias, m->fc, m->fc_bias, 1);
}

static void lend(const net *n, const parts *m)
{
    const tn_shape conv = TN_SHAPE(FILTERS, CHANNELS, 3, 3), fc = TN_SHAPE(UNITS, FEATURES);
    assert_ok(tn_weights_lend(n->weights, "conv.weight", &conv, &(tn_stored){.at = m->conv}));
    assert_ok(
        tn_weights_lend(n->weights, "conv.bias", &TN_SHAPE(FILTERS), &(tn_stored){.at = m->bias}));
    assert_ok(tn_weights_lend(n->weights, "fc.weight", &fc, &(tn_stored){.at = m->fc}));
    assert_ok(
        tn_weights_lend(n->weights, "fc.bias", &TN_SHAPE(UNITS), &(tn_stored){.at = m->fc_bias}));
}

/* The same by one plan that has it all by itself. */
static void want(const net *n, const parts *m, float *y)
{
    net alone = *n;
    tn_device *d = NULL;
    tn_plan *p = NULL;
    alone.weights = NULL;
    assert_ok(open_context(&alone, &d, &p));
    const tn_tensor given[] = {{TN_F32, TN_SHAPE(FILTERS, CHANNELS, 3, 3), m->conv},
                               {TN_F32, TN_SHAPE(FILTERS), m->bias},
                               {TN_F32, TN_SHAPE(UNITS, FEATURES), m->fc},
                               {TN_F32, TN_SHAPE(UNITS), m->fc_bias}};
    const char *const names[] = {"conv.weight", "conv.bias", "fc.weight", "fc.bias"};
    for (int i = 0; i < 4; i++)
        assert_ok(tn_plan_param_set(p, tn_plan_find_param(p, names[i]), TN_PARAM_VALUE, given[i]));
    assert_ok(answer(p, &alone, y));
    tn_plan_destroy(p);
    tn_device_close(d);
}

static void near(const float *y, const float *wanted)
{
    for (int i = 0; i < UNITS; i++)
        if (!(fabsf(y[i] - wanted[i]) <= 1e-4F * (1 + fabsf(wanted[i]))))
            fail_msg("%g, not %g at %d", (double)y[i], (double)wanted[i], i);
}

typedef struct context {
    const net *n;
    float y[UNITS];
    tn_memory_plan memory;
    tn_status status;
} context;

/* All of one context's life. */
static void *live(void *arg)
{
    context *c = arg;
    tn_device *d = NULL;
    tn_plan *p = NULL;
    c->status = open_context(c->n, &d, &p);
    c->memory = tn_plan_memory(p);
    for (int i = 0; i < RUNS && c->status == TN_OK; i++)
        c->status = answer(p, c->n, c->y);
    tn_plan_destroy(p);
    tn_device_close(d);
    return NULL;
}

static void run_all(const net *n, context *c)
{
    pthread_t thread[THREADS];
    for (int i = 0; i < THREADS; i++) {
        c[i] = (context){.n = n};
        assert_int_equal(pthread_create(&thread[i], NULL, live, &c[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(c[i].status, TN_OK);
}

static void contexts_read_what_was_lent(void **state)
{
    (void)state;
    net n = {NULL};
    parts m;
    context c[THREADS];
    tn_device *d = NULL;
    tn_plan *p = NULL;
    float wanted[UNITS];
    build(&n);
    map(&m);
    want(&n, &m, wanted);
    lend(&n, &m);
    assert_int_equal(mprotect(m.conv, m.bytes, PROT_READ), 0);
    assert_ok(open_context(&n, &d, &p)); /* it has all there is, so that the others find it */
    assert_int_equal(tn_plan_memory(p).params, 0);
    const size_t kept = tn_plan_memory(p).kept;
    if (lab_can_prefer())
        assert_true(kept > 0);
    run_all(&n, c);
    for (int i = 0; i < THREADS; i++) {
        near(c[i].y, wanted);
        assert_int_equal(c[i].memory.params + c[i].memory.kept, 0);
    }
    tn_plan_destroy(p);
    tn_device_close(d);
    run_all(&n, c); /* whoever comes first now makes it, and whoever goes last ends it */
    for (int i = 0; i < THREADS; i++)
        near(c[i].y, wanted);
    destroy(&n);
    assert_int_equal(munmap(m.conv, m.bytes), 0);
}

/* Each answer is of what the weights were before, or are after. */
static void weights_change_between_runs(void **state)
{
    (void)state;
    net n = {NULL};
    parts m;
    context c = {.n = &n};
    pthread_t thread;
    tn_device *d = NULL;
    tn_plan *p = NULL;
    float wanted[2][UNITS], y[UNITS];
    build(&n);
    map(&m);
    for (int t = 0; t < 2; t++) {
        numbers(m.conv, m.bias, m.fc, m.fc_bias, (float)t);
        want(&n, &m, wanted[t]);
    }
    assert_ok(open_context(&n, &d, &p));
    const tn_tensor conv = {TN_F32, TN_SHAPE(FILTERS, CHANNELS, 3, 3), m.conv};
    assert_ok(tn_weights_set(n.weights, "conv.weight", conv));
    assert_ok(
        tn_weights_set(n.weights, "conv.bias", (tn_tensor){TN_F32, TN_SHAPE(FILTERS), m.bias}));
    assert_ok(tn_weights_set(n.weights, "fc.weight",
                             (tn_tensor){TN_F32, TN_SHAPE(UNITS, FEATURES), m.fc}));
    assert_int_equal(pthread_create(&thread, NULL, live, &c), 0);
    for (int i = 0; i < RUNS; i++) {
        numbers(m.conv, m.bias, m.fc, m.fc_bias, (float)(i % 2));
        assert_ok(tn_weights_set(n.weights, "conv.weight", conv));
        assert_ok(
            tn_weights_set(n.weights, "fc.bias", (tn_tensor){TN_F32, TN_SHAPE(UNITS), m.fc_bias}));
        assert_ok(answer(p, &n, y));
        near(y, wanted[i % 2]);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(c.status, TN_OK);
    assert_true(fabsf(c.y[0]) < 1e6F);
    tn_plan_destroy(p);
    tn_device_close(d);
    destroy(&n);
    assert_int_equal(munmap(m.conv, m.bytes), 0);
}

typedef struct meeting {
    atomic_bool on;
    pthread_barrier_t begin, both;
} meeting;

/* A layer that nobody leaves before the other is in it. */
static tn_status meet(void *arg, const tn_custom_call *c)
{
    meeting *m = arg;
    memcpy(c->y.data, c->x[0].data, (size_t)c->elements * sizeof(float));
    if (atomic_load(&m->on))
        pthread_barrier_wait(&m->both);
    return TN_OK;
}

/* The first run, which may arrange weights, is done one after the other. */
static void *meet_often(void *arg)
{
    context *c = arg;
    tn_device *d = NULL;
    tn_plan *p = NULL;
    meeting *m = c->n->wait.arg;
    c->status = open_context(c->n, &d, &p);
    if (c->status == TN_OK)
        c->status = answer(p, c->n, c->y);
    pthread_barrier_wait(&m->begin);
    atomic_store(&m->on, true);
    for (int i = 0; i < RUNS && c->status == TN_OK; i++)
        c->status = answer(p, c->n, c->y);
    tn_plan_destroy(p);
    tn_device_close(d);
    return NULL;
}

static void contexts_run_at_the_same_time(void **state)
{
    (void)state;
    meeting m = {.on = false};
    pthread_t thread[2];
    context c[2];
    net n = {.wait = {.name = "meet", .forward = meet, .arg = &m}};
    assert_int_equal(pthread_barrier_init(&m.begin, NULL, 2), 0);
    assert_int_equal(pthread_barrier_init(&m.both, NULL, 2), 0);
    build(&n);
    for (int i = 0; i < 2; i++) {
        c[i] = (context){.n = &n};
        assert_int_equal(pthread_create(&thread[i], NULL, meet_often, &c[i]), 0);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(c[i].status, TN_OK);
    destroy(&n);
    pthread_barrier_destroy(&m.begin);
    pthread_barrier_destroy(&m.both);
}

static void what_is_lent_is_not_changed(void **state)
{
    (void)state;
    net n = {NULL};
    parts m;
    tn_device *d = NULL;
    tn_plan *p = NULL, *trains = NULL;
    build(&n);
    map(&m);
    lend(&n, &m);
    assert_int_equal(mprotect(m.conv, m.bytes, PROT_READ), 0);
    const tn_tensor bias = {TN_F32, TN_SHAPE(FILTERS), m.bias};
    assert_ok(open_context(&n, &d, &p));
    assert_fails(tn_weights_set(n.weights, "conv.bias", bias), TN_ERR_ARGUMENT,
                 "weights: conv.bias is lent, to be read: it cannot be set");
    assert_fails(tn_plan_param_set(p, tn_plan_find_param(p, "conv.bias"), TN_PARAM_VALUE, bias),
                 TN_ERR_ARGUMENT, "conv.bias is lent, to be read: it cannot be set");
    assert_fails(tn_weights_lend(n.weights, "conv.bias", &bias.shape, &(tn_stored){.at = m.bias}),
                 TN_ERR_ARGUMENT, "weights: conv.bias is there already");
    const tn_value target = tn_input(n.g, "target", TN_F32, TN_SHAPE(1, UNITS));
    assert_fails(tn_plan_create(
                     &trains, n.g, d,
                     &(tn_plan_opts){.loss = tn_mse(n.g, n.y, target, NULL), .weights = n.weights}),
                 TN_ERR_ARGUMENT, "is lent, to be read: a plan with a loss cannot have it");
    tn_plan_destroy(p);
    tn_device_close(d);
    destroy(&n);
    assert_int_equal(munmap(m.conv, m.bytes), 0);
}

static tn_status open_and_answer(void *arg)
{
    const net *n = arg;
    tn_device *d[2] = {NULL, NULL};
    tn_plan *p[2] = {NULL, NULL};
    float y[UNITS];
    tn_status status = TN_OK;
    for (int i = 0; i < 2 && status == TN_OK; i++)
        status = open_context(n, &d[i], &p[i]);
    for (int i = 0; i < 2 && status == TN_OK; i++)
        status = answer(p[i], n, y);
    for (int i = 0; i < 2; i++) {
        tn_plan_destroy(p[i]);
        tn_device_close(d[i]);
    }
    return status;
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    net n = {NULL};
    parts m;
    build(&n);
    map(&m);
    lend(&n, &m);
    assert_true(lab_fail_each_allocation(open_and_answer, &n) > 50);
    destroy(&n);
    assert_int_equal(munmap(m.conv, m.bytes), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contexts_read_what_was_lent),
        cmocka_unit_test(weights_change_between_runs),
        cmocka_unit_test(contexts_run_at_the_same_time),
        cmocka_unit_test(what_is_lent_is_not_changed),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
