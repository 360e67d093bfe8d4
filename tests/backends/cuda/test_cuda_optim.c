/*
 * Optimizers on a GPU against those of the CPU: any ranges, the half copy, and updates that are left out.
 */
#include <math.h>
#include <string.h>

#include "backends/cuda/lab_raw.h"
#include "base/random.h"
#include "lab_sim.h"

enum { COUNT = 6000, MOST_RANGES = 600 };

typedef struct arenas {
    float w[COUNT], slot[TN_MAX_SLOTS][COUNT];
} arenas;

/* An optimizer at work on one device. */
typedef struct worker {
    lab_raw r;
    tn_run_state run;
    tn_optim_call call;
    float *g;
} worker;

static void open_worker(worker *k, bool gpu, const tn_optim *optim, tn_precision precision,
                        const tn_param_range *range, int num_ranges)
{
    static const arenas zero;
    float w[COUNT];
    memset(k, 0, sizeof *k);
    (gpu ? lab_raw_open : lab_raw_open_cpu)(&k->r);
    for (int i = 0; i < COUNT; i++)
        w[i] = sinf((float)i);
    char *control = test_calloc(k->r.b->control_bytes + 1, 1);
    k->run = (tn_run_state){.training = true, .precision = precision, .first_scale = 1};
    k->g = lab_raw_take(&k->r, NULL, sizeof w);
    k->call = (tn_optim_call){
        .device = k->r.d,
        .run = &k->run,
        .optim = optim,
        .rate = 0.05F,
        .scale = 0.5F,
        .w = lab_raw_take(&k->r, w, sizeof w),
        .g = k->g,
        .count = COUNT,
        .range = range,
        .num_ranges = num_ranges,
    };
    for (int i = 0; i < TN_MAX_SLOTS && optim->kind->slots(optim)[i]; i++)
        k->call.slot[i] = lab_raw_take(&k->r, zero.slot[i], sizeof w);
    if (gpu) {
        k->run.control = lab_raw_take(&k->r, control, k->r.b->control_bytes);
        if (precision != TN_PRECISION_F32)
            k->call.half = lab_raw_take(&k->r, NULL, COUNT * sizeof(uint16_t));
    }
    test_free(control);
    for (const tn_optim_kernel *const *o = k->r.b->optims; *o; o++)
        if (strcmp((*o)->optim, optim->kind->name) == 0)
            k->call.kernel = *o;
    assert_non_null(k->call.kernel);
}

static void close_worker(worker *k)
{
    lab_raw_give(&k->r, k->call.w);
    lab_raw_give(&k->r, k->call.half);
    lab_raw_give(&k->r, k->g);
    lab_raw_give(&k->r, k->run.control);
    for (int i = 0; i < TN_MAX_SLOTS; i++)
        lab_raw_give(&k->r, k->call.slot[i]);
    lab_raw_close(&k->r);
}

/* Number `step` from 1; the GPU's may count some that were left out. */
static void update(worker *k, int step, const float *g)
{
    const tn_backend *b = k->r.b;
    assert_ok(b->upload(k->r.d, k->g, g, COUNT * sizeof *g));
    k->call.step = step;
    if (b->begin_run) {
        assert_ok(b->begin_run(k->r.d, &k->run));
        assert_ok(b->begin_update(&k->call));
        if (k->run.precision == TN_PRECISION_F16)
            assert_ok(b->measure(&k->call));
    }
    assert_ok(k->call.kernel->update(&k->call));
}

static void read(const worker *k, arenas *a)
{
    memset(a, 0, sizeof *a);
    lab_raw_get(&k->r, a->w, k->call.w, sizeof a->w);
    for (int i = 0; i < TN_MAX_SLOTS; i++)
        if (k->call.slot[i])
            lab_raw_get(&k->r, a->slot[i], k->call.slot[i], sizeof a->w);
}

static void fill(float *g, int step)
{
    tn_random r = tn_random_begin((uint64_t)step, TN_RANDOM_TEST, 0);
    for (int i = 0; i < COUNT; i++)
        g[i] = (float)tn_random_normal(&r);
}

/* ---- cases -------------------------------------------------------------------------------- */

static const struct {
    const char *why;
    tn_optim (*make_sgd)(const tn_sgd_opts *);
    tn_optim (*make_adam)(const tn_adam_opts *);
    tn_sgd_opts sgd;
    tn_adam_opts adam;
} optims[] = {
    {"sgd, nothing kept", .make_sgd = tn_sgd, .sgd = {.weight_decay = 0.01F}},
    {"sgd, momentum", .make_sgd = tn_sgd, .sgd = {.momentum = 0.9F, .weight_decay = 0.01F}},
    {"sgd, looks ahead", .make_sgd = tn_sgd,
     .sgd = {.momentum = 0.9F, .weight_decay = 0.01F, .nesterov = true}},
    {"adam, decay through the moments", .make_adam = tn_adam, .adam = {.weight_decay = 0.1F}},
    {"adamw, decay stays out of them", .make_adam = tn_adamw, .adam = {.weight_decay = 0.1F}},
};

static tn_optim make(size_t i)
{
    tn_optim o = optims[i].make_sgd ? optims[i].make_sgd(&optims[i].sgd)
                                    : optims[i].make_adam(&optims[i].adam);
    assert_ok(o.kind->check(&o));
    return o;
}

/* Ranges of `size` elements with `gap` between them, with multipliers of all kinds. */
static int make_ranges(tn_param_range *out, size_t size, size_t gap)
{
    int n = 0;
    for (size_t at = 0; at < COUNT && n < MOST_RANGES; at += size + gap, n++)
        out[n] = (tn_param_range){at, at + size < COUNT ? at + size : COUNT, (float)(n % 3) / 2,
                                  (float)(n % 4)};
    return n;
}

static const struct {
    const char *why;
    size_t size, gap;
    int launches;
} layouts[] = {
    {"one range", COUNT, 0, 1},
    {"as plans have them, multiples of 64", 64, 0, 1},
    {"no multiple of a vector, with gaps", 61, 2, 1},
    {"too many for one launch, each of some vectors", 10, 0, 3},
    {"ranges and gaps of single elements", 1, 1, 5},
};

static void assert_near(const char *optim, const char *ranges, const float *got, const float *want)
{
    for (int i = 0; i < COUNT; i++)
        if (!(fabs((double)got[i] - (double)want[i]) <= 1e-6 * (1 + fabs((double)want[i]))))
            fail_msg("%s, %s: element %d is %.9g, not %.9g", optim, ranges, i, (double)got[i],
                     (double)want[i]);
}

static void assert_halved(const worker *k, const arenas *a, const tn_param_range *range, int n)
{
    const tn_dtype dtype = k->run.precision == TN_PRECISION_F16 ? TN_F16 : TN_BF16;
    uint16_t half[COUNT];
    if (!k->call.half)
        return;
    lab_raw_get(&k->r, half, k->call.half, sizeof half);
    for (int i = 0, at = 0; i < n; at = (int)range[i++].end) {
        for (; at < (int)range[i].begin; at++)
            assert_int_equal(half[at], 0xffff); /* left alone */
        for (; at < (int)range[i].end; at++)
            assert_true(
                lab_is_rounded(dtype, lab_decode(dtype, half, (size_t)at), (double)a->w[at]));
    }
}

static void updates_are_those_of_the_cpu(void **unused)
{
    (void)unused;
    static const tn_precision precisions[] = {TN_PRECISION_F32, TN_PRECISION_F16,
                                              TN_PRECISION_BF16};
    static arenas want, got;
    static tn_param_range range[MOST_RANGES];
    for (size_t i = 0; i < TN_COUNT(optims); i++)
        for (size_t j = 0; j < TN_COUNT(layouts); j++) {
            const tn_optim optim = make(i);
            const int n = make_ranges(range, layouts[j].size, layouts[j].gap);
            worker cpu, gpu;
            open_worker(&cpu, false, &optim, TN_PRECISION_F32, range, n);
            open_worker(&gpu, true, &optim, precisions[(i + j) % 3], range, n);
            static const int steps[] = {1, 2, 3, 5000};
            for (size_t k = 0; k < TN_COUNT(steps); k++) {
                float g[COUNT];
                fill(g, steps[k]);
                update(&cpu, steps[k], g);
                update(&gpu, steps[k], g);
            }
            read(&cpu, &want);
            read(&gpu, &got);
            assert_near(optims[i].why, layouts[j].why, got.w, want.w);
            assert_near(optims[i].why, layouts[j].why, got.slot[0], want.slot[0]);
            assert_near(optims[i].why, layouts[j].why, got.slot[1], want.slot[1]);
            assert_halved(&gpu, &got, range, n);
            close_worker(&cpu);
            close_worker(&gpu);
        }
}

static void an_update_is_one_launch(void **unused)
{
    (void)unused;
    const lab_sim *sim = lab_counting_sim();
    static tn_param_range range[MOST_RANGES];
    const float g[COUNT] = {0};
    if (!sim) {
        print_message("skipped: launches are counted on the simulated GPU\n");
        skip();
    }
    for (size_t j = 0; j < TN_COUNT(layouts); j++) {
        const tn_optim optim = make(1);
        const int n = make_ranges(range, layouts[j].size, layouts[j].gap);
        worker k;
        open_worker(&k, true, &optim, TN_PRECISION_BF16, range, n);
        update(&k, 1, g);
        sim->trace_begin();
        assert_ok(k.call.kernel->update(&k.call));
        assert_int_equal(sim->trace_counts().launches, layouts[j].launches);
        assert_int_equal(sim->trace_counts().allocations, 0);
        assert_int_equal(sim->trace_counts().copies_to_device, 0);
        close_worker(&k);
    }
}

/* One of f16 whose gradients are not finite changes nothing, and Adam does not count it. */
static void updates_may_be_left_out(void **unused)
{
    (void)unused;
    static arenas want, before, got;
    static tn_param_range range[MOST_RANGES];
    for (size_t i = 0; i < TN_COUNT(optims); i++) {
        const tn_optim optim = make(i);
        const int n = make_ranges(range, 10, 0);
        float g[COUNT];
        uint16_t half[2][COUNT];
        worker cpu, gpu;
        open_worker(&cpu, false, &optim, TN_PRECISION_F32, range, n);
        open_worker(&gpu, true, &optim, TN_PRECISION_F16, range, n);
        fill(g, 1);
        update(&cpu, 1, g);
        update(&gpu, 1, g);
        read(&gpu, &before);
        lab_raw_get(&gpu.r, half[0], gpu.call.half, sizeof half[0]);
        g[COUNT - 1] = -INFINITY;
        update(&gpu, 2, g);
        read(&gpu, &got);
        lab_raw_get(&gpu.r, half[1], gpu.call.half, sizeof half[1]);
        assert_memory_equal(&got, &before, sizeof got);
        assert_memory_equal(half[1], half[0], sizeof half[0]);

        fill(g, 2);
        update(&cpu, 2, g);
        update(&gpu, 3, g);
        read(&cpu, &want);
        read(&gpu, &got);
        assert_near(optims[i].why, "after one left out", got.w, want.w);
        close_worker(&cpu);
        close_worker(&gpu);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_are_those_of_the_cpu),
        cmocka_unit_test(an_update_is_one_launch),
        cmocka_unit_test(updates_may_be_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
