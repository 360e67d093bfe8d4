/* softmax_xent of pixels: which rows hold a sample, what is counted, on one device and on several; labels that are none. */
#include <math.h>
#include <string.h>

#include "lab_op.h"
#include "plan/plan.h"

typedef struct net {
    tn_device *device;
    tn_graph *g;
    tn_value x, labels;
    tn_loss loss;
    tn_plan *plan;
} net;

enum { ROWS = 4, CLASSES = 3, SIDE = 2 };

static void open_net(net *n, const char *device)
{
    *n = (net){0};
    assert_ok(tn_device_open(&n->device, device));
    assert_ok(tn_graph_create(&n->g));
    n->x = tn_input(n->g, "x", TN_F32, TN_SHAPE(ROWS, CLASSES, SIDE, SIDE));
    n->labels = tn_input(n->g, "l", TN_I32, TN_SHAPE(ROWS, SIDE, SIDE));
    n->loss =
        tn_softmax_xent(n->g, n->x, n->labels, &(tn_softmax_xent_opts){.name = "loss", .top_k = 2});
    assert_ok(tn_plan_create(&n->plan, n->g, n->device,
                             &(tn_plan_opts){.loss = n->loss.loss, .input_gradients = true}));
}

static void close_net(net *n)
{
    tn_plan_destroy(n->plan);
    tn_graph_destroy(n->g);
    tn_device_close(n->device);
}

static int number(size_t i)
{
    return (int)(i * 7 % 11);
}

static void set_net(const net *n, const int32_t *labels)
{
    float x[ROWS * CLASSES * SIDE * SIDE];
    int32_t l[ROWS * SIDE * SIDE];
    for (size_t i = 0; i < TN_COUNT(x); i++)
        x[i] = (float)number(i) * 0.25F;
    memcpy(l, labels, sizeof l);
    assert_ok(
        tn_plan_set(n->plan, n->x, (tn_tensor){TN_F32, TN_SHAPE(ROWS, CLASSES, SIDE, SIDE), x}));
    assert_ok(tn_plan_set(n->plan, n->labels, (tn_tensor){TN_I32, TN_SHAPE(ROWS, SIDE, SIDE), l}));
}

static const int32_t some[ROWS * SIDE * SIDE] = {0,  1,  2, -1, -1, -1, -1, -1,
                                                 -1, -1, 2, -1, -1, -1, -1, -1};

/* A row holds a sample if any of its pixels has a label, or one behind it does; the mean is over pixels. */
static void rows_are_those_with_a_label(void **unused)
{
    (void)unused;
    net n;
    open_net(&n, "cpu");
    set_net(&n, some);
    assert_int_equal(n.plan->run.rows, 3);
    assert_true(n.plan->full == 4.0 / (ROWS * SIDE * SIDE));
    close_net(&n);
}

static void read_net(const char *device, float *loss, int32_t top[2], float *dx)
{
    net n;
    open_net(&n, device);
    set_net(&n, some);
    assert_ok(tn_plan_run(n.plan));
    assert_ok(tn_plan_get(n.plan, n.loss.loss, (tn_tensor){TN_F32, {0}, loss}));
    assert_ok(tn_plan_get(n.plan, n.loss.top_1, (tn_tensor){TN_I32, {0}, &top[0]}));
    assert_ok(tn_plan_get(n.plan, n.loss.top_k, (tn_tensor){TN_I32, {0}, &top[1]}));
    assert_ok(tn_plan_get_gradient(n.plan, n.x,
                                   (tn_tensor){TN_F32, TN_SHAPE(ROWS, CLASSES, SIDE, SIDE), dx}));
    close_net(&n);
}

/* How many labels are first, and among the first two. */
static void count_right(int32_t top[2])
{
    top[0] = top[1] = 0;
    for (int i = 0; i < ROWS * SIDE * SIDE; i++) {
        const int first = i / (SIDE * SIDE) * CLASSES * SIDE * SIDE + i % (SIDE * SIDE);
        int above = 0;
        for (int k = 0; some[i] >= 0 && k < CLASSES; k++) {
            const int own = number((size_t)(first + some[i] * SIDE * SIDE));
            const int other = number((size_t)(first + k * SIDE * SIDE));
            above += other > own || (other == own && k < some[i]);
        }
        top[0] += some[i] >= 0 && above < 1;
        top[1] += some[i] >= 0 && above < 2;
    }
}

/* Of two devices one has three of the four labels. */
static void every_device_counts_pixels(void **unused)
{
    (void)unused;
    enum { COUNT = ROWS * CLASSES * SIDE * SIDE };
    float want_loss, want_dx[COUNT], loss, dx[COUNT];
    int32_t want[2], top[2];
    count_right(want);
    read_net("cpu,reference", &want_loss, top, want_dx);
    assert_true(want_loss > 0 && want[0] < want[1]);
    const char *devices[8] = {"cpu,reference", "cpu:0-1"};
    for (int i = 0; lab_devices()[i]; i++)
        devices[i + 2] = lab_devices()[i];
    for (int i = 0; devices[i]; i++) {
        read_net(devices[i], &loss, top, dx);
        if (top[0] != want[0] || top[1] != want[1] || !(fabsf(loss - want_loss) < 1e-6F))
            fail_msg("%s: loss %g, %d and %d right, not %g, %d and %d", devices[i], (double)loss,
                     top[0], top[1], (double)want_loss, want[0], want[1]);
        for (int j = 0; j < COUNT; j++)
            if (!(fabsf(dx[j] - want_dx[j]) < 1e-6F))
                fail_msg("%s: dx[%d] is %g, not %g", devices[i], j, (double)dx[j],
                         (double)want_dx[j]);
    }
}

static void names_a_bad_label(void **unused)
{
    (void)unused;
    int32_t bad[ROWS * SIDE * SIDE] = {0};
    bad[6] = CLASSES;
    for (const char *const *device = lab_devices(); *device; device++) {
        net n;
        float loss;
        open_net(&n, *device);
        set_net(&n, bad);
        tn_status status = tn_plan_run(n.plan);
        if (status == TN_OK)
            status = tn_plan_get(n.plan, n.loss.loss, (tn_tensor){TN_F32, {0}, &loss});
        assert_fails(status, TN_ERR_ARGUMENT,
                     "softmax_xent loss: label 3 in row 6 is not in [0, 3) nor -1");
        close_net(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_those_with_a_label),
        cmocka_unit_test(every_device_counts_pixels),
        cmocka_unit_test(names_a_bad_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
