/*
 * What the real cuDNN does for every network on seven GPUs, none of which need be there.
 *
 * A child process for each GPU opens "cuda,gpu=<name>" and makes plans of all networks of the examples,
 * training and inference, in every precision the GPU has: the same code that a run on that GPU goes through,
 * to the point where cuDNN has built each plan. A driver that does nothing stands in for the real one (see
 * fake_driver/), so that kernels which cuDNN compiles are compiled.
 *
 * Every operation must find an engine of cuDNN's; which one, with how much workspace and what notes, is
 * compared with tests/golden/cudnn_plans_<precision>.txt, if those are of the version of cuDNN that is here.
 *     test_cuda_plans --update    writes them anew
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../nets/nets.h"
#include "lab_plans.h"

enum { CLASSES = 1000, GPUS = 7, PRECISIONS = 4, MOST_LAYERS = 512, AT_ONCE = 2 };
static const char *const gpus[GPUS] = {"t4", "a100", "r3090", "r4090", "h100", "b200", "r5090"};
static const char *const precisions[PRECISIONS] = {"f32", "tf32", "f16", "bf16"};
static const char *const nets[] = {"lenet",     "torchvision", "caffe",   "2012",
                                   "googlenet", "resnet18",    "resnet50"};
static const char *program;

/* ---- the child: one GPU ------------------------------------------------------------------- */

/* T4 has neither. */
static bool has(const char *gpu, const char *precision)
{
    return strcmp(gpu, "t4") != 0 ||
           (strcmp(precision, "tf32") != 0 && strcmp(precision, "bf16") != 0);
}

/* Operations that cuDNN has a kernel for here. */
static bool is_cudnns(const tn_step_info *s)
{
    return strcmp(s->op, "conv2d") == 0;
}

static lab_plan make_plan(tn_device *d, const net *n, tn_precision precision, bool training)
{
    lab_plan m = {0};
    NEED(tn_graph_create(&m.graph));
    const tn_value image =
        tn_input(m.graph, "image", TN_U8, TN_SHAPE(BATCH, n->size, n->size, n->channels));
    const tn_value label = tn_input(m.graph, "label", TN_I32, TN_SHAPE(BATCH));
    const tn_value logits = n->build(m.graph, tn_image_input(m.graph, image, &n->input), CLASSES);
    const tn_loss loss = tn_softmax_xent(m.graph, logits, label, NULL);
    const tn_plan_opts opts = {.keep = &logits, .num_keep = 1, .precision = precision, .dry = true};
    tn_plan_opts with_loss = opts;
    with_loss.loss = loss.loss;
    with_loss.optim = tn_sgd(NULL);
    NEED(tn_plan_create(&m.plan, m.graph, d, training ? &with_loss : &opts));
    return m;
}

/* Who does that node forward; "" if nobody. */
static const char *kernel_of(const tn_plan *p, const char *node)
{
    tn_step_info s;
    for (int i = 0; i < tn_plan_num_steps(p); i++) {
        NEED(tn_plan_step(p, i, &s));
        if (s.pass == TN_PASS_FORWARD && is_cudnns(&s) && strcmp(s.node, node) == 0)
            return s.kernel;
    }
    return "";
}

/* A line for each operation. Inference takes the engines that training takes forward. */
static void tell_net(tn_device *d, const net *n, const char *precision_name)
{
    tn_precision precision;
    tn_step_info s;
    NEED(tn_precision_find(precision_name, &precision));
    lab_plan training = make_plan(d, n, precision, true),
             inference = make_plan(d, n, precision, false);
    for (int i = 0; i < tn_plan_num_steps(training.plan); i++) {
        NEED(tn_plan_step(training.plan, i, &s));
        if (s.pass != TN_PASS_FORWARD || !is_cudnns(&s))
            continue;
        const char *alone = kernel_of(inference.plan, s.node);
        const size_t forward = strcspn(s.kernel, ";");
        if (strncmp(s.kernel, "y ", 2) != 0)
            printf("failed\t%s %s %s: not cuDNN: %s\n", n->name, precision_name, s.node, s.kernel);
        else if (strcspn(alone, ";") != forward || strncmp(alone, s.kernel, forward) != 0)
            printf("failed\t%s %s %s: in training %s, in inference %s\n", n->name, precision_name,
                   s.node, s.kernel, alone);
        printf("%s\t%s.%s\t%s\n", precision_name, n->name, s.node, s.kernel);
    }
    fflush(stdout); /* so that it is known how far a child came that dies */
    lab_plan_free(&training);
    lab_plan_free(&inference);
}

/* One shape on one GPU: each is compiled, which takes seconds. In f16 some have only engines that would take more memory than they
 * save. */
static void tell_sums(const char *gpu)
{
    char name[64];
    tn_device *d = NULL;
    if (strcmp(gpu, "h100") != 0)
        return;
    snprintf(name, sizeof name, "cuda,cudnn=on,sums=on,gpu=%s", gpu);
    NEED(tn_device_open(&d, name));
    lab_plan_sums(d, "bf16");
    fflush(stdout);
    tn_device_close(d);
}

static int be_child(const char *gpu)
{
    char name[64];
    tn_device *d = NULL;
    snprintf(name, sizeof name, "cuda,cudnn=on,gpu=%s", gpu);
    if (tn_device_open(&d, name) != TN_OK) {
        printf("cannot\t%s\n", tn_error());
        return 0;
    }
    printf("device\t%s\n", tn_device_describe(d));
    for (int p = 0; p < PRECISIONS; p++) {
        if (!has(gpu, precisions[p]))
            continue;
        lab_plan_decoder(d, precisions[p]);
        lab_plan_block(d, precisions[p]);
        for (size_t i = 0; i < TN_COUNT(nets); i++)
            tell_net(d, net_find(nets[i]), precisions[p]);
    }
    tn_device_close(d);
    tell_sums(gpu);
    printf("end\n");
    return 0;
}

/* ---- the parent: all of them -------------------------------------------------------------- */

typedef struct layer {
    char name[64]; /* "caffe.conv1" */
    char text[PRECISIONS][GPUS][128];
    bool written;
} layer;

static layer layers[MOST_LAYERS];
static int num_layers;
static char version[32], cannot[1024];

static layer *layer_of(const char *name)
{
    for (int i = 0; i < num_layers; i++)
        if (strcmp(layers[i].name, name) == 0)
            return &layers[i];
    assert_true(num_layers < MOST_LAYERS);
    snprintf(layers[num_layers].name, sizeof layers[num_layers].name, "%s", name);
    return &layers[num_layers++];
}

/* One line of a child's; true if it was the last that it had to say. */
static bool take_line(int gpu, char *line)
{
    char *word = strtok(line, "\t\n"), *name = strtok(NULL, "\t\n"), *text = strtok(NULL, "\t\n");
    if (!word)
        return false;
    if (strcmp(word, "end") == 0)
        return true;
    if (strcmp(word, "failed") == 0)
        fail_msg("%s: %s", gpus[gpu], name);
    if (strcmp(word, "cannot") == 0)
        snprintf(cannot, sizeof cannot, "%s", name);
    if (strcmp(word, "device") == 0) {
        const char *at = strstr(name, "cuDNN ");
        snprintf(version, sizeof version, "%.*s", at ? (int)strcspn(at, ",;") : 0, at);
    }
    for (int p = 0; p < PRECISIONS; p++)
        if (strcmp(word, precisions[p]) == 0)
            snprintf(layer_of(name)->text[p][gpu], sizeof layers->text[p][gpu], "%s", text);
    return false;
}

static FILE *start_child(int gpu)
{
    char command[1024];
    snprintf(command, sizeof command, "LD_LIBRARY_PATH='%s' exec '%s' child %s", FAKE_DRIVER,
             program, gpus[gpu]);
    FILE *f = popen(command, "r");
    if (!f)
        fail_msg("no child process");
    return f;
}

static void hear_child(int gpu, FILE *f)
{
    char line[512], last[512] = "nothing";
    bool ended = false;
    while (fgets(line, sizeof line, f)) {
        snprintf(last, sizeof last, "%s", line);
        ended = take_line(gpu, line);
    }
    const int status = pclose(f);
    if (!*cannot && (!ended || status != 0))
        fail_msg("%s: the child ended with status %d after saying: %s", gpus[gpu], status, last);
}

static bool all_planned; /* or there is nothing to compare, nor to be written */

static void every_graph_is_planned_for_every_gpu(void **unused)
{
    (void)unused;
    FILE *child[GPUS];
    for (int i = 0; i < GPUS; i++) {
        for (int j = i; j < GPUS && j < i + AT_ONCE; j++)
            if (i == 0 || j == i + AT_ONCE - 1)
                child[j] = start_child(j);
        hear_child(i, child[i]);
        if (*cannot) {
            for (int j = i + 1; j < i + AT_ONCE; j++)
                pclose(child[j]);
            print_message("skipped: %s\n", cannot);
            skip();
        }
    }
    assert_true(num_layers > 100);
    for (int i = 0; i < num_layers; i++)
        for (int p = 0; p < PRECISIONS; p++)
            for (int g = 0; g < GPUS; g++)
                if (!*layers[i].text[p][g] && has(gpus[g], precisions[p]))
                    fail_msg("%s in %s on %s: nothing", layers[i].name, precisions[p], gpus[g]);
    all_planned = true;
}

/* ---- the tables --------------------------------------------------------------------------- */

/* Names of all layers like this one, in lines that are not too long. */
static void write_names(FILE *f, int first, int precision)
{
    enum { WIDTH = 110 };
    int column = 0;
    for (int i = first; i < num_layers; i++) {
        layer *l = &layers[i];
        if (memcmp(l->text[precision], layers[first].text[precision], sizeof l->text[precision]) !=
            0)
            continue;
        const int length = (int)strlen(l->name) + 1;
        if (column > 0 && column + length > WIDTH)
            column = 0 * fprintf(f, "\n");
        column += fprintf(f, "%s%s", column ? " " : "", l->name);
        l->written = true;
    }
    fprintf(f, "\n");
}

/* The engines of a layer, GPUs with the same on one line. */
static void write_engines(FILE *f, const layer *l, int precision)
{
    bool done[GPUS] = {0};
    for (int i = 0; i < GPUS; i++) {
        const char *text = l->text[precision][i];
        if (done[i] || !*text)
            continue;
        for (int j = i; j < GPUS; j++)
            if (strcmp(l->text[precision][j], text) == 0) {
                fprintf(f, "%s%s", j == i ? "  " : " ", gpus[j]);
                done[j] = true;
            }
        fprintf(f, ": %s\n", text);
    }
}

static void write_table(FILE *f, int precision)
{
    fprintf(
        f,
        "%s, batches of %d, %s. Written by test_cuda_plans --update.\n"
        "For each pass: engine, workspace, RTC (compiled at run time), notes (TC: tensor cores).\n",
        version, BATCH, precisions[precision]);
    for (int i = 0; i < num_layers; i++)
        layers[i].written = false;
    for (int i = 0; i < num_layers; i++)
        if (!layers[i].written) {
            write_names(f, i, precision);
            write_engines(f, &layers[i], precision);
        }
}

/* Fails at the first line that is not as it was. */
static void compare(FILE *got, FILE *want, const char *name)
{
    char a[512], b[512];
    for (int line = 1;; line++) {
        const bool more_got = fgets(a, sizeof a, got) != NULL;
        const bool more_want = fgets(b, sizeof b, want) != NULL;
        if (!more_got && !more_want)
            return;
        if (!more_got || !more_want || strcmp(a, b) != 0)
            fail_msg("%s, line %d: now\n%swas\n%s", name, line, more_got ? a : "nothing\n",
                     more_want ? b : "nothing\n");
    }
}

static void engines_are_what_they_were(void **state)
{
    const bool update = *(const bool *)*state;
    if (!all_planned || access(FAKE_DRIVER "/libcuda.so.1", R_OK) != 0) {
        print_message("skipped: %s\n",
                      all_planned ? "no driver to compile kernels for: there is no stub of it"
                                  : "not everything was planned");
        skip();
    }
    for (int p = 0; p < PRECISIONS; p++) {
        char name[64], head[256] = "";
        snprintf(name, sizeof name, "cudnn_plans_%s.txt", precisions[p]);
        FILE *want = fopen(lab_golden(name), update ? "w+" : "r"), *got = tmpfile();
        assert_true(want && got);
        write_table(update ? want : got, p);
        rewind(want);
        rewind(got);
        if (!update && fgets(head, sizeof head, want) &&
            strncmp(head, version, strlen(version)) == 0 && head[strlen(version)] == ',') {
            rewind(want);
            compare(got, want, name);
        } else if (!update) {
            print_message("skipped: comparing with %s, which is of another cuDNN\n", name);
        }
        fclose(want);
        fclose(got);
    }
}

int main(int argc, char **argv)
{
    bool update = argc > 1 && strcmp(argv[1], "--update") == 0;
    program = argv[0];
    if (argc > 2 && strcmp(argv[1], "child") == 0)
        return be_child(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_graph_is_planned_for_every_gpu),
        cmocka_unit_test_prestate(engines_are_what_they_were, &update),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
