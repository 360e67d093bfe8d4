/*
 * What kinds of plans there are: of a single device (run/single.c), of a group of them (group/create.c). A kind has what depends on
 * it of <tenon/plan.h>, by the same names; kind.c calls it.
 */
#ifndef TN_PLAN_KIND_H
#define TN_PLAN_KIND_H

#include <stdio.h>

#include <tenon/nonfinite.h>
#include <tenon/plan.h>

/* To be done with a plan that does the work: one of a single device. */
typedef tn_status tn_plan_call(tn_plan *p, void *arg);

typedef struct tn_plan_kind {
    void (*destroy)(tn_plan *p);
    tn_status (*set)(tn_plan *p, tn_value input, tn_tensor host);
    tn_status (*set_rows)(tn_plan *p, int64_t rows);
    tn_status (*run)(tn_plan *p);
    tn_status (*evaluate)(tn_plan *p);
    tn_status (*update)(tn_plan *p, float rate);
    tn_status (*profile)(tn_plan *p, float rate, double *seconds);
    tn_status (*get)(tn_plan *p, tn_value v, tn_tensor host);
    tn_status (*get_gradient)(tn_plan *p, tn_value v, tn_tensor host);
    tn_status (*take_sum)(tn_plan *p, tn_value v, double *sum, int64_t *runs, bool only_looks);
    /* All sums as they are, of one replica after the other. */
    tn_status (*get_tallies)(tn_plan *p, double *to);
    tn_status (*set_tallies)(tn_plan *p, const double *from);
    tn_status (*find_nonfinite)(tn_plan *p, tn_nonfinite *out);
    tn_status (*param_get)(tn_plan *p, int index, int part, tn_tensor host);
    tn_status (*param_set)(tn_plan *p, int index, int part, tn_tensor host);
    /* What is to be said beside the description of the first; NULL: nothing. */
    void (*describe)(const tn_plan *p, FILE *to);

    /* A plan that does the work: itself, or the first of a group's; how many there are, in all processes. */
    const tn_plan *(*first)(const tn_plan *p);
    int (*count)(const tn_plan *p);
    /* Does call(plan, arg) for the first, or for each at the same time. `bytes`: of arg, of which a group makes
     * a copy. */
    tn_status (*do_first)(tn_plan *p, tn_plan_call *call, void *arg, size_t bytes);
    tn_status (*do_each)(tn_plan *p, tn_plan_call *call, void *arg, size_t bytes);
    /* The status of the first process that has another than TN_OK, in all of them. */
    tn_status (*agree)(tn_plan *p, tn_status status);
} tn_plan_kind;

#endif
