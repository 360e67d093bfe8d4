#include "backends/adjoint.h"

#include "base/base.h"

/* Rows and columns that output_pad adds behind the last window are no multiple of the stride, so the convolution has
 * as many windows without them; what it takes away is padding. */
static void mirror(tn_adjoint *a, const tn_node *n)
{
    const tn_conv_transpose2d_opts *o = n->opts;
    a->opts =
        (tn_conv2d_opts){.filters = (int)n->x[0].dim[1], .groups = o->groups, .no_bias = true};
    for (int i = 0; i < 2; i++) {
        a->opts.kernel[i] = o->kernel[i];
        a->opts.stride[i] = o->stride[i];
        a->opts.pad[i] = o->pad[i];
        a->opts.pad_extra[i] = o->output_pad[i] < 0 ? -o->output_pad[i] : 0;
        a->opts.dilation[i] = o->dilation[i];
    }
    a->node = (tn_node){.op = n->op, .name = n->name, .opts = &a->opts};
    a->node.num_in = a->node.num_out = a->node.num_params = 1;
    a->node.x[0] = n->y[0];
    a->node.y[0] = n->x[0];
    a->node.param[0] = n->param[0];
}

tn_status tn_adjoint_prepare(tn_adjoint *a, const tn_kernel *kernel, tn_backend_device *d,
                             const tn_node *n, tn_binding *b)
{
    tn_binding own = {.precision = b->precision,
                      .training = true, /* forward is a gradient */
                      .strict = b->strict,
                      .dx = {true},
                      .dw = {b->dw[0]}};
    a->kernel = kernel;
    mirror(a, n);
    if (kernel->supports)
        TN_TRY(kernel->supports(&a->node));
    TN_TRY(kernel->prepare(d, &a->node, &own));
    a->state = own.state;
    if (own.saved_bytes > 0) {
        tn_adjoint_release(a);
        return tn_fail(TN_ERR_UNSUPPORTED, "%s %s: %s of conv2d keeps what it finds forward",
                       n->op->name, n->name, kernel->name);
    }
    b->x[0] = own.y[0];
    b->y[0] = own.x[0];
    b->w[0] = own.w[0];
    b->scratch_bytes = own.scratch_bytes;
    b->backward_reads_x[0] = b->dw[0];
    return TN_OK;
}

void tn_adjoint_release(tn_adjoint *a)
{
    if (a->state && a->kernel->release)
        a->kernel->release(a->state);
    a->state = NULL;
}

static tn_call begin(const tn_adjoint *a, const tn_call *c)
{
    tn_call call = {.node = &a->node,
                    .state = a->state,
                    .device = c->device,
                    .run = c->run,
                    .scratch = c->scratch};
    call.w[0] = c->w[0];
    call.half[0] = c->half[0];
    return call;
}

tn_status tn_adjoint_forward(const tn_adjoint *a, const tn_call *c)
{
    tn_call call = begin(a, c);
    call.dy[0] = c->x[0];
    call.dx[0] = c->y[0];
    return a->kernel->backward(&call);
}

tn_status tn_adjoint_backward(const tn_adjoint *a, const tn_call *c)
{
    tn_call call = begin(a, c);
    call.x[0] = c->dy[0];
    if (c->dw[0]) {
        call.dy[0] = c->x[0];
        call.dw[0] = c->dw[0];
        TN_TRY(a->kernel->backward(&call));
    }
    if (!c->dx[0])
        return TN_OK;
    call.y[0] = c->dx[0];
    return a->kernel->forward(&call);
}
