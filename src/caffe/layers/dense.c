/* InnerProduct. */
#include <tenon/layers.h>

#include "caffe/import.h"

enum { CLASSES = 1000 };

static tn_status add(tn_caffe *c, const tn_caffe_layer *l)
{
    const tn_proto p = tn_caffe_param(l, LAYER_DENSE);
    tn_proto weight, bias;
    tn_param_opts w_opts, b_opts;
    tn_value x;
    const int64_t units = tn_proto_int(&p, DENSE_UNITS, CLASSES);
    if (!tn_caffe_bottoms(c, l, 1, &x, 1))
        return TN_OK;
    if (!tn_proto_has(&p, DENSE_UNITS))
        TN_TRY(tn_caffe_note(c, l,
                             "its num_output is not said, as DIGITS leaves it open: it is %d until "
                             "who trains the net says how many classes there are",
                             CLASSES));
    if (units < 1 || units > INT32_MAX)
        return tn_caffe_refuse(c, l, "num_output is %lld", (long long)units);
    if (tn_proto_int(&p, DENSE_AXIS, 1) != 1)
        return tn_caffe_refuse(
            c, l, "its axis is %lld; what is imported is a product over all behind the batch",
            (long long)tn_proto_int(&p, DENSE_AXIS, 1));
    (void)tn_proto_message(&p, DENSE_WEIGHT_FILLER, &weight);
    (void)tn_proto_message(&p, DENSE_BIAS_FILLER, &bias);
    TN_TRY(tn_caffe_param_opts(c, l, 0, &weight, &w_opts));
    TN_TRY(tn_caffe_param_opts(c, l, 1, &bias, &b_opts));
    const bool no_bias = !tn_proto_int(&p, DENSE_BIAS, 1);
    TN_TRY(tn_caffe_top(c, l, 0,
                        tn_dense(c->g, x,
                                 &(tn_dense_opts){.name = l->name,
                                                  .units = (int)units,
                                                  .no_bias = no_bias,
                                                  .weight = w_opts,
                                                  .bias = b_opts})));
    TN_TRY(tn_caffe_take_blob(c, l, 0, l->name, "weight",
                              tn_proto_int(&p, DENSE_TRANSPOSE, 0) ? TN_CAFFE_TRANSPOSED
                                                                   : TN_CAFFE_AS_IT_IS));
    return no_bias ? TN_OK : tn_caffe_take_blob(c, l, 1, l->name, "bias", TN_CAFFE_AS_IT_IS);
}

const tn_caffe_kind tn_caffe_dense = {{{"InnerProduct", add}}};
