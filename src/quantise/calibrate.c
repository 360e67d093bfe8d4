/*
 * calibrate: the scales of values, from how often which number comes in rows of pictures; and how much noise whole numbers make.
 */
#include <math.h>

#include "quantise/histogram.h"
#include "quantise/quantise.h"

typedef struct counting {
    const tn_grids *q;
    tn_value *keep;
    tn_histogram *of; /* of each kept value */
    int count;
} counting;

static tn_status count_batch(void *arg, tn_rows *r, int64_t rows)
{
    const counting *c = arg;
    for (int i = 0; i < c->count; i++) {
        const float *x;
        int64_t count;
        TN_TRY(tn_rows_get(r, c->keep[i], rows, &x, &count));
        if (!tn_histogram_add(&c->of[i], x, count))
            return tn_fail(TN_ERR_ARGUMENT, "quantise: %s has numbers that are NaN or infinite",
                           tn_value_name(c->q->g, c->keep[i]));
    }
    return TN_OK;
}

tn_status tn_grids_calibrate(tn_grids *q, tn_device *device, tn_loader *pictures, int64_t rows)
{
    counting c = {.q = q};
    c.keep = tn_arena_alloc(&q->arena, q->g->num_values, sizeof *c.keep);
    if (!c.keep)
        return tn_no_memory("quantise", q->g->num_values * sizeof *c.keep);
    for (size_t i = 0; i < q->g->num_values; i++)
        if (q->reads[i])
            c.keep[c.count++] = (tn_value){(int32_t)i + 1, q->g->number};
    c.of = tn_alloc((size_t)c.count, sizeof *c.of);
    if (!c.of)
        return tn_no_memory("quantise", (size_t)c.count * sizeof *c.of);
    const tn_status status = tn_rows_each(&(tn_each){.model = q->model,
                                                     .device = device,
                                                     .loader = pictures,
                                                     .most = rows,
                                                     .keep = c.keep,
                                                     .num_keep = c.count,
                                                     .does = count_batch,
                                                     .arg = &c});
    for (int i = 0; i < c.count && status == TN_OK; i++)
        q->scale[c.keep[i].id - 1] = tn_histogram_scale(&c.of[i], tn_grids_most(q, c.keep[i].id));
    tn_free(c.of);
    return status;
}

/* ---- noise ------------------------------------------------------------------------------------ */

typedef struct listening {
    tn_value *keep; /* a layer's output, then its twin's */
    size_t *node;
    double *signal, *noise;
    int layers;
    float *first; /* a copy of the former */
    int64_t room;
} listening;

static tn_status take_first(listening *l, const float *x, int64_t count)
{
    if (count > l->room) {
        tn_free(l->first);
        l->room = 0;
        l->first = tn_alloc((size_t)count, sizeof *l->first);
        if (!l->first)
            return tn_no_memory("quantise", (size_t)count * sizeof *l->first);
        l->room = count;
    }
    for (int64_t i = 0; i < count; i++)
        l->first[i] = x[i];
    return TN_OK;
}

static tn_status listen(void *arg, tn_rows *r, int64_t rows)
{
    listening *l = arg;
    for (int k = 0; k < l->layers; k++) {
        const float *x;
        int64_t count;
        TN_TRY(tn_rows_get(r, l->keep[2 * k], rows, &x, &count));
        TN_TRY(take_first(l, x, count));
        TN_TRY(tn_rows_get(r, l->keep[2 * k + 1], rows, &x, &count));
        for (int64_t i = 0; i < count; i++) {
            const double y = (double)l->first[i], off = (double)x[i] - y;
            l->signal[k] += y * y;
            l->noise[k] += off * off;
        }
    }
    return TN_OK;
}

/* By their names, since the model with twins has a graph of its own. */
static tn_status find_twins(const tn_grids *q, const tn_graph *g, listening *l)
{
    for (size_t i = 0; i < q->g->num_nodes; i++) {
        const tn_node *n = q->g->node[i];
        if (!q->layer[i])
            continue;
        char *twin = tn_grids_twin(n);
        if (!twin)
            return tn_no_memory("quantise", 64);
        l->keep[2 * l->layers] = tn_graph_value(g, n->name);
        l->keep[2 * l->layers + 1] = tn_graph_value(g, twin);
        l->node[l->layers++] = i;
        tn_free(twin);
    }
    return TN_OK;
}

static tn_status measure(const tn_grids *q, const tn_model *twins, tn_arena *a, listening *l,
                         tn_each *each)
{
    const size_t layers = (size_t)q->layers;
    l->keep = tn_arena_alloc(a, 2 * layers, sizeof *l->keep);
    l->node = tn_arena_alloc(a, layers, sizeof *l->node);
    l->signal = tn_arena_alloc(a, layers, sizeof *l->signal);
    l->noise = tn_arena_alloc(a, layers, sizeof *l->noise);
    if (!l->keep || !l->node || !l->signal || !l->noise)
        return tn_no_memory("quantise", layers * sizeof *l->keep);
    TN_TRY(find_twins(q, tn_model_graph(twins), l));
    each->model = twins;
    each->keep = l->keep;
    each->num_keep = 2 * l->layers;
    each->does = listen;
    each->arg = l;
    return tn_rows_each(each);
}

/* What is no number is worse than any. */
static double share(double noise, double signal)
{
    const double of = noise == 0 ? 0 : noise / signal;
    return isnan(of) ? (double)INFINITY : of;
}

tn_status tn_grids_noise(const tn_grids *q, tn_device *device, tn_loader *pictures, int64_t rows,
                         double *noise)
{
    tn_model *twins = NULL;
    tn_arena arena = {0};
    listening l = {0};
    tn_each each = {.device = device, .loader = pictures, .most = rows};
    TN_TRY(tn_grids_apply(q, true, &twins));
    const tn_status status = measure(q, twins, &arena, &l, &each);
    for (int k = 0; k < l.layers && status == TN_OK; k++)
        noise[l.node[k]] = share(l.noise[k], l.signal[k]);
    tn_free(l.first);
    tn_arena_free(&arena);
    tn_model_close(twins);
    return status;
}
