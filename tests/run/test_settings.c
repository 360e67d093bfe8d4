/*
 * What of an optimizer may change between updates: each update is the formula's in double with what holds then, from the
 * plan's own numbers; on every device, replayed or not, accumulated, in half precision, by several.
 */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "lab_op.h"
#include "lab_sim.h"

enum { ROWS = 8, WIDE = 6, OUT = 3, MOST = 256, UPDATES = 14 };

typedef struct kind {
    const char *why, *device;
    tn_precision precision;
    int accumulate;
} kind;

typedef struct rig {
    tn_device *device;
    tn_graph *g;
    tn_plan *plan;
    tn_value x, target;
    int slots;
} rig;

typedef struct method {
    const char *why;
    tn_optim (*sgd)(const tn_sgd_opts *);
    tn_optim (*adam)(const tn_adam_opts *);
    bool nesterov;
} method;

static const method methods[] = {
    {"sgd", .sgd = tn_sgd},
    {"nesterov", .sgd = tn_sgd, .nesterov = true},
    {"adam", .adam = tn_adam},
    {"adamw", .adam = tn_adamw},
};

/* From the update on. */
static const struct {
    const char *why;
    int update;
    tn_optim_settings set;
} changes[] = {
    {"as made", 0, {0.9F, 0.01F, 0.05F}},   {"less momentum", 3, {0.5F, 0.01F, 0.05F}},
    {"more decay", 5, {0.5F, 0.5F, 0.05F}}, {"clipped earlier", 7, {0.5F, 0.5F, 0.005F}},
    {"never clipped", 9, {0.5F, 0.5F, 0}},  {"no momentum", 10, {0, 0.5F, 0}},
    {"all at once", 12, {0.8F, 0, 0.1F}},
};

static void open_rig(rig *r, const kind *k, const method *m)
{
    const tn_optim_settings *s = &changes[0].set;
    assert_ok(tn_device_open(&r->device, k->device));
    assert_ok(tn_graph_create(&r->g));
    r->x = tn_input(r->g, "x", TN_F32, TN_SHAPE(ROWS, WIDE));
    r->target = tn_input(r->g, "target", TN_F32, TN_SHAPE(ROWS, OUT));
    tn_value y =
        tn_tanh(r->g, tn_dense(r->g, r->x, &(tn_dense_opts){.name = "a", .units = 5}), NULL);
    y = tn_dense(r->g, y, &(tn_dense_opts){.name = "b", .units = OUT});
    const tn_optim optim =
        m->sgd ? m->sgd(&(tn_sgd_opts){.momentum = s->momentum,
                                       .weight_decay = s->weight_decay,
                                       .nesterov = m->nesterov})
               : m->adam(&(tn_adam_opts){
                     .beta1 = s->momentum, .epsilon = 1e-3F, .weight_decay = s->weight_decay});
    r->slots = m->sgd ? 1 : 2;
    assert_ok(tn_plan_create(&r->plan, r->g, r->device,
                             &(tn_plan_opts){.loss = tn_mse(r->g, y, r->target, NULL),
                                             .optim = optim,
                                             .clip_norm = s->clip_norm,
                                             .precision = k->precision,
                                             .accumulate = k->accumulate,
                                             .loss_scale = 1024,
                                             .seed = 3}));
}

static void close_rig(rig *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
}

static void set_batch(const rig *r, int run)
{
    float x[ROWS * WIDE], target[ROWS * OUT];
    tn_random random = tn_random_begin(5, TN_RANDOM_TEST, (uint64_t)run);
    for (int i = 0; i < ROWS * WIDE; i++)
        x[i] = (float)tn_random_below(&random, 256) / 64 - 2;
    for (int i = 0; i < ROWS * OUT; i++)
        target[i] = (float)tn_random_below(&random, 256) / 64 - 2;
    assert_ok(tn_plan_set(r->plan, r->x, (tn_tensor){TN_F32, TN_SHAPE(ROWS, WIDE), x}));
    assert_ok(tn_plan_set(r->plan, r->target, (tn_tensor){TN_F32, TN_SHAPE(ROWS, OUT), target}));
}

/* One part of all parameters, behind each other. @return how many numbers */
static int get(const rig *r, int part, float *to)
{
    int count = 0;
    for (int i = 0; i < tn_plan_num_params(r->plan); i++) {
        tn_param_info info;
        int64_t own;
        assert_ok(tn_plan_param(r->plan, i, &info));
        assert_ok(tn_shape_count(&info.shape, &own));
        assert_true(count + own <= MOST);
        assert_ok(tn_plan_param_get(r->plan, i, part, (tn_tensor){TN_F32, info.shape, to + count}));
        count += (int)own;
    }
    return count;
}

/* What holds in the update, which the plan is told if it is new. */
static const tn_optim_settings *settle(const rig *r, int update)
{
    size_t i = TN_COUNT(changes) - 1;
    while (changes[i].update > update)
        i--;
    if (changes[i].update == update && i > 0)
        assert_ok(tn_plan_set_optim(r->plan, &changes[i].set));
    tn_optim_settings got;
    assert_ok(tn_plan_optim(r->plan, &got));
    assert_memory_equal(&got, &changes[i].set, sizeof got);
    return &changes[i].set;
}

/* ---- the formulas, in double ------------------------------------------------------------------ */

typedef struct state {
    float w[MOST], slot[2][MOST];
    double g[MOST];
    int count;
} state;

static double clip(const state *s, const tn_optim_settings *set)
{
    double sum = 0;
    for (int i = 0; i < s->count; i++)
        sum += s->g[i] * s->g[i];
    const double shrink = (double)set->clip_norm / (sqrt(sum) + 1e-6);
    return set->clip_norm > 0 && shrink < 1 ? shrink : 1;
}

static double want(const method *m, const state *s, const tn_optim_settings *set, double factor,
                   int t, int i)
{
    const double w = (double)s->w[i], momentum = (double)set->momentum,
                 decay = (double)set->weight_decay, rate = 0.05;
    const bool apart = m->adam == tn_adamw;
    const double g = s->g[i] * factor + (apart ? 0 : decay * w);
    const double a = momentum * (double)s->slot[0][i];
    if (m->sgd)
        return w - rate * (m->nesterov ? g + momentum * (a + g) : a + g);
    const double beta2 = (double)0.999F, first = a + (1 - momentum) * g,
                 second = beta2 * (double)s->slot[1][i] + (1 - beta2) * g * g;
    const double root = sqrt(second / (1 - pow(beta2, t)));
    return w * (apart ? 1 - rate * decay : 1) -
           rate * first / (1 - pow(momentum, t)) / (root + 1e-3);
}

/* Runs of one update; their mean gradient. */
static void run_and_read(const rig *r, const kind *k, int update, state *s)
{
    float g[MOST];
    memset(s, 0, sizeof *s);
    for (int i = 0; i < k->accumulate; i++) {
        set_batch(r, update * k->accumulate + i);
        assert_ok(tn_plan_run(r->plan));
        s->count = get(r, TN_PARAM_GRADIENT, g);
        for (int j = 0; j < s->count; j++)
            s->g[j] += (double)g[j] / k->accumulate;
    }
    get(r, TN_PARAM_VALUE, s->w);
    for (int i = 0; i < r->slots; i++)
        get(r, TN_PARAM_SLOT + i, s->slot[i]);
}

static void check_updates(const kind *k, const method *m, float *end)
{
    rig r;
    open_rig(&r, k, m);
    for (int update = 0; update < UPDATES; update++) {
        state s;
        const tn_optim_settings *set = settle(&r, update);
        run_and_read(&r, k, update, &s);
        const double factor = clip(&s, set);
        if (set->clip_norm > 0 && !(factor < 1))
            fail_msg("%s: nothing is clipped in update %d", k->why, update);
        assert_ok(tn_plan_update(r.plan, 0.05F));
        get(&r, TN_PARAM_VALUE, end);
        for (int i = 0; i < s.count; i++) {
            const double w = want(m, &s, set, factor, update + 1, i);
            if (!(fabs((double)end[i] - w) <= 2e-6 * (0.1 + fabs(w))))
                fail_msg("%s, %s, update %d: number %d is %.9g, not %.9g", k->why, m->why, update,
                         i, (double)end[i], w);
        }
    }
    close_rig(&r);
}

/* Without a look at results in between, which a device that replays would settle for. */
static void check_replayed(const kind *k, const method *m, const float *end)
{
    rig r;
    float got[MOST];
    open_rig(&r, k, m);
    for (int update = 0; update < UPDATES; update++) {
        for (int i = 0; i < k->accumulate; i++) {
            set_batch(&r, update * k->accumulate + i);
            assert_ok(tn_plan_run(r.plan));
        }
        settle(&r, update); /* behind the run this time */
        assert_ok(tn_plan_update(r.plan, 0.05F));
    }
    const int count = get(&r, TN_PARAM_VALUE, got);
    for (int i = 0; i < count; i++)
        if (got[i] != end[i])
            fail_msg("%s, %s: number %d is %.9g, and %.9g by single steps", k->why, m->why, i,
                     (double)got[i], (double)end[i]);
    close_rig(&r);
}

static void updates_are_the_formula_with_what_holds(void **unused)
{
    (void)unused;
    static const kind kinds[] = {
        {"cpu", "cpu", TN_PRECISION_F32, 1},
        {"reference", "cpu,reference", TN_PRECISION_F32, 1},
        {"cpu, accumulated", "cpu", TN_PRECISION_F32, 2},
        {"two cpus", "cpu:0-1,threads=2", TN_PRECISION_F32, 1},
        {"gpu", "sim:0,deterministic=on", TN_PRECISION_F32, 1},
        {"gpu, f16", "sim:0,deterministic=on", TN_PRECISION_F16, 1},
        {"gpu, bf16, accumulated", "sim:0,deterministic=on", TN_PRECISION_BF16, 2},
        {"gpu, f16, accumulated", "sim:0,deterministic=on", TN_PRECISION_F16, 2},
        {"gpu without replays", "sim:0,graph=off,deterministic=on", TN_PRECISION_F32, 1},
        {"two gpus", "sim:0-1,deterministic=on", TN_PRECISION_F16, 1},
    };
    const lab_sim *sim = lab_find_sim();
    if (!sim)
        print_message("skipped: GPUs, as this build has no simulated one\n");
    else
        sim->set_devices(2);
    for (size_t i = 0; i < TN_COUNT(kinds); i++)
        for (size_t j = 0; (sim || strncmp(kinds[i].device, "sim", 3)) && j < TN_COUNT(methods);
             j += LAB_SLOW ? 2 : 1) {
            float end[MOST];
            check_updates(&kinds[i], &methods[j], end);
            check_replayed(&kinds[i], &methods[j], end);
        }
}

static void a_change_needs_no_new_recording(void **unused)
{
    (void)unused;
    const kind k = {"gpu", "sim:0", TN_PRECISION_F32, 1};
    rig r;
    lab_need_sim(sim);
    open_rig(&r, &k, &methods[0]);
    for (int update = 0; update < 8; update++) {
        if (update == 4)
            sim->trace_begin();
        assert_ok(tn_plan_set_optim(
            r.plan, &(tn_optim_settings){0.1F * (float)update, 0.01F, 1 + (float)update}));
        set_batch(&r, update);
        assert_ok(tn_plan_run(r.plan));
        assert_ok(tn_plan_update(r.plan, 0.05F));
    }
    assert_int_equal(sim->trace_counts().graph_launches, 4);
    assert_int_equal(sim->trace_calls("cudaStreamBeginCapture"), 0);
    close_rig(&r);
}

static void what_cannot_be_is_refused(void **unused)
{
    (void)unused;
    static const struct {
        tn_optim_settings set;
        const char *error;
    } cases[] = {
        {{1, 0, 0}, "sgd: momentum 1 is not in [0, 1)"},
        {{NAN, 0, 0}, "sgd: momentum nan"},
        {{0.5F, -1, 0}, "sgd: weight_decay -1 is not in [0, inf)"},
        {{0.5F, INFINITY, 0}, "sgd: weight_decay inf"},
        {{0.5F, 0, -1}, "plan: clip_norm -1 is not in [0, inf)"},
    };
    const kind k = {"cpu", "cpu", TN_PRECISION_F32, 1};
    tn_optim_settings got;
    rig r;
    open_rig(&r, &k, &methods[0]);
    for (size_t i = 0; i < TN_COUNT(cases); i++) {
        assert_fails(tn_plan_set_optim(r.plan, &cases[i].set), TN_ERR_ARGUMENT, cases[i].error);
        assert_ok(tn_plan_optim(r.plan, &got));
        assert_memory_equal(&got, &changes[0].set, sizeof got);
    }
    tn_plan *p = NULL;
    const tn_value loss = tn_graph_value(r.g, "mse1");
    assert_ok(
        tn_plan_create(&p, r.g, r.device, &(tn_plan_opts){.loss = loss, .optim = tn_sgd(NULL)}));
    assert_fails(tn_plan_set_optim(p, &(tn_optim_settings){0.5F, 0, 0}), TN_ERR_ARGUMENT,
                 "sgd: the plan was made without momentum and keeps none: it cannot be 0.5 now");
    assert_ok(tn_plan_set_optim(p, &(tn_optim_settings){0, 0.5F, 1}));
    tn_plan_destroy(p);
    assert_ok(tn_plan_create(&p, r.g, r.device, &(tn_plan_opts){.loss = loss}));
    assert_fails(tn_plan_set_optim(p, &(tn_optim_settings){0}), TN_ERR_ARGUMENT,
                 "it was made without an optimizer");
    assert_fails(tn_plan_optim(p, &got), TN_ERR_ARGUMENT, "it was made without an optimizer");
    tn_plan_destroy(p);
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_are_the_formula_with_what_holds),
        cmocka_unit_test(a_change_needs_no_new_recording),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
