/* What tenon model layers says of each layer, as a table and as JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "../common/table.h"
#include "layers.h"

/* ---- one layer ------------------------------------------------------------------------------------ */

/* Is the tensor of that name one of the layer's: "conv1.weight" of "conv1", or a parameter that it reads? */
static bool is_of_layer(const looked *l, tn_value layer, const char *tensor)
{
    const char *name = tn_value_name(l->graph, layer), *dot = strrchr(tensor, '.');
    const size_t length = strlen(name);
    tn_value x;
    if (dot && (size_t)(dot - tensor) == length && strncmp(tensor, name, length) == 0)
        return true;
    for (int i = 0; (x = tn_value_read(l->graph, layer, i)).id; i++)
        if (!looked_is_of_itself(l, x) && strcmp(tn_value_name(l->graph, x), tensor) == 0)
            return true;
    return false;
}

static double flops_of(const looked *l, const char *layer)
{
    double flops = 0;
    for (int i = 0; i < tn_plan_num_steps(l->plan); i++) {
        tn_step_info step;
        tn_must(tn_plan_step(l->plan, i, &step));
        if (strcmp(step.node, layer) == 0 && strcmp(step.op, "reorder") != 0)
            flops += step.flops;
    }
    return flops;
}

static float *room(int64_t count)
{
    float *x = malloc((size_t)(count ? count : 1) * sizeof *x);
    if (!x)
        run_fail("no memory for %lld numbers", (long long)count);
    return x;
}

/* NULL: of a picture nothing was asked, or the layer makes no numbers. For free(). */
static float *values_of(const looked *l, tn_value layer, tn_shape *shape)
{
    bool kept = false;
    int64_t count;
    tn_must(tn_value_shape(l->graph, layer, shape));
    tn_must(tn_shape_count(shape, &count));
    for (int i = 0; i < l->num_kept; i++)
        kept = kept || l->kept[i].id == layer.id;
    if (!l->image || !kept)
        return NULL;
    float *x = room(count);
    if (tn_plan_get(l->plan, layer, (tn_tensor){TN_F32, *shape, x}) != TN_OK)
        run_fail("%s: %s", l->path, tn_error());
    return x;
}

static float *tensor_of(const looked *l, int index, const tn_shape *shape)
{
    int64_t count;
    tn_must(tn_shape_count(shape, &count));
    float *x = room(count);
    if (tn_model_tensor_get(l->model, index, (tn_tensor){TN_F32, *shape, x}) != TN_OK)
        run_fail("%s", tn_error());
    return x;
}

/* ---- as JSON -------------------------------------------------------------------------------------- */

static void tell_shape(json *j, const char *name, const tn_shape *shape)
{
    json_array(j, name);
    for (int i = 0; i < shape->ndim; i++)
        json_count(j, NULL, shape->dim[i]);
    json_end(j, ']');
}

static void tell_figures(json *j, const figures *f)
{
    json_count(j, "count", f->count);
    json_count(j, "zeros", f->zeros);
    json_count(j, "not_finite", f->strange);
    json_real(j, "mean", f->mean);
    json_real(j, "deviation", f->deviation);
    json_real(j, "least", f->least);
    json_real(j, "largest", f->largest);
    json_array(j, "histogram");
    for (int i = 0; i < LAYERS_BINS; i++)
        json_count(j, NULL, f->bin[i]);
    json_end(j, ']');
}

/* Pictures go by numbers: names of layers are whatever somebody called them. */
static void tell_sheet(json *j, const looked *l, sheet *s, int layer, const char *what)
{
    char file[64], path[4096 + 80];
    snprintf(file, sizeof file, "%04d-%s.png", layer, what);
    snprintf(path, sizeof path, "%s/%s", l->out, file);
    sheet_write(s, path);
    json_object(j, "picture");
    json_text(j, "file", file);
    json_count(j, "width", s->width);
    json_count(j, "height", s->height);
    json_count(j, "tiles", s->tiles);
    json_count(j, "columns", s->columns);
    json_bool(j, "coloured", s->channels == 3);
    json_end(j, '}');
    sheet_free(s);
}

static int64_t tell_tensors(json *j, const looked *l, int layer)
{
    const char *name;
    tn_shape shape;
    int64_t numbers = 0;
    int told = 0;
    json_array(j, "weights");
    for (int i = 0; (name = tn_model_tensor(l->model, i, &shape)); i++) {
        if (!is_of_layer(l, l->layer[layer], name))
            continue;
        char what[16];
        float *x = tensor_of(l, i, &shape);
        int64_t count;
        tn_must(tn_shape_count(&shape, &count));
        const figures f = figures_of(x, count);
        sheet s = l->out ? sheet_of_weights(x, &shape, l->bgr) : (sheet){0};
        json_object(j, NULL);
        json_text(j, "name", name);
        tell_shape(j, "shape", &shape);
        tell_figures(j, &f);
        snprintf(what, sizeof what, "w%d", told++);
        if (s.pixels)
            tell_sheet(j, l, &s, layer, what);
        json_end(j, '}');
        numbers += count;
        free(x);
    }
    json_end(j, ']');
    return numbers;
}

static void tell_made(json *j, const looked *l, int layer)
{
    tn_shape shape;
    int64_t count;
    float *x = values_of(l, l->layer[layer], &shape);
    tell_shape(j, "shape", &shape);
    if (!x)
        return;
    tn_must(tn_shape_count(&shape, &count));
    const figures f = figures_of(x, count);
    sheet s = l->out ? sheet_of_values(x, &shape) : (sheet){0};
    json_object(j, "made");
    tell_figures(j, &f);
    if (s.pixels)
        tell_sheet(j, l, &s, layer, "y");
    json_end(j, '}');
    free(x);
}

static void tell_layer_json(json *j, const looked *l, int layer)
{
    const tn_value v = l->layer[layer];
    const char *name = tn_value_name(l->graph, v);
    tn_value x;
    json_object(j, NULL);
    json_text(j, "name", name);
    json_text(j, "op", tn_value_op(l->graph, v));
    json_array(j, "reads");
    for (int i = 0; (x = tn_value_read(l->graph, v, i)).id; i++)
        if (looked_is_of_itself(l, x))
            json_count(j, NULL, looked_place_of(l, x));
    json_end(j, ']');
    tell_made(j, l, layer);
    const int64_t numbers = tell_tensors(j, l, layer);
    json_count(j, "parameters", numbers);
    json_real(j, "flops", flops_of(l, name));
    json_end(j, '}');
}

void layers_tell_json(const looked *l, FILE *to)
{
    json j = {.to = to, .flat = true};
    json_object(&j, NULL);
    json_text(&j, "model", l->path);
    json_text(&j, "image", l->image);
    json_array(&j, "layers");
    for (int i = 0; i < l->layers; i++)
        tell_layer_json(&j, l, i);
    json_end(&j, ']');
    json_end(&j, '}');
}

/* ---- as text -------------------------------------------------------------------------------------- */

static int64_t count_tensors(const looked *l, int layer)
{
    const char *name;
    tn_shape shape;
    int64_t numbers = 0, count;
    for (int i = 0; (name = tn_model_tensor(l->model, i, &shape)); i++)
        if (is_of_layer(l, l->layer[layer], name) && tn_shape_count(&shape, &count) == TN_OK)
            numbers += count;
    return numbers;
}

static void add_row(table *t, const looked *l, int layer)
{
    const char *name = tn_value_name(l->graph, l->layer[layer]);
    const double flops = flops_of(l, name);
    const int64_t numbers = count_tensors(l, layer);
    tn_shape shape;
    float *x = values_of(l, l->layer[layer], &shape);
    table_cell(t, "%s", name);
    table_cell(t, "%s", tn_value_op(l->graph, l->layer[layer]));
    table_cell(t, "%s", tn_shape_format(&shape).text);
    table_cell(t, numbers ? "%lld" : "", (long long)numbers);
    table_cell(t, flops > 0 ? "%.1f" : "", flops / 1e6);
    if (x) {
        int64_t count;
        tn_must(tn_shape_count(&shape, &count));
        const figures f = figures_of(x, count);
        table_cell(t, "%.3g", f.mean);
        table_cell(t, "%.3g", f.deviation);
        table_cell(t, "%.1f", 100 * (double)f.zeros / (double)(count ? count : 1));
    } else if (l->image) {
        for (int i = 0; i < 3; i++)
            table_cell(t, "%s", "");
    }
    free(x);
}

void layers_tell(const looked *l)
{
    static const char *const heads[] = {"layer", "operation", "makes",     "numbers",
                                        "Mflop", "mean",      "deviation", "zeros %"};
    table t = {.columns = l->image ? "lllrrrrr" : "lllrr"};
    for (size_t i = 0; i < strlen(t.columns); i++)
        table_cell(&t, "%s", heads[i]);
    for (int i = 0; i < l->layers; i++)
        add_row(&t, l, i);
    table_print(&t, stdout);
}
