#include "study.h"

#include <string.h>

/* ---- one plan ----------------------------------------------------------------------------- */

static tn_optim optim_of(const char *name)
{
    if (strcmp(name, "adam") == 0)
        return tn_adam(NULL);
    if (strcmp(name, "adamw") == 0)
        return tn_adamw(NULL);
    return tn_sgd(&(tn_sgd_opts){.momentum = 0.9f, .weight_decay = 5e-4f});
}

/* A file's net as it is: what it minimises, or its outputs. */
static tn_status make_of_file(planned *p, tn_device *device, const request *r, int64_t batch)
{
    const char *text = tn_model_fact(r->net.model, "tenon.graph");
    const tn_graph_read_opts as = {.name = r->net.path, .batch = batch, .classes = (int)r->classes};
    tn_plan_opts opts = {.precision = r->precision, .dry = true};
    const tn_status status = tn_graph_read(&p->g, text, strlen(text), &as);
    if (status != TN_OK)
        return status;
    if (!r->inference) {
        opts.loss = tn_graph_loss(p->g);
        opts.optim = optim_of(r->optim);
    }
    return tn_plan_create(&p->plan, p->g, device, &opts);
}

static tn_status make_network(planned *p, tn_device *device, const request *r, int64_t batch)
{
    tn_plan_opts opts = {.precision = r->precision, .dry = true, .num_keep = 1};
    const network_opts as = {
        .batch = batch, .size = r->size, .classes = (int)r->classes, .no_loss = r->inference};
    const tn_status status = network_make(&p->net, &r->net, &as);
    if (status != TN_OK)
        return status;
    const tn_value probabilities =
        r->inference ? tn_softmax(p->net.g, p->net.logits, NULL) : p->net.logits;
    opts.keep = &probabilities;
    if (!r->inference) {
        opts.keep = &p->net.loss.top_1;
        opts.loss = p->net.loss.loss;
        opts.optim = optim_of(r->optim);
    }
    return tn_plan_create(&p->plan, p->net.g, device, &opts);
}

tn_status plan_net(planned *p, tn_device *device, const request *r, int64_t batch)
{
    *p = (planned){0};
    const tn_graph *whole = r->net.model ? tn_model_graph(r->net.model) : NULL;
    const bool says = whole && (r->inference || tn_graph_loss(whole).id);
    const tn_status status =
        says ? make_of_file(p, device, r, batch) : make_network(p, device, r, batch);
    if (status != TN_OK)
        planned_free(p);
    return status;
}

void planned_free(planned *p)
{
    tn_plan_destroy(p->plan);
    tn_graph_destroy(p->g);
    network_free(&p->net);
    *p = (planned){0};
}

/* ---- what it takes ------------------------------------------------------------------------ */

static void count_parameters(study *s)
{
    for (int i = 0; i < tn_plan_num_params(s->p.plan); i++) {
        tn_param_info info;
        int64_t count;
        tn_must(tn_plan_param(s->p.plan, i, &info));
        tn_must(tn_shape_count(&info.shape, &count));
        s->parameters += strncmp(info.name, "running_", 8) == 0 ? 0 : count;
    }
}

static void add_up_steps(study *s)
{
    const tn_precision precision = tn_plan_precision(s->p.plan);
    s->bounded = tn_device_rates(s->device, precision, &s->flops, &s->bandwidth) == TN_OK;
    if (!s->bounded)
        snprintf(s->why_not, sizeof s->why_not, "%s", tn_error());
    for (int i = 0; i < tn_plan_num_steps(s->p.plan); i++) {
        tn_step_info step;
        double seconds = 0;
        tn_must(tn_plan_step(s->p.plan, i, &step));
        if (s->bounded)
            tn_must(tn_plan_lower_bound(s->p.plan, i, &seconds));
        s->seconds += seconds;
        s->total_flops += step.flops;
        s->forward += step.pass == TN_PASS_FORWARD ? step.flops : 0;
    }
}

tn_status study_make(study *s)
{
    const tn_status status = plan_net(&s->p, s->device, &s->r, s->r.batch);
    if (status != TN_OK)
        return status;
    s->memory = tn_plan_memory(s->p.plan);
    count_parameters(s);
    add_up_steps(s);
    return tn_device_memory(s->device, &s->device_memory, NULL);
}

void study_free(study *s)
{
    planned_free(&s->p);
}

/* ---- the largest batch -------------------------------------------------------------------- */

/* Does it fit? `bytes` is 0 if it cannot even be planned. */
static bool fits(study *s, int64_t batch, size_t *bytes)
{
    planned p;
    *bytes = 0;
    if (plan_net(&p, s->device, &s->r, batch) == TN_OK)
        *bytes = tn_plan_memory(p.plan).total;
    else
        snprintf(s->over_why, sizeof s->over_why, "%s", tn_error());
    planned_free(&p);
    return *bytes > 0 && *bytes <= s->device_memory;
}

/* Between two batches memory grows nearly in a line: where it would meet the limit. */
static int64_t guess(const study *s, int64_t low, size_t low_bytes, bool halve)
{
    const int64_t room = s->over - low;
    if (halve || s->over_bytes <= low_bytes)
        return low + room / 2;
    const double share =
        (double)(s->device_memory - low_bytes) / (double)(s->over_bytes - low_bytes);
    const int64_t step = (int64_t)(share * (double)room);
    return low + (step < 1 ? 1 : step >= room ? room - 1 : step);
}

void study_search(study *s)
{
    size_t low_bytes = 0, bytes;
    int64_t batch = s->r.batch;
    s->searched = true;
    for (int i = 0; batch <= LARGEST_BATCH; i++) {
        if (fits(s, batch, &bytes)) {
            s->largest = batch;
            low_bytes = bytes;
        } else {
            s->over = batch;
            s->over_bytes = bytes;
        }
        if (s->over == s->largest + 1 || s->largest == LARGEST_BATCH)
            return;
        batch = s->over                          ? guess(s, s->largest, low_bytes, i % 3 == 2)
                : 2 * s->largest < LARGEST_BATCH ? 2 * s->largest
                                                 : LARGEST_BATCH;
    }
}
