#define _POSIX_C_SOURCE 200809L /* raise of SIGKILL */

#include "lab_run.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"

void lab_run_plan(lab_run *r, const lab_run_kind *kind)
{
    *r = (lab_run){.kind = kind};
    assert_ok(tn_device_open(&r->device, kind->device ? kind->device : "cpu,threads=1"));
    assert_ok(tn_graph_create(&r->g));
    r->x = tn_input(r->g, "x", TN_F32, TN_SHAPE(LAB_RUN_ROWS, LAB_RUN_WIDE));
    r->label = tn_input(r->g, "label", TN_I32, TN_SHAPE(LAB_RUN_ROWS));
    tn_value y =
        tn_relu(r->g, tn_dense(r->g, r->x, &(tn_dense_opts){.name = "fc1", .units = 16}), NULL);
    y = tn_dropout(r->g, y, &(tn_dropout_opts){.name = "drop", .rate = 0.25F});
    y = tn_dense(r->g, y, &(tn_dense_opts){.name = "fc2", .units = LAB_RUN_CLASSES});
    r->loss = tn_softmax_xent(r->g, y, r->label, &(tn_softmax_xent_opts){.top_k = 2});
    const tn_value keep[] = {r->loss.loss, r->loss.top_1, r->loss.top_k};
    assert_ok(tn_plan_create(
        &r->plan, r->g, r->device,
        &(tn_plan_opts){.loss = r->loss.loss,
                        .keep = keep,
                        .num_keep = 3,
                        .optim = kind->optim.kind ? kind->optim
                                                  : tn_sgd(&(tn_sgd_opts){.momentum = 0.9F}),
                        .precision = kind->precision,
                        .accumulate = kind->accumulate,
                        .loss_scale = kind->loss_scale,
                        .ema = kind->ema,
                        .seed = 7}));
}

tn_status lab_run_open(lab_run *r, const char *folder, bool resume)
{
    const lab_run_kind *k = r->kind;
    const tn_status status =
        tn_run_open(&r->run, &(tn_run_opts){.folder = folder,
                                            .config = k->config ? k->config : "{}",
                                            .plan = r->plan,
                                            .device = r->device,
                                            .batches = LAB_RUN_BATCHES,
                                            .loss = r->loss.loss,
                                            .top_1 = r->loss.top_1,
                                            .top_k = r->loss.top_k,
                                            .set = {.log_every = k->log_every, .keep = k->keep},
                                            .save_steps = k->save_steps,
                                            .no_events = !k->events,
                                            .resume = resume});
    if (status != TN_OK)
        return status;
    r->orders = tn_run_current(r->run);
    r->owes = r->orders.evaluate;
    tn_run_position(r->run, &r->epoch, &r->index);
    return TN_OK;
}

/* Every third batch is short. */
static void set_batch(const lab_run *r, uint64_t seed, tn_batch *b)
{
    float x[LAB_RUN_ROWS * LAB_RUN_WIDE];
    int32_t label[LAB_RUN_ROWS];
    tn_random random = tn_random_begin(21, TN_RANDOM_TEST, seed);
    b->count = seed % 3 == 2 ? LAB_RUN_ROWS - 3 : LAB_RUN_ROWS;
    for (int i = 0; i < LAB_RUN_ROWS * LAB_RUN_WIDE; i++)
        x[i] = (float)tn_random_below(&random, 256) / 64 - 2;
    for (int i = 0; i < LAB_RUN_ROWS; i++)
        label[i] = i < b->count ? (int32_t)tn_random_below(&random, LAB_RUN_CLASSES) : -1;
    assert_ok(
        tn_plan_set(r->plan, r->x, (tn_tensor){TN_F32, TN_SHAPE(LAB_RUN_ROWS, LAB_RUN_WIDE), x}));
    assert_ok(tn_plan_set(r->plan, r->label, (tn_tensor){TN_I32, TN_SHAPE(LAB_RUN_ROWS), label}));
}

static void validate(lab_run *r)
{
    for (int i = 0; i < 2; i++) {
        tn_batch b = {.index = i};
        set_batch(r, 77 + (uint64_t)i, &b);
        assert_ok(tn_run_validate(r->run, &b));
        assert_ok(tn_plan_evaluate(r->plan));
    }
}

static void evaluate(lab_run *r)
{
    if (!r->orders.evaluate)
        return;
    validate(r);
    if (r->dies)
        raise(SIGKILL);
    assert_ok(tn_run_evaluated(r->run, NULL));
}

static void one_step(lab_run *r)
{
    const int runs = r->kind->accumulate ? r->kind->accumulate : 1;
    for (int i = 0; i < runs; i++) {
        tn_batch b = {.epoch = r->epoch, .index = r->index};
        set_batch(r, (uint64_t)(1000 * r->epoch + r->index), &b);
        if (r->run)
            assert_ok(tn_run_batch(r->run, &b));
        assert_ok(tn_plan_run(r->plan));
        r->index++;
    }
    const float rate = 0.05F * (float)r->orders.set.rate_scale;
    assert_ok(tn_plan_update(r->plan, rate));
    const int64_t step = tn_plan_updates(r->plan);
    if (step % 4 == 1) /* waits for a line of the log, also across a resume */
        assert_ok(tn_run_log(r->run, "tenth", (double)step / 10));
    assert_ok(tn_run_step(r->run, rate, &r->orders));
    evaluate(r);
}

static void end_epoch(lab_run *r)
{
    validate(r);
    assert_ok(tn_run_epoch(r->run, NULL, NULL));
    r->epoch++;
    r->index = 0;
}

void lab_run_train(lab_run *r, int64_t steps)
{
    if (r->owes) /* it ended before it had */
        evaluate(r);
    r->owes = false;
    while (!r->orders.stop) {
        if (r->index == LAB_RUN_BATCHES)
            end_epoch(r);
        if (tn_plan_updates(r->plan) >= steps)
            break;
        one_step(r);
    }
}

void lab_run_end(lab_run *r, tn_run_end end)
{
    if (r->run)
        assert_ok(tn_run_close(r->run, end, NULL));
    tn_plan_destroy(r->plan);
    tn_graph_destroy(r->g);
    tn_device_close(r->device);
    *r = (lab_run){0};
}

/* ---- the log ---------------------------------------------------------------------------------- */

static char line[4096];

static bool next_line(FILE *f, const char *kind)
{
    char begin[80];
    snprintf(begin, sizeof begin, "{\"e\":\"%s\",", kind);
    while (fgets(line, sizeof line, f))
        if (!*kind || strncmp(line, begin, strlen(begin)) == 0)
            return true;
    return false;
}

static FILE *open_log(const char *folder)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/log.jsonl", folder);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    return f;
}

int lab_run_lines(const char *folder, const char *kind, const char *text)
{
    FILE *f = open_log(folder);
    int count = 0;
    while (next_line(f, kind))
        count += !text || strstr(line, text) != NULL;
    fclose(f);
    return count;
}

const char *lab_run_line(const char *folder, const char *kind, int index)
{
    FILE *f = open_log(folder);
    bool found = false;
    while ((found = next_line(f, kind)) && index-- > 0)
        ;
    fclose(f);
    return found ? line : "";
}
