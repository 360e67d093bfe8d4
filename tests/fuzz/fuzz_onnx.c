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

const int fuzz_rounds = 2000;

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
static const char *const operators[] = {"Add",
                                        "Clip",
                                        "Conv",
                                        "Concat",
                                        "Gemm",
                                        "MatMul",
                                        "Pad",
                                        "Reshape",
                                        "Slice",
                                        "Split",
                                        "Transpose",
                                        "Squeeze",
                                        "Expand",
                                        "ReduceSum",
                                        "Softmax",
                                        "PRelu",
                                        "Flatten",
                                        "Gather",
                                        "Tile",
                                        "Unsqueeze",
                                        "Where",
                                        "Cast",
                                        "LayerNormalization"};

static void seed_operator(const char *op, int opset, void (*seed)(void *, const uint8_t *, size_t),
                          void *arg)
{
    char text[2048];
    tn_proto_out wire = {0};
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
    if (tn_proto_of_text(&wire, tn_onnx_model, "seed", text, (size_t)length) != TN_OK)
        abort();
    uint8_t bytes[2048];
    const size_t size = wire.size;
    memcpy(bytes, wire.bytes, size);
    tn_proto_drop(&wire); /* the target looks whether anything lives */
    seed(arg, bytes, size);
}

void fuzz_seeds(void (*seed)(void *arg, const uint8_t *bytes, size_t size), void *arg)
{
    for (size_t i = 0; i < TN_COUNT(operators); i++)
        seed_operator(operators[i], i % 2 ? 18 : 9, seed, arg);
}
