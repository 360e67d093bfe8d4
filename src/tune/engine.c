/*
 * engine: what was found becomes a fact of a model, "tenon.kernels", for each machine and number of rows
 *
 *     machine WHAT THE DEVICE SAYS OF ITSELF
 *     rows 1
 *     LAYER<tab>KERNEL
 *     ...
 */
#define _POSIX_C_SOURCE 200809L /* open_memstream */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/build.h>

#include "base/base.h"

/* One whose name has what ends a word there is chosen by rule. */
static bool can_be_said(const tn_kernel_choice *c)
{
    return !strpbrk(c->node, "\t\n") && !strpbrk(c->kernel, "\t\n");
}

/* What is said of others than this head, which ends in a line break. */
static void copy_others(const char *before, const char *head, FILE *to)
{
    for (const char *p = before; p && *p;) {
        const char *next = strstr(p + 1, "\nmachine ");
        const size_t length = next ? (size_t)(next - p) + 1 : strlen(p);
        if (strncmp(p, head, strlen(head)) != 0)
            fwrite(p, 1, length, to);
        p += length;
    }
}

static tn_status say(tn_model *m, const char *head, const tn_tuned *found)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        return tn_no_memory("engine", strlen(head));
    copy_others(tn_model_fact(m, "tenon.kernels"), head, to);
    fputs(head, to);
    for (int i = 0; i < found->num_kernels; i++)
        if (can_be_said(&found->kernels[i]))
            fprintf(to, "%s\t%s\n", found->kernels[i].node, found->kernels[i].kernel);
    const tn_status status = fclose(to) == 0 ? tn_model_tell(m, "tenon.kernels", text)
                                             : tn_no_memory("engine", strlen(head));
    free(text); /* the stream's, not of tn_alloc */
    return status;
}

tn_status tn_engine_tune(tn_model *model, tn_device *device, int64_t rows, const tn_tune_opts *tune,
                         tn_tuned **out)
{
    tn_tuned *found = NULL;
    TN_NEED(model, "model");
    TN_NEED(device, "device");
    if (!tn_model_graph(model))
        return tn_fail(TN_ERR_ARGUMENT, "a model without a net cannot be tuned");
    if (rows < 1)
        return tn_fail(TN_ERR_ARGUMENT, "tune: for %lld rows", (long long)rows);
    const tn_plan_opts opts = {.from = model, .batch = rows, .kept_weights = INFINITY};
    TN_TRY(tn_tune(&found, tn_model_graph(model), device, &opts, tune));
    char *head = tn_format("machine %s\nrows %lld\n", tn_device_describe(device), (long long)rows);
    const tn_status status = head ? say(model, head, found) : tn_no_memory("engine", 100);
    tn_free(head);
    if (status == TN_OK && out)
        *out = found;
    else
        tn_tuned_destroy(found);
    return status;
}
