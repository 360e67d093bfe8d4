/* Models of ONNX: whose a name is, what is chosen, what is of any batch, integers, and losses that count. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <tenon/tenon.h>

#include "base/base.h"
#include "lab.h"
#include "lab_onnx.h"

static char text[8192];

/* It is that, and has this line in its text. */
static void has_line(const char *line)
{
    tn_model *m = NULL;
    assert_ok(tn_model_open(&m, lab_onnx_path("model.onnx"), NULL));
    if (!strstr(tn_model_fact(m, "tenon.graph"), line))
        fail_msg("it is %s", tn_model_fact(m, "tenon.graph"));
    tn_model_close(m);
}

/* ---- whose a name is ---------------------------------------------------------------------------- */

#define BRANCH(name, factor)                                                                   \
    "attribute { name: \"" name "\" g {\n"                                                     \
    "  initializer { name: \"by\" data_type: 1 float_data: " factor " }\n"                     \
    "  node { op_type: \"Mul\" name: \"times\" input: \"x\" input: \"by\" output: \"out\" }\n" \
    "  output { name: \"out\" } } }\n"

static void names_of_a_branch_are_its_own(void **state)
{
    (void)state;
    static const char nodes[] =
        "initializer { name: \"yes\" data_type: 9 int32_data: 1 }\n"
        "initializer { name: \"no\" data_type: 9 int32_data: 0 }\n"
        "node { op_type: \"If\" input: \"yes\" output: \"a\"\n" BRANCH("then_branch", "2") BRANCH(
            "else_branch",
            "3") "}\n"
                 "node { op_type: \"If\" input: \"no\" output: \"b\"\n" BRANCH("then_branch", "5")
                     BRANCH("else_branch", "7") "}\n"
                                                "node { op_type: \"Add\" input: \"a\" input: \"b\" "
                                                "output: \"y\" } output { name: \"y\" }\n";
    float y[3];
    snprintf(text, sizeof text, "%s%s", lab_onnx_input("x", "0,3"), nodes);
    (void)lab_onnx_run(text, NULL, y, 3);
    for (int i = 0; i < 3; i++)
        assert_float_equal(y[i], 9 * lab_onnx_x(i), 1e-5);
    /* Outside of it nobody has made them. */
    snprintf(text, sizeof text,
             "%sinitializer { name: \"yes\" data_type: 9 int32_data: 1 }\n"
             "node { op_type: \"If\" input: \"yes\" output: \"a\"\n%s%s}\n"
             "node { op_type: \"Relu\" input: \"by\" output: \"y\" } output { name: \"y\" }\n",
             lab_onnx_input("x", "0,3"), BRANCH("then_branch", "2"), BRANCH("else_branch", "3"));
    assert_non_null(strstr(lab_onnx_refusal(text, NULL), "nothing makes its input \"by\""));
}

/* Nodes that say no name, nor one of what they make, are called by their operator: each finds its own at once. */
static void nodes_without_names(void **state)
{
    (void)state;
    enum { NODES = 20000 };
    static char many[NODES * 40 + 1000];
    tn_model *m = NULL;
    size_t used = (size_t)snprintf(many, sizeof many, "%s", lab_onnx_input("x", "0,3"));
    for (int i = 0; i < NODES; i++)
        used += (size_t)snprintf(many + used, sizeof many - used,
                                 "node { op_type: \"Abs\" input: \"x\" }\n");
    snprintf(many + used, sizeof many - used, "output { name: \"x\" }\n");
    assert_ok(tn_model_open(&m, lab_onnx_graph(many), NULL));
    assert_int_not_equal(tn_graph_value(tn_model_graph(m), "Abs_20000").id, 0);
    tn_model_close(m);
}

/* ---- what is chosen ----------------------------------------------------------------------------- */

#define CONDITION                                                                               \
    "initializer { name: \"c\" dims: 4 data_type: 9 int32_data: 1 int32_data: 0 int32_data: 1 " \
    "int32_data: 0 }\n"

/* The logarithm of what is below 0, and minus infinity, are not chosen. */
static void what_is_not_chosen_may_be_no_number(void **state)
{
    (void)state;
    static const char nodes[] = CONDITION
        "initializer { name: \"k\" dims: 4 data_type: 1 float_data: 1 float_data: -inf "
        "float_data: nan float_data: 4 }\n"
        "node { op_type: \"Log\" input: \"x\" output: \"l\" }\n"
        "node { op_type: \"Where\" input: \"c\" input: \"x\" input: \"l\" output: \"a\" }\n"
        "node { op_type: \"Where\" input: \"c\" input: \"a\" input: \"k\" output: \"y\" } "
        "output { name: \"y\" }\n";
    float y[4];
    snprintf(text, sizeof text, "%s%s", lab_onnx_input("x", "0,4"), nodes);
    (void)lab_onnx_run(text, NULL, y, 4);
    assert_float_equal(y[0], lab_onnx_x(0), 0);
    assert_true(isinf(y[1]) && y[1] < 0);
    assert_float_equal(y[2], lab_onnx_x(2), 0);
    assert_float_equal(y[3], 4, 0);
    static const char or_zero[] =
        CONDITION "initializer { name: \"zero\" data_type: 1 float_data: 0 }\n"
                  "node { op_type: \"Where\" input: \"c\" input: \"x\" input: \"zero\" output: "
                  "\"y\" } output { name: \"y\" }\n";
    snprintf(text, sizeof text, "%s%s", lab_onnx_input("x", "0,4"), or_zero);
    (void)lab_onnx_run(text, NULL, y, 4);
    has_line("\ny = mask(x, y/if)\n");
}

/* Of opset 10, which has no word for it: the nearest pixel is below where an axis grows, above where it shrinks. */
static void pixels_of_opset_10(void **state)
{
    (void)state;
    static const struct {
        const char *scales;
        int count;
        int from[10];
    } cases[] = {
        {"float_data: 1 float_data: 1 float_data: 1 float_data: 0.6", 4, {0, 2, 4, 6}},
        {"float_data: 1 float_data: 1 float_data: 2 float_data: 1", 8, {0, 1, 2, 3, 0, 1, 2, 3}},
        {"float_data: 1 float_data: 1 float_data: 2 float_data: 0.6", 8, {0, 2, 0, 2, 4, 6, 4, 6}},
    };
    float y[16];
    for (size_t c = 0; c < TN_COUNT(cases); c++) {
        snprintf(text, sizeof text,
                 "ir_version: 5 opset_import { version: 10 } graph { %s"
                 "initializer { name: \"s\" dims: 4 data_type: 1 %s }\n"
                 "node { op_type: \"Resize\" input: \"x\" input: \"s\" output: \"y\" } "
                 "output { name: \"y\" } }",
                 lab_onnx_input("x", "1,1,2,4"), cases[c].scales);
        (void)lab_onnx_run_file(lab_onnx_file("old.onnx", text), NULL, y, 16);
        for (int i = 0; i < cases[c].count; i++)
            assert_float_equal(y[i], lab_onnx_x(cases[c].from[i]), 0);
    }
}

/* ---- of any batch --------------------------------------------------------------------------------- */

/* The token of a class before those of a picture, as a ViT has it. */
static void a_row_for_each_picture(void **state)
{
    (void)state;
    static const char nodes[] =
        "initializer { name: \"token\" dims: 1 dims: 1 dims: 2 data_type: 1 float_data: 7 "
        "float_data: -8 }\n"
        "initializer { name: \"zero\" data_type: 7 int64_data: 0 }\n"
        "initializer { name: \"0\" dims: 1 data_type: 7 int64_data: 0 }\n"
        "initializer { name: \"rest\" dims: 2 data_type: 7 int64_data: 1 int64_data: 2 }\n"
        "node { op_type: \"Shape\" input: \"x\" output: \"s\" }\n"
        "node { op_type: \"Gather\" input: \"s\" input: \"zero\" output: \"n\" }\n"
        "node { op_type: \"Unsqueeze\" input: \"n\" input: \"0\" output: \"u\" }\n"
        "node { op_type: \"Concat\" input: \"u\" input: \"rest\" output: \"to\""
        " attribute { name: \"axis\" i: 0 } }\n"
        "node { op_type: \"Expand\" input: \"token\" input: \"to\" output: \"t\" }\n"
        "node { op_type: \"Concat\" input: \"t\" input: \"x\" output: \"y\""
        " attribute { name: \"axis\" i: 1 } } output { name: \"y\" }\n";
    snprintf(text, sizeof text, "%s%s", lab_onnx_input("x", "0,3,2"), nodes);
    for (int rows = 1; rows <= 3; rows++) {
        float y[24];
        const tn_model_opts opts = {.batch = rows};
        const tn_shape shape = lab_onnx_run(text, &opts, y, 24);
        assert_int_equal(shape.dim[0], rows);
        assert_int_equal(shape.dim[1], 4);
        for (int n = 0; n < rows; n++) {
            assert_float_equal(y[8 * n], 7, 0);
            assert_float_equal(y[8 * n + 1], -8, 0);
            assert_float_equal(y[8 * n + 2], lab_onnx_x(6 * n), 0);
        }
    }
    tn_model *m = NULL;
    assert_ok(tn_model_open(&m, lab_onnx_path("model.onnx"), NULL));
    assert_null(tn_model_notice(m, 0)); /* of one batch alone */
    tn_model_close(m);
}

#define MOVE(from, to, order)                                         \
    "node { op_type: \"Transpose\" input: \"" from "\" output: \"" to \
    "\" attribute { name: \"perm\" " order " } }\n"
#define SHAPE(from, to, name, count, numbers)                                       \
    "initializer { name: \"" name "\" dims: " count " data_type: 7 " numbers " }\n" \
    "node { op_type: \"Reshape\" input: \"" from "\" input: \"" name "\" output: \"" to "\" }\n"

/* Heads of an attention as PyTorch has them: rows of the batch stand between others, and come out as they were, times a matrix. */
static void rows_between_others(void **state)
{
    (void)state;
    static const char nodes[] =
        "initializer { name: \"w\" dims: 2 dims: 4 data_type: 1 float_data: 1 float_data: 2 "
        "float_data: 3 float_data: 4 float_data: 0 float_data: -1 float_data: 0 float_data: 1 }\n"
        "initializer { name: \"b\" dims: 2 data_type: 1 float_data: 10 float_data: 20 }\n" MOVE(
            "x", "a", "ints: 1 ints: 0 ints: 2") SHAPE("a", "c", "s1", "3",
                                                       "int64_data: 3 int64_data: -1 int64_data: 2")
            MOVE("c", "d", "ints: 1 ints: 0 ints: 2") SHAPE(
                "d", "e", "s2", "4", "int64_data: -1 int64_data: 2 int64_data: 3 int64_data: 2")
                MOVE("e", "f", "ints: 2 ints: 0 ints: 1 ints: 3") SHAPE(
                    "f", "g", "s3", "2",
                    "int64_data: -1 int64_data: 4") "node { op_type: \"Gemm\" input: \"g\" input: "
                                                    "\"w\" input: \"b\" output: \"h\" "
                                                    "attribute { name: \"transB\" i: 1 type: 2 } "
                                                    "}\n" SHAPE("h", "i", "s4", "3",
                                                                "int64_data: 3 int64_data: -1 "
                                                                "int64_data: 2")
                                                        MOVE("i", "y",
                                                             "ints: 1 ints: 0 ints: 2") "output { "
                                                                                        "name: "
                                                                                        "\"y\" }\n";
    snprintf(text, sizeof text, "%s%s", lab_onnx_input("x", "0,3,4"), nodes);
    for (int rows = 1; rows <= 3; rows++) {
        float y[18];
        const tn_model_opts opts = {.batch = rows};
        const tn_shape shape = lab_onnx_run(text, &opts, y, 18);
        assert_int_equal(shape.dim[0], rows);
        for (int i = 0; i < 3 * rows; i++) {
            const float a = lab_onnx_x(4 * i), b = lab_onnx_x(4 * i + 1), c = lab_onnx_x(4 * i + 2),
                        d = lab_onnx_x(4 * i + 3);
            assert_float_equal(y[2 * i], a + 2 * b + 3 * c + 4 * d + 10, 1e-4);
            assert_float_equal(y[2 * i + 1], d - b + 20, 1e-4);
        }
    }
    /* Each row is still one: a context made for three runs two. */
    tn_model *m = NULL;
    tn_engine *e = NULL;
    tn_context *context = NULL;
    float x[24], y[12];
    for (int i = 0; i < 24; i++)
        x[i] = lab_onnx_x(i);
    assert_ok(tn_model_open(&m, lab_onnx_path("model.onnx"), NULL));
    assert_ok(tn_engine_save(m, lab_onnx_path("rows.plan")));
    assert_ok(tn_engine_open(&e, lab_onnx_path("rows.plan"), NULL));
    assert_ok(tn_context_create(&context, e, &(tn_context_opts){.rows = 3, .threads = 1}));
    assert_ok(tn_context_run(context, 2, &(tn_tensor){TN_F32, TN_SHAPE(2, 3, 4), x},
                             &(tn_tensor){TN_F32, TN_SHAPE(2, 3, 2), y}));
    assert_float_equal(y[11], x[23] - x[21] + 20, 1e-4);
    tn_context_destroy(context);
    tn_engine_close(e);
    tn_model_close(m);
}

/* ---- integers, losses --------------------------------------------------------------------------- */

/* Integers of the file are integers, not numbers that somebody could train. */
static void labels_of_the_file(void **state)
{
    (void)state;
    static const char nodes[] =
        "initializer { name: \"l\" dims: 2 data_type: 7 int64_data: 2 int64_data: 0 }\n"
        "node { op_type: \"LogSoftmax\" input: \"x\" output: \"p\" }\n"
        "node { op_type: \"NegativeLogLikelihoodLoss\" name: \"loss\" input: \"p\" input: \"l\" "
        "output: \"y\" } output { name: \"y\" }\n";
    float y[1];
    double want = 0;
    snprintf(text, sizeof text, "%s%s", lab_onnx_input("x", "2,3"), nodes);
    (void)lab_onnx_run(text, NULL, y, 1);
    for (int n = 0; n < 2; n++) {
        double sum = 0;
        for (int i = 0; i < 3; i++)
            sum += exp((double)lab_onnx_x(3 * n + i));
        want += (log(sum) - (double)lab_onnx_x(3 * n + (n ? 0 : 2))) / 2;
    }
    assert_float_equal(y[0], want, 1e-6);
    has_line("l = constant() dtype=i32 shape=2 numbers=2,0\n");
    has_line("y, y.top_1, y.top_k = softmax_xent(x, l)\n");
    has_line("loss y\n");
}

/* Computed in f32, which is told. */
static void doubles_become_floats(void **state)
{
    (void)state;
    static const char nodes[] =
        "input { name: \"x\" type { tensor_type { elem_type: 11 shape { dim { dim_value: 2 } } } } "
        "}\n"
        "initializer { name: \"d\" dims: 2 data_type: 11 double_data: 0.5 double_data: 4 }\n"
        "node { op_type: \"Mul\" input: \"x\" input: \"d\" output: \"y\" } output { name: \"y\" "
        "}\n";
    tn_model *m = NULL;
    float y[2];
    (void)lab_onnx_run(nodes, NULL, y, 2);
    assert_float_equal(y[0], lab_onnx_x(0) / 2, 1e-6);
    assert_float_equal(y[1], lab_onnx_x(1) * 4, 1e-6);
    assert_ok(tn_model_open(&m, lab_onnx_path("model.onnx"), NULL));
    assert_non_null(strstr(tn_model_notice(m, 0), "input \"x\" is double there, and f32 here"));
    tn_model_close(m);
}

/* What leaves out other labels, or is no mean, is what it was. */
static void losses_that_count_nothing(void **state)
{
    (void)state;
    static const char *const said[] = {"name: \"ignore_index\" i: 5 type: 2",
                                       "name: \"reduction\" s: \"sum\" type: 3"};
    float y[1];
    for (size_t i = 0; i < TN_COUNT(said); i++) {
        snprintf(text, sizeof text,
                 "%sinitializer { name: \"l\" dims: 2 data_type: 7 int64_data: 2 int64_data: 0 }\n"
                 "node { op_type: \"SoftmaxCrossEntropyLoss\" name: \"loss\" input: \"x\" input: "
                 "\"l\" output: \"y\" attribute { %s } } output { name: \"y\" }\n",
                 lab_onnx_input("x", "2,3"), said[i]);
        (void)lab_onnx_run(text, NULL, y, 1);
        has_line(" = log_softmax(x)\n");
        has_line(" = nll(");
    }
}

/* ---- outputs -------------------------------------------------------------------------------------- */

static void outputs_say_why_they_are_none(void **state)
{
    (void)state;
    static const char labels[] =
        "initializer { name: \"names\" dims: 1 data_type: 8 string_data: \"cat\" }\n"
        "initializer { name: \"first\" dims: 1 data_type: 7 int64_data: 0 }\n"
        "node { op_type: \"ArrayFeatureExtractor\" domain: \"ai.onnx.ml\" input: "
        "\"names\" input: \"first\" output: \"l\" }\n"
        "node { op_type: \"Relu\" input: \"x\" output: \"y\" }\n"
        "output { name: \"l\" }\n";
    tn_model *m = NULL;
    snprintf(text, sizeof text, "%s%soutput { name: \"y\" }\n", lab_onnx_input("x", "0,3"), labels);
    assert_ok(tn_model_open(&m, lab_onnx_graph(text), NULL));
    assert_non_null(strstr(tn_model_notice(m, 1),
                           "output \"l\": left out: it depends on ArrayFeatureExtractor \"l\": "
                           "what a class is called is not computed"));
    tn_model_close(m);
    snprintf(text, sizeof text, "%s%s", lab_onnx_input("x", "0,3"), labels);
    assert_non_null(strstr(lab_onnx_refusal(text, NULL),
                           "none of its outputs can be imported: they depend on ArrayFeature"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_a_branch_are_its_own),
        cmocka_unit_test(nodes_without_names),
        cmocka_unit_test(what_is_not_chosen_may_be_no_number),
        cmocka_unit_test(pixels_of_opset_10),
        cmocka_unit_test(a_row_for_each_picture),
        cmocka_unit_test(rows_between_others),
        cmocka_unit_test(labels_of_the_file),
        cmocka_unit_test(doubles_become_floats),
        cmocka_unit_test(losses_that_count_nothing),
        cmocka_unit_test(outputs_say_why_they_are_none),
    };
    return cmocka_run_group_tests(tests, lab_onnx_open, lab_onnx_close);
}
