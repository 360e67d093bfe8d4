/*
 * Learning rate policies: tenon/optim.h has the formulas.
 *   Source: Caffe's src/caffe/solvers/sgd_solver.cpp, GetLearningRate(); cosine: Loshchilov and
 *   Hutter, arXiv:1608.03983, without restarts; warm-up: Goyal et al., arXiv:1706.02677, section 2.2.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <tenon/optim.h>

#include "base/base.h"

/* Each gives the factor of base at a step counted from the end of the warm-up. */

static double constant(const tn_rate *r, int64_t step)
{
    (void)r, (void)step;
    return 1;
}

static double by_step(const tn_rate *r, int64_t step)
{
    const int64_t falls = step / r->period;
    return pow(r->gamma, (double)falls);
}

/* How many entries of `at` there are. */
static int count_at(const tn_rate *r)
{
    int n = 1;
    while (n < TN_RATE_MAX_AT && r->at[n] != 0)
        n++;
    return n;
}

static double multistep(const tn_rate *r, int64_t step)
{
    int falls = 0;
    for (const int n = count_at(r); falls < n && r->at[falls] <= step;)
        falls++;
    return pow(r->gamma, falls);
}

static double exponential(const tn_rate *r, int64_t step)
{
    return pow(r->gamma, (double)step);
}

static double inverse(const tn_rate *r, int64_t step)
{
    return pow(1 + r->gamma * (double)step, -r->power);
}

/* How much of the run is done, 1 from its end on. */
static double progress(const tn_rate *r, int64_t step)
{
    const int64_t steps = r->steps - r->warmup;
    return step < steps ? (double)step / (double)steps : 1;
}

static double polynomial(const tn_rate *r, int64_t step)
{
    return pow(1 - progress(r, step), r->power);
}

static double sigmoid(const tn_rate *r, int64_t step)
{
    return 1 / (1 + exp(-r->gamma * (double)(step - r->period)));
}

static double cosine(const tn_rate *r, int64_t step)
{
    const double pi = 3.14159265358979323846;
    return (1 + cos(pi * progress(r, step))) / 2;
}

/* What a policy needs beside base. A sigmoid that falls has a gamma below 0. */
enum {
    NEEDS_GAMMA = 1,
    NEEDS_SLOPE = 2,
    NEEDS_POWER = 4,
    NEEDS_PERIOD = 8,
    NEEDS_AT = 16,
    NEEDS_STEPS = 32
};

static const struct {
    const char *name;
    double (*factor)(const tn_rate *r, int64_t step);
    unsigned needs;
} policies[] = {
    [TN_RATE_CONSTANT] = {"constant", constant, 0},
    [TN_RATE_STEP] = {"step", by_step, NEEDS_GAMMA | NEEDS_PERIOD},
    [TN_RATE_MULTISTEP] = {"multistep", multistep, NEEDS_GAMMA | NEEDS_AT},
    [TN_RATE_EXP] = {"exp", exponential, NEEDS_GAMMA},
    [TN_RATE_INV] = {"inv", inverse, NEEDS_GAMMA | NEEDS_POWER},
    [TN_RATE_POLY] = {"poly", polynomial, NEEDS_POWER | NEEDS_STEPS},
    [TN_RATE_SIGMOID] = {"sigmoid", sigmoid, NEEDS_SLOPE | NEEDS_PERIOD},
    [TN_RATE_COSINE] = {"cosine", cosine, NEEDS_STEPS},
};

static tn_status check_above_0(const char *policy, const char *field, double value)
{
    if (value > 0 && isfinite(value))
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT, "rate %s: %s is %g, not a number above 0", policy, field,
                   value);
}

static tn_status check_at(const tn_rate *r, const char *policy)
{
    const int n = count_at(r);
    if (n == 1 && r->at[0] == 0)
        return tn_fail(TN_ERR_ARGUMENT, "rate %s: at is empty", policy);
    for (int i = 0; i < TN_RATE_MAX_AT; i++) {
        const bool rises = i == 0 ? r->at[0] >= 0 : r->at[i] > r->at[i - 1];
        if (i < n ? !rises : r->at[i] != 0)
            return tn_fail(TN_ERR_ARGUMENT, "rate %s: at[%d] is %lld, not above the one before",
                           policy, i, (long long)r->at[i]);
    }
    return TN_OK;
}

tn_status tn_rate_check(const tn_rate *rate)
{
    TN_NEED(rate, "rate");
    const char *name = tn_rate_name(rate->policy);
    if (!name)
        return tn_fail(TN_ERR_ARGUMENT, "rate: %d is no policy", (int)rate->policy);
    const unsigned needs = policies[rate->policy].needs;
    if (rate->base != TN_ZERO)
        TN_TRY(check_above_0(name, "base", rate->base));
    if (needs & NEEDS_GAMMA)
        TN_TRY(check_above_0(name, "gamma", rate->gamma));
    if ((needs & NEEDS_SLOPE) && (rate->gamma == 0 || !isfinite(rate->gamma)))
        return tn_fail(TN_ERR_ARGUMENT, "rate %s: gamma is %g, not a number other than 0", name,
                       rate->gamma);
    if (needs & NEEDS_POWER)
        TN_TRY(check_above_0(name, "power", rate->power));
    if (needs & NEEDS_PERIOD)
        TN_TRY(check_above_0(name, "period", (double)rate->period));
    if (needs & NEEDS_AT)
        TN_TRY(check_at(rate, name));
    if (needs & NEEDS_STEPS)
        TN_TRY(check_above_0(name, "steps", (double)rate->steps));
    if (rate->warmup < 0)
        return tn_fail(TN_ERR_ARGUMENT, "rate %s: warmup is %lld, below 0", name,
                       (long long)rate->warmup);
    return TN_OK;
}

float tn_rate_at(const tn_rate *rate, int64_t step)
{
    if (tn_rate_check(rate) != TN_OK)
        return NAN;
    const double base = rate->base == TN_ZERO ? 0 : rate->base;
    if (step < rate->warmup)
        return (float)(base * (double)(step + 1) / (double)rate->warmup);
    return (float)(base * policies[rate->policy].factor(rate, step - rate->warmup));
}

const char *tn_rate_name(tn_rate_policy policy)
{
    return (size_t)policy < TN_COUNT(policies) ? policies[policy].name : NULL;
}

tn_status tn_rate_find(const char *name, tn_rate_policy *out)
{
    TN_NEED(name, "name");
    TN_NEED(out, "out");
    char names[128] = "";
    size_t used = 0;
    for (size_t i = 0; i < TN_COUNT(policies); i++) {
        if (strcmp(name, policies[i].name) == 0) {
            *out = (tn_rate_policy)i;
            return TN_OK;
        }
        used += (size_t)snprintf(names + used, sizeof names - used, i ? ", %s" : "%s",
                                 policies[i].name);
    }
    return tn_fail(TN_ERR_ARGUMENT, "no learning rate policy is called \"%s\"; there are %s", name,
                   names);
}
