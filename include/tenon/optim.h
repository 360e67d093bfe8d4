/**
 * @file
 * Optimizers and learning rates.
 *
 * In all formulas g is the gradient of the loss, w the parameter, r the rate given to
 * tn_plan_update() times the parameter's own multiplier, d the weight decay times the parameter's
 * own multiplier, t the number of the update, from 1.
 *
 * Threads: plain values and functions without a state; any thread may call all of them at once.
 */
#ifndef TENON_OPTIM_H
#define TENON_OPTIM_H

#include <stdbool.h>
#include <stdint.h>

#include <tenon/options.h>
#include <tenon/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/** g += d w;  v = momentum v + g;  w -= r (nesterov ? g + momentum v : v). As PyTorch: v begins at
 *  the first g. Keeps: v ("momentum").   Source: Sutskever et al. 2013. */
typedef struct tn_sgd_opts {
    float momentum;     /**< in [0, 1); default 0, and then nothing is kept */
    float weight_decay; /**< default 0 */
    bool nesterov;
} tn_sgd_opts;

/** Adam: g += d w. AdamW: w -= r d w, and g as it is. Then
 *  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
 *  w -= r (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon). Keeps: m ("m"), v ("v").
 *  Sources: Kingma and Ba, arXiv:1412.6980; Loshchilov and Hutter, arXiv:1711.05101. */
typedef struct tn_adam_opts {
    float beta1;        /**< in [0, 1); default 0.9; TN_ZERO for 0 */
    float beta2;        /**< in [0, 1); default 0.999 */
    float epsilon;      /**< not below 0; default 1e-8 */
    float weight_decay; /**< default 0 */
} tn_adam_opts;

/** How parameters are updated; a plain value, copied into the plan. All zero: no optimizer. */
typedef struct tn_optim {
    const struct tn_optim_kind *kind;
    union {
        tn_sgd_opts sgd;
        tn_adam_opts adam;
    } opts;
} tn_optim;

/** What of an optimizer may change while a plan is trained: tn_plan_set_optim(). 0 means 0 in each. */
typedef struct tn_optim_settings {
    float momentum;     /**< in [0, 1); of adam and adamw: beta1 */
    float weight_decay; /**< before parameters' own multipliers */
    float clip_norm;    /**< gradients are scaled down to this global 2-norm; 0: not */
} tn_optim_settings;

/** Options are copied and NULL means all defaults; tn_plan_create() reports those out of range. */
TN_API tn_optim tn_sgd(const tn_sgd_opts *opts);
TN_API tn_optim tn_adam(const tn_adam_opts *opts);
TN_API tn_optim tn_adamw(const tn_adam_opts *opts);

/** How the learning rate moves with the step, counted from 0. Formulas: Caffe's solver, plus cosine. */
typedef enum tn_rate_policy {
    TN_RATE_CONSTANT,  /**< base */
    TN_RATE_STEP,      /**< base * gamma ^ floor(step / period) */
    TN_RATE_MULTISTEP, /**< base * gamma ^ (how many of `at` are <= step) */
    TN_RATE_EXP,       /**< base * gamma ^ step */
    TN_RATE_INV,       /**< base * (1 + gamma * step) ^ -power */
    TN_RATE_POLY,      /**< base * (1 - step / steps) ^ power; 0 from `steps` on */
    TN_RATE_SIGMOID,   /**< base / (1 + exp(-gamma * (step - period))) */
    TN_RATE_COSINE     /**< base * (1 + cos(pi * step / steps)) / 2; 0 from `steps` on */
} tn_rate_policy;

enum { TN_RATE_MAX_AT = 16 };

/** A learning rate schedule; a plain value. */
typedef struct tn_rate {
    tn_rate_policy policy;
    double base; /**< required; TN_ZERO for a rate of 0 */
    double gamma, power;
    int64_t period; /**< steps between two falls, or where the sigmoid is in the middle */
    int64_t at[TN_RATE_MAX_AT]; /**< rising; the first 0 after at[0] ends it */
    int64_t steps;              /**< of the whole run */
    int64_t warmup;             /**< first the rate rises in a line from base / warmup to base over
                                      this many steps; the policy's own count begins after them, and
                                      `steps` counts them in */
} tn_rate;

/** @return TN_ERR_ARGUMENT naming the field if a number the policy needs is missing or wrong. */
TN_API TN_CHECKED tn_status tn_rate_check(const tn_rate *rate);

/** The rate of update number @p step, from 0. NaN, which no update takes, where tn_rate_check() fails. */
TN_API float tn_rate_at(const tn_rate *rate, int64_t step);

/** @return "constant", "step", ...; NULL for a value that is not a policy. */
TN_API const char *tn_rate_name(tn_rate_policy policy);

/** The policy with that name. @return TN_ERR_ARGUMENT listing the names if there is none. */
TN_API TN_CHECKED tn_status tn_rate_find(const char *name, tn_rate_policy *out);

#ifdef __cplusplus
}
#endif
#endif
