/*
 * What a backend is: one kind of device, its memory, and its kernels.
 *
 * A backend file of the same stem as a layer, src/backends/<backend>/<stem>.c, defines one
 * `const tn_kernel tn_<backend>_<stem>`; several files may serve one op, and the first (by name)
 * that supports a node is taken. Optimizers likewise, in the folder optim/.
 */
#ifndef TN_BACKEND_H
#define TN_BACKEND_H

#include <tenon/device.h>

#include "graph/op.h"
#include "optim/optim.h"

enum { TN_BACKEND_ABI = 1 };

typedef struct tn_backend tn_backend;
typedef struct tn_backend_device tn_backend_device; /* each backend defines its own */

/*
 * How a device lays out one tensor. The backend makes and owns them, one object a layout, so that two
 * are the same if and only if the pointers are equal. NULL is the canonical layout (row major).
 */
typedef struct tn_layout {
    size_t bytes;
    char name[28]; /* for descriptions, "aBcd16b" */
} tn_layout;

/* What changes from run to run. The plan owns it; it stays where it is. */
typedef struct tn_run_state {
    bool training;
    uint64_t seed;
    uint64_t step; /* runs in training mode so far: the stream of dropout */
} tn_run_state;

/*
 * What select (plan) and prepare (kernel) tell each other about one node. The gradient of a value has
 * the value's layout and that of a parameter the parameter's, always.
 */
typedef struct tn_binding {
    /* From the plan. */
    bool training;      /* backward will be asked for */
    bool dx[TN_MAX_IN]; /* which gradients will be asked for */
    bool dw[TN_MAX_PARAMS];

    /* From the plan: what the producer writes. To the plan: what the kernel reads. Where they differ
     * the plan inserts a reorder. */
    const tn_layout *x[TN_MAX_IN];

    /* To the plan. */
    const tn_layout *y[TN_MAX_OUT];
    const tn_layout *w[TN_MAX_PARAMS];
    size_t saved_bytes;   /* kept from forward to backward */
    size_t scratch_bytes; /* during one call, forward or backward */
    bool backward_reads_x[TN_MAX_IN];
    bool backward_reads_y;
    bool inplace;          /* forward may be given y[0] == x[0] */
    bool inplace_backward; /* backward may be given dx[0] == dy[0] */
    void *state;           /* the kernel's own; release() frees it */
} tn_binding;

/* What a kernel is given. NULL in y, dx or dw: not wanted. */
typedef struct tn_call {
    const tn_node *node;
    void *state;
    tn_backend_device *device;
    const tn_run_state *run;
    const void *x[TN_MAX_IN];
    void *y[TN_MAX_OUT]; /* backward: y[0] if it reads it */
    const void *dy;      /* of y[0]: the only output that has a gradient */
    void *dx[TN_MAX_IN]; /* overwritten, never added to: the plan adds where values fan out */
    void *w[TN_MAX_PARAMS];
    void *dw[TN_MAX_PARAMS]; /* overwritten */
    void *saved, *scratch;
} tn_call;

typedef struct tn_kernel {
    const char *op;
    const char *name; /* which one it is, where an op has several: "onednn" */
    /* Says why not through tn_fail(TN_ERR_UNSUPPORTED, ...). NULL: every node. Looks at node->fused
     * too: fuse.c asks whether any kernel supports a node with what it would absorb. */
    tn_status (*supports)(const tn_node *n);
    /* TN_ERR_UNSUPPORTED: the next kernel is tried. May be called with a node of any batch size. */
    tn_status (*prepare)(tn_backend_device *d, const tn_node *n, tn_binding *b);
    tn_status (*forward)(const tn_call *c);
    tn_status (*backward)(const tn_call *c); /* NULL: has none (inputs that need no gradient) */
    void (*release)(void *state);            /* NULL is never passed */
    /* The library and implementation chosen, "jit:avx512_core"; NULL or returns NULL: none to tell. */
    const char *(*describe)(const void *state);
} tn_kernel;

/* A stretch of the flat arenas with the same multipliers. */
typedef struct tn_param_range {
    size_t begin, end; /* elements */
    float rate, decay;
} tn_param_range;

/* One update of all parameters: one pass over the arenas. */
typedef struct tn_optim_call {
    tn_backend_device *device;
    const tn_optim *optim;
    int64_t step; /* from 1 */
    float rate;
    float scale; /* multiplies each gradient first: 1 / accumulated runs, and clipping */
    float *w;
    const float *g;
    float *slot[TN_MAX_SLOTS];
    const tn_param_range *range;
    int num_ranges;
} tn_optim_call;

typedef struct tn_optim_kernel {
    const char *optim; /* tn_optim_kind's name */
    tn_status (*update)(const tn_optim_call *c);
} tn_optim_kernel;

struct tn_backend {
    int abi;          /* TN_BACKEND_ABI */
    const char *name; /* "cpu" */
    const tn_kernel *const *kernels;
    const tn_optim_kernel *const *optims;

    tn_status (*count)(int *devices);
    /* `options`: what followed the index in the device's name, without the first comma, or "". */
    tn_status (*open)(tn_backend_device **out, int index, const char *options);
    void (*close)(tn_backend_device *d);
    const char *(*describe)(const tn_backend_device *d);

    tn_status (*alloc)(tn_backend_device *d, size_t bytes, void **out); /* 256-byte aligned */
    void (*free)(tn_backend_device *d, void *p);
    tn_status (*upload)(tn_backend_device *d, void *to, const void *host, size_t bytes);
    tn_status (*download)(tn_backend_device *d, void *host, const void *from, size_t bytes);
    tn_status (*fill)(tn_backend_device *d, void *to, int byte, size_t bytes);

    /* A reorder between two layouts of one tensor: made once, run often. */
    tn_status (*reorder_create)(tn_backend_device *d, const tn_shape *shape, tn_dtype dtype,
                                const tn_layout *from, const tn_layout *to, void **reorder);
    tn_status (*reorder_run)(void *reorder, void *to, const void *from);
    void (*reorder_destroy)(void *reorder);

    /* y += x;  *sum = sum of x^2, the same for any number of threads. */
    tn_status (*accumulate)(tn_backend_device *d, float *y, const float *x, size_t count);
    tn_status (*sum_squares)(tn_backend_device *d, const float *x, size_t count, double *sum);
};

/* An open device: the backend's, with its name. */
struct tn_device {
    const tn_backend *backend;
    tn_backend_device *impl;
    char *name;
};

extern const tn_backend tn_backend_cpu;

#endif
