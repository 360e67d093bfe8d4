/*
 * solver: what Caffe's solver says of a training, as the words of "tenon.recipe" (checkpoint.h).
 *
 * Steps are Caffe's iterations. A rate moves there inside of what momentum keeps, v = m v + rate g, and here outside: the two
 * differ only in the first steps after a fall. Caffe clips the sum of iter_size gradients, Tenon their mean. Adam's delta
 * stands beside sqrt(v) there, and here beside sqrt(v / (1 - beta2^t)).
 */
#include "caffe/solver.h"

#include <stdarg.h>
#include <string.h>

#include <tenon/optim.h>

#include "base/number.h"

typedef struct words {
    tn_caffe *c;
    const tn_proto *from;
    char *text;
    size_t room;
} words;

static void put(const words *w, const char *format, ...) TN_PRINTF(2, 3);
static void put(const words *w, const char *format, ...)
{
    const size_t used = strlen(w->text);
    va_list args;
    if (used)
        tn_print(w->text + used, w->room - used, " ");
    va_start(args, format);
    tn_vprint(w->text + used + (used > 0), w->room - used - (used > 0), format, args);
    va_end(args);
}

static tn_status refuse(const words *w, const char *format, ...) TN_PRINTF(2, 3);
static tn_status refuse(const words *w, const char *format, ...)
{
    char why[300];
    va_list args;
    va_start(args, format);
    tn_vprint(why, sizeof why, format, args);
    va_end(args);
    return tn_fail(TN_ERR_UNSUPPORTED, "%s: the solver cannot be followed: %s", w->c->m->path, why);
}

/* ---- its parts -------------------------------------------------------------------------------- */

/* A number that it must say, since nobody could guess it. */
static tn_status need(const words *w, int number, const char *name)
{
    if (!tn_proto_has(w->from, number))
        return tn_fail(TN_ERR_FORMAT, "%s: the solver does not say %s", w->c->m->path, name);
    return TN_OK;
}

static tn_status put_optim(const words *w)
{
    static const char *const types[] = {"SGD",     "Nesterov", "AdaGrad",
                                        "RMSProp", "AdaDelta", "Adam"};
    const tn_proto *p = w->from;
    const tn_proto_span said = tn_proto_bytes(p, SOLVER_TYPE);
    int64_t type = tn_proto_int(p, SOLVER_OLD_TYPE, SOLVER_SGD);
    for (size_t i = 0; said.at && i < TN_COUNT(types); i++)
        if (tn_proto_is(p, SOLVER_TYPE, types[i]))
            type = (int64_t)i;
    if ((said.at &&
         (type < 0 || type > SOLVER_ADAM || !tn_proto_is(p, SOLVER_TYPE, types[type]))) ||
        (type != SOLVER_SGD && type != SOLVER_NESTEROV && type != SOLVER_ADAM))
        return refuse(w, "its type is %.*s; Tenon has SGD, Nesterov and Adam",
                      said.at ? (int)(said.size < 40 ? said.size : 40) : 40,
                      said.at                           ? (const char *)said.at
                      : type > 0 && type <= SOLVER_ADAM ? types[type]
                                                        : "of a number that is not known");
    put(w, "optim=%s", type == SOLVER_ADAM ? "adam" : "sgd");
    if (type == SOLVER_NESTEROV)
        put(w, "nesterov");
    put(w, "momentum=%.7g", tn_proto_real(p, SOLVER_MOMENTUM, 0));
    if (type == SOLVER_ADAM) {
        put(w, "beta2=%.7g", tn_proto_real(p, SOLVER_MOMENTUM2, 0.999));
        put(w, "epsilon=%.7g", tn_proto_real(p, SOLVER_DELTA, 1e-8));
    }
    return TN_OK;
}

static tn_status put_falls(const words *w)
{
    int64_t at[TN_RATE_MAX_AT];
    const size_t count = tn_proto_ints(w->from, SOLVER_AT, at, TN_RATE_MAX_AT);
    if (count < 1 || count > TN_RATE_MAX_AT)
        return refuse(w, "its rate falls at %zu steps (stepvalue), not at 1 to %d", count,
                      TN_RATE_MAX_AT);
    put(w, "rate-at=%lld", (long long)at[0]);
    for (size_t i = 1; i < count; i++) {
        const size_t used = strlen(w->text);
        tn_print(w->text + used, w->room - used, ",%lld", (long long)at[i]);
    }
    return TN_OK;
}

static tn_status put_rate(const words *w)
{
    static const struct {
        const char *caffe, *policy;
        bool gamma, power, period;
    } policies[] = {{"fixed", "constant", false, false, false},
                    {"step", "step", true, false, true},
                    {"exp", "exp", true, false, false},
                    {"inv", "inv", true, true, false},
                    {"multistep", "multistep", true, false, false},
                    {"poly", "poly", false, true, false},
                    {"sigmoid", "sigmoid", true, false, true}};
    const tn_proto *p = w->from;
    const tn_proto_span said = tn_proto_bytes(p, SOLVER_POLICY);
    TN_TRY(need(w, SOLVER_RATE, "base_lr"));
    TN_TRY(need(w, SOLVER_POLICY, "lr_policy"));
    put(w, "rate=%.7g", tn_proto_real(p, SOLVER_RATE, 0));
    for (size_t i = 0; i < TN_COUNT(policies); i++) {
        if (!tn_proto_is(p, SOLVER_POLICY, policies[i].caffe))
            continue;
        put(w, "rate-policy=%s", policies[i].policy);
        if (policies[i].gamma) {
            TN_TRY(need(w, SOLVER_GAMMA, "gamma"));
            put(w, "rate-gamma=%.7g", tn_proto_real(p, SOLVER_GAMMA, 0));
        }
        if (policies[i].power) {
            TN_TRY(need(w, SOLVER_POWER, "power"));
            put(w, "rate-power=%.7g", tn_proto_real(p, SOLVER_POWER, 0));
        }
        if (policies[i].period) {
            TN_TRY(need(w, SOLVER_PERIOD, "stepsize"));
            put(w, "rate-period=%lld", (long long)tn_proto_int(p, SOLVER_PERIOD, 0));
        }
        put(w, "warmup=0");
        return strcmp(policies[i].policy, "multistep") == 0 ? put_falls(w) : TN_OK;
    }
    return refuse(w,
                  "its lr_policy is %.*s; Tenon has fixed, step, exp, inv, multistep, poly and "
                  "sigmoid",
                  (int)(said.size < 40 ? said.size : 40), (const char *)said.at);
}

static tn_status put_rest(const words *w)
{
    const tn_proto *p = w->from;
    const double clip = tn_proto_real(p, SOLVER_CLIP, -1);
    const int64_t batches = tn_proto_int(p, SOLVER_ITER_SIZE, 1);
    const int64_t snapshot = tn_proto_int(p, SOLVER_SNAPSHOT, 0);
    const int64_t display = tn_proto_int(p, SOLVER_DISPLAY, 0);
    if (tn_proto_has(p, SOLVER_REGULARIZATION) && !tn_proto_is(p, SOLVER_REGULARIZATION, "L2"))
        return refuse(w, "its regularization_type is not L2");
    put(w, "decay=%.7g", tn_proto_real(p, SOLVER_DECAY, 0));
    if (tn_proto_has(p, SOLVER_STEPS))
        put(w, "steps=%lld", (long long)tn_proto_int(p, SOLVER_STEPS, 0));
    if (batches != 1)
        put(w, "accumulate=%lld", (long long)batches);
    if (clip > 0)
        put(w, "clip=%.7g", clip / (double)(batches > 0 ? batches : 1));
    if (tn_proto_int(p, SOLVER_SEED, -1) >= 0)
        put(w, "seed=%lld", (long long)tn_proto_int(p, SOLVER_SEED, -1));
    if (snapshot > 0)
        put(w, "save-steps=%lld", (long long)snapshot);
    if (display > 0)
        put(w, "log-every=%lld", (long long)display);
    return TN_OK;
}

/* ---- what has no place in a recipe ------------------------------------------------------------ */

static bool is_taken(int number)
{
    static const int taken[] = {
        SOLVER_TRAIN_NET,      SOLVER_RATE,      SOLVER_DISPLAY,     SOLVER_STEPS, SOLVER_POLICY,
        SOLVER_GAMMA,          SOLVER_POWER,     SOLVER_MOMENTUM,    SOLVER_DECAY, SOLVER_PERIOD,
        SOLVER_SNAPSHOT,       SOLVER_SEED,      SOLVER_TRAIN_PARAM, SOLVER_NET,   SOLVER_NET_PARAM,
        SOLVER_REGULARIZATION, SOLVER_OLD_TYPE,  SOLVER_DELTA,       SOLVER_AT,    SOLVER_CLIP,
        SOLVER_ITER_SIZE,      SOLVER_MOMENTUM2, SOLVER_TYPE};
    for (size_t i = 0; i < TN_COUNT(taken); i++)
        if (taken[i] == number)
            return true;
    return false;
}

static tn_status tell_passed_over(const words *w)
{
    char names[400] = "";
    for (const tn_proto_field *f = tn_caffe_solver; f->number; f++) {
        const size_t used = strlen(names);
        if (!is_taken(f->number) && tn_proto_has(w->from, f->number))
            tn_print(names + used, sizeof names - used, "%s%s", used ? ", " : "", f->name);
    }
    for (tn_proto_walk s = tn_proto_begin(w->from, TN_PROTO_STRAY); tn_proto_next(&s);) {
        const size_t used = strlen(names);
        tn_print(names + used, sizeof names - used, "%sline %.*s", used ? ", " : "",
                 (int)s.bytes.size, (const char *)s.bytes.at);
    }
    if (!names[0])
        return TN_OK;
    return tn_model_add_notice(w->c->m, "passed over of the solver: %s", names);
}

/* ---- all of it -------------------------------------------------------------------------------- */

bool tn_caffe_is_solver(const tn_proto *solver)
{
    return tn_proto_has(solver, SOLVER_RATE) || tn_proto_has(solver, SOLVER_NET) ||
           tn_proto_has(solver, SOLVER_TRAIN_NET) || tn_proto_has(solver, SOLVER_NET_PARAM) ||
           tn_proto_has(solver, SOLVER_TRAIN_PARAM);
}

tn_status tn_caffe_read_solver(tn_caffe *c, const tn_proto *solver)
{
    char recipe[1000] = "";
    const words w = {c, solver, recipe, sizeof recipe};
    TN_TRY(put_optim(&w));
    TN_TRY(put_rate(&w));
    TN_TRY(put_rest(&w));
    TN_TRY(tell_passed_over(&w));
    return tn_model_set_fact(c->m, "tenon.recipe", recipe);
}

tn_status tn_caffe_say_batch(tn_caffe *c)
{
    char recipe[1040];
    const char *so_far = tn_model_fact(c->m, "tenon.recipe");
    if (!c->trains || c->batch < 1)
        return TN_OK;
    tn_print(recipe, sizeof recipe, "%s%sbatch=%lld", so_far ? so_far : "", so_far ? " " : "",
             (long long)c->batch);
    return tn_model_set_fact(c->m, "tenon.recipe", recipe);
}

/* ---- its net ---------------------------------------------------------------------------------- */

bool tn_caffe_net_inside(const tn_proto *solver, tn_proto *net)
{
    return tn_proto_message(solver, SOLVER_TRAIN_PARAM, net) ||
           tn_proto_message(solver, SOLVER_NET_PARAM, net);
}

const char *tn_caffe_net_named(tn_caffe *c, const tn_proto *solver)
{
    tn_proto_span path = tn_proto_bytes(solver, SOLVER_TRAIN_NET);
    if (!path.size)
        path = tn_proto_bytes(solver, SOLVER_NET);
    return path.size ? tn_caffe_copy(c, path) : NULL;
}
