/*
 * tenon-speed: what a GPU, and cuDNN on it, are worth: one network trained on the same batch on the CPU, on the
 * GPU without cuDNN, and on the GPU with it in each precision.
 */
#include <stdio.h>
#include <string.h>

#include <tenon/tenon.h>

#include "common/args.h"
#include "common/whole.h"
#include "speed/speed.h"

static struct {
    const char *net, *cpu, *gpu, *svg, *csv;
    int64_t batch, size, classes, rounds, steps, cpu_steps, warm_up;
    bool per_layer, json, force;
} flags = {.net = "torchvision",
           .cpu = "cpu",
           .gpu = "cuda:0",
           .batch = 128,
           .rounds = 5,
           .steps = 20,
           .cpu_steps = 1,
           .warm_up = 5};

static const arg options[] = {
    {ARG_TEXT, "net", "NAME",
     "one for whole images: slim, resnet50, vit_tiny, ...\n(docs/nets.md; default torchvision)",
     &flags.net, 0, 0},
    {ARG_INT, "batch", "N", "images a step", &flags.batch, 1, 65536},
    {ARG_INT, "size", "PIXELS", "side of the images; default: as the network has it", &flags.size,
     1, 4096},
    {ARG_INT, "classes", "N", "default: as it was published, mostly 1000", &flags.classes, 1,
     100000},
    {ARG_TEXT, "cpu", "NAME", "the CPU: \"cpu\", \"cpu,threads=8\"", &flags.cpu, 0, 0},
    {ARG_TEXT, "gpu", "NAME", "the GPU: \"cuda:0\", \"cuda:1,autotune=on\"", &flags.gpu, 0, 0},
    {ARG_INT, "rounds", "N", "measurements of a column", &flags.rounds, 1, 1000},
    {ARG_INT, "steps", "N", "steps in a round on the GPU", &flags.steps, 1, 1e6},
    {ARG_INT, "cpu-steps", "N", "steps in a round on the CPU", &flags.cpu_steps, 1, 1e6},
    {ARG_INT, "warm-up", "N", "steps before the first round", &flags.warm_up, 1, 1e6},
    {ARG_FLAG, "per-layer", NULL, "also what each layer takes", &flags.per_layer, 0, 0},
    {ARG_FLAG, "json", NULL, "everything as JSON", &flags.json, 0, 0},
    {ARG_TEXT, "svg", "FILE", "draw it", &flags.svg, 0, 0},
    {ARG_TEXT, "csv", "FILE", "write it as a table for other programs", &flags.csv, 0, 0},
    {ARG_FLAG, "force", NULL, "write files anew that are there", &flags.force, 0, 0},
};

static void check_device(const char *flag, const char *name)
{
    if (device_is_simulated(name))
        args_fail("--%s %s is a simulation of a GPU: how long it takes says nothing about one",
                  flag, name);
    if (strstr(name, "cudnn="))
        args_fail("--%s %s: cudnn is what the columns differ in", flag, name);
    if (strlen(name) > 200)
        args_fail("--%s is too long", flag);
}

static const struct {
    const char *title, *cudnn;
    tn_precision precision;
} kinds[COLUMNS] = {
    [CPU] = {"CPU", "", TN_PRECISION_F32},
    [NO_CUDNN] = {"GPU no cuDNN f32", ",cudnn=off", TN_PRECISION_F32},
    [CUDNN_F32] = {"GPU f32", ",cudnn=on", TN_PRECISION_F32},
    [CUDNN_TF32] = {"GPU tf32", ",cudnn=on", TN_PRECISION_TF32},
    [CUDNN_BF16] = {"GPU bf16", ",cudnn=on", TN_PRECISION_BF16},
    [CUDNN_F16] = {"GPU f16", ",cudnn=on", TN_PRECISION_F16},
};

static void write_files(const column *c, const task *t, const findings *unfair)
{
    whole w;
    if (flags.svg) {
        whole_begin(&w, flags.svg, flags.force);
        columns_draw(c, t, unfair, w.to);
        whole_end(&w);
    }
    if (flags.csv) {
        whole_begin(&w, flags.csv, flags.force);
        columns_csv(c, t, w.to);
        whole_end(&w);
    }
}

int main(int argc, char **argv)
{
    const args a = {
        .usage = "tenon-speed [options]",
        .what = "what a GPU, and cuDNN on it, are worth: one net trained on CPU and GPU",
        .about =
            "Trains one network on one batch of random images on the CPU, on the GPU without\n"
            "cuDNN, and on the GPU with cuDNN in f32, tf32, bf16 and f16, and prints one table:\n"
            "milliseconds a step, images a second, and how many times as fast. A device that is\n"
            "not there is a column that says so. What makes the comparison unfair is said, too: "
            "few\n"
            "threads, a machine that others use, a slow build, low clocks.\n\nOptions:",
        .more = "Exit status: 0, with columns that are absent too; 1: a column computed something\n"
                "else than the CPU; 2: flags that cannot be.\n\n"
                "Examples:\n"
                "  tenon speed\n"
                "  tenon speed --net resnet50 --batch 64 --svg speed.svg",
        .options = options,
        .count = sizeof options / sizeof options[0]};
    args_parse(&a, argc, argv);
    const net *chosen = net_find(flags.net);
    if (!chosen)
        args_fail("there is no network \"%s\"; there are %s", flags.net, net_names());
    if (chosen->pixels)
        args_fail("--net %s: its classes are of pixels, not of images", flags.net);
    check_device("cpu", flags.cpu);
    check_device("gpu", flags.gpu);
    task t = {.net = chosen,
              .batch = flags.batch,
              .size = flags.size,
              .classes = flags.classes,
              .warm_up = flags.warm_up,
              .rounds = flags.rounds,
              .per_layer = flags.per_layer};
    t.size = t.size ? t.size : t.net->size;
    t.classes = t.classes ? t.classes : t.net->classes;
    task_make_batch(&t);

    if (flags.svg)
        whole_probe(flags.svg, flags.force);
    if (flags.csv)
        whole_probe(flags.csv, flags.force);

    static column c[COLUMNS];
    static findings unfair;
    bool doubt = false;
    fair_begin();
    for (int i = 0; i < COLUMNS; i++) {
        c[i].title = kinds[i].title;
        c[i].precision = kinds[i].precision;
        c[i].steps = i == CPU ? flags.cpu_steps : flags.steps;
        snprintf(c[i].device, sizeof c[i].device, "%s%s", i == CPU ? flags.cpu : flags.gpu,
                 kinds[i].cudnn);
        fprintf(stderr, "measuring %s\n", c[i].title);
        column_measure(&c[i], &t);
        doubt |= *column_doubt(&c[i], &c[CPU]) != '\0';
    }
    fair_end(c, &unfair);
    write_files(c, &t, &unfair);
    (flags.json ? columns_json : columns_print)(c, &t, &unfair);
    for (int i = 0; i < COLUMNS; i++)
        column_free(&c[i]);
    task_free(&t);
    return fflush(stdout) != 0 || doubt;
}
