#include "backends/cuda/cudnn/pass.h"

#include <string.h>

static tn_cudnn_conv_shapes shapes_of(const tn_node *n, const tn_binding *b, tn_cudnn_beside also,
                                      int64_t y_pitch, int parts)
{
    const tn_conv2d_opts *o = n->opts;
    tn_cudnn_conv_shapes s = {.type = tn_cuda_type_of(b->precision),
                              .relu = also.relu,
                              .z = also.z,
                              .adds = also.adds,
                              .y_pitch = y_pitch};
    memcpy(s.x, n->x[0].dim, sizeof s.x);
    memcpy(s.w, n->param[0].shape.dim, sizeof s.w);
    memcpy(s.y, n->y[0].dim, sizeof s.y);
    s.x_pitch = tn_cuda_layout_from(b->x[0])->channels;
    s.x[1] = s.x_pitch / parts;
    s.y[1] = s.w[0] = o->filters / parts;
    s.w[1] = tn_cuda_layout_from(b->w[0])->channels;
    s.add[0] = s.add[2] = s.add[3] = 1;
    s.add[1] = s.y[1];
    for (int i = 0; i < 2; i++) {
        s.window.size[i] = o->kernel[i];
        s.window.stride[i] = o->stride[i];
        s.window.dilation[i] = o->dilation[i];
        s.window.before[i] = o->pad[i];
        s.window.after[i] = o->pad[i] + o->pad_extra[i];
    }
    return s;
}

/* Can each group stand alone? Where its channels begin must be aligned as whole tensors are. */
static bool can_be_cut(const tn_cudnn_conv_shapes *whole, int groups)
{
    enum { ALIGN = 16 };
    const int64_t bytes = (int64_t)tn_dtype_bytes(whole->type);
    return groups > 1 && groups <= TN_CUDNN_PARTS && whole->x[1] / groups * bytes % ALIGN == 0 &&
           whole->y[1] / groups * bytes % ALIGN == 0;
}

tn_status tn_cudnn_pass_prepare(tn_backend_device *d, const tn_node *n, const tn_binding *b,
                                const char *what, tn_cudnn_conv_graph *graph, tn_cudnn_beside also,
                                int64_t y_pitch, tn_cudnn_pass *p)
{
    const int groups = ((const tn_conv2d_opts *)n->opts)->groups;
    tn_cudnn_run part;
    tn_cudnn_conv_shapes s = shapes_of(n, b, also, y_pitch, 1);
    tn_cudnn_graph g = graph(&s);
    p->parts = 1;
    TN_TRY(tn_cudnn_prepare(d, n, b->precision, what, &g, &p->run[0]));
    if (b->precision == TN_PRECISION_F32 || tn_cudnn_uses_tensor_cores(&p->run[0]) ||
        !can_be_cut(&s, groups))
        return TN_OK;
    s = shapes_of(n, b, also, y_pitch, groups);
    g = graph(&s);
    const tn_status status = tn_cudnn_prepare(d, n, b->precision, what, &g, &part);
    if (status != TN_OK)
        return status == TN_ERR_UNSUPPORTED ? TN_OK : status;
    if (!tn_cudnn_uses_tensor_cores(&part))
        return TN_OK;
    p->parts = groups;
    for (int i = 0; i < groups; i++)
        p->run[i] = part;
    return TN_OK;
}

void tn_cudnn_pass_release(tn_cudnn_pass *p)
{
    for (int i = 0; i < TN_CUDNN_PARTS; i++)
        tn_cudnn_release(&p->run[i]);
    *p = (tn_cudnn_pass){0};
}

/* One part after the other, each with its stretch of every operand. */
tn_status tn_cudnn_pass_run(tn_cudnn_pass *p, const tn_call *c, tn_dtype type,
                            const tn_cudnn_operand operands[TN_CUDNN_OPERANDS], void *workspace)
{
    const int64_t bytes = (int64_t)tn_dtype_bytes(type);
    for (int i = 0; i < p->parts; i++) {
        void *pointers[TN_CUDNN_OPERANDS] = {0};
        for (int k = 0; k < TN_CUDNN_OPERANDS && operands[k].memory; k++) /* cuDNN writes some */
            pointers[k] =
                (void *)((uintptr_t)operands[k].memory + (uintptr_t)(i * operands[k].step * bytes));
        TN_TRY(tn_cudnn_execute(&p->run[i], c, pointers, workspace));
    }
    return TN_OK;
}
