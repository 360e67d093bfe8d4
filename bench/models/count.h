/*
 * How many files of other programs Tenon takes: what a file is, and what became of it.
 */
#ifndef MODELS_COUNT_H
#define MODELS_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum kind { CAFFE_NET, CAFFE_SOLVER, CAFFE_OTHER, ONNX_MODEL, ONNX_TEST, KINDS } kind;

typedef enum outcome {
    IMPORTS, /* it is a model; of a test nobody has computed it */
    RIGHT,   /* a test's numbers are those that the files give */
    REFUSED, /* by name: what Tenon has not */
    WRONG,   /* other numbers */
    UNREAD,  /* it is said to be no such file, or a damaged one */
    FAILED,  /* another error */
    CRASHED, /* a signal ended it */
    LATE,    /* it took longer than it may */
    OUTCOMES
} outcome;

typedef struct verdict {
    outcome outcome;
    char why[3000];
} verdict;

/* In a process of its own: nothing is let go of. */
void judge_caffe(const char *path, kind k, verdict *v);
void judge_onnx(const char *path, verdict *v);
/* A folder with model.onnx and test_data_set_*, as onnx/onnx has them. */
void judge_test(const char *folder, verdict *v);
/* Is each of their models optimised first? Then its numbers have to be right all the same. */
extern bool judge_optimised;

/* What tn_error() says of a status, as an outcome. */
void judge_error(int status, verdict *v);

/* Is a text a net or a solver's? By the fields at its top, without any of Tenon's code. */
kind caffe_kind(const char *path);

/* ---- a tensor of a file (tensor.c) ------------------------------------------------------------- */

enum { MOST_DIMS = 8 };

typedef enum element { REALS, DOUBLES, WHOLES, BYTES } element; /* bytes are truths, too */

typedef struct file_tensor {
    char name[256];
    element element;
    int type; /* as ONNX numbers them */
    int ndim;
    int64_t dim[MOST_DIMS], count;
    double *data; /* of any type that is a number */
} file_tensor;

/* A TensorProto. NULL, or what it is that cannot be taken. */
const char *tensor_read(const char *path, file_tensor *t);

/* A model's inputs that have no number in the file, or its outputs, in their order; how many there are, -1 if the file cannot be
 * read. */
typedef struct port {
    char name[256];
    int type; /* of its elements; 0: it is no tensor */
} port;
int model_ports(const char *path, bool outputs, port *to, int room);

/* Are they the same numbers, as f32 can have them? Else *why says where not. */
bool tensor_agrees(const file_tensor *want, const double *have, char *why, size_t room);

/* A whole file; NULL: cannot be read. */
unsigned char *file_read(const char *path, size_t *bytes);

#endif
