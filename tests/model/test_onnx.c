/* Models of ONNX: what they become, what is known before they run, and all that cannot be imported, at once. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <tenon/tenon.h>

#include "base/base.h"
#include "lab.h"
#include "lab_onnx.h"

static char text[8192];

/* ---- what is imported --------------------------------------------------------------------------- */

static const char dense[] =
    "initializer { name: \"w\" dims: 2 dims: 3 data_type: 1 float_data: 1 float_data: 2 "
    "float_data: 3"
    "  float_data: -1 float_data: 0.5 float_data: 4 }\n"
    "initializer { name: \"b\" dims: 2 data_type: 1 float_data: 10 float_data: 20 }\n"
    "node { op_type: \"Gemm\" name: \"fc\" input: \"x\" input: \"w\" input: \"b\" output: \"y\""
    "  attribute { name: \"transB\" i: 1 type: 2 } attribute { name: \"beta\" f: 2 type: 1 } }\n"
    "node { op_type: \"Relu\" name: \"last\" input: \"y\" output: \"z\" } output { name: \"z\" }\n";

static void parameters_have_the_names_of_the_file(void **state)
{
    (void)state;
    tn_model *m = NULL;
    tn_shape shape;
    float y[4];
    snprintf(text, sizeof text, "%s%s", lab_onnx_input("x", "0,3"), dense);
    const tn_model_opts opts = {.batch = 2};
    shape = lab_onnx_run(text, &opts, y, 4);
    assert_string_equal(tn_shape_format(&shape).text, "2 x 2");
    for (int n = 0; n < 2; n++) {
        const float a = lab_onnx_x(3 * n), b = lab_onnx_x(3 * n + 1), c = lab_onnx_x(3 * n + 2);
        assert_float_equal(y[2 * n], fmaxf(a + 2 * b + 3 * c + 20, 0), 1e-4);
        assert_float_equal(y[2 * n + 1], fmaxf(-a + b / 2 + 4 * c + 40, 0), 1e-4);
    }
    assert_ok(tn_model_open(&m, lab_onnx_path("model.onnx"), NULL));
    const tn_graph *g = tn_model_graph(m);
    assert_string_equal(tn_value_op(g, tn_graph_value(g, "fc")), "dense");
    assert_string_equal(tn_value_op(g, tn_graph_value(g, "z")), "relu");
    assert_string_equal(tn_model_tensor(m, 1, &shape), "w");
    assert_string_equal(tn_shape_format(&shape).text, "2 x 3");
    assert_null(tn_model_tensor(m, 2, NULL));
    tn_model_close(m);
}

/* ---- the batch ---------------------------------------------------------------------------------- */

/* As exporters write x.view(x.size(0), -1): nothing of it is left. */
static const char view[] =
    "initializer { name: \"zero\" data_type: 7 int64_data: 0 }\n"
    "initializer { name: \"rest\" dims: 1 data_type: 7 int64_data: -1 }\n"
    "node { op_type: \"Shape\" input: \"x\" output: \"s\" }\n"
    "node { op_type: \"Gather\" input: \"s\" input: \"zero\" output: \"n\" }\n"
    "node { op_type: \"Unsqueeze\" input: \"n\" input: \"axes\" output: \"u\" }\n"
    "node { op_type: \"Constant\" output: \"axes\" attribute { name: \"value_ints\" ints: 0 } }\n"
    "node { op_type: \"Concat\" input: \"u\" input: \"rest\" output: \"to\""
    " attribute { name: \"axis\" i: 0 } }\n"
    "node { op_type: \"Reshape\" name: \"flat\" input: \"x\" input: \"to\" output: \"y\" }\n"
    "output { name: \"y\" }\n";

static void the_batch_is_a_symbol(void **state)
{
    (void)state;
    tn_model *m = NULL;
    char nodes[4096];
    float y[24];
    snprintf(text, sizeof text, "%s%s", lab_onnx_input("x", "0,3,4"), view);
    /* A node may only read what stands before it. */
    assert_non_null(strstr(lab_onnx_refusal(text, NULL), "nothing makes its input \"axes\""));
    char *constant = strstr(text, "node { op_type: \"Constant"), *end = strchr(constant, '\n') + 1;
    snprintf(nodes, sizeof nodes, "%.*s%.*s%s", (int)(end - constant), constant,
             (int)(constant - text), text, end);
    const tn_model_opts opts = {.batch = 2};
    const tn_shape shape = lab_onnx_run(nodes, &opts, y, 24);
    assert_string_equal(tn_shape_format(&shape).text, "2 x 12");
    assert_ok(tn_model_open(&m, lab_onnx_path("model.onnx"), NULL));
    static const char want[] = "y = reshape(x) shape=0,12\n";
    assert_non_null(strstr(tn_model_fact(m, "tenon.graph"), want));
    tn_model_close(m);
}

/* Of a file that has a number there, other batches are made of the text; who is of that one alone says so. */
static void a_batch_that_the_file_has(void **state)
{
    (void)state;
    tn_model *m = NULL;
    static const char reshape[] =
        "initializer { name: \"to\" dims: 2 data_type: 7 int64_data: %d int64_data: %d }\n"
        "node { op_type: \"Reshape\" name: \"r\" input: \"x\" input: \"to\" output: \"y\" }\n"
        "output { name: \"y\" }\n";
    char nodes[1024];
    float y[24];
    snprintf(nodes, sizeof nodes, reshape, 1, 12);
    snprintf(text, sizeof text, "%s%s", lab_onnx_input("x", "1,3,4"), nodes);
    const tn_model_opts opts = {.batch = 2};
    const tn_shape shape = lab_onnx_run(text, &opts, y, 24);
    assert_string_equal(tn_shape_format(&shape).text, "2 x 12");
    snprintf(nodes, sizeof nodes, reshape, 4, 3);
    snprintf(text, sizeof text, "%s%s", lab_onnx_input("x", "1,3,4"), nodes);
    assert_ok(tn_model_open(&m, lab_onnx_graph(text), NULL));
    tn_model_close(m);
    m = NULL;
    assert_int_not_equal(tn_model_open(&m, lab_onnx_graph(text), &opts), TN_OK);
    assert_non_null(
        strstr(tn_error(), "reshape y: the 24 elements of 2 x 3 x 4 do not make 4 x 3"));
}

/* What computes with the number itself is of one batch; nobody plans it for another. */
static void a_batch_that_is_computed_with(void **state)
{
    (void)state;
    tn_model *m = NULL;
    tn_device *device = NULL;
    tn_plan *plan = NULL;
    static const char nodes[] =
        "initializer { name: \"zero\" data_type: 7 int64_data: 0 }\n"
        "initializer { name: \"one\" data_type: 7 int64_data: 1 }\n"
        "node { op_type: \"Shape\" input: \"x\" output: \"s\" }\n"
        "node { op_type: \"Gather\" input: \"s\" input: \"zero\" output: \"n\" }\n"
        "node { op_type: \"Range\" name: \"count\" input: \"zero\" input: \"n\" input: \"one\" "
        "output: \"r\" }\n"
        "node { op_type: \"Cast\" input: \"r\" output: \"f\" attribute { name: \"to\" i: 1 } }\n"
        "node { op_type: \"Mul\" input: \"x\" input: \"f\" output: \"y\" } output { name: \"y\" "
        "}\n";
    float y[9];
    snprintf(text, sizeof text, "%s%s", lab_onnx_input("x", "0,3"), nodes);
    const tn_model_opts opts = {.batch = 3};
    (void)lab_onnx_run(text, &opts, y, 9);
    for (int i = 0; i < 9; i++)
        assert_float_equal(y[i], lab_onnx_x(i) * (float)(i % 3), 1e-5);
    assert_ok(tn_model_open(&m, lab_onnx_path("model.onnx"), &opts));
    assert_non_null(strstr(tn_model_notice(m, 0), "of a batch of 3 alone, which it computes with"));
    assert_non_null(
        strstr(tn_model_notice(m, 0), "Range (1, \"count\"): what it makes is not known"));
    assert_ok(tn_device_open(&device, "cpu"));
    assert_int_not_equal(
        tn_plan_create(&plan, tn_model_graph(m), device, &(tn_plan_opts){.from = m, .batch = 6}),
        TN_OK);
    tn_device_close(device);
    tn_model_close(m);
}

/* A mask, as exporters of attention make one: numbers that are moved about before the model runs. */
static void a_mask_that_is_known(void **state)
{
    (void)state;
    static const char nodes[] =
        "initializer { name: \"two\" dims: 2 data_type: 7 int64_data: 2 int64_data: 2 }\n"
        "initializer { name: \"at\" dims: 1 dims: 2 data_type: 7 int64_data: 0 int64_data: -1 }\n"
        "initializer { name: \"seven\" dims: 1 data_type: 1 float_data: 7 }\n"
        "node { op_type: \"ConstantOfShape\" input: \"two\" output: \"o\" attribute { name: "
        "\"value\" "
        "t { dims: 1 data_type: 1 float_data: 3 } } }\n"
        "node { op_type: \"Trilu\" input: \"o\" output: \"l\" attribute { name: \"upper\" i: 0 } "
        "}\n"
        "node { op_type: \"ScatterND\" input: \"l\" input: \"at\" input: \"seven\" output: \"m\" "
        "}\n"
        "node { op_type: \"Transpose\" input: \"m\" output: \"t\" }\n"
        "node { op_type: \"Add\" input: \"x\" input: \"t\" output: \"y\" } output { name: \"y\" "
        "}\n";
    static const float want[] = {3, 3, 7, 3};
    float y[4];
    snprintf(text, sizeof text, "%s%s", lab_onnx_input("x", "0,2,2"), nodes);
    (void)lab_onnx_run(text, NULL, y, 4);
    for (int i = 0; i < 4; i++)
        assert_float_equal(y[i], lab_onnx_x(i) + want[i], 1e-6);
}

/* ---- bytes ---------------------------------------------------------------------------------------- */

static void bytes_of_pictures(void **state)
{
    (void)state;
    tn_model *m = NULL;
    tn_picture picture;
    static const char nodes[] =
        "input { name: \"x\" type { tensor_type { elem_type: 2 shape { dim { dim_param: \"N\" } "
        "dim { "
        "dim_value: 8 } dim { dim_value: 9 } dim { dim_value: 3 } } } } }\n"
        "initializer { name: \"mean\" dims: 3 dims: 1 dims: 1 data_type: 1 float_data: 2 "
        "float_data: 4"
        " float_data: 6 }\n"
        "initializer { name: \"scale\" data_type: 1 float_data: 0.5 }\n"
        "node { op_type: \"Transpose\" input: \"x\" output: \"a\" attribute { name: \"perm\" ints: "
        "0 "
        "ints: 3 ints: 1 ints: 2 } }\n"
        "node { op_type: \"Cast\" input: \"a\" output: \"b\" attribute { name: \"to\" i: 1 } }\n"
        "node { op_type: \"Sub\" input: \"b\" input: \"mean\" output: \"c\" }\n"
        "node { op_type: \"Mul\" name: \"scaled\" input: \"c\" input: \"scale\" output: \"d\" }\n"
        "node { op_type: \"Relu\" input: \"d\" output: \"y\" } output { name: \"y\" }\n";
    assert_ok(tn_model_open(&m, lab_onnx_graph(nodes), NULL));
    static const char want[] = "scaled = image_input(x) mean=2,4,6 scale=0.5,0.5,0.5\n"
                               "y = relu(scaled)\n";
    if (!strstr(tn_model_fact(m, "tenon.graph"), want))
        fail_msg("it is %s", tn_model_fact(m, "tenon.graph"));
    assert_ok(tn_model_picture(m, &picture));
    assert_int_equal(picture.fit.height, 8);
    tn_model_close(m);
}

/* Floats of the file's, of which the program says how bytes become them. */
static void pictures_by_the_program(void **state)
{
    (void)state;
    tn_model *m = NULL;
    tn_picture picture;
    snprintf(text, sizeof text,
             "%snode { op_type: \"Relu\" input: \"x\" output: \"y\" } output { name: \"y\" }\n",
             lab_onnx_input("x", "0,3,4,5"));
    const tn_image_input_opts how = {.mean = {1, 2, 3}, .scale = {0.5f, 0.5f, 0.5f}};
    const tn_model_opts opts = {.image = &how, .fit = "resize=8", .batch = 2};
    assert_ok(tn_model_open(&m, lab_onnx_graph(text), &opts));
    static const char want[] = "input x u8 N 4 5 3\n"
                               "x/pixels = image_input(x) mean=1,2,3 scale=0.5,0.5,0.5\n"
                               "y = relu(x/pixels)\n";
    assert_non_null(strstr(tn_model_fact(m, "tenon.graph"), want));
    assert_ok(tn_model_picture(m, &picture));
    assert_int_equal(picture.fit.resize, 8);
    assert_int_equal(picture.channels, 3);
    tn_model_close(m);
}

/* ---- branches, facts ------------------------------------------------------------------------------- */

/* Of which only the one that is taken must be imported. */
static void a_branch_that_is_known(void **state)
{
    (void)state;
    tn_model *m = NULL;
    static const char nodes[] =
        "initializer { name: \"yes\" data_type: 9 int32_data: %d }\n"
        "node { op_type: \"If\" input: \"yes\" output: \"y\"\n"
        "  attribute { name: \"then_branch\" g {\n"
        "    initializer { name: \"two\" data_type: 1 float_data: 2 }\n"
        "    node { op_type: \"Mul\" name: \"twice\" input: \"x\" input: \"two\" output: \"t\" }\n"
        "    output { name: \"t\" } } }\n"
        "  attribute { name: \"else_branch\" g {\n"
        "    node { op_type: \"GridSample\" input: \"x\" output: \"e\" } output { name: \"e\" } } "
        "} }\n"
        "output { name: \"y\" }\n";
    char branches[2048];
    float y[3];
    snprintf(branches, sizeof branches, nodes, 1);
    snprintf(text, sizeof text, "%s%s", lab_onnx_input("x", "0,3"), branches);
    (void)lab_onnx_run(text, NULL, y, 3);
    for (int i = 0; i < 3; i++)
        assert_float_equal(y[i], 2 * lab_onnx_x(i), 1e-6);
    snprintf(branches, sizeof branches, nodes, 0);
    snprintf(text, sizeof text, "%s%s", lab_onnx_input("x", "0,3"), branches);
    assert_non_null(
        strstr(lab_onnx_refusal(text, NULL), "GridSample (1, \"e\"): Tenon has no such"));
    const char *path = lab_onnx_file(
        "facts.onnx", "ir_version: 8 opset_import { version: 13 } metadata_props { key: "
                      "\"tenon.classes\" value: \"cat\\ndog\" } graph { }");
    assert_ok(tn_model_open(&m, path, NULL));
    assert_int_equal(tn_model_num_classes(m), 2);
    tn_model_close(m);
}

/* ---- labels ---------------------------------------------------------------------------------------- */

/* As skl2onnx writes them: numbers stay, names are left out; the probabilities are there in any case. */
static void labels_of_a_classifier(void **state)
{
    (void)state;
    tn_model *m = NULL;
    static const char nodes[] =
        "initializer { name: \"names\" dims: 2 data_type: 8 string_data: \"cat\" string_data: "
        "\"dog\" }\n"
        "initializer { name: \"first\" dims: 1 data_type: 7 int64_data: 0 }\n"
        "node { op_type: \"Softmax\" input: \"x\" output: \"p\" }\n"
        "node { op_type: \"ArrayFeatureExtractor\" domain: \"ai.onnx.ml\" input: \"names\" input: "
        "\"first\" output: \"l\" }\n"
        "node { op_type: \"Reshape\" input: \"l\" input: \"first\" output: \"label\" }\n"
        "node { op_type: \"ZipMap\" domain: \"ai.onnx.ml\" input: \"p\" output: \"q\" }\n"
        "output { name: \"label\" } output { name: \"q\" }\n";
    snprintf(text, sizeof text, "%s%s", lab_onnx_input("x", "0,3"), nodes);
    assert_ok(tn_model_open(&m, lab_onnx_graph(text), NULL));
    assert_non_null(
        strstr(tn_model_notice(m, 0), "ArrayFeatureExtractor \"l\": left out, with what"));
    const tn_graph *g = tn_model_graph(m);
    assert_string_equal(tn_value_op(g, tn_graph_output_at(g, 0)), "softmax");
    assert_int_equal(tn_graph_output_at(g, 1).id, 0);
    tn_model_close(m);
}

/* ---- what is not -------------------------------------------------------------------------------- */

static void all_refusals_come_at_once(void **state)
{
    (void)state;
    snprintf(
        text, sizeof text,
        "%snode { op_type: \"GridSample\" name: \"/warp\" input: \"x\" output: \"a\" }\n"
        "node { op_type: \"Relu\" input: \"a\" output: \"b\" }\n"
        "node { op_type: \"GridSample\" input: \"x\" output: \"c\" }\n"
        "node { op_type: \"FusedConv\" domain: \"com.microsoft\" input: \"x\" output: \"d\" }\n"
        "node { op_type: \"Relu\" input: \"nowhere\" output: \"e\" }\n"
        "output { name: \"b\" }\n",
        lab_onnx_input("x", "0,3"));
    const char *said = lab_onnx_refusal(text, NULL);
    static const char want[] = "model.onnx: 4 of 5 nodes cannot be imported: GridSample (2, first "
                               "\"/warp\"): Tenon has no such "
                               "operation; FusedConv (1, \"d\"): it is of the domain "
                               "\"com.microsoft\", not of ONNX; Relu (1, "
                               "\"e\"): nothing makes its input \"nowhere\"";
    assert_non_null(strstr(said, want));
}

static void inputs_that_are_none(void **state)
{
    (void)state;
    static const struct {
        const char *input, *said;
    } cases[] = {
        {"type { }", "input (1, \"x\"): it is no tensor, but a sequence"},
        {"type { tensor_type { elem_type: 9 shape { dim { dim_value: 2 } } } }", "it is bool"},
        {"type { tensor_type { elem_type: 1 shape { dim { dim_value: 2 } dim { dim_value: 0 } } } "
         "}",
         "it is an empty tensor"},
        {"type { tensor_type { elem_type: 1 shape { dim { dim_param: \"N\" } dim { dim_param: "
         "\"H\" } } } }",
         "does not say how large its input \"x\" is (N x H): tn_model_opts.input can"},
        {"type { tensor_type { elem_type: 1 } }", "(no shape)"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        snprintf(text, sizeof text,
                 "input { name: \"x\" %s }\nnode { op_type: \"Relu\" input: \"x\" output: \"y\" }\n"
                 "output { name: \"y\" }\n",
                 cases[i].input);
        const char *said = lab_onnx_refusal(text, NULL);
        if (!strstr(said, cases[i].said))
            fail_msg("case %zu says: %s", i, said);
    }
    float y[8];
    const tn_model_opts with = {.input = "x=2x4"}, without = {.input = "x=4", .batch = 2},
                        all = {.input = "*=4", .batch = 2}, *const opts[] = {&with, &without, &all};
    for (size_t i = 0; i < TN_COUNT(opts); i++) {
        snprintf(text, sizeof text,
                 "input { name: \"x\" %s }\nnode { op_type: \"Relu\" input: \"x\" output: \"y\" }\n"
                 "output { name: \"y\" }\n",
                 cases[3].input);
        const tn_shape shape = lab_onnx_run(text, opts[i], y, 8);
        assert_string_equal(tn_shape_format(&shape).text, "2 x 4");
    }
}

static void vectors_make_a_number(void **state)
{
    (void)state;
    float y[1];
    snprintf(text, sizeof text,
             "%snode { op_type: \"MatMul\" input: \"x\" input: \"x\" output: \"y\" }\n"
             "output { name: \"y\" }\n",
             lab_onnx_input("x", "3"));
    const tn_shape shape = lab_onnx_run(text, NULL, y, 1);
    assert_int_equal(shape.ndim, 0);
    assert_float_equal(y[0], 9 + 2.9f * 2.9f + 2.8f * 2.8f, 1e-4);
}

static void files_of_other_versions(void **state)
{
    (void)state;
    tn_model *m = NULL;
    const char *path =
        lab_onnx_file("old.onnx", "ir_version: 3 opset_import { version: 26 } graph { }");
    assert_int_equal(tn_model_open(&m, path, NULL), TN_ERR_UNSUPPORTED);
    assert_non_null(strstr(tn_error(), "is of opset 26; 1 to 25 are read"));
    path = lab_onnx_file("none.onnx", "ir_version: 8 opset_import { version: 9 }");
    assert_int_equal(tn_model_open(&m, path, NULL), TN_ERR_FORMAT);
    assert_non_null(strstr(tn_error(), "none.onnx: has no graph"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_have_the_names_of_the_file),
        cmocka_unit_test(the_batch_is_a_symbol),
        cmocka_unit_test(a_batch_that_the_file_has),
        cmocka_unit_test(a_batch_that_is_computed_with),
        cmocka_unit_test(a_mask_that_is_known),
        cmocka_unit_test(bytes_of_pictures),
        cmocka_unit_test(pictures_by_the_program),
        cmocka_unit_test(a_branch_that_is_known),
        cmocka_unit_test(labels_of_a_classifier),
        cmocka_unit_test(all_refusals_come_at_once),
        cmocka_unit_test(inputs_that_are_none),
        cmocka_unit_test(vectors_make_a_number),
        cmocka_unit_test(files_of_other_versions),
    };
    return cmocka_run_group_tests(tests, lab_onnx_open, lab_onnx_close);
}
