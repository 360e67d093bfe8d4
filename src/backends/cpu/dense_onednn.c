/* dense on oneDNN's inner product; see onednn/linear.h for layouts and passes.
 *
 * x is taken row major, N x D. oneDNN could read a convolution's blocked N x C x h x w too, but with
 * AVX-512 has only slower kernels for it (AlexNet's fc6 at batch 32, all passes, 2 threads: 47 ms
 * against 26 ms), and with AVX2 the same; reordering x, small beside the weights, costs below 1 ms.
 *
 * A relu is done apart, so that a NaN stays one: N x K numbers, beside N x K x D products. */
#include "backends/cpu/onednn/linear.h"

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    const tn_dense_opts *o = n->opts;
    tn_linear *l = tn_alloc(1, sizeof *l);
    if (!l)
        return tn_no_memory("dense", sizeof *l);
    tn_maker m = tn_maker_begin(d, n);
    const int64_t N = n->x[0].dim[0], D = tn_elements(&n->x[0]) / N;
    const tn_linear_spec spec = {.make = tn_make_inner_product,
                                 .x = tn_md_plain(&m, 2, (int64_t[]){N, D}, TN_F32),
                                 .relu_apart = true,
                                 .w_ndim = 2,
                                 .w_dim = {o->units, D}};
    tn_linear_prepare(&m, l, n, b, &spec);
    if (m.status != TN_OK) {
        tn_linear_free(l);
        tn_free(l);
        return m.status;
    }
    b->state = l;
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    return tn_linear_forward(c->state, c);
}

static tn_status backward(const tn_call *c)
{
    return tn_linear_backward(c->state, c);
}

static void release(void *state)
{
    tn_linear_free(state);
    tn_free(state);
}

static const char *describe(const void *state)
{
    const tn_linear *l = state;
    return tn_prim_impl(&l->forward);
}

const tn_kernel tn_cpu_dense_onednn = {
    .op = "dense",
    .name = "onednn",
    .rank = 3,
    .posts = {{TN_POST_RELU}},
    .prepare = prepare,
    .forward = forward,
    .backward = TN_BACKWARD(backward),
    .release = release,
    .describe = describe,
};
