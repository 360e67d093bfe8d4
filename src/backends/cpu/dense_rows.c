/* dense of a few images, forward alone, for inference; see dense/rows.h. Training reads w three times a step,
 * by tiles, which suit the other two passes too. */
#include "backends/cpu/dense/rows.h"
#include "backends/cpu/device/cpu.h"
#include "base/base.h"

static const tn_dense_code *code(void)
{
    static const tn_dense_code *const code_of[TN_CPU_ISAS] = {
        [TN_CPU_PORTABLE] = &tn_dense_portable,
#ifdef __x86_64__
        [TN_CPU_AVX2] = &tn_dense_avx2,
        [TN_CPU_AVX512] = &tn_dense_avx512,
#endif
    };
    return code_of[tn_cpu_isa_here()];
}

static tn_status refuse(const tn_node *n, const char *why)
{
    return tn_fail(TN_ERR_UNSUPPORTED, "dense %s: not by rows: %s", n->name, why);
}

static tn_status supports(const tn_node *n)
{
    _Static_assert(TN_DENSE_IMAGES == 4, "the text below says so");
    return n->x[0].dim[0] > TN_DENSE_IMAGES ? refuse(n, "more than 4 images") : TN_OK;
}

static tn_status prepare(tn_backend_device *d, const tn_node *n, tn_binding *b)
{
    (void)d;
    if (b->training)
        return refuse(n, "it is trained");
    b->x[0] = NULL;
    return TN_OK;
}

static tn_status forward(const tn_call *c)
{
    const tn_node *n = c->node;
    const int64_t images = n->x[0].dim[0];
    const tn_dense_rows all = {.K = n->y[0].dim[1],
                               .D = tn_elements(&n->x[0]) / images,
                               .x = c->x[0],
                               .w = c->w[0],
                               .bias = c->w[1],
                               .relu = tn_has_post(n, TN_POST_RELU),
                               .y = c->y[0]};
    const int rows = code()->of[images - 1].rows;
    void (*const run)(const tn_dense_rows *, int64_t) = code()->of[images - 1].run;
#pragma omp parallel for num_threads(c->device->threads) schedule(static)
    for (int64_t k = 0; k < all.K; k += rows)
        run(&all, k);
    return TN_OK;
}

static const char *describe(const void *state)
{
    (void)state;
    return code()->name;
}

const tn_kernel tn_cpu_dense_rows = {
    .op = "dense",
    .name = "rows",
    .rank = 1,
    .posts = {{TN_POST_RELU}},
    .supports = supports,
    .prepare = prepare,
    .forward = forward,
    .describe = describe,
};
