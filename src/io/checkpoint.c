/*
 * Checkpoints: safetensors files of f32 tensors in canonical layout.
 *
 *     conv1.weight, bn1.running_mean    parameters and statistics
 *     optimizer.conv1.weight.momentum   what the optimizer keeps for a parameter it trains
 *     accumulated.conv1.weight          between the runs of an update: the sum of their gradients
 *
 *     tenon.version                     of the library that wrote it
 *     tenon.optimizer                   the optimizer and what it keeps, "adam m v"; "" if none
 *     tenon.updates, tenon.runs         how far the run had got: Adam's t, and dropout's stream
 *     tenon.accumulated                 how many runs that sum is of, and what it is divided by; "" if none
 *     tenon.loss_scale                  of f16: the scale, updates since it changed, updates left out
 */
#include <errno.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/checkpoint.h>

#include "base/aside.h"
#include "base/number.h"
#include "io/safetensors.h"
#include "plan/plan_io.h"

/* One part of one parameter, and the tensor that it is in the file. */
typedef struct part {
    int param, part;
    char *name;
    tn_shape shape;
    size_t bytes;
} part;

typedef struct parts {
    part *part;
    size_t count, capacity;
} parts;

static void parts_free(parts *list)
{
    for (size_t i = 0; i < list->count; i++)
        tn_free(list->part[i].name);
    tn_free(list->part);
}

static tn_status parts_add(parts *list, int index, int number, const tn_param_info *info,
                           const char *slot)
{
    part p = {.param = index, .part = number, .shape = info->shape};
    TN_TRY(tn_shape_bytes(&info->shape, TN_F32, &p.bytes));
    TN_TRY(tn_grow((void **)&list->part, list->count, &list->capacity, sizeof p, "checkpoint"));
    p.name = number == TN_PARAM_SUM ? tn_format("accumulated.%s.%s", info->node, info->name)
             : slot                 ? tn_format("optimizer.%s.%s.%s", info->node, info->name, slot)
                                    : tn_format("%s.%s", info->node, info->name);
    if (!p.name)
        return tn_no_memory("checkpoint name", strlen(info->node) + strlen(info->name));
    list->part[list->count++] = p;
    return TN_OK;
}

/* Every tensor of the plan, in the order of its parameters; what the optimizer keeps and the sum of gradients only if
 * asked. */
static tn_status parts_list(parts *list, const tn_plan *plan, bool optimizer, bool sum)
{
    for (int i = 0; i < tn_plan_num_params(plan); i++) {
        tn_param_info info;
        TN_TRY(tn_plan_param(plan, i, &info));
        TN_TRY(parts_add(list, i, TN_PARAM_VALUE, &info, NULL));
        const char *slot;
        for (int s = 0; optimizer && info.trained && (slot = tn_plan_slot_name(plan, s)); s++)
            TN_TRY(parts_add(list, i, TN_PARAM_SLOT + s, &info, slot));
        if (sum && info.trained)
            TN_TRY(parts_add(list, i, TN_PARAM_SUM, &info, NULL));
    }
    return TN_OK;
}

/* Bytes of the largest tensor. */
static size_t largest(const parts *list)
{
    size_t most = 0;
    for (size_t i = 0; i < list->count; i++)
        most = list->part[i].bytes > most ? list->part[i].bytes : most;
    return most;
}

/* "sgd momentum": two optimizers with the same text can go on from each other's state. */
typedef struct optimizer_text {
    char text[64];
} optimizer_text;

static optimizer_text describe_optimizer(const tn_plan *plan)
{
    optimizer_text t;
    int used = snprintf(t.text, sizeof t.text, "%s", tn_plan_optim_name(plan));
    const char *slot;
    for (int s = 0; (slot = tn_plan_slot_name(plan, s)) && used < (int)sizeof t.text; s++)
        used += snprintf(t.text + used, sizeof t.text - (size_t)used, " %s", slot);
    return t;
}

/* ---- saving ----------------------------------------------------------------------------------- */

enum { OWN_META = 6 };

static tn_status check_meta(const tn_meta *meta, int count)
{
    if (count < 0 || (count > 0 && !meta))
        return tn_fail(TN_ERR_ARGUMENT, "checkpoint: %d strings of metadata%s", count,
                       meta ? "" : ", but no list of them");
    for (int i = 0; i < count; i++) {
        if (!meta[i].key || !meta[i].value || !meta[i].key[0])
            return tn_fail(TN_ERR_ARGUMENT, "checkpoint: metadata %d has no key or no value", i);
        if (strncmp(meta[i].key, "tenon.", 6) == 0)
            return tn_fail(TN_ERR_ARGUMENT,
                           "checkpoint: metadata %s: keys with \"tenon.\" are the "
                           "library's",
                           meta[i].key);
        for (int j = 0; j < i; j++)
            if (strcmp(meta[i].key, meta[j].key) == 0)
                return tn_fail(TN_ERR_ARGUMENT, "checkpoint: metadata %s is there twice",
                               meta[i].key);
    }
    return TN_OK;
}

static tn_status begin_file(tn_safetensors_writer **out, tn_plan *plan, const char *path,
                            const parts *list, const tn_plan_sum *sum, const tn_meta *meta,
                            size_t num_meta)
{
    const optimizer_text optimizer = describe_optimizer(plan);
    char updates[24], runs[24], scale[96] = "", accumulated[64] = "";
    tn_plan_scaling scaling;
    TN_TRY(tn_plan_scaling_get(plan, &scaling));
    if (scaling.scales)
        tn_print(scale, sizeof scale, "%.9g %lld %lld", (double)scaling.scale,
                 (long long)scaling.growth, (long long)scaling.skipped);
    if (sum->runs > 0)
        tn_print(accumulated, sizeof accumulated, "%lld %.17g", (long long)sum->runs, sum->weight);
    snprintf(updates, sizeof updates, "%lld", (long long)tn_plan_updates(plan));
    snprintf(runs, sizeof runs, "%lld", (long long)tn_plan_runs(plan));
    const tn_meta own[OWN_META] = {
        {"tenon.version", tn_version()},    {"tenon.optimizer", optimizer.text},
        {"tenon.updates", updates},         {"tenon.runs", runs},
        {"tenon.accumulated", accumulated}, {"tenon.loss_scale", scale}};
    tn_meta *all = tn_alloc(OWN_META + num_meta, sizeof *all);
    tn_safetensor *tensors = tn_alloc(list->count, sizeof *tensors);
    tn_status status;
    if (!all || !tensors) {
        status = tn_no_memory("checkpoint", list->count * sizeof *tensors);
    } else {
        memcpy(all, own, sizeof own);
        if (num_meta > 0)
            memcpy(all + OWN_META, meta, num_meta * sizeof *meta);
        for (size_t i = 0; i < list->count; i++)
            tensors[i] = (tn_safetensor){
                .name = list->part[i].name, .dtype = TN_F32, .shape = list->part[i].shape};
        status = tn_safetensors_create(out, path, tensors, list->count, all, OWN_META + num_meta);
    }
    tn_free(tensors);
    tn_free(all);
    return status;
}

/* One tensor after the other through one buffer. */
static tn_status write_parts(tn_safetensors_writer *w, tn_plan *plan, const parts *list)
{
    void *buffer = tn_alloc_aligned(largest(list));
    if (!buffer)
        return tn_no_memory("checkpoint", largest(list));
    tn_status status = TN_OK;
    for (size_t i = 0; i < list->count && status == TN_OK; i++) {
        const part *p = &list->part[i];
        status = tn_plan_param_get(plan, p->param, p->part, (tn_tensor){TN_F32, p->shape, buffer});
        if (status == TN_OK)
            status = tn_safetensors_write(w, buffer, p->bytes);
    }
    tn_free(buffer);
    return status;
}

static tn_status save(tn_plan *plan, const char *path, const tn_plan_sum *sum, const tn_meta *meta,
                      int num_meta)
{
    parts list = {0};
    tn_safetensors_writer *w = NULL;
    tn_status status = parts_list(&list, plan, true, sum->runs > 0);
    if (status == TN_OK)
        status = begin_file(&w, plan, path, &list, sum, meta, (size_t)num_meta);
    if (status == TN_OK)
        status = write_parts(w, plan, &list);
    if (status == TN_OK)
        status = tn_safetensors_commit(w);
    tn_safetensors_destroy(w);
    parts_free(&list);
    return status;
}

tn_status tn_checkpoint_save(tn_plan *plan, const char *path, const tn_meta *meta, int num_meta)
{
    tn_plan_sum sum;
    TN_NEED(plan, "plan");
    TN_NEED(path, "path");
    TN_TRY(check_meta(meta, num_meta));
    TN_TRY(tn_plan_sum_get(plan, &sum));
    return tn_plan_agree(plan,
                         tn_plan_writes(plan) ? save(plan, path, &sum, meta, num_meta) : TN_OK);
}

/* The numbers, and room for a header. */
static tn_status probe(tn_plan *plan, const char *path)
{
    enum { HEADER_BYTES = 4096 };
    parts list = {0};
    size_t bytes = HEADER_BYTES;
    tn_status status = parts_list(&list, plan, true, tn_plan_accumulate(plan) > 1);
    for (size_t i = 0; i < list.count; i++)
        bytes += list.part[i].bytes;
    if (status == TN_OK)
        status = tn_aside_probe(path, bytes);
    parts_free(&list);
    return status;
}

tn_status tn_checkpoint_probe(tn_plan *plan, const char *path)
{
    TN_NEED(plan, "plan");
    TN_NEED(path, "path");
    return tn_plan_agree(plan, tn_plan_writes(plan) ? probe(plan, path) : TN_OK);
}

/* ---- loading ---------------------------------------------------------------------------------- */

/* A number that the library wrote into the metadata. */
static tn_status counter(const tn_safetensors *f, const char *path, const char *key, int64_t *out)
{
    const char *text = tn_safetensors_meta(f, key);
    if (!text)
        return tn_fail(
            TN_ERR_FORMAT,
            "%s: does not say %s, so no run can go on from it; its parameters can be loaded", path,
            key);
    char *end;
    errno = 0;
    const long long number = strtoll(text, &end, 10);
    if (errno || end == text || *end || number < 0)
        return tn_fail(TN_ERR_FORMAT, "%s: %s is \"%s\", not a count", path, key, text);
    *out = number;
    return TN_OK;
}

/* What f16 training goes on with; a file of another precision has none, and its plan begins anew. */
static tn_status read_scaling(const tn_safetensors *f, const char *path, tn_plan_scaling *out)
{
    const char *text = tn_safetensors_meta(f, "tenon.loss_scale");
    long long growth, skipped;
    char *rest;
    int end = 0;
    *out = (tn_plan_scaling){0};
    if (!text || !*text)
        return TN_OK;
    out->scale = (float)tn_parse(text, &rest);
    if (sscanf(rest, " %lld %lld%n", &growth, &skipped, &end) != 2 || rest[end] ||
        !(out->scale >= 1 && out->scale <= FLT_MAX) || growth < 0 || growth > INT32_MAX ||
        skipped < 0)
        return tn_fail(TN_ERR_FORMAT, "%s: tenon.loss_scale is \"%s\"", path, text);
    out->scales = true;
    out->growth = growth;
    out->skipped = skipped;
    return TN_OK;
}

/* Of runs whose update was still to come. */
static tn_status read_sum(const tn_safetensors *f, const char *path, const tn_plan *plan,
                          tn_plan_sum *out)
{
    const char *text = tn_safetensors_meta(f, "tenon.accumulated");
    char *end;
    *out = (tn_plan_sum){0};
    if (!text || !*text)
        return TN_OK;
    errno = 0;
    out->runs = strtoll(text, &end, 10);
    if (!errno && end > text && *end == ' ')
        out->weight = tn_parse(end, &end);
    if (errno || end == text || *end || out->runs < 1 ||
        !(out->weight >= 0 && out->weight <= DBL_MAX))
        return tn_fail(TN_ERR_FORMAT, "%s: tenon.accumulated is \"%s\"", path, text);
    const int most = tn_plan_accumulate(plan);
    if (most > 1 && out->runs <= most)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT,
                   "%s: was written after %lld runs of an update, and the plan accumulates %d",
                   path, (long long)out->runs, most);
}

static tn_status check_optimizer(const tn_safetensors *f, const char *path, const tn_plan *plan)
{
    const char *wrote = tn_safetensors_meta(f, "tenon.optimizer");
    const optimizer_text ours = describe_optimizer(plan);
    if (wrote && strcmp(wrote, ours.text) == 0)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT,
                   "%s: was written with the optimizer \"%s\", the plan has \"%s\"", path,
                   wrote ? wrote : "", ours.text);
}

static tn_status check_part(const tn_safetensors *f, const char *path, const part *p)
{
    const tn_safetensor *t = tn_safetensors_find(f, p->name);
    if (!t)
        return tn_fail(TN_ERR_SHAPE, "%s: has no tensor %s", path, p->name);
    if (t->wrong)
        return tn_fail(TN_ERR_SHAPE, "%s: %s: %s", path, p->name, t->wrong);
    if (t->dtype != TN_F32)
        return tn_fail(TN_ERR_SHAPE, "%s: %s is %s, not F32", path, p->name, t->type);
    bool same = t->shape.ndim == p->shape.ndim;
    for (int i = 0; same && i < p->shape.ndim; i++)
        same = t->shape.dim[i] == p->shape.dim[i];
    if (same)
        return TN_OK;
    return tn_fail(TN_ERR_SHAPE, "%s: %s is %s, the plan's is %s", path, p->name,
                   tn_shape_format(&t->shape).text, tn_shape_format(&p->shape).text);
}

/* One tensor after the other through one buffer: a file may be as large as half of the memory. So what fails now, the
 * disk, memory or the device, comes too late to leave the plan as it was. */
static tn_status read_parts(const tn_safetensors *f, tn_plan *plan, const parts *list)
{
    void *buffer = tn_alloc_aligned(largest(list));
    if (!buffer)
        return tn_no_memory("checkpoint", largest(list));
    tn_status status = TN_OK;
    size_t done = 0;
    while (done < list->count) {
        const part *p = &list->part[done];
        status = tn_safetensors_read(f, tn_safetensors_find(f, p->name), buffer);
        if (status == TN_OK)
            status =
                tn_plan_param_set(plan, p->param, p->part, (tn_tensor){TN_F32, p->shape, buffer});
        if (status != TN_OK)
            break;
        done++;
    }
    tn_free(buffer);
    if (status != TN_OK && done > 0)
        status = tn_fail(status, "%s; %zu of %zu tensors are loaded, the others are as they were",
                         tn_error(), done, list->count);
    return status;
}

tn_status tn_checkpoint_load(tn_plan *plan, const char *path, tn_load_what what)
{
    TN_NEED(plan, "plan");
    TN_NEED(path, "path");
    const bool resume = what == TN_LOAD_RESUME;
    tn_safetensors *f = NULL;
    parts list = {0};
    int64_t updates = 0, runs = 0;
    tn_plan_scaling scaling, before;
    tn_plan_sum sum = {0};
    tn_status status = tn_safetensors_open(&f, path);
    if (status == TN_OK && resume)
        status = counter(f, path, "tenon.updates", &updates);
    if (status == TN_OK && resume)
        status = counter(f, path, "tenon.runs", &runs);
    if (status == TN_OK && resume)
        status = read_scaling(f, path, &scaling);
    if (status == TN_OK && resume)
        status = check_optimizer(f, path, plan);
    if (status == TN_OK && resume)
        status = read_sum(f, path, plan, &sum);
    if (status == TN_OK)
        status = parts_list(&list, plan, resume, sum.runs > 0);
    for (size_t i = 0; i < list.count && status == TN_OK; i++)
        status = check_part(f, path, &list.part[i]);
    if (status == TN_OK && resume)
        status = tn_plan_scaling_get(plan, &before);
    if (status == TN_OK && resume) /* first: a sum is kept times the loss scale */
        status = tn_plan_scaling_set(plan, &scaling);
    if (status == TN_OK) {
        status = read_parts(f, plan, &list);
        if (status != TN_OK && resume)
            (void)tn_plan_scaling_set(plan, &before); /* nothing is left to try if this fails too */
    }
    if (status == TN_OK && resume)
        status = tn_plan_restore(plan, updates, runs, &sum);
    parts_free(&list);
    tn_safetensors_close(f);
    return status;
}
