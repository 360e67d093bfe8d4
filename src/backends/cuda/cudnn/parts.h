/*
 * What the files behind cudnn.h share.
 */
#ifndef TN_CUDNN_PARTS_H
#define TN_CUDNN_PARTS_H

#include "backends/cuda/cudnn/cudnn.h"

/* ---- maker.c: descriptors ----------------------------------------------------------------- */

/* Makes descriptors and keeps them; after the first error the rest does nothing. */
enum { TN_CUDNN_MADE = 64 };
typedef struct tn_cudnn_maker {
    cudnnStatus_t status;
    const char *call; /* that failed */
    cudnnBackendDescriptor_t made[TN_CUDNN_MADE];
    int count;
} tn_cudnn_maker;

cudnnBackendDescriptor_t tn_cudnn_make(tn_cudnn_maker *m, cudnnBackendDescriptorType_t type);
void tn_cudnn_set(tn_cudnn_maker *m, cudnnBackendDescriptor_t to, cudnnBackendAttributeName_t name,
                  cudnnBackendAttributeType_t type, int64_t count, const void *elements);
void tn_cudnn_set_number(tn_cudnn_maker *m, cudnnBackendDescriptor_t to,
                         cudnnBackendAttributeName_t name, int64_t number);
void tn_cudnn_set_part(tn_cudnn_maker *m, cudnnBackendDescriptor_t to,
                       cudnnBackendAttributeName_t name, cudnnBackendDescriptor_t part);
void tn_cudnn_finalize(tn_cudnn_maker *m, cudnnBackendDescriptor_t d);
/* Gives those back that were made after the first `keep`. */
void tn_cudnn_unmake(tn_cudnn_maker *m, int keep);

/* What a choice came to. */
typedef struct tn_cudnn_choice {
    int64_t engine;
    unsigned notes;   /* bits of cudnnBackendNumericalNote_t */
    bool compiled;    /* at run time, by cuDNN */
    size_t workspace; /* bytes */
} tn_cudnn_choice;

struct tn_cudnn_plan {
    char *key;                     /* all that the choice follows from */
    cudnnBackendDescriptor_t plan; /* NULL: cuDNN does not do it, */
    char *why;                     /* because of this */
    tn_cudnn_choice choice;
    bool damaged;         /* the one in the cache was, so that it was made anew */
    tn_cudnn_maker maker; /* of all that the plan was made from, which lives as long as it */
    tn_cudnn_plan *next;
};

struct tn_cudnn {
    cudnnHandle_t handle;            /* NULL: the device is only planned for */
    cudnnBackendDescriptor_t device; /* its properties */
    int driver;                      /* CUDA that the driver serves, 13000; 0: there is none */
    char text[32];
    char *cache; /* folder; NULL: none */
    void *zeros; /* TN_CUDNN_ZEROS bytes on the device, for biases that are not there */
    tn_cudnn_plan *plans;
};

/* ---- cudnn.c ------------------------------------------------------------------------------ */

/* TN_OK, or an error that names node, device, call and what cuDNN says. */
tn_status tn_cudnn_check(const tn_backend_device *d, const tn_node *n, cudnnStatus_t s,
                         const char *call);
#define TN_CUDNN(d, n, call) TN_TRY(tn_cudnn_check((d), (n), (call), #call))

/* ---- graph.c ------------------------------------------------------------------------------ */

cudnnDataType_t tn_cudnn_type(tn_dtype t);
/* The operation graph, finalized. */
cudnnBackendDescriptor_t tn_cudnn_build(tn_cudnn_maker *m, const tn_cudnn_graph *g);
/* Equal texts: equal graphs. For tn_free(); NULL: no memory. */
char *tn_cudnn_text(const tn_cudnn_graph *g);

/* ---- choose.c ----------------------------------------------------------------------------- */

/* Bits of notes that no engine may have. */
unsigned tn_cudnn_forbidden(const tn_backend_device *d, tn_precision precision);
/* Fills in plan, choice and maker; TN_ERR_UNSUPPORTED says why there is no engine. */
tn_status tn_cudnn_choose(tn_backend_device *d, const tn_node *n, const tn_cudnn_graph *g,
                          unsigned forbidden, tn_cudnn_plan *p);

/* ---- tune.c ------------------------------------------------------------------------------- */

/* The fastest of the plans; 0, the heuristics' own choice, if there is no memory to try them in. */
int tn_cudnn_fastest(tn_backend_device *d, const tn_cudnn_graph *g,
                     const cudnnBackendDescriptor_t *plans, const tn_cudnn_choice *choices,
                     int count);

/* ---- cache.c ------------------------------------------------------------------------------ */

/* The folder that plans are kept in; NULL in *out if they are not. TN_ERR_MEMORY. */
tn_status tn_cudnn_cache_folder(char **out);
/* Fills in plan, choice and maker from the file of that key, if there is one; p->damaged if it is no good. */
tn_status tn_cudnn_cache_load(tn_backend_device *d, tn_cudnn_plan *p);
/* Nobody needs the file: what cannot be written is not kept. */
void tn_cudnn_cache_store(tn_backend_device *d, const tn_cudnn_plan *p);

#endif
