/* Loading a checkpoint: all of it is looked at before the plan is touched. See checkpoint.c for the file. */
#include <errno.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/checkpoint.h>

#include "base/number.h"
#include "io/checkpoint_parts.h"
#include "io/safetensors.h"

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

static tn_status read_skipped(const tn_safetensors *f, const char *path, int64_t *out)
{
    const char *text = tn_safetensors_meta(f, "tenon.skipped");
    return text && *text ? counter(f, path, "tenon.skipped", out) : TN_OK;
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
        return read_skipped(f, path, &out->skipped);
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

/* Sums of kept scalars; `number` is NULL where the file has none, or those of other scalars. */
typedef struct sums {
    double *number;
    int replicas;
} sums;

static tn_status read_sums(const tn_safetensors *f, const char *path, const tn_plan *plan,
                           sums *out)
{
    const char *text = tn_safetensors_meta(f, "tenon.sums");
    const size_t each = tn_plan_num_tallies(plan);
    char *p;
    if (!text || !*text)
        return TN_OK;
    errno = 0;
    const long replicas = strtol(text, &p, 10);
    const bool right = !errno && p > text && replicas >= 1 && replicas <= TN_MAX_RANKS;
    size_t count = 0;
    for (const char *blank = right ? strchr(p, ' ') : NULL; blank; blank = strchr(blank + 1, ' '))
        count++;
    if (right && count != (size_t)replicas * each)
        return TN_OK;
    double *number = right ? tn_alloc(count + 1, sizeof *number) : NULL;
    if (right && !number)
        return tn_no_memory("sums", count * sizeof *number);
    size_t i = 0;
    for (; right && *p == ' ' && i < count; i++) {
        char *end;
        number[i] = tn_parse(p + 1, &end);
        if (end == p + 1)
            break;
        p = end;
    }
    if (!right || i < count || *p) {
        tn_free(number);
        return tn_fail(TN_ERR_FORMAT, "%s: tenon.sums is \"%.200s\"", path, text);
    }
    *out = (sums){number, (int)replicas};
    return TN_OK;
}

static tn_status check_optimizer(const tn_safetensors *f, const char *path, const tn_plan *plan)
{
    const char *wrote = tn_safetensors_meta(f, "tenon.optimizer");
    const tn_optimizer_text ours = tn_optimizer_describe(plan);
    if (wrote && strcmp(wrote, ours.text) == 0)
        return TN_OK;
    return tn_fail(TN_ERR_ARGUMENT,
                   "%s: was written with the optimizer \"%s\", the plan has \"%s\"", path,
                   wrote ? wrote : "", ours.text);
}

static tn_status check_part(const tn_safetensors *f, const char *path, const tn_part *p)
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
static tn_status read_parts(const tn_safetensors *f, tn_plan *plan, const tn_parts *list)
{
    void *buffer = tn_alloc_aligned(tn_parts_largest(list));
    if (!buffer)
        return tn_no_memory("checkpoint", tn_parts_largest(list));
    tn_status status = TN_OK;
    size_t done = 0;
    while (done < list->count) {
        const tn_part *p = &list->part[done];
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
    tn_parts list = {0};
    int64_t updates = 0, runs = 0;
    tn_plan_scaling scaling, before;
    tn_plan_sum sum = {0};
    sums kept = {0};
    tn_status status = resume ? tn_plan_check_trains(plan) : TN_OK;
    if (status == TN_OK)
        status = tn_safetensors_open(&f, path);
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
    if (status == TN_OK && resume)
        status = read_sums(f, path, plan, &kept);
    if (status == TN_OK)
        status = tn_parts_list(&list, plan, resume, sum.runs > 0);
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
    if (status == TN_OK && kept.number)
        status = tn_plan_tallies_set(plan, kept.number, kept.replicas);
    tn_free(kept.number);
    tn_parts_free(&list);
    tn_safetensors_close(f);
    return status;
}
