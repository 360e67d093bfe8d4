#define _POSIX_C_SOURCE 200809L /* open_memstream */
/*
 * Layers that functions of the program compute: right on every device, alone and in a group, and errors in their words.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lab_op.h"

/* ---- swish, y = x sigmoid(x); and weighted sums, y[n] = sum_i x[n][i] v[n][i] ----------------- */

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static tn_status swish(void *arg, const tn_custom_call *c)
{
    (void)arg;
    const float *x = c->x[0].data;
    float *y = c->y.data;
    for (int64_t i = 0; i < c->elements; i++)
        y[i] = (float)((double)x[i] * sigmoid((double)x[i]));
    return TN_OK;
}

static tn_status swish_backward(void *arg, const tn_custom_call *c)
{
    (void)arg;
    const float *x = c->x[0].data, *y = c->y.data;
    for (int64_t i = 0; i < c->elements; i++) {
        const double s = sigmoid((double)x[i]);
        c->dx[0][i] = (float)((double)c->dy[i] * (s + (double)y[i] * (1 - s)));
    }
    return TN_OK;
}

static tn_status sums_infer(void *arg, int num_x, const tn_tensor *x, tn_shape *y)
{
    (void)arg;
    if (num_x != 2 || x[1].shape.ndim != 2)
        return tn_fail(TN_ERR_SHAPE, "%d inputs, the second of %d dimensions", num_x,
                       x[1].shape.ndim);
    y->ndim = 1;
    return TN_OK;
}

static tn_status sums(void *arg, const tn_custom_call *c)
{
    (void)arg;
    const int64_t n = c->x[0].shape.dim[1];
    const float *x = c->x[0].data, *v = c->x[1].data;
    for (int64_t i = 0; i < c->elements; i++) {
        double sum = 0;
        for (int64_t k = i * n; k < (i + 1) * n; k++)
            sum += (double)x[k] * (double)v[k];
        ((float *)c->y.data)[i] = (float)sum;
    }
    return TN_OK;
}

static tn_status sums_backward(void *arg, const tn_custom_call *c)
{
    (void)arg;
    const int64_t n = c->x[0].shape.dim[1];
    for (int i = 0; i < 2; i++)
        for (int64_t k = 0; c->dx[i] && k < c->elements * n; k++)
            c->dx[i][k] = c->dy[k / n] * ((const float *)c->x[1 - i].data)[k];
    return TN_OK;
}

static const tn_custom_opts kinds[] = {
    {.forward = swish, .backward = swish_backward},
    {.infer = sums_infer, .forward = sums, .backward = sums_backward},
};

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    return tn_custom(g, num_x, x, opts);
}

static void reference(const lab_ref *r)
{
    const int64_t n = r->num_x == 2 ? r->x_shape[0].dim[1] : 1;
    int64_t count = 1;
    for (int i = 0; i < r->x_shape[0].ndim; i++)
        count *= r->x_shape[0].dim[i];
    for (int64_t k = 0; k < count; k += n) {
        r->y[k / n] = r->num_x == 2 ? 0 : r->x[0][k] * sigmoid(r->x[0][k]);
        for (int64_t i = k; r->num_x == 2 && i < k + n; i++)
            r->y[k / n] += r->x[0][i] * r->x[1][i];
    }
}

static void functions_compute_on_every_device(void **state)
{
    (void)state;
    static const lab_op op = {.build = build, .reference = reference};
    static const lab_case cases[] = {
        {"one input, y is like it", {{.shape = {2, {3, 5}}}}, &kinds[0]},
        {"four dimensions", {{.shape = {4, {2, 3, 4, 5}}}}, &kinds[0]},
        {"two inputs, another shape", {{.shape = {2, {3, 4}}}, {.shape = {2, {3, 4}}}}, &kinds[1]},
    };
    lab_check_op(&op, cases, TN_COUNT(cases));
}

/* ---- in a net ------------------------------------------------------------------------------- */

enum { ROWS = 4, WIDTH = 6 };

typedef struct net {
    tn_device *device;
    tn_graph *g;
    tn_plan *plan;
    tn_value x, y, label;
    tn_loss loss;
} net;

static void open_net(net *s, const char *device, const tn_custom_opts *opts)
{
    *s = (net){0};
    assert_ok(tn_device_open(&s->device, device));
    assert_ok(tn_graph_create(&s->g));
    s->x = tn_input(s->g, "x", TN_F32, TN_SHAPE(ROWS, WIDTH));
    s->label = tn_input(s->g, "label", TN_I32, TN_SHAPE(ROWS));
    tn_value y = tn_dense(s->g, s->x, &(tn_dense_opts){.name = "a", .units = 5});
    y = opts ? tn_custom(s->g, 1, &y, opts) : tn_relu(s->g, y, NULL);
    s->y = tn_dense(s->g, y, &(tn_dense_opts){.name = "b", .units = 3});
    s->loss = tn_softmax_xent(s->g, s->y, s->label, NULL);
}

static tn_status plan_net(net *s)
{
    return tn_plan_create(&s->plan, s->g, s->device,
                          &(tn_plan_opts){.loss = s->loss.loss, .optim = tn_sgd(NULL), .seed = 3});
}

static void close_net(net *s)
{
    tn_plan_destroy(s->plan);
    tn_graph_destroy(s->g);
    tn_device_close(s->device);
}

static void set_net(net *s)
{
    float x[ROWS * WIDTH];
    int32_t label[ROWS];
    for (int i = 0; i < ROWS * WIDTH; i++)
        x[i] = sinf((float)i);
    for (int i = 0; i < ROWS; i++)
        label[i] = i % 3;
    assert_ok(tn_plan_set(s->plan, s->x, (tn_tensor){TN_F32, TN_SHAPE(ROWS, WIDTH), x}));
    assert_ok(tn_plan_set(s->plan, s->label, (tn_tensor){TN_I32, TN_SHAPE(ROWS), label}));
}

static tn_status own_relu(void *arg, const tn_custom_call *c)
{
    (void)arg;
    for (int64_t i = 0; i < c->elements; i++)
        ((float *)c->y.data)[i] = fmaxf(((const float *)c->x[0].data)[i], 0);
    return TN_OK;
}

static tn_status own_relu_backward(void *arg, const tn_custom_call *c)
{
    (void)arg;
    for (int64_t i = 0; i < c->elements; i++)
        c->dx[0][i] = ((const float *)c->y.data)[i] > 0 ? c->dy[i] : 0;
    return TN_OK;
}

static const tn_custom_opts relu = {
    .name = "mine", .forward = own_relu, .backward = own_relu_backward};

static void train(const char *device, const tn_custom_opts *opts, float losses[6])
{
    net s;
    open_net(&s, device, opts);
    assert_ok(plan_net(&s));
    set_net(&s);
    for (int i = 0; i < 6; i++) {
        assert_ok(tn_plan_run(s.plan));
        assert_ok(tn_plan_update(s.plan, 0.5F));
        assert_ok(tn_plan_get(s.plan, s.loss.loss, (tn_tensor){TN_F32, {0}, &losses[i]}));
    }
    close_net(&s);
}

/* A relu of functions is the library's, wherever and however often it runs. */
static void a_net_learns_with_it_as_with_a_layer(void **state)
{
    (void)state;
    static const char *const also[] = {"cpu,reference", "cpu:0-1,threads=2", NULL};
    const char *const *lists[] = {lab_devices(), also};
    for (size_t k = 0; k < TN_COUNT(lists); k++)
        for (const char *const *device = lists[k]; *device; device++) {
            float own[6], built[6];
            train(*device, &relu, own);
            train(*device, NULL, built);
            for (int i = 0; i < 6; i++)
                assert_true(fabsf(own[i] - built[i]) <= 1e-6F * built[i]);
            assert_true(own[5] < own[0]);
        }
}

static void a_plan_says_who_computes_it_and_that_it_is_not_replayed(void **state)
{
    (void)state;
    for (const char *const *device = lab_devices(); *device; device++) {
        net s;
        char *text = NULL;
        size_t bytes;
        open_net(&s, *device, &relu);
        assert_ok(plan_net(&s));
        FILE *to = open_memstream(&text, &bytes);
        assert_ok(tn_plan_describe(s.plan, TN_DESCRIBE_TEXT, to));
        fclose(to);
        const bool gpu = strncmp(*device, "cpu", 3) != 0;
        assert_non_null(strstr(text, gpu ? "host: copied down and up" : "host: a function"));
        assert_int_equal(
            strstr(text, "steps are not replayed: custom mine is a function on the host") != NULL,
            gpu);
        free(text);
        close_net(&s);
    }
}

/* ---- errors --------------------------------------------------------------------------------- */

static tn_status fails(void *arg, const tn_custom_call *c)
{
    (void)c;
    const int *how = arg;
    return *how == 0   ? TN_OK
           : *how == 1 ? tn_fail(TN_ERR_FORMAT, "no table for %s", c->name)
           : *how == 2 ? TN_ERR_DEVICE
                       : TN_END;
}

static void what_a_function_reports_is_the_run_s_error(void **state)
{
    (void)state;
    int how = 0;
    const tn_custom_opts opts = {
        .name = "mine", .forward = fails, .backward = own_relu_backward, .arg = &how};
    for (const char *const *device = lab_devices(); *device; device++) {
        net s;
        how = 0;
        open_net(&s, *device, &opts);
        assert_ok(plan_net(&s));
        set_net(&s);
        for (int step = 0; step < 3; step++) { /* a GPU would have replayed by then */
            assert_ok(tn_plan_run(s.plan));
            assert_ok(tn_plan_update(s.plan, 0.1F));
        }
        how = 1;
        assert_fails(tn_plan_run(s.plan), TN_ERR_FORMAT, "custom mine: forward: no table for mine");
        how = 2;
        assert_fails(tn_plan_evaluate(s.plan), TN_ERR_DEVICE,
                     "custom mine: forward: the device reported an error");
        how = 3;
        assert_fails(tn_plan_run(s.plan), TN_ERR_ARGUMENT, "custom mine: forward: no more items");
        close_net(&s);
    }
}

static tn_status no_shape(void *arg, int num_x, const tn_tensor *x, tn_shape *y)
{
    (void)arg;
    (void)num_x;
    (void)x;
    y->dim[0] = -2;
    return TN_OK;
}

static void what_makes_no_sense_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        tn_custom_opts opts;
        const char *error;
    } cases[] = {
        {{.name = "mine"}, "custom mine: it has no forward()"},
        {{.name = "mine", .infer = sums_infer, .forward = sums},
         "custom mine: infer: 1 inputs, the second of"},
        {{.name = "mine", .infer = no_shape, .forward = swish}, "custom mine: infer: y: "},
        {{.name = "mine", .forward = swish},
         "custom mine: it has no backward(), and the loss needs the gradient of its input 0"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        net s;
        open_net(&s, "cpu", &cases[i].opts);
        const tn_status status = plan_net(&s);
        assert_true(status == TN_ERR_ARGUMENT || status == TN_ERR_SHAPE);
        if (!strstr(tn_error(), cases[i].error))
            fail_msg("\"%s\" is not in \"%s\"", cases[i].error, tn_error());
        close_net(&s);
    }
    tn_graph *g = NULL;
    assert_ok(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(2));
    assert_int_equal(tn_custom(g, 1, &x, NULL).id, 0);
    assert_fails(tn_graph_status(g), TN_ERR_ARGUMENT, "the options are NULL");
    tn_graph_destroy(g);
}

static void several_devices_cannot_share_what_mixes_rows(void **state)
{
    (void)state;
    tn_custom_opts opts = relu;
    for (int mixes = 0; mixes < 2; mixes++) {
        net s;
        opts.mixes_rows = mixes;
        open_net(&s, "cpu:0-1,threads=2", &opts);
        if (mixes)
            assert_fails(plan_net(&s), TN_ERR_UNSUPPORTED, "mine");
        else
            assert_ok(plan_net(&s));
        close_net(&s);
    }
}

/* The file has no net, but all that the program needs to go on. */
static void a_checkpoint_resumes_it(void **state)
{
    (void)state;
    const char *folder = lab_make_folder();
    char path[1100];
    float loss[2];
    snprintf(path, sizeof path, "%s/net", folder);
    for (int resumed = 0; resumed < 2; resumed++) {
        net s;
        open_net(&s, "cpu", &relu);
        assert_ok(plan_net(&s));
        set_net(&s);
        if (resumed)
            assert_ok(tn_checkpoint_load(s.plan, path, TN_LOAD_RESUME));
        for (int i = 0; i < (resumed ? 1 : 2); i++) {
            assert_ok(tn_plan_run(s.plan));
            assert_ok(tn_plan_get(s.plan, s.loss.loss, (tn_tensor){TN_F32, {0}, &loss[resumed]}));
            assert_ok(tn_plan_update(s.plan, 0.5F));
            assert_ok(tn_checkpoint_probe(s.plan, path));
            if (i == 0 && !resumed)
                assert_ok(tn_checkpoint_save(s.plan, path, NULL, 0));
        }
        close_net(&s);
    }
    assert_true(loss[0] == loss[1]);
    tn_model *model = NULL;
    assert_fails(tn_model_open(&model, path, NULL), TN_ERR_FORMAT, "no net");
    lab_remove(folder);
}

static void a_text_cannot_say_it(void **state)
{
    (void)state;
    net s;
    open_net(&s, "cpu", &relu);
    FILE *to = tmpfile();
    assert_non_null(to);
    assert_fails(tn_graph_write(s.g, to), TN_ERR_UNSUPPORTED,
                 "custom mine: is computed by functions of the program");
    fclose(to);
    close_net(&s);
    static const char text[] = "tenon graph 1\ninput x f32 N 3\ny = custom(x)\noutput y\n";
    tn_graph *g = NULL;
    assert_fails(tn_graph_read(&g, text, sizeof text - 1, NULL), TN_ERR_ARGUMENT,
                 "custom y: it has no forward()");
    assert_null(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_compute_on_every_device),
        cmocka_unit_test(a_net_learns_with_it_as_with_a_layer),
        cmocka_unit_test(a_plan_says_who_computes_it_and_that_it_is_not_replayed),
        cmocka_unit_test(what_a_function_reports_is_the_run_s_error),
        cmocka_unit_test(what_makes_no_sense_is_refused_by_name),
        cmocka_unit_test(several_devices_cannot_share_what_mixes_rows),
        cmocka_unit_test(a_checkpoint_resumes_it),
        cmocka_unit_test(a_text_cannot_say_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
