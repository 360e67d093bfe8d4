/*
 * regression: learns a number from others, from a table of a program's own, and tells how far it is off.
 */
#include <math.h>
#include <stdio.h>

#include <tenon/tenon.h>

#include "../tools/common/args.h"
#include "common/csv.h"

enum { HELD_OUT = 5 /* every fifth row */ };

typedef struct session {
    csv table;
    csv_part train, test;
    tn_graph *g;
    tn_device *device;
    tn_plan *plan;
    tn_value x, y, guess, loss;
    tn_loader *trains, *tests;
} session;

static struct options {
    int64_t epochs, batch, hidden, seed;
    double rate;
    const char *device, *save;
} flags = {.epochs = 40, .batch = 32, .hidden = 32, .seed = 1, .rate = 0.01};

static const arg table[] = {
    {ARG_INT, "epochs", "N", "how often each row is seen", &flags.epochs, 1, 100000},
    {ARG_INT, "batch", "N", "rows a step", &flags.batch, 1, 100000},
    {ARG_INT, "hidden", "N", "units of each of the two hidden layers", &flags.hidden, 1, 100000},
    {ARG_REAL, "rate", "X", "learning rate of Adam", &flags.rate, 0, 100},
    {ARG_INT, "seed", "N", "of parameters and order", &flags.seed, 0, 0},
    {ARG_TEXT, "device", "NAME", "\"cpu\", \"cuda:0\", ...; default: the best there is",
     &flags.device, 0, 0},
    {ARG_TEXT, "save", "FILE", "write what was learned there", &flags.save, 0, 0},
};

static void build(session *s)
{
    const int64_t n = flags.batch;
    tn_must(tn_graph_create(&s->g));
    s->x = tn_input(s->g, "x", TN_F32, TN_SHAPE(n, s->table.columns - 1));
    s->y = tn_input(s->g, "y", TN_F32, TN_SHAPE(n, 1));
    tn_value v = s->x;
    for (int i = 0; i < 2; i++)
        v = tn_relu(s->g, tn_dense(s->g, v, &(tn_dense_opts){.units = (int)flags.hidden}), NULL);
    s->guess = tn_dense(s->g, v, &(tn_dense_opts){.name = "guess", .units = 1});
    s->loss = tn_mse(s->g, s->guess, s->y, &(tn_layer_opts){.name = "loss"});
    tn_output(s->g, s->guess);
    if (tn_device_open(&s->device, flags.device) != TN_OK)
        args_fail("%s", tn_error());
    tn_must(tn_plan_create(&s->plan, s->g, s->device,
                           &(tn_plan_opts){.loss = s->loss,
                                           .optim = tn_adam(NULL),
                                           .short_batches = true, /* the last of an epoch */
                                           .seed = (uint64_t)flags.seed}));
}

static void open_loaders(session *s)
{
    const tn_source train = csv_source(&s->train), test = csv_source(&s->test);
    tn_loader_opts opts = {.batch = (int)flags.batch, .threads = 1, .device = s->device};
    tn_must(tn_loader_open_source(&s->tests, &test, &opts));
    opts.shuffle = true;
    opts.seed = (uint64_t)flags.seed;
    tn_must(tn_loader_open_source(&s->trains, &train, &opts));
}

/* False at the end of an epoch. *rows: how many there are in the batch. */
static bool next_batch(session *s, tn_loader *loader, int *rows)
{
    tn_batch b;
    const tn_status status = tn_loader_next(loader, &b);
    if (status == TN_END)
        return false;
    tn_must(status);
    tn_must(tn_plan_set(s->plan, s->x, b.array[0]));
    tn_must(tn_plan_set(s->plan, s->y, b.array[1]));
    tn_must(tn_plan_set_rows(s->plan, b.own));
    *rows = b.count;
    return true;
}

static float get_loss(session *s)
{
    float loss;
    tn_must(tn_plan_get(s->plan, s->loss, (tn_tensor){TN_F32, {0}, &loss}));
    return loss;
}

/* The root of the mean squared error on the rows that were held out, in units of the table. */
static double test(session *s)
{
    double sum = 0;
    int64_t all = 0;
    int rows;
    while (next_batch(s, s->tests, &rows)) {
        tn_must(tn_plan_evaluate(s->plan));
        sum += (double)get_loss(s) * rows;
        all += rows;
    }
    return sqrt(sum / (double)all) / s->table.scale[s->table.columns - 1];
}

static void train(session *s)
{
    const tn_rate rate = {.policy = TN_RATE_COSINE,
                          .base = TN_EXACTLY(flags.rate),
                          .steps = tn_loader_batches(s->trains) * flags.epochs};
    int rows;
    for (int64_t epoch = 0; epoch < flags.epochs; epoch++) {
        while (next_batch(s, s->trains, &rows)) {
            tn_must(tn_plan_run(s->plan));
            tn_must(tn_plan_update(s->plan, tn_rate_at(&rate, tn_plan_updates(s->plan))));
        }
        if (!isfinite(get_loss(s)))
            run_fail("the loss is no finite number after epoch %lld: try a lower --rate",
                     (long long)epoch + 1);
        if ((epoch + 1) % ((flags.epochs + 9) / 10) == 0 || epoch + 1 == flags.epochs)
            printf("epoch %lld: off by %.4g\n", (long long)epoch + 1, test(s));
    }
}

static void tell_bad(const tn_loader *loader)
{
    for (int64_t i = 0; i < tn_loader_num_bad(loader); i++)
        args_warn("left out %s: %s", tn_loader_bad_path(loader, i),
                  tn_loader_bad_reason(loader, i));
}

int main(int argc, char **argv)
{
    const args a = {
        .usage = "regression [options] FILE",
        .what = "learns the last column of a table from the others",
        .about =
            "Learns the last column of a table from the others and tells how far it is off, on\n"
            "average, in every fifth row, which it does not learn from.\n\n"
            "FILE has a row a line, numbers with commas between them, perhaps under a heading.\n\n"
            "Options:",
        .more = "Rows that are no such numbers are left out and named, up to 1 % of them.\n\n"
                "Exit status: 0; 1: the run failed; 2: flags or files that cannot be.",
        .options = table,
        .count = sizeof table / sizeof table[0],
        .min_words = 1,
        .max_words = 1,
        .words = "a table"};
    args_parse(&a, argc, argv);
    session s = {0};
    csv_open(&s.table, argv[1]);
    s.train = (csv_part){&s.table, HELD_OUT, false};
    s.test = (csv_part){&s.table, HELD_OUT, true};
    if (s.table.rows < 2)
        args_fail("%s: one row alone cannot be learned from and tested on", argv[1]);
    csv_normalize(&s.table, &s.train);
    build(&s);
    open_loaders(&s);
    if (flags.save && tn_checkpoint_probe(s.plan, flags.save) != TN_OK)
        args_fail("--save %s", tn_error());
    printf("%lld rows of %d numbers, on %s\n", (long long)s.table.rows, s.table.columns,
           tn_device_describe(s.device));
    train(&s);
    tell_bad(s.trains);
    tell_bad(s.tests);
    if (flags.save && tn_checkpoint_save_params(s.plan, flags.save, NULL, 0) != TN_OK)
        run_fail("not saved: %s", tn_error());
    tn_loader_close(s.trains);
    tn_loader_close(s.tests);
    tn_plan_destroy(s.plan);
    tn_device_close(s.device);
    tn_graph_destroy(s.g);
    csv_close(&s.table);
    return 0;
}
