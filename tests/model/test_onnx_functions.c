/* Functions of one value of ONNX, those that are a layer and those that are several, against the C library's. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lab.h"
#include "lab_onnx.h"

static double reciprocal(double x)
{
    return 1 / x;
}
static double sign(double x)
{
    return (x > 0) - (x < 0);
}
static double softplus(double x)
{
    return log1p(exp(x));
}
static double softsign(double x)
{
    return x / (1 + fabs(x));
}
static double selu(double x)
{
    return 3 * (x > 0 ? x : 2 * expm1(x));
}
static double celu(double x)
{
    return x > 0 ? x : 2 * expm1(x / 2);
}
static double thresholded(double x)
{
    return x > 0.75 ? x : 0;
}
static double shrink(double x)
{
    return x < -1.05 ? x + 0.5 : x > 1.05 ? x - 0.5 : 0;
}

#define REAL(name, value) " attribute { name: \"" name "\" f: " value " type: 1 }"

static const struct {
    const char *op, *attributes;
    double (*is)(double);
} functions[] = {
    {"Softplus", "", softplus},
    {"Softsign", "", softsign},
    {"Erf", "", erf},
    {"Floor", "", floor},
    {"Ceil", "", ceil},
    {"Round", "", nearbyint},
    {"Sign", "", sign},
    {"Reciprocal", "", reciprocal},
    {"Selu", REAL("alpha", "2") REAL("gamma", "3"), selu},
    {"Celu", REAL("alpha", "2"), celu},
    {"ThresholdedRelu", REAL("alpha", "0.75"), thresholded},
    {"Shrink", REAL("lambd", "1.05") REAL("bias", "0.5"), shrink},
    {"Sin", "", sin},
    {"Cos", "", cos},
    {"Tan", "", tan},
    {"Asin", "", asin},
    {"Acos", "", acos},
    {"Atan", "", atan},
    {"Sinh", "", sinh},
    {"Cosh", "", cosh},
    {"Asinh", "", asinh},
    {"Acosh", "", acosh},
    {"Atanh", "", atanh},
};

enum { COUNT = 61 }; /* lab_onnx_x(): from -3 to 3 */

static void check(const char *op, float got, float x, double want)
{
    const bool same = isnan(want)   ? isnan(got)
                      : isinf(want) ? (double)got == want
                                    : fabs((double)got - want) <= 2e-6 * (1 + fabs(want));
    if (!same)
        fail_msg("%s of %g is %g, not %g", op, (double)x, (double)got, want);
}

static void are_what_they_are_elsewhere(void **state)
{
    (void)state;
    char text[1000];
    for (size_t i = 0; i < TN_COUNT(functions); i++) {
        float y[COUNT];
        snprintf(text, sizeof text,
                 "%snode { op_type: \"%s\" input: \"x\" output: \"y\"%s }\noutput { name: \"y\" }",
                 lab_onnx_input("x", "61"), functions[i].op, functions[i].attributes);
        lab_onnx_run(text, NULL, y, COUNT);
        for (int k = 0; k < COUNT; k++)
            check(functions[i].op, y[k], lab_onnx_x(k), functions[i].is((double)lab_onnx_x(k)));
    }
}

static void refuses_what_a_layer_cannot_be(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"Selu\"" REAL("gamma", "-1"), "its alpha is 1.67326 and its gamma -1"},
        {"Celu\"" REAL("alpha", "-1"), "its alpha is -1"},
        {"Shrink\"" REAL("lambd", "-1"), "its lambd is -1"},
    };
    char text[1000];
    for (size_t i = 0; i < TN_COUNT(wrong); i++) {
        snprintf(text, sizeof text,
                 "%snode { input: \"x\" output: \"y\" op_type: \"%s }\noutput { name: \"y\" }",
                 lab_onnx_input("x", "61"), wrong[i][0]);
        assert_non_null(strstr(lab_onnx_refusal(text, NULL), wrong[i][1]));
    }
}

static void shape_of_what_is_quantised(void **state)
{
    (void)state;
    char text[1000];
    float y[6];
    snprintf(text, sizeof text,
             "%sinitializer { name: \"s\" data_type: 1 float_data: 0.5 }\n"
             "initializer { name: \"z\" data_type: 3 int32_data: 0 }\n"
             "node { op_type: \"QuantizeLinear\" input: \"x\" input: \"s\" input: \"z\" output: "
             "\"q\" }\n"
             "node { op_type: \"Shape\" input: \"q\" output: \"like\" }\n"
             "node { op_type: \"Flatten\" input: \"x\" output: \"f\" attribute { name: \"axis\" i: "
             "0 } }\n"
             "node { op_type: \"Reshape\" input: \"f\" input: \"like\" output: \"y\" }\n"
             "output { name: \"y\" }\n",
             lab_onnx_input("x", "2,3"));
    const tn_shape shape = lab_onnx_run(text, NULL, y, 6);
    assert_string_equal(tn_shape_format(&shape).text, "2 x 3");
}

/* A variance of 1e-6, beside which 1e-5 would be seen. */
static void a_norm_without_epsilon(void **state)
{
    (void)state;
    char text[1000];
    float y[1];
#define NUMBER(name, value) \
    "initializer { name: \"" name "\" dims: 1 data_type: 1 float_data: " value " }\n"
    snprintf(
        text, sizeof text,
        "%s" NUMBER("w", "1") NUMBER("b", "0") NUMBER("m", "0") NUMBER(
            "v", "1e-6") "node { op_type: \"BatchNormalization\" input: \"x\" input: \"w\" input: "
                         "\"b\" input: "
                         "\"m\" input: \"v\" output: \"y\" attribute { name: \"epsilon\" f: 0 } }\n"
                         "output { name: \"y\" }\n",
        lab_onnx_input("x", "1,1"));
    (void)lab_onnx_run(text, NULL, y, 1);
    assert_float_equal(y[0], -3000, 0.1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_what_they_are_elsewhere),
        cmocka_unit_test(refuses_what_a_layer_cannot_be),
        cmocka_unit_test(shape_of_what_is_quantised),
        cmocka_unit_test(a_norm_without_epsilon),
    };
    return cmocka_run_group_tests(tests, lab_onnx_open, lab_onnx_close);
}
