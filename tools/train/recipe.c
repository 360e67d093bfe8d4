#include "recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/args.h"

static const char about[] =
    "Trains AlexNet on a folder of images, validates after each epoch, and saves what it "
    "learned.\n\n"
    "DIR has one subfolder a class, or is a text file with a line \"path label\" an image, or was\n"
    "written by tenon-pack. If DIR has the subfolders train and val, those are taken.";

static const char more[] =
    "Steps are updates of the parameters; an epoch has images / (batch * accumulate) of them.\n"
    "Rates: constant; step (times gamma every period), multistep (times gamma at rate-at), exp\n"
    "(gamma ^ step), inv ((1 + gamma * step) ^ -power), poly ((1 - step / steps) ^ power), "
    "sigmoid\n"
    "(falls at period, with gamma), cosine. Formulas: <tenon/optim.h>.\n\n"
    "Ctrl-C, kill and SIGUSR1 end the run after the step at hand and save it; --resume goes on "
    "bit\n"
    "for bit. The epoch that validates best is kept beside FILE: x.best.safetensors.\n\n"
    "Exit status: 0; 1: the run failed, or its last save; 2: flags or folders that cannot be;\n"
    "128 + signal: stopped.\n\n"
    "Examples:\n"
    "  alexnet photos --split 10 --epochs 40 --save photos.safetensors\n"
    "  alexnet photos --split 10 --epochs 40 --save photos.safetensors --resume "
    "photos.safetensors\n"
    "  alexnet photos/val --evaluate photos.safetensors\n"
    "  alexnet imagenet --net caffe --batch 256 --epochs 90 --rate-policy step --rate-period 20\n"
    "  alexnet --synthetic --batch 32";

/* What the options write to; before parsing, the defaults. */
static recipe flags = {.bad = "skip",
                       .max_bad = 1,
                       .augment = "crop",
                       .jitter = -1,
                       .lighting = -1,
                       .epochs = 30,
                       .batch = 128,
                       .accumulate = 1,
                       .seed = 1,
                       .precision = "default",
                       .optim = "sgd",
                       .rate = -1,
                       .momentum = 0.9,
                       .decay = 5e-4,
                       .policy = "cosine",
                       .period = -1,
                       .gamma = 0.1,
                       .power = 1,
                       .warmup = -1,
                       .save_every = 1,
                       .log_every = 20};

static const arg options[] = {
    {ARG_HEADING, .help = "Data"},
    {ARG_TEXT, "val", "DIR", "validate on this folder", &flags.val, 0, 0},
    {ARG_REAL, "split", "PERCENT",
     "validate on this share of each class of DIR instead;\n"
     "default: no validation, unless DIR has train and val",
     &flags.split, ARG_ABOVE_0, 99},
    {ARG_CHOICE, "bad", "skip|stop", "what to do about files that cannot be read", &flags.bad, 0,
     0},
    {ARG_REAL, "max-bad", "PERCENT", "with skip: stop above this share", &flags.max_bad, 0, 100},
    {ARG_FLAG, "synthetic", NULL, "no data: random images, to measure the machine",
     &flags.synthetic, 0, 0},
    {ARG_INT, "classes", "N", "of --synthetic; default 1000", &flags.classes, 1, 100000},
    {ARG_FLAG, "overfit", NULL, "one batch again and again: its loss must fall to about 0",
     &flags.overfit, 0, 0},

    {ARG_HEADING, .help = "Network and images"},
    {ARG_TEXT, "net", "NAME|FILE",
     "default torchvision; caffe, 2012 and slim (an eighth of its\n"
     "widths) are AlexNet too, resnet18, resnet50, googlenet are\n"
     "not; or a text or a model; --resume and --evaluate take the\nfile's",
     &flags.net, 0, 0},
    {ARG_TEXT, "init", "FILE",
     "begin with the numbers of this model, by name; the last layer\nmay have other classes. "
     "Without --net its net is taken",
     &flags.init, 0, 0},
    {ARG_TEXT, "freeze", "PATTERN",
     "do not train parameters of that name: \"conv*\", or several,\nwith commas between them",
     &flags.freeze, 0, 0},
    {ARG_INT, "size", "PIXELS", "side of the images; default 224 or 227, as the network has it",
     &flags.size, 1, 4096},
    {ARG_INT, "resize", "PIXELS", "short side before a crop; default size * 8 / 7", &flags.resize,
     1, 8192},
    {ARG_CHOICE, "augment", "none|crop|full",
     "none: the middle; crop: anywhere, and mirrored;\n"
     "full: parts of any size and shape, mirrored, in other light",
     &flags.augment, 0, 0},
    {ARG_CHOICE, "crop", "centre|random|resized", "default: as --augment", &flags.crop, 0, 0},
    {ARG_FLAG, "no-flip", NULL, "do not mirror", &flags.no_flip, 0, 0},
    {ARG_REAL, "jitter", "X",
     "brightness, contrast and saturation times 1 - X to 1 + X;\n"
     "default: as --augment",
     &flags.jitter, 0, 1},
    {ARG_REAL, "lighting", "X", "deviation of PCA lighting; default: as --augment", &flags.lighting,
     0, 10},
    {ARG_REAL, "smoothing", "X", "of the labels", &flags.smoothing, 0, 0.99},

    {ARG_HEADING, .help = "Training"},
    {ARG_INT, "epochs", "N", "how often each image is seen", &flags.epochs, 1, 100000},
    {ARG_INT, "batch", "N", "images a step", &flags.batch, 1, 65536},
    {ARG_INT, "accumulate", "N", "batches whose mean gradient one step takes", &flags.accumulate, 1,
     4096},
    {ARG_CHOICE, "optim", "sgd|adam|adamw", "the optimizer", &flags.optim, 0, 0},
    {ARG_REAL, "rate", "X", "learning rate; default 0.01, for adam and adamw 0.0002", &flags.rate,
     0, 1000},
    {ARG_REAL, "momentum", "X", "of sgd", &flags.momentum, 0, 0.9999},
    {ARG_REAL, "decay", "X", "weight decay", &flags.decay, 0, 10},
    {ARG_REAL, "clip", "X", "scale gradients down to this norm; default: not", &flags.clip,
     ARG_ABOVE_0, 1e9},
    {ARG_TEXT, "rate-policy", "NAME", "how the rate moves, see below", &flags.policy, 0, 0},
    {ARG_REAL, "rate-gamma", "X", "of step, multistep, exp, inv, sigmoid", &flags.gamma, 0, 0},
    {ARG_REAL, "rate-power", "X", "of inv, poly", &flags.power, 0, 0},
    {ARG_REAL, "rate-period", "EPOCHS", "of step, sigmoid; default: a third of the run",
     &flags.period, ARG_ABOVE_0, 1e9},
    {ARG_TEXT, "rate-at", "E,E,...", "epochs at which multistep falls", &flags.rate_at, 0, 0},
    {ARG_REAL, "warmup", "EPOCHS", "first the rate rises from 0; default: a twentieth of the run",
     &flags.warmup, 0, 0},
    {ARG_INT, "seed", "N", "of parameters, order, augmentation and dropout", &flags.seed, 0, 0},
    {ARG_INT, "max-steps", "N", "stop after this many steps in all; default: when done",
     &flags.max_steps, 1, 1e9},

    {ARG_HEADING, .help = "Machine"},
    {ARG_TEXT, "device", "NAME",
     "\"cuda:0\", \"cuda:0-3\", \"cuda:all\", \"cpu\", \"cpu,threads=2\",\n...; default: the best "
     "there is",
     &flags.device, 0, 0},
    {ARG_CHOICE, "precision", "default|f32|tf32|bf16|f16",
     "what it computes in; default: the device's choice", &flags.precision, 0, 0},
    {ARG_INT, "threads", "N",
     "of the loader, and of the CPU unless --device says;\ndefault: every core", &flags.threads, 1,
     1024},

    {ARG_HEADING, .help = "Files and reports"},
    {ARG_TEXT, "save", "FILE", "write a checkpoint (safetensors) there", &flags.save, 0, 0},
    {ARG_FLAG, "weights-only", NULL, "what is saved can be used, but not resumed: it is smaller",
     &flags.params, 0, 0},
    {ARG_INT, "save-every", "EPOCHS", "how often", &flags.save_every, 1, 1e9},
    {ARG_TEXT, "resume", "FILE", "go on from a checkpoint, with the same flags", &flags.resume, 0,
     0},
    {ARG_TEXT, "evaluate", "FILE", "only measure this checkpoint on DIR (its val, if it has one)",
     &flags.evaluate, 0, 0},
    {ARG_INT, "log-every", "STEPS", "between two lines, where there is no terminal",
     &flags.log_every, 1, 1e9},
    {ARG_FLAG, "describe", NULL, "only print the plan: steps, kernels, memory", &flags.describe, 0,
     0},
};

static void check(recipe *r)
{
    tn_rate_policy policy;
    if (tn_rate_find(r->policy, &policy) != TN_OK)
        args_fail("--rate-policy: %s", tn_error());
    if (r->synthetic && r->folder)
        args_fail("--synthetic takes no folder, but \"%s\" is given", r->folder);
    if (!r->synthetic && !r->folder)
        args_fail("a folder of images is missing; usage: alexnet [options] DIR, or --help");
    if (r->val && r->split > 0)
        args_fail("--val and --split cannot both say what to validate on");
    if (r->evaluate && (r->resume || r->synthetic || r->overfit || r->describe))
        args_fail(
            "--evaluate only measures: it goes with none of --resume, --synthetic, --overfit, "
            "--describe");
    if (r->init && (r->resume || r->evaluate))
        args_fail("--init is where a run begins: it goes with neither --resume nor --evaluate");
    if (r->params && !r->save)
        args_fail("--weights-only is about --save, which is not given");
    if (r->synthetic && r->overfit)
        args_fail("--overfit wants a folder, --synthetic has none");
    if (r->rate < 0)
        r->rate = strcmp(r->optim, "sgd") == 0 ? 0.01 : 2e-4;
    if (r->overfit) /* dropout alone is hard enough */
        r->augment = "none";
    if ((r->synthetic || r->overfit) && r->max_steps == 0)
        r->max_steps = r->synthetic ? 20 : 200;
    if (r->synthetic || r->overfit)
        r->epochs = 1;
}

void recipe_parse(recipe *r, int argc, char **argv)
{
    const args a = {.usage = "alexnet [options] DIR",
                    .about = about,
                    .more = more,
                    .options = options,
                    .count = sizeof options / sizeof options[0],
                    .max_words = 1};
    if (args_parse(&a, argc, argv) > 0)
        flags.folder = argv[1];
    check(&flags);
    *r = flags;
}

tn_optim recipe_optim(const recipe *r)
{
    const float decay = (float)r->decay;
    if (strcmp(r->optim, "adam") == 0)
        return tn_adam(&(tn_adam_opts){.weight_decay = decay});
    if (strcmp(r->optim, "adamw") == 0)
        return tn_adamw(&(tn_adam_opts){.weight_decay = decay});
    return tn_sgd(&(tn_sgd_opts){.momentum = (float)r->momentum, .weight_decay = decay});
}

/* "10,20.5": epochs, as steps; rising. */
static void parse_at(tn_rate *rate, const char *text, double per_epoch)
{
    int count = 0;
    for (const char *p = text; p && *p;) {
        char *end;
        const double epoch = strtod(p, &end);
        if (end == p || (*end && *end != ',') || !(epoch > 0 && epoch < 1e9) ||
            count == TN_RATE_MAX_AT)
            args_fail("--rate-at wants up to %d epochs such as 30,60, not \"%s\"", TN_RATE_MAX_AT,
                      text);
        rate->at[count++] = (int64_t)(epoch * per_epoch + 0.5);
        p = *end ? end + 1 : end;
    }
}

tn_rate recipe_rate(const recipe *r, int64_t updates_per_epoch)
{
    const double per_epoch = (double)updates_per_epoch, epochs = (double)r->epochs;
    tn_rate rate = {.base = TN_EXACTLY(r->rate),
                    .gamma = r->gamma,
                    .power = r->power,
                    .steps = r->epochs * updates_per_epoch};
    rate.warmup = (int64_t)((r->warmup < 0 ? epochs / 20 : r->warmup) * per_epoch + 0.5);
    const double period = (r->period >= 0 ? r->period : epochs / 3) * per_epoch;
    rate.period = period < 1 ? 1 : (int64_t)(period + 0.5);
    parse_at(&rate, r->rate_at, per_epoch);
    tn_must(tn_rate_find(r->policy, &rate.policy)); /* recipe_parse() has looked */
    if (tn_rate_check(&rate) != TN_OK)
        args_fail("%s", tn_error());
    return rate;
}

static tn_crop crop_of(const char *word)
{
    return strcmp(word, "centre") == 0   ? TN_CROP_CENTRE
           : strcmp(word, "random") == 0 ? TN_CROP_RANDOM
                                         : TN_CROP_RANDOM_RESIZED;
}

tn_loader_opts recipe_loader(const recipe *r, const network *n)
{
    const bool none = strcmp(r->augment, "none") == 0, full = strcmp(r->augment, "full") == 0;
    const float jitter = (float)(r->jitter >= 0 ? r->jitter : full ? 0.4 : 0);
    return (tn_loader_opts){
        .batch = (int)r->batch,
        .height = n->height,
        .width = n->width,
        .resize = n->resize,
        .crop = r->crop ? crop_of(r->crop)
                : none  ? TN_CROP_CENTRE
                : full  ? TN_CROP_RANDOM_RESIZED
                        : TN_CROP_RANDOM,
        .flip = !none && !r->no_flip,
        .brightness = jitter,
        .contrast = jitter,
        .saturation = jitter,
        .lighting = (float)(r->lighting >= 0 ? r->lighting
                            : full           ? 0.1
                                             : 0),
        .shuffle = true,
        .threads = (int)r->threads,
        .seed = (uint64_t)r->seed,
        .on_bad = strcmp(r->bad, "stop") == 0 ? TN_BAD_STOP : TN_BAD_SKIP,
        .max_bad = TN_EXACTLY(r->max_bad),
    };
}

recipe_text recipe_describe(const recipe *r)
{
    recipe_text t;
    snprintf(
        t.text, sizeof t.text,
        "batch %lld x %lld, seed %lld, %lld epochs, %s, rate %g %s, gamma %g, power %g, period "
        "%g, at %s, warmup %g, momentum %g, decay %g, clip %g, smoothing %g, augment %s, crop "
        "%s%s, jitter %g, lighting %g, split %g, precision %s%s%s",
        (long long)r->batch, (long long)r->accumulate, (long long)r->seed, (long long)r->epochs,
        r->optim, r->rate, r->policy, r->gamma, r->power, r->period,
        r->rate_at ? r->rate_at : "none", r->warmup, r->momentum, r->decay, r->clip, r->smoothing,
        r->augment, r->crop ? r->crop : "as that", r->no_flip ? ", no flip" : "", r->jitter,
        r->lighting, r->split, r->precision, r->freeze ? ", freeze " : "",
        r->freeze ? r->freeze : "");
    return t;
}
