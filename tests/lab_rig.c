#include "lab_rig.h"

#include <string.h>

#include "graph/graph.h"

enum { FIRST_SCALE = 64 }; /* of f16: the lab's losses have few elements, and so large gradients */

/* For another batch all is inferred once more, from the options as they were given: for the same one nothing may be
 * different. */
static tn_status infer_again(const tn_graph *g)
{
    tn_graph *again = NULL;
    int64_t batch;
    TN_TRY(tn_graph_batch(g, &batch));
    TN_TRY(tn_graph_resize(&again, g, batch));
    for (size_t i = 0; i < g->num_nodes; i++)
        for (int j = 0; j < g->node[i]->num_out; j++)
            if (!tn_shape_equal(&g->node[i]->y[j], &again->node[i]->y[j]))
                fail_msg("%s: %s, inferred again %s", g->node[i]->name,
                         tn_shape_format(&g->node[i]->y[j]).text,
                         tn_shape_format(&again->node[i]->y[j]).text);
    tn_graph_destroy(again);
    return TN_OK;
}

/* The dimension of v that is the batch. */
static int batch_of(const tn_graph *g, tn_value v)
{
    const tn_made *made = &g->value[v.id - 1];
    const int batch = g->node[made->node]->y_batch[made->index];
    return batch < 0 ? TN_NO_BATCH : batch;
}

static tn_status build(lab_rig *r, const lab_answers *a)
{
    tn_shape shape;
    TN_TRY(tn_graph_create(&r->g));
    for (int i = 0; i < a->num_x; i++) {
        const char name[] = {'x', (char)('0' + i), 0};
        const bool no_batch = a->c->x[i].no_batch || a->x[i].shape.ndim == 0;
        r->x[i] =
            tn_input_batched(r->g, name, a->x[i].dtype, a->x[i].shape, no_batch ? TN_NO_BATCH : 0);
    }
    r->y = r->loss = a->op->build(r->g, r->x, a->num_x, a->c->opts);
    TN_TRY(tn_graph_status(r->g));
    TN_TRY(tn_value_shape(r->g, r->y, &shape));
    if (!a->op->loss) {
        r->target = tn_input_batched(r->g, "target", TN_F32, shape, batch_of(r->g, r->y));
        r->loss = tn_mse(r->g, r->y, r->target, NULL);
    }
    return infer_again(r->g);
}

int lab_runs(const tn_plan *p, const char *kernel)
{
    int count = 0;
    for (int i = 0; i < tn_plan_num_steps(p); i++) {
        tn_step_info step;
        if (tn_plan_step(p, i, &step) == TN_OK)
            count += strncmp(step.kernel, kernel, strlen(kernel)) == 0;
    }
    return count;
}

const char *lab_param_name(const tn_param_info *info)
{
    return *info->name ? info->name : info->node;
}

bool lab_is_param(const tn_param_info *info, const char *name)
{
    const size_t node = strlen(info->node);
    return strcmp(lab_param_name(info), name) == 0 ||
           (strncmp(info->node, name, node) == 0 && name[node] == '.' &&
            strcmp(name + node + 1, info->name) == 0);
}

int lab_find_param(const tn_plan *p, const char *name)
{
    tn_param_info info;
    for (int i = 0; i < tn_plan_num_params(p); i++)
        if (tn_plan_param(p, i, &info) == TN_OK && lab_is_param(&info, name))
            return i;
    return -1;
}

/* A tensor of a's numbers in the type that the plan takes; the caller frees data. */
static tn_tensor host(const lab_numbers *n)
{
    const tn_tensor t = {n->dtype, n->shape, lab_take(n->count, sizeof(float))};
    for (int64_t i = 0; i < n->count; i++)
        if (n->dtype == TN_F32)
            ((float *)t.data)[i] = (float)n->value[i];
        else if (n->dtype == TN_I32)
            ((int32_t *)t.data)[i] = (int32_t)n->value[i];
        else
            ((uint8_t *)t.data)[i] = (uint8_t)n->value[i];
    return t;
}

static tn_status set_all(const lab_rig *r, const lab_answers *a)
{
    tn_status status = TN_OK;
    for (int i = 0; i < a->num_x && status == TN_OK; i++) {
        const tn_tensor x = host(&a->x[i]);
        status = tn_plan_set(r->plan, r->x[i], x);
        free(x.data);
    }
    for (int i = 0; i < LAB_MAX_W && status == TN_OK; i++) {
        if (a->w[i].count == 0)
            continue;
        const tn_tensor w = host(&a->w[i]);
        status = tn_plan_param_set(r->plan, lab_find_param(r->plan, a->op->param[i].name),
                                   TN_PARAM_VALUE, w);
        free(w.data);
    }
    return status;
}

static tn_status set_target(const lab_rig *r, const lab_answers *a)
{
    if (a->op->loss)
        return TN_OK;
    const tn_tensor t = host(&a->target);
    const tn_status status = tn_plan_set(r->plan, r->target, t);
    free(t.data);
    return status;
}

tn_status lab_rig_open(lab_rig *r, const lab_answers *a, tn_device *d, bool training,
                       tn_plan_opts opts)
{
    TN_TRY(build(r, a));
    opts.seed = LAB_SEED;
    opts.loss_scale = FIRST_SCALE;
    opts.keep = &r->y;
    opts.num_keep = 1;
    if (training)
        opts.loss = r->loss;
    return tn_plan_create(&r->plan, r->g, d, &opts);
}

tn_status lab_rig_open_filled(lab_rig *r, const lab_answers *a, tn_device *d, bool training,
                              tn_plan_opts opts)
{
    TN_TRY(lab_rig_open(r, a, d, training, opts));
    TN_TRY(set_all(r, a));
    return training ? set_target(r, a) : TN_OK;
}

void lab_rig_close(lab_rig *r)
{
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    *r = (lab_rig){0};
}
