/* oneDNN's door: layouts, reorders, and what it reports. */
#include <math.h>
#include <string.h>

#include "backends/cpu/onednn/onednn.h"
#include "lab.h"

static tn_backend_device *open_cpu(const char *options)
{
    tn_backend_device *d = NULL;
    assert_ok(tn_backend_cpu.open(&d, &(tn_open_opts){.options = options, .places = 1}));
    return d;
}

/* A layout other than the canonical one: what oneDNN's convolution wants. */
static const tn_layout *blocked(tn_backend_device *d, tn_prim *p, const tn_shape *x, int arg)
{
    static const tn_op op = {.name = "conv2d"};
    const tn_node n = {.op = &op, .name = "test"};
    tn_maker m = tn_maker_begin(d, &n);
    const int64_t K = 20, C = x->dim[1], w[] = {K, C, 3, 3};
    const int64_t y[] = {x->dim[0], K, x->dim[2], x->dim[3]};
    const tn_window window = {
        .kernel = {3, 3}, .stride = {1, 1}, .before = {1, 1}, .after = {1, 1}};
    tn_make_convolution(&m, p,
                        &(tn_prim_spec){.pass = dnnl_forward_training,
                                        .x = tn_md_any(&m, 4, x->dim, TN_F32),
                                        .w = tn_md_any(&m, 4, w, TN_F32),
                                        .y = tn_md_any(&m, 4, y, TN_F32),
                                        .window = &window});
    const tn_layout *layout = tn_md_layout(tn_prim_md(&m, p, arg));
    assert_ok(m.status);
    return layout;
}

static void layouts_are_one_object_each(void **state)
{
    (void)state;
    tn_backend_device *d = open_cpu("");
    tn_prim p = {0}, q = {0};
    const tn_shape x = TN_SHAPE(2, 32, 6, 5);
    const tn_layout *a = blocked(d, &p, &x, DNNL_ARG_SRC);
    if (!a) { /* SSE4.1: oneDNN's convolution reads it row major */
        tn_prim_free(&p);
        tn_backend_cpu.close(d);
        skip();
    }
    assert_ptr_equal(a, blocked(d, &q, &x, DNNL_ARG_SRC));
    assert_int_equal(a->bytes, 2 * 32 * 6 * 5 * 4);
    assert_non_null(strchr(a->name, 'c'));
    tn_maker m = {.device = d, .op = "test", .node = "test"};
    const tn_md *plain = tn_md_plain(&m, 4, x.dim, TN_F32);
    assert_null(tn_md_layout(plain));
    assert_ptr_equal(plain, tn_md_canonical(&m, tn_md_of(&m, &x, TN_F32, a)));
    assert_ptr_equal(plain, tn_md_of(&m, &x, TN_F32, NULL));
    tn_prim_free(&p), tn_prim_free(&q);
    tn_backend_cpu.close(d);
}

/* Counts up through a tensor, to the layout, and back again. */
static void reorders_lose_nothing(void **state)
{
    (void)state;
    static const struct {
        tn_shape x;
        int arg;
        const char *why;
    } cases[] = {
        {{4, {2, 32, 6, 5}}, DNNL_ARG_SRC, "whole blocks of channels"},
        {{4, {2, 20, 3, 4}}, DNNL_ARG_SRC, "the last block is padded, if blocked"},
        {{4, {1, 3, 3, 7}}, DNNL_ARG_WEIGHTS, "few channels, filters a multiple of 4 only"},
        {{4, {1, 1, 1, 1}}, DNNL_ARG_DST, "one pixel"},
    };
    tn_backend_device *d = open_cpu("threads=2");
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        tn_prim p = {0};
        const tn_layout *layout = blocked(d, &p, &cases[i].x, cases[i].arg);
        const int64_t C = cases[i].x.dim[1];
        tn_shape shape = cases[i].x;
        if (cases[i].arg == DNNL_ARG_WEIGHTS)
            shape = TN_SHAPE(20, C, 3, 3);
        if (cases[i].arg == DNNL_ARG_DST)
            shape.dim[1] = 20;
        const size_t count = (size_t)tn_elements(&shape);
        const size_t bytes = layout ? layout->bytes : count * 4;
        float *from = tn_alloc(count, 4), *back = tn_alloc(count, 4);
        void *there = NULL, *to = NULL, *fro = NULL;
        assert_ok(tn_backend_cpu.alloc(d, bytes, &there));
        assert_int_equal((uintptr_t)there % 256, 0);
        assert_ok(tn_backend_cpu.fill(d, there, 0xFF, bytes));
        for (size_t j = 0; j < count; j++)
            from[j] = (float)(j + 1);
        assert_ok(tn_backend_cpu.reorder_create(d, &shape, TN_F32, NULL, layout, &to));
        assert_ok(tn_backend_cpu.reorder_create(d, &shape, TN_F32, layout, NULL, &fro));
        for (int run = 0; run < 2; run++) {
            assert_ok(tn_backend_cpu.reorder_run(to, there, from));
            assert_ok(tn_backend_cpu.reorder_run(fro, back, there));
            assert_memory_equal(from, back, count * 4);
        }
        double want = 0;
        tn_optim_call c = {.device = d, .scale = 1, .g = there, .count = bytes / 4};
        assert_ok(tn_backend_cpu.measure(&c)); /* padding is zero */
        for (size_t j = 0; j < count; j++)
            want += (double)from[j] * (double)from[j];
        assert_true(fabs((double)c.norm - sqrt(want)) < 1e-6 * sqrt(want));
        tn_backend_cpu.reorder_destroy(to), tn_backend_cpu.reorder_destroy(fro);
        tn_backend_cpu.free(d, there);
        tn_free(from), tn_free(back);
        tn_prim_free(&p);
    }
    tn_backend_cpu.close(d);
}

static void onednn_errors_are_told(void **state)
{
    (void)state;
    assert_ok(tn_onednn("conv2d", "conv1", "convolution forward", dnnl_success));
    assert_fails(tn_onednn("conv2d", "conv1", "convolution forward", dnnl_unimplemented),
                 TN_ERR_UNSUPPORTED, "conv2d conv1: oneDNN, convolution forward: not implemented");
    assert_fails(tn_onednn("conv2d", "conv1", "reorder", dnnl_out_of_memory), TN_ERR_MEMORY,
                 "out of memory");
    assert_fails(tn_onednn("conv2d", "conv1", "reorder", dnnl_invalid_arguments), TN_ERR_DEVICE,
                 "invalid arguments");
    tn_backend_device *d = open_cpu("");
    tn_maker m = {.device = d, .op = "test", .node = "it"};
    const tn_md *x = tn_md_plain(&m, 2, (int64_t[]){2, 3}, TN_F32);
    const tn_md *y = tn_md_plain(&m, 2, (int64_t[]){3, 3}, TN_F32);
    tn_prim p = {0};
    tn_make_reorder(&m, &p, x, y);
    assert_int_equal(m.status, TN_ERR_DEVICE);
    assert_null(p.pd);
    assert_null(tn_md_plain(&m, 2, (int64_t[]){2, 3}, TN_F32)); /* sticky */
    tn_make_reorder(&m, &p, x, x);
    assert_null(p.pd);
    m.status = TN_OK;
    tn_make_reorder(&m, &p, x, x);
    assert_fails(tn_prim_run(&p, (tn_prim_arg[]){{DNNL_ARG_BIAS, &m}, {0}}), TN_ERR_DEVICE,
                 "has no argument");
    tn_prim_free(&p);
    tn_backend_cpu.close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_are_one_object_each),
        cmocka_unit_test(reorders_lose_nothing),
        cmocka_unit_test(onednn_errors_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
