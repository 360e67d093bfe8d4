/* Engines of the simulated cuDNN: what is offered for which graph, on which GPU, and what is refused. */
#include <stdio.h>
#include <string.h>

#include "dnn_numbers.h"

enum { N = 2, C = 16, H = 8, K = 16, MOST = 8 };

/* ---- graphs by name ----------------------------------------------------------------------- */

typedef struct graph_case {
    const char *what; /* steps, see build(); "> f32" at the end: the result is float */
    int type;
    int64_t groups, stride, channels; /* default 1, 1, C */
    bool nchw;
} graph_case;

typedef struct builder {
    const graph_case *c;
    dnn_desc op[8];
    int ops;
    int64_t uid;
} builder;

static dnn_desc tensor(builder *b, int64_t n, int64_t c, int64_t h, int64_t w, int type,
                       bool hidden)
{
    const dnn_tensor t = {.uid = ++b->uid,
                          .type = (cudnnDataType_t)type,
                          .dim = {n, c, h, w},
                          .nchw = b->c->nchw,
                          .is_virtual = hidden};
    return dnn_tensor_new(&t);
}

static bool is(const char *step, const char *name)
{
    return strlen(name) == strcspn(step, " ") && !strncmp(step, name, strlen(name));
}

static dnn_desc sum_op(dnn_desc x, dnn_desc y, bool in_order)
{
    const cudnnReduceTensorOp_t add = CUDNN_REDUCE_TENSOR_ADD;
    const cudnnDataType_t math = CUDNN_DATA_FLOAT;
    dnn_desc how = dnn_new(CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
    dnn_set(how, CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, 1, &add);
    dnn_set(how, CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &math);
    dnn_set(how, CUDNN_ATTR_REDUCTION_IS_DETERMINISTIC, CUDNN_TYPE_BOOLEAN, 1, &in_order);
    dnn_desc op = dnn_new(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
    dnn_set_desc(op, CUDNN_ATTR_OPERATION_REDUCTION_DESC, dnn_finalize(how));
    dnn_set_desc(op, CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x);
    dnn_set_desc(op, CUDNN_ATTR_OPERATION_REDUCTION_YDESC, y);
    return dnn_finalize(op);
}

/* One step on `x`, an [n, c, h, w]; `y`: NULL for a virtual tensor. Returns what it writes. */
static dnn_desc add_step(builder *b, const char *step, dnn_desc x, const int64_t d[4], dnn_desc y)
{
    const int io = b->c->type;
    if (is(step, "sum") || is(step, "sum!")) {
        y = tensor(b, 1, d[1], 1, 1, F32, false);
        b->op[b->ops++] = sum_op(x, y, is(step, "sum!"));
        return x;
    }
    y = y ? y : tensor(b, d[0], d[1], d[2], d[3], F32, true);
    const bool drelu = is(step, "drelu");
    dnn_desc other = is(step, "bias")    ? tensor(b, 1, d[1], 1, 1, io, false)
                     : is(step, "fbias") ? tensor(b, 1, d[1], 1, 1, F32, false)
                     : is(step, "z")     ? tensor(b, d[0], d[1], d[2], d[3], io, false)
                                         : NULL;
    const cudnnPointwiseMode_t mode = drelu              ? CUDNN_POINTWISE_RELU_BWD
                                      : is(step, "relu") ? CUDNN_POINTWISE_RELU_FWD
                                      : is(step, "id")   ? CUDNN_POINTWISE_IDENTITY
                                                         : CUDNN_POINTWISE_ADD;
    /* What relu's gradient looks at is x, what it passes on comes from the step before. */
    dnn_desc seen = drelu ? tensor(b, d[0], d[1], d[2], d[3], io, false) : x;
    b->op[b->ops++] = dnn_pointwise(mode, seen, drelu ? x : other, y);
    return y;
}

/* Steps: conv, dgrad, wgrad or image; then of bias, fbias (of floats), z, relu, drelu, id, sum, sum! (in
 * order). "drelu dgrad": in front of it. */
static dnn_desc build(builder *b, const graph_case *c)
{
    *b = (builder){.c = c};
    const int64_t in = c->channels ? c->channels : C, groups = c->groups ? c->groups : 1;
    const int64_t s = c->stride ? c->stride : 1, out = (H - 1) / s + 1;
    const dnn_window window = {.pre = {1, 1}, .post = {1, 1}, .stride = {s, s}};
    const char *step = c->what;
    const int result = strstr(step, "> f32") ? F32 : c->type;
    const bool first = is(step, "drelu");
    step += first ? strlen("drelu ") : 0;
    const int kind = is(step, "conv") ? 0 : is(step, "dgrad") ? 1 : is(step, "wgrad") ? 2 : -1;
    const int64_t shape[4][4] = {
        {N, K, out, out}, {N, in, H, H}, {K, in / groups, 3, 3}, {N, C, H, H}};
    const int64_t *d = shape[kind < 0 ? 3 : kind];
    const char *next = strchr(step, ' ');
    bool last = !next || next[1] == '>' || !strncmp(next + 1, "sum", 3);
    dnn_desc x =
        tensor(b, d[0], d[1], d[2], d[3], last || kind < 0 ? result : F32, !last && kind >= 0);
    dnn_desc y = x;
    if (kind >= 0) {
        dnn_desc part[3];
        for (int i = 0; i < 3; i++) {
            const int64_t *e = shape[i == 0 ? 1 : i == 1 ? 2 : 0];
            const int mine = kind == 0 ? 2 : kind == 1 ? 0 : 1;
            part[i] = i == mine ? x : tensor(b, e[0], e[1], e[2], e[3], c->type, false);
        }
        if (first)
            part[2] = add_step(b, "drelu", part[2], shape[0], NULL);
        b->op[b->ops++] = dnn_conv(kind, &window, part[0], part[1], part[2], 1, 0);
    }
    while (next && next[1] != '>') {
        step = next + 1;
        next = strchr(step, ' ');
        last = !next || next[1] == '>' || !strncmp(next + 1, "sum", 3);
        dnn_desc to = last && strncmp(step, "sum", 3)
                          ? tensor(b, d[0], d[1], d[2], d[3], result, false)
                          : NULL;
        y = add_step(b, step, y, d, to);
    }
    return dnn_graph(b->ops, b->op);
}

static int offered(const graph_case *c, cudnnBackendHeurMode_t mode, dnn_desc *config)
{
    builder b;
    return dnn_configs(numbers_handle, build(&b, c), mode, MOST, config);
}

/* ---- what is offered ---------------------------------------------------------------------- */

static void test_notes(void **state)
{
    (void)state;
    static const struct {
        const char *gpu;
        int type;
        unsigned notes[4];
    } cases[] = {
        {"h100", F16, {TENSOR_CORE | REDUCED, TENSOR_CORE | UNORDERED, TENSOR_CORE, 0}},
        {"h100", F32, {TENSOR_CORE | REDUCED, TENSOR_CORE | UNORDERED, TENSOR_CORE, 0}},
        {"t4", F32, {REDUCED, UNORDERED, 0, 0}}, /* no TF32 */
        {"t4", F16, {TENSOR_CORE | REDUCED, TENSOR_CORE | UNORDERED, TENSOR_CORE, 0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const graph_case c = {.what = "conv", .type = cases[i].type};
        dnn_desc config[MOST];
        assert_true(tn_sim_set_gpu(cases[i].gpu));
        assert_int_equal(offered(&c, CUDNN_HEUR_MODE_A, config), 4);
        for (int k = 0; k < 4; k++) {
            assert_int_equal(dnn_notes(config[k]), cases[i].notes[k]);
            assert_int_equal(dnn_behaviour(config[k]), 0);
        }
        assert_true(dnn_workspace(dnn_plan(config[0])) > dnn_workspace(dnn_plan(config[2])));
        assert_int_equal(offered(&c, CUDNN_HEUR_MODE_FALLBACK, config), 1);
        assert_int_equal(dnn_workspace(dnn_plan(config[0])), 0);
        dnn_end();
    }
    assert_true(tn_sim_set_gpu("h100"));
}

/* Which patterns would be compiled at run time. */
static void test_runtime(void **state)
{
    (void)state;
    static const struct {
        graph_case c;
        bool compiled;
    } cases[] = {
        {{.what = "conv", .type = F16}, false},
        {{.what = "conv bias", .type = F16}, false},
        {{.what = "conv bias relu", .type = F16}, false},
        {{.what = "conv z bias", .type = F16}, false},
        {{.what = "conv z bias relu", .type = F16}, false},
        {{.what = "conv z bias relu"}, false},
        {{.what = "conv bias relu", .type = BF16, .nchw = true}, false},
        {{.what = "dgrad", .type = F16}, false},
        {{.what = "wgrad", .type = F16}, false},
        {{.what = "conv fbias relu"}, false}, /* of floats, so is the rest */
        {{.what = "conv fbias relu", .type = F16}, true},
        {{.what = "conv bias z relu", .type = F16}, true},
        {{.what = "conv relu", .type = F16}, true},
        {{.what = "conv > f32", .type = F16}, true},
        {{.what = "conv bias relu > f32", .type = F16}, true},
        {{.what = "dgrad drelu", .type = F16}, true},
        {{.what = "dgrad drelu sum", .type = F16}, true},
        {{.what = "wgrad id > f32", .type = F16}, true},
        {{.what = "image relu"}, true},
        {{.what = "image sum"}, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dnn_desc config[MOST];
        if (!offered(&cases[i].c, CUDNN_HEUR_MODE_A, config))
            assert_true(offered(&cases[i].c, CUDNN_HEUR_MODE_FALLBACK, config) > 0);
        const bool compiled =
            dnn_behaviour(config[0]) >> CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION & 1;
        if (compiled != cases[i].compiled)
            fail_msg("%s: compiled at run time: %d", cases[i].c.what, compiled);
        dnn_end();
    }
}

/* Engines without tensor cores, for what is compiled at run time, are in FALLBACK if anywhere. */
static void test_fallback(void **state)
{
    (void)state;
    static const struct {
        graph_case c;
        int a, fallback, plain;
    } cases[] = {
        {{.what = "conv relu"}, 2, 2, 1},
        {{.what = "dgrad drelu"}, 2, 2, 1},
        {{.what = "dgrad drelu sum"}, 2, 1, 0},
        {{.what = "wgrad id > f32", .type = F16}, 2, 1, 0},
        {{.what = "conv > f32", .type = F16}, 0, 3, 0},
        {{.what = "image relu"}, 2, 1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dnn_desc config[MOST];
        int plain = 0;
        const int a = offered(&cases[i].c, CUDNN_HEUR_MODE_A, config);
        for (int k = 0; k < a; k++)
            assert_true(dnn_notes(config[k]) & TENSOR_CORE);
        const int fallback = offered(&cases[i].c, CUDNN_HEUR_MODE_FALLBACK, config);
        for (int k = 0; k < fallback; k++)
            plain += !(dnn_notes(config[k]) & TENSOR_CORE);
        if (a != cases[i].a || fallback != cases[i].fallback || plain != cases[i].plain)
            fail_msg("%s: %d, %d in fallback, %d plain", cases[i].c.what, a, fallback, plain);
        dnn_end();
    }
}

/* ---- what is refused ---------------------------------------------------------------------- */

static void test_table(void **state)
{
    (void)state;
    static const char *const gpus[] = {"t4", "a100", "r3090", "r4090", "h100", "b200", "r5090"};
    static const struct {
        graph_case c;
        const char *refused; /* on these GPUs; "all" of them */
    } cases[] = {
        {{.what = "conv"}, ""},
        {{.what = "conv", .type = F16}, ""},
        {{.what = "conv", .type = BF16}, "t4"},
        {{.what = "conv z bias relu", .type = F16}, ""},
        {{.what = "conv z bias relu", .type = F16, .nchw = true}, ""},
        {{.what = "conv bias z relu", .type = F16}, ""},
        {{.what = "conv bias z relu", .type = F16, .nchw = true}, "all"},
        {{.what = "conv relu", .nchw = true}, "all"},
        {{.what = "conv fbias relu", .type = F16, .nchw = true}, "all"},
        {{.what = "dgrad", .type = F16, .nchw = true}, ""},
        {{.what = "dgrad drelu", .type = F16}, ""},
        {{.what = "dgrad drelu", .type = F16, .nchw = true}, "all"},
        {{.what = "dgrad drelu", .type = F16, .groups = 2}, ""},
        {{.what = "dgrad drelu", .type = BF16, .groups = 2}, "t4 a100 r3090 r4090 h100 r5090"},
        {{.what = "dgrad drelu sum", .type = F16}, ""},
        {{.what = "dgrad drelu sum", .type = F16, .stride = 2}, "t4"},
        {{.what = "dgrad drelu sum"}, "t4"},
        {{.what = "dgrad drelu sum", .type = F16, .groups = 2}, "all"},
        {{.what = "wgrad"}, ""},
        {{.what = "wgrad > f32", .type = F16}, "all"},
        {{.what = "wgrad id > f32", .type = F16}, ""},
        {{.what = "wgrad id > f32", .type = F16, .channels = 3}, "all"},
        {{.what = "conv > f32", .type = F16}, "t4"},
        {{.what = "drelu dgrad"}, "t4 a100 r3090 r4090 h100 r5090"},
        {{.what = "drelu dgrad", .type = F16}, "all"},
        {{.what = "drelu wgrad", .type = F16}, "all"},
        {{.what = "image relu"}, ""},
        {{.what = "image relu", .nchw = true}, "all"},
        {{.what = "image sum"}, ""},
        {{.what = "image sum", .nchw = true}, "all"},
    };
    assert_true(tn_sim_set_refusals("table"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t g = 0; g < sizeof gpus / sizeof gpus[0]; g++) {
            dnn_desc config[MOST];
            assert_true(tn_sim_set_gpu(gpus[g]));
            const bool no = !strcmp(cases[i].refused, "all") || strstr(cases[i].refused, gpus[g]);
            const int n = offered(&cases[i].c, CUDNN_HEUR_MODE_A, config) +
                          offered(&cases[i].c, CUDNN_HEUR_MODE_FALLBACK, config);
            if ((n == 0) != no)
                fail_msg("%s, type %d, groups %d, on %s", cases[i].c.what, cases[i].c.type,
                         (int)cases[i].c.groups, gpus[g]);
            dnn_end();
        }
    assert_true(tn_sim_set_gpu("h100"));
    assert_true(tn_sim_set_refusals("none"));
}

/* A graph that is refused is counted, and then not there. */
static void test_refusals(void **state)
{
    (void)state;
    const graph_case c = {.what = "conv bias relu"};
    const cudnnBackendHeurMode_t mode = CUDNN_HEUR_MODE_A;
    dnn_desc config[MOST];
    builder b;
    assert_false(tn_sim_set_refusals("some"));
    assert_true(tn_sim_set_refusals("all"));
    dnn_desc device = dnn_new(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    dnn_set(device, CUDNN_ATTR_DEVICEPROP_DEVICE_ID, CUDNN_TYPE_INT32, 1, &(int32_t){0});
    dnn_desc d = dnn_new(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    dnn_set_desc(d, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, build(&b, &c));
    dnn_set(d, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    dnn_set_desc(d, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, dnn_finalize(device));
    int64_t n = 0;
    config[0] = dnn_new(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    dnn_finalize(d);
    assert_dnn(cudnnBackendGetAttribute(d, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                        CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &n, NULL));
    assert_true(n > 0);
    assert_dnn(cudnnBackendGetAttribute(d, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                        CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n, config));
    assert_int_equal(n, 0);
    dnn_end();
    assert_true(tn_sim_set_refusals("none"));
}

/* Sums in order have engines, whose plans then cannot be made. */
static void test_compilation(void **state)
{
    (void)state;
    const graph_case c = {.what = "image sum!"};
    dnn_desc config[MOST];
    assert_true(tn_sim_set_refusals("table"));
    assert_true(offered(&c, CUDNN_HEUR_MODE_A, config) > 0);
    dnn_desc d = dnn_new(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    dnn_set_desc(d, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config[0]);
    assert_dnn_is(cudnnBackendFinalize(d), CUDNN_STATUS_INTERNAL_ERROR_COMPILATION_FAILED);
    dnn_end();
    assert_true(tn_sim_set_refusals("none"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notes),    cmocka_unit_test(test_runtime),
        cmocka_unit_test(test_fallback), cmocka_unit_test(test_table),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_compilation),
    };
    return cmocka_run_group_tests(tests, numbers_open, numbers_close);
}
