/*
 * What a run's folder costs a step: a plan of almost nothing, so that little else is measured, trained without a run and in
 * one, by turns. Usage: tenon_run [FOLDER [ROUNDS]]; a line for each way to log, microseconds a step.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <tenon/tenon.h>

enum { ROWS = 2, WIDE = 4, STEPS = 5000, MOST_ROUNDS = 101 };

typedef struct side {
    tn_plan *plan;
    tn_run *run; /* NULL: without */
    int64_t index;
} side;

static double seconds(void)
{
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Microseconds a step. */
static double train(side *s)
{
    const double began = seconds();
    for (int i = 0; i < STEPS; i++) {
        tn_run_orders orders;
        const tn_batch batch = {.count = ROWS, .index = s->index++};
        if (s->run)
            tn_must(tn_run_batch(s->run, &batch));
        tn_must(tn_plan_run(s->plan));
        tn_must(tn_plan_update(s->plan, 0.01F));
        if (s->run)
            tn_must(tn_run_step(s->run, 0.01F, &orders));
    }
    return (seconds() - began) * 1e6 / STEPS;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void show(const char *what, double *us, int count)
{
    qsort(us, (size_t)count, sizeof *us, by_size);
    printf("%-28s %8.2f (%.2f-%.2f)\n", what, us[count / 2], us[0], us[count - 1]);
}

int main(int argc, char **argv)
{
    const char *top = argc > 1 ? argv[1] : "run-bench";
    const int asked = argc > 2 ? atoi(argv[2]) : 9;
    const int rounds = asked > 0 && asked < MOST_ROUNDS ? asked : 9;
    static const int64_t log_every[] = {0, 20, 1};
    static double us[3][MOST_ROUNDS], more[3][MOST_ROUNDS];
    tn_device *device;
    tn_graph *g;
    side sides[3] = {0};
    tn_must(tn_device_open(&device, "cpu,threads=1"));
    tn_must(tn_graph_create(&g));
    const tn_value x = tn_input(g, "x", TN_F32, TN_SHAPE(ROWS, WIDE));
    const tn_value loss =
        tn_mse(g, tn_dense(g, x, &(tn_dense_opts){.name = "d", .units = WIDE}), x, NULL);
    for (int i = 0; i < 3; i++) {
        const float numbers[ROWS * WIDE] = {0};
        char folder[1000];
        tn_must(tn_plan_create(&sides[i].plan, g, device,
                               &(tn_plan_opts){.loss = loss, .optim = tn_sgd(NULL)}));
        tn_must(tn_plan_set(sides[i].plan, x,
                            (tn_tensor){TN_F32, TN_SHAPE(ROWS, WIDE), (void *)(size_t)numbers}));
        snprintf(folder, sizeof folder, "%s-%d", top, (int)log_every[i]);
        if (log_every[i])
            tn_must(tn_run_open(&sides[i].run, &(tn_run_opts){.folder = folder,
                                                              .config = "{}",
                                                              .plan = sides[i].plan,
                                                              .device = device,
                                                              .loss = loss,
                                                              .set = {.log_every = log_every[i]}}));
    }
    for (int r = -1; r < rounds; r++) /* the first one warms up */
        for (int i = 0; i < 3; i++) {
            us[i][r < 0 ? 0 : r] = train(&sides[i]);
            more[i][r < 0 ? 0 : r] = us[i][r < 0 ? 0 : r] - us[0][r < 0 ? 0 : r];
        }
    show("without a run", us[0], rounds);
    show("more, a line every 20 steps", more[1], rounds);
    show("more, a line every step", more[2], rounds);
    for (int i = 0; i < 3; i++) {
        if (sides[i].run)
            tn_must(tn_run_close(sides[i].run, TN_RUN_DONE, NULL));
        tn_plan_destroy(sides[i].plan);
    }
    tn_graph_destroy(g);
    tn_device_close(device);
    return 0;
}
