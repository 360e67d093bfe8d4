/*
 * schema: the tables of ONNX's messages.
 */
#include "onnx/schema.h"

static const tn_proto_field opset[] = {
    {OPSET_DOMAIN, "domain", TN_PROTO_TEXT},
    {OPSET_VERSION, "version", TN_PROTO_INT},
    {0},
};
static const tn_proto_field entry[] = {
    {META_KEY, "key", TN_PROTO_TEXT},
    {META_VALUE, "value", TN_PROTO_TEXT},
    {0},
};

/* ---- values ----------------------------------------------------------------------------------- */

static const tn_proto_field dimension[] = {
    {DIM_VALUE, "dim_value", TN_PROTO_INT},
    {DIM_PARAM, "dim_param", TN_PROTO_TEXT},
    {0},
};
static const tn_proto_field shape[] = {
    {SHAPE_DIM, "dim", TN_PROTO_MESSAGE, .many = true, .type = dimension},
    {0},
};
static const tn_proto_field tensor_type[] = {
    {TYPE_ELEMENT, "elem_type", TN_PROTO_INT},
    {TYPE_SHAPE, "shape", TN_PROTO_MESSAGE, .type = shape},
    {0},
};
static const tn_proto_field type[] = {
    {TYPE_TENSOR, "tensor_type", TN_PROTO_MESSAGE, .type = tensor_type},
    {0},
};
const tn_proto_field tn_onnx_value_info[] = {
    {VALUE_NAME, "name", TN_PROTO_TEXT},
    {VALUE_TYPE, "type", TN_PROTO_MESSAGE, .type = type},
    {0},
};

const tn_proto_field tn_onnx_tensor[] = {
    {TENSOR_DIMS, "dims", TN_PROTO_INT, .many = true},
    {TENSOR_TYPE, "data_type", TN_PROTO_INT},
    {TENSOR_FLOATS, "float_data", TN_PROTO_FLOAT, .many = true},
    {TENSOR_INT32S, "int32_data", TN_PROTO_INT, .many = true},
    {TENSOR_STRINGS, "string_data", TN_PROTO_BYTES, .many = true},
    {TENSOR_INT64S, "int64_data", TN_PROTO_INT, .many = true},
    {TENSOR_NAME, "name", TN_PROTO_TEXT},
    {TENSOR_RAW, "raw_data", TN_PROTO_BYTES},
    {TENSOR_DOUBLES, "double_data", TN_PROTO_DOUBLE, .many = true},
    {TENSOR_UINT64S, "uint64_data", TN_PROTO_INT, .many = true},
    {TENSOR_EXTERNAL, "external_data", TN_PROTO_MESSAGE, .many = true, .type = entry},
    {TENSOR_LOCATION, "data_location", TN_PROTO_INT},
    {0},
};

/* ---- graphs ----------------------------------------------------------------------------------- */

const tn_proto_field tn_onnx_attribute[] = {
    {ATTR_NAME, "name", TN_PROTO_TEXT},
    {ATTR_F, "f", TN_PROTO_FLOAT},
    {ATTR_I, "i", TN_PROTO_INT},
    {ATTR_S, "s", TN_PROTO_BYTES},
    {ATTR_T, "t", TN_PROTO_MESSAGE, .type = tn_onnx_tensor},
    {ATTR_G, "g", TN_PROTO_MESSAGE, .type = tn_onnx_graph},
    {ATTR_FLOATS, "floats", TN_PROTO_FLOAT, .many = true},
    {ATTR_INTS, "ints", TN_PROTO_INT, .many = true},
    {ATTR_STRINGS, "strings", TN_PROTO_BYTES, .many = true},
    {ATTR_TYPE, "type", TN_PROTO_INT},
    {ATTR_REF, "ref_attr_name", TN_PROTO_TEXT},
    {0},
};
const tn_proto_field tn_onnx_node_proto[] = {
    {NODE_INPUT, "input", TN_PROTO_TEXT, .many = true},
    {NODE_OUTPUT, "output", TN_PROTO_TEXT, .many = true},
    {NODE_NAME, "name", TN_PROTO_TEXT},
    {NODE_OP, "op_type", TN_PROTO_TEXT},
    {NODE_ATTRIBUTE, "attribute", TN_PROTO_MESSAGE, .many = true, .type = tn_onnx_attribute},
    {NODE_DOMAIN, "domain", TN_PROTO_TEXT},
    {0},
};
const tn_proto_field tn_onnx_graph[] = {
    {GRAPH_NODE, "node", TN_PROTO_MESSAGE, .many = true, .type = tn_onnx_node_proto},
    {GRAPH_NAME, "name", TN_PROTO_TEXT},
    {GRAPH_TENSOR, "initializer", TN_PROTO_MESSAGE, .many = true, .type = tn_onnx_tensor},
    {GRAPH_INPUT, "input", TN_PROTO_MESSAGE, .many = true, .type = tn_onnx_value_info},
    {GRAPH_OUTPUT, "output", TN_PROTO_MESSAGE, .many = true, .type = tn_onnx_value_info},
    {GRAPH_SPARSE, "sparse_initializer", TN_PROTO_BYTES, .many = true},
    {0},
};
const tn_proto_field tn_onnx_model[] = {
    {MODEL_IR, "ir_version", TN_PROTO_INT},
    {MODEL_PRODUCER, "producer_name", TN_PROTO_TEXT},
    {MODEL_PRODUCER_VERSION, "producer_version", TN_PROTO_TEXT},
    {MODEL_DOMAIN, "domain", TN_PROTO_TEXT},
    {MODEL_GRAPH, "graph", TN_PROTO_MESSAGE, .type = tn_onnx_graph},
    {MODEL_OPSET, "opset_import", TN_PROTO_MESSAGE, .many = true, .type = opset},
    {MODEL_META, "metadata_props", TN_PROTO_MESSAGE, .many = true, .type = entry},
    {MODEL_FUNCTION, "functions", TN_PROTO_BYTES, .many = true},
    {0},
};
