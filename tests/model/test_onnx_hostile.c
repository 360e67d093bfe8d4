/* Files that want to do harm, or are damaged: an error that says why, and little memory. */
#define _XOPEN_SOURCE 700 /* symlink, link */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <tenon/tenon.h>

#include "base/base.h"
#include "io/proto.h"
#include "lab.h"
#include "lab_onnx.h"

static char text[8192];

static void refused(const char *path, tn_status want, const char *said)
{
    tn_model *m = NULL;
    assert_int_equal(tn_model_open(&m, path, NULL), want);
    if (!strstr(tn_error(), said))
        fail_msg("says: %s", tn_error());
    assert_null(m);
    assert_int_equal(tn_alloc_live(), 0);
}

static const char *write_file(const char *name, const void *bytes, size_t size)
{
    const char *path = lab_onnx_path(name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
    return path;
}

/* ---- messages ------------------------------------------------------------------------------------ */

static void graphs_in_graphs(void **state)
{
    (void)state;
    enum { DEEP = 20000 };
    static uint8_t bytes[16 * DEEP];
    size_t at = sizeof bytes;
    for (int i = 0; i < DEEP;
         i++) { /* from the innermost one: attribute g, node attribute, graph node */
        static const uint8_t tags[] = {6 << 3 | 2, 5 << 3 | 2, 1 << 3 | 2};
        size_t size = sizeof bytes - at;
        if (at < 32)
            break;
        for (int t = 0; t < 3; t++) {
            size = sizeof bytes - at;
            uint8_t varint[5];
            int length = 0;
            do
                varint[length++] = (uint8_t)((size & 127) | (size > 127 ? 128 : 0));
            while (size >>= 7);
            at -= (size_t)length;
            memcpy(bytes + at, varint, (size_t)length);
            bytes[--at] = tags[t];
        }
    }
    tn_proto_out o = {0};
    tn_proto_put_int(&o, 1, 8);
    tn_proto_put_bytes(&o, 7, bytes + at, sizeof bytes - at);
    const char *path = write_file("deep.onnx", o.bytes, o.size);
    tn_proto_drop(&o);
    refused(path, TN_ERR_FORMAT, "messages lie in each other more than 32 deep");
}

/* Two bytes each, in a file of 4 MiB: none of them takes any memory. */
static void nodes_without_end(void **state)
{
    (void)state;
    enum { NODES = 2 << 20 };
    struct rusage before, after;
    uint8_t *nodes = malloc(2 * NODES);
    for (int i = 0; i < NODES; i++) {
        nodes[2 * i] = 1 << 3 | 2;
        nodes[2 * i + 1] = 0;
    }
    tn_proto_out o = {0};
    tn_proto_put_int(&o, 1, 8);
    const tn_proto_mark opset = tn_proto_put_message(&o, 8);
    tn_proto_put_int(&o, 2, 13);
    tn_proto_end_message(&o, opset);
    tn_proto_put_bytes(&o, 7, nodes, 2 * NODES);
    const char *path = write_file("empty.onnx", o.bytes, o.size);
    tn_proto_drop(&o);
    free(nodes);
    getrusage(RUSAGE_SELF, &before);
    refused(path, TN_ERR_UNSUPPORTED, "has 2097152 nodes, more than 1000000");
    getrusage(RUSAGE_SELF, &after);
    assert_in_range(after.ru_maxrss - before.ru_maxrss, 0, 64 << 10);
}

/* Numbers that are not in the file: each step doubles them. */
static void constants_that_grow(void **state)
{
    (void)state;
    size_t used =
        (size_t)snprintf(text, sizeof text,
                         "initializer { name: \"two\" dims: 1 data_type: 7 int64_data: 2 }\n"
                         "initializer { name: \"c0\" dims: 1 data_type: 7 int64_data: 2 }\n");
    for (int i = 0; i < 40; i++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "node { op_type: \"Tile\" input: \"c%d\" input: \"two\" output: "
                                 "\"c%d\" }\n",
                                 i, i + 1);
    snprintf(text + used, sizeof text - used, "output { name: \"c40\" }");
    (void)lab_onnx_refusal(text, NULL);
    assert_int_equal(tn_alloc_live(), 0);
}

/* Each of them is of the one before. */
static void transposes_without_end(void **state)
{
    (void)state;
    enum { STEPS = 40000 };
    static char many[STEPS * 160 + 1000];
    for (int reshapes = 0; reshapes < 2; reshapes++) {
        float y[6];
        size_t used = (size_t)snprintf(
            many, sizeof many,
            "%sinitializer { name: \"s\" dims: 2 data_type: 7 int64_data: 2 int64_data: 3 }\n"
            "initializer { name: \"c0\" dims: 2 dims: 3 data_type: 1 float_data: 1 float_data: 2 "
            "float_data: 3 float_data: 4 float_data: 5 float_data: 6 }\n",
            lab_onnx_input("x", "2,3"));
        for (int i = 0; i < STEPS; i++)
            used += (size_t)snprintf(many + used, sizeof many - used,
                                     "node { op_type: \"%s\" input: \"c%d\" %s output: \"c%d\" }\n",
                                     reshapes && i % 2 ? "Reshape" : "Transpose", i,
                                     reshapes && i % 2 ? "input: \"s\"" : "", i + 1);
        snprintf(many + used, sizeof many - used,
                 "node { op_type: \"Add\" input: \"x\" input: \"c%d\" output: \"y\" }\n"
                 "output { name: \"y\" }",
                 STEPS);
        (void)lab_onnx_run(many, NULL, y, 6);
        assert_float_equal(y[0], lab_onnx_x(0) + 1, 1e-6);
        assert_float_equal(y[5], lab_onnx_x(5) + 6, 1e-6);
    }
}

/* A model of one node, whose numbers are what no program exports. */
static void nodes_are_refused_in_words(void **state)
{
    (void)state;
#define ONE \
    "initializer { name: \"b\" dims: 3 data_type: 1 float_data: 1 float_data: 1 float_data: 1 }\n"
#define OF(op, more) "node { op_type: \"" op "\" input: \"x\" output: \"y\" " more " }\n"
    static const struct {
        const char *dims, *nodes, *said;
    } cases[] = {
        {"0,3,4",
         "initializer { name: \"w\" dims: 0 data_type: 1 }\n" ONE
         "node { op_type: \"InstanceNormalization\" input: \"x\" input: \"w\" input: \"b\" output: "
         "\"y\" }\n",
         "InstanceNormalization (1"},
        {"0,3,4",
         ONE "node { op_type: \"InstanceNormalization\" input: \"x\" input: \"b\" input: \"b\" "
             "output: \"y\" attribute { name: \"epsilon\" f: 0 } }\n",
         "its epsilon is 0, not above 0"},
        {"0,3,4,4",
         OF("LRN", "attribute { name: \"size\" i: 3 } attribute { name: \"bias\" f: 0 }"),
         "its bias is 0, not above 0"},
        {"2,3",
         "initializer { name: \"s\" dims: 0 data_type: 7 }\n"
         "node { op_type: \"Reshape\" input: \"x\" input: \"s\" output: \"y\" }\n",
         "it makes one number of 2 x 3"},
        {"0,3",
         "initializer { name: \"s\" data_type: 1 float_data: 0 }\n"
         "initializer { name: \"z\" data_type: 3 int32_data: 0 }\n"
         "node { op_type: \"QuantizeLinear\" input: \"x\" input: \"s\" input: \"z\" output: \"y\" "
         "}\n",
         "its scale is 0"},
        {"0,3,4,4",
         OF("MaxPool", "attribute { name: \"kernel_shape\" ints: 2 ints: 2 } attribute { name: "
                       "\"auto_pad\" s: \"SAME\" }"),
         "its auto_pad is SAME"},
        {"0,4,4,4",
         OF("DepthToSpace",
            "attribute { name: \"blocksize\" i: 2 } attribute { name: \"mode\" s: \"RCD\" }"),
         "its mode is RCD"},
        {"0,3,4", OF("Softmax", "attribute { name: \"axis\" f: 1 }"),
         "its axis is of another type than is read"},
        {"0,3,4", OF("LeakyRelu", "attribute { name: \"alpha\" type: 2 f: 0.5 }"),
         "its alpha is of another type than is read"},
        {"0,3",
         "node { op_type: \"ConstantOfShape\" output: \"c\" }\n"
         "node { op_type: \"Add\" input: \"x\" input: \"c\" output: \"y\" }\n",
         "ConstantOfShape (1"},
        {"1,1",
         "initializer { name: \"s\" dims: 2 data_type: 7 int64_data: 1099511627776 int64_data: 1 "
         "}\n"
         "node { op_type: \"ConstantOfShape\" input: \"s\" output: \"c\" }\n"
         "node { op_type: \"Add\" input: \"x\" input: \"c\" output: \"y\" }\n",
         "makes 1099511627776 numbers"},
        {"0,3",
         "initializer { name: \"s\" dims: 2 data_type: 7 int64_data: 9223372036854775807 "
         "int64_data: 9223372036854775807 }\n"
         "node { op_type: \"Split\" input: \"x\" input: \"s\" output: \"y\" output: \"z\" "
         "attribute { name: \"axis\" i: 1 } }\n",
         "its 2 parts are not all of 3"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        snprintf(text, sizeof text, "%s%soutput { name: \"y\" }\n",
                 lab_onnx_input("x", cases[i].dims), cases[i].nodes);
        const char *said = lab_onnx_refusal(text, NULL);
        if (!strstr(said, cases[i].said))
            fail_msg("case %zu says: %s", i, said);
    }
}

static void cut_anywhere(void **state)
{
    (void)state;
    snprintf(text, sizeof text,
             "%sinitializer { name: \"w\" dims: 3 dims: 2 data_type: 1 raw_data: "
             "\"012345678901234567890123\" }\n"
             "node { op_type: \"MatMul\" name: \"m\" input: \"x\" input: \"w\" output: \"y\" }\n"
             "output { name: \"y\" }\n",
             lab_onnx_input("x", "0,3"));
    const char *path = lab_onnx_graph(text);
    uint8_t bytes[1024];
    FILE *f = fopen(path, "rb");
    const size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    assert_true(size > 100 && size < sizeof bytes);
    for (size_t i = 0; i < size; i++) {
        tn_model *m = NULL;
        /* What comes first may be all of a graph, but never of this one. */
        if (tn_model_open(&m, write_file("cut.onnx", bytes, i), NULL) == TN_OK)
            assert_int_equal(tn_graph_value(tn_model_graph(m), "m").id, 0);
        tn_model_close(m);
    }
}

static void numbers_that_are_not_there(void **state)
{
    (void)state;
    static const struct {
        const char *tensor, *said;
    } cases[] = {
        {"dims: 3 dims: 2 data_type: 1 float_data: 1", "its numbers are not as many as its shape"},
        {"dims: 3 dims: 2 data_type: 1 raw_data: \"1234\"", "its bytes are not as many"},
        {"dims: -3 data_type: 1", "its shape is out of range"},
        {"dims: 4294967296 dims: 4294967296 data_type: 1", "its shape is out of range"},
        {"dims: 1 dims: 1 dims: 1 dims: 1 dims: 1 dims: 1 dims: 1 dims: 1 dims: 1 data_type: 1",
         "has 9 dimensions, more than 8"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        snprintf(text, sizeof text, "%sinitializer { name: \"w\" %s }\n",
                 lab_onnx_input("x", "0,3"), cases[i].tensor);
        const char *said = lab_onnx_refusal(text, NULL);
        if (!strstr(said, cases[i].said))
            fail_msg("case %zu says: %s", i, said);
    }
}

/* ---- data beside the file ------------------------------------------------------------------------- */

static const char *beside(const char *location, const char *offset, const char *length)
{
    snprintf(
        text, sizeof text,
        "%sinitializer { name: \"w\" dims: 2 dims: 3 data_type: 1 data_location: 1 external_data "
        "{ key: \"location\" value: \"%s\" } external_data { key: \"offset\" value: \"%s\" } "
        "external_data { key: \"length\" value: \"%s\" } }\n"
        "node { op_type: \"Gemm\" name: \"m\" input: \"x\" input: \"w\" output: \"y\" attribute { "
        "name: \"transB\" i: 1 } }\n"
        "output { name: \"y\" }\n",
        lab_onnx_input("x", "0,3"), location, offset, length);
    return lab_onnx_graph(text);
}

static void data_lies_beneath_the_folder(void **state)
{
    (void)state;
    static const float numbers[] = {9, 9, 1, 2, 3, 4, 5, 6};
    float y[2];
    write_file("data.bin", numbers, sizeof numbers);
    (void)beside("data.bin", "8", "24");
    char *model = strdup(text);
    (void)lab_onnx_run(model, NULL, y, 2);
    free(model);
    const float a = lab_onnx_x(0), b = lab_onnx_x(1), c = lab_onnx_x(2);
    assert_float_equal(y[0], a + 2 * b + 3 * c, 1e-4);
    assert_float_equal(y[1], 4 * a + 5 * b + 6 * c, 1e-4);
    static const struct {
        const char *location, *offset, *length;
        tn_status want;
        const char *said;
    } cases[] = {
        {"/etc/passwd", "0", "24", TN_ERR_FORMAT, "is not in its folder"},
        {"../data.bin", "0", "24", TN_ERR_FORMAT, "is not in its folder"},
        {"./../../etc/passwd", "0", "24", TN_ERR_FORMAT, "is not in its folder"},
        {"", "0", "24", TN_ERR_FORMAT, "is in a file that is not named"},
        {"none.bin", "0", "24", TN_ERR_IO, "its file \"none.bin\": No such file"},
        {"data.bin", "16", "24", TN_ERR_FORMAT, "its 24 bytes are not the 24 from byte 16 on"},
        {"data.bin", "0", "20", TN_ERR_FORMAT, "its 24 bytes are not the 20"},
        {"data.bin", "99999999999999999999999", "24", TN_ERR_FORMAT, "is not understood"},
        {"data.bin", "-8", "24", TN_ERR_FORMAT, "is not understood"},
        {"link.bin", "0", "24", TN_ERR_FORMAT, "or is a link"},
        {"twice.bin", "0", "24", TN_ERR_FORMAT, "has 2 names"},
        {"fifo.bin", "0", "24", TN_ERR_IO, "is no regular file"},
    };
    assert_int_equal(symlink("data.bin", lab_onnx_path("link.bin")), 0);
    write_file("other.bin", numbers, sizeof numbers);
    assert_int_equal(link(lab_onnx_path("other.bin"), lab_onnx_path("twice.bin")), 0);
    assert_int_equal(mkfifo(lab_onnx_path("fifo.bin"), 0600), 0);
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        refused(beside(cases[i].location, cases[i].offset, cases[i].length), cases[i].want,
                cases[i].said);
}

/* It stays open, and is read when a plan is made: no signal if somebody has cut it. */
static void a_file_that_is_cut_later(void **state)
{
    (void)state;
    static const float numbers[6] = {1};
    tn_model *m = NULL;
    tn_device *device = NULL;
    tn_plan *plan = NULL;
    const char *data = write_file("data.bin", numbers, sizeof numbers);
    assert_ok(tn_model_open(&m, beside("data.bin", "0", "24"), NULL));
    assert_int_equal(truncate(data, 8), 0);
    assert_ok(tn_device_open(&device, "cpu"));
    assert_int_equal(tn_plan_create(&plan, tn_model_graph(m), device, &(tn_plan_opts){.from = m}),
                     TN_ERR_FORMAT);
    assert_non_null(strstr(tn_error(), "data.bin: ends at byte 8"));
    tn_device_close(device);
    tn_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs_in_graphs),
        cmocka_unit_test(nodes_without_end),
        cmocka_unit_test(constants_that_grow),
        cmocka_unit_test(transposes_without_end),
        cmocka_unit_test(nodes_are_refused_in_words),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(numbers_that_are_not_there),
        cmocka_unit_test(data_lies_beneath_the_folder),
        cmocka_unit_test(a_file_that_is_cut_later),
    };
    return cmocka_run_group_tests(tests, lab_onnx_open, lab_onnx_close);
}
