/* Layers of a graph, of options or of inputs that are NULL: see test_null.c. */
#include <string.h>

#include <tenon/sys/op.h>

#include "lab.h"

static const tn_value x; /* of no graph */

static void layers_of_no_graph(void **state)
{
    (void)state;
    const tn_value made[] = {tn_input(NULL, "x", TN_F32, TN_SHAPE(1)),
                             tn_input_batched(NULL, "x", TN_F32, TN_SHAPE(1), TN_NO_BATCH),
                             tn_image_input(NULL, x, NULL),
                             tn_conv2d(NULL, x, NULL),
                             tn_dense(NULL, x, NULL),
                             tn_batchnorm(NULL, x, NULL),
                             tn_pool2d(NULL, x, NULL),
                             tn_relu(NULL, x, NULL),
                             tn_leaky_relu(NULL, x, NULL),
                             tn_sigmoid(NULL, x, NULL),
                             tn_tanh(NULL, x, NULL),
                             tn_prelu(NULL, x, NULL),
                             tn_scale(NULL, x, NULL),
                             tn_abs(NULL, x, NULL),
                             tn_atan(NULL, x, NULL),
                             tn_cos(NULL, x, NULL),
                             tn_sin(NULL, x, NULL),
                             tn_ceil(NULL, x, NULL),
                             tn_celu(NULL, x, NULL),
                             tn_clip(NULL, x, NULL),
                             tn_fake_quant(NULL, x, x, NULL),
                             tn_elu(NULL, x, NULL),
                             tn_erf(NULL, x, NULL),
                             tn_exp(NULL, x, NULL),
                             tn_floor(NULL, x, NULL),
                             tn_gelu(NULL, x, NULL),
                             tn_hardsigmoid(NULL, x, NULL),
                             tn_hardswish(NULL, x, NULL),
                             tn_log(NULL, x, NULL),
                             tn_mish(NULL, x, NULL),
                             tn_neg(NULL, x, NULL),
                             tn_reciprocal(NULL, x, NULL),
                             tn_round(NULL, x, NULL),
                             tn_selu(NULL, x, NULL),
                             tn_sign(NULL, x, NULL),
                             tn_softplus(NULL, x, NULL),
                             tn_softsign(NULL, x, NULL),
                             tn_sqrt(NULL, x, NULL),
                             tn_swish(NULL, x, NULL),
                             tn_thresholded_relu(NULL, x, NULL),
                             tn_sub(NULL, x, x, NULL),
                             tn_mul(NULL, x, x, NULL),
                             tn_div(NULL, x, x, NULL),
                             tn_pow(NULL, x, x, NULL),
                             tn_minimum(NULL, x, x, NULL),
                             tn_maximum(NULL, x, x, NULL),
                             tn_mask(NULL, x, x, NULL),
                             tn_lrn(NULL, x, NULL),
                             tn_dropout(NULL, x, NULL),
                             tn_add(NULL, x, x, NULL),
                             tn_concat(NULL, 1, &x, NULL),
                             tn_flatten(NULL, x, NULL),
                             tn_reshape(NULL, x, NULL),
                             tn_transpose(NULL, x, NULL),
                             tn_slice(NULL, x, NULL),
                             tn_pad(NULL, x, NULL),
                             tn_pad(NULL, x, &(tn_pad_opts){.kind = TN_PAD_EDGE}),
                             tn_broadcast_to(NULL, x, NULL),
                             tn_reduce(NULL, x, NULL),
                             tn_matmul(NULL, x, x, NULL),
                             tn_resize(NULL, x, NULL),
                             tn_softmax(NULL, x, NULL),
                             tn_log_softmax(NULL, x, NULL),
                             tn_normalize(NULL, x, NULL),
                             tn_conv_transpose2d(NULL, x, NULL),
                             tn_l1(NULL, x, x, NULL),
                             tn_huber(NULL, x, x, NULL),
                             tn_binary_xent(NULL, x, x, NULL),
                             tn_softmax_xent_weighted(NULL, x, x, x, x, NULL).loss,
                             tn_softmax_xent_mixed(NULL, x, x, x, x, NULL).loss,
                             tn_softmax_xent(NULL, x, x, NULL).loss,
                             tn_mse(NULL, x, x, NULL),
                             tn_custom(NULL, 1, &x, &(tn_custom_opts){0}),
                             tn_graph_add(NULL, NULL, "a", 1, &x, NULL),
                             tn_graph_output(NULL, x, 0)};
    for (size_t i = 0; i < TN_COUNT(made); i++)
        assert_int_equal(made[i].id, 0);
    assert_non_null(strstr(tn_error(), "a graph that is NULL"));
    tn_value parts[2] = {x, x};
    tn_split(NULL, x, &(tn_split_opts){.count = 2}, parts);
    assert_true(parts[0].id == 0 && parts[1].id == 0 && strstr(tn_error(), "that is NULL"));
}

/* What options a layer needs is its own affair; that it says so is not. */
static void layers_without_options_or_inputs(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        tn_graph *other = NULL;
        assert_ok(tn_graph_create(&other));
        const tn_value y = tn_input(other, "y", TN_F32, TN_SHAPE(1, 2, 4, 4));
        const tn_value made = i == 0   ? tn_conv2d(other, y, NULL)
                              : i == 1 ? tn_dense(other, y, NULL)
                              : i == 2 ? tn_pool2d(other, y, NULL)
                              : i == 3 ? tn_dropout(other, y, NULL)
                              : i == 4 ? tn_concat(other, 2, NULL, NULL)
                                       : tn_concat(other, -1, &y, NULL);
        assert_int_equal(made.id, 0);
        assert_fails(tn_graph_status(other), TN_ERR_ARGUMENT,
                     i < 4    ? "the options are NULL"
                     : i == 4 ? "concat1: the list of 2 inputs is NULL"
                              : "-1 inputs");
        tn_graph_destroy(other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_of_no_graph),
        cmocka_unit_test(layers_without_options_or_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
