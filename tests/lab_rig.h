/*
 * A case of the op lab as a network and its plan.
 */
#ifndef TN_LAB_RIG_H
#define TN_LAB_RIG_H

#include "lab_answers.h"

typedef struct lab_rig {
    tn_graph *g;
    tn_value x[LAB_MAX_X], y, target, loss;
    tn_plan *plan;
} lab_rig;

/* A plan of the case, begun with nothing set; without `training` it has no loss. */
tn_status lab_rig_open(lab_rig *r, const lab_answers *a, tn_device *d, bool training,
                       tn_plan_opts opts);
/* The same with inputs, parameters and target set. */
tn_status lab_rig_open_filled(lab_rig *r, const lab_answers *a, tn_device *d, bool training,
                              tn_plan_opts opts);
void lab_rig_close(lab_rig *r);

/* How many steps are a kernel's whose description begins so. */
int lab_runs(const tn_plan *p, const char *kernel);

/* What the lab calls a parameter: the last part of its name; of tn_param() its name. */
const char *lab_param_name(const tn_param_info *info);
/* Is it that, or with the node before it, "conv.weight"? */
bool lab_is_param(const tn_param_info *info, const char *name);

/* Index of the parameter whose last name that is; -1 if there is none. */
int lab_find_param(const tn_plan *p, const char *name);

#endif
