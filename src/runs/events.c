/*
 * The lines of log.jsonl. Each has e (kind), t (seconds of 1970, to the millisecond) and step (updates made).
 *
 *     start       v, config (digest), device, precision, bytes (of the plan), version, batches (of an epoch), steps
 *     step        epoch (from 1), batch (those of it that are done), loss, top1, rate, images_s, wait, and what the program logs;
 *                 norm of the gradients, and scale in f16, of a plan with a guard
 *     epoch       epoch, train {loss, top1, top5, images}, val likewise or null, per_class, best, seconds
 *     evaluate    val
 *     bad_file    path, reason
 *     warn        code, text
 *     end         state, reason, seconds
 *
 * Losses of steps are f32 (%.9g), sums and shares double (%.17g). What depends on the machine's speed is in t, images_s,
 * wait and seconds alone.
 */
#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/digest.h"
#include "base/escape.h"
#include "base/number.h"
#include "base/thread.h"
#include "runs/runs.h"

static void add_time(tn_json *j)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    char text[40];
    snprintf(text, sizeof text, "%lld.%03ld", (long long)now.tv_sec, now.tv_nsec / 1000000);
    tn_json_raw(j, "t", text);
}

tn_json *tn_run_line_begin(tn_run *run, const char *kind)
{
    tn_json *j = &run->line;
    tn_json_clear(j);
    tn_json_open(j, NULL, '{');
    tn_json_text(j, "e", kind);
    add_time(j);
    tn_json_count(j, "step", run->step);
    return j;
}

void tn_run_line_end(tn_run *run)
{
    tn_json_close(&run->line, '}');
    if (!run->writes)
        return;
    tn_error_kept kept;
    tn_error_keep(&kept);
    if (tn_json_end(&run->line) == TN_OK)
        tn_append_put(&run->log, run->line.text, run->line.length);
    else
        run->log.lost++;
    tn_error_put_back(&kept);
}

tn_status tn_run_line_must(tn_run *run)
{
    tn_json_close(&run->line, '}');
    TN_TRY(tn_json_end(&run->line));
    return tn_append_must(&run->log, run->line.text, run->line.length);
}

void tn_run_warn(tn_run *run, const char *code, const char *text)
{
    tn_json *j = tn_run_line_begin(run, "warn");
    tn_json_text(j, "code", code);
    tn_json_text(j, "text", text);
    tn_run_line_end(run);
}

void tn_run_tell_start(tn_run *run)
{
    const tn_run_opts *o = &run->opts;
    tn_json *j = tn_run_line_begin(run, "start");
    tn_json_count(j, "v", TN_RUN_VERSION);
    tn_json_text(j, "config", tn_digest_of(o->config, strlen(o->config)).text);
    tn_json_text(j, "device", tn_device_describe(o->device));
    tn_json_text(j, "precision", tn_precision_name(tn_plan_precision(o->plan)));
    tn_json_count(j, "bytes", (int64_t)tn_plan_memory(o->plan).total);
    tn_json_text(j, "version", tn_version());
    if (run->batches)
        tn_json_count(j, "batches", run->batches);
    if (o->steps)
        tn_json_count(j, "steps", o->steps);
    tn_run_line_end(run);
}

/* Rates since the line before, by this process's clock. */
static void add_speed(tn_run *run, tn_json *j)
{
    const double now = tn_now(), passed = now > run->lined ? now - run->lined : 1e-9;
    const double images_s = (double)run->images / passed;
    double wait = NAN;
    char text[40];
    tn_print(text, sizeof text, "%.6g", images_s);
    tn_json_raw(j, "images_s", text);
    if (run->opts.loader) {
        const double waited = tn_loader_time(run->opts.loader).waited;
        wait = (waited - run->waited) / passed;
        tn_print(text, sizeof text, "%.3g", wait);
        tn_json_raw(j, "wait", text);
        run->waited = waited;
    }
    tn_run_board_step(run, images_s, wait);
    run->lined = now;
    run->images = 0;
}

static double share(int64_t count, int64_t of)
{
    return of ? (double)count / (double)of : (double)NAN;
}

void tn_run_tell_step(tn_run *run, float rate)
{
    const tn_run_score s = tn_run_score_of(&run->window);
    run->last_loss = (float)(s.loss / (double)s.images);
    run->last_top_1 = share(s.top_1, s.images);
    run->last_rate = rate;
    run->has_last = true;
    tn_json *j = tn_run_line_begin(run, "step");
    tn_json_count(j, "epoch", run->epoch + 1);
    tn_json_count(j, "batch", run->index);
    if (run->opts.loss.id)
        tn_json_f32(j, "loss", run->last_loss);
    if (run->opts.top_1.id)
        tn_json_real(j, "top1", run->last_top_1);
    tn_json_f32(j, "rate", rate);
    add_speed(run, j);
    for (int i = 0; i < run->num_numbers; i++)
        tn_json_real(j, run->number[i].name, run->number[i].value);
    tn_run_line_end(run);
    run->num_numbers = 0;
    run->window = (tn_tally){0};
}

static void add_score(const tn_run *run, tn_json *j, const char *name, const tn_run_score *s)
{
    if (!s) {
        tn_json_raw(j, name, "null");
        return;
    }
    tn_json_open(j, name, '{');
    if (run->opts.loss.id)
        tn_json_real(j, "loss", s->loss / (double)s->images);
    if (run->opts.top_1.id)
        tn_json_real(j, "top1", share(s->top_1, s->images));
    if (run->opts.top_k.id)
        tn_json_real(j, "top5", share(s->top_5, s->images));
    tn_json_count(j, "images", s->images);
    tn_json_close(j, '}');
}

static void add_per_class(tn_json *j, const tn_run_score *s)
{
    if (!s || !s->per_class)
        return;
    tn_json_open(j, "per_class", '[');
    for (int i = 0; i < s->classes; i++)
        tn_json_real(j, NULL, s->per_class[i]);
    tn_json_close(j, ']');
}

void tn_run_add_seconds(tn_json *j, double seconds)
{
    char text[40];
    tn_print(text, sizeof text, "%.3f", seconds);
    tn_json_raw(j, "seconds", text);
}

void tn_run_tell_epoch(tn_run *run, const tn_run_score *train, const tn_run_score *val,
                       bool is_best)
{
    tn_json *j = tn_run_line_begin(run, "epoch");
    tn_json_count(j, "epoch", run->epoch);
    add_score(run, j, "train", train);
    add_score(run, j, "val", val);
    add_per_class(j, val);
    tn_json_bool(j, "best", is_best);
    tn_run_add_seconds(j, tn_now() - run->epoch_began);
    tn_run_line_end(run);
    tn_run_board_val(run, val);
}

void tn_run_tell_evaluated(tn_run *run, const tn_run_score *val)
{
    tn_json *j = tn_run_line_begin(run, "evaluate");
    tn_json_count(j, "epoch", run->epoch);
    add_score(run, j, "val", val);
    add_per_class(j, val);
    tn_run_line_end(run);
}

/* By the path as a line has it. */
static bool told_before(const tn_run *run, const char *path)
{
    char *text = run->num_before ? tn_text_escape(path) : NULL;
    bool found = false;
    for (size_t i = 0; i < run->num_before && text && !found; i++)
        found = run->before[i].kind == TN_TOLD_BAD && strcmp(run->before[i].text, text) == 0;
    tn_free(text);
    return found;
}

static void tell_bad_of(tn_run *run, const tn_loader *loader, int64_t *told)
{
    for (const int64_t found = loader ? tn_loader_num_bad(loader) : 0; *told < found; ++*told) {
        const char *path = tn_loader_bad_path(loader, *told);
        if (told_before(run, path))
            continue;
        tn_json *j = tn_run_line_begin(run, "bad_file");
        tn_json_text(j, "path", path);
        tn_json_text(j, "reason", tn_loader_bad_reason(loader, *told));
        tn_run_line_end(run);
    }
}

void tn_run_tell_bad(tn_run *run)
{
    tell_bad_of(run, run->opts.loader, &run->num_bad);
    tell_bad_of(run, run->opts.val_loader, &run->num_val_bad);
}

void tn_run_tell_end(tn_run *run, const char *reason)
{
    tn_json *j = tn_run_line_begin(run, "end");
    tn_json_text(j, "state", run->state);
    tn_json_text(j, "reason", reason);
    tn_run_add_seconds(j, tn_now() - run->began);
    tn_run_line_end(run);
}
