#include <string.h>

#include "../common/json.h"
#include "../common/table.h"
#include "study.h"

static double mib(size_t bytes)
{
    return (double)bytes / (1 << 20);
}

static double gib(size_t bytes)
{
    return (double)bytes / (1 << 30);
}

/* What a training step or a forward pass is called. */
static const char *unit(const study *s)
{
    return s->r.inference ? "forward pass" : "training step";
}

/* ---- text --------------------------------------------------------------------------------- */

static void print_steps(const study *s)
{
    static const char *const heads[] = {"step",  "pass",      "node",        "op",         "engine",
                                        "GFLOP", "MiB moved", "MiB scratch", "at least us"};
    table t = {.columns = "rllllrrrr"};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        table_cell(&t, "%s", heads[i]);
    for (int i = 0; i < tn_plan_num_steps(s->p.plan); i++) {
        tn_step_info step;
        double seconds;
        tn_must(tn_plan_step(s->p.plan, i, &step));
        table_cell(&t, "%d", i);
        table_cell(&t, "%s", tn_pass_name(step.pass));
        table_cell(&t, "%s", step.node);
        table_cell(&t, "%s%s%s", step.op, step.fused ? "+" : "", step.fused ? step.fused : "");
        table_cell(&t, "%s", step.kernel);
        table_cell(&t, "%.3f", step.flops * 1e-9);
        table_cell(&t, "%.1f", mib(step.read + step.written));
        table_cell(&t, "%.1f", mib(step.scratch));
        if (s->bounded) {
            tn_must(tn_plan_lower_bound(s->p.plan, i, &seconds));
            table_cell(&t, "%.1f", seconds * 1e6);
        } else {
            table_cell(&t, "-");
        }
    }
    table_print(&t, stdout);
}

static void print_bound(const study *s)
{
    printf("work      %.3f GFLOP a %s, %.3f forward\n", s->total_flops * 1e-9, unit(s),
           s->forward * 1e-9);
    if (!s->bounded) {
        printf("no lower bounds: %s\n", s->why_not);
        return;
    }
    printf(
        "lower bound of a %s: %.3f ms, so no more than %.0f images/s. It is no forecast:\n"
        "  operations / %.1f TFLOP/s or bytes / %.0f GB/s, the peak rates of the card, whichever "
        "is more, step by step;\n"
        "  launches, and bringing images to the card, are not in it\n",
        unit(s), s->seconds * 1e3, (double)s->r.batch / s->seconds, s->flops * 1e-12,
        s->bandwidth * 1e-9);
}

static void print_largest(const study *s)
{
    if (!s->searched)
        return;
    if (s->largest == LARGEST_BATCH)
        printf("largest   batch: %d or more\n", LARGEST_BATCH);
    else if (s->over_bytes)
        printf("largest   batch that fits: %lld (%lld takes %.2f GiB)\n", (long long)s->largest,
               (long long)s->over, gib(s->over_bytes));
    else
        printf("largest   batch that can be planned: %lld (%lld: %s)\n", (long long)s->largest,
               (long long)s->over, s->over_why);
}

static void print_memory(const study *s)
{
    const tn_memory_plan *m = &s->memory;
    table t = {.columns = "lrr"};
    const struct {
        const char *what;
        size_t bytes;
    } rows[] = {
        {"parameters", m->params},       {"gradients", m->gradients},
        {"optimizer", m->optimizer},     {"activations", m->activations},
        {"  inputs in them", m->inputs}, {"  scratch in them", m->scratch},
        {"kept of weights", m->kept},    {"total", m->total},
    };
    printf("memory\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        table_cell(&t, "  %s", rows[i].what);
        table_cell(&t, "%zu bytes", rows[i].bytes);
        table_cell(&t, "%.1f MiB", mib(rows[i].bytes));
    }
    table_print(&t, stdout);
    printf("fits      %s: %.2f GiB of the %.2f that the device has in all; what its driver, its\n"
           "  libraries and other programs take of them is not counted\n",
           m->total <= s->device_memory ? "yes" : "no", gib(m->total), gib(s->device_memory));
}

void tell_text(const study *s)
{
    const request *r = &s->r;
    if (r->net.named)
        printf("network   %s, %lld x %lld, %lld classes, %lld parameters\n", r->net.named->about,
               (long long)r->size, (long long)r->size, (long long)r->classes,
               (long long)s->parameters);
    else
        printf("network   %s, %lld parameters\n", r->net.path, (long long)s->parameters);
    printf("plan      %s of %lld images%s%s, in %s\n", unit(s), (long long)r->batch,
           r->inference ? "" : ", ", r->inference ? "" : r->optim,
           tn_precision_name(tn_plan_precision(s->p.plan)));
    printf("device    %s\n\n", tn_device_describe(s->device));
    print_steps(s);
    printf("\n");
    print_bound(s);
    print_memory(s);
    print_largest(s);
}

/* ---- JSON --------------------------------------------------------------------------------- */

/* Numbers in the gradients that a step writes. */
static int64_t gradients_of(const tn_plan *plan, const tn_step_info *step)
{
    int64_t all = 0;
    for (int i = 0; step->pass == TN_PASS_BACKWARD && i < tn_plan_num_params(plan); i++) {
        tn_param_info info;
        int64_t count = 0;
        tn_must(tn_plan_param(plan, i, &info));
        if (info.trained && strcmp(info.node, step->node) == 0)
            tn_must(tn_shape_count(&info.shape, &count));
        all += count;
    }
    return all;
}

static void write_step(json *j, const study *s, int i)
{
    tn_step_info step;
    double seconds = 0;
    tn_must(tn_plan_step(s->p.plan, i, &step));
    json_object(j, NULL);
    json_text(j, "pass", tn_pass_name(step.pass));
    json_text(j, "node", step.node);
    json_text(j, "op", step.op);
    json_text(j, "fused", step.fused);
    json_text(j, "engine", step.kernel);
    json_text(j, "x_layout", step.x_layout);
    json_text(j, "y_layout", step.y_layout);
    json_array(j, "y");
    for (int d = 0; d < step.y.ndim; d++)
        json_count(j, NULL, step.y.dim[d]);
    json_end(j, ']');
    json_real(j, "flops", step.flops);
    json_count(j, "read_bytes", (int64_t)step.read);
    json_count(j, "written_bytes", (int64_t)step.written);
    json_count(j, "scratch_bytes", (int64_t)step.scratch);
    json_count(j, "gradients", gradients_of(s->p.plan, &step));
    if (s->bounded) {
        tn_must(tn_plan_lower_bound(s->p.plan, i, &seconds));
        json_real(j, "lower_bound_seconds", seconds);
    } else {
        json_null(j, "lower_bound_seconds");
    }
    json_end(j, '}');
}

static void write_memory(json *j, const study *s)
{
    const tn_memory_plan *m = &s->memory;
    json_object(j, "memory_bytes");
    json_count(j, "parameters", (int64_t)m->params);
    json_count(j, "gradients", (int64_t)m->gradients);
    json_count(j, "optimizer", (int64_t)m->optimizer);
    json_count(j, "activations", (int64_t)m->activations);
    json_count(j, "inputs_in_activations", (int64_t)m->inputs);
    json_count(j, "scratch_in_activations", (int64_t)m->scratch);
    json_count(j, "kept_of_weights", (int64_t)m->kept);
    json_count(j, "total", (int64_t)m->total);
    json_end(j, '}');
    json_count(j, "device_memory_bytes", (int64_t)s->device_memory);
    json_bool(j, "fits", m->total <= s->device_memory);
    if (s->searched)
        json_count(j, "largest_batch", s->largest);
    else
        json_null(j, "largest_batch");
}

static void write_bound(json *j, const study *s)
{
    json_real(j, "flops", s->total_flops);
    json_real(j, "forward_flops", s->forward);
    if (!s->bounded) {
        json_null(j, "peak_flops_per_second");
        json_null(j, "peak_bytes_per_second");
        json_null(j, "lower_bound_seconds");
        json_null(j, "images_per_second_upper_bound");
        json_text(j, "no_bound_because", s->why_not);
        return;
    }
    json_real(j, "peak_flops_per_second", s->flops);
    json_real(j, "peak_bytes_per_second", s->bandwidth);
    json_real(j, "lower_bound_seconds", s->seconds);
    json_real(j, "images_per_second_upper_bound", (double)s->r.batch / s->seconds);
}

/* 0: the file of the network has it, and nobody has said another. */
static void count_or_null(json *j, const char *name, int64_t number)
{
    if (number)
        json_count(j, name, number);
    else
        json_null(j, name);
}

void tell_json(const study *s)
{
    const request *r = &s->r;
    json j = {.to = stdout};
    json_object(&j, NULL);
    json_text(&j, "tenon", tn_version());
    json_text(&j, "device", tn_device_name(s->device));
    json_text(&j, "device_description", tn_device_describe(s->device));
    json_text(&j, "net", r->net.named ? r->net.named->name : r->net.path);
    json_count(&j, "parameters", s->parameters);
    json_count(&j, "batch", r->batch);
    count_or_null(&j, "size", r->size);
    count_or_null(&j, "classes", r->classes);
    json_text(&j, "precision", tn_precision_name(tn_plan_precision(s->p.plan)));
    json_bool(&j, "training", !r->inference);
    json_text(&j, "optimizer", r->inference ? NULL : r->optim);
    write_bound(&j, s);
    write_memory(&j, s);
    json_array(&j, "steps");
    for (int i = 0; i < tn_plan_num_steps(s->p.plan); i++)
        write_step(&j, s, i);
    json_end(&j, ']');
    json_end(&j, '}');
}
