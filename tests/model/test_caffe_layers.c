/* Layers of Caffe's nets against the formulas of its documentation. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <tenon/tenon.h>

#include "lab.h"
#include "lab_caffe.h"

static double relu(double x)
{
    return x > 0 ? x : 0;
}

static double leaky(double x)
{
    return x > 0 ? x : 0.1 * x;
}

static double power(double x)
{
    return pow(3 + 0.5 * x, 2);
}

static double exponential(double x)
{
    return pow(2, 1 + 0.5 * x);
}

static double logarithm(double x)
{
    return log(4 + 0.5 * x) / log(10);
}

static double bnll(double x)
{
    return log(1 + exp(x));
}

static double elu(double x)
{
    return x > 0 ? x : 2 * (exp(x) - 1);
}

static double sum3(double x)
{
    return 2 * x + -1 * x + 0.5 * x;
}

static double product(double x)
{
    return x * x;
}

static double largest(double x)
{
    return fmax(x, fabs(x));
}

static void layers_of_one_value(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double (*formula)(double x);
    } cases[] = {
        {"layer { name: \"a\" type: \"ReLU\" bottom: \"data\" top: \"data\" }", relu},
        {"layers { name: \"a\" type: RELU bottom: \"data\" top: \"b\" }", relu},
        {"layer { name: \"a\" type: \"ReLU\" bottom: \"data\" top: \"b\" relu_param { "
         "negative_slope: 0.1 } }",
         leaky},
        {"layer { name: \"a\" type: \"Power\" bottom: \"data\" top: \"b\" power_param { power: 2 "
         "scale: .5 shift: 3 } }",
         power},
        {"layers { name: \"a\" type: EXP bottom: \"data\" top: \"b\" exp_param { base: 2 scale: "
         "0.5 shift: 1 } }",
         exponential},
        {"layer { name: \"a\" type: \"Log\" bottom: \"data\" top: \"b\" log_param { base: 10 "
         "scale: 0.5 shift: 4 } }",
         logarithm},
        {"layer { name: \"a\" type: \"BNLL\" bottom: \"data\" top: \"b\" }", bnll},
        {"layer { name: \"a\" type: \"ELU\" bottom: \"data\" top: \"b\" elu_param { alpha: 2 } }",
         elu},
        {"layer { name: \"a\" type: \"AbsVal\" bottom: \"data\" top: \"b\" }", fabs},
        {"layer { name: \"a\" type: \"TanH\" bottom: \"data\" top: \"b\" }", tanh},
        {"layer { name: \"a\" type: \"Dropout\" bottom: \"data\" top: \"data\" }\n"
         "layer { name: \"b\" type: \"ReLU\" bottom: \"data\" top: \"data\" }",
         relu},
        {"layer { name: \"a\" type: \"Split\" bottom: \"data\" top: \"x\" top: \"y\" top: \"z\" }\n"
         "layer { name: \"b\" type: \"Eltwise\" bottom: \"x\" bottom: \"y\" bottom: \"z\" top: "
         "\"s\"\n"
         "  eltwise_param { operation: SUM coeff: 2 coeff: -1 coeff: 0.5 } }",
         sum3},
        {"layer { name: \"b\" type: \"Eltwise\" bottom: \"data\" bottom: \"data\" top: \"s\" "
         "eltwise_param { operation: PROD } }",
         product},
        {"layer { name: \"a\" type: \"AbsVal\" bottom: \"data\" top: \"x\" }\n"
         "layer { name: \"b\" type: \"Eltwise\" bottom: \"data\" bottom: \"x\" top: \"s\" "
         "eltwise_param { operation: MAX } }",
         largest},
        {"layer { name: \"a\" type: \"Slice\" bottom: \"data\" top: \"x\" top: \"y\" slice_param { "
         "slice_point: 1 } }\n"
         "layer { name: \"b\" type: \"ReLU\" bottom: \"x\" top: \"x\" }\n"
         "layer { name: \"c\" type: \"ReLU\" bottom: \"y\" top: \"y\" }\n"
         "layer { name: \"d\" type: \"Concat\" bottom: \"x\" bottom: \"y\" top: \"s\" }",
         relu},
        {"layer { name: \"a\" type: \"ReLU\" bottom: \"data\" top: \"x\" }\n"
         "layer { name: \"b\" type: \"ReLU\" bottom: \"data\" top: \"y\" include { phase: TRAIN } "
         "}\n"
         "layer { name: \"c\" type: \"Silence\" bottom: \"data\" }",
         relu},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        float got[ALL];
        (void)lab_caffe_run(cases[i].text, NULL, got, ALL);
        for (int j = 0; j < ALL; j++) {
            const double want = cases[i].formula((double)lab_caffe_data[j]);
            if (!(fabs((double)got[j] - want) <= 1e-5 * (1 + fabs(want))))
                fail_msg("%s: %g of %g, not %g", cases[i].text, (double)got[j],
                         (double)lab_caffe_data[j], want);
        }
    }
}

/* Caffe's rounding up: of 5 rows, windows of 2 two apart, it makes 3, the last one of one row. */
static void pooling_rounds_up(void **state)
{
    (void)state;
    float got[ALL];
    tn_shape s = lab_caffe_run("layer { name: \"p\" type: \"Pooling\" bottom: \"data\" top: \"p\" "
                               "pooling_param { pool: AVE kernel_size: 2 stride: 2 } }",
                               NULL, got, ALL);
    assert_int_equal(s.dim[2], 3);
    assert_int_equal(s.dim[3], 2);
    assert_true(fabsf(got[4] - (lab_caffe_data[4 * W] + lab_caffe_data[4 * W + 1]) / 2) <
                1e-6f); /* of those inside alone */
    s = lab_caffe_run(
        "layer { name: \"p\" type: \"Pooling\" bottom: \"data\" top: \"p\" pooling_param { "
        "kernel_size: 2 stride: 2 round_mode: FLOOR } }",
        NULL, got, ALL);
    assert_int_equal(s.dim[2], 2);
    s = lab_caffe_run(
        "layer { name: \"p\" type: \"Pooling\" bottom: \"data\" top: \"p\" pooling_param { "
        "pool: AVE kernel_size: 3 stride: 1 pad: 1 } }",
        NULL, got, ALL);
    assert_int_equal(s.dim[2], H);
    assert_true(fabsf(got[0] - (lab_caffe_data[0] + lab_caffe_data[1] + lab_caffe_data[W] +
                                lab_caffe_data[W + 1]) /
                                   9) < 1e-6f); /* the padding counts */
    s = lab_caffe_run(
        "layer { name: \"p\" type: \"Pooling\" bottom: \"data\" top: \"p\" pooling_param { "
        "pool: AVE global_pooling: true } }",
        NULL, got, ALL);
    assert_int_equal(s.dim[2], 1);
}

static void shapes_are_changed_as_there(void **state)
{
    (void)state;
    float got[ALL];
    tn_shape s = lab_caffe_run("layer { name: \"f\" type: \"Flatten\" bottom: \"data\" top: \"f\" "
                               "flatten_param { axis: 2 } }",
                               NULL, got, ALL);
    assert_string_equal(tn_shape_format(&s).text, tn_shape_format(&TN_SHAPE(N, C, H * W)).text);
    s = lab_caffe_run(
        "layer { name: \"r\" type: \"Reshape\" bottom: \"data\" top: \"r\" reshape_param { "
        "shape { dim: 0 dim: -1 dim: 2 } } }",
        NULL, got, ALL);
    assert_string_equal(tn_shape_format(&s).text,
                        tn_shape_format(&TN_SHAPE(N, C * H * W / 2, 2)).text);
    s = lab_caffe_run(
        "layer { name: \"r\" type: \"Reshape\" bottom: \"data\" top: \"r\" reshape_param { "
        "shape { dim: 10 dim: 2 } axis: 2 } }",
        NULL, got, ALL);
    assert_string_equal(tn_shape_format(&s).text, tn_shape_format(&TN_SHAPE(N, C, 10, 2)).text);
    s = lab_caffe_run("layer { name: \"c\" type: \"ShuffleChannel\" bottom: \"data\" top: \"c\" "
                      "shuffle_channel_param { group: 3 } }",
                      NULL, got, ALL);
    assert_memory_equal(got, lab_caffe_data, sizeof got);
    s = lab_caffe_run(
        "layer { name: \"p\" type: \"Permute\" bottom: \"data\" top: \"p\" permute_param { "
        "order: 0 order: 2 order: 3 order: 1 } }",
        NULL, got, ALL);
    assert_string_equal(tn_shape_format(&s).text, tn_shape_format(&TN_SHAPE(N, H, W, C)).text);
    assert_true(got[1] == lab_caffe_data[H * W]);
    s = lab_caffe_run(
        "layer { name: \"p\" type: \"Pooling\" bottom: \"data\" top: \"p\" pooling_param { "
        "kernel_size: 2 stride: 2 } }\n"
        "layer { name: \"c\" type: \"Crop\" bottom: \"data\" bottom: \"p\" top: \"c\" "
        "crop_param { axis: 2 offset: 1 } }",
        NULL, got, ALL);
    assert_string_equal(tn_shape_format(&s).text, tn_shape_format(&TN_SHAPE(N, C, 3, 2)).text);
    assert_true(got[0] == lab_caffe_data[W + 1]);
    s = lab_caffe_run(
        "layer { name: \"r\" type: \"Reduction\" bottom: \"data\" top: \"r\" reduction_param { "
        "operation: SUMSQ axis: 1 coeff: 2 } }",
        NULL, got, ALL);
    double want = 0;
    for (int i = 0; i < C * H * W; i++)
        want += 2 * (double)lab_caffe_data[i] * (double)lab_caffe_data[i];
    assert_true(fabs((double)got[0] - want) < 1e-4 * want);
}

/* Numbers that are of the file's batch, and of more than it. */
static void a_reshape_for_one_batch_is_refused(void **state)
{
    (void)state;
    static const char *const shapes[][2] = {{"dim: 16 dim: 10", "16 x 10"},
                                            {"dim: 0 dim: 7 dim: -1", "0 x 7 x -1"},
                                            {"dim: 9223372036854775807 dim: 4", "x 4"}};
    for (size_t i = 0; i < TN_COUNT(shapes); i++) {
        char text[400];
        tn_model *m = NULL;
        snprintf(
            text, sizeof text,
            "input: \"data\"\nlayer { name: \"r\" type: \"Reshape\" bottom: \"data\" top: \"r\" "
            "reshape_param { shape { %s } } }",
            shapes[i][0]);
        assert_fails(tn_model_open(&m, lab_caffe_net(text), &(tn_model_opts){.input = "*=3x8x6"}),
                     TN_ERR_UNSUPPORTED, "Reshape \"r\" (line 2): 1 x 3 x 8 x 6 cannot become ");
        assert_non_null(strstr(tn_error(), shapes[i][1]));
    }
}

static void layers_of_a_name_are_counted(void **state)
{
    (void)state;
    tn_model *m = NULL;
    assert_ok(tn_model_open(
        &m,
        lab_caffe_net("input: \"data\" input_dim: 2 input_dim: 3 input_dim: 5 input_dim: 4\n"
                      "layer { name: \"a_2\" type: \"ReLU\" bottom: \"data\" top: \"x\" }\n"
                      "layer { name: \"a\" type: \"ReLU\" bottom: \"x\" top: \"y\" }\n"
                      "layer { name: \"a\" type: \"ReLU\" bottom: \"y\" top: \"z\" }\n"
                      "layer { name: \"a\" type: \"ReLU\" bottom: \"z\" top: \"w\" }\n"),
        NULL));
    assert_int_not_equal(tn_graph_value(tn_model_graph(m), "a_4").id, 0);
    tn_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_of_one_value),
        cmocka_unit_test(pooling_rounds_up),
        cmocka_unit_test(shapes_are_changed_as_there),
        cmocka_unit_test(a_reshape_for_one_batch_is_refused),
        cmocka_unit_test(layers_of_a_name_are_counted),
    };
    return cmocka_run_group_tests(tests, lab_caffe_open, lab_caffe_close);
}
