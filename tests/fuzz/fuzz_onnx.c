/*
 * Models of ONNX: whatever a file holds, there is a model or an error with its reason.
 */
#define _XOPEN_SOURCE 700 /* mkdtemp */
#define FUZZ_FILES "model.onnx"

#include <string.h>

#include <tenon/model.h>

#include "fuzz.h"
#include "fuzz_files.h"
#include "io/proto.h"
#include "onnx/schema.h"

const int fuzz_rounds = 1500;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char path[128];
    tn_model *m = NULL;
    write_file("model.onnx", bytes, size);
    file_in_folder(path, "model.onnx");
    if (tn_model_open(&m, path, &(tn_model_opts){.input = "x=2x3x8x8"}) == TN_OK) {
        if (!tn_model_graph(m) || !tn_model_fact(m, "tenon.graph"))
            abort();
    } else if (tn_error()[0] == '\0') {
        abort();
    }
    tn_model_close(m);
    if (tn_alloc_live() != 0)
        abort();
    return 0;
}

/* A node of x, of a list of whole numbers and of numbers, with an attribute that many operators have. */
static const char *const operators[] = {
    "Add",    "Clip",      "Conv",      "Concat",  "Gemm",      "MatMul",
    "Pad",    "Reshape",   "Slice",     "Split",   "Transpose", "Squeeze",
    "Expand", "ReduceSum", "Softmax",   "Hardmax", "PRelu",     "Flatten",
    "Gather", "Tile",      "Unsqueeze", "Where",   "Cast",      "LayerNormalization"};

/* Those that are more than that: nodes, and tensors they read. */
static const char *const parts[] = {
    "node { op_type: \"Constant\" output: \"c\" attribute { name: \"value\" t { dims: 3 data_type: "
    "1 "
    "float_data: 1 float_data: 2 float_data: 3 } } }\n"
    "node { op_type: \"InstanceNormalization\" input: \"x\" input: \"c\" input: \"c\" output: "
    "\"y\" "
    "attribute { name: \"epsilon\" f: 0.001 } }\n",
    "node { op_type: \"Constant\" output: \"s\" attribute { name: \"value_floats\" floats: 1 "
    "floats: 1 "
    "floats: 2 floats: 0.5 } }\n"
    "node { op_type: \"Resize\" input: \"x\" input: \"\" input: \"s\" output: \"y\" attribute { "
    "name: "
    "\"mode\" s: \"linear\" } attribute { name: \"coordinate_transformation_mode\" s: "
    "\"asymmetric\" } }\n",
    "node { op_type: \"Constant\" output: \"s\" attribute { name: \"value_ints\" ints: 2 ints: 3 "
    "ints: 5 "
    "ints: 16 } }\n"
    "node { op_type: \"Resize\" input: \"x\" input: \"\" input: \"\" input: \"s\" output: \"y\" "
    "attribute "
    "{ name: \"mode\" s: \"cubic\" } attribute { name: \"exclude_outside\" i: 1 } }\n",
    "initializer { name: \"yes\" data_type: 9 int32_data: 1 }\n"
    "node { op_type: \"If\" input: \"yes\" output: \"y\" attribute { name: \"then_branch\" g {\n"
    "  initializer { name: \"two\" data_type: 1 float_data: 2 }\n"
    "  node { op_type: \"Mul\" input: \"x\" input: \"two\" output: \"t\" } output { name: \"t\" } "
    "} }\n"
    "attribute { name: \"else_branch\" g {\n"
    "  node { op_type: \"Neg\" input: \"x\" output: \"t\" } output { name: \"t\" } } } }\n",
    "initializer { name: \"f\" data_type: 1 float_data: 0.5 }\n"
    "initializer { name: \"z\" data_type: 3 int32_data: 1 }\n"
    "node { op_type: \"QuantizeLinear\" input: \"x\" input: \"f\" input: \"z\" output: \"q\" }\n"
    "node { op_type: \"DequantizeLinear\" input: \"q\" input: \"f\" input: \"z\" output: \"y\" }\n",
    "initializer { name: \"l\" dims: 2 dims: 8 dims: 8 data_type: 7 raw_data: \"\" }\n"
    "node { op_type: \"LogSoftmax\" input: \"x\" output: \"p\" attribute { name: \"axis\" i: 1 } "
    "}\n"
    "node { op_type: \"NegativeLogLikelihoodLoss\" input: \"p\" input: \"l\" output: \"y\" "
    "attribute { "
    "name: \"ignore_index\" i: -100 } }\n",
};

static void seed_text(const char *text, size_t length,
                      void (*seed)(void *, const uint8_t *, size_t), void *arg)
{
    uint8_t bytes[4096];
    tn_proto_out wire = {0};
    if (tn_proto_of_text(&wire, tn_onnx_model, "seed", text, length) != TN_OK ||
        wire.size > sizeof bytes)
        abort();
    const size_t size = wire.size;
    memcpy(bytes, wire.bytes, size);
    tn_proto_drop(&wire); /* the target looks whether anything lives */
    seed(arg, bytes, size);
}

static void seed_part(const char *nodes, void (*seed)(void *, const uint8_t *, size_t), void *arg)
{
    char text[4096];
    const int length = snprintf(
        text, sizeof text,
        "ir_version: 7 opset_import { version: 13 }\n"
        "graph {\n"
        "input { name: \"x\" type { tensor_type { elem_type: 1 shape { dim { dim_value: 2 } "
        "dim { dim_value: 3 } dim { dim_value: 8 } dim { dim_value: 8 } } } } }\n"
        "%soutput { name: \"y\" } }",
        nodes);
    seed_text(text, (size_t)length, seed, arg);
}

static void seed_operator(const char *op, int opset, void (*seed)(void *, const uint8_t *, size_t),
                          void *arg)
{
    char text[2048];
    const int length = snprintf(
        text, sizeof text,
        "ir_version: 7 opset_import { version: %d }\n"
        "graph {\n"
        "input { name: \"x\" type { tensor_type { elem_type: 1 shape { dim { dim_param: \"N\" } "
        "dim { "
        "dim_value: 3 } dim { dim_value: 8 } dim { dim_value: 8 } } } } }\n"
        "initializer { name: \"l\" dims: 4 data_type: 7 int64_data: 0 int64_data: 1 int64_data: -1 "
        "int64_data: 2 }\n"
        "initializer { name: \"w\" dims: 3 dims: 3 dims: 1 dims: 1 data_type: 1 raw_data: "
        "\"012345678901234567890123456789012345\" }\n"
        "node { op_type: \"Shape\" input: \"x\" output: \"s\" }\n"
        "node { op_type: \"Mul\" input: \"s\" input: \"l\" output: \"t\" }\n"
        "node { op_type: \"%s\" name: \"a\" input: \"x\" input: \"w\" output: \"y\" attribute { "
        "name: "
        "\"axis\" i: 1 } attribute { name: \"perm\" ints: 0 ints: 3 ints: 1 ints: 2 } }\n"
        "node { op_type: \"%s\" name: \"b\" input: \"x\" input: \"l\" output: \"z\" attribute { "
        "name: "
        "\"axes\" ints: 0 ints: 1 } }\n"
        "node { op_type: \"%s\" input: \"l\" input: \"t\" output: \"k\" }\n"
        "output { name: \"y\" } output { name: \"z\" } output { name: \"k\" }\n"
        "}",
        opset, op, op, op);
    seed_text(text, (size_t)length, seed, arg);
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    for (size_t i = 0; i < TN_COUNT(operators); i++)
        seed_operator(operators[i], i % 2 ? 18 : 9, seed, arg);
    for (size_t i = 0; i < TN_COUNT(parts); i++)
        seed_part(parts[i], seed, arg);
}
