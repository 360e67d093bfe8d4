/*
 * What the device itself asks of oneDNN, in a build with it (onednn.c, order.c, reorder.c) and in one without (none.c).
 *
 * Without it there is one layout, the canonical one, so nothing is ever reordered; kernels that see onednn.h are left
 * out, and those of reference/ are asked where none of the others is left.
 */
#ifndef TN_ONEDNN_DOOR_H
#define TN_ONEDNN_DOOR_H

#include "backends/cpu/device/channels.h"

/* The engine, the stream and what they own. */
tn_status tn_onednn_open(tn_backend_device *d);
void tn_onednn_close(tn_backend_device *d);
/* What instructions there are for its code or ours: "avx512_core". */
const char *tn_onednn_isa(void);
/* "oneDNN 2.6.3 (OpenMP)", until this thread's next call; NULL: a build without it. */
const char *tn_onednn_version(void);

/* Opens a device; where OpenMP has bound the calling thread to one of its places it has all of them meanwhile, and so have the
 * threads that the device starts. */
typedef tn_status tn_open_cpu(tn_backend_device **out, const tn_open_opts *opts);
tn_status tn_openmp_let_go(tn_open_cpu *open, tn_backend_device **out, const tn_open_opts *opts);

/* Entries of backend.h's table. */
tn_status tn_onednn_reorder_create(tn_backend_device *d, const tn_shape *shape, tn_dtype dtype,
                                   const tn_layout *from, const tn_layout *to, void **reorder);
tn_status tn_onednn_reorder_run(void *reorder, void *to, const void *from);
void tn_onednn_reorder_destroy(void *reorder);

tn_status tn_onednn_part_layout(tn_backend_device *d, tn_precision precision, const tn_node *n,
                                int i, const tn_layout **out, size_t *offset);

/* The layouts of a convolution that computes in blocks of so many channels and filters: x, y and what is added of images, w of
 * blocks of filters times blocks of channels, or, if it is one filter of `each` channel, those of channels. Without oneDNN all stay canonical. */
tn_status tn_onednn_conv_blocks(tn_backend_device *d, const tn_node *n, int lanes, bool each,
                                tn_binding *b);

/* The order in which a layout has a tensor's elements, without gaps: dimensions from the outermost on, each a part of
 * dimension `of`, in which it goes `factor` on. */
typedef struct tn_memory_dim {
    int of;
    int64_t dim, factor;
} tn_memory_dim;
typedef struct tn_memory_order {
    int ndim;
    tn_memory_dim at[2 * TN_MAX_DIMS];
} tn_memory_order;
/* False if it is no such layout. */
bool tn_onednn_order(tn_backend_device *d, const tn_node *n, const tn_shape *shape,
                     const tn_layout *layout, tn_memory_order *out);

/* Where a layout has the channels of images (4 dimensions) or rows (2). False if in no such order. */
bool tn_onednn_channels(tn_backend_device *d, const tn_node *n, const tn_shape *shape,
                        const tn_layout *layout, tn_channels *out);

#endif
