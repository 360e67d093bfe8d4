/*
 * The simulated cuDNN beside the real one, which plans for a GPU from its properties alone: what is done
 * wrong gives the same status, what is refused is refused by both. Where the real library takes no notice,
 * or dies, the simulation is stricter; that is not looked at here.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dnn_numbers.h"

typedef struct library {
    cudnnStatus_t (*create)(cudnnBackendDescriptorType_t, cudnnBackendDescriptor_t *);
    cudnnStatus_t (*destroy)(cudnnBackendDescriptor_t);
    cudnnStatus_t (*set)(cudnnBackendDescriptor_t, cudnnBackendAttributeName_t,
                         cudnnBackendAttributeType_t, int64_t, const void *);
    cudnnStatus_t (*get)(cudnnBackendDescriptor_t, cudnnBackendAttributeName_t,
                         cudnnBackendAttributeType_t, int64_t, int64_t *, void *);
    cudnnStatus_t (*finalize)(cudnnBackendDescriptor_t);
    const char *(*error)(cudnnStatus_t);
} library;

static library real, simulated, *lib;
static dnn_desc made[512];
static int count;

static dnn_desc fresh(int type)
{
    assert_int_equal(lib->create((cudnnBackendDescriptorType_t)type, &made[count]), 0);
    return made[count++];
}

static void end(void)
{
    while (count > 0)
        assert_int_equal(lib->destroy(made[--count]), 0);
}

static void set(dnn_desc d, int name, int type, int64_t n, const void *values)
{
    assert_int_equal(lib->set(d, (cudnnBackendAttributeName_t)name,
                              (cudnnBackendAttributeType_t)type, n, values),
                     0);
}

static void set_desc(dnn_desc d, int name, dnn_desc value)
{
    set(d, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value);
}

static dnn_desc final(dnn_desc d)
{
    assert_int_equal(lib->finalize(d), 0);
    return d;
}

/* ---- graphs ------------------------------------------------------------------------------- */

static dnn_desc open_tensor(int64_t uid, int type, const int64_t d[4], int64_t align, bool nchw)
{
    const int64_t nhwc[4] = {d[1] * d[2] * d[3], 1, d[1] * d[3], d[1]};
    const int64_t other[4] = {d[1] * d[2] * d[3], d[2] * d[3], d[3], 1};
    dnn_desc t = fresh(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    set(t, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
    set(t, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, d);
    set(t, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, nchw ? other : nhwc);
    set(t, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &uid);
    set(t, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &align);
    return t;
}

static dnn_desc open_conv(const int64_t pad[2])
{
    static const int64_t two = 2, one[2] = {1, 1};
    static const int math = CUDNN_DATA_FLOAT, mode = CUDNN_CROSS_CORRELATION;
    dnn_desc d = fresh(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    set(d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &math);
    set(d, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    set(d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &two);
    set(d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, pad);
    set(d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, pad);
    set(d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, one);
    set(d, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, one);
    return d;
}

/* y may be of another type and shape than it should be. */
static dnn_desc open_op(int type, int y_type, int64_t w_channels, int64_t y_height, bool nchw)
{
    const int64_t pad[2] = {1, 1};
    dnn_desc op = fresh(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
    set_desc(op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, final(open_conv(pad)));
    set_desc(op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
             final(open_tensor(1, type, (int64_t[]){2, 16, 8, 8}, 16, nchw)));
    set_desc(op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
             final(open_tensor(2, type, (int64_t[]){16, w_channels, 3, 3}, 16, nchw)));
    set_desc(op, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
             final(open_tensor(3, y_type, (int64_t[]){2, 16, y_height, 8}, 16, nchw)));
    return op;
}

static dnn_desc open_graph(dnn_desc op)
{
    dnn_desc g = fresh(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    set(g, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &op);
    return g;
}

static dnn_desc device(const char *gpu)
{
    static char text[16384];
    char name[128];
    snprintf(name, sizeof name, "../../src/backends/cuda/gpus/%s.json", gpu);
    FILE *f = fopen(lab_golden(name), "r");
    assert_non_null(f);
    const size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    fclose(f);
    dnn_desc d = fresh(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    set(d, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, (int64_t)n + 1, text);
    return final(d);
}

/* The first configuration of a graph; *n: how many there are of at most one. */
static dnn_desc first_config(dnn_desc graph, const char *gpu, int64_t *n)
{
    const int mode = CUDNN_HEUR_MODE_A;
    dnn_desc h = fresh(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    dnn_desc c = fresh(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    int64_t most = 0;
    set_desc(h, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
    set(h, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    set_desc(h, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, device(gpu));
    final(h);
    assert_int_equal(
        lib->get(h, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &most, NULL),
        0);
    assert_true(most > 0); /* also of those that are refused */
    assert_int_equal(
        lib->get(h, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, n, &c), 0);
    return c;
}

static dnn_desc plan(void)
{
    int64_t n;
    dnn_desc p = fresh(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    set_desc(p, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
             first_config(final(open_graph(final(open_op(0, 0, 16, 8, false)))), "h100", &n));
    return final(p);
}

/* ---- what is done wrong ------------------------------------------------------------------- */

static const int64_t numbers_of[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};

static dnn_desc x_open(void)
{
    return open_tensor(1, CUDNN_DATA_FLOAT, (int64_t[]){2, 4, 8, 8}, 16, false);
}

#define SET(d, name, type, n, values) \
    lib->set((d), CUDNN_ATTR_##name, CUDNN_TYPE_##type, (n), (values))

#define CASE(name, call)            \
    static cudnnStatus_t name(void) \
    {                               \
        return (call);              \
    }

static cudnnStatus_t unknown_type(void)
{
    dnn_desc d;
    return lib->create((cudnnBackendDescriptorType_t)999, &d);
}
CASE(other_type, SET(x_open(), TENSOR_UNIQUE_ID, FLOAT, 1, numbers_of))
CASE(two_of_one, SET(x_open(), TENSOR_UNIQUE_ID, INT64, 2, numbers_of))
CASE(foreign, SET(x_open(), CONVOLUTION_SPATIAL_DIMS, INT64, 1, numbers_of))
CASE(no_value, SET(x_open(), TENSOR_UNIQUE_ID, INT64, 1, NULL))
CASE(no_descriptor, SET(NULL, TENSOR_UNIQUE_ID, INT64, 1, numbers_of))
CASE(set_too_late, SET(final(x_open()), TENSOR_UNIQUE_ID, INT64, 1, numbers_of))
static cudnnStatus_t get_too_soon(void)
{
    int64_t n, d[4];
    return lib->get(x_open(), CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, &n, d);
}
static cudnnStatus_t get_other_type(void)
{
    int64_t n, d[4];
    return lib->get(final(x_open()), CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_FLOAT, 4, &n, d);
}
CASE(finalized_twice, lib->finalize(final(x_open())))
CASE(nothing_set, lib->finalize(fresh(CUDNN_BACKEND_TENSOR_DESCRIPTOR)))
static cudnnStatus_t three_strides(void)
{
    dnn_desc d = x_open();
    set(d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 3, numbers_of);
    return lib->finalize(d);
}
CASE(odd_alignment, lib->finalize(open_tensor(1, 0, (int64_t[]){2, 4, 8, 8}, 3, false)))
CASE(negative, lib->finalize(open_tensor(1, 0, (int64_t[]){2, 4, -8, 8}, 16, false)))
CASE(no_tensors, lib->finalize(fresh(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR)))
CASE(y_of_other_height, lib->finalize(open_op(0, 0, 16, 7, false)))
CASE(w_of_other_channels, lib->finalize(open_op(0, 0, 5, 8, false)))
static cudnnStatus_t op_not_final(void)
{
    dnn_desc op = open_op(0, 0, 16, 8, false), g = fresh(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    return SET(g, OPERATIONGRAPH_OPS, BACKEND_DESCRIPTOR, 1, &op);
}
CASE(no_ops, lib->finalize(fresh(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)))
CASE(no_config, lib->finalize(fresh(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR)))
static cudnnStatus_t pack_of_two_and_one(void)
{
    dnn_desc d = fresh(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    set(d, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 2, numbers_of);
    set(d, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 1, numbers_of);
    return lib->finalize(d);
}
CASE(destroy_nothing, lib->destroy(NULL))

/* A plan's text, changed by `change`, loaded again. */
static cudnnStatus_t reload(const char *gpu, void (*change)(char *text))
{
    int64_t n = 0;
    dnn_desc p = plan(), d = fresh(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    const cudnnBackendAttributeName_t name = CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION;
    assert_int_equal(lib->get(p, name, CUDNN_TYPE_CHAR, 0, &n, NULL), 0);
    char *text = calloc(1, (size_t)n + 1);
    assert_int_equal(lib->get(p, name, CUDNN_TYPE_CHAR, n, &n, text), 0);
    change(text);
    set_desc(d, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, device(gpu));
    set(d, name, CUDNN_TYPE_CHAR, (int64_t)strlen(text), text);
    free(text);
    return lib->finalize(d);
}
static void same(char *text)
{
    (void)text;
}
static void shorter(char *text)
{
    text[strlen(text) / 2] = '\0';
}
static void other_version(char *text)
{
    char *at = strstr(text, "\"cudnnVersion\":");
    at[strlen("\"cudnnVersion\":")] = '8';
}
CASE(text_again, reload("h100", same))
CASE(text_cut, reload("h100", shorter))
CASE(text_of_other_version, reload("h100", other_version))
CASE(text_of_other_gpu, reload("a100", same))
static cudnnStatus_t no_room_for_text(void)
{
    char little[10];
    int64_t n;
    return lib->get(plan(), CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, 10, &n,
                    little);
}

static void test_statuses(void **state)
{
    (void)state;
    cudnnStatus_t (*const cases[])(void) = {
        unknown_type,
        other_type,
        two_of_one,
        foreign,
        no_value,
        no_descriptor,
        set_too_late,
        get_too_soon,
        get_other_type,
        finalized_twice,
        nothing_set,
        three_strides,
        odd_alignment,
        negative,
        no_tensors,
        y_of_other_height,
        op_not_final,
        no_ops,
        no_config,
        pack_of_two_and_one,
        destroy_nothing,
        text_again,
        text_cut,
        text_of_other_version,
        text_of_other_gpu,
        no_room_for_text,
        w_of_other_channels,
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        lib = &real;
        const cudnnStatus_t there = cases[i]();
        end();
        lib = &simulated;
        const cudnnStatus_t here = cases[i]();
        end();
        if (here != there)
            fail_msg("case %zu: the simulation says %s, cuDNN %s", i, real.error(here),
                     real.error(there));
    }
}

/* ---- what is refused ---------------------------------------------------------------------- */

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        int type, y_type;
        bool nchw;
    } cases[] = {{F32, F32, false},
                 {F16, F16, false},
                 {BF16, BF16, false},
                 {F16, F16, true},
                 {F16, F32, false}};
    static const char *const gpus[] = {"t4", "a100", "h100", "b200"};
    assert_true(tn_sim_set_refusals("table"));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t g = 0; g < sizeof gpus / sizeof gpus[0]; g++) {
            int64_t n[2];
            for (int k = 0; k < 2; k++) {
                lib = k ? &simulated : &real;
                first_config(final(open_graph(final(
                                 open_op(cases[i].type, cases[i].y_type, 16, 8, cases[i].nchw)))),
                             gpus[g], &n[k]);
                end();
            }
            if (n[0] != n[1])
                fail_msg("case %zu on %s: %d configurations of cuDNN, %d of the simulation", i,
                         gpus[g], (int)n[0], (int)n[1]);
        }
    assert_true(tn_sim_set_refusals("none"));
}

int main(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    print_message("skipped: cuDNN is not built for sanitizers\n");
    return 77;
#endif
    void *file = dlopen("libcudnn.so.9", RTLD_NOW | RTLD_LOCAL);
    size_t (*version)(void) = NULL;
    const char *const names[] = {"cudnnBackendCreateDescriptor", "cudnnBackendDestroyDescriptor",
                                 "cudnnBackendSetAttribute",     "cudnnBackendGetAttribute",
                                 "cudnnBackendFinalize",         "cudnnGetErrorString"};
    simulated = (library){cudnnBackendCreateDescriptor, cudnnBackendDestroyDescriptor,
                          cudnnBackendSetAttribute,     cudnnBackendGetAttribute,
                          cudnnBackendFinalize,         cudnnGetErrorString};
    if (file)
        *(void **)&version = dlsym(file, "cudnnGetVersion");
    if (!version || version() != CUDNN_VERSION) {
        print_message("skipped: no libcudnn.so.9 of version %d\n", CUDNN_VERSION);
        return 77;
    }
    for (int i = 0; i < 6; i++)
        ((void **)(void *)&real)[i] = dlsym(file, names[i]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
