/* Models of ONNX: src/onnx. */
#include "onnx/export.h"

const tn_exporter tn_export_onnx = {".onnx", tn_onnx_save};
