#include "layers/_conv.h"

#include "base/base.h"

static tn_status check_positive(const tn_node *n, const char *what, int value)
{
    if (value < 1)
        return tn_fail(TN_ERR_ARGUMENT, "%s %s: %s is %d, not 1 or more", n->op->name, n->name,
                       what, value == TN_ZERO ? 0 : value);
    return TN_OK;
}

tn_status tn_conv_complete(const tn_node *n, const tn_conv_fields *f)
{
    const tn_shape *x = &n->x[0];
    const bool square = tn_complete_pair(f->kernel, 0);
    tn_complete_pair(f->stride, 1);
    tn_complete_pad(f->pad, square);
    tn_complete_pad(f->extra, square);
    tn_complete_pair(f->dilation, 1);
    TN_COMPLETE(*f->groups, 1);
    TN_TRY(check_positive(n, "filters", f->filters));
    TN_TRY(check_positive(n, "groups", *f->groups));
    for (int i = 0; i < 2; i++) {
        TN_TRY(check_positive(n, "kernel", f->kernel[i]));
        TN_TRY(check_positive(n, "stride", f->stride[i]));
        TN_TRY(check_positive(n, "dilation", f->dilation[i]));
        if (f->pad[i] < 0)
            return tn_fail(TN_ERR_ARGUMENT, "%s %s: pad is %d, below 0", n->op->name, n->name,
                           f->pad[i]);
    }
    if (f->filters % *f->groups)
        return tn_fail(TN_ERR_ARGUMENT, "%s %s: %d groups do not divide %d filters", n->op->name,
                       n->name, *f->groups, f->filters);
    if (x->dim[1] % *f->groups)
        return tn_fail(TN_ERR_SHAPE, "%s %s: %d groups do not divide the %lld channels of x %s",
                       n->op->name, n->name, *f->groups, (long long)x->dim[1],
                       tn_shape_format(x).text);
    return TN_OK;
}

tn_status tn_conv_check(const tn_node *n, const tn_shape *weight)
{
    int64_t count;
    if (tn_shape_count(&n->y[0], &count) != TN_OK || tn_shape_count(weight, &count) != TN_OK)
        return tn_fail(TN_ERR_SHAPE, "%s %s: %s", n->op->name, n->name, tn_error());
    return TN_OK;
}

tn_status tn_conv_params(tn_node *n, const tn_conv_fields *f, const tn_shape *weight,
                         int64_t fan_in, int64_t fan_out)
{
    n->param[0] = (tn_param_spec){.name = "weight",
                                  .shape = *weight,
                                  .opts = *f->weight,
                                  .fan_in = fan_in,
                                  .fan_out = fan_out};
    n->param[1] = (tn_param_spec){.name = "bias",
                                  .shape = TN_SHAPE(f->filters),
                                  .opts = *f->bias,
                                  .fallback = {TN_INIT_CONSTANT, 0},
                                  .fan_in = fan_in,
                                  .fan_out = fan_out};
    n->num_params = f->no_bias ? 1 : 2;
    return TN_OK;
}
