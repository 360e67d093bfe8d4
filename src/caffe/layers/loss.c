/* Softmax, losses and counts. */
#include <tenon/layers.h>
#include <tenon/shapes.h>

#include "caffe/import.h"

static tn_status add_softmax(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_SOFTMAX);
    tn_shape shape;
    tn_value x;
    if (!tn_caffe_bottoms(c, l, 1, &x, 1))
        return TN_OK;
    TN_TRY(tn_value_shape(c->g, x, &shape));
    const int axis = tn_caffe_axis(c, l, &shape, tn_proto_int(&p, SOFTMAX_AXIS, 1));
    if (axis < 0)
        return TN_OK;
    return tn_caffe_top(
        c, l, 0,
        tn_softmax(c->g, x, &(tn_softmax_opts){.name = l->name, .axis = TN_EXACTLY(axis)}));
}

/* ---- losses ----------------------------------------------------------------------------------- */

/* One more term of what is minimised, by its weight. */
static tn_status add_term(tn_caffe *c, const tn_caffe_layer *l, tn_value loss)
{
    float weight = 1;
    (void)tn_proto_floats(&l->message, l->old ? OLD_WEIGHT : LAYER_LOSS_WEIGHT, &weight, 1);
    if (weight == 0)
        return tn_caffe_note(c, l, "its loss_weight is 0: it is no part of what is minimised");
    loss = tn_caffe_times(c, l, "weighted", loss, weight);
    c->loss = c->loss.id ? tn_add(c->g, c->loss, loss, &(tn_layer_opts){tn_caffe_name(c, l, "sum")})
                         : loss;
    return TN_OK;
}

/* Elements of a row: what a mean over all of them has to be multiplied by to be a sum by row. */
static float by_row(const tn_shape *s)
{
    double count = 1;
    for (int i = 1; i < s->ndim; i++)
        count *= (double)s->dim[i];
    return (float)count;
}

/* Logits and labels, and a loss that is divided as Tenon's is; what they are read of is an output. */
static bool two(tn_caffe *c, const tn_caffe_layer *l, tn_value x[2], tn_shape *shape)
{
    const bool both = l->num_bottoms == 2 && tn_caffe_bottoms(c, l, 2, x, 2);
    if (l->num_bottoms != 2)
        (void)tn_caffe_refuse(c, l, "it has %d inputs, not two", l->num_bottoms);
    return both && tn_value_shape(c->g, x[0], shape) == TN_OK;
}

static bool is_spatial(const tn_shape *s)
{
    return s->ndim > 2 && by_row(s) != (float)s->dim[1];
}

static tn_status add_softmax_loss(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_LOSS), softmax = tn_caffe_param(l, LAYER_SOFTMAX);
    tn_shape shape;
    tn_dtype labels;
    tn_value x[2];
    if (!two(c, l, x, &shape))
        return TN_OK;
    TN_TRY(tn_value_dtype(c->g, x[1], &labels));
    const bool every = tn_proto_has(&p, LOSS_NORMALIZE) && !tn_proto_int(&p, LOSS_NORMALIZE, 1);
    const int64_t divide =
        tn_proto_int(&p, LOSS_NORMALIZATION, every ? NORMALIZE_BATCH : NORMALIZE_VALID);
    if (tn_proto_int(&p, LOSS_IGNORE, -1) >= 0)
        return tn_caffe_refuse(c, l, "label %lld is left out there; Tenon leaves out -1",
                               (long long)tn_proto_int(&p, LOSS_IGNORE, -1));
    if (divide == NORMALIZE_NONE || (divide == NORMALIZE_BATCH && is_spatial(&shape)))
        return tn_caffe_refuse(c, l, "its loss is not divided by the number of labels");
    if (labels != TN_I32 || tn_proto_int(&softmax, SOFTMAX_AXIS, 1) != 1)
        return tn_caffe_refuse(
            c, l, "its labels are no class numbers, or its classes not in dimension 1");
    if (shape.ndim > 2 && !is_spatial(&shape))
        x[0] = tn_flatten(c->g, x[0], &(tn_layer_opts){tn_caffe_name(c, l, "flat")});
    tn_output(c->g, x[0]);
    return add_term(
        c, l, tn_softmax_xent(c->g, x[0], x[1], &(tn_softmax_xent_opts){.name = l->name}).loss);
}

/* Half the squared distance of a row. */
static tn_status add_euclidean(tn_caffe *c, const tn_caffe_layer *l)
{
    tn_shape shape;
    tn_value x[2];
    if (!two(c, l, x, &shape))
        return TN_OK;
    tn_output(c->g, x[0]);
    const tn_value mean = tn_mse(c->g, x[0], x[1], &(tn_layer_opts){l->name});
    return add_term(c, l, tn_caffe_times(c, l, "half", mean, by_row(&shape) / 2));
}

static tn_status add_sigmoid_loss(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_LOSS);
    tn_shape shape;
    tn_value x[2];
    if (!two(c, l, x, &shape))
        return TN_OK;
    const int64_t divide = tn_proto_int(&p, LOSS_NORMALIZATION, NORMALIZE_BATCH);
    if (tn_proto_has(&p, LOSS_IGNORE) || divide == NORMALIZE_NONE)
        return tn_caffe_refuse(c, l, "it leaves labels out, or is not divided");
    tn_output(c->g, x[0]);
    const tn_value mean = tn_binary_xent(c->g, x[0], x[1], &(tn_binary_xent_opts){.name = l->name});
    return add_term(
        c, l, tn_caffe_times(c, l, "sum", mean, divide == NORMALIZE_BATCH ? by_row(&shape) : 1));
}

/* ---- counts ----------------------------------------------------------------------------------- */

/* A loss counts what is right by itself; where there is none, nothing is counted. What it reads stays an output. */
static tn_status add_accuracy(tn_caffe *c, const tn_caffe_layer *l)
{
    tn_caffe_value *label = l->num_bottoms == 2 ? tn_caffe_find(c, l->bottom[1]) : NULL;
    if (label)
        label->readers++;
    return TN_OK;
}

const tn_caffe_kind tn_caffe_loss = {{{"Softmax", add_softmax},
                                      {"SoftmaxWithLoss", add_softmax_loss},
                                      {"SoftmaxLoss", add_softmax_loss},
                                      {"EuclideanLoss", add_euclidean},
                                      {"SigmoidCrossEntropyLoss", add_sigmoid_loss},
                                      {"Accuracy", add_accuracy}}};
