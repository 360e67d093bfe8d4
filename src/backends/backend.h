/*
 * What a backend is: one kind of device, its memory, and its kernels.
 *
 * A backend file of the same stem as a layer, src/backends/<backend>/<stem>.c, defines one
 * `const tn_kernel tn_<backend>_<stem>`; several files may serve one op, and the first (by rank)
 * that supports a node is taken. Optimizers likewise, in the folder optim/.
 */
#ifndef TN_BACKEND_H
#define TN_BACKEND_H

#include <tenon/sys/kernel.h>

#include "backends/collective.h"
#include "backends/ranks.h"
#include "base/module.h"
#include "base/whole.h"
#include "graph/op.h"
#include "optim/optim.h"

typedef struct tn_backend tn_backend;
typedef struct tn_surface_cut tn_surface_cut;

/* A stretch of the flat arenas with the same multipliers. */
typedef struct tn_param_range {
    size_t begin, end; /* elements */
    float rate, decay;
} tn_param_range;

/*
 * One update of all parameters: one pass over the arenas. With `control` (see tn_run_state) step, rate,
 * scale, clip_norm, the optimizer's formula and what measure() found are there, where begin_update() and measure()
 * have put them.
 */
typedef struct tn_optim_kernel tn_optim_kernel;
typedef struct tn_optim_call {
    tn_backend_device *device;
    const tn_run_state *run;
    const tn_optim *optim;
    const tn_optim_kernel *kernel;
    int64_t step; /* from 1 */
    float rate;
    float scale;     /* multiplies each gradient first: 1 / accumulated runs, and clipping */
    float clip_norm; /* 0: none */
    float norm;      /* measure(): the 2-norm of all gradients, times scale */
    bool
        guard; /* measure(): an update whose norm is not finite is to be left out: without `control` that is */
    bool left_out; /* said here, and update() is not called then */
    double ema;    /* average(): its decay; 0: none */
    bool ema_warmup;
    float *w;
    void *half; /* w in f16 or bf16, kept up by the update; NULL in f32 */
    const float *g;
    float *slot[TN_MAX_SLOTS];
    size_t count; /* elements of the arenas that are trained */
    const tn_param_range *range;
    int num_ranges;
} tn_optim_call;

/* What a backend with `control` tells of it. */
typedef struct tn_control_report {
    float norm;       /* of the last update that measured it */
    float loss_scale; /* of the last run: gradients are this much too large; 1 but in f16 */
    float next_scale; /* of the next one; 0: not begun */
    int32_t growth;   /* updates since it last changed */
    int64_t skipped;  /* updates left out because a gradient was not finite */
} tn_control_report;

struct tn_optim_kernel {
    const char *optim; /* tn_optim_kind's name */
    tn_status (*update)(const tn_optim_call *c);
    /* The numbers of its formula as the device's control has them. NULL where there is none: update() reads the options. */
    void (*formula)(const tn_optim *optim, void *to);
};

typedef struct tn_open_opts {
    int index;
    const char
        *options; /* what followed the index in the device's name, without the comma; or "" */
    /* Number `place` from 0 of so many that are opened together: they share the host's cores. */
    int place, places; /* 0 of 1: alone */
    /* And their process is number `near` of so many that may use the same cores. */
    int near, nears; /* 0 of 0: alone */
} tn_open_opts;

/* What a device does beside each other: its steps, copies to it, sums with others. */
typedef enum tn_lane { TN_LANE_STEPS, TN_LANE_COPIES, TN_LANE_SUMS } tn_lane;

/* Members that say "may be NULL" are for devices that work on their own while the host goes on. */
struct tn_backend {
    int abi;          /* TN_MODULE_ABI */
    const char *name; /* "cpu" */
    bool
        is_host; /* its memory is the host's, and what it was asked for is done when the call returns */
    const tn_kernel *const *kernels;
    /* Those of this device, where it was opened for others. May be NULL: `kernels`. */
    const tn_kernel *const *(*kernels_of)(const tn_backend_device *d);
    const tn_optim_kernel *const *optims;

    /* None is no error: then `why` says why there is none. */
    tn_status (*count)(int *devices, char *why, size_t size);
    tn_status (*open)(tn_backend_device **out, const tn_open_opts *opts);
    void (*close)(tn_backend_device *d);
    const char *(*describe)(const tn_backend_device *d);
    /* What a plan that asks for this precision computes in; TN_ERR_UNSUPPORTED says why it cannot. */
    tn_status (*precision)(const tn_backend_device *d, tn_precision asked, tn_precision *out);
    /* TN_ERR_DEVICE if nothing can run on it: it is only planned for. May be NULL: it can. */
    tn_status (*runnable)(const tn_backend_device *d);
    /* Bytes in all, and those still free. */
    tn_status (*memory)(tn_backend_device *d, size_t *total, size_t *free);

    /* tn_call.stream. May be NULL: it has none. */
    void *(*stream)(tn_backend_device *d);

    tn_status (*alloc)(tn_backend_device *d, size_t bytes, void **out); /* 256-byte aligned */
    void (*free)(tn_backend_device *d, void *p);
    /* These return when the host's memory may be used again, download() with the numbers there. */
    tn_status (*upload)(tn_backend_device *d, void *to, const void *host, size_t bytes);
    tn_status (*download)(tn_backend_device *d, void *host, const void *from, size_t bytes);
    tn_status (*fill)(tn_backend_device *d, void *to, int byte, size_t bytes);

    /* A reorder between two layouts of one tensor: made once, run often. */
    tn_status (*reorder_create)(tn_backend_device *d, const tn_shape *shape, tn_dtype dtype,
                                const tn_layout *from, const tn_layout *to, void **reorder);
    tn_status (*reorder_run)(void *reorder, void *to, const void *from);
    void (*reorder_destroy)(void *reorder);
    /* The layout, of all that keep x's elements in canonical order, in which a view reads x and is y,
     * if x is written in `from`. May be NULL: the canonical one. */
    tn_status (*view_layout)(tn_backend_device *d, const tn_shape *x, const tn_layout *from,
                             const tn_layout **out);

    /* The layout in which input `i` of n, which joins, is its part of y, and where it begins there. *out is NULL, or this
     * is, if kernels cannot write such. A node that joins takes it as it is. */
    tn_status (*part_layout)(tn_backend_device *d, tn_precision precision, const tn_node *n, int i,
                             const tn_layout **out, size_t *offset);

    /* y += x, tensors of `bytes` in that layout (f32 if NULL). */
    tn_status (*accumulate)(tn_backend_device *d, const tn_layout *layout, void *y, const void *x,
                            size_t bytes);
    /* sum[0] += *x, a scalar of that type, and sum[1] += 1; neither if the run has failed so far, and the host does not
     * know it yet. */
    tn_status (*tally)(tn_backend_device *d, const tn_run_state *run, double *sum, const void *x,
                       tn_dtype dtype);
    /* Before update(), if clip_norm, which may change from one to the next, or f16 ask for it: finds c->norm, shrinks c->scale to clip; in f16
     * sees to the loss scale, and to it that an update is left out if a gradient is not finite. */
    tn_status (*measure)(tn_optim_call *c);

    /* ---- numbers beside the parameters: `count` f32, aligned to 256 bytes ---- */
    tn_status (*copy)(tn_backend_device *d, float *to, const float *from, size_t count);
    tn_status (*swap)(tn_backend_device *d, float *a, float *b, size_t count);
    /* After update(): to = from if it is left out. And if it is not, average += (1 - decay) (w - average), see
     * tn_plan_opts.ema; the first average, of step 1, is w. */
    tn_status (*restore)(const tn_optim_call *c, float *to, const float *from, size_t count);
    tn_status (*average)(const tn_optim_call *c, float *average, const float *w, size_t count);

    /* ---- precision: may be NULL ---- */
    /* The `half` copy of `count` parameters. */
    tn_status (*halve)(tn_backend_device *d, tn_precision precision, void *half, const float *w,
                       size_t count);

    /* ---- what changes from step to step: may be NULL, and control_bytes 0 ---- */
    size_t control_bytes;
    /* Before each run and update, in its thread, outside of what is captured. */
    tn_status (*begin_run)(tn_backend_device *d, const tn_run_state *run);
    tn_status (*begin_update)(const tn_optim_call *c);
    tn_status (*control_get)(tn_backend_device *d, const void *control, tn_control_report *out);
    tn_status (*control_set)(tn_backend_device *d, void *control, const tn_control_report *in);

    /* ---- inputs: may be NULL, then any memory is as good, and upload() is used ----
     * Memory of the host that the device copies from by itself. */
    tn_status (*host_alloc)(tn_backend_device *d, size_t bytes, void **out);
    void (*host_free)(tn_backend_device *d, void *p);
    /* A way in for one input that lies at `to`: push() takes the host's numbers and returns when their memory
     * may be used again; they are at `to` for what is run after. `stage`: 2 x bytes (rounded up to 256) of device memory for it. */
    tn_status (*inlet_create)(tn_backend_device *d, void *to, void *stage, size_t bytes,
                              void **inlet);
    tn_status (*inlet_push)(void *inlet, const void *host);
    void (*inlet_destroy)(void *inlet);

    /* ---- replaying: may be NULL; TN_ERR_UNSUPPORTED of begin: this device does not ----
     * What is run between begin and end is not done but written down; *recording is NULL, and `why` says
     * why, if that did not succeed or shall not be kept. */
    tn_status (*capture_begin)(tn_backend_device *d);
    tn_status (*capture_end)(tn_backend_device *d, bool keep, void **recording, char *why,
                             size_t size);
    tn_status (*replay)(tn_backend_device *d, void *recording);
    void (*recording_destroy)(tn_backend_device *d, void *recording);

    /* ---- several devices as one: see collective.h; NULL: this backend cannot ---- */
    const tn_collectives *collectives;
    /* Both are run among the steps, and captured with them. May be NULL: the device's calls return when the
     * work is done. mark(): what came before is what all_reduce(mark) waits for. await(): what comes after
     * waits for the last all_reduce(mark). */
    tn_status (*mark)(tn_backend_device *d, int mark);
    tn_status (*await)(tn_backend_device *d, int mark);

    /* After a step of a plan; `step` says which it was, for messages. Waits if the device was opened to
     * do so. May be NULL. */
    tn_status (*after_step)(tn_backend_device *d, const char *pass, const tn_node *n);
    /* When a plan's work has been waited for: what its kernels could not go on with in a run, told once. `control`
     * is the plan's. May be NULL: runs tell it themselves. */
    tn_status (*found)(tn_backend_device *d, const void *control);

    /* ---- profiles: may be NULL, then all that was asked is done when the call returns ----
     * Stamps the time into `slot` when the device gets there in what it was asked to do on that lane. `begins`: the name of what
     * comes; NULL: it ends. */
    tn_status (*stamp)(tn_backend_device *d, tn_lane lane, int slot, const char *begins);
    /* Seconds from the stamp of slot 0 to this one; both have come. */
    tn_status (*stamp_time)(tn_backend_device *d, int slot, double *seconds);

    /* ---- looking at it from outside: may be NULL ---- */
    /* Until all that was asked is done. */
    tn_status (*wait)(tn_backend_device *d);
    /* See tn_device_rates(); bytes is NULL if only the other is wanted. */
    tn_status (*rates)(const tn_backend_device *d, tn_precision precision, double *flops,
                       double *bytes);

    /* ---- pictures of video decoders (surface.h): may be NULL, as they lie in the memory of GPUs ----
     * rgb: out_height x out_width x 3 bytes of the host, there when it returns. */
    tn_status (*surface_fit)(tn_backend_device *d, const tn_surface_cut *c, uint8_t *rgb);
};

/* An open device: the backend's, with its name; or several, a group. */
struct tn_device {
    const tn_backend *backend;
    tn_backend_device *impl; /* NULL: a group */
    char *name;
    const tn_kernel **own; /* kernels of the program's */
    size_t num_own, own_capacity;
    char *text;            /* its description, if that says more than the backend's */
    tn_device **member;    /* of a group; all of one backend */
    int members;           /* 0: one device */
    const tn_ranks *ranks; /* those that it is one part of; NULL: alone */
    tn_rank_place place;
    double stall;            /* seconds after which another rank is not waited for any more */
    struct tn_plan *stamped; /* whose stamps it has, for a profile; NULL: nobody's */
};

extern const tn_backend tn_backend_cpu;

#endif
