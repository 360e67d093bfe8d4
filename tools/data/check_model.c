/*
 * What a model says of labelled pictures, for tn_check_doubt().
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"
#include "check.h"

typedef struct judge {
    const char *path;
    tn_model *model;
    tn_picture picture;
    tn_device *device;
    tn_plan *plan;
    tn_value output; /* batch x classes */
    bool shares;     /* they are shares already, no logits */
    int batch, classes;
    int *label; /* of the set, by the model's number */
} judge;

/* Both must have the same classes; in another order if the model names them. */
static void match_classes(judge *m, const tn_dataset *set)
{
    if (m->classes != tn_dataset_classes(set))
        args_fail("%s tells %d classes apart, the set has %d", m->path, m->classes,
                  tn_dataset_classes(set));
    m->label = calloc((size_t)m->classes, sizeof *m->label);
    if (!m->label)
        run_fail("no memory for %d classes", m->classes);
    for (int j = 0; j < m->classes; j++) {
        const char *name = tn_model_class(m->model, j);
        m->label[j] = j;
        for (int i = 0; name && i < m->classes; i++)
            if (strcmp(tn_dataset_class_name(set, i), name) == 0)
                m->label[j] = i;
        if (name && strcmp(tn_dataset_class_name(set, m->label[j]), name) != 0)
            args_fail("%s knows a class %s, which the set has not", m->path, name);
    }
}

static void find_output(judge *m)
{
    const tn_graph *g = tn_model_graph(m->model);
    tn_shape shape;
    m->output = tn_graph_output_at(g, 0);
    if (m->output.id == 0)
        args_fail("%s: its net says no output: which of its values are the classes?", m->path);
    tn_must(tn_value_shape(g, m->output, &shape));
    if (shape.ndim != 2 || shape.dim[0] != m->batch)
        args_fail("%s: its first output, %s, is %s, not images x classes", m->path,
                  tn_value_name(g, m->output), tn_shape_format(&shape).text);
    m->classes = (int)shape.dim[1];
    m->shares = strcmp(tn_value_op(g, m->output), "softmax") == 0;
}

static void open_judge(judge *m, const char *device, const tn_dataset *set)
{
    if (tn_model_open(&m->model, m->path, &(tn_model_opts){.batch = m->batch}) != TN_OK ||
        tn_model_picture(m->model, &m->picture) != TN_OK)
        args_fail("%s", tn_error());
    if (!tn_model_tensor(m->model, 0, NULL))
        args_fail("%s: is the text of a net, without numbers", m->path);
    for (int i = 0; tn_model_notice(m->model, i); i++)
        args_warn("note: %s", tn_model_notice(m->model, i));
    find_output(m);
    match_classes(m, set);
    if (tn_device_open(&m->device, device) != TN_OK)
        args_fail("%s", tn_error());
    if (tn_plan_create(&m->plan, tn_model_graph(m->model), m->device,
                       &(tn_plan_opts){.keep = &m->output, .num_keep = 1, .from = m->model}) !=
        TN_OK)
        run_fail("%s", tn_error());
}

/* In place: from RGB to what the net wants. */
static void reorder(uint8_t *rgb, int64_t pixels, tn_order order)
{
    for (int64_t i = 0; i < pixels && order == TN_ORDER_BGR; i++) {
        const uint8_t red = rgb[3 * i];
        rgb[3 * i] = rgb[3 * i + 2];
        rgb[3 * i + 2] = red;
    }
    for (int64_t i = 0; i < pixels && order == TN_ORDER_GREY; i++) /* ITU-R BT.601 */
        rgb[i] = (uint8_t)((299 * rgb[3 * i] + 587 * rgb[3 * i + 1] + 114 * rgb[3 * i + 2] + 500) /
                           1000);
}

/* One row, to shares in the order of the set's classes. */
static void take_row(const judge *m, const float *row, float *share)
{
    float most = row[0];
    double sum = 0;
    for (int j = 1; j < m->classes; j++)
        most = row[j] > most ? row[j] : most;
    for (int j = 0; j < m->classes; j++)
        sum += exp((double)(row[j] - most));
    for (int j = 0; j < m->classes; j++)
        share[m->label[j]] = m->shares ? row[j] : (float)(exp((double)(row[j] - most)) / sum);
}

static void judge_all(judge *m, const tn_dataset *set, float *share)
{
    const tn_picture *p = &m->picture;
    const int resize = p->fit.resize;
    const int64_t pixels = (int64_t)m->batch * p->fit.height * p->fit.width;
    float *out = malloc((size_t)m->batch * (size_t)m->classes * sizeof *out);
    uint8_t *rgb = malloc(3 * (size_t)pixels);
    tn_loader *loader;
    tn_batch b;
    tn_status status;
    if (!out || !rgb)
        run_fail("no memory for a batch");
    tn_must(tn_loader_open(&loader, set,
                           &(tn_loader_opts){.batch = m->batch,
                                             .height = p->fit.height,
                                             .width = p->fit.width,
                                             .resize = resize,
                                             .max_bad = 100,
                                             .jpeg_maps = TN_ZERO}));
    while ((status = tn_loader_next(loader, &b)) == TN_OK) {
        memcpy(rgb, b.images.data, 3 * (size_t)pixels);
        reorder(rgb, pixels, p->order);
        const tn_shape shape = TN_SHAPE(m->batch, p->fit.height, p->fit.width, p->channels);
        tn_must(tn_plan_set(m->plan, p->input, (tn_tensor){TN_U8, shape, rgb}));
        tn_must(tn_plan_evaluate(m->plan));
        tn_must(tn_plan_get(m->plan, m->output,
                            (tn_tensor){TN_F32, TN_SHAPE(m->batch, m->classes), out}));
        for (int i = 0; i < b.count; i++)
            take_row(m, out + i * m->classes, share + b.item[i] * m->classes);
    }
    if (status != TN_END)
        run_fail("%s", tn_error());
    tn_loader_close(loader);
    free(out);
    free(rgb);
}

void check_model(const checkup *c, const char *model, const char *device, int batch)
{
    const tn_dataset *set = c->val ? c->val : c->set;
    judge m = {.path = model, .batch = batch};
    open_judge(&m, device, c->set);
    float *share = calloc((size_t)tn_dataset_count(set) * (size_t)m.classes + 1, sizeof *share);
    if (!share)
        run_fail("no memory for what the model says of %lld pictures",
                 (long long)tn_dataset_count(set));
    judge_all(&m, set, share);
    if (tn_check_doubt(c->check, c->val != NULL, share) != TN_OK)
        run_fail("%s", tn_error());
    free(share);
    free(m.label);
    tn_plan_destroy(m.plan);
    tn_device_close(m.device);
    tn_model_close(m.model);
}
