/*
 * Models of ONNX, written as text: tests of what is imported.
 */
#ifndef LAB_ONNX_H
#define LAB_ONNX_H

#include <stddef.h>

#include <tenon/model.h>

/* Around a program's tests: a folder, and what lies in it at the end. */
int lab_onnx_open(void **state);
int lab_onnx_close(void **state);

const char *lab_onnx_path(const char *name); /* in the folder */

/* The text of a message of a type of schema.h as bytes in a file of the folder. A model has opset 17 and a graph, of which
 * lab_onnx_graph() is given the text. */
const char *lab_onnx_file(const char *name, const char *text);
const char *lab_onnx_graph(const char *text);

/* "input { name: \"x\" type { ... } }", f32 of these dimensions, 0 is "batch"; in one of a few buffers. */
const char *lab_onnx_input(const char *name, const char *dims);

/* Opens and runs it with x as its only input, -3, -2.9, ..., and gives its first output. */
tn_shape lab_onnx_run(const char *text, const tn_model_opts *opts, float *to, size_t room);
tn_shape lab_onnx_run_file(const char *path, const tn_model_opts *opts, float *to, size_t room);
float lab_onnx_x(int i);

/* What opening it says. */
const char *lab_onnx_refusal(const char *text, const tn_model_opts *opts);

#endif
