/* Somebody else's program: it trains a net with an operation of its own, in both ways, saves it and opens it again, as a
 * foreign project that knows <tenon/...> only. Its argument is where it may write a file. */
#include <math.h>

#include "swish.h"

enum { ROWS = 4, WIDTH = 3, STEPS = 20 };

typedef struct net {
    tn_graph *g;
    tn_device *device;
    tn_plan *plan;
    tn_value x, label, y;
    tn_loss loss;
} net;

static const float x[ROWS * WIDTH] = {1, 2, 3, 4, 5, 6, -1, 2, -3, 4, -5, 6};
static const int32_t labels[ROWS] = {0, 1, 0, 1};

static void set(net *s, tn_value input, tn_dtype dtype, tn_shape shape, const void *data)
{
    tn_must(tn_plan_set(s->plan, input, (tn_tensor){dtype, shape, (void *)(uintptr_t)data}));
}

static void train(net *s, bool custom, float *loss)
{
    tn_must(tn_device_open(&s->device, "cpu"));
    swish_install(s->device);
    tn_must(tn_graph_create(&s->g));
    s->x = tn_input(s->g, "x", TN_F32, TN_SHAPE(ROWS, WIDTH));
    s->label = tn_input(s->g, "label", TN_I32, TN_SHAPE(ROWS));
    tn_value y = tn_dense(s->g, s->x, &(tn_dense_opts){.name = "a", .units = 5});
    y = custom ? swish_custom(s->g, y) : swish(s->g, y, &(swish_opts){.name = "s", .beta = 1});
    s->y = tn_dense(s->g, y, &(tn_dense_opts){.name = "b", .units = 2});
    s->loss = tn_softmax_xent(s->g, s->y, s->label, NULL);
    tn_output(s->g, s->y);
    tn_must(tn_plan_create(
        &s->plan, s->g, s->device,
        &(tn_plan_opts){
            .loss = s->loss.loss, .keep = &s->y, .num_keep = 1, .optim = tn_sgd(NULL), .seed = 1}));
    set(s, s->x, TN_F32, TN_SHAPE(ROWS, WIDTH), x);
    set(s, s->label, TN_I32, TN_SHAPE(ROWS), labels);
    for (int i = 0; i < STEPS; i++) {
        tn_must(tn_plan_run(s->plan));
        tn_must(tn_plan_get(s->plan, s->loss.loss, (tn_tensor){TN_F32, {0}, &loss[i]}));
        tn_must(tn_plan_update(s->plan, 0.05f));
    }
}

static void close_net(net *s)
{
    tn_plan_destroy(s->plan);
    tn_graph_destroy(s->g);
    tn_device_close(s->device);
}

static void evaluate(tn_plan *plan, tn_value y, float out[ROWS * 2])
{
    tn_must(tn_plan_evaluate(plan));
    tn_must(tn_plan_get(plan, y, (tn_tensor){TN_F32, TN_SHAPE(ROWS, 2), out}));
}

/* The file has the net as text, the operation by its name. */
static bool opens_as_it_was(net *s, const char *path)
{
    float want[ROWS * 2], got[ROWS * 2];
    tn_model *model = NULL;
    net again = {.device = s->device};
    evaluate(s->plan, s->y, want);
    tn_must(tn_checkpoint_save(s->plan, path, NULL, 0));
    tn_must(tn_model_open(&model, path, &(tn_model_opts){.batch = ROWS}));
    const tn_graph *g = tn_model_graph(model);
    tn_must(tn_plan_create(&again.plan, g, s->device, &(tn_plan_opts){.from = model}));
    set(&again, tn_graph_value(g, "x"), TN_F32, TN_SHAPE(ROWS, WIDTH), x);
    evaluate(again.plan, tn_graph_output_at(g, 0), got);
    tn_plan_destroy(again.plan);
    tn_model_close(model);
    for (int i = 0; i < ROWS * 2; i++)
        if (fabsf(want[i] - got[i]) > 1e-6f)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    float loss[STEPS], custom[STEPS];
    net s = {0}, c = {0};
    if (argc != 2)
        return 2;
    train(&s, false, loss);
    train(&c, true, custom);
    bool right = opens_as_it_was(&s, argv[1]) && loss[STEPS - 1] < loss[0];
    for (int i = 0; i < STEPS; i++)
        right = right && fabsf(loss[i] - custom[i]) < 1e-5f;
    printf("tenon %s on %s: loss %.4f, then %.4f\n", tn_version(), tn_device_name(s.device),
           (double)loss[0], (double)loss[STEPS - 1]);
    close_net(&c);
    close_net(&s);
    return right ? 0 : 1;
}
