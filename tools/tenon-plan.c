/*
 * tenon-plan: what a network takes on a device, which need not be there.
 */
#include <stdio.h>
#include <string.h>

#include "common/args.h"
#include "plan/study.h"
#include "train/opening.h"

static struct {
    const char *gpu, *device, *options, *precision, *optim;
    int64_t batch, classes, size;
    bool inference, no_search, json, text;
    opening opening;
} flags = {.batch = 128, .precision = "default", .optim = "sgd"};

static const char about[] =
    "Plans a network for a device, without running it, and tells of each step the engine, the\n"
    "arithmetic, the bytes moved, the working memory, and a lower bound of its time; of all\n"
    "together the memory by kind, whether it fits, and the largest batch that does.\n"
    "\n"
    "A lower bound is what the peak rates of the card's data sheet allow: the larger of\n"
    "operations / rate and bytes / bandwidth. It is no forecast: nothing runs at peak rates.\n"
    "\n"
    "NET: torchvision, caffe, 2012, slim (each AlexNet), lenet, vgg11, vgg16, googlenet, "
    "resnet18,\n"
    "resnet50, mobilenet_v2, squeezenet, densenet121, unet, vit_tiny; or a file, the text of a "
    "net\n"
    "or a model: trained by its own loss, inference keeps its outputs.";

static const char more[] = "Exit status: 0; 1: it cannot be planned; 2: flags that cannot be.\n\n"
                           "Examples:\n"
                           "  tenon-plan torchvision --gpu h100 --batch 256 --precision bf16\n"
                           "  tenon-plan resnet50 --gpu r4090 --device-options cudnn=off --json";

static const arg options[] = {
    {ARG_TEXT, "gpu", "MODEL",
     "plan for h100, a100, b200, t4, r3090, r4090, r5090,\nor for the one whose properties are in "
     "a file",
     &flags.gpu, 0, 0},
    {ARG_TEXT, "device", "NAME",
     "plan for a device that is there: \"cpu\", \"cuda:0\"; default: "
     "the\nbest there is",
     &flags.device, 0, 0},
    {ARG_TEXT, "device-options", "LIST", "for --gpu: cudnn=off,workspace=256,...; default: none",
     &flags.options, 0, 0},
    {ARG_INT, "batch", "N", "images a step", &flags.batch, 1, LARGEST_BATCH},
    {ARG_CHOICE, "precision", "default|f32|tf32|bf16|f16",
     "what it computes in; default: the device's choice", &flags.precision, 0, 0},
    {ARG_INT, "classes", "N", "default: as it was published,\nor as a file has it", &flags.classes,
     1, 100000},
    {ARG_INT, "size", "PIXELS",
     "side of the images; default: as the network has it. Of a\nfile: where it leaves that open",
     &flags.size, 1, 4096},
    {ARG_FLAG, "inference", NULL, "forward only; default: a step of training", &flags.inference, 0,
     0},
    {ARG_CHOICE, "optim", "sgd|adam|adamw", "the optimizer; sgd with momentum", &flags.optim, 0, 0},
    {ARG_FLAG, "no-search", NULL, "do not look for the largest batch", &flags.no_search, 0, 0},
    {ARG_FLAG, "json", NULL, "everything as JSON", &flags.json, 0, 0},
    {ARG_FLAG, "text", NULL,
     "the network itself as text, which this and other\nprograms take in its place", &flags.text, 0,
     0},
    OPENING_ARGS(&flags.opening),
};

static tn_device *open_device(void)
{
    tn_device *device = NULL;
    char name[512];
    if (flags.gpu && flags.device)
        args_fail("--gpu plans for a card that need not be there, --device for one that is: one "
                  "of them, please");
    if (flags.options && !flags.gpu)
        args_fail("--device-options are for --gpu; to a --device they are appended: "
                  "\"cuda:0,cudnn=off\"");
    const int length = snprintf(name, sizeof name, "cuda,gpu=%s%s%s", flags.gpu ? flags.gpu : "",
                                flags.options ? "," : "", flags.options ? flags.options : "");
    if (length >= (int)sizeof name)
        args_fail("--gpu and --device-options are too long");
    if (tn_device_open(&device, flags.gpu ? name : flags.device) != TN_OK)
        args_fail("%s", tn_error());
    return device;
}

/* Of a file that leaves it open. */
static bool has_size(const tn_model *model, int64_t size)
{
    tn_picture picture;
    return tn_model_picture(model, &picture) == TN_OK && picture.fit.height == size &&
           picture.fit.width == size;
}

int main(int argc, char **argv)
{
    const args a = {
        .usage = "tenon-plan NET [options]",
        .what = "what a network takes on a GPU: memory, kernels, the least time a step can take",
        .about = about,
        .more = more,
        .options = options,
        .count = sizeof options / sizeof options[0],
        .min_words = 1,
        .max_words = 1,
        .words = "the name or the file of a network"};
    args_parse(&a, argc, argv);
    tn_model *model = NULL;
    const tn_model_opts how = opening_opts(&flags.opening, 0, flags.size);
    study s = {.r = {.net = origin_find(argv[1], &how, &model),
                     .batch = flags.batch,
                     .classes = flags.classes,
                     .size = flags.size,
                     .inference = flags.inference,
                     .optim = flags.optim}};
    const net *named = s.r.net.named;
    if (named && s.r.classes == 0)
        s.r.classes = named->classes;
    if (named && s.r.size == 0)
        s.r.size = named->size;
    if (!named && s.r.size && !has_size(model, flags.size))
        args_fail("--size is for a network by name: %s says itself what it takes", argv[1]);
    tn_must(tn_precision_find(flags.precision, &s.r.precision));
    s.device = open_device();
    if (study_make(&s) != TN_OK)
        run_fail("%s", tn_error());
    if (!flags.no_search && !flags.text)
        study_search(&s);
    if (flags.text)
        tn_must(tn_graph_write(s.p.g ? s.p.g : s.p.net.g, stdout));
    else if (flags.json)
        tell_json(&s);
    else
        tell_text(&s);
    study_free(&s);
    tn_model_close(model);
    tn_device_close(s.device);
    return fflush(stdout) == 0 ? 0 : 1;
}
