#include "lab_quantise.h"

#include <string.h>

#include "base/random.h"

tn_model *lab_drawn(const char *text)
{
    tn_model *net = NULL, *drawn = NULL;
    tn_device *d = NULL;
    tn_plan *p = NULL;
    assert_ok(tn_model_read(&net, "net", text, NULL));
    assert_ok(tn_device_open(&d, "cpu"));
    assert_ok(tn_plan_create(&p, tn_model_graph(net), d, &(tn_plan_opts){.seed = 3}));
    assert_ok(tn_model_of_plan(&drawn, p));
    tn_plan_destroy(p);
    tn_device_close(d);
    tn_model_close(net);
    return drawn;
}

typedef struct rows {
    int64_t elements;
    bool backwards;
} rows;

static tn_status fill(void *arg, const tn_fill *at)
{
    const rows *of = arg;
    const int64_t item = of->backwards ? LAB_ITEMS - 1 - at->item : at->item;
    float *x = at->row[0];
    int32_t *label = at->row[1];
    tn_random r = tn_random_begin(5, TN_RANDOM_TEST, (uint64_t)item);
    *label = (int32_t)(item * 7 % LAB_CLASSES);
    for (int64_t i = 0; i < of->elements; i++)
        x[i] = (float)tn_random_real(&r) * 0.5F;
    x[*label] = 1;
    x[of->elements - 1] = 0;
    return TN_OK;
}

tn_loader *lab_rows(tn_shape row, int batch, bool backwards)
{
    static rows of[2];
    tn_loader *loader = NULL;
    of[backwards] = (rows){1, backwards};
    for (int i = 0; i < row.ndim; i++)
        of[backwards].elements *= row.dim[i];
    const tn_source source = {
        .name = "rows",
        .items = LAB_ITEMS,
        .array = {{.name = "x", .dtype = TN_F32, .row = row},
                  {.name = "label", .dtype = TN_I32, .row = {0}, .labels = true}},
        .fill = fill,
        .arg = &of[backwards]};
    assert_ok(
        tn_loader_open_source(&loader, &source, &(tn_loader_opts){.batch = batch, .threads = 1}));
    return loader;
}

float *lab_output(const tn_model *m, const char *device, tn_loader *loader, int64_t *count)
{
    tn_device *d = NULL;
    tn_plan *p = NULL;
    tn_batch b;
    tn_shape shape;
    const tn_graph *g = tn_model_graph(m);
    const tn_value y = tn_graph_output_at(g, 0);
    assert_ok(tn_loader_seek(loader, 0, 0));
    assert_ok(tn_loader_next(loader, &b));
    assert_ok(tn_device_open(&d, device));
    assert_ok(tn_plan_create(
        &p, g, d,
        &(tn_plan_opts){.keep = &y, .num_keep = 1, .batch = b.array[0].shape.dim[0], .from = m}));
    assert_ok(tn_plan_set(p, tn_graph_input(g, 0), b.array[0]));
    assert_ok(tn_plan_evaluate(p));
    assert_ok(tn_value_shape(g, y, &shape));
    shape.dim[0] = b.array[0].shape.dim[0];
    *count = 1;
    for (int i = 0; i < shape.ndim; i++)
        *count *= shape.dim[i];
    float *out = malloc((size_t)*count * sizeof *out);
    assert_non_null(out);
    assert_ok(tn_plan_get(p, y, (tn_tensor){TN_F32, shape, out}));
    tn_plan_destroy(p);
    tn_device_close(d);
    return out;
}

const char *lab_text(const tn_model *m)
{
    return tn_model_fact(m, "tenon.graph");
}
