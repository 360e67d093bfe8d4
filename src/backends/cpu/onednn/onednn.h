/*
 * oneDNN behind one door: descriptors, primitives and their errors, for its C APIs 2.x and 3.x.
 *
 * Which oneDNN it is, only the files of this folder know. A kernel says in
 * prepare() what it wants through a tn_maker, which is sticky as a tn_graph is: after the first error
 * every further call does nothing, and the maker's status is looked at once, at the end.
 *
 *     tn_maker m = tn_maker_begin(d, n);
 *     const tn_md *x = tn_md_of(&m, &n->x[0], n->x_dtype[0], b->x[0]);
 *     const tn_md *y = tn_md_any(&m, n->y[0].ndim, n->y[0].dim, TN_F32);
 *     tn_make_pooling(&m, &s->forward, &(tn_prim_spec){.pass = dnnl_forward_training, ...});
 *     b->y[0] = tn_md_layout(tn_prim_md(&m, &s->forward, DNNL_ARG_DST));
 *     b->scratch_bytes = tn_prim_bytes(&s->forward, DNNL_ARG_SCRATCHPAD);
 *     if (m.status != TN_OK)
 *         release(s);
 *     return m.status;
 *
 * and in forward() or backward() hands over pointers; nothing of ours is allocated there:
 *
 *     return tn_prim_run(&s->forward, (tn_prim_arg[]){{DNNL_ARG_SRC, c->x[0]},
 *                                                     {DNNL_ARG_DST, c->y[0]},
 *                                                     {DNNL_ARG_SCRATCHPAD, c->scratch},
 *                                                     {0}});
 */
#ifndef TN_ONEDNN_H
#define TN_ONEDNN_H

#include <dnnl.h>

#include "backends/cpu/onednn/door.h"
#include "base/base.h"

#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t tn_dnnl_md;
#else
typedef const dnnl_memory_desc_t *tn_dnnl_md;
#endif

/*
 * A memory descriptor, one object for each that differs: a device keeps every one it has met, so two
 * are equal if and only if the pointers are, and nobody frees any.
 */
typedef struct tn_md tn_md;

/* Does the processor add up products of 8 bits in 32, in one instruction? */
bool tn_onednn_has_vnni(void);

/* TN_ERR_UNSUPPORTED, TN_ERR_MEMORY or TN_ERR_DEVICE in words, unless it went well: `op` and `node`
 * are who asked, `what` was asked for. */
tn_status tn_onednn(const char *op, const char *node, const char *what, dnnl_status_t status);

/* ---- making ------------------------------------------------------------------------------- */

typedef struct tn_maker {
    tn_backend_device *device;
    const char *op, *node; /* for errors */
    bool alone;            /* what is being made runs in the calling thread, without others */
    tn_status status;
} tn_maker;

tn_maker tn_maker_begin(tn_backend_device *d, const tn_node *n);

/* Descriptors. `dim` need not be the tensor's shape, only name the same elements in the same order:
 * K x C weights may be taken as K x c x h x w. Each returns NULL once the maker has failed. */
const tn_md *tn_md_plain(tn_maker *m, int ndim, const int64_t *dim, tn_dtype dtype);
const tn_md *tn_md_any(tn_maker *m, int ndim, const int64_t *dim, tn_dtype dtype);
const tn_md *tn_md_tagged(tn_maker *m, int ndim, const int64_t *dim, tn_dtype dtype,
                          dnnl_format_tag_t tag);
/* f32, so many elements from one to the next in each dimension. */
const tn_md *tn_md_strided(tn_maker *m, int ndim, const int64_t *dim, const int64_t *stride);
/* Images in blocks of `lanes` channels, 8 or 16: N x C/lanes x H x W x lanes, the last block filled up. */
const tn_md *tn_md_image(tn_maker *m, const tn_shape *shape, int lanes);
/* Whole numbers of 8 bits, with a sign or from 0 on: row major; in any layout. */
const tn_md *tn_md_whole(tn_maker *m, int ndim, const int64_t *dim, bool sign);
const tn_md *tn_md_any_whole(tn_maker *m, int ndim, const int64_t *dim, bool sign);
/* The same dimensions, in any layout. */
const tn_md *tn_md_any_like(tn_maker *m, const tn_md *md);
/* The first elements of each dimension, where they lie. */
const tn_md *tn_md_part(tn_maker *m, const tn_md *md, const int64_t *dim);
/* The layout's own descriptor; for NULL, the plain one of that shape. */
const tn_md *tn_md_of(tn_maker *m, const tn_shape *shape, tn_dtype dtype, const tn_layout *layout);
/* Of a layout, the plain descriptor with the same dimensions: its canonical counterpart. */
const tn_md *tn_md_canonical(tn_maker *m, const tn_md *md);
/* As a layout: NULL if it is row major. */
const tn_layout *tn_md_layout(const tn_md *md);
/* Of other dimensions, in the same layout? */
bool tn_md_alike(const tn_md *a, const tn_md *b);
/* Bytes, padding included; 0 for NULL. */
size_t tn_md_bytes(const tn_md *md);
/* Elements, padding included. */
int64_t tn_md_elements(const tn_md *md);
int tn_md_ndim(const tn_md *md);
/* ---- primitives --------------------------------------------------------------------------- */

enum { TN_PRIM_ARGS = 16 };

/* A primitive with one memory object an argument. All zero: none yet. */
typedef struct tn_prim {
    tn_backend_device *device;
    const char *op, *node, *what;
    bool alone;               /* as its maker said */
    struct tn_pieces *pieces; /* NULL: it runs whole */
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t primitive;
    int num;
    struct {
        int arg;
        dnnl_memory_t memory;
        const void *data; /* where it points now */
    } arg[TN_PRIM_ARGS];
} tn_prim;

/* Geometry of a convolution or pooling window, {vertical, horizontal}. */
typedef struct tn_window {
    dnnl_dims_t kernel, stride;
    dnnl_dims_t skip;          /* pixels between two taps: dilation - 1 */
    dnnl_dims_t before, after; /* padding; `after` may be negative: rows left over */
} tn_window;

/* From the public options, where y is P x Q; `after` is what makes P and Q come out. */
tn_window tn_window_of(const int kernel[2], const int stride[2], const int pad[2],
                       const int dilation[2], const tn_shape *x, const tn_shape *y);

/* What to make. Backward passes need `forward`, the primitive they belong to; in them x, w, b and y
 * describe dx or x, dw or w, db and dy. Each tn_make_...() says which of the others it reads. */
typedef struct tn_prim_spec {
    dnnl_prop_kind_t pass; /* dnnl_forward_training, dnnl_backward_data, ... */
    dnnl_alg_kind_t alg;
    const tn_md *x, *w, *b, *y; /* b may be NULL */
    const tn_prim *forward;
    const tn_window *window;
    /* In the same pass, in this order: y = y scale + shift, f32 of 1 x K x 1 x 1, both or neither; then what oneDNN knows to do
     * with each element, with alpha and beta; 0: nothing. */
    const tn_md *scale, *shift;
    dnnl_alg_kind_t last;
    float alpha, beta, k;
    int64_t size;
} tn_prim_spec;

/* x w b y, window, last. pass: also dnnl_backward_weights, which gives dw and db. */
void tn_make_convolution(tn_maker *m, tn_prim *p, const tn_prim_spec *s);
/* x w b y, last; passes as convolution's. */
void tn_make_inner_product(tn_maker *m, tn_prim *p, const tn_prim_spec *s);
/* y = x w, matrices in the last two dimensions, others of 1 broadcast. */
void tn_make_matmul(tn_maker *m, tn_prim *p, const tn_prim_spec *s);
/* alg, x y, window. */
void tn_make_pooling(tn_maker *m, tn_prim *p, const tn_prim_spec *s);
/* Across channels: x, size, alpha, beta, k; backward: x is x's descriptor, y that of dy and dx. */
void tn_make_lrn(tn_maker *m, tn_prim *p, const tn_prim_spec *s);
/* Arguments of scale and shift. */
enum {
    TN_ARG_SCALE = DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1,
    TN_ARG_SHIFT = DNNL_ARG_ATTR_MULTIPLE_POST_OP(1) | DNNL_ARG_SRC_1
};
/* Arguments DNNL_ARG_FROM and DNNL_ARG_TO; times a factor, and rounded where they become whole numbers. */
void tn_make_scaling(tn_maker *m, tn_prim *p, const tn_md *from, const tn_md *to, float factor);
void tn_make_reorder(tn_maker *m, tn_prim *p, const tn_md *from, const tn_md *to);

/* What oneDNN chose for an argument; NULL if it has no such argument, or the maker has failed. */
const tn_md *tn_prim_md(tn_maker *m, const tn_prim *p, int arg);
/* Bytes of an argument, 0 if it has none: DNNL_ARG_SCRATCHPAD, DNNL_ARG_WORKSPACE. */
size_t tn_prim_bytes(const tn_prim *p, int arg);
/* The implementation, "jit:avx512_core"; NULL if none was made. */
const char *tn_prim_impl(const tn_prim *p);

/* One argument of a run; data NULL: left out. A list ends at arg 0. */
typedef struct tn_prim_arg {
    int arg;
    const void *data;
} tn_prim_arg;
tn_status tn_prim_run(tn_prim *p, const tn_prim_arg *args);

void tn_prim_free(tn_prim *p); /* a zeroed one is fine */

/* ---- between the files of this folder ---------------------------------------------------- */

/* The program's own OpenMP settings, while they are the device's. */
typedef struct tn_omp_before {
    int threads, dynamic, levels;
} tn_omp_before;

/* One primitive in the making: its attributes, and those. */
typedef struct tn_making {
    dnnl_primitive_attr_t attr;
    bool scaled; /* it has TN_ARG_SCALE and TN_ARG_SHIFT */
    tn_omp_before before;
} tn_making;
/* False if the maker has failed: then there is nothing to end. */
bool tn_make_begin(tn_maker *m, tn_making *k,
                   const tn_prim_spec *s); /* NULL: nothing in the same pass */
/* Takes what creating the primitive descriptor gave. */
void tn_make_end(tn_maker *m, tn_making *k, tn_prim *p, const char *what, dnnl_status_t status,
                 dnnl_primitive_desc_t pd);
tn_dnnl_md tn_md_raw(const tn_md *md); /* NULL for NULL */
/* The object of a descriptor: found, or added. */
const tn_md *tn_md_intern(tn_maker *m, tn_dnnl_md raw);

/* What tn_make_...() of that name makes, without pieces. */
typedef void tn_make(tn_maker *m, tn_prim *p, const tn_prim_spec *s);
tn_make tn_whole_convolution, tn_whole_inner_product, tn_whole_matmul, tn_whole_pooling,
    tn_whole_lrn;

/* onednn/pieces.c: along what a primitive may be cut. */
typedef enum tn_cutting {
    TN_CUT_IMAGES,
    TN_CUT_FEW,     /* images, into as many pieces as there are threads */
    TN_CUT_FILTERS, /* images; of a single one filters or groups */
    TN_CUT_ROWS,    /* of matrices */
    TN_CUT_EITHER,  /* images; of a single one channels */
} tn_cutting;
typedef struct tn_pieces tn_pieces;
/* Cuts *p, if that is worth it. */
void tn_make_pieces(tn_maker *m, tn_prim *p, const tn_prim_spec *s, tn_make *make, tn_cutting how);
void tn_pieces_free(tn_prim *p);
size_t tn_pieces_scratch(const tn_prim *p);
tn_status tn_pieces_run(tn_prim *p, const tn_prim_arg *args);
/* In the calling thread, unless oneDNN takes others. */
dnnl_status_t tn_prim_execute(tn_prim *p, const tn_prim_arg *args);

/* How a blocked descriptor lays out its elements. */
typedef struct tn_md_view {
    bool blocked;
    dnnl_data_type_t type;
    int ndim, num_inner;
    const dnnl_dim_t *dim, *padded, *stride, *inner_block, *inner_dim;
    dnnl_dim_t offset;
} tn_md_view;
tn_md_view tn_md_look(tn_dnnl_md md);

/* A descriptor that is owned: a struct in 2.x, a pointer in 3.x. */
dnnl_status_t tn_md_init_strides(dnnl_memory_desc_t *md, int ndim, const int64_t *dim,
                                 dnnl_data_type_t type, const int64_t *stride);
dnnl_status_t tn_md_init_tag(dnnl_memory_desc_t *md, int ndim, const int64_t *dim,
                             dnnl_data_type_t type, dnnl_format_tag_t tag);
dnnl_status_t tn_md_init_part(dnnl_memory_desc_t *md, tn_dnnl_md from, const int64_t *dim);
dnnl_status_t tn_md_init_copy(dnnl_memory_desc_t *md, tn_dnnl_md from);
tn_dnnl_md tn_md_borrow(const dnnl_memory_desc_t *md);
void tn_md_end(dnnl_memory_desc_t *md);

dnnl_status_t tn_post_each(dnnl_post_ops_t ops, dnnl_alg_kind_t alg, float alpha, float beta);
/* What a reorder multiplies with. */
dnnl_status_t tn_attr_factor(dnnl_primitive_attr_t attr, float factor);

#endif
