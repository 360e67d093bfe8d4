/* While a plan is made others with the same weights run: one that is held in the middle of it waits for such a run. */
#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include <tenon/sys/kernel.h>
#include <tenon/tenon.h>

#include "lab.h"

enum { IN = 12, OUT = 8, PATIENCE = 20 /* seconds */ };

/* ---- a layer whose kernel is held while it is prepared -------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool holds, is_held, has_run, gave_up;

/* Until it is so; false: for too long. */
static bool wait_for(const bool *so)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE;
    int late = 0;
    pthread_mutex_lock(&lock);
    while (!*so && late == 0)
        late = pthread_cond_timedwait(&changed, &lock, &until);
    const bool good = *so;
    pthread_mutex_unlock(&lock);
    return good;
}

static void say(bool *what, bool so)
{
    pthread_mutex_lock(&lock);
    *what = so;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static bool ask(const bool *what)
{
    pthread_mutex_lock(&lock);
    const bool so = *what;
    pthread_mutex_unlock(&lock);
    return so;
}

static tn_status infer(tn_node *n)
{
    n->y[0] = n->x[0];
    return tn_check_input(n, 0, 0);
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    (void)n;
    b->x[0] = NULL;
    if (!ask(&holds))
        return TN_OK;
    say(&holds, false);
    say(&is_held, true);
    if (!wait_for(&has_run))
        say(&gave_up, true);
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    memcpy(c->y[0], c->x[0], (size_t)tn_elements(&c->node->x[0]) * sizeof(float));
    return TN_OK;
}

static const tn_op op = {
    .version = TN_SYS_VERSION, .name = "pass", .min_in = 1, .max_in = 1, .infer = infer};
static const tn_kernel kernel = {.version = TN_SYS_VERSION,
                                 .op = "pass",
                                 .name = "held",
                                 .prepare = prepare,
                                 .forward = forward};

/* ---- plans ---------------------------------------------------------------------------------------- */

typedef struct net {
    tn_graph *g;
    tn_value x, y;
    tn_weights *weights;
} net;

typedef struct context {
    const net *n;
    tn_device *device;
    tn_plan *plan;
    float y[OUT];
    tn_status status;
} context;

static tn_status open_context(context *c)
{
    TN_TRY(tn_device_open(&c->device, "cpu,threads=1"));
    TN_TRY(tn_device_add_kernel(c->device, &kernel));
    return tn_plan_create(
        &c->plan, c->n->g, c->device,
        &(tn_plan_opts){.seed = 3, .weights = c->n->weights, .kept_weights = INFINITY});
}

static tn_status answer(context *c)
{
    float x[IN];
    for (int i = 0; i < IN; i++)
        x[i] = (float)(i * 7 % 23) / 11 - 1;
    TN_TRY(tn_plan_set(c->plan, c->n->x, (tn_tensor){TN_F32, TN_SHAPE(1, IN), x}));
    TN_TRY(tn_plan_evaluate(c->plan));
    return tn_plan_get(c->plan, c->n->y, (tn_tensor){TN_F32, TN_SHAPE(1, OUT), c->y});
}

static void close_context(context *c)
{
    tn_plan_destroy(c->plan);
    tn_device_close(c->device);
}

static void *make_and_answer(void *arg)
{
    context *c = arg;
    c->status = open_context(c);
    if (c->status == TN_OK)
        c->status = answer(c);
    return NULL;
}

static void others_run_while_a_plan_is_made(void **state)
{
    (void)state;
    net n;
    pthread_t thread;
    assert_ok(tn_graph_create(&n.g));
    n.x = tn_input(n.g, "x", TN_F32, TN_SHAPE(1, IN));
    const tn_value v = tn_dense(n.g, n.x, &(tn_dense_opts){.name = "fc", .units = OUT});
    n.y = tn_graph_add(n.g, &op, "held", 1, &v, NULL);
    tn_output(n.g, n.y);
    assert_ok(tn_weights_create(&n.weights));
    context first = {.n = &n}, second = {.n = &n};
    assert_ok(open_context(&first));
    assert_ok(answer(&first));
    say(&holds, true);
    assert_int_equal(pthread_create(&thread, NULL, make_and_answer, &second), 0);
    assert_true(wait_for(&is_held));
    for (int i = 0; i < 5; i++)
        assert_ok(answer(&first));
    say(&has_run, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(second.status, TN_OK);
    assert_false(ask(&gave_up));
    assert_memory_equal(first.y, second.y, sizeof first.y);
    close_context(&first);
    assert_ok(answer(&second)); /* weights stay whose first plan is gone */
    assert_memory_equal(first.y, second.y, sizeof first.y);
    close_context(&second);
    tn_weights_destroy(n.weights);
    tn_graph_destroy(n.g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(others_run_while_a_plan_is_made)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
