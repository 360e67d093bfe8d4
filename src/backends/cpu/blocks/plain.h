/*
 * A convolution that computes in blocks of channels, on a device whose one layout is the canonical one (a build without oneDNN): its
 * tensors are brought into blocks in scratch and back. Where nothing trains the filters they may be kept so from run to run.
 */
#ifndef TN_CPU_PLAIN_H
#define TN_CPU_PLAIN_H

#include "backends/cpu/blocks/blocks.h"

typedef struct tn_plain {
    tn_blocked_images x, y;
    bool each; /* one filter of each channel: filters are */
    tn_blocked_images w_each;
    tn_blocked_filters w; /* else */
    bool reads_y, keeps;
    size_t at_x, at_y, at_w, at_more, at_dy, at_dx, at_dw; /* in scratch */
} tn_plain;

/* After what the kernel itself says of scratch, and of what backward reads. */
void tn_plain_prepare(tn_plain *s, const tn_node *n, int lanes, bool each, tn_binding *b);
void tn_plain_arrange(const tn_plain *s, const tn_call *c);
/* By the kernel's own pass over blocks. */
typedef tn_status tn_plain_pass(const tn_call *c);
tn_status tn_plain_forward(const tn_plain *s, const tn_call *c, tn_plain_pass *pass);
tn_status tn_plain_backward(const tn_plain *s, const tn_call *c, tn_plain_pass *pass);

#endif
