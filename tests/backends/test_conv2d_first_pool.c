/* conv2d of few channels and the maximum of 2 x 2 behind it in one: against loops in double, against the two apart,
 * the same bits again, and when it is taken. */
#include <math.h>
#include <string.h>

#include "backends/cpu/device/cpu.h"
#include "backends/lab_first.h"
#include "graph/op.h"
#include "lab_answers.h"
#include "lab_conv.h"
#include "lab_nan.h"
#include "lab_pool.h"

typedef enum place { NOWHERE, BETWEEN, BEHIND } place;

typedef struct pooled_conv {
    lab_conv_case conv;
    place relu;
} pooled_conv;

#define POOLED(where, ...) (&(const pooled_conv){{{__VA_ARGS__}, (where) == BETWEEN}, where})

static const tn_pool2d_opts two = {.kernel = {2}};

static tn_value build(tn_graph *g, const tn_value *x, int num_x, const void *opts)
{
    const pooled_conv *o = opts;
    const tn_value y = tn_pool2d(g, lab_conv_op.build(g, x, num_x, &o->conv), &two);
    return o->relu == BEHIND ? tn_relu(g, y, NULL) : y;
}

/* ---- the reference: that of one, then that of the other ----------------------------------- */

static int64_t convolved(const tn_conv2d_opts *o, int i, int64_t size)
{
    const int kernel = o->kernel[i] ? o->kernel[i] : o->kernel[0],
              stride = o->stride[i] ? o->stride[i] : o->stride[0],
              pad = lab_pad(o->kernel, o->pad, i);
    return (size + 2 * pad + lab_pad(o->kernel, o->pad_extra, i) - kernel) / (stride ? stride : 1) +
           1;
}

/* What the convolution sees; its y is new memory. */
static lab_ref first_of(const lab_ref *r)
{
    const pooled_conv *o = r->opts;
    lab_ref conv = *r;
    conv.opts = &o->conv;
    for (int i = 0; i < 2; i++)
        conv.y_shape.dim[2 + i] = convolved(&o->conv.conv, i, r->x_shape[0].dim[2 + i]);
    conv.y = lab_take(tn_elements(&conv.y_shape), sizeof(double));
    lab_conv_op.reference(&conv);
    return conv;
}

static lab_ref second_of(const lab_ref *r, const lab_ref *conv)
{
    lab_ref pool = *r;
    pool.opts = &two;
    pool.x_shape[0] = conv->y_shape;
    pool.x[0] = conv->y;
    return pool;
}

static void reference(const lab_ref *r)
{
    const lab_ref conv = first_of(r), pool = second_of(r, &conv);
    lab_pool_reference(&pool);
    for (int64_t i = 0; i < tn_elements(&r->y_shape); i++)
        if (((const pooled_conv *)r->opts)->relu == BEHIND && r->y[i] < 0)
            r->y[i] = 0;
    free(conv.y);
}

static void backward(const lab_ref *r)
{
    const int64_t count = tn_elements(&r->y_shape);
    lab_ref conv = first_of(r), pool = second_of(r, &conv);
    double *dy = lab_take(count, sizeof *dy), *y = lab_take(count, sizeof *y);
    pool.y = y;
    lab_pool_reference(&pool);
    for (int64_t i = 0; i < count; i++)
        dy[i] = ((const pooled_conv *)r->opts)->relu == BEHIND && y[i] <= 0 ? 0 : r->dy[i];
    pool.dy = dy;
    double *between = lab_take(tn_elements(&conv.y_shape), sizeof *between);
    memset(between, 0, (size_t)tn_elements(&conv.y_shape) * sizeof *between);
    pool.dx[0] = between;
    lab_pool_backward(&pool);
    conv.dy = between;
    lab_conv_op.backward(&conv);
    free(between);
    free(conv.y);
    free(dy);
    free(y);
}

static const lab_op op = {.build = build,
                          .reference = reference,
                          .backward = backward,
                          .param = {{.name = "weight"}, {.name = "bias"}}};

/* 1 to 4 channels; 1, 2 and 3 blocks of filters in parts of up to 3; filters 3 and 5 wide, which the compiler knows,
 * and others; more rows than are kept in registers; rows and columns that no window covers. */
static const lab_case cases[] = {
    {.why = "small",
     .x = {{{4, {1, 2, 5, 6}}}},
     .opts = POOLED(NOWHERE, .filters = 3, .kernel = {2})},
    {.why = "LeNet's first layer",
     .x = {{{4, {3, 1, 28, 28}}}},
     .opts = POOLED(NOWHERE, .filters = 20, .kernel = {5})},
    {.why = "a network's for CIFAR, relu between",
     .x = {{{4, {2, 3, 32, 32}}}},
     .opts = POOLED(BETWEEN, .filters = 32, .kernel = {5}, .pad = {2})},
    {.why = "relu behind, 3 wide, 4 blocks",
     .x = {{{4, {2, 3, 15, 17}}}},
     .opts = POOLED(BEHIND, .filters = 27, .kernel = {3}, .pad = {1})},
    {.why = "as wide as can be, higher, strides differ",
     .x = {{{4, {2, 4, 33, 34}}}},
     .opts = POOLED(BEHIND, .filters = 9, .kernel = {11, 8}, .stride = {2, 3}, .pad = {3, 1})},
    {.why = "padding of each side its own",
     .x = {{{4, {2, 3, 12, 13}}}},
     .opts = POOLED(BEHIND, .filters = 16, .kernel = {5}, .pad = {1, 2}, .pad_extra = {2, -2})},
    {.why = "a row and a column left over",
     .x = {{{4, {3, 1, 9, 9}}}},
     .opts = POOLED(NOWHERE, .filters = 50, .kernel = {3})},
    {.why = "one window",
     .x = {{{4, {2, 1, 6, 6}}}},
     .opts = POOLED(BETWEEN, .filters = 8, .kernel = {5}, .no_bias = true)},
    {.why = "rows wider than a band: one each",
     .x = {{{4, {1, 1, 8, 640}}}},
     .opts = POOLED(BEHIND, .filters = 12, .kernel = {3})},
    {.why = "bias frozen",
     .x = {{{4, {2, 3, 9, 9}}}},
     .opts = POOLED(NOWHERE, .filters = 16, .kernel = {4}, .bias = {.frozen = true})},
    {.why = "weights frozen, bias not",
     .x = {{{4, {2, 3, 9, 9}}}},
     .opts = POOLED(BEHIND, .filters = 16, .kernel = {4}, .weight = {.frozen = true})},
};

/* Without AVX2 the two stay apart. */
static lab_kernel in_one(void)
{
    const bool apart = tn_cpu_isa_here() == TN_CPU_PORTABLE;
    return (lab_kernel){.device = "cpu,threads=2,prefer=first",
                        .name = apart ? "few channels:" : "few channels, max 2x2:",
                        .no_dx = true};
}

static void agrees_with_the_formula(void **unused)
{
    (void)unused;
    const lab_kernel one = in_one();
    lab_check_kernel(&one, &op, cases, TN_COUNT(cases));
}

static void a_nan_shows_behind_the_maximum(void **unused)
{
    (void)unused;
    if (tn_cpu_isa_here() == TN_CPU_PORTABLE) {
        print_message("skipped: the two are not done in one here\n");
        skip();
    }
    const lab_kernel one = in_one();
    for (size_t i = 0; i < TN_COUNT(cases); i++)
        lab_check_nan_by(&one, &op, &cases[i]);
}

/* ---- one net: 37 filters over 3 channels ---------------------------------------------------- */

static const tn_conv2d_opts conv = {
    .name = "conv", .filters = 37, .kernel = {5}, .stride = {2}, .pad = {1}};

#define NET(...)                                                                             \
    {                                                                                        \
        .conv = &conv, .pool = &two, .x = {4, {5, 3, 23, 23}}, .training = true, __VA_ARGS__ \
    }

/* The sums of y are those of the two apart, in the same order. */
static void has_the_bits_of_the_two_apart_and_of_other_threads(void **unused)
{
    (void)unused;
    static const lab_few_case ways[] = {
        NET(.device = "cpu,threads=1", .no_fusion = true), NET(.device = "cpu,threads=1"),
        NET(.device = "cpu,threads=3"), NET(.device = "cpu,threads=3"),
        NET(.device = "cpu,threads=16")};
    lab_few_check_same(ways, TN_COUNT(ways));
}

/* Which steps the plan has of "conv", and the first of them. */
static int steps_of(const tn_plan *p, tn_step_info *first)
{
    int count = 0;
    for (int i = tn_plan_num_steps(p) - 1; i >= 0; i--) {
        tn_step_info step;
        assert_ok(tn_plan_step(p, i, &step));
        if (strcmp(step.node, "pool") == 0)
            count += 100;
        if (strcmp(step.node, "conv") != 0 || strcmp(step.op, "conv2d") != 0)
            continue;
        *first = step;
        count++;
    }
    return count;
}

static void is_taken_where_windows_lie_side_by_side(void **unused)
{
    (void)unused;
    static const tn_conv2d_opts wide = {.name = "conv", .filters = 8, .kernel = {3, 9}},
                                many = {.name = "conv", .filters = 8, .kernel = {5}};
    static const struct {
        const tn_conv2d_opts *conv;
        tn_pool2d_opts pool;
        bool keeps_conv, no_fusion, hidden, taken;
    } rules[] = {
        {&many, {.kernel = {2}}, .taken = true},
        {&many, {.kernel = {2}, .ceil = true}}, /* 19 pixels: the last window hangs over */
        {&many, {.kernel = {3}, .stride = {2}}},
        {&many, {.kernel = {2}, .stride = {1}}},
        {&many, {.kernel = {2, 3}, .stride = {2}}},
        {&many, {.kernel = {2}, .pad = {1}}},
        {&many, {.kernel = {2}, .stride = {2}, .dilation = {3, 1}}},
        {&many, {.kernel = {2}, .kind = TN_POOL_MEAN}},
        {&many, {.kernel = {2}}, .keeps_conv = true}, /* somebody else reads what is pooled */
        {&many, {.kernel = {2}}, .no_fusion = true},
        {&many, {.kernel = {2}}, .hidden = true},
        {&wide, {.kernel = {2}}},
    };
    for (size_t i = 0; i < TN_COUNT(rules); i++) {
        tn_pool2d_opts pool = rules[i].pool;
        tn_step_info step = {0};
        lab_few t;
        pool.name = "pool";
        lab_few_open(&t,
                     &(lab_few_case){.conv = rules[i].conv,
                                     .pool = &pool,
                                     .x = TN_SHAPE(5, 3, 23, 23),
                                     .hidden = rules[i].hidden,
                                     .training = true,
                                     .no_fusion = rules[i].no_fusion,
                                     .keeps_conv = rules[i].keeps_conv},
                     true);
        const bool taken = rules[i].taken && tn_cpu_isa_here() != TN_CPU_PORTABLE;
        assert_int_equal(steps_of(t.plan, &step), taken ? 2 : 202);
        assert_true((step.fused != NULL) == taken);
        if (taken) {
            assert_string_equal(step.kernel, "few channels, max 2x2:avx2");
            assert_string_equal(step.fused, "pool2d+relu");
            assert_int_equal(step.y.dim[2], 9);
        }
        lab_few_close(&t);
    }
}

static tn_status plan_of(void *arg)
{
    const lab_few *t = arg;
    tn_device *d = NULL;
    tn_plan *p = NULL;
    tn_status status = tn_device_open(&d, "cpu,prefer=first");
    if (status == TN_OK)
        status = tn_plan_create(&p, t->graph, d,
                                &(tn_plan_opts){.keep = &t->y, .num_keep = 1, .seed = 1});
    tn_plan_destroy(p);
    tn_device_close(d);
    return status;
}

static void memory_may_run_out_while_it_is_taken(void **unused)
{
    (void)unused;
    static const lab_few_case net = NET(.device = NULL);
    lab_few t;
    lab_few_open(&t, &net, true);
    assert_true(lab_fail_each_allocation(plan_of, &t) > 10);
    lab_few_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_formula),
        cmocka_unit_test(a_nan_shows_behind_the_maximum),
        cmocka_unit_test(has_the_bits_of_the_two_apart_and_of_other_threads),
        cmocka_unit_test(memory_may_run_out_while_it_is_taken),
        cmocka_unit_test(is_taken_where_windows_lie_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
