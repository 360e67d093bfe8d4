/*
 * rows: what a loader has, as inputs of a model's plan.
 */
#include <math.h>
#include <string.h>

#include "quantise/quantise.h"

int64_t tn_rows_of(const tn_batch *b)
{
    return b->images.data ? b->images.shape.dim[0] : b->num_arrays ? b->array[0].shape.dim[0] : 0;
}

tn_status tn_rows_create(tn_rows *r, const tn_model *m, tn_device *device, const tn_value *keep,
                         int num_keep, int64_t batch)
{
    *r = (tn_rows){.model = m, .batch = batch};
    tn_error_kept kept;
    tn_error_keep(&kept);
    r->has_picture = tn_model_picture(m, &r->picture) == TN_OK;
    tn_error_put_back(&kept);
    const tn_status status = tn_plan_create(
        &r->plan, tn_model_graph(m), device,
        &(tn_plan_opts){.keep = keep,
                        .num_keep = num_keep,
                        .batch = batch,
                        .from = m,
                        .kept_weights = INFINITY, /* as an engine: what is judged is what runs */
                        .precision = TN_PRECISION_F32});
    if (status != TN_OK)
        tn_rows_destroy(r);
    return status;
}

void tn_rows_destroy(tn_rows *r)
{
    tn_plan_destroy(r->plan);
    tn_free(r->pixels);
    tn_free(r->host);
    *r = (tn_rows){0};
}

static tn_status set_picture(tn_rows *r, const tn_batch *b)
{
    const tn_shape *s = &b->images.shape;
    const int64_t count = s->dim[0] * s->dim[1] * s->dim[2];
    if (!r->has_picture)
        return tn_fail(TN_ERR_ARGUMENT,
                       "the model takes no picture, and the set holds nothing else");
    if (!r->pixels)
        r->pixels = tn_alloc((size_t)count, 3);
    if (!r->pixels)
        return tn_no_memory("rows", (size_t)count * 3);
    TN_TRY(tn_picture_pixels(&r->picture, b->images.data, count, r->pixels));
    return tn_plan_set(r->plan, r->picture.input,
                       (tn_tensor){TN_U8,
                                   TN_SHAPE(s->dim[0], s->dim[1], s->dim[2], r->picture.channels),
                                   r->pixels});
}

/* Of a source: its arrays, in the order of the inputs. */
static int inputs_of(const tn_model *m)
{
    int count = 0;
    while (tn_graph_input(tn_model_graph(m), count).id)
        count++;
    return count;
}

static tn_status set_arrays(tn_rows *r, const tn_batch *b)
{
    const int inputs = inputs_of(r->model);
    if (b->num_arrays < inputs)
        return tn_fail(TN_ERR_ARGUMENT, "the source has %d arrays for the %d inputs of the model",
                       b->num_arrays, inputs);
    for (int i = 0; i < inputs; i++)
        TN_TRY(tn_plan_set(r->plan, tn_graph_input(tn_model_graph(r->model), i), b->array[i]));
    return TN_OK;
}

tn_status tn_rows_run(tn_rows *r, const tn_batch *b)
{
    TN_TRY(b->images.data ? set_picture(r, b) : set_arrays(r, b));
    return tn_plan_evaluate(r->plan);
}

/* Of what is made for more rows the first ones alone, one behind the other. */
static void keep_rows(float *x, const tn_shape *s, int rows_at, int64_t rows)
{
    int64_t outer = 1, inner = 1;
    for (int i = 0; i < s->ndim; i++)
        if (i != rows_at)
            *(i < rows_at ? &outer : &inner) *= s->dim[i];
    for (int64_t i = 1; i < outer; i++)
        memmove(x + i * rows * inner, x + i * s->dim[rows_at] * inner,
                (size_t)(rows * inner) * sizeof *x);
}

tn_status tn_rows_get(tn_rows *r, tn_value v, int64_t rows, const float **out, int64_t *count)
{
    const tn_graph *g = tn_model_graph(r->model);
    const tn_made *made = &g->value[v.id - 1];
    const tn_node *n = g->node[made->node];
    const int rows_at = n->y_batch[made->index];
    tn_shape shape = n->y[made->index];
    size_t bytes;
    if (rows_at >= 0)
        shape.dim[rows_at] = r->batch;
    TN_TRY(tn_shape_bytes(&shape, TN_F32, &bytes));
    if (bytes > r->room) {
        tn_free(r->host);
        r->room = 0;
        r->host = tn_alloc_aligned(bytes);
        if (!r->host)
            return tn_no_memory("rows", bytes);
        r->room = bytes;
    }
    TN_TRY(tn_plan_get(r->plan, v, (tn_tensor){TN_F32, shape, r->host}));
    if (rows_at >= 0 && rows < r->batch) {
        keep_rows(r->host, &shape, rows_at, rows);
        shape.dim[rows_at] = rows;
    }
    *out = r->host;
    *count = tn_elements(&shape);
    return TN_OK;
}

const int32_t *tn_rows_labels(const tn_rows *r, const tn_batch *b)
{
    const int inputs = inputs_of(r->model);
    if (b->images.data)
        return b->labels.data;
    return b->num_arrays > inputs && b->array[inputs].dtype == TN_I32 ? b->array[inputs].data
                                                                      : NULL;
}

tn_status tn_rows_each(const tn_each *e)
{
    tn_batch b;
    tn_rows r = {0};
    int64_t seen = 0;
    tn_status status = tn_loader_seek(e->loader, 0, 0);
    while (status == TN_OK && seen < e->most && (status = tn_loader_next(e->loader, &b)) == TN_OK) {
        const int64_t rows = b.count < e->most - seen ? b.count : e->most - seen;
        if (!r.plan)
            status = tn_rows_create(&r, e->model, e->device, e->keep, e->num_keep, tn_rows_of(&b));
        if (status == TN_OK)
            status = tn_rows_run(&r, &b);
        if (status == TN_OK)
            status = e->does(e->arg, &r, rows);
        seen += rows;
    }
    tn_rows_destroy(&r);
    if (status != TN_OK && status != TN_END)
        return status;
    return seen > 0 ? TN_OK : tn_fail(TN_ERR_ARGUMENT, "quantise: the loader has no row");
}
