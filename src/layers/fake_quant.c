/*
 * fake_quant: y = (clamp(round(x / scale) + zero, lo, hi) - zero) scale, what is left of x when it is kept in whole numbers of
 *   8 bits, still in f32. round: to the nearest, ties to even.
 *
 *   x, y   any shape, the same       scale: one for all, or one a channel, C, where `axis` has C elements;
 *          a number of the options, an input, or max |x| / hi of all or of the channel.
 *   dx = dy where round(x / scale) + zero is in [lo, hi], else 0: as if rounding were not there ("straight through").
 *
 * Read by backward: x.   Source: Jacob et al. 2018, arXiv:1712.05877; Bengio et al. 2013, arXiv:1308.3432 (the gradient).
 */
#include <math.h>

#include "base/base.h"
#include "graph/op.h"

enum { WIDEST = 65535 /* what 16 bits hold */ };

static tn_status check_range(const tn_node *n, tn_fake_quant_opts *o)
{
    if (o->lo == 0 && o->hi == 0) {
        o->lo = -127;
        o->hi = 127;
    }
    TN_COMPLETE(o->lo, 0);
    TN_COMPLETE(o->hi, 0);
    TN_COMPLETE(o->zero, 0);
    if (o->lo < -WIDEST || o->hi > WIDEST || o->lo >= o->hi || o->zero < o->lo || o->zero > o->hi)
        return tn_fail(TN_ERR_ARGUMENT,
                       "fake_quant %s: whole numbers from lo %d to hi %d with zero at %d: it must "
                       "be among them, and they within +-%d",
                       n->name, o->lo, o->hi, o->zero, WIDEST);
    return TN_OK;
}

/* Where scales come from x the largest |x| is hi, and the smallest x must be as well there. */
static tn_status check_found(const tn_node *n, const tn_fake_quant_opts *o)
{
    if (o->zero == 0 && o->lo <= -o->hi)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT,
                   "fake_quant %s: lo %d, hi %d, zero %d: without a scale it is that of numbers "
                   "around 0, zero 0 and lo at most -hi",
                   n->name, o->lo, o->hi, o->zero);
}

static tn_status check_scales(const tn_node *n, int64_t channels)
{
    const tn_fake_quant_opts *o = n->opts;
    TN_TRY(tn_check_input(n, 1, 0));
    if (o->scale != 0)
        return tn_fail(TN_ERR_ARGUMENT, "fake_quant %s: scale %g, and an input of scales too",
                       n->name, (double)o->scale);
    if (tn_elements(&n->x[1]) != channels)
        return tn_fail(TN_ERR_SHAPE, "fake_quant %s: the scales are %s, not %lld numbers", n->name,
                       tn_shape_format(&n->x[1]).text, (long long)channels);
    if (n->x_batch[1] != TN_BATCH_NONE)
        return tn_fail(TN_ERR_SHAPE, "fake_quant %s: its scales depend on the batch", n->name);
    return TN_OK;
}

/* A scale found in x, or of each row, mixes rows; but one found in each row does not. */
static int8_t batch_of(const tn_node *n, const tn_fake_quant_opts *o)
{
    const int batch = n->x_batch[0], channels = o->axis == TN_ZERO ? 0 : o->axis ? o->axis : -1;
    if (batch == TN_BATCH_NONE)
        return TN_BATCH_NONE;
    const bool rows = batch >= 0 && tn_grid_is_found(n) == (channels == batch);
    return (int8_t)(rows ? batch : TN_BATCH_MIXED);
}

static tn_status infer(tn_node *n)
{
    tn_fake_quant_opts *o = n->opts;
    int64_t channels = 1;
    TN_TRY(tn_infer_same(n));
    TN_TRY(check_range(n, o));
    if (o->axis != 0) {
        int axis;
        TN_TRY(tn_find_axis(n, o->axis == TN_ZERO ? 0 : o->axis, &axis));
        o->axis = TN_EXACTLY(axis);
        channels = n->x[0].dim[axis];
    }
    if (o->scale != 0 && !(o->scale > 0 && isfinite(o->scale)))
        return tn_fail(TN_ERR_ARGUMENT, "fake_quant %s: scale %g is not above 0", n->name,
                       (double)o->scale);
    if (o->scale != 0 && o->axis != 0)
        return tn_fail(TN_ERR_ARGUMENT,
                       "fake_quant %s: axis %d with the one scale %g: those of channels are an "
                       "input",
                       n->name, o->axis == TN_ZERO ? 0 : o->axis, (double)o->scale);
    if (n->num_in > 1)
        TN_TRY(check_scales(n, channels));
    else if (tn_grid_is_found(n))
        TN_TRY(check_found(n, o));
    n->y_batch[0] = batch_of(n, o);
    return TN_OK;
}

static const tn_attr attrs[] = {
    {"scale", NULL, TN_ATTR_FLOAT, offsetof(tn_fake_quant_opts, scale)},
    {"zero", NULL, TN_ATTR_INT, offsetof(tn_fake_quant_opts, zero)},
    {"lo", NULL, TN_ATTR_INT, offsetof(tn_fake_quant_opts, lo)},
    {"hi", NULL, TN_ATTR_INT, offsetof(tn_fake_quant_opts, hi)},
    {"axis", NULL, TN_ATTR_INT, offsetof(tn_fake_quant_opts, axis)},
    {0},
};

const tn_op tn_op_fake_quant = {
    .name = "fake_quant",
    .opts_size = sizeof(tn_fake_quant_opts),
    .attrs = attrs,
    .min_in = 1,
    .max_in = 2,
    .batch = TN_BATCH_EACH,
    .infer = infer,
};

tn_value tn_fake_quant(tn_graph *g, tn_value x, tn_value scales, const tn_fake_quant_opts *opts)
{
    const tn_value in[] = {x, scales};
    const bool given = scales.id || scales.graph; /* see tn_graph_value() */
    return tn_graph_add(g, &tn_op_fake_quant, opts ? opts->name : NULL, given ? 2 : 1, in, opts);
}
