/*
 * mnist: trains LeNet on handwritten digits and tells how many of the test set it reads right.
 */
#include <math.h>
#include <stdio.h>

#include <tenon/tenon.h>

#include "../tools/common/args.h"
#include "../tools/common/progress.h"
#include "../tools/common/stop.h"
#include "../tools/train/network.h"
#include "common/idx.h"

enum { CLASSES = 10, SIDE = 28 };

typedef struct options {
    int64_t epochs, batch, seed, threads, max_steps, log_every;
    double rate, momentum, decay;
    const char *device, *save, *folder;
} options;

typedef struct session {
    options o;
    idx train, test;
    network net;
    tn_device *device;
    tn_plan *plan;
    tn_loader *trains, *tests;
    bool stops; /* a rank was told to, and all know */
} session;

static options flags = {.epochs = 2,
                        .batch = 64,
                        .seed = 1,
                        .log_every = 100,
                        .rate = 0.03,
                        .momentum = 0.9,
                        .decay = 5e-4};

static const arg table[] = {
    {ARG_INT, "epochs", "N", "how often each image is seen", &flags.epochs, 1, 10000},
    {ARG_INT, "batch", "N", "images a step", &flags.batch, 1, 10000},
    {ARG_REAL, "rate", "X", "learning rate; it rises for a tenth of an epoch and falls as a cosine",
     &flags.rate, 0, 100},
    {ARG_REAL, "momentum", "X", "of SGD", &flags.momentum, 0, 0.9999},
    {ARG_REAL, "decay", "X", "weight decay", &flags.decay, 0, 10},
    {ARG_INT, "seed", "N", "of parameters and order", &flags.seed, 0, 0},
    {ARG_INT, "max-steps", "N", "stop after this many steps; default: when done", &flags.max_steps,
     1, 1e9},
    {ARG_TEXT, "device", "NAME",
     "\"cuda:0\", \"cuda:0-3\", \"cuda:all\", \"cpu\", \"cpu,threads=2\",\n...; default: the best "
     "there is",
     &flags.device, 0, 0},
    {ARG_TEXT, "save", "FILE", "write what was learned there, for classify", &flags.save, 0, 0},
    {ARG_INT, "log-every", "STEPS", "between two lines, where there is no terminal",
     &flags.log_every, 1, 1e9},
};

static void check_size(const idx *set, const char *folder)
{
    if (set->height != SIDE || set->width != SIDE)
        args_fail("%s: images are %lld x %lld, not %d x %d", folder, (long long)set->height,
                  (long long)set->width, SIDE, SIDE);
}

static void build(session *s)
{
    const int64_t n = s->o.batch;
    const origin lenet = {.named = net_find("lenet")};
    tn_must(network_make(&s->net, &lenet, &(network_opts){.batch = n, .classes = CLASSES}));
    for (int i = 0; i < CLASSES; i++)
        network_name(&s->net, i, (char[]){(char)('0' + i), '\0'});
    if (tn_device_open(&s->device, s->o.device) != TN_OK)
        args_fail("%s", tn_error());
    const tn_sgd_opts sgd = {.momentum = (float)s->o.momentum, .weight_decay = (float)s->o.decay};
    tn_must(tn_plan_create(&s->plan, s->net.g, s->device,
                           &(tn_plan_opts){.loss = s->net.loss.loss,
                                           .optim = tn_sgd(&sgd),
                                           .seed = (uint64_t)s->o.seed}));
}

/* A new order for each epoch; the test set as it is, its last batch with fewer images. */
static void open_loaders(session *s)
{
    const tn_source train = idx_source(&s->train, "train"), test = idx_source(&s->test, "t10k");
    if (s->o.batch > s->train.count)
        args_fail("--batch is %lld, but there are only %lld images", (long long)s->o.batch,
                  (long long)s->train.count);
    tn_loader_opts opts = {.batch = (int)s->o.batch, .threads = 1, .device = s->device};
    tn_must(tn_loader_open_source(&s->tests, &test, &opts));
    opts.shuffle = opts.drop_last = true;
    opts.seed = (uint64_t)s->o.seed;
    tn_must(tn_loader_open_source(&s->trains, &train, &opts));
}

/* False at the end of an epoch. */
static bool next_batch(session *s, tn_loader *loader)
{
    tn_batch batch;
    const tn_status status = tn_loader_next(loader, &batch);
    if (status == TN_END)
        return false;
    tn_must(status);
    tn_must(tn_plan_set(s->plan, s->net.image, batch.array[0]));
    tn_must(tn_plan_set(s->plan, s->net.label, batch.array[1]));
    return true;
}

static int32_t right(session *s)
{
    int32_t top_1;
    tn_must(tn_plan_get(s->plan, s->net.loss.top_1, (tn_tensor){TN_I32, {0}, &top_1}));
    return top_1;
}

static double test(session *s)
{
    int64_t sum = 0;
    while (next_batch(s, s->tests)) {
        tn_must(tn_plan_evaluate(s->plan));
        sum += right(s);
    }
    return (double)sum / (double)s->test.count;
}

/* One update, with the batch that was set; returns the loss. */
static double train_step(session *s, float rate)
{
    float loss;
    tn_must(tn_plan_run(s->plan));
    tn_must(tn_plan_update(s->plan, rate));
    tn_must(tn_plan_get(s->plan, s->net.loss.loss, (tn_tensor){TN_F32, {0}, &loss}));
    if (!isfinite(loss))
        run_fail("the loss is %g at step %lld: try a lower --rate (it is %g)", (double)loss,
                 (long long)tn_plan_updates(s->plan), (double)rate);
    return (double)loss;
}

static bool agree_to_stop(session *s)
{
    unsigned char all[TN_MAX_RANKS];
    const unsigned char own = stop_asked() != 0;
    tn_must(tn_device_gather(s->device, &own, 1, all));
    for (int i = 0; i < tn_device_ranks(s->device); i++)
        s->stops |= all[i] != 0;
    return s->stops;
}

/* All images, up to so many steps in all; then the test. */
static void train_epoch(session *s, int64_t epoch, const tn_rate *rate, int64_t steps, progress *p)
{
    const int64_t n = s->o.batch, begun = tn_plan_updates(s->plan);
    int64_t sum = 0;
    for (int64_t step = begun; step < steps && next_batch(s, s->trains); step++) {
        if (agree_to_stop(s))
            return;
        const float r = tn_rate_at(rate, step);
        const double loss = train_step(s, r);
        sum += right(s);
        progress_show(p, &(progress_step){.step = step + 1,
                                          .epoch = epoch + 1,
                                          .loss = loss,
                                          .top_1 = (double)sum / (double)((step + 1 - begun) * n),
                                          .rate = (double)r,
                                          .images = (step + 1) * n});
    }
    const double began = seconds();
    progress_clear(p);
    printf("epoch %lld: %.2f %% of %lld test images right\n", (long long)epoch + 1, 100 * test(s),
           (long long)s->test.count);
    fflush(stdout);
    progress_skip(p, seconds() - began);
}

static void train(session *s)
{
    const int64_t per_epoch = tn_loader_batches(s->trains);
    int64_t steps = per_epoch * s->o.epochs;
    if (s->o.max_steps && s->o.max_steps < steps)
        steps = s->o.max_steps;
    const tn_rate rate = {.policy = TN_RATE_COSINE,
                          .base = TN_EXACTLY(s->o.rate),
                          .steps = per_epoch * s->o.epochs,
                          .warmup = per_epoch / 10};
    progress p;
    progress_begin(&p, steps, 0, s->o.log_every);
    for (int64_t epoch = 0; epoch < s->o.epochs && tn_plan_updates(s->plan) < steps && !s->stops;
         epoch++)
        train_epoch(s, epoch, &rate, steps, &p);
    progress_clear(&p);
    if (s->stops)
        printf("stopped at step %lld of %lld\n", (long long)tn_plan_updates(s->plan),
               (long long)steps);
}

int main(int argc, char **argv)
{
    const args a = {.usage = "mnist [options] DIR",
                    .what = "learns to read handwritten digits",
                    .about = "Trains LeNet on MNIST and tests it after each epoch.\n\n"
                             "DIR holds the four files train-images-idx3-ubyte, "
                             "train-labels-idx1-ubyte,\nt10k-images-idx3-ubyte and "
                             "t10k-labels-idx1-ubyte, each plain or with .gz.\n\nOptions:",
                    .more = "Ctrl-C, and kill, end the run after the step at hand and save it.\n\n"
                            "Exit status: 0; 1: the run failed; 2: flags or files that cannot be; "
                            "128 + signal: stopped.",
                    .options = table,
                    .count = sizeof table / sizeof table[0],
                    .min_words = 1,
                    .max_words = 1,
                    .words = "the folder with MNIST's files"};
    args_parse(&a, argc, argv);
    session s = {.o = flags};
    idx_open(&s.train, argv[1], "train");
    idx_open(&s.test, argv[1], "t10k");
    check_size(&s.train, argv[1]);
    check_size(&s.test, argv[1]);
    build(&s);
    args_rank(tn_device_rank(s.device), tn_device_ranks(s.device));
    printf("tenon %s on %s\n%lld training images, %lld test images\n", tn_version(),
           tn_device_describe(s.device), (long long)s.train.count, (long long)s.test.count);
    tn_must(tn_plan_describe(s.plan, TN_DESCRIBE_SHARES, stdout));
    if (s.o.save && tn_checkpoint_probe(s.plan, s.o.save) != TN_OK)
        args_fail("--save %s", tn_error());
    open_loaders(&s);
    stop_catch(NULL);
    train(&s);
    if (s.o.save && network_save(&s.net, s.plan, s.o.save, false, NULL, 0) != TN_OK)
        run_fail("not saved: %s", tn_error());
    tn_loader_close(s.trains);
    tn_loader_close(s.tests);
    tn_plan_destroy(s.plan);
    tn_device_close(s.device);
    network_free(&s.net);
    idx_close(&s.test);
    idx_close(&s.train);
    return s.stops ? stop_status() : 0;
}
