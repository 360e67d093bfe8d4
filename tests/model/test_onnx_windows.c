/* ONNX's operators that have windows, resize or choose: what they become, and what of them is refused, in these words.
 * test_onnx_ops.c has their numbers. */
#include <stdio.h>
#include <string.h>

#include <tenon/tenon.h>

#include "lab.h"
#include "lab_onnx.h"

static char text[8192];

#define NAMED(op, name, more, y) \
    "node { op_type: \"" op "\" name: \"" name "\" output: \"" y "\" " more " }\n"
#define NODE(op, more) NAMED(op, "n", more, "y")
#define OUT "output { name: \"y\" }\n"
#define INTS(name, numbers) " attribute { name: \"" name "\" type: 7 " numbers " }"
#define INT(name, number) " attribute { name: \"" name "\" type: 2 i: " number " }"
#define WORD(name, word) " attribute { name: \"" name "\" type: 3 s: \"" word "\" }"
#define FLOATS(name, dims, numbers) \
    "initializer { name: \"" name "\" data_type: 1 " dims " " numbers " }\n"
#define WHOLES(name, dims, numbers) \
    "initializer { name: \"" name "\" data_type: 7 " dims " " numbers " }\n"
#define FOUR "float_data: 1 float_data: 2 float_data: 3 float_data: 4"

/* A convolution whose weights are computed. */
static const char computed[] =
    FLOATS("w", "dims: 1 dims: 1 dims: 4", FOUR) NAMED("Sigmoid", "s", "input: \"w\"", "v")
        NODE("Conv", "input: \"x\" input: \"v\"" INTS("pads", "ints: 2 ints: 1"));

/* ---- what they become ----------------------------------------------------------------------- */

/* The op that makes y, and its shape for a batch of 2. */
static void check(const char *dims, const char *more, const char *op, const char *shape)
{
    tn_model *m = NULL;
    tn_shape y;
    snprintf(text, sizeof text, "%s%s%s", lab_onnx_input("x", dims), more, OUT);
    assert_ok(tn_model_open(&m, lab_onnx_graph(text), &(tn_model_opts){.batch = 2}));
    const tn_graph *g = tn_model_graph(m);
    assert_string_equal(tn_value_op(g, tn_graph_output_at(g, 0)), op);
    assert_ok(tn_value_shape(g, tn_graph_output_at(g, 0), &y));
    assert_string_equal(tn_shape_format(&y).text, shape);
    tn_model_close(m);
}

static void are_layers_where_there_is_one(void **state)
{
    (void)state;
    check("0,3,8,8", NODE("MaxPool", "input: \"x\"" INTS("kernel_shape", "ints: 2 ints: 2")),
          "pool2d", "2 x 3 x 7 x 7");
    check("0,3,8", NODE("AveragePool", "input: \"x\"" INTS("kernel_shape", "ints: 2")), "reshape",
          "2 x 3 x 7");
    check("0,3,2,4,4", NODE("GlobalAveragePool", "input: \"x\""), "reshape", "2 x 3 x 1 x 1 x 1");
    check("0,1,3,3",
          FLOATS("w", "dims: 1 dims: 1 dims: 2 dims: 2", FOUR)
              NODE("ConvTranspose", "input: \"x\" input: \"w\"" INTS("strides", "ints: 2 ints: 2")),
          "conv_transpose2d", "2 x 1 x 6 x 6");
    check("0,1,3,3",
          FLOATS("w", "dims: 1 dims: 1 dims: 2 dims: 2", FOUR)
              NODE("ConvTranspose",
                   "input: \"x\" input: \"w\"" INTS("pads", "ints: 1 ints: 0 ints: 0 ints: 0")),
          "slice", "2 x 1 x 3 x 4");
    check("0,2,2,2",
          WHOLES("s", "dims: 4", "int64_data: 2 int64_data: 2 int64_data: 4 int64_data: 6")
              NODE("Resize", "input: \"x\" input: \"\" input: \"\" input: \"s\""),
          "resize", "2 x 2 x 4 x 6");
    check("0,2,2,2",
          FLOATS("s", "dims: 4", "float_data: 1 float_data: 1 float_data: 2 float_data: 1")
              NODE("Resize", "input: \"x\" input: \"\" input: \"s\"" WORD("mode", "cubic")),
          "reshape", "2 x 2 x 4 x 2");
    check("0,5,2",
          WHOLES("i", "dims: 2", "int64_data: 3 int64_data: -1")
              NODE("Gather", "input: \"x\" input: \"i\"" INT("axis", "1")),
          "slice", "2 x 2 x 2");
    check("0,5,2",
          WHOLES("i", "dims: 2", "int64_data: 3 int64_data: 0")
              NODE("Gather", "input: \"x\" input: \"i\"" INT("axis", "1")),
          "gather", "2 x 2 x 2");
    check("0,1,3", computed, "reshape", "2 x 1 x 3");
    check("0,5,2", NODE("ArgMax", "input: \"x\"" INT("axis", "1") INT("keepdims", "0")), "top_k",
          "2 x 2");
    check("0,5,2", NODE("Hardmax", "input: \"x\"" INT("axis", "1")), "transpose", "2 x 5 x 2");
}

/* To one pixel: PyTorch's is the first of x, ONNX's own the middle. */
static void one_pixel_lies_where_it_says(void **state)
{
    (void)state;
    static const char *const places[] = {"pytorch_half_pixel", "half_pixel"};
    const float want[] = {lab_onnx_x(0), (lab_onnx_x(1) + lab_onnx_x(2)) / 2};
    for (int i = 0; i < 2; i++) {
        float y;
        snprintf(
            text, sizeof text,
            "%s" WHOLES("s", "dims: 4", "int64_data: 1 int64_data: 1 int64_data: 1 int64_data: 1")
                NODE("Resize",
                     "input: \"x\" input: \"\" input: \"\" input: \"s\"" WORD("mode", "linear")
                         WORD("coordinate_transformation_mode", "%s")) OUT,
            lab_onnx_input("x", "1,1,1,4"), places[i]);
        lab_onnx_run(text, NULL, &y, 1);
        assert_float_equal(y, want[i], 1e-6);
    }
}

/* Of one picture they do not depend on the batch: a correlation of it with itself. */
static void weights_may_be_an_input(void **state)
{
    (void)state;
    float y, want = 0;
    snprintf(text, sizeof text, "%s%s%s", lab_onnx_input("x", "0,3,4,4"),
             NODE("Conv", "input: \"x\" input: \"x\""), OUT);
    lab_onnx_run(text, NULL, &y, 1);
    for (int i = 0; i < 48; i++)
        want += lab_onnx_x(i) * lab_onnx_x(i);
    assert_float_equal(y, want, 1e-5F * want);
}

/* ---- what is refused -------------------------------------------------------------------------- */

static void are_refused_in_words(void **state)
{
    (void)state;
    static const struct {
        const char *x, *more, *says;
    } cases[] = {
        {"0,3,4,4,4", NODE("MaxPool", "input: \"x\"" INTS("kernel_shape", "ints: 2 ints: 2")),
         "its windows are of N x C x H x W or N x C x W, not of 1 x 3 x 4 x 4 x 4"},
        {"0,3,4,4", NODE("MaxPool", "input: \"x\""), "it says no kernel_shape"},
        {"0,3,4,4", NODE("MaxPool", "input: \"x\"" INTS("kernel_shape", "ints: 2")),
         "kernel_shape has 1 numbers, not 2"},
        {"0,3,4,4", NODE("MaxPool", "input: \"x\"" INTS("kernel_shape", "ints: 2 ints: 0")),
         "kernel_shape has a 0"},
        {"0,3,4",
         NODE("MaxPool",
              "input: \"x\"" INTS("kernel_shape", "ints: 2") INTS("pads", "ints: 2 ints: 0")),
         "its pads are 2 and 0, of windows of 2"},
        {"0,3,4",
         NODE("MaxPool",
              "input: \"x\"" INTS("kernel_shape", "ints: 2") INTS("pads", "ints: -1 ints: 0")),
         "pads has -1 and 0"},
        {"0,3,9",
         NODE("MaxPool", "input: \"x\"" INTS("kernel_shape", "ints: 2") INTS("dilations", "ints: 2")
                             WORD("auto_pad", "SAME_UPPER")),
         "programs differ in how dilated windows are padded"},
        {"0,3,4",
         "node { op_type: \"MaxPool\" name: \"n\" input: \"x\" output: \"y\" output: \"z\"" INTS(
             "kernel_shape", "ints: 2") " } output { name: \"z\" }",
         "its indices are read"},
        {"0,1,3,3",
         FLOATS("w", "dims: 1 dims: 1 dims: 2 dims: 2", FOUR)
             NODE("ConvTranspose", "input: \"x\" input: \"w\"" INTS("strides", "ints: 2 ints: 3")
                                       WORD("auto_pad", "SAME_UPPER")),
         "windows of 2 are less than the stride, 3"},
        {"0,1,3,3",
         FLOATS("w", "dims: 1 dims: 1 dims: 2 dims: 2", FOUR) NODE(
             "ConvTranspose", "input: \"x\" input: \"w\"" INTS("output_shape", "ints: 4 ints: 6")),
         "2 rows or columns are added, not less than the stride"},
        {"0,1,3,3",
         FLOATS("w", "dims: 1 dims: 1 dims: 2 dims: 2", FOUR)
             NODE("Conv", "input: \"x\" input: \"w\"" INT("group", "2")),
         "in 2 groups, of x 1 x 1 x 3 x 3"},
        {"0,2,2,2",
         FLOATS("s", "dims: 4", FOUR)
             NODE("Resize", "input: \"x\" input: \"\" input: \"s\"" INT("antialias", "1")),
         "it is antialiased"},
        {"0,2,2,2",
         FLOATS("s", "dims: 4", FOUR)
             NODE("Resize", "input: \"x\" input: \"\" input: \"s\"" WORD(
                                "coordinate_transformation_mode", "tf_crop_and_resize")),
         "its coordinate_transformation_mode is tf_crop_and_resize"},
        {"3,2,2,2",
         FLOATS("s", "dims: 4", "float_data: 2 float_data: 1 float_data: 2 float_data: 2")
             NODE("Resize", "input: \"x\" input: \"\" input: \"s\""),
         "it makes 6 x 2 x 4 x 4 of 3 x 2 x 2 x 2"},
        {"0,2,4,4",
         FLOATS("s", "dims: 4", "float_data: 1 float_data: 1 float_data: 2 float_data: 0.6")
             NODE("Resize", "input: \"x\" input: \"\" input: \"s\"" WORD("mode", "linear")
                                WORD("coordinate_transformation_mode", "align_corners")),
         "programs differ in what align_corners is with a scale of 0.6"},
        {"0,2,4,4", NODE("Resize", "input: \"x\""), "it has neither scales nor sizes"},
        {"0,2,4,4",
         FLOATS("s", "dims: 4", "float_data: 1 float_data: 1 float_data: 2 float_data: 0.1")
             NODE("Resize", "input: \"x\" input: \"\" input: \"s\""),
         "dimension 3 of 1 x 2 x 4 x 4 would be 0"},
        {"0,5",
         WHOLES("i", "dims: 1", "int64_data: 5")
             NODE("Gather", "input: \"x\" input: \"i\"" INT("axis", "1")),
         "its index 5 is none of dimension 1 of 1 x 5"},
        {"0,5", NODE("Gather", "input: \"x\" input: \"x\""), "its indices are f32"},
        {"0,5", WHOLES("k", "dims: 1", "int64_data: 6") NODE("TopK", "input: \"x\" input: \"k\""),
         "its k is 6, of dimension 1 of 1 x 5"},
        {"0,5", NODE("SoftmaxCrossEntropyLoss", "input: \"x\" input: \"x\""), "its labels are f32"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        snprintf(text, sizeof text, "%s%s%s", lab_onnx_input("x", cases[i].x), cases[i].more, OUT);
        const char *said = lab_onnx_refusal(text, NULL);
        if (!strstr(said, cases[i].says))
            fail_msg("case %zu says \"%s\", not \"%s\"", i, said, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(are_layers_where_there_is_one),
        cmocka_unit_test(one_pixel_lies_where_it_says),
        cmocka_unit_test(weights_may_be_an_input),
        cmocka_unit_test(are_refused_in_words),
    };
    return cmocka_run_group_tests(tests, lab_onnx_open, lab_onnx_close);
}
