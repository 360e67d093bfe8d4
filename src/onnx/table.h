/*
 * What import.c and its parts share, and operators do not see.
 */
#ifndef TN_ONNX_TABLE_H
#define TN_ONNX_TABLE_H

#include "onnx/known.h"

/* ---- values by name (value.c) ----------------------------------------------------------------- */

typedef struct tn_onnx_table tn_onnx_table;

tn_status tn_onnx_table_create(tn_onnx *o);
void tn_onnx_table_destroy(tn_onnx *o);
char *tn_onnx_copy_text(tn_onnx *o, tn_proto_span text); /* NULL: no memory */
/* The value of that name, which is in the table from then on; find(): NULL if there is none. */
tn_status tn_onnx_value_of(tn_onnx *o, tn_proto_span name, tn_onnx_value **out);
tn_onnx_value *tn_onnx_find(const tn_onnx *o, const char *name);

/* Inside of a graph of a graph its names are its own, whatever else is called so: tn_onnx_leave() of what tn_onnx_enter()
 * gave makes them again what they were outside. */
typedef struct tn_onnx_scope {
    tn_onnx_value **hidden;
    size_t count;
} tn_onnx_scope;
tn_status tn_onnx_enter(tn_onnx *o, const tn_proto *graph, tn_onnx_scope *scope);
void tn_onnx_leave(tn_onnx *o, const tn_onnx_scope *scope);

/* Has anything made it, now or when it is read? And then: it is read. */
bool tn_onnx_is_there(const tn_onnx_value *v);
void tn_onnx_settle(tn_onnx *o, tn_onnx_value *v);

/* ---- nodes (node.c) --------------------------------------------------------------------------- */

/* All of the graph's, and who reads what. */
tn_status tn_onnx_read_nodes(tn_onnx *o, const tn_proto *graph, tn_onnx_node **out, int *count);
/* A name for what the node makes: its own, its first output's, or like that. NULL: no memory. */
const char *tn_onnx_node_name(tn_onnx *o, const tn_onnx_node *n);
/* That one, or it and a number: one that the graph does not have. NULL: no memory. */
const char *tn_onnx_free_name(tn_onnx *o, const char *name);

/* ---- parameters (param.c) --------------------------------------------------------------------- */

/* What is known as a value of the graph; false: refused. */
bool tn_onnx_as_value(tn_onnx *o, const tn_onnx_node *n, tn_onnx_known *k, const char *name,
                      tn_value *out);

/* ---- bytes of pictures (pixels.c) --------------------------------------------------------------- */

/* Is the node a part of how they are prepared? Then it is done. */
bool tn_onnx_of_pixels(tn_onnx *o, const tn_onnx_node *n);
/* All that was done to them, as a node. */
tn_value tn_onnx_make_pixels(tn_onnx *o, const tn_onnx_pixels *p);

/* ---- files (file.c) --------------------------------------------------------------------------- */

tn_status tn_onnx_open_files(tn_onnx *o, tn_proto *model);
void tn_onnx_close_files(tn_onnx *o);
/* The bytes that lie outside of the model's file; *file is which file that is. */
tn_status tn_onnx_external(tn_onnx *o, const tn_proto *tensor, const char *name, size_t bytes,
                           tn_proto_span *out, int *file);

/* Are its numbers f32 in a file, in one piece? */
bool tn_onnx_lies_in_file(const tn_onnx *o, const tn_onnx_known *k, int *source, size_t *offset);

/* ---- inputs (input.c) ------------------------------------------------------------------------- */

/* The tensors of a graph, or of one in it; all of the model's inputs. */
tn_status tn_onnx_read_tensors(tn_onnx *o, const tn_proto *graph);
tn_status tn_onnx_read_inputs(tn_onnx *o, const tn_proto *graph);

/* ---- what is refused (refuse.c) --------------------------------------------------------------- */

/* The sentence of all of it; TN_OK if there is none. */
tn_status tn_onnx_refused(const tn_onnx *o, int num_nodes);
void tn_onnx_forget_refused(tn_onnx *o);

bool tn_onnx_knows(const char *path, const unsigned char *first, size_t size);
tn_status tn_onnx_open(tn_model *m, const tn_model_opts *opts);

#endif
