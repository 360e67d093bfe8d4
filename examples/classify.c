/*
 * classify: names what is on images, with a model that alexnet or mnist saved.
 */
#include <stdio.h>
#include <stdlib.h>

#include <tenon/tenon.h>

#include "../tools/common/args.h"
#include "common/model.h"

static struct {
    const char *device;
    int64_t top;
} flags = {.top = 5};

static const arg table[] = {
    {ARG_INT, "top", "N", "how many classes to tell of each image", &flags.top, 1, 1000},
    {ARG_TEXT, "device", "NAME",
     "\"cuda:0\", \"cpu\", \"cpu,threads=2\", ...; default: the best there is", &flags.device, 0,
     0},
};

typedef struct session {
    model model;
    tn_graph *g;
    tn_device *device;
    tn_plan *plan;
    tn_value image, share;
    uint8_t *rgb;
    float *shares;
} session;

static void open_model(session *s, const char *path)
{
    tn_checkpoint_info *info = NULL;
    if (tn_checkpoint_info_open(&info, path) != TN_OK)
        args_fail("%s", tn_error());
    model_read(&s->model, info, path);
    tn_checkpoint_info_close(info);
    const int64_t side = s->model.size;
    tn_must(tn_graph_create(&s->g));
    s->image = tn_input(s->g, "image", TN_U8, TN_SHAPE(1, side, side, s->model.net->channels));
    s->share = tn_softmax(s->g, model_build(&s->model, s->g, s->image), NULL);
    if (tn_device_open(&s->device, flags.device) != TN_OK)
        args_fail("%s", tn_error());
    tn_must(tn_plan_create(&s->plan, s->g, s->device,
                           &(tn_plan_opts){.keep = &s->share, .num_keep = 1}));
    tn_must(tn_checkpoint_load(s->plan, path, TN_LOAD_PARAMS));
    s->rgb = malloc((size_t)(side * side * 3));
    s->shares = malloc((size_t)s->model.classes * sizeof *s->shares);
    if (!s->rgb || !s->shares)
        run_fail("no memory for one image");
}

/* In place: the grey of each pixel by the weights of ITU-R BT.601. */
static void to_grey(uint8_t *rgb, int64_t pixels)
{
    for (int64_t i = 0; i < pixels; i++)
        rgb[i] = (uint8_t)((299 * rgb[3 * i] + 587 * rgb[3 * i + 1] + 114 * rgb[3 * i + 2] + 500) /
                           1000);
}

/* The classes with the largest shares, largest first. Takes them out of s->shares. */
static void tell(session *s, const char *path)
{
    printf("%s\n", path);
    for (int64_t i = 0; i < flags.top && i < s->model.classes; i++) {
        int best = 0;
        for (int c = 1; c < s->model.classes; c++)
            best = s->shares[c] > s->shares[best] ? c : best;
        printf("  %6.2f %%  %s\n", 100 * (double)s->shares[best], s->model.name[best]);
        s->shares[best] = -1;
    }
}

static bool classify(session *s, const char *path)
{
    const model *m = &s->model;
    const tn_fit_opts fit = {.height = m->size, .width = m->size, .resize = m->resize};
    if (tn_image_load(path, &fit, s->rgb) != TN_OK) {
        fflush(stdout);
        fprintf(stderr, "classify: %s\n", tn_error());
        return false;
    }
    if (m->net->channels == 1)
        to_grey(s->rgb, (int64_t)m->size * m->size);
    const tn_shape shape = TN_SHAPE(1, m->size, m->size, m->net->channels);
    tn_must(tn_plan_set(s->plan, s->image, (tn_tensor){TN_U8, shape, s->rgb}));
    tn_must(tn_plan_evaluate(s->plan));
    tn_must(
        tn_plan_get(s->plan, s->share, (tn_tensor){TN_F32, TN_SHAPE(1, m->classes), s->shares}));
    tell(s, path);
    return true;
}

int main(int argc, char **argv)
{
    const args a = {.usage = "classify [options] MODEL IMAGE...",
                    .about = "Tells what is on each image, by a model that alexnet or mnist saved "
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
    free(s.rgb);
    free(s.shares);
    tn_plan_destroy(s.plan);
    tn_device_close(s.device);
    tn_graph_destroy(s.g);
    model_free(&s.model);
    return all ? 0 : 1;
}
