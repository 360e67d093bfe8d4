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

/* ---- pieces --------------------------------------------------------------------------------- */

typedef struct shape {
    int64_t images, channels, filters, groups, side, kernel, stride;
    const char *why;
} shape;

/* The three passes on one device. */
typedef struct passes {
    tn_backend_device *device;
    tn_prim forward, data, weights;
} passes;

static void make_passes(passes *s, const char *device, const shape *k)
{
    static const tn_op op = {.name = "conv2d"};
    const tn_node n = {.op = &op, .name = "test"};
    const int64_t G = k->groups, C = k->channels, K = k->filters, R = k->kernel;
    const int64_t side = (k->side - 1) / k->stride + 1;
    const int64_t x[] = {k->images, C, k->side, k->side}, y[] = {k->images, K, side, side};
    const int64_t w[] = {G, K / G, C / G, R, R};
    const tn_shape in = {4, {x[0], x[1], x[2], x[3]}}, out = {4, {y[0], y[1], y[2], y[3]}};
    s->device = open_cpu(device);
    tn_maker m = tn_maker_begin(s->device, &n);
    const tn_window window =
        tn_window_of((int[]){(int)R, (int)R}, (int[]){(int)k->stride, (int)k->stride},
                     (int[]){(int)R / 2, (int)R / 2}, (int[]){1, 1}, &in, &out);
    tn_prim_spec spec = {.pass = dnnl_forward_training,
                         .x = tn_md_any(&m, 4, x, TN_F32),
                         .w = tn_md_any(&m, G > 1 ? 5 : 4, G > 1 ? w : w + 1, TN_F32),
                         .b = tn_md_plain(&m, 1, &K, TN_F32),
                         .y = tn_md_any(&m, 4, y, TN_F32),
                         .window = &window};
    tn_make_convolution(&m, &s->forward, &spec);
    spec.x = tn_prim_md(&m, &s->forward, DNNL_ARG_SRC);
    spec.w = tn_prim_md(&m, &s->forward, DNNL_ARG_WEIGHTS);
    spec.y = tn_prim_md(&m, &s->forward, DNNL_ARG_DST);
    spec.forward = &s->forward;
    spec.pass = dnnl_backward_weights;
    tn_make_convolution(&m, &s->weights, &spec);
    spec.pass = dnnl_backward_data;
    spec.b = NULL;
    spec.w = tn_md_any_like(&m, spec.w);
    tn_make_convolution(&m, &s->data, &spec);
    assert_ok(m.status);
}

static void drop_passes(passes *s)
{
    tn_prim_free(&s->forward);
    tn_prim_free(&s->data);
    tn_prim_free(&s->weights);
    tn_backend_cpu.close(s->device);
}

typedef struct memory {
    float *at;
    size_t bytes;
} memory;

static memory fill(size_t bytes, int seed)
{
    memory m = {tn_alloc_aligned(bytes), bytes};
    assert_non_null(m.at);
    for (size_t i = 0; i < bytes / sizeof *m.at; i++)
        m.at[i] = (float)((int)(i * 7 + (size_t)seed) % 31 - 15) / 31;
    return m;
}

/* What a pass makes, of inputs that are the same on any device: `to` first, then `also`. */
static void run_pass(tn_prim *p, const int args[4], memory *to, memory *also)
{
    memory m[4] = {{0}}, scratch = fill(tn_prim_bytes(p, DNNL_ARG_SCRATCHPAD), 0);
    tn_prim_arg list[6] = {{0}};
    int num = 0;
    for (int i = 0; i < 4 && args[i]; i++) {
        m[i] = fill(tn_prim_bytes(p, args[i]), i);
        list[num++] = (tn_prim_arg){args[i], m[i].at};
    }
    list[num] = (tn_prim_arg){DNNL_ARG_SCRATCHPAD, scratch.at};
    assert_ok(tn_prim_run(p, list));
    *to = m[0];
    *also = m[1];
    for (int i = 2; i < 4; i++)
        tn_free(m[i].at);
    tn_free(scratch.at);
}

/* Sums over images have other parts. */
static void compare(const memory *a, const memory *b, float within)
{
    float most = 0, off = 0;
    assert_int_equal(a->bytes, b->bytes);
    for (size_t i = 0; i < a->bytes / sizeof(float); i++) {
        most = fmaxf(most, fabsf(a->at[i]));
        off = fmaxf(off, fabsf(a->at[i] - b->at[i]));
    }
    assert_true(off <= within * most);
}

static void agree(tn_prim *whole, tn_prim *cut, const int args[4], float within)
{
    memory a[2], b[2];
    run_pass(whole, args, &a[0], &a[1]);
    run_pass(cut, args, &b[0], &b[1]);
    for (int i = 0; i < 2; i++) {
        compare(&a[i], &b[i], within);
        tn_free(a[i].at);
        tn_free(b[i].at);
    }
}

static void pieces_make_what_the_whole_makes(void **state)
{
    static const shape cases[] = {
        {5, 32, 16, 1, 12, 3, 1, "more images than threads, not as many for each"},
        {2, 32, 16, 1, 14, 3, 2, "fewer"},
        {5, 32, 32, 2, 12, 3, 1, "groups"},
        {1, 32, 128, 1, 14, 3, 2, "filters of one image"},
        {1, 32, 24, 1, 28, 1, 1, "filters that do not fill their last block"},
        {1, 64, 64, 64, 28, 3, 1, "groups of one image"},
    };
    (void)state;
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        passes one = {0}, three = {0};
        print_message("%s\n", cases[i].why);
        make_passes(&one, "threads=1", &cases[i]);
        make_passes(&three, "threads=3", &cases[i]);
        assert_null(one.forward.pieces);
        if (tn_cpu_isa_here() != TN_CPU_PORTABLE)
            assert_true(three.forward.pieces || cases[i].filters == 24);
        assert_true(cases[i].images == 1 || (three.data.pieces && three.weights.pieces));
        agree(&one.forward, &three.forward,
              (int[]){DNNL_ARG_DST, DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS}, 0);
        agree(&one.data, &three.data,
              (int[]){DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, 0}, 1e-6F);
        agree(&one.weights, &three.weights,
              (int[]){DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_BIAS, DNNL_ARG_SRC, DNNL_ARG_DIFF_DST},
              1e-5F);
        drop_passes(&one);
        drop_passes(&three);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layouts_are_one_object_each),
        cmocka_unit_test(reorders_lose_nothing),
        cmocka_unit_test(onednn_errors_are_told),
        cmocka_unit_test(pieces_make_what_the_whole_makes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
