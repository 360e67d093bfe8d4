/* Tenon's training step or inference on synthetic data, driven by compare.py.
 *
 * A step takes u8 pixels in and gives the loss, or the logits, out: copying to the device, mean and
 * scale are inside of what is timed. PyTorch's side is given pixels that are floats already. */
#include <string.h>

#include <tenon/tenon.h>

#include "../common/nets.h"
#include "../common/serve.h"

typedef struct state {
    tn_device *device;
    tn_graph *graph;
    tn_plan *plan;
    tn_value image, label, logits, loss;
    tn_tensor pixels, labels, result;
    bool training;
} state;

static void *must_alloc(size_t bytes)
{
    void *p = malloc(bytes);
    if (!p) {
        fprintf(stderr, "no memory for %zu bytes\n", bytes);
        exit(1);
    }
    return p;
}

static void make_data(state *s, const bench_net *net, int batch)
{
    const size_t bytes = (size_t)batch * (size_t)(net->side * net->side * net->channels);
    void *memory;
    tn_must(tn_device_host_alloc(s->device, bytes, &memory));
    uint8_t *pixels = memory;
    const int pixel_side = net->pixels ? net->side : 1;
    const size_t count = (size_t)batch * (size_t)(pixel_side * pixel_side);
    const tn_shape label = net->pixels ? TN_SHAPE(batch, net->side, net->side) : TN_SHAPE(batch);
    const tn_shape logits = net->pixels ? TN_SHAPE(batch, net->classes, net->side, net->side)
                                        : TN_SHAPE(batch, net->classes);
    int32_t *labels = must_alloc(count * sizeof *labels);
    uint32_t random = 1; /* Knuth's linear congruential generator: any numbers do */
    for (size_t i = 0; i < bytes; i++)
        pixels[i] = (uint8_t)((random = random * 1664525u + 1013904223u) >> 24);
    for (size_t i = 0; i < count; i++)
        labels[i] = (int32_t)((random = random * 1664525u + 1013904223u) >> 8) % net->classes;
    s->pixels = (tn_tensor){TN_U8, TN_SHAPE(batch, net->side, net->side, net->channels), pixels};
    s->labels = (tn_tensor){TN_I32, label, labels};
    s->result = s->training ? (tn_tensor){TN_F32, {0}, must_alloc(sizeof(float))}
                            : (tn_tensor){TN_F32, logits,
                                          must_alloc(count * (size_t)net->classes * sizeof(float))};
}

/* Numbers in all that is trained: in a plan without a loss nothing is. */
static int64_t trained(const tn_plan *plan)
{
    int64_t sum = 0;
    for (int i = 0; i < tn_plan_num_params(plan); i++) {
        tn_param_info info;
        tn_must(tn_plan_param(plan, i, &info));
        int64_t count;
        tn_must(tn_shape_count(&info.shape, &count));
        sum += info.trained ? count : 0;
    }
    return sum;
}

static void make_plan(state *s, const bench_net *net, tn_precision precision)
{
    tn_must(tn_graph_create(&s->graph));
    s->image = tn_input(s->graph, "image", TN_U8, s->pixels.shape);
    const tn_value x =
        tn_image_input(s->graph, s->image,
                       &(tn_image_input_opts){.mean = {128, 128, 128},
                                              .scale = {1.0f / 64, 1.0f / 64, 1.0f / 64}});
    s->logits = net->build(s->graph, x, net->classes);
    if (s->training) {
        s->label = tn_input(s->graph, "label", TN_I32, s->labels.shape);
        s->loss = tn_softmax_xent(s->graph, s->logits, s->label, NULL).loss;
    }
    const tn_optim sgd = tn_sgd(&(tn_sgd_opts){.momentum = 0.9f, .weight_decay = 5e-4f});
    tn_plan_opts opts = {.precision = precision, .seed = 1};
    if (s->training)
        opts.loss = s->loss, opts.optim = sgd;
    else
        opts.keep = &s->logits, opts.num_keep = 1;
    tn_must(tn_plan_create(&s->plan, s->graph, s->device, &opts));
}

static void step(state *s)
{
    tn_must(tn_plan_set(s->plan, s->image, s->pixels));
    if (!s->training) {
        tn_must(tn_plan_evaluate(s->plan));
        tn_must(tn_plan_get(s->plan, s->logits, s->result));
        return;
    }
    tn_must(tn_plan_set(s->plan, s->label, s->labels));
    tn_must(tn_plan_run(s->plan));
    tn_must(tn_plan_update(s->plan, 0.001f));
    tn_must(tn_plan_get(s->plan, s->loss, s->result));
}

static bench_lap work(void *arg, int64_t units)
{
    state *s = arg;
    const double start = bench_now();
    for (int64_t i = 0; i < units; i++)
        step(s);
    return (bench_lap){.seconds = bench_now() - start, .images = units * s->pixels.shape.dim[0]};
}

/* Under mpirun only rank 0 is asked. It tells the others how much to do; nothing: to end. */
static bench_lap work_together(void *arg, int64_t units)
{
    state *s = arg;
    int64_t all[TN_MAX_RANKS];
    tn_must(tn_device_gather(s->device, &units, sizeof units, all));
    return work(s, all[0]);
}

static void serve(state *s, const char *about)
{
    if (tn_device_rank(s->device) == 0) {
        bench_serve(about, work_together, s);
        work_together(s, 0);
    } else {
        while (work_together(s, 0).images > 0)
            ;
    }
}

int main(int argc, char **argv)
{
    if (argc != 6 || (strcmp(argv[5], "train") != 0 && strcmp(argv[5], "infer") != 0)) {
        fprintf(stderr, "usage: tenon_step NET BATCH DEVICE PRECISION train|infer\n");
        return 2;
    }
    const bench_net *net = bench_net_find(argv[1]);
    const int batch = bench_number("BATCH", argv[2], 1);
    tn_precision precision;
    tn_must(tn_precision_find(argv[4], &precision));
    state s = {.training = strcmp(argv[5], "train") == 0};
    tn_must(tn_device_open(&s.device, argv[3]));
    make_data(&s, net, batch);
    make_plan(&s, net, precision);
    for (int i = 0; i < 2; i++)
        step(&s);
    char about[512];
    snprintf(about, sizeof about, "Tenon %s, %s, plan of %.0f MiB, %lld trained parameters",
             tn_version(), tn_device_describe(s.device),
             (double)tn_plan_memory(s.plan).total / (1 << 20), (long long)trained(s.plan));
    serve(&s, about);
    tn_plan_destroy(s.plan);
    tn_graph_destroy(s.graph);
    tn_device_host_free(s.device, s.pixels.data);
    tn_device_close(s.device);
    free(s.labels.data);
    free(s.result.data);
    return 0;
}
