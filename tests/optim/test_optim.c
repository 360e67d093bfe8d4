#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cpu/device/cpu.h"
#include "base/random.h"
#include "lab.h"

extern const tn_optim_kernel *const tn_cpu_optims[];

static const tn_optim_kernel *find_kernel(const tn_optim *optim)
{
    for (int i = 0; tn_cpu_optims[i]; i++)
        if (strcmp(tn_cpu_optims[i]->optim, optim->kind->name) == 0)
            return tn_cpu_optims[i];
    fail_msg("the CPU has no %s", optim->kind->name);
    return NULL;
}

/* The optimizers of golden/make_optim.py. */
static const struct {
    const char *why, *golden;
    tn_optim (*make_sgd)(const tn_sgd_opts *);
    tn_optim (*make_adam)(const tn_adam_opts *);
    tn_sgd_opts sgd;
    tn_adam_opts adam;
} cases[] = {
    {"nothing kept", "sgd", .make_sgd = tn_sgd},
    {"decay alone", "sgd_decay", .make_sgd = tn_sgd, .sgd = {.weight_decay = 0.01f}},
    {"AlexNet's own", "sgd_momentum", .make_sgd = tn_sgd,
     .sgd = {.momentum = 0.9f, .weight_decay = 0.01f}},
    {"looks ahead", "sgd_nesterov", .make_sgd = tn_sgd,
     .sgd = {.momentum = 0.9f, .weight_decay = 0.01f, .nesterov = true}},
    {"all defaults", "adam", .make_adam = tn_adam},
    {"decay goes through the moments", "adam_decay", .make_adam = tn_adam,
     .adam = {.beta1 = 0.8f, .beta2 = 0.99f, .epsilon = 1e-3f, .weight_decay = 0.1f}},
    {"decay stays out of them", "adamw", .make_adam = tn_adamw, .adam = {.weight_decay = 0.1f}},
};

static tn_optim make(size_t i)
{
    tn_optim o =
        cases[i].make_sgd ? cases[i].make_sgd(&cases[i].sgd) : cases[i].make_adam(&cases[i].adam);
    assert_ok(o.kind->check(&o));
    return o;
}

/* ---- against PyTorch ---------------------------------------------------------------------- */

enum { COUNT = 45, ARENA = 64, STEPS = 200 };

/* Three groups with multipliers of their own, and stretches between them that belong to none. */
static const tn_param_range groups[] = {{0, 5, 1, 1}, {8, 45, 2, 0}, {48, 51, 0.1f, 4}};

/* Element number i of the golden in the arena. */
static size_t place(size_t i)
{
    for (size_t k = 0; k < TN_COUNT(groups); k++) {
        if (i < groups[k].end - groups[k].begin)
            return groups[k].begin + i;
        i -= groups[k].end - groups[k].begin;
    }
    return SIZE_MAX;
}

static void one_step(tn_optim_call *c, int step, float *g)
{
    for (size_t i = 0; i < COUNT; i++)
        g[place(i)] = (float)((step * 7919 + (int)i * 104729) % 2001 - 1000) / 1000;
    c->step = step;
    c->rate = 0.05f / (float)(1 + step / 10);
    assert_ok(find_kernel(c->optim)->update(c));
}

static void assert_golden(const char *name, int step, const float *w, char *line)
{
    strtok(line, " ");
    assert_int_equal(step, atoi(strtok(NULL, " ")));
    for (size_t i = 0; i < COUNT; i++) {
        const double want = strtod(strtok(NULL, " "), NULL), got = (double)w[place(i)];
        /* One rounding a step, which may add up as a random walk does. */
        if (!(fabs(got - want) <= 0x1p-23 * sqrt(step) * (2 + fabs(want))))
            fail_msg("%s, step %d: w[%zu] is %.9g, not %.9g", name, step, i, got, want);
    }
}

static void updates_are_those_of_pytorch(void **state)
{
    (void)state;
    FILE *f = fopen(lab_golden("optim.txt"), "r");
    assert_non_null(f);
    static char line[4096];
    for (size_t k = 0; k < TN_COUNT(cases); k++) {
        float w[ARENA], g[ARENA], slot[2][ARENA] = {{0}};
        for (size_t i = 0; i < ARENA; i++)
            w[i] = g[i] = NAN;
        for (size_t i = 0; i < COUNT; i++)
            w[place(i)] = (float)((int)(i * 37) % 21 - 10) / 10;
        const tn_optim optim = make(k);
        tn_optim_call c = {.device = &(tn_backend_device){.threads = 2},
                           .optim = &optim,
                           .scale = 0.5f,
                           .w = w,
                           .g = g,
                           .slot = {slot[0], slot[1]},
                           .range = groups,
                           .num_ranges = (int)TN_COUNT(groups)};
        const int shown[] = {1, 2, 3, 20, STEPS};
        for (int step = 1, next = 0; step <= STEPS; step++) {
            one_step(&c, step, g);
            if (step != shown[next])
                continue;
            assert_non_null(fgets(line, sizeof line, f));
            assert_memory_equal(line, cases[k].golden, strlen(cases[k].golden));
            assert_golden(cases[k].golden, step, w, line);
            next++;
        }
        for (size_t i = 5; i < 8; i++)
            assert_true(isnan(w[i]) && slot[0][i] == 0);
    }
    assert_null(fgets(line, sizeof line, f));
    fclose(f);
}

/* ---- threads and sizes -------------------------------------------------------------------- */

/* One that holds nearly all, as in AlexNet; single ones; none a multiple of a vector. */
static const tn_param_range uneven[] = {
    {0, 1, 1, 1},           {1, 18, 1, 2},          {32, 100035, 0.5f, 1},
    {100035, 100038, 1, 0}, {100038, 100141, 2, 1},
};
enum { UNEVEN = 100141, FEW = 3 };

typedef struct arenas {
    float w[UNEVEN], slot[2][UNEVEN];
} arenas;

static void run(const tn_optim *optim, int threads, const float *g, arenas *a)
{
    memset(a, 0, sizeof *a);
    for (size_t i = 0; i < UNEVEN; i++)
        a->w[i] = g[UNEVEN - 1 - i];
    tn_backend_device device = {.threads = threads};
    for (int step = 1; step <= FEW; step++)
        assert_ok(
            find_kernel(optim)->update(&(tn_optim_call){.device = &device,
                                                        .optim = optim,
                                                        .step = step,
                                                        .rate = 0.125f,
                                                        .scale = 1,
                                                        .w = a->w,
                                                        .g = g,
                                                        .slot = {a->slot[0], a->slot[1]},
                                                        .range = uneven,
                                                        .num_ranges = (int)TN_COUNT(uneven)}));
}

static void any_number_of_threads_gives_the_same_bits(void **state)
{
    (void)state;
    static float g[UNEVEN];
    static arenas one, more;
    tn_random r = tn_random_begin(1, TN_RANDOM_TEST, 0);
    for (size_t i = 0; i < UNEVEN; i++)
        g[i] = (float)tn_random_normal(&r);
    for (size_t k = 0; k < TN_COUNT(cases); k++) {
        const tn_optim optim = make(k);
        run(&optim, 1, g, &one);
        for (int threads = 2; threads <= 7; threads++) {
            run(&optim, threads, g, &more);
            assert_memory_equal(&one, &more, sizeof one);
        }
    }
}

/* Naive, in double, one element. */
static double reference(const tn_optim *optim, double w, double g, double rate, double times_decay)
{
    double m = 0, v = 0;
    for (int t = 1; t <= FEW; t++) {
        if (optim->kind == &tn_optim_kind_sgd) {
            const tn_sgd_opts *o = &optim->opts.sgd;
            const double d = g + (double)o->weight_decay * times_decay * w;
            v = (double)o->momentum * v + d;
            w -= rate * (o->nesterov ? d + (double)o->momentum * v : v);
            continue;
        }
        const tn_adam_opts *o = &optim->opts.adam;
        const double b1 = (double)o->beta1, b2 = (double)o->beta2;
        const double decay = (double)o->weight_decay * times_decay;
        const bool decoupled = optim->kind == &tn_optim_kind_adamw;
        const double d = decoupled ? g : g + decay * w;
        w -= decoupled ? rate * decay * w : 0;
        m = b1 * m + (1 - b1) * d;
        v = b2 * v + (1 - b2) * d * d;
        w -= rate * (m / (1 - pow(b1, t))) / (sqrt(v / (1 - pow(b2, t))) + (double)o->epsilon);
    }
    return w;
}

static void every_element_of_every_range_is_updated(void **state)
{
    (void)state;
    static float g[UNEVEN];
    static arenas a;
    tn_random r = tn_random_begin(2, TN_RANDOM_TEST, 0);
    for (size_t i = 0; i < UNEVEN; i++)
        g[i] = (float)tn_random_normal(&r);
    for (size_t k = 0; k < TN_COUNT(cases); k++) {
        const tn_optim optim = make(k);
        run(&optim, 2, g, &a);
        for (size_t n = 0, i = 0; n < TN_COUNT(uneven); n++) {
            for (; i < uneven[n].begin; i++)
                assert_true(a.w[i] == g[UNEVEN - 1 - i]);
            for (; i < uneven[n].end; i++) {
                const double want =
                    reference(&optim, (double)g[UNEVEN - 1 - i], (double)g[i],
                              0.125 * (double)uneven[n].rate, (double)uneven[n].decay);
                if (!(fabs((double)a.w[i] - want) <= 1e-6 * (1 + fabs(want))))
                    fail_msg("%s: w[%zu] is %.9g, not %.9g", cases[k].golden, i, (double)a.w[i],
                             want);
            }
        }
    }
}

/* ---- options ------------------------------------------------------------------------------ */

static void options_out_of_range_are_named(void **state)
{
    (void)state;
    const struct {
        const char *why, *says;
        tn_optim optim;
    } wrong[] = {
        {"1 never settles", "sgd: momentum 1 is not in [0, 1)",
         tn_sgd(&(tn_sgd_opts){.momentum = 1})},
        {"grows", "sgd: momentum 1.5 is not", tn_sgd(&(tn_sgd_opts){.momentum = 1.5f})},
        {"below 0", "sgd: momentum -0.1 is not", tn_sgd(&(tn_sgd_opts){.momentum = -0.1f})},
        {"no number", "sgd: momentum nan is not", tn_sgd(&(tn_sgd_opts){.momentum = NAN})},
        {"grows", "sgd: weight_decay -1 is not in [0, inf)",
         tn_sgd(&(tn_sgd_opts){.weight_decay = -1})},
        {"no number", "sgd: weight_decay inf is", tn_sgd(&(tn_sgd_opts){.weight_decay = INFINITY})},
        {"nothing to look ahead with", "sgd: nesterov needs a momentum",
         tn_sgd(&(tn_sgd_opts){.nesterov = true})},
        {"divides by 0", "adam: beta1 1 is not", tn_adam(&(tn_adam_opts){.beta1 = 1})},
        {"no number", "adam: beta2 nan is not", tn_adam(&(tn_adam_opts){.beta2 = NAN})},
        {"below 0", "adam: epsilon -1 is not", tn_adam(&(tn_adam_opts){.epsilon = -1})},
        {"names itself", "adamw: beta2 2 is not", tn_adamw(&(tn_adam_opts){.beta2 = 2})},
        {"grows", "adamw: weight_decay -2 is", tn_adamw(&(tn_adam_opts){.weight_decay = -2})},
    };
    for (size_t i = 0; i < TN_COUNT(wrong); i++) {
        tn_optim o = wrong[i].optim;
        assert_fails(o.kind->check(&o), TN_ERR_ARGUMENT, wrong[i].says);
    }
}

static void what_is_kept_is_named(void **state)
{
    (void)state;
    tn_optim o = tn_sgd(NULL);
    assert_ok(o.kind->check(&o));
    assert_null(o.kind->slots(&o)[0]);
    o = tn_sgd(&(tn_sgd_opts){.momentum = 0.5f});
    assert_string_equal(o.kind->slots(&o)[0], "momentum");
    assert_null(o.kind->slots(&o)[1]);
    o = tn_adamw(NULL);
    assert_ok(o.kind->check(&o));
    assert_true(o.opts.adam.beta1 == 0.9f && o.opts.adam.beta2 == 0.999f);
    assert_true(o.opts.adam.epsilon == 1e-8f && o.opts.adam.weight_decay == 0);
    assert_string_equal(o.kind->slots(&o)[0], "m");
    assert_string_equal(o.kind->slots(&o)[1], "v");
    assert_null(o.kind->slots(&o)[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_are_those_of_pytorch),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
        cmocka_unit_test(every_element_of_every_range_is_updated),
        cmocka_unit_test(options_out_of_range_are_named),
        cmocka_unit_test(what_is_kept_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
