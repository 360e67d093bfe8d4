/* truncate() is POSIX. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "io/safetensors.h"
#include "lab.h"

/* A small network with all that a checkpoint holds: parameters, statistics, dropout's stream. */
enum { BATCH = 4, SIDE = 6 };

typedef struct net_opts {
    tn_optim optim;
    int filters, units; /* default 4, 5 */
    bool extra;         /* one more layer */
    bool inference;     /* no loss */
    int accumulate;     /* runs of an update; default 1 */
    uint64_t seed;
} net_opts;

typedef struct net {
    tn_graph *g;
    tn_device *device;
    tn_plan *plan;
    tn_value x, label, logits;
    int accumulate;
} net;

static tn_status build(net *n, const net_opts *o)
{
    tn_graph *g = n->g;
    n->x = tn_input(g, "x", TN_F32, TN_SHAPE(BATCH, 3, SIDE, SIDE));
    tn_value y = tn_conv2d(
        g, n->x,
        &(tn_conv2d_opts){.name = "conv1", .filters = o->filters ? o->filters : 4, .kernel = {3}});
    y = tn_relu(g, tn_batchnorm(g, y, &(tn_batchnorm_opts){.name = "bn1"}), NULL);
    if (o->extra)
        y = tn_relu(
            g, tn_conv2d(g, y, &(tn_conv2d_opts){.name = "extra", .filters = 4, .kernel = {1}}),
            NULL);
    y = tn_dropout(g, y, &(tn_dropout_opts){.name = "drop1", .rate = 0.5F});
    n->logits = tn_dense(g, y, &(tn_dense_opts){.name = "fc2", .units = o->units ? o->units : 5});
    tn_plan_opts opts = {.seed = o->seed, .keep = &n->logits, .num_keep = 1};
    if (!o->inference) {
        n->label = tn_input(g, "label", TN_I32, TN_SHAPE(BATCH));
        opts.loss = tn_softmax_xent(g, n->logits, n->label, NULL).loss;
        opts.optim = o->optim;
        opts.accumulate = o->accumulate;
    }
    return tn_plan_create(&n->plan, g, n->device, &opts);
}

static void net_close(net *n)
{
    tn_plan_destroy(n->plan);
    tn_device_close(n->device);
    tn_graph_destroy(n->g);
}

static net net_open(const net_opts *o)
{
    net n = {.accumulate = o->accumulate ? o->accumulate : 1};
    assert_ok(tn_device_open(&n.device, "cpu"));
    assert_ok(tn_graph_create(&n.g));
    assert_ok(build(&n, o));
    return n;
}

static void set_batch(net *n, int step)
{
    static float x[BATCH * 3 * SIDE * SIDE];
    for (size_t i = 0; i < TN_COUNT(x); i++)
        x[i] = (float)((i * 31 + (size_t)step * 17) % 23) / 11 - 1;
    int32_t label[BATCH];
    for (int i = 0; i < BATCH; i++)
        label[i] = (step + i) % 5;
    assert_ok(tn_plan_set(n->plan, n->x, (tn_tensor){TN_F32, TN_SHAPE(BATCH, 3, SIDE, SIDE), x}));
    if (n->label.id)
        assert_ok(tn_plan_set(n->plan, n->label, (tn_tensor){TN_I32, TN_SHAPE(BATCH), label}));
}

static void train(net *n, int from, int to)
{
    for (int step = from; step < to; step++) {
        for (int i = 0; i < n->accumulate; i++) {
            set_batch(n, step + 10 * i);
            assert_ok(tn_plan_run(n->plan));
        }
        assert_ok(tn_plan_update(n->plan, 0.05f));
    }
}

static void evaluate(net *n, float *logits)
{
    set_batch(n, 9);
    assert_ok(tn_plan_evaluate(n->plan));
    assert_ok(tn_plan_get(n->plan, n->logits, (tn_tensor){TN_F32, TN_SHAPE(BATCH, 5), logits}));
}

/* ---- files ------------------------------------------------------------------------------------ */

static const char *folder;

static const char *file(const char *name)
{
    static char path[4][1100];
    static int next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s.safetensors", folder, name);
    return p;
}

/* The bytes of a file; in one of two static buffers. */
static size_t bytes_of(const char *path, char **out)
{
    static char buffer[2][1 << 16];
    static int next;
    *out = buffer[next++ % 2];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    const size_t got = fread(*out, 1, sizeof buffer[0], f);
    assert_true(got > 8 && got < sizeof buffer[0]);
    fclose(f);
    return got;
}

/* A checkpoint holds all that a plan has, so two plans are the same if their checkpoints are. */
static void assert_unchanged(net *n, const char *before)
{
    char *x, *y;
    assert_ok(tn_checkpoint_save(n->plan, file("now"), NULL, 0));
    const size_t bytes = bytes_of(file("now"), &x);
    assert_int_equal(bytes_of(before, &y), bytes);
    assert_memory_equal(x, y, bytes);
}

/* A network trained for some steps, and saved. */
static net train_and_save(tn_optim optim, int steps, const char *path)
{
    net n = net_open(&(net_opts){.optim = optim, .seed = 1});
    train(&n, 0, steps);
    assert_ok(tn_checkpoint_save(n.plan, path, NULL, 0));
    return n;
}

/* ---- tests ------------------------------------------------------------------------------------ */

static void a_resumed_run_is_the_same_run(void **state)
{
    (void)state;
    const struct {
        const char *why;
        tn_optim optim;
        int accumulate;
    } cases[] = {
        {"nothing is kept", tn_sgd(NULL), 1},
        {"momentum", tn_sgd(&(tn_sgd_opts){.momentum = 0.9f, .weight_decay = 1e-3f}), 1},
        {"two slots, and the step counts", tn_adam(NULL), 1},
        {"decay apart", tn_adamw(&(tn_adam_opts){.weight_decay = 0.1f}), 1},
        {"more runs than updates: dropout counts runs", tn_sgd(NULL), 2},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        print_message("%s\n", cases[i].why);
        const net_opts opts = {
            .optim = cases[i].optim, .accumulate = cases[i].accumulate, .seed = 1};
        net whole = net_open(&opts);
        train(&whole, 0, 3);
        assert_ok(tn_checkpoint_save(whole.plan, file("half"), NULL, 0));
        train(&whole, 3, 6);
        assert_ok(tn_checkpoint_save(whole.plan, file("whole"), NULL, 0));

        /* The same seed is dropout's; the parameters that it also gave are trained away first. */
        net resumed = net_open(&opts);
        train(&resumed, 7, 9);
        assert_ok(tn_checkpoint_load(resumed.plan, file("half"), TN_LOAD_RESUME));
        assert_int_equal(tn_plan_updates(resumed.plan), 3);
        assert_unchanged(&resumed, file("half"));
        train(&resumed, 3, 6);
        assert_unchanged(&resumed, file("whole"));
        net_close(&resumed);
        net_close(&whole);
    }
}

static void parameters_alone_evaluate(void **state)
{
    (void)state;
    net trained = train_and_save(tn_adam(NULL), 4, file("trained"));
    net other = net_open(&(net_opts){.inference = true, .seed = 2});
    assert_ok(tn_checkpoint_load(other.plan, file("trained"), TN_LOAD_PARAMS));
    float want[BATCH * 5] = {0}, got[BATCH * 5] = {1};
    evaluate(&trained, want);
    evaluate(&other, got);
    for (int i = 0; i < BATCH * 5; i++)
        assert_true(want[i] - got[i] < 1e-5f && got[i] - want[i] < 1e-5f);

    /* Only parameters: the optimizer and its step stay. */
    net adam = net_open(&(net_opts){.optim = tn_sgd(NULL), .seed = 3});
    train(&adam, 0, 1);
    assert_ok(tn_checkpoint_load(adam.plan, file("trained"), TN_LOAD_PARAMS));
    assert_int_equal(tn_plan_updates(adam.plan), 1);
    net_close(&adam);
    net_close(&other);
    net_close(&trained);
}

static void what_does_not_fit_changes_nothing(void **state)
{
    (void)state;
    const tn_optim momentum = tn_sgd(&(tn_sgd_opts){.momentum = 0.9f});
    const struct {
        const char *why;
        net_opts plan;
        tn_load_what what;
        tn_status status;
        const char *says;
    } cases[] = {
        {"a layer of another width",
         {.optim = momentum, .filters = 8},
         TN_LOAD_RESUME,
         TN_ERR_SHAPE,
         "conv1.weight is 4 x 3 x 3 x 3, the plan's is 8 x 3 x 3 x 3"},
        {"more classes: found in the last tensor",
         {.optim = momentum, .units = 6},
         TN_LOAD_PARAMS,
         TN_ERR_SHAPE,
         "fc2.weight is 5 x 64, the plan's is 6 x 64"},
        {"a layer that the file lacks",
         {.optim = momentum, .extra = true},
         TN_LOAD_PARAMS,
         TN_ERR_SHAPE,
         "has no tensor extra.weight"},
        {"another optimizer",
         {.optim = tn_adam(NULL)},
         TN_LOAD_RESUME,
         TN_ERR_ARGUMENT,
         "the optimizer \"sgd momentum\", the plan has \"adam m v\""},
        {"the same, keeping less",
         {.optim = tn_sgd(NULL)},
         TN_LOAD_RESUME,
         TN_ERR_ARGUMENT,
         "the plan has \"sgd\""},
        {"no optimizer", {.inference = true}, TN_LOAD_RESUME, TN_ERR_ARGUMENT, "the plan has \"\""},
    };
    net trained = train_and_save(momentum, 2, file("trained"));
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        print_message("%s\n", cases[i].why);
        net n = net_open(&cases[i].plan);
        assert_ok(tn_checkpoint_save(n.plan, file("before"), NULL, 0));
        assert_fails(tn_checkpoint_load(n.plan, file("trained"), cases[i].what), cases[i].status,
                     cases[i].says);
        assert_unchanged(&n, file("before"));
        net_close(&n);
    }
    net_close(&trained);
}

/* A file with the parameters of the network above, as another program might have left it. */
static void write_other(const char *path, int dtype, const tn_meta *meta, size_t num_meta, net *n)
{
    tn_safetensor t[8] = {0};
    char name[8][64];
    const int count = tn_plan_num_params(n->plan);
    assert_true(count <= 8);
    for (int i = 0; i < count; i++) {
        tn_param_info info;
        assert_ok(tn_plan_param(n->plan, i, &info));
        snprintf(name[i], sizeof name[i], "%s.%s", info.node, info.name);
        t[i] = (tn_safetensor){.name = name[i], .dtype = dtype, .shape = info.shape};
    }
    static const char zeros[4096];
    tn_safetensors_writer *w = NULL;
    assert_ok(tn_safetensors_create(&w, path, t, (size_t)count, meta, num_meta));
    for (int i = 0; i < count; i++) {
        size_t bytes;
        assert_ok(tn_shape_bytes(&t[i].shape, (tn_dtype)dtype, &bytes));
        assert_true(bytes <= sizeof zeros);
        assert_ok(tn_safetensors_write(w, zeros, bytes));
    }
    assert_ok(tn_safetensors_commit(w));
    tn_safetensors_destroy(w);
}

static void files_of_others(void **state)
{
    (void)state;
    net n = train_and_save(tn_sgd(NULL), 0, file("before"));
    const char *other = file("other");
    write_other(other, TN_F16, NULL, 0, &n);
    assert_fails(tn_checkpoint_load(n.plan, other, TN_LOAD_PARAMS), TN_ERR_SHAPE,
                 "is F16, not F32");
    write_other(other, TN_F32, NULL, 0, &n);
    assert_fails(tn_checkpoint_load(n.plan, other, TN_LOAD_RESUME), TN_ERR_FORMAT, "tenon.updates");
    static const char *const odd[][2] = {{"3", "-3"},   {"3x", "3"},
                                         {"", "3"},     {"3", "1e3"},
                                         {"9e99", "3"}, {"3", "99999999999999999999"}};
    for (size_t i = 0; i < TN_COUNT(odd); i++) {
        const tn_meta meta[] = {{"tenon.updates", odd[i][0]}, {"tenon.runs", odd[i][1]}};
        write_other(other, TN_F32, meta, 2, &n);
        assert_fails(tn_checkpoint_load(n.plan, other, TN_LOAD_RESUME), TN_ERR_FORMAT,
                     "not a count");
    }
    assert_fails(tn_checkpoint_load(n.plan, file("none"), TN_LOAD_PARAMS), TN_ERR_IO,
                 "No such file");
    assert_unchanged(&n, file("before"));
    assert_ok(tn_checkpoint_load(n.plan, other, TN_LOAD_PARAMS)); /* parameters are there */
    net_close(&n);
}

static void damage_changes_nothing(void **state)
{
    (void)state;
    net n = train_and_save(tn_adam(NULL), 0, file("before"));
    train(&n, 0, 2);
    assert_ok(tn_checkpoint_save(n.plan, file("damaged"), NULL, 0));
    assert_ok(tn_checkpoint_load(n.plan, file("before"), TN_LOAD_RESUME));
    char *bytes;
    const size_t size = bytes_of(file("damaged"), &bytes);
    assert_int_equal(truncate(file("damaged"), (off_t)size - 1), 0);
    assert_fails(tn_checkpoint_load(n.plan, file("damaged"), TN_LOAD_RESUME), TN_ERR_FORMAT,
                 file("damaged"));
    assert_unchanged(&n, file("before"));
    net_close(&n);
}

typedef struct sweep {
    net n;
    float before, after; /* an element of the first parameter, in the plan and in the file */
} sweep;

static tn_status save(void *arg)
{
    return tn_checkpoint_save(((sweep *)arg)->n.plan, file("sweep"), &(tn_meta){"a", "b"}, 1);
}

static float first_weight(tn_plan *plan)
{
    float w[4 * 3 * 3 * 3];
    const int conv1 = tn_plan_find_param(plan, "conv1.weight");
    assert_ok(tn_plan_param_get(plan, conv1, TN_PARAM_VALUE,
                                (tn_tensor){TN_F32, TN_SHAPE(4, 3, 3, 3), w}));
    return w[0];
}

static tn_status load(void *arg)
{
    sweep *s = arg;
    const tn_status status = tn_checkpoint_load(s->n.plan, file("sweep"), TN_LOAD_RESUME);
    tn_alloc_fail_at(0); /* looking must not be what fails */
    const bool some = strstr(tn_error(), "tensors are loaded, the others are as they were");
    assert_true(first_weight(s->n.plan) == (status == TN_OK || some ? s->after : s->before));
    return status;
}

static void allocations_may_fail(void **state)
{
    (void)state;
    sweep s = {.n = net_open(&(net_opts){.optim = tn_adam(NULL), .seed = 1})};
    train(&s.n, 0, 2);
    assert_true(lab_fail_each_allocation(save, &s) > 5);
    s.after = first_weight(s.n.plan);
    train(&s.n, 2, 4);
    s.before = first_weight(s.n.plan);
    assert_true(s.before != s.after);
    assert_true(lab_fail_each_allocation(load, &s) > 5);
    net_close(&s.n);
}

int main(void)
{
    folder = lab_make_folder();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resumed_run_is_the_same_run),
        cmocka_unit_test(parameters_alone_evaluate),
        cmocka_unit_test(what_does_not_fit_changes_nothing),
        cmocka_unit_test(files_of_others),
        cmocka_unit_test(damage_changes_nothing),
        cmocka_unit_test(allocations_may_fail),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    lab_remove(folder);
    return failed;
}
