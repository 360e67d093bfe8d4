/*
 * What an optimizer is, apart from any device.
 */
#ifndef TN_OPTIM_H
#define TN_OPTIM_H

#include <tenon/optim.h>

enum { TN_MAX_SLOTS = 2 };

typedef struct tn_optim_kind {
    const char *name;
    /* Completes the options; TN_ERR_ARGUMENT names the one that is out of range. */
    tn_status (*check)(tn_optim *optim);
    /* Names of what it keeps for each parameter, NULL-terminated: "momentum". At first all zero. */
    const char *const *(*slots)(const tn_optim *optim);
    /* The options that tn_optim_settings have; momentum is in [0, 1) and, but for 0, needs the first slot. */
    float *(*momentum)(tn_optim *optim);
    float *(*weight_decay)(tn_optim *optim);
} tn_optim_kind;

extern const tn_optim_kind tn_optim_kind_sgd, tn_optim_kind_adam, tn_optim_kind_adamw;

/* TN_ERR_ARGUMENT naming optimizer, field and value unless 0 <= value < limit (no NaN). */
tn_status tn_optim_check_field(const char *optim, const char *field, float value, float limit);

#endif
