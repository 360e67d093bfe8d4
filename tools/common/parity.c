#include "parity.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "args.h"

/* A model that is asked one picture at a time. */
typedef struct asked {
    const tn_model *model;
    tn_device *device;
    tn_plan *plan;
    tn_picture picture;
    uint8_t *pixels;
} asked;

static void open_asked(asked *k, const tn_model *model, bool plain)
{
    *k = (asked){.model = model};
    const tn_plan_opts opts = {.from = model, .strict = plain, .no_fusion = plain};
    if (tn_model_picture(model, &k->picture) != TN_OK ||
        tn_device_open(&k->device, "cpu") != TN_OK ||
        tn_plan_create(&k->plan, tn_model_graph(model), k->device, &opts) != TN_OK)
        args_fail("--parity: %s", tn_error());
    k->pixels = malloc((size_t)k->picture.fit.height * (size_t)k->picture.fit.width * 3);
    if (!k->pixels)
        run_fail("no memory for a picture");
}

static void close_asked(asked *k)
{
    tn_plan_destroy(k->plan);
    tn_device_close(k->device);
    free(k->pixels);
}

static void show(asked *k, const uint8_t *rgb)
{
    const tn_picture *p = &k->picture;
    const tn_shape shape = TN_SHAPE(1, p->fit.height, p->fit.width, p->channels);
    if (tn_picture_pixels(p, rgb, (int64_t)p->fit.height * p->fit.width, k->pixels) != TN_OK ||
        tn_plan_set(k->plan, p->input, (tn_tensor){TN_U8, shape, k->pixels}) != TN_OK ||
        tn_plan_evaluate(k->plan) != TN_OK)
        run_fail("--parity: %s", tn_error());
}

/* An output's numbers, for free(). NULL: it has none of that place, or they are no floats. */
static float *output(const asked *k, int index, int64_t *count)
{
    const tn_graph *g = tn_model_graph(k->model);
    const tn_value v = tn_graph_output_at(g, index);
    tn_shape shape;
    tn_dtype type;
    *count = 0;
    if (!v.id || tn_value_dtype(g, v, &type) != TN_OK || type != TN_F32)
        return NULL;
    tn_must(tn_value_shape(g, v, &shape));
    tn_must(tn_shape_count(&shape, count));
    float *x = malloc((size_t)(*count ? *count : 1) * sizeof *x);
    if (!x || tn_plan_get(k->plan, v, (tn_tensor){TN_F32, shape, x}) != TN_OK)
        run_fail("--parity: %s", x ? tn_error() : "no memory for an output");
    return x;
}

/* Of the largest number; NaN on one side alone is infinite. */
static double difference(const float *a, const float *b, int64_t count)
{
    double most = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        const double d = fabs((double)a[i] - (double)b[i]);
        if (isnan(a[i]) && isnan(b[i]))
            continue;
        most = d <= most ? most : isnan(d) ? (double)HUGE_VAL : d;
        size = fmax(size, fabs((double)b[i]));
    }
    return size > 0 ? most / size : most;
}

static void compare(parity *p, const asked *made, const asked *model)
{
    for (int i = 0;; i++) {
        int64_t count, other;
        float *a = output(made, i, &count), *b = output(model, i, &other);
        if (i == 0 && (!a || count != other))
            args_fail("--parity: the first outputs are not as large: %lld and %lld numbers",
                      (long long)count, (long long)other);
        const bool both = a && b && count == other;
        if (both)
            p->worst = fmax(p->worst, difference(a, b, count));
        if (i == 0 && count <= INT_MAX)
            p->equal += tn_eval_answer(a, (int)count) == tn_eval_answer(b, (int)count);
        free(a);
        free(b);
        if (!both)
            return;
    }
}

parity parity_of(const tn_model *made, const tn_model *model, const char *data)
{
    parity p = {0};
    asked a, b;
    tn_dataset *set = NULL;
    tn_loader *loader = NULL;
    tn_batch batch;
    tn_status status;
    open_asked(&a, made, false);
    open_asked(&b, model, true);
    const tn_fit_opts *fit = &b.picture.fit;
    const tn_loader_opts opts = {.batch = 1,
                                 .height = fit->height,
                                 .width = fit->width,
                                 .resize = fit->resize,
                                 .shuffle = true,
                                 .threads = 1,
                                 .max_bad = 100};
    if (tn_dataset_open(&set, &(tn_dataset_opts){.path = data}) != TN_OK ||
        tn_loader_open(&loader, set, &opts) != TN_OK)
        args_fail("--parity: %s", tn_error());
    while (p.pictures < PARITY_PICTURES && (status = tn_loader_next(loader, &batch)) != TN_END) {
        if (status != TN_OK)
            run_fail("--parity: %s", tn_error());
        if (batch.count == 0)
            continue;
        show(&a, batch.images.data);
        show(&b, batch.images.data);
        compare(&p, &a, &b);
        p.pictures++;
    }
    if (p.pictures == 0)
        run_fail("--parity: no picture of %s can be read", data);
    p.same = p.worst <= PARITY_LIMIT;
    tn_loader_close(loader);
    tn_dataset_close(set);
    close_asked(&a);
    close_asked(&b);
    return p;
}

void parity_tell(const parity *p, FILE *to)
{
    fprintf(to,
            "%lld pictures: outputs differ by at most %.2g of the largest number, %lld labels "
            "equal\n",
            (long long)p->pictures, p->worst, (long long)p->equal);
}

void parity_tell_json(const parity *p, json *j)
{
    json_object(j, "parity");
    json_count(j, "pictures", p->pictures);
    json_count(j, "labels_equal", p->equal);
    json_real(j, "worst", p->worst);
    json_bool(j, "same", p->same);
    json_end(j, '}');
}
