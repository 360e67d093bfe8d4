/*
 * A plan of a single device, run: what the files of this folder have in common, and what a group asks before its
 * replicas do a thing.
 */
#ifndef TN_RUN_H
#define TN_RUN_H

#include "plan/plan.h"

/* single.c: a plan of one device; with a share it is a replica, and g is for its rows of the batch. */
tn_status tn_single_create(tn_plan **out, const tn_graph *g, tn_device *device,
                           const tn_plan_opts *opts, const tn_share *share);

/* What tn_plan_kind has of these names. */
tn_status tn_single_set(tn_plan *p, tn_value input, tn_tensor host);
tn_status tn_single_set_rows(tn_plan *p, int64_t rows);
tn_status tn_single_run(tn_plan *p);
tn_status tn_single_evaluate(tn_plan *p);
tn_status tn_single_update(tn_plan *p, float rate);
tn_status tn_single_profile(tn_plan *p, float rate, double *seconds);
tn_status tn_single_get(tn_plan *p, tn_value v, tn_tensor host);
tn_status tn_single_get_gradient(tn_plan *p, tn_value v, tn_tensor host);
tn_status tn_single_take_sum(tn_plan *p, tn_value v, double *sum, int64_t *runs, bool only_looks);
tn_status tn_single_get_tallies(tn_plan *p, double *to);
tn_status tn_single_set_tallies(tn_plan *p, const double *from);
tn_status tn_single_param_get(tn_plan *p, int index, int part, tn_tensor host);
tn_status tn_single_param_set(tn_plan *p, int index, int part, tn_tensor host);

tn_status tn_single_find_nonfinite(tn_plan *p, tn_nonfinite *out);

/* nonfinite.c: what was found, by numbers that mean the same in all replicas, and told by names. */
typedef struct tn_found_nonfinite {
    tn_nonfinite_part part;
    int32_t value, rank;
    float number;
    int64_t step, count, of, first, row;
    char device[sizeof((tn_nonfinite *)0)->device];
} tn_found_nonfinite;
tn_status tn_plan_look_for_nonfinite(tn_plan *p, tn_found_nonfinite *out);
void tn_plan_tell_nonfinite(const tn_plan *p, const tn_found_nonfinite *f, tn_nonfinite *out);

/* run.c: what every run begins with and no recording holds. */
tn_status tn_plan_begin(tn_plan *p, bool training);

/* beside.c: before the first run of an update, in it, and how many there have been that were averaged (results.c). */
tn_status tn_plan_keep_for_guard(tn_plan *p);
tn_status tn_plan_after_update(tn_plan *p, const tn_optim_call *c);
tn_status tn_plan_count_averages(tn_plan *p, int64_t *count);

/* record.c: runs the body of that kind, or replays it. */
tn_status tn_plan_do(tn_plan *p, tn_record_kind kind, tn_optim_call *update);
/* Does what is pending; first thing in all that looks at results. */
tn_status tn_plan_settle(tn_plan *p);
void tn_plan_drop_recordings(tn_plan *p);
/* Those that have an update in them are made anew. */
tn_status tn_plan_forget_updates(tn_plan *p);
/* Is it still to be run plainly for the first time, or to be recorded? */
bool tn_plan_is_new(const tn_plan *p, tn_record_kind kind);

/* share.c: what replicas do together; nothing in a plan that is the whole. Asks for the sums of what the
 * last run, or those that are summed up, left; takes what rank 0 has, where it is asked for. */
tn_status tn_plan_reduce(tn_plan *p);
tn_status tn_plan_sum_gradients(tn_plan *p); /* of the last run, to be read */
tn_status
tn_plan_collect(tn_plan *p); /* of runs whose update is still to come: all of it in rank 0 */
tn_status tn_plan_spread(tn_plan *p, bool training);
/* What is asked for next loads code, or records, or does not: see tn_collectives.carefully. */
tn_status tn_plan_carefully(tn_plan *p, bool on);
/* Of a bucket: its gradients are there; wait until they are those of all. */
tn_status tn_plan_bucket_done(tn_plan *p, int bucket);
tn_status tn_plan_bucket_await(tn_plan *p, int bucket);

/* check.c: whether these may be called now; a group asks before its replicas do. */
tn_status tn_plan_check_run(const tn_plan *p);
tn_status tn_plan_check_update(const tn_plan *p, float rate);
tn_status tn_plan_check_profile(const tn_plan *p, float rate);
tn_status tn_plan_check_again(const tn_plan *p); /* nonfinite.c */
tn_status tn_plan_check_runnable(const tn_plan *p);
tn_status tn_plan_check_inputs(const tn_plan *p); /* all have been set, before any kind of run */
tn_status tn_plan_check_tensor(const char *name, const tn_shape *shape, tn_dtype dtype,
                               const tn_tensor *host);
/* parameters.c: has it that part of the parameter, and does the tensor fit it? */
tn_status tn_plan_check_part(const tn_plan *p, int index, int part, const tn_tensor *host);
/* values.c, results.c: the value, or why it is none, of a plan that can run; settles what is pending. One that can
 * be set; read; whose gradient can be read; that is summed up. */
tn_status tn_plan_find_value(tn_plan *p, tn_value v, tn_plan_value **out);
tn_status tn_plan_find_input(tn_plan *p, tn_value v, tn_plan_value **out);
tn_status tn_plan_find_kept(tn_plan *p, tn_value v, tn_plan_value **out);
tn_status tn_plan_find_gradient(tn_plan *p, tn_value v, tn_plan_value **out);
tn_status tn_plan_find_summed(tn_plan *p, tn_value v, tn_plan_value **out);
/* execute.c: the bodies. One step; and what is due after it, which goes on in *bucket, from 0. */
tn_status tn_plan_run_step(tn_plan *p, size_t step);
tn_status tn_plan_run_next(tn_plan *p, size_t step, int *bucket);
tn_status tn_plan_run_steps(tn_plan *p, size_t count);
tn_status tn_plan_update_body(tn_plan *p, tn_optim_call *c);

/* trace.c: of a profile, and nothing while none is taken. Before a plan is asked for anything that is told of; a step, or another
 * span, begins: then *out is for end(); all is told, after waiting for it. */
tn_status tn_plan_trace_ready(tn_plan *p);
tn_status tn_plan_trace_step(tn_plan *p, int step, int *out);
tn_status tn_plan_trace_span(tn_plan *p, tn_lane lane, const char *kind, const char *name,
                             size_t bytes, int *out);
tn_status tn_plan_trace_end(tn_plan *p, int span);
tn_status tn_plan_trace_tell(tn_plan *p);
bool tn_plan_is_traced(const tn_plan *p); /* what it does now: then nothing is replayed */
void tn_plan_trace_free(tn_plan *p);

/* results.c: takes the loss scale out of a gradient on the host; what a sum of gradients has of it. */
tn_status tn_plan_unscale(tn_plan *p, const tn_shape *shape, float *gradient);
tn_status tn_plan_sum_factor(tn_plan *p, float *factor);

#endif
