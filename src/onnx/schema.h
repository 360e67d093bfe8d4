/*
 * ONNX's messages: the numbers of their fields that are read or written here. Source: onnx.proto of onnx/onnx (Apache-2.0).
 * What a table does not have (documentation, names of values inside) changes no number that a model computes.
 */
#ifndef TN_ONNX_SCHEMA_H
#define TN_ONNX_SCHEMA_H

#include "io/proto.h"

extern const tn_proto_field tn_onnx_model[], tn_onnx_graph[], tn_onnx_node_proto[],
    tn_onnx_attribute[], tn_onnx_tensor[], tn_onnx_value_info[];

enum {
    MODEL_IR = 1,
    MODEL_PRODUCER,
    MODEL_PRODUCER_VERSION,
    MODEL_DOMAIN,
    MODEL_GRAPH = 7,
    MODEL_OPSET,
    MODEL_META = 14,
    MODEL_FUNCTION = 25
};
enum { OPSET_DOMAIN = 1, OPSET_VERSION };
enum { META_KEY = 1, META_VALUE };

enum {
    GRAPH_NODE = 1,
    GRAPH_NAME,
    GRAPH_TENSOR = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT,
    GRAPH_SPARSE = 15
};

enum { NODE_INPUT = 1, NODE_OUTPUT, NODE_NAME, NODE_OP, NODE_ATTRIBUTE, NODE_DOMAIN = 7 };

enum {
    ATTR_NAME = 1,
    ATTR_F,
    ATTR_I,
    ATTR_S,
    ATTR_T,
    ATTR_G,
    ATTR_FLOATS,
    ATTR_INTS,
    ATTR_STRINGS,
    ATTR_TYPE = 20,
    ATTR_REF /* of a function's body: another attribute's name */
};
/* What ATTR_TYPE says. */
enum {
    ATTR_IS_FLOAT = 1,
    ATTR_IS_INT,
    ATTR_IS_STRING,
    ATTR_IS_TENSOR,
    ATTR_IS_GRAPH,
    ATTR_IS_FLOATS,
    ATTR_IS_INTS,
    ATTR_IS_STRINGS
};

enum {
    TENSOR_DIMS = 1,
    TENSOR_TYPE,
    TENSOR_FLOATS = 4,
    TENSOR_INT32S, /* and smaller ones; of f16 and bf16 their bits */
    TENSOR_STRINGS,
    TENSOR_INT64S,
    TENSOR_NAME,
    TENSOR_RAW, /* little endian */
    TENSOR_DOUBLES,
    TENSOR_UINT64S, /* and u32 */
    TENSOR_EXTERNAL = 13,
    TENSOR_LOCATION
};
enum { LOCATION_HERE, LOCATION_EXTERNAL };

/* Types of elements: TENSOR_TYPE, TYPE_ELEMENT, and an attribute `to`. */
typedef enum tn_onnx_type {
    ONNX_NONE,
    ONNX_F32,
    ONNX_U8,
    ONNX_I8,
    ONNX_U16,
    ONNX_I16,
    ONNX_I32,
    ONNX_I64,
    ONNX_STRING,
    ONNX_BOOL,
    ONNX_F16,
    ONNX_F64,
    ONNX_U32,
    ONNX_U64,
    ONNX_C64,
    ONNX_C128,
    ONNX_BF16
} tn_onnx_type;

enum { VALUE_NAME = 1, VALUE_TYPE };
enum { TYPE_TENSOR = 1 };
enum { TYPE_ELEMENT = 1, TYPE_SHAPE };
enum { SHAPE_DIM = 1 };
enum { DIM_VALUE = 1, DIM_PARAM };

#endif
