/* Tenon learns the recipe of compare.py. Prints a line an epoch: number, mean loss, val top-1 in per
 * cent. One plan trains and evaluates; rows that hold no image have label -1 and count nowhere. */
#include <string.h>

#include <tenon/tenon.h>

#include "../common/nets.h"
#include "../common/serve.h"

typedef struct recipe {
    const bench_net *net;
    const char *folder;
    int side, batch, epochs, threads, seed;
    double rate;
    bool strict;
} recipe;

typedef struct state {
    tn_dataset *train_set, *val_set;
    tn_loader *train, *val;
    tn_device *device;
    tn_graph *graph;
    tn_plan *plan;
    tn_value image, label;
    tn_loss loss;
} state;

static void open_set(tn_dataset **out, const char *folder, const char *part,
                     const tn_dataset *classes_of)
{
    char path[4096];
    const int length = snprintf(path, sizeof path, "%s/%s", folder, part);
    if (length < 0 || (size_t)length >= sizeof path) {
        fprintf(stderr, "the folder's path is too long\n");
        exit(2);
    }
    tn_must(tn_dataset_open(out, &(tn_dataset_opts){.path = path, .classes_of = classes_of}));
}

static void open_loaders(state *s, const recipe *r)
{
    open_set(&s->train_set, r->folder, "train", NULL);
    open_set(&s->val_set, r->folder, "val", s->train_set);
    tn_must(tn_loader_open(&s->train, s->train_set,
                           &(tn_loader_opts){.batch = r->batch,
                                             .height = r->side,
                                             .width = r->side,
                                             .crop = TN_CROP_RANDOM_RESIZED,
                                             .area = {0.25f, 1},
                                             .flip = true,
                                             .shuffle = true,
                                             .drop_last = true,
                                             .threads = r->threads,
                                             .seed = (uint64_t)r->seed}));
    tn_must(tn_loader_open(&s->val, s->val_set,
                           &(tn_loader_opts){.batch = r->batch,
                                             .height = r->side,
                                             .width = r->side,
                                             .resize = r->side * 8 / 7,
                                             .crop = TN_CROP_CENTRE,
                                             .threads = r->threads}));
}

static void make_plan(state *s, const recipe *r)
{
    char device[32];
    snprintf(device, sizeof device, "cpu,threads=%d", r->threads);
    tn_must(tn_device_open(&s->device, device));
    tn_must(tn_graph_create(&s->graph));
    s->image = tn_input(s->graph, "image", TN_U8, TN_SHAPE(r->batch, r->side, r->side, 3));
    s->label = tn_input(s->graph, "label", TN_I32, TN_SHAPE(r->batch));
    const tn_value x =
        tn_image_input(s->graph, s->image,
                       &(tn_image_input_opts){.mean = {127.5f, 127.5f, 127.5f},
                                              .scale = {1 / 255.0f, 1 / 255.0f, 1 / 255.0f}});
    const int classes = tn_dataset_classes(s->train_set);
    const tn_value logits = r->net->build(s->graph, x, classes);
    s->loss = tn_softmax_xent(s->graph, logits, s->label, NULL);
    const tn_plan_opts opts = {.loss = s->loss.loss,
                               .optim =
                                   tn_sgd(&(tn_sgd_opts){.momentum = 0.9f, .weight_decay = 5e-4f}),
                               .seed = (uint64_t)r->seed,
                               .strict = r->strict};
    tn_must(tn_plan_create(&s->plan, s->graph, s->device, &opts));
}

static void set_batch(state *s, const tn_batch *batch)
{
    tn_must(tn_plan_set(s->plan, s->image, batch->images));
    tn_must(tn_plan_set(s->plan, s->label, batch->labels));
}

static void get_scalar(state *s, tn_value v, tn_dtype dtype, void *out)
{
    tn_must(tn_plan_get(s->plan, v, (tn_tensor){dtype, {0}, out}));
}

/* The mean loss over an epoch's batches. */
static double train_epoch(state *s, const tn_rate *rate)
{
    double sum = 0;
    int64_t batches = 0;
    tn_batch batch;
    tn_status status;
    while ((status = tn_loader_next(s->train, &batch)) == TN_OK) {
        float loss = 0;
        set_batch(s, &batch);
        tn_must(tn_plan_run(s->plan));
        tn_must(tn_plan_update(s->plan, tn_rate_at(rate, tn_plan_updates(s->plan))));
        get_scalar(s, s->loss.loss, TN_F32, &loss);
        sum += (double)loss;
        batches++;
    }
    if (status != TN_END)
        tn_must(status);
    return sum / (double)batches;
}

static double top_1(state *s)
{
    int64_t right = 0, total = 0;
    tn_batch batch;
    tn_status status;
    while ((status = tn_loader_next(s->val, &batch)) == TN_OK) {
        int32_t count = 0;
        set_batch(s, &batch);
        tn_must(tn_plan_evaluate(s->plan));
        get_scalar(s, s->loss.top_1, TN_I32, &count);
        right += count;
        total += batch.count;
    }
    if (status != TN_END)
        tn_must(status);
    return 100.0 * (double)right / (double)total;
}

int main(int argc, char **argv)
{
    if (argc != 10 || (strcmp(argv[9], "default") != 0 && strcmp(argv[9], "strict") != 0)) {
        fprintf(stderr, "usage: tenon_learn NET FOLDER SIDE BATCH EPOCHS THREADS SEED RATE "
                        "default|strict\n");
        return 2;
    }
    const recipe r = {.net = bench_net_find(argv[1]),
                      .folder = argv[2],
                      .side = bench_number("SIDE", argv[3], 1),
                      .batch = bench_number("BATCH", argv[4], 1),
                      .epochs = bench_number("EPOCHS", argv[5], 1),
                      .threads = bench_number("THREADS", argv[6], 1),
                      .seed = bench_number("SEED", argv[7], 0),
                      .rate = strtod(argv[8], NULL),
                      .strict = strcmp(argv[9], "strict") == 0};
    state s = {0};
    open_loaders(&s, &r);
    make_plan(&s, &r);
    const tn_rate rate = {
        .policy = TN_RATE_COSINE, .base = r.rate, .steps = r.epochs * tn_loader_batches(s.train)};
    tn_must(tn_rate_check(&rate));
    for (int epoch = 1; epoch <= r.epochs; epoch++) {
        const double loss = train_epoch(&s, &rate);
        printf("%d %.4f %.2f\n", epoch, loss, top_1(&s));
        fflush(stdout);
    }
    tn_plan_destroy(s.plan);
    tn_graph_destroy(s.graph);
    tn_device_close(s.device);
    tn_loader_close(s.val);
    tn_loader_close(s.train);
    tn_dataset_close(s.val_set);
    tn_dataset_close(s.train_set);
    return 0;
}
