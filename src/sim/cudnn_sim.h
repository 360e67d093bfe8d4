/*
 * The simulated cuDNN, as its parts see it.
 *
 * Descriptors keep what they were told as values; a row of a table says for each attribute its type, how
 * many elements it has, whether it must be set, and where it goes in a program. A finalized graph is such
 * a program: tensors and operations without pointers, that can be copied, written as text, and run.
 *
 *     descriptor  handle that a program holds; keeps one reference to contents
 *     contents    values; do not change once finalized, and live as long as anyone refers to them, as the
 *                 real library's copies do: a plan outlives its graph's descriptors
 *     program     of a graph: what an engine runs
 */
#ifndef TN_SIM_CUDNN_H
#define TN_SIM_CUDNN_H

#include <cudnn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/_runtime.h"
#include "sim/numbers.h"

/* ---- programs ----------------------------------------------------------------------------- */

enum { TN_DNN_TENSORS = 32, TN_DNN_OPS = 16 };

typedef struct tn_dnn_tensor {
    int64_t uid;
    cudnnDataType_t type;
    int32_t dims;
    int64_t dim[CUDNN_DIM_MAX], stride[CUDNN_DIM_MAX]; /* elements */
    int64_t alignment;                                 /* bytes */
    bool is_virtual, by_value;
} tn_dnn_tensor;

/* Which tensor of an operation. Convolutions of every direction have X, W, Y, gradients or not. */
typedef enum tn_dnn_slot {
    TN_DNN_X,
    TN_DNN_W,
    TN_DNN_Y,
    TN_DNN_B,
    TN_DNN_T,
    TN_DNN_DY,
    TN_DNN_DX,
    TN_DNN_INDEX,
    TN_DNN_MEAN,
    TN_DNN_INV,
    TN_DNN_SCALE,
    TN_DNN_BIAS,
    TN_DNN_EPSILON,
    TN_DNN_FACTOR,
    TN_DNN_MEAN_IN,
    TN_DNN_VAR_IN,
    TN_DNN_MEAN_OUT,
    TN_DNN_VAR_OUT,
    TN_DNN_DSCALE,
    TN_DNN_DBIAS,
    TN_DNN_SUM,
    TN_DNN_SQUARES,
    TN_DNN_SLOTS
} tn_dnn_slot;

/* Which of its numbers; those with room for three are of the spatial dimensions. */
enum {
    TN_DNN_MODE,
    TN_DNN_MATH,
    TN_DNN_SPATIAL,
    TN_DNN_PADDING_MODE,
    TN_DNN_PHASE,
    TN_DNN_DETERMINISTIC,
    TN_DNN_NAN,
    TN_DNN_PRE,
    TN_DNN_POST = TN_DNN_PRE + 3,
    TN_DNN_STRIDE = TN_DNN_POST + 3,
    TN_DNN_DILATION = TN_DNN_STRIDE + 3,
    TN_DNN_WINDOW = TN_DNN_DILATION + 3,
    TN_DNN_NUMBERS = TN_DNN_WINDOW + 3
};
enum {
    TN_DNN_ALPHA,
    TN_DNN_BETA,
    TN_DNN_LOWER_CLIP,
    TN_DNN_UPPER_CLIP,
    TN_DNN_LOWER_SLOPE,
    TN_DNN_REALS
};

typedef struct tn_dnn_op {
    cudnnBackendDescriptorType_t kind;
    int32_t tensor[TN_DNN_SLOTS]; /* of the program; -1: none */
    int64_t number[TN_DNN_NUMBERS];
    double real[TN_DNN_REALS];
} tn_dnn_op;

typedef struct tn_dnn_program {
    int32_t tensors, ops;
    tn_dnn_tensor tensor[TN_DNN_TENSORS];
    tn_dnn_op op[TN_DNN_OPS]; /* in an order in which they can run */
} tn_dnn_program;

/* Which slots an operation of that kind writes, as a mask. */
unsigned tn_dnn_outputs(cudnnBackendDescriptorType_t kind);
/* From the first element to the last, in elements. */
int64_t tn_dnn_span(const tn_dnn_tensor *t);
bool tn_dnn_is_conv(const tn_dnn_op *op);
/* Do its tensors fit together? */
cudnnStatus_t tn_dnn_check_op(const tn_dnn_program *p, const tn_dnn_op *op);

/* ---- engines ------------------------------------------------------------------------------ */

typedef struct tn_dnn_device {
    int index;                       /* -1: only planned for */
    int version, processors, driver; /* version: 900 for compute capability 9.0 */
} tn_dnn_device;

typedef struct tn_dnn_engine {
    int64_t index;
    unsigned notes, behaviour; /* bits of cudnnBackendNumericalNote_t and ..BehaviorNote_t */
    int64_t workspace;         /* bytes */
    bool fallback;             /* offered in mode FALLBACK, not in A */
} tn_dnn_engine;

enum { TN_DNN_ENGINES = 5 };

/* The engines for a program, best first; returns how many. */
int tn_dnn_engines(const tn_dnn_program *p, const tn_dnn_device *d,
                   tn_dnn_engine out[TN_DNN_ENGINES]);
/* Compiled at run time, by the real library. */
bool tn_dnn_is_runtime(const tn_dnn_program *p);
bool tn_dnn_is_nhwc(const tn_dnn_tensor *t);

/* Why there is no engine, in the policy that is set: a sentence, or NULL if there is one. */
const char *tn_dnn_refusal(const tn_dnn_program *p, const tn_dnn_device *d);
/* Of functions that have no graph. */
bool tn_dnn_refuses_call(const char *function);
/* Has engines whose plans then cannot be made: deterministic reductions, in the policy "table". */
bool tn_dnn_fails_to_compile(const tn_dnn_program *p);
/* Can it be run? */
bool tn_dnn_knows_pointwise(int64_t mode);

/* ---- descriptors -------------------------------------------------------------------------- */

typedef enum tn_dnn_place {
    TN_DNN_NOWHERE,
    TN_DNN_TENSOR, /* a tensor, to the slot `at` */
    TN_DNN_NUMBER, /* integers, enums, fractions, to number[at] and on */
    TN_DNN_REAL,   /* a float or a double, to real[at] */
    TN_DNN_PART    /* a descriptor whose values belong to this operation */
} tn_dnn_place;

typedef struct tn_dnn_attribute {
    cudnnBackendDescriptorType_t of;
    cudnnBackendAttributeName_t name;
    cudnnBackendAttributeType_t type;
    int64_t least, most; /* elements */
    bool needed;         /* before finalize */
    bool computed;       /* cannot be set */
    int refers;          /* 1 + the type of descriptor that it must be; 0: any */
    tn_dnn_place place;
    int at;
    const char *text;
} tn_dnn_attribute;

/* The rows of one type of descriptor, or NULL if the simulation does not know it. */
const tn_dnn_attribute *tn_dnn_attributes(cudnnBackendDescriptorType_t of, int *count);
const char *tn_dnn_type_name(cudnnBackendDescriptorType_t type);
size_t tn_dnn_element_bytes(cudnnBackendAttributeType_t type);

typedef struct tn_dnn_contents tn_dnn_contents;

typedef struct tn_dnn_value {
    const tn_dnn_attribute *of;
    int64_t count;
    void *bytes; /* of descriptors: tn_dnn_contents pointers, referred to */
    struct tn_dnn_value *next;
} tn_dnn_value;

struct tn_dnn_contents {
    atomic_int references;
    cudnnBackendDescriptorType_t type;
    bool final;
    tn_dnn_value *values;
    /* what finalize made of them */
    tn_dnn_program *program; /* graph, plan */
    tn_dnn_device device;    /* device properties, heuristics, engine, plan */
    tn_dnn_engine engine;    /* engine, plan */
    bool loaded;             /* plan: it has run */
    char *json;              /* device properties */
};

typedef struct tn_dnn_descriptor {
    cudnnBackendDescriptorType_t type;
    tn_dnn_contents *contents;
} tn_dnn_descriptor;

/* Breaks the rule "destroyed" if it is not alive. */
tn_dnn_descriptor *tn_dnn_descriptor_of(cudnnBackendDescriptor_t d);
tn_dnn_contents *tn_dnn_contents_new(cudnnBackendDescriptorType_t type);
tn_dnn_contents *tn_dnn_contents_keep(tn_dnn_contents *c);
void tn_dnn_contents_drop(tn_dnn_contents *c);
/* Puts a value in, as cudnnBackendSetAttribute() would, descriptors as contents. */
void tn_dnn_contents_put(tn_dnn_contents *c, cudnnBackendAttributeName_t name, int64_t count,
                         const void *bytes);

const tn_dnn_value *tn_dnn_value_of(const tn_dnn_contents *c, cudnnBackendAttributeName_t name);
tn_dnn_contents *tn_dnn_part_of(const tn_dnn_contents *c, cudnnBackendAttributeName_t name);
/* One number of whatever type; `otherwise` if it is not set. */
int64_t tn_dnn_number_of(const tn_dnn_contents *c, cudnnBackendAttributeName_t name,
                         int64_t otherwise);

/* What finalize does beyond the table, a file each. */
typedef cudnnStatus_t tn_dnn_finalize(tn_dnn_contents *c);
tn_dnn_finalize tn_dnn_finalize_tensor, tn_dnn_finalize_op, tn_dnn_finalize_graph,
    tn_dnn_finalize_device, tn_dnn_finalize_heuristics, tn_dnn_finalize_engine,
    tn_dnn_finalize_plan, tn_dnn_finalize_pack;

/* What GetAttribute computes; each returns NOT_SUPPORTED for a name that is not its own. */
typedef cudnnStatus_t tn_dnn_get(const tn_dnn_contents *c, const tn_dnn_attribute *a, int64_t asked,
                                 int64_t *count, void *out);
tn_dnn_get tn_dnn_get_heuristics, tn_dnn_get_engine, tn_dnn_get_config, tn_dnn_get_plan,
    tn_dnn_get_device, tn_dnn_get_graph;
/* Hands out as many elements as were asked for, and says how many there are. */
cudnnStatus_t tn_dnn_give(const void *from, int64_t have, size_t element, int64_t asked,
                          int64_t *count, void *out);

/* All of a text, or how long it is if nothing is asked for. */
cudnnStatus_t tn_dnn_give_text(const char *text, int64_t have, int64_t asked, int64_t *count,
                               void *out);
/* The same of descriptors: those of the caller become these. */
cudnnStatus_t tn_dnn_give_descriptors(const tn_dnn_attribute *a, tn_dnn_contents *const *from,
                                      int64_t have, int64_t asked, int64_t *count, void *out);

/* The properties of a device that is there, and those that a descriptor was given: properties of its own,
 * or the handle of its graph. */
tn_dnn_device tn_dnn_ask_device(int index);
cudnnStatus_t tn_dnn_device_for(const tn_dnn_contents *c, cudnnBackendAttributeName_t properties,
                                const tn_dnn_contents *graph, tn_dnn_device *out);

/* ---- handles and errors ------------------------------------------------------------------- */

struct cudnnContext {
    atomic_bool busy;
    int device;
    cudaStream_t stream;
};

/* The handle, for one call; breaks the rules "destroyed", "device" (made on another device than the
 * thread's) and "handle" (in use by another thread). NULL if it is. */
struct cudnnContext *tn_dnn_handle_begin(const char *function, cudnnHandle_t h);
void tn_dnn_handle_end(struct cudnnContext *h);

/* Keeps the sentence for cudnnGetLastErrorString(), and returns the status. */
cudnnStatus_t tn_dnn_fail(cudnnStatus_t status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
