/*
 * Checkpoints: safetensors files of f32 tensors in canonical layout.
 *
 *     conv1.weight, bn1.running_mean    parameters and statistics
 *     optimizer.conv1.weight.momentum   what the optimizer keeps for a parameter it trains
 *     accumulated.conv1.weight          between the runs of an update: the sum of their gradients
 *     ema.conv1.weight, ema.bn1...      averages of parameters and statistics, of a plan that keeps such
 *
 *     tenon.version                     of the library that wrote it
 *     tenon.graph                       the text of the net, see <tenon/text.h>
 *     tenon.fit, .classes, .source      what the program said, see <tenon/checkpoint.h>
 * and, so that a run can go on,
 *     tenon.optimizer                   the optimizer and what it keeps, "adam m v"; "" if none
 *     tenon.updates, tenon.runs         how far the run had got: Adam's t, and dropout's stream
 *     tenon.sums                        of kept scalars, that nobody has asked for yet: how many replicas, then of each its sums
 *                                       and how many runs they are of
 *     tenon.accumulated                 how many runs that sum is of, and what it is divided by; "" if none
 *     tenon.skipped                     updates left out but in f16, if any
 *     tenon.loss_scale                  of f16: the scale, updates since it changed, updates left out
 */
#include <stdio.h>
#include <string.h>

#include <tenon/checkpoint.h>

#include "base/aside.h"
#include "base/number.h"
#include "io/checkpoint_parts.h"
#include "io/safetensors.h"

enum { OWN_META = 9 };

/* Keys of the library's own that are for the program to say. */
static const char *const said[] = {"tenon.fit",   "tenon.classes", "tenon.source", "tenon.recipe",
                                   "tenon.build", "tenon.report",  "tenon.kernels"};

static bool is_said(const char *key)
{
    for (size_t i = 0; i < TN_COUNT(said); i++)
        if (strcmp(said[i], key) == 0)
            return true;
    return false;
}

tn_status tn_checkpoint_check_meta(const tn_meta *meta, int count)
{
    if (count < 0 || (count > 0 && !meta))
        return tn_fail(TN_ERR_ARGUMENT, "checkpoint: %d strings of metadata%s", count,
                       meta ? "" : ", but no list of them");
    for (int i = 0; i < count; i++) {
        if (!meta[i].key || !meta[i].value || !meta[i].key[0])
            return tn_fail(TN_ERR_ARGUMENT, "checkpoint: metadata %d has no key or no value", i);
        if (strncmp(meta[i].key, "tenon.", 6) == 0 && !is_said(meta[i].key))
            return tn_fail(TN_ERR_ARGUMENT,
                           "checkpoint: metadata %s: keys with \"tenon.\" are the "
                           "library's, but for tenon.fit, tenon.classes, tenon.source and "
                           "tenon.recipe (of engines "
                           "tenon.build, tenon.report and tenon.kernels, too)",
                           meta[i].key);
        for (int j = 0; j < i; j++)
            if (strcmp(meta[i].key, meta[j].key) == 0)
                return tn_fail(TN_ERR_ARGUMENT, "checkpoint: metadata %s is there twice",
                               meta[i].key);
    }
    return TN_OK;
}

/* What is to be written: all, or the parameters alone, from which no run goes on. */
typedef struct saving {
    bool all;
    tn_plan_sum sum;
    const tn_meta *meta;
    int num_meta;
    char *graph; /* its text */
    char *sums;  /* likewise */
} saving;

static tn_status create(tn_safetensors_writer **out, const char *path, const tn_parts *list,
                        const tn_meta *own, size_t num_own, const saving *s)
{
    const size_t num_meta = num_own + (size_t)s->num_meta;
    tn_meta *all = tn_alloc(num_meta, sizeof *all);
    tn_safetensor *tensors = tn_alloc(list->count + 1, sizeof *tensors);
    tn_status status;
    if (!all || !tensors) {
        status = tn_no_memory("checkpoint", list->count * sizeof *tensors);
    } else {
        memcpy(all, own, num_own * sizeof *own);
        if (s->num_meta > 0)
            memcpy(all + num_own, s->meta, (size_t)s->num_meta * sizeof *s->meta);
        for (size_t i = 0; i < list->count; i++)
            tensors[i] = (tn_safetensor){
                .name = list->part[i].name, .dtype = TN_F32, .shape = list->part[i].shape};
        status = tn_safetensors_create(out, path, tensors, list->count, all, num_meta);
    }
    tn_free(tensors);
    tn_free(all);
    return status;
}

static tn_status begin_file(tn_safetensors_writer **out, tn_plan *plan, const char *path,
                            const tn_parts *list, const saving *s)
{
    const tn_optimizer_text optimizer = tn_optimizer_describe(plan);
    char updates[24], runs[24], skipped[24] = "", scale[96] = "", accumulated[64] = "";
    tn_plan_scaling scaling;
    TN_TRY(tn_plan_scaling_get(plan, &scaling));
    if (scaling.scales)
        tn_print(scale, sizeof scale, "%.9g %lld %lld", (double)scaling.scale,
                 (long long)scaling.growth, (long long)scaling.skipped);
    else if (scaling.skipped > 0)
        snprintf(skipped, sizeof skipped, "%lld", (long long)scaling.skipped);
    if (s->sum.runs > 0)
        tn_print(accumulated, sizeof accumulated, "%lld %.17g", (long long)s->sum.runs,
                 s->sum.weight);
    snprintf(updates, sizeof updates, "%lld", (long long)tn_plan_updates(plan));
    snprintf(runs, sizeof runs, "%lld", (long long)tn_plan_runs(plan));
    enum { ALWAYS = 2 };
    const tn_meta own[OWN_META] = {{"tenon.graph", s->graph},
                                   {"tenon.version", tn_version()},
                                   {"tenon.optimizer", optimizer.text},
                                   {"tenon.updates", updates},
                                   {"tenon.runs", runs},
                                   {"tenon.accumulated", accumulated},
                                   {"tenon.sums", s->sums},
                                   {"tenon.skipped", skipped},
                                   {"tenon.loss_scale", scale}};
    const size_t unsaid = *s->graph == '\0', num = s->all ? OWN_META : ALWAYS;
    return create(out, path, list, own + unsaid, num - unsaid, s);
}

/* One tensor after the other through one buffer. */
static tn_status write_parts(tn_safetensors_writer *w, tn_plan *plan, const tn_parts *list)
{
    void *buffer = tn_alloc_aligned(tn_parts_largest(list));
    if (!buffer)
        return tn_no_memory("checkpoint", tn_parts_largest(list));
    tn_status status = TN_OK;
    for (size_t i = 0; i < list->count && status == TN_OK; i++) {
        const tn_part *p = &list->part[i];
        status = tn_plan_param_get(plan, p->param, p->part, (tn_tensor){TN_F32, p->shape, buffer});
        if (status == TN_OK)
            status = tn_safetensors_write(w, buffer, p->bytes);
    }
    tn_free(buffer);
    return status;
}

/* "" of a net that no text can say: its program has it, and goes on by itself. */
static tn_status net_text(const tn_plan *plan, char **out)
{
    int64_t batch;
    tn_error_kept kept;
    tn_error_keep(&kept);
    const tn_status status = tn_plan_text(plan, out, &batch);
    if (status != TN_ERR_UNSUPPORTED)
        return status;
    tn_error_put_back(&kept);
    *out = tn_copy_text("");
    return *out ? TN_OK : tn_no_memory("checkpoint", 1);
}

static tn_status write_file(tn_plan *plan, const char *path, saving *s)
{
    tn_parts list = {0};
    tn_safetensors_writer *w = NULL;
    tn_status status = tn_parts_list(&list, plan, s->all, s->sum.runs > 0);
    if (status == TN_OK)
        status = net_text(plan, &s->graph);
    if (status == TN_OK)
        status = begin_file(&w, plan, path, &list, s);
    if (status == TN_OK)
        status = write_parts(w, plan, &list);
    if (status == TN_OK)
        status = tn_safetensors_commit(w);
    tn_safetensors_destroy(w);
    tn_free(s->graph);
    tn_parts_free(&list);
    return status;
}

/* By all ranks. */
static tn_status sums_text(tn_plan *plan, char **out)
{
    enum { DIGITS = 26 };
    const size_t each = tn_plan_num_tallies(plan);
    const size_t count = each * (size_t)tn_plan_replicas(plan), bytes = DIGITS * (count + 1);
    double *sum = tn_alloc(count + 1, sizeof *sum);
    char *text = tn_alloc(bytes, 1);
    tn_status status = sum && text ? TN_OK : tn_no_memory("sums", bytes);
    if (status == TN_OK && count > 0)
        status = tn_plan_tallies_get(plan, sum);
    if (status == TN_OK) {
        int used = snprintf(text, bytes, "%d", tn_plan_replicas(plan));
        for (size_t i = 0; i < count; i++)
            used += tn_print(text + used, bytes - (size_t)used, " %.17g", sum[i]);
    }
    tn_free(sum);
    if (status != TN_OK)
        tn_free(text);
    else
        *out = text;
    return status;
}

static tn_status save(tn_plan *plan, const char *path, bool all, const tn_meta *meta, int num_meta)
{
    saving s = {.all = all, .meta = meta, .num_meta = num_meta};
    TN_TRY(tn_checkpoint_check_meta(meta, num_meta));
    if (all)
        TN_TRY(tn_plan_check_trains(plan));
    if (all)
        TN_TRY(tn_plan_sum_get(plan, &s.sum));
    if (all)
        TN_TRY(sums_text(plan, &s.sums));
    const tn_status status =
        tn_plan_agree(plan, tn_plan_writes(plan) ? write_file(plan, path, &s) : TN_OK);
    tn_free(s.sums);
    return status;
}

tn_status tn_checkpoint_save(tn_plan *plan, const char *path, const tn_meta *meta, int num_meta)
{
    TN_NEED(plan, "plan");
    TN_NEED(path, "path");
    return save(plan, path, true, meta, num_meta);
}

tn_status tn_checkpoint_save_params(tn_plan *plan, const char *path, const tn_meta *meta,
                                    int num_meta)
{
    TN_NEED(plan, "plan");
    TN_NEED(path, "path");
    return save(plan, path, false, meta, num_meta);
}

/* The numbers, and room for a header. */
static tn_status probe(tn_plan *plan, const char *path)
{
    enum { HEADER_BYTES = 4096 };
    tn_parts list = {0};
    char *text = NULL;
    TN_TRY(net_text(plan, &text));
    size_t bytes = HEADER_BYTES + 2 * strlen(text); /* JSON may want two bytes for one */
    tn_free(text);
    tn_status status = tn_parts_list(&list, plan, true, tn_plan_accumulate(plan) > 1);
    for (size_t i = 0; i < list.count; i++)
        bytes += list.part[i].bytes;
    if (status == TN_OK)
        status = tn_aside_probe(path, bytes);
    tn_parts_free(&list);
    return status;
}

tn_status tn_checkpoint_probe(tn_plan *plan, const char *path)
{
    TN_NEED(plan, "plan");
    TN_NEED(path, "path");
    return tn_plan_agree(plan, tn_plan_writes(plan) ? probe(plan, path) : TN_OK);
}
