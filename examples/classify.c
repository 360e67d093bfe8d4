/*
 * classify: names what is on images, with any model of classes, such as alexnet or mnist save.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tenon/tenon.h>

#include "../tools/common/args.h"
#include "../tools/train/opening.h"

static struct {
    const char *device;
    int64_t top;
    opening opening;
} flags = {.top = 5};

static const arg table[] = {
    {ARG_INT, "top", "N", "how many classes to tell of each image", &flags.top, 1, 1000},
    {ARG_TEXT, "device", "NAME",
     "\"cuda:0\", \"cpu\", \"cpu,threads=2\", ...; default: the best there is", &flags.device, 0,
     0},
    OPENING_ARGS(&flags.opening),
};

typedef struct session {
    tn_model *model;
    tn_picture picture;
    tn_device *device;
    tn_plan *plan;
    tn_value output; /* logits or shares, images x classes, or x 1 x 1 behind them */
    tn_shape shape;
    int64_t classes;
    bool softmax; /* they are shares already */
    uint8_t *pixels;
    float *shares;
} session;

/* What the first output of the net is. */
static void find_output(session *s, const char *path)
{
    const tn_graph *g = tn_model_graph(s->model);
    tn_shape shape;
    s->output = tn_graph_output_at(g, 0);
    if (s->output.id == 0)
        args_fail("%s: its net says no output: which of its values are the classes?", path);
    tn_must(tn_value_shape(g, s->output, &shape));
    bool classes = shape.ndim >= 2 && shape.dim[0] == 1;
    for (int i = 2; i < shape.ndim; i++)
        classes &= shape.dim[i] == 1;
    if (!classes)
        args_fail("%s: its first output, %s, is %s, not images x classes", path,
                  tn_value_name(g, s->output), tn_shape_format(&shape).text);
    s->shape = shape;
    s->classes = shape.dim[1];
    const char *op = tn_value_op(g, s->output);
    s->softmax = strcmp(op, "softmax") == 0 || strcmp(op, "sigmoid") == 0;
    const int known = tn_model_num_classes(s->model);
    if (known != 0 && known != s->classes)
        args_fail("%s: names %d classes, but its net tells of %lld", path, known,
                  (long long)s->classes);
}

static void open_model(session *s, const char *path)
{
    const tn_model_opts opts = opening_opts(&flags.opening, 1, 0);
    if (tn_model_open(&s->model, path, &opts) != TN_OK)
        args_fail("%s", tn_error());
    opening_tell(s->model);
    if (tn_model_picture(s->model, &s->picture) != TN_OK)
        args_fail("%s%s", tn_error(), opening_hint(s->model));
    if (!tn_model_tensor(s->model, 0, NULL))
        args_fail("%s: is the text of a net, without numbers", path);
    find_output(s, path);
    if (tn_device_open(&s->device, flags.device) != TN_OK)
        args_fail("%s", tn_error());
    tn_must(tn_plan_create(&s->plan, tn_model_graph(s->model), s->device,
                           &(tn_plan_opts){.keep = &s->output, .num_keep = 1, .from = s->model}));
    if (tn_plan_from(s->plan, TN_FROM_NEW, 0))
        args_fail("%s: has no tensor %s", path, tn_plan_from(s->plan, TN_FROM_NEW, 0));
    s->pixels = malloc((size_t)s->picture.fit.height * (size_t)s->picture.fit.width * 3);
    s->shares = malloc((size_t)s->classes * sizeof *s->shares);
    if (!s->pixels || !s->shares)
        run_fail("no memory for one image");
}

/* In place: exp(x) / sum of exp(x), without overflow. */
static void softmax(float *x, int64_t count)
{
    float most = x[0];
    double sum = 0;
    for (int64_t i = 1; i < count; i++)
        most = x[i] > most ? x[i] : most;
    for (int64_t i = 0; i < count; i++)
        sum += exp((double)(x[i] - most));
    for (int64_t i = 0; i < count; i++)
        x[i] = (float)(exp((double)(x[i] - most)) / sum);
}

/* The classes with the largest shares, largest first. Takes them out of s->shares. */
static void tell(session *s, const char *path)
{
    printf("%s\n", path);
    for (int64_t i = 0; i < flags.top && i < s->classes; i++) {
        int best = 0;
        for (int c = 1; c < s->classes; c++)
            best = s->shares[c] > s->shares[best] ? c : best;
        const char *name = tn_model_class(s->model, best);
        printf("  %6.2f %%  ", 100 * (double)s->shares[best]);
        if (name)
            printf("%s\n", name);
        else
            printf("class %d\n", best);
        s->shares[best] = -1;
    }
}

static bool classify(session *s, const char *path)
{
    const tn_picture *p = &s->picture;
    if (tn_image_load(path, &p->fit, s->pixels) != TN_OK) {
        fflush(stdout);
        fprintf(stderr, "classify: %s\n", tn_error());
        return false;
    }
    tn_must(tn_picture_pixels(p, s->pixels, (int64_t)p->fit.height * p->fit.width, s->pixels));
    const tn_shape shape = TN_SHAPE(1, p->fit.height, p->fit.width, p->channels);
    tn_must(tn_plan_set(s->plan, p->input, (tn_tensor){TN_U8, shape, s->pixels}));
    tn_must(tn_plan_evaluate(s->plan));
    tn_must(tn_plan_get(s->plan, s->output, (tn_tensor){TN_F32, s->shape, s->shares}));
    if (!s->softmax)
        softmax(s->shares, s->classes);
    tell(s, path);
    return true;
}

int main(int argc, char **argv)
{
    const args a = {.usage = "classify [options] MODEL IMAGE...",
                    .what = "says what is in pictures, by a model",
                    .about =
                        "Tells what is on each image, by a model such as alexnet or mnist save "
                        "with --save.\nAn image that cannot be read is named, and the others "
                        "go on.\n\nOptions:",
                    .more = "Exit status: 0; 1: an image could not be read, or the run failed; 2: "
                            "flags or a model that cannot be.",
                    .options = table,
                    .count = sizeof table / sizeof table[0],
                    .min_words = 2,
                    .max_words = -1,
                    .words = "a model and images, or one of them,"};
    const int words = args_parse(&a, argc, argv);
    session s = {0};
    open_model(&s, argv[1]);
    bool all = true;
    for (int i = 2; i <= words; i++)
        all = classify(&s, argv[i]) && all;
    free(s.pixels);
    free(s.shares);
    tn_plan_destroy(s.plan);
    tn_device_close(s.device);
    tn_model_close(s.model);
    return all ? 0 : 1;
}
