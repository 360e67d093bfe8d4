/*
 * A model as a file of ONNX: which operators an operation becomes, what it takes and gives, and what it says of itself; what
 * cannot be said is told all at once, and the file appears whole or not at all.
 */
#define _XOPEN_SOURCE 700

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "io/mapped.h"
#include "lab.h"
#include "lab_export.h"
#include "onnx/schema.h"

static const char *folder;
static char path[600];

static int make_folder(void **state)
{
    (void)state;
    folder = lab_make_folder();
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    lab_remove(folder);
    return 0;
}

/* ---- reading ---------------------------------------------------------------------------------- */

static tn_mapped map;
static tn_proto model, graph;

static void open_file(void)
{
    assert_ok(tn_map(&map, path));
    model = (tn_proto){tn_onnx_model, {map.at, map.size}};
    assert_ok(tn_proto_check(&model, path));
    assert_true(tn_proto_message(&model, MODEL_GRAPH, &graph));
}

static int64_t opset(void)
{
    tn_proto m;
    return tn_proto_message(&model, MODEL_OPSET, &m) ? tn_proto_int(&m, OPSET_VERSION, 0) : 0;
}

/* "x f32 N 4 3" of each, joined by commas. */
static void say_values(int field, char *text, size_t size)
{
    static const char *const types[] = {[ONNX_F32] = "f32", [ONNX_U8] = "u8", [ONNX_I32] = "i32"};
    text[0] = '\0';
    for (tn_proto_walk w = tn_proto_begin(&graph, field); tn_proto_next(&w);) {
        const tn_proto_span name = tn_proto_bytes(&w.message, VALUE_NAME);
        tn_proto type, tensor, shape;
        size_t used = strlen(text);
        assert_true(tn_proto_message(&w.message, VALUE_TYPE, &type));
        assert_true(tn_proto_message(&type, TYPE_TENSOR, &tensor));
        assert_true(tn_proto_message(&tensor, TYPE_SHAPE, &shape));
        snprintf(text + used, size - used, "%s%.*s %s", used ? ", " : "", (int)name.size,
                 (const char *)name.at, types[tn_proto_int(&tensor, TYPE_ELEMENT, 0)]);
        for (tn_proto_walk d = tn_proto_begin(&shape, SHAPE_DIM); tn_proto_next(&d);) {
            const tn_proto_span symbol = tn_proto_bytes(&d.message, DIM_PARAM);
            used = strlen(text);
            if (symbol.size)
                snprintf(text + used, size - used, " %.*s", (int)symbol.size,
                         (const char *)symbol.at);
            else
                snprintf(text + used, size - used, " %d",
                         (int)tn_proto_int(&d.message, DIM_VALUE, -1));
        }
    }
}

static void say_ops(char *text, size_t size)
{
    text[0] = '\0';
    for (tn_proto_walk w = tn_proto_begin(&graph, GRAPH_NODE); tn_proto_next(&w);) {
        const size_t used = strlen(text);
        const tn_proto_span op = tn_proto_bytes(&w.message, NODE_OP);
        snprintf(text + used, size - used, "%s%.*s", used ? " " : "", (int)op.size,
                 (const char *)op.at);
    }
}

/* ---- what is written -------------------------------------------------------------------------- */

static void becomes_these_operators(void **state)
{
    (void)state;
    for (const lab_export_net *n = lab_export_nets; n->name; n++) {
        char ops[1000];
        tn_model *m = lab_export_model(n->lines);
        assert_ok(tn_model_save(m, path));
        tn_model_close(m);
        open_file();
        say_ops(ops, sizeof ops);
        if (strcmp(ops, n->ops) != 0)
            fail_msg("%s: is\n%s\nnot\n%s", n->name, ops, n->ops);
        assert_int_equal(tn_proto_int(&model, MODEL_IR, 0), strcmp(n->name, "newer") ? 8 : 9);
        assert_int_equal(opset(), strcmp(n->name, "newer") ? 17 : 20);
        tn_unmap(&map);
    }
}

static void assert_fact(const char *key, const char *value)
{
    for (tn_proto_walk w = tn_proto_begin(&model, MODEL_META); tn_proto_next(&w);)
        if (tn_proto_is(&w.message, META_KEY, key)) {
            assert_non_null(value);
            assert_true(tn_proto_is(&w.message, META_VALUE, value));
            return;
        }
    assert_null(value);
}

/* The tensor of that name, whose numbers are those that the model has. */
static void assert_numbers(const char *name, tn_plan *p)
{
    float want[512];
    tn_param_info info;
    const int index = tn_plan_find_param(p, name);
    assert_ok(tn_plan_param(p, index, &info));
    assert_ok(tn_plan_param_get(p, index, TN_PARAM_VALUE, (tn_tensor){TN_F32, info.shape, want}));
    for (tn_proto_walk w = tn_proto_begin(&graph, GRAPH_TENSOR); tn_proto_next(&w);) {
        if (!tn_proto_is(&w.message, TENSOR_NAME, name))
            continue;
        const tn_proto_span raw = tn_proto_bytes(&w.message, TENSOR_RAW);
        int64_t dims[4];
        assert_int_equal(tn_proto_ints(&w.message, TENSOR_DIMS, dims, 4), info.shape.ndim);
        assert_memory_equal(dims, info.shape.dim, (size_t)info.shape.ndim * sizeof *dims);
        assert_memory_equal(raw.at, want, raw.size);
        return;
    }
    fail_msg("there is no tensor %s", name);
}

static void says_what_it_takes_and_gives(void **state)
{
    (void)state;
    char text[400];
    tn_device *device = NULL;
    tn_plan *p = NULL;
    tn_model *m = lab_export_model(lab_export_nets[0].lines);
    assert_ok(tn_model_tell(m, "tenon.classes", "cat\ndog"));
    assert_ok(tn_model_save(m, path));
    open_file();
    say_values(GRAPH_INPUT, text, sizeof text);
    assert_string_equal(text, "image u8 N 8 8 3");
    say_values(GRAPH_OUTPUT, text, sizeof text);
    assert_string_equal(text, "fc f32 N 3, p f32 N 3");
    assert_fact("tenon.classes", "cat\ndog");
    assert_fact("tenon.graph", NULL);
    assert_ok(tn_device_open(&device, "cpu"));
    assert_ok(tn_plan_create(&p, tn_model_graph(m), device, &(tn_plan_opts){.from = m}));
    assert_numbers("conv.weight", p);
    assert_numbers("bn.running_var", p);
    assert_numbers("fc.weight", p);
    tn_plan_destroy(p);
    tn_device_close(device);
    tn_unmap(&map);

    assert_ok(tn_model_save_onnx(m, path, &(tn_onnx_opts){.float_input = true}));
    open_file();
    say_values(GRAPH_INPUT, text, sizeof text);
    assert_string_equal(text, "x f32 N 3 8 8");
    say_ops(text, sizeof text);
    assert_string_equal(text, "Conv BatchNormalization Relu Dropout Flatten Gemm Softmax");
    tn_unmap(&map);
    tn_model_close(m);
}

/* A number in a shape that is that of one batch alone. */
static void of_one_batch_it_has_no_symbol(void **state)
{
    (void)state;
    char text[100];
    tn_model *m = lab_export_model("input x f32 N 4\na = reshape(x) shape=2,2,2\noutput a\n");
    assert_ok(tn_model_save(m, path));
    open_file();
    say_values(GRAPH_INPUT, text, sizeof text);
    assert_string_equal(text, "x f32 2 4");
    tn_unmap(&map);
    tn_model_close(m);
}

/* What is a name there already is none for a value between. */
static void names_do_not_meet(void **state)
{
    (void)state;
    char text[200];
    tn_model *m = lab_export_model("input x f32 N 4 2 2\n\"fc/flat\" = relu(x)\n"
                                   "fc = dense(\"fc/flat\") units=2\noutput fc\n");
    assert_ok(tn_model_save(m, path));
    open_file();
    say_ops(text, sizeof text);
    assert_string_equal(text, "Relu Flatten Gemm");
    for (tn_proto_walk w = tn_proto_begin(&graph, GRAPH_NODE); tn_proto_next(&w);)
        if (tn_proto_is(&w.message, NODE_OP, "Flatten"))
            assert_true(tn_proto_is(&w.message, NODE_OUTPUT, "fc/flat_1"));
    tn_unmap(&map);
    tn_model_close(m);
}

/* ---- what is not ------------------------------------------------------------------------------ */

static void refuses_all_at_once(void **state)
{
    (void)state;
    tn_model *m = lab_export_model(
        "input x f32 N 4 7 7\na = pool2d(x) kind=mean kernel=2 dilation=2\n"
        "b = pool2d(a) kind=mean kernel=2 dilation=2\nc = resize(b) size=9,9 place=symmetric\n"
        "d = mse(c, c)\ne = relu(c)\noutput d\noutput e\n");
    const int before = lab_entries(folder);
    char none[600];
    snprintf(none, sizeof none, "%s/none.onnx", folder);
    assert_fails(
        tn_model_save(m, none), TN_ERR_UNSUPPORTED,
        "none.onnx: 4 of 5 nodes of a plan cannot be exported: pool2d (2, first \"a\"): means "
        "over taps that lie apart are of a later opset than 17; resize (1, \"c\"): where its "
        "pixels lie no operator of opset 17 can say; mse (1, \"d\"): ONNX has no such "
        "operator");
    assert_int_equal(lab_entries(folder), before);
    tn_model_close(m);

    m = lab_export_model("input x f32 N 4\ny = dense(x) units=4\nl = mse(y, x)\nloss l\n");
    assert_fails(tn_model_save(m, none), TN_ERR_ARGUMENT, "has no output (tn_output())");
    tn_model_close(m);

    const char *text = "tenon graph 1\ninput x f32 N 4\nfc = dense(x) units=2\noutput fc\n";
    assert_ok(tn_model_read(&m, "bare", text, NULL));
    assert_fails(tn_model_save(m, none), TN_ERR_ARGUMENT, "bare: has no numbers for fc.weight");
    assert_int_equal(lab_entries(folder), before);
    tn_model_close(m);
}

/* A file with holes in place of its 2.3 GB of numbers. */
static void more_than_readers_take_is_not_written(void **state)
{
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"tenon.graph\":\"tenon graph 1\\ninput x f32 N 24000\\n"
        "fc = dense(x) units=24000 no_bias\\noutput fc\\n\"},\"fc.weight\":{\"dtype\":\"F32\","
        "\"shape\":[24000,24000],\"data_offsets\":[0,2304000000]}}";
    const uint64_t size = sizeof header - 1;
    char large[600], none[600];
    tn_model *m = NULL;
    snprintf(large, sizeof large, "%s/large.safetensors", folder);
    snprintf(none, sizeof none, "%s/none.onnx", folder);
    FILE *f = fopen(large, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(&size, 1, sizeof size, f), sizeof size);
    assert_int_equal(fwrite(header, 1, size, f), size);
    fclose(f);
    assert_int_equal(truncate(large, (off_t)(sizeof size + size + 2304000000)), 0);
    assert_ok(tn_model_open(&m, large, NULL));
    assert_fails(tn_model_save(m, none), TN_ERR_UNSUPPORTED, "none.onnx: would have 230400");
    tn_model_close(m);
    assert_int_equal(remove(large), 0);
    assert_false(lab_exists(none));
}

static tn_status save(void *m)
{
    return tn_model_save(m, path);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    tn_model *m = lab_export_model(lab_export_nets[0].lines);
    assert_true(lab_fail_each_allocation(save, m) > 5);
    tn_model_close(m);
}

/* The disk is full at every number of bytes: what was there stays. */
static void appears_whole_or_not_at_all(void **state)
{
    (void)state;
    struct rlimit all, little;
    tn_model *m = lab_export_model(lab_export_nets[0].lines);
    assert_ok(tn_model_save(m, path));
    open_file();
    const size_t size = map.size;
    tn_unmap(&map);
    const int before = lab_entries(folder);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
    signal(SIGXFSZ, SIG_IGN);
    for (size_t room = 0; room < size; room += size / 16) {
        little = (struct rlimit){room, all.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
        assert_fails(tn_model_save(m, path), TN_ERR_IO, "model.onnx");
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
        assert_int_equal(lab_entries(folder), before);
        open_file();
        assert_int_equal(map.size, size);
        tn_unmap(&map);
    }
    tn_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(becomes_these_operators),
        cmocka_unit_test(says_what_it_takes_and_gives),
        cmocka_unit_test(of_one_batch_it_has_no_symbol),
        cmocka_unit_test(names_do_not_meet),
        cmocka_unit_test(refuses_all_at_once),
        cmocka_unit_test(more_than_readers_take_is_not_written),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(appears_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
