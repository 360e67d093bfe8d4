/*
 * What a GPU keeps of a plan from step to step: the norm of gradients, clipping, and the loss scale of f16,
 * against a model of a dozen lines; recorded, and so without anything of one step baked in.
 */
#include <math.h>
#include <string.h>

#include "backends/cuda/lab_raw.h"
#include "base/random.h"

/* One plan's worth of it. */
typedef struct rig {
    lab_raw r;
    tn_run_state run;
    tn_optim optim;
    tn_optim_call call;
} rig;

static void open_rig(rig *s, tn_precision precision, size_t count)
{
    memset(s, 0, sizeof *s);
    lab_raw_open(&s->r);
    const float one = 1;
    char *zero = test_calloc(s->r.b->control_bytes, 1);
    s->run = (tn_run_state){
        .training = true,
        .precision = precision,
        .control = lab_raw_take(&s->r, zero, s->r.b->control_bytes),
        .first_scale = 65536,
        .loss_weight = 1,
        .loss_start = lab_raw_take(&s->r, &one, sizeof one),
    };
    test_free(zero);
    s->call = (tn_optim_call){
        .device = s->r.d,
        .run = &s->run,
        .scale = 1,
        .g = lab_raw_take(&s->r, NULL, count * sizeof(float)),
        .count = count,
    };
}

static void close_rig(rig *s)
{
    lab_raw_give(&s->r, s->run.control);
    lab_raw_give(&s->r, s->run.loss_start);
    lab_raw_give(&s->r, (void *)(uintptr_t)s->call.g);
    lab_raw_close(&s->r);
}

static void set_gradients(const rig *s, const float *g)
{
    assert_ok(s->r.b->upload(s->r.d, (void *)(uintptr_t)s->call.g, g, s->call.count * sizeof *g));
}

/* A run and an update with whatever gradients there are. */
static tn_control_report one_update(rig *s)
{
    tn_control_report report;
    assert_ok(s->r.b->begin_run(s->r.d, &s->run));
    s->call.step++;
    assert_ok(s->r.b->begin_update(&s->call));
    assert_ok(s->r.b->measure(&s->call));
    assert_ok(s->r.b->control_get(s->r.d, s->run.control, &report));
    return report;
}

/* ---- norm --------------------------------------------------------------------------------- */

static void norms_are_those_of_double(void **unused)
{
    (void)unused;
    static const struct {
        const char *why;
        size_t count;
        float largest, smallest;
    } cases[] = {
        {"a single one", 1, 1, 1},
        {"no whole vector", 3, 1, 0.5F},
        {"a tail", 1027, 1, 0.01F},
        {"several blocks", 70001, 1, 0.01F},
        {"more than every block's turn", 1300003, 1, 0.01F},
        {"squares that f32 has no room for", 1027, 1e30F, 1e25F},
        {"squares that f32 takes for 0", 1027, 1e-25F, 1e-30F},
        {"some too large, some too small", 5000, 1e25F, 1e-25F},
        {"denormal ones", 1027, 1e-39F, 1e-41F},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        rig s;
        open_rig(&s, TN_PRECISION_F32, cases[i].count);
        float *g = test_malloc(cases[i].count * sizeof *g);
        tn_random r = tn_random_begin(i, TN_RANDOM_TEST, 0);
        double sum = 0;
        for (size_t j = 0; j < cases[i].count; j++) {
            g[j] = (tn_random_next(&r) % 2 ? cases[i].largest : -cases[i].smallest) *
                   (0.5F + tn_uniform(tn_random_next(&r)));
            sum += (double)g[j] * (double)g[j];
        }
        set_gradients(&s, g);
        s.call.scale = 0.25F;
        const double want = sqrt(sum) * 0.25;
        const float got = one_update(&s).norm;
        if (!(fabs((double)got - want) <= 2e-7 * want + 1e-45))
            fail_msg("%s: the norm is %.9g, not %.9g", cases[i].why, (double)got, want);
        assert_true(one_update(&s).norm == got); /* always the same bits */
        test_free(g);
        close_rig(&s);
    }
}

/* ---- loss scale --------------------------------------------------------------------------- */

/* As torch.amp.GradScaler: growth_interval 2000, factors 2 and 1/2; bounded. */
typedef struct model {
    float next;
    int32_t growth;
    int64_t skipped;
} model;

static void adapt(model *m, bool finite)
{
    if (!finite) {
        m->next = m->next > 2 ? m->next / 2 : 1;
        m->growth = 0;
        m->skipped++;
    } else if (++m->growth == 2000) {
        m->next = m->next * 2 > 16777216 ? 16777216 : m->next * 2;
        m->growth = 0;
    }
}

static void compare(const char *why, int step, const tn_control_report *got, const model *want,
                    float used)
{
    if (got->loss_scale != used || got->next_scale != want->next || got->growth != want->growth ||
        got->skipped != want->skipped)
        fail_msg("%s, update %d: scale %g, next %g, growth %d, skipped %lld; not %g, %g, %d, %lld",
                 why, step, (double)got->loss_scale, (double)got->next_scale, (int)got->growth,
                 (long long)got->skipped, (double)used, (double)want->next, (int)want->growth,
                 (long long)want->skipped);
}

static void the_loss_scale_is_looked_after(void **unused)
{
    (void)unused;
    enum { COUNT = 1500 };
    static const struct {
        const char *why;
        float next;
        int32_t growth;
        const char *steps; /* . finite, n NaN, i infinite, m minus infinite */
    } cases[] = {
        {"from nothing, overflows at first", 0, 0, "ii.n..m."},
        {"about to grow", 1024, 1998, "...."},
        {"does not, for one that is not finite", 1024, 1998, ".i..."},
        {"as small as may be", 2, 5, "nnn.."},
        {"as large as may be", 16777216, 1999, ".."},
        {"no power of 2", 3, 1999, "..nn"},
    };
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        rig s;
        static float g[COUNT];
        open_rig(&s, TN_PRECISION_F16, COUNT);
        model m = {cases[i].next, cases[i].growth, 7};
        const tn_control_report begin = {
            .next_scale = m.next, .growth = m.growth, .skipped = m.skipped};
        assert_ok(s.r.b->control_set(s.r.d, s.run.control, &begin));
        if (m.next == 0)
            m.next = 65536;
        for (int step = 0; cases[i].steps[step]; step++) {
            const char kind = cases[i].steps[step];
            for (int j = 0; j < COUNT; j++)
                g[j] = 0.5F;
            /* First, last, and in between. */
            g[step % 3 == 0   ? 0
              : step % 3 == 1 ? COUNT - 1
                              : 1001] = kind == 'n'   ? NAN
                                        : kind == 'i' ? INFINITY
                                        : kind == 'm' ? -INFINITY
                                                      : 0.5F;
            set_gradients(&s, g);
            const float used = m.next;
            float start;
            adapt(&m, kind == '.');
            const tn_control_report got = one_update(&s);
            compare(cases[i].why, step, &got, &m, used);
            lab_raw_get(&s.r, &start, s.run.loss_start, sizeof start);
            assert_true(start == used);
            if (kind == '.') {
                const double want = 0.5 * sqrt(COUNT) / (double)used;
                assert_true(fabs((double)got.norm - want) <= 2e-7 * want);
            }
        }
        close_rig(&s);
    }
}

/* Evaluation in between changes nothing of it: the gradients are still those of the last run. */
static void evaluation_leaves_the_scale_alone(void **unused)
{
    (void)unused;
    static const float nan[4] = {NAN, 1, 1, 1};
    rig s;
    tn_control_report report;
    open_rig(&s, TN_PRECISION_F16, 4);
    assert_ok(s.r.b->control_get(s.r.d, s.run.control, &report));
    assert_true(report.loss_scale == 1 && report.next_scale == 0 && report.skipped == 0);
    set_gradients(&s, nan);
    assert_true(one_update(&s).next_scale == 32768);
    s.run.training = false;
    assert_ok(s.r.b->begin_run(s.r.d, &s.run));
    assert_ok(s.r.b->control_get(s.r.d, s.run.control, &report));
    assert_true(report.loss_scale == 65536 && report.next_scale == 32768);
    close_rig(&s);
}

/* ---- what updates make of it -------------------------------------------------------------- */

static const tn_optim_kernel *find(const lab_raw *r, const char *name)
{
    for (const tn_optim_kernel *const *k = r->b->optims; *k; k++)
        if (strcmp((*k)->optim, name) == 0)
            return *k;
    fail_msg("no kernel for %s", name);
    return NULL;
}

enum { WEIGHTS = 300 };
static const tn_param_range all[] = {{0, WEIGHTS, 1, 1}};

/* Measuring and a plain SGD, recorded before there is any number to record. */
typedef struct recorded {
    rig s;
    void *recording;
} recorded;

static void open_recorded(recorded *p, tn_precision precision)
{
    rig *s = &p->s;
    char why[160];
    open_rig(s, precision, WEIGHTS);
    s->optim = tn_sgd(NULL);
    s->call.optim = &s->optim;
    s->call.kernel = find(&s->r, "sgd");
    s->call.w = lab_raw_take(&s->r, NULL, WEIGHTS * sizeof(float));
    if (precision == TN_PRECISION_F16)
        s->call.half = lab_raw_take(&s->r, NULL, WEIGHTS * sizeof(uint16_t));
    s->call.range = all;
    s->call.num_ranges = 1;
    assert_ok(s->r.b->capture_begin(s->r.d));
    assert_ok(s->r.b->measure(&s->call));
    assert_ok(s->call.kernel->update(&s->call));
    assert_ok(s->r.b->capture_end(s->r.d, true, &p->recording, why, sizeof why));
    assert_non_null(p->recording);
}

static void close_recorded(recorded *p)
{
    p->s.r.b->recording_destroy(p->s.r.d, p->recording);
    lab_raw_give(&p->s.r, p->s.call.w);
    lab_raw_give(&p->s.r, p->s.call.half);
    close_rig(&p->s);
}

typedef struct replayed {
    const char *why;
    float rate, scale, g, decay, clip_norm;
} replayed;

/* An update of weights of 1 with gradients of g: what it made of rate, scale, decay, clipping and loss scale. */
static void check_replay(recorded *p, const replayed *now)
{
    const float g = now->g, rate = now->rate, scale = now->scale;
    rig *s = &p->s;
    float w[WEIGHTS], gradient[WEIGHTS];
    tn_control_report report;
    for (int j = 0; j < WEIGHTS; j++) {
        w[j] = 1;
        gradient[j] = g;
    }
    set_gradients(s, gradient);
    assert_ok(s->r.b->upload(s->r.d, s->call.w, w, sizeof w));
    s->call.rate = rate;
    s->call.scale = scale;
    s->call.clip_norm = now->clip_norm;
    s->optim.opts.sgd.weight_decay = now->decay;
    s->call.step++;
    assert_ok(s->r.b->begin_run(s->r.d, &s->run));
    assert_ok(s->r.b->begin_update(&s->call));
    assert_ok(s->r.b->replay(s->r.d, p->recording));
    assert_ok(s->r.b->control_get(s->r.d, s->run.control, &report));
    lab_raw_get(&s->r, w, s->call.w, sizeof w);

    const double d = (double)g * (double)scale / (double)report.loss_scale;
    const double shrink = (double)now->clip_norm / (fabs(d) * sqrt(WEIGHTS) + 1e-6);
    const double clipped = now->clip_norm > 0 && shrink < 1 ? d * shrink : d;
    const double want = isfinite(d) ? 1 - (double)rate * (clipped + (double)now->decay) : 1;
    for (int j = 0; j < WEIGHTS; j++)
        if (!(fabs((double)w[j] - want) <= 3e-7))
            fail_msg("%s: w is %.9g, not %.9g", now->why, (double)w[j], want);
}

static void replays_take_what_holds_then(void **unused)
{
    (void)unused;
    static const replayed f32[] =
        {
            {"as recorded", 0.5F, 1, 0.01F, 0, 1},   {"another rate", 0.25F, 1, 0.01F, 0, 1},
            {"another scale", 0.25F, 0.5F, 1, 0, 1}, {"clipped", 0.25F, 0.5F, 8, 0, 1},
            {"not clipped", 0.25F, 1, 0.02F, 0, 1},  {"clipped earlier", 0.25F, 0.5F, 8, 0, 0.5F},
            {"never clipped", 0.25F, 1, 2, 0, 0},    {"with decay", 0.25F, 1, 0.02F, 0.5F, 1},
        },
                          f16[] = {
                              {"loss scale of 65536", 0.5F, 1, 655.36F, 0, 1},
                              {"and clipped", 0.5F, 1, 524288, 0, 1},
                              {"left out", 0.5F, 1, INFINITY, 0, 1},
                              {"half the loss scale", 0.5F, 1, 327.68F, 0, 1},
                              {"with decay", 0.5F, 1, 327.68F, 0.25F, 1},
                          };
    recorded p;
    open_recorded(&p, TN_PRECISION_F32);
    for (size_t i = 0; i < TN_COUNT(f32); i++)
        check_replay(&p, &f32[i]);
    close_recorded(&p);
    open_recorded(&p, TN_PRECISION_F16);
    for (size_t i = 0; i < TN_COUNT(f16); i++)
        check_replay(&p, &f16[i]);
    close_recorded(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_are_those_of_double),
        cmocka_unit_test(the_loss_scale_is_looked_after),
        cmocka_unit_test(evaluation_leaves_the_scale_alone),
        cmocka_unit_test(replays_take_what_holds_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
