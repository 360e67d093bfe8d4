/*
 * siamese: learns from pairs of pictures whether both are of one kind, by two towers that share their weights.
 *
 * Hadsell, Chopra and LeCun 2006, "Dimensionality reduction by learning an invariant mapping": with d the distance of what
 * the towers make of two pictures, and t 1 of one kind, 0 of two, the loss is the mean of t d^2 + (1 - t) max(0, 1 - d)^2.
 */
#include <stdio.h>
#include <stdlib.h>

#include <tenon/tenon.h>

#include "../tools/common/args.h"

enum { FEATURES = 8, LAYERS = 3 };

/* A source of pairs: item i is picture i of the set and one that is drawn, half of the time of the same class. */
typedef struct pairs {
    const tn_dataset *set;
    int64_t *first; /* of each class in `order`, and the end */
    int64_t *order; /* items by their classes */
    int side;
} pairs;

typedef struct session {
    tn_dataset *set;
    pairs pairs;
    tn_graph *g;
    tn_device *device;
    tn_plan *plan;
    tn_value image[2], same, distance, loss;
    tn_loader *loader;
} session;

static struct options {
    int64_t epochs, batch, side, seed;
    double rate;
    const char *device;
} flags = {.epochs = 60, .batch = 16, .side = 32, .seed = 1, .rate = 0.01};

static const arg table[] = {
    {ARG_INT, "epochs", "N", "how often each picture is the first of a pair", &flags.epochs, 1,
     100000},
    {ARG_INT, "batch", "N", "pairs a step", &flags.batch, 1, 10000},
    {ARG_INT, "size", "PX", "pixels of a side", &flags.side, 8, 512},
    {ARG_REAL, "rate", "X", "learning rate of Adam", &flags.rate, 0, 100},
    {ARG_INT, "seed", "N", "of parameters and pairs", &flags.seed, 0, 0},
    {ARG_TEXT, "device", "NAME", "\"cpu\", \"cuda:0\", ...; default: the best there is",
     &flags.device, 0, 0},
};

/* ---- pairs ------------------------------------------------------------------------------------ */

static void *room(int64_t count)
{
    void *p = calloc((size_t)count, sizeof(int64_t));
    if (!p)
        run_fail("no memory for %lld pictures", (long long)count);
    return p;
}

static pairs pairs_open(const tn_dataset *set, int side)
{
    const int64_t count = tn_dataset_count(set), classes = tn_dataset_classes(set);
    pairs p = {.set = set, .first = room(classes + 1), .order = room(count), .side = side};
    int64_t *next = room(classes);
    for (int64_t k = 0; k < classes; k++) {
        p.first[k + 1] = p.first[k] + tn_dataset_class_count(set, (int)k);
        next[k] = p.first[k];
    }
    for (int64_t i = 0; i < count; i++)
        p.order[next[tn_dataset_item_label(set, i)]++] = i;
    free(next);
    return p;
}

/* One of so many, by random number n of the row. */
static int64_t draw(const tn_fill *at, uint64_t n, int64_t count)
{
    return (int64_t)(tn_fill_random(at, n) * (double)count);
}

static int64_t partner(const pairs *p, const tn_fill *at, bool same)
{
    const int label = tn_dataset_item_label(p->set, at->item);
    const int64_t first = p->first[label], own = p->first[label + 1] - first;
    if (same)
        return p->order[first + draw(at, 1, own)];
    const int64_t other = draw(at, 1, tn_dataset_count(p->set) - own);
    return p->order[other < first ? other : other + own];
}

static tn_status fill(void *self, const tn_fill *at)
{
    const pairs *p = self;
    const bool same = tn_fill_random(at, 0) < 0.5;
    const int64_t item[] = {at->item, partner(p, at, same)};
    const tn_fit_opts fit = {.height = p->side, .width = p->side};
    for (int i = 0; i < 2; i++) {
        const tn_status status =
            tn_image_load(tn_dataset_item_path(p->set, item[i]), &fit, at->row[i]);
        if (status != TN_OK)
            return status;
    }
    *(float *)at->row[2] = same;
    return TN_OK;
}

static void open_loader(session *s)
{
    const tn_shape pixels = TN_SHAPE(flags.side, flags.side, 3);
    const tn_source source = {.name = "pair",
                              .items = tn_dataset_count(s->set),
                              .array = {{.name = "a", .dtype = TN_U8, .row = pixels},
                                        {.name = "b", .dtype = TN_U8, .row = pixels},
                                        {.name = "same", .dtype = TN_F32}},
                              .fill = fill,
                              .arg = &s->pairs};
    tn_must(tn_loader_open_source(&s->loader, &source,
                                  &(tn_loader_opts){.batch = (int)flags.batch,
                                                    .shuffle = true,
                                                    .seed = (uint64_t)flags.seed,
                                                    .device = s->device}));
}

/* ---- the net ---------------------------------------------------------------------------------- */

/* "a.conv1" */
static const char *name_of(char text[32], const char *tower, const char *layer, int number)
{
    snprintf(text, 32, "%s.%s%d", tower, layer, number);
    return text;
}

/* The parameter of the first tower, of a layer of the second. */
static tn_param_opts shared(tn_graph *g, const char *layer, int number, const char *what,
                            bool share)
{
    char name[64];
    if (!share)
        return (tn_param_opts){0};
    snprintf(name, sizeof name, "a.%s%d.%s", layer, number, what);
    return (tn_param_opts){.value = tn_graph_value(g, name)};
}

static tn_value tower(tn_graph *g, tn_value image, const char *name, bool share)
{
    char text[32];
    tn_value x = tn_image_input(
        g, image, &(tn_image_input_opts){.mean = {127.5f, 127.5f, 127.5f}, .scale = {1 / 64.f}});
    for (int i = 1; i <= LAYERS; i++) {
        x = tn_conv2d(g, x,
                      &(tn_conv2d_opts){.name = name_of(text, name, "conv", i),
                                        .filters = 8 * i,
                                        .kernel = {3},
                                        .pad = {1},
                                        .weight = shared(g, "conv", i, "weight", share),
                                        .bias = shared(g, "conv", i, "bias", share)});
        x = tn_pool2d(g, tn_relu(g, x, NULL), &(tn_pool2d_opts){.kernel = {2}, .stride = {2}});
    }
    return tn_dense(g, x,
                    &(tn_dense_opts){.name = name_of(text, name, "dense", 1),
                                     .units = FEATURES,
                                     .weight = shared(g, "dense", 1, "weight", share),
                                     .bias = shared(g, "dense", 1, "bias", share)});
}

static tn_value number(tn_graph *g, float x)
{
    return tn_constant(g, NULL, (tn_tensor){TN_F32, {0}, &x});
}

/* See the top. */
static void add_loss(session *s, tn_value a, tn_value b)
{
    tn_graph *g = s->g;
    const tn_value one = number(g, 1), d = tn_sub(g, a, b, NULL);
    const tn_value square = tn_reduce(
        g, tn_mul(g, d, d, NULL), &(tn_reduce_opts){.kind = TN_REDUCE_SUM, .axes = TN_SHAPE(1)});
    /* The root's gradient has no end at 0, where both pictures are the same one. */
    s->distance =
        tn_sqrt(g, tn_add(g, square, number(g, 1e-6f), NULL), &(tn_layer_opts){.name = "distance"});
    const tn_value near = tn_relu(g, tn_sub(g, one, s->distance, NULL), NULL);
    const tn_value apart =
        tn_mul(g, tn_sub(g, one, s->same, NULL), tn_mul(g, near, near, NULL), NULL);
    s->loss = tn_reduce(g, tn_add(g, tn_mul(g, s->same, square, NULL), apart, NULL),
                        &(tn_reduce_opts){.name = "loss"});
}

static void build(session *s)
{
    const int64_t n = flags.batch, side = flags.side;
    tn_must(tn_graph_create(&s->g));
    s->image[0] = tn_input(s->g, "image_a", TN_U8, TN_SHAPE(n, side, side, 3));
    s->image[1] = tn_input(s->g, "image_b", TN_U8, TN_SHAPE(n, side, side, 3));
    s->same = tn_input(s->g, "same", TN_F32, TN_SHAPE(n));
    const tn_value a = tower(s->g, s->image[0], "a", false),
                   b = tower(s->g, s->image[1], "b", true);
    add_loss(s, a, b);
    if (tn_device_open(&s->device, flags.device) != TN_OK)
        args_fail("%s", tn_error());
    tn_must(tn_plan_create(&s->plan, s->g, s->device,
                           &(tn_plan_opts){.loss = s->loss,
                                           .keep = &s->distance,
                                           .num_keep = 1,
                                           .optim = tn_adam(NULL),
                                           .short_batches = true, /* the last of an epoch */
                                           .seed = (uint64_t)flags.seed}));
}

/* ---- training --------------------------------------------------------------------------------- */

/* Of a batch that was run: how many pairs are told right, those nearer than half of the margin being of one kind. */
static int64_t count_right(session *s, const tn_batch *b, float *distance)
{
    int64_t right = 0;
    tn_must(
        tn_plan_get(s->plan, s->distance, (tn_tensor){TN_F32, TN_SHAPE(flags.batch), distance}));
    for (int64_t i = 0; i < b->count; i++)
        right += (distance[i] < 0.5f) == (((const float *)b->array[2].data)[i] > 0.5f);
    return right;
}

static void train(session *s)
{
    float *distance = malloc((size_t)flags.batch * sizeof *distance);
    if (!distance)
        run_fail("no memory for %lld distances", (long long)flags.batch);
    for (int64_t epoch = 1; epoch <= flags.epochs; epoch++) {
        tn_batch b;
        tn_status status;
        int64_t right = 0, all = 0;
        while ((status = tn_loader_next(s->loader, &b)) == TN_OK) {
            tn_must(tn_plan_set(s->plan, s->image[0], b.array[0]));
            tn_must(tn_plan_set(s->plan, s->image[1], b.array[1]));
            tn_must(tn_plan_set(s->plan, s->same, b.array[2]));
            tn_must(tn_plan_set_rows(s->plan, b.own));
            tn_must(tn_plan_run(s->plan));
            right += count_right(s, &b, distance);
            all += b.count;
            tn_must(tn_plan_update(s->plan, (float)flags.rate));
        }
        if (status != TN_END)
            tn_must(status);
        printf("epoch %lld: %.1f %% of the pairs right\n", (long long)epoch,
               all ? 100 * (double)right / (double)all : 0);
        fflush(stdout);
    }
    free(distance);
}

int main(int argc, char **argv)
{
    const args a = {
        .usage = "siamese [options] DIR",
        .what = "learns whether two pictures are of one kind",
        .about =
            "Learns from pairs of pictures whether both are of one kind.\n\n"
            "DIR has a folder of pictures for each kind, or is a list: see alexnet.\n\nOptions:",
        .more = "Exit status: 0; 1: the run failed; 2: flags or files that cannot be.",
        .options = table,
        .count = sizeof table / sizeof table[0],
        .min_words = 1,
        .max_words = 1,
        .words = "a folder of pictures"};
    args_parse(&a, argc, argv);
    session s = {0};
    if (tn_dataset_open(&s.set, &(tn_dataset_opts){.path = argv[1]}) != TN_OK)
        args_fail("%s", tn_error());
    if (tn_dataset_side(s.set) || tn_dataset_classes(s.set) < 2)
        args_fail("%s: pairs want pictures of two kinds or more, in files", argv[1]);
    s.pairs = pairs_open(s.set, (int)flags.side);
    build(&s);
    open_loader(&s);
    train(&s);
    for (int64_t i = 0; i < tn_loader_num_bad(s.loader); i++)
        args_warn("left out %s: %s", tn_loader_bad_path(s.loader, i),
                  tn_loader_bad_reason(s.loader, i));
    tn_loader_close(s.loader);
    tn_plan_destroy(s.plan);
    tn_device_close(s.device);
    tn_graph_destroy(s.g);
    free(s.pairs.first);
    free(s.pairs.order);
    tn_dataset_close(s.set);
    return 0;
}
