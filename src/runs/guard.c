/*
 * After each update: are the loss and the norm of the gradients numbers, and does the loss move? If not, where it came from is
 * found by the run again (<tenon/nonfinite.h>), the batch is kept, and what is due is done and told by a line:
 *
 *     diverged   at (the step), what, loss, norm, part, node, value, count, of, first, row, number, device: see tn_nonfinite;
 *                epoch, batch, file (of that row), files (some of the batch's), kept, did (stop, skip, back, none), and of
 *                back: to, rate (what the user's is multiplied with from now on)
 *
 * All ranks find the same, as norms and losses are those of the whole batch.
 */
#include "runs/guard.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"

/* ---- looking ---------------------------------------------------------------------------------- */

/* In f16 a gradient that is too large for the loss scale is no fault, until the scale is 1. */
static tn_status norm_is_fine(tn_run *run, float norm, bool *fine)
{
    float scale = 1;
    *fine = isfinite(norm);
    if (!*fine && tn_plan_precision(run->opts.plan) == TN_PRECISION_F16) {
        TN_TRY(tn_plan_loss_scale(run->opts.plan, &scale));
        *fine = scale > 1;
    }
    return TN_OK;
}

static tn_status log_norm(tn_run *run, float norm)
{
    float scale;
    TN_TRY(tn_run_log(run, "norm", (double)norm));
    if (tn_plan_precision(run->opts.plan) != TN_PRECISION_F16)
        return TN_OK;
    TN_TRY(tn_plan_loss_scale(run->opts.plan, &scale));
    return tn_run_log(run, "scale", (double)scale);
}

/* In the run that was the last, unless one of the same step before it was found at fault already. */
static tn_status search(tn_run *run, tn_run_fault *f)
{
    const tn_run_early *early = &run->early;
    if (early->batch) {
        f->loss = early->loss;
        f->from = early->from;
        f->batch = &run->seen[early->batch - 1].batch;
        return TN_OK;
    }
    TN_TRY(tn_plan_find_nonfinite(run->opts.plan, &f->from));
    if (!f->from.node && run->num_seen > 1)
        f->batch = NULL;
    return TN_OK;
}

/* What is wrong with this step; what stays NULL: nothing. */
static tn_status look(tn_run *run, tn_run_fault *f)
{
    tn_plan *plan = run->opts.plan;
    bool fine;
    *f = (tn_run_fault){.at = run->step, .batch = &run->batch};
    TN_TRY(tn_plan_gradient_norm(plan, &f->norm));
    TN_TRY(log_norm(run, f->norm));
    if (run->opts.loss.id)
        TN_TRY(tn_plan_get(plan, run->opts.loss, (tn_tensor){TN_F32, {0}, &f->loss}));
    TN_TRY(norm_is_fine(run, f->norm, &fine));
    f->left_out = !isfinite(f->norm);
    if (!isfinite(f->loss) || run->early.batch)
        f->what = "loss";
    else if (!fine)
        f->what = "norm";
    else if (run->opts.loss.id && !f->left_out &&
             tn_run_is_stuck(&run->guard.stuck, &run->opts.guard, run->epoch, (double)f->loss))
        f->what = "stuck";
    return f->what && strcmp(f->what, "stuck") != 0 ? search(run, f) : TN_OK;
}

/* ---- telling ---------------------------------------------------------------------------------- */

static void add_source(tn_json *j, const tn_nonfinite *n)
{
    tn_json_text(j, "part", tn_nonfinite_part_name(n->part));
    tn_json_text(j, "node", n->node);
    if (!n->node)
        return;
    tn_json_text(j, "value", n->name);
    tn_json_count(j, "count", n->count);
    tn_json_count(j, "of", n->of);
    tn_json_count(j, "first", n->first);
    if (n->row >= 0)
        tn_json_count(j, "row", n->row);
    tn_json_text(j, "number", isnan(n->number) ? "nan" : n->number > 0 ? "inf" : "-inf");
    tn_json_count(j, "rank", n->rank);
}

static void add_names(const tn_run *run, tn_json *j, const tn_batch *b, int *count)
{
    enum { MOST = 16 };
    const char *name;
    for (int64_t i = 0; *count < MOST && (name = tn_run_row_name(run, b, i)); i++, ++*count)
        tn_json_text(j, NULL, name);
}

static void add_files(const tn_run *run, tn_json *j, const tn_run_fault *f)
{
    const char *name;
    const tn_batch *b = f->batch ? f->batch : &run->batch;
    int files = 0;
    tn_json_count(j, "epoch", b->epoch + 1);
    tn_json_count(j, "batch", b->index + 1);
    if (f->from.node && (name = tn_run_row_name(run, b, f->from.row)))
        tn_json_text(j, "file", name);
    tn_json_open(j, "files", '[');
    if (f->batch)
        add_names(run, j, b, &files);
    for (size_t i = 0; i < run->num_seen && !f->batch; i++)
        add_names(run, j, &run->seen[i].batch, &files);
    tn_json_close(j, ']');
    tn_json_text(j, "kept", f->kept[0] ? f->kept : NULL);
}

/* Before the run goes back: of its batch nothing is known then. */
static void begin_line(tn_run *run, tn_json *fields, const tn_run_fault *f)
{
    tn_json_clear(fields);
    tn_json_open(fields, NULL, '{');
    tn_json_count(fields, "at", f->at);
    tn_json_text(fields, "what", f->what);
    if (run->opts.loss.id)
        tn_json_f32(fields, "loss", f->loss);
    tn_json_f32(fields, "norm", f->norm);
    add_source(fields, &f->from);
    add_files(run, fields, f);
}

static tn_status end_line(tn_run *run, tn_json *fields, const char *did)
{
    tn_json_text(fields, "did", did);
    if (strcmp(did, "back") == 0) {
        tn_json_count(fields, "to", run->step);
        tn_json_real(fields, "rate", run->guard.rate);
    }
    tn_json_close(fields, '}');
    TN_TRY(tn_json_end(fields));
    return tn_run_event(run, "diverged", fields->text);
}

/* Its sign means nothing. */
static double unsigned_nan(float x)
{
    return isnan(x) ? (double)NAN : (double)x;
}

/* "step 12: the loss is nan; first in the output of fc1: 3 of 96, row 5 (house.jpg)" */
static tn_status fail(const tn_run *run, const tn_run_fault *f, const char *why)
{
    const tn_nonfinite *n = &f->from;
    char from[400] = "";
    const char *file = n->node && f->batch ? tn_run_row_name(run, f->batch, n->row) : NULL;
    if (n->node)
        snprintf(from, sizeof from, "; first in the %s of %.80s (at %.80s): %lld of %lld%s%.120s",
                 n->part == TN_NONFINITE_OUTPUT ? "output" : tn_nonfinite_part_name(n->part),
                 n->name, n->node, (long long)n->count, (long long)n->of, file ? ", of " : "",
                 file ? file : "");
    else if (!f->batch)
        snprintf(from, sizeof from, "; which of the step's %zu batches it is cannot be told",
                 run->num_seen);
    if (strcmp(f->what, "stuck") == 0)
        return tn_fail(TN_ERR_DIVERGED,
                       "step %lld: the loss has stood still at ln(%d), as of a net that tells "
                       "nothing apart, for %lld steps%s",
                       (long long)f->at, run->opts.guard.classes, (long long)run->opts.guard.stuck,
                       why);
    return tn_fail(TN_ERR_DIVERGED, "step %lld: the loss is %g and the gradients' norm %g%s%s",
                   (long long)f->at, unsigned_nan(f->loss), unsigned_nan(f->norm), from, why);
}

/* ---- doing ------------------------------------------------------------------------------------ */

/* The checkpoint is written again as the run is now, so that one that is killed from here on goes on at the lower rate,
 * too. */
static tn_status go_back(tn_run *run)
{
    tn_run_guarding now = run->guard;
    TN_TRY(tn_run_back(run, INT64_MAX));
    now.rate *= run->opts.guard.factor;
    now.backs++;
    now.skips = 0;
    now.stuck = (tn_run_stuck){0};
    run->guard = now;
    return tn_run_checkpoint(run, false);
}

static const char *choose(const tn_run *run, const tn_run_fault *f, const char **why)
{
    const tn_run_guard *g = &run->opts.guard;
    *why = "";
    if (g->on == TN_DIVERGED_BACK) {
        *why = "; it has gone back as often as is allowed";
        return run->guard.backs < g->most ? "back" : "stop";
    }
    if (g->on == TN_DIVERGED_SKIP && strcmp(f->what, "stuck") != 0) {
        *why = "; as many updates in a row are left out as are allowed";
        return !f->left_out ? "none" : run->guard.skips < g->most ? "skip" : "stop";
    }
    return "stop";
}

static tn_status act(tn_run *run, tn_run_fault *f, tn_json *fields, bool *back)
{
    const char *why, *did = choose(run, f, &why);
    if (strcmp(f->what, "stuck") != 0)
        tn_run_keep_guilty(run, f);
    run->guard.guilty += f->batch && f->batch->num_arrays > 0;
    begin_line(run, fields, f);
    *back = strcmp(did, "back") == 0;
    run->guard.skips += strcmp(did, "skip") == 0;
    if (*back)
        TN_TRY(go_back(run));
    TN_TRY(end_line(run, fields, did));
    return strcmp(did, "stop") == 0 ? fail(run, f, why) : TN_OK;
}

tn_status tn_run_guard_look(tn_run *run, bool *back)
{
    tn_run_fault f;
    tn_json fields = {0};
    *back = false;
    if (run->opts.guard.off || !tn_plan_guards(run->opts.plan))
        return TN_OK;
    TN_TRY(look(run, &f));
    if (!f.what) {
        run->guard.skips = f.left_out ? run->guard.skips : 0;
        return TN_OK;
    }
    const tn_status status = act(run, &f, &fields, back);
    tn_json_free(&fields);
    return status;
}

/* ---- what it is told ------------------------------------------------------------------------ */

tn_status tn_run_guard_check(const tn_run_opts *o)
{
    const tn_run_guard *g = &o->guard;
    if (g->on < TN_DIVERGED_STOP || g->on > TN_DIVERGED_BACK ||
        !(g->factor >= 0 && g->factor <= 1) || g->most < 0 || g->stuck < 0 || g->classes < 0)
        return tn_fail(
            TN_ERR_ARGUMENT,
            "run: guard: on %d, factor %g, most %d, stuck %lld, classes %d make no sense",
            (int)g->on, g->factor, g->most, (long long)g->stuck, g->classes);
    if (g->stuck > 0 && (g->classes < 2 || !o->loss.id))
        return tn_fail(TN_ERR_ARGUMENT,
                       "run: guard: whether a loss is stuck depends on the loss, and its classes, "
                       "of which there are %d",
                       g->classes);
    if (g->on != TN_DIVERGED_STOP && !tn_plan_guards(o->plan))
        return tn_fail(TN_ERR_ARGUMENT, "run: guard: its plan has none (tn_plan_opts.guard)");
    if (g->on == TN_DIVERGED_BACK && !o->folder)
        return tn_fail(TN_ERR_ARGUMENT,
                       "run: guard: without a folder there is nothing to go back to");
    return TN_OK;
}

void tn_run_guard_complete(tn_run *run)
{
    tn_run_guard *g = &run->opts.guard;
    TN_COMPLETE(g->factor, 0.5);
    g->most = g->most ? g->most : g->on == TN_DIVERGED_BACK ? 3 : 10;
    run->guard.rate = 1;
}

/* ---- what the program obeys ------------------------------------------------------------------- */

tn_run_orders tn_run_orders_of(const tn_run *run)
{
    tn_run_orders orders = run->now;
    const int64_t patience = orders.set.patience;
    orders.set.rate_scale *= run->guard.rate;
    orders.enough = patience > 0 && run->best.epoch > 0 && run->epoch - run->best.epoch >= patience;
    return orders;
}
