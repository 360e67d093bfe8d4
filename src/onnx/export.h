/*
 * From a graph to a model of ONNX: all that a writer sees (exports/<family>.c).
 *
 * A writer adds nodes of ONNX for one node of the graph, by name: a value is called in the file what it is called in the
 * graph. What fails stays in the file that is made (tn_proto_out.status), so nothing here returns a status; what ONNX
 * cannot say is refused with a reason, and all refusals are told at once.
 *
 *     static void write_conv(tn_onnx_out *e, const tn_node *n)
 *     {
 *         TN_ONNX_NODE(e, "Conv", tn_onnx_y_name(e, n), tn_onnx_x_name(e, n, 0), tn_onnx_weight_name(e, n, 0, NULL));
 *         tn_onnx_put_int(e, "group", ...);
 *         tn_onnx_end(e);
 *     }
 *     const tn_onnx_writers tn_onnx_writers_conv = {{{"conv2d", 0, write_conv}}};
 *
 * An operation that has no writer, but a name in ONNX (tn_op.onnx), is one node, whose attributes are those that its table
 * names. Names of values are asked for before a node begins: a tensor may have to be written for one.
 */
#ifndef TN_ONNX_EXPORT_H
#define TN_ONNX_EXPORT_H

#include "base/arena.h"
#include "graph/graph.h"
#include "model/export.h"
#include "onnx/schema.h"

enum {
    TN_ONNX_OPSET = 17,
    TN_ONNX_IR = 8
}; /* of what is written, unless a node needs a later one */

typedef struct tn_onnx_out {
    const tn_model *m;
    const tn_graph *g;
    bool float_input; /* pictures as floats: what comes before is left out */
    bool open_batch;  /* the batch is a symbol, N */
    int opset;
    tn_proto_out file;
    tn_proto_mark node; /* that is begun */
    tn_arena arena;
    const char **name; /* of each value of the graph; NULL: not written yet */
    bool *reshaped;    /* its name is that of its numbers in another shape */
    bool *needed;      /* nodes that outputs depend on */
    int num_needed;    /* of those that are written */
    int parts;         /* names made up */
    struct tn_onnx_cannot *cannot;
} tn_onnx_out;

typedef void tn_onnx_write(tn_onnx_out *e, const tn_node *n);
typedef struct tn_onnx_writers {
    struct {
        const char *op; /* of Tenon's */
        int opset;      /* in which ONNX can say it; 0: the one that is always written */
        tn_onnx_write *write;
    } of[12]; /* up to one without a name */
} tn_onnx_writers;
extern const tn_onnx_writers *const tn_onnx_all_writers[];

/* ---- values by name --------------------------------------------------------------------------- */

/* A value; one that no node makes, as an input of the model, is in the file from then on. */
const char *tn_onnx_value_name(tn_onnx_out *e, int32_t id);
/* Input i of the node, its output, its parameter i (under another shape of as many elements, unless that is NULL). */
const char *tn_onnx_x_name(tn_onnx_out *e, const tn_node *n, int i);
const char *tn_onnx_y_name(tn_onnx_out *e, const tn_node *n);
const char *tn_onnx_output_name(tn_onnx_out *e, const tn_node *n, int i); /* its output i */
const char *tn_onnx_weight_name(tn_onnx_out *e, const tn_node *n, int i, const tn_shape *shape);
/* A name for a value between: "conv1/flat". */
const char *tn_onnx_part_name(tn_onnx_out *e, const tn_node *n, const char *part);
/* Numbers as a tensor of such a name. */
const char *tn_onnx_list_name(tn_onnx_out *e, const tn_node *n, const char *part,
                              const int64_t *value, int count);
const char *tn_onnx_floats_name(tn_onnx_out *e, const tn_node *n, const char *part,
                                const tn_shape *shape, const float *value);
const char *tn_onnx_scalar_name(tn_onnx_out *e, const tn_node *n, const char *part, float value);
/* As many times the same whole number of 8 bits, with a sign or from 0 on. */
const char *tn_onnx_whole_name(tn_onnx_out *e, const tn_node *n, const char *part,
                               const tn_shape *shape, bool sign, int value);
/* As many times the same number. */
const char *tn_onnx_fill_name(tn_onnx_out *e, const tn_node *n, const char *part,
                              const tn_shape *shape, float value);
/* The output is the input: nothing is to be done. */
void tn_onnx_pass(tn_onnx_out *e, const tn_node *n);

/* ---- nodes ------------------------------------------------------------------------------------ */

/* Begins a node that makes y of the values that follow; "" is one that is left out. */
#define TN_ONNX_NODE(e, op, y, ...) \
    tn_onnx_begin(e, op, y, (const char *const[]){__VA_ARGS__, NULL})
void tn_onnx_begin(tn_onnx_out *e, const char *op, const char *y, const char *const *x);
void tn_onnx_put_output(tn_onnx_out *e, const char *y); /* one more */
void tn_onnx_put_int(tn_onnx_out *e, const char *name, int64_t value);
void tn_onnx_put_real(tn_onnx_out *e, const char *name, float value);
void tn_onnx_put_text(tn_onnx_out *e, const char *name, const char *value);
void tn_onnx_put_ints(tn_onnx_out *e, const char *name, const int64_t *value, int count);
void tn_onnx_put_pair(tn_onnx_out *e, const char *name, const int pair[2]);
void tn_onnx_end(tn_onnx_out *e);
/* One without attributes. */
#define TN_ONNX_PLAIN(e, op, y, ...)         \
    do {                                     \
        TN_ONNX_NODE(e, op, y, __VA_ARGS__); \
        tn_onnx_end(e);                      \
    } while (0)

/* What ONNX calls inputs and outputs of the model. */
void tn_onnx_put_value(tn_onnx_out *e, int field, const char *name, tn_dtype dtype,
                       const tn_shape *shape, int batch);

/* The node cannot be said. */
void tn_onnx_cannot(tn_onnx_out *e, const tn_node *n, const char *format, ...) TN_PRINTF(3, 4);
tn_status tn_onnx_tell_cannot(const tn_onnx_out *e, const char *path);

/* The model as a file. */
tn_status tn_onnx_save(const tn_model *m, const char *path, const tn_onnx_opts *opts);

#endif
