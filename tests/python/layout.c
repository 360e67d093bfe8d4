/*
 * What the compiler makes of the structs that python/tenon.py describes: "struct bytes" and "struct.field offset", a line each.
 */
#include <stddef.h>
#include <stdio.h>

#include <tenon/tenon.h>

#define SIZE(type) printf(#type " %zu\n", sizeof(type))
#define FIELD(type, field) printf(#type "." #field " %zu\n", offsetof(type, field))

int main(void)
{
    SIZE(tn_shape);
    FIELD(tn_shape, ndim);
    FIELD(tn_shape, dim);
    SIZE(tn_tensor);
    FIELD(tn_tensor, dtype);
    FIELD(tn_tensor, shape);
    FIELD(tn_tensor, data);
    SIZE(tn_value);
    FIELD(tn_value, id);
    FIELD(tn_value, graph);
    SIZE(tn_optim);
    FIELD(tn_optim, kind);
    FIELD(tn_optim, opts);
    SIZE(tn_sgd_opts);
    FIELD(tn_sgd_opts, momentum);
    FIELD(tn_sgd_opts, weight_decay);
    FIELD(tn_sgd_opts, nesterov);
    SIZE(tn_adam_opts);
    FIELD(tn_adam_opts, beta1);
    FIELD(tn_adam_opts, beta2);
    FIELD(tn_adam_opts, epsilon);
    FIELD(tn_adam_opts, weight_decay);
    SIZE(tn_plan_opts);
    FIELD(tn_plan_opts, loss);
    FIELD(tn_plan_opts, keep);
    FIELD(tn_plan_opts, num_keep);
    FIELD(tn_plan_opts, optim);
    FIELD(tn_plan_opts, clip_norm);
    FIELD(tn_plan_opts, accumulate);
    FIELD(tn_plan_opts, loss_scale);
    FIELD(tn_plan_opts, seed);
    FIELD(tn_plan_opts, batch);
    FIELD(tn_plan_opts, precision);
    FIELD(tn_plan_opts, strict);
    FIELD(tn_plan_opts, no_fusion);
    FIELD(tn_plan_opts, short_batches);
    FIELD(tn_plan_opts, input_gradients);
    FIELD(tn_plan_opts, keep_gradients);
    FIELD(tn_plan_opts, from);
    FIELD(tn_plan_opts, from_any_shape);
    FIELD(tn_plan_opts, weights);
    FIELD(tn_plan_opts, freeze);
    FIELD(tn_plan_opts, groups);
    FIELD(tn_plan_opts, num_groups);
    SIZE(tn_param_group);
    FIELD(tn_param_group, decay);
    FIELD(tn_plan_opts, bucket_bytes);
    FIELD(tn_plan_opts, reduce_bf16);
    FIELD(tn_plan_opts, sync_batchnorm);
    FIELD(tn_plan_opts, stall);
    FIELD(tn_plan_opts, dry);
    SIZE(tn_graph_read_opts);
    FIELD(tn_graph_read_opts, name);
    FIELD(tn_graph_read_opts, batch);
    FIELD(tn_graph_read_opts, classes);
    SIZE(tn_model_opts);
    FIELD(tn_model_opts, batch);
    FIELD(tn_model_opts, no_net);
    FIELD(tn_model_opts, average);
    FIELD(tn_model_opts, weights);
    FIELD(tn_model_opts, input);
    FIELD(tn_model_opts, image);
    FIELD(tn_model_opts, fit);
    SIZE(tn_onnx_opts);
    FIELD(tn_onnx_opts, float_input);
    SIZE(tn_param_info);
    FIELD(tn_param_info, full_name);
    FIELD(tn_param_info, node);
    FIELD(tn_param_info, name);
    FIELD(tn_param_info, shape);
    FIELD(tn_param_info, trained);
    return 0;
}
