/* Models of ONNX: src/onnx. */
#include "onnx/table.h"

const tn_importer tn_import_onnx = {"ONNX", tn_onnx_knows, tn_onnx_open};
