#define _POSIX_C_SOURCE 200809L /* open_memstream */
/* The flags of a recipe, and what they hold before any is given. */
#include <stdio.h>
#include <string.h>

#include "../common/args_json.h"
#include "recipe.h"

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
                       .on_divergence = "stop",
                       .rate = -1,
                       .momentum = 0.9,
                       .beta2 = 0.999,
                       .epsilon = 1e-8,
                       .decay = 5e-4,
                       .policy = "cosine",
                       .period = -1,
                       .gamma = 0.1,
                       .power = 1,
                       .warmup = -1};

static const arg options[] = {
    {ARG_HEADING, .help = "Data"},
    {ARG_TEXT, "val", "DIR", "validate on this folder", &flags.val, 0, 0},
    {ARG_REAL, "split", "PERCENT",
     "validate on this share of each class of DIR instead;\n"
     "default: no validation, unless DIR has train and val",
     &flags.split, ARG_ABOVE_0, 99},
    {ARG_TEXT, "exclude", "FILE",
     "leave out the images that FILE names, as tenon data check\nwrites it, of training and of "
     "validation",
     &flags.exclude, 0, 0},
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
     "torchvision, caffe, 2012 and slim (an eighth of its widths) are\n"
     "AlexNet, resnet18, resnet50, googlenet, ... are not; or a text\n"
     "or a model; default: as --init, alexnet's torchvision",
     &flags.net, 0, 0},
    {ARG_TEXT, "init", "FILE",
     "begin with the numbers of this model, by name; the last layer\nmay have other classes. "
     "Without --net its net is taken",
     &flags.init, 0, 0},
    {ARG_TEXT, "init-state", "FILE",
     "and with the momentum of this .solverstate of Caffe's, going on\nbehind its steps",
     &flags.init_state, 0, 0},
    {ARG_TEXT, "freeze", "PATTERN",
     "do not train parameters of that name: \"conv*\", or several,\nwith commas between them",
     &flags.freeze, 0, 0},
    {ARG_INT, "size", "PIXELS",
     "side of the images; default 224 or 227, as the network has it.\nOf a file: where it leaves "
     "that open",
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
    {ARG_REAL, "mixup", "A",
     "mix images in pairs, and their labels, by shares from Beta(A, A);\ndefault: not (0)",
     &flags.mixup, 0, 100},

    OPENING_ARGS(&flags.opening),

    {ARG_HEADING, .help = "Training"},
    {ARG_INT, "epochs", "N", "how often each image is seen", &flags.epochs, 1, 100000},
    {ARG_INT, "steps", "N",
     "in place of epochs, how many steps to train; --rate-period,\n--rate-at and --warmup then "
     "count steps; default: by --epochs",
     &flags.steps, 1, 1e9},
    {ARG_INT, "first-step", "N",
     "the rate, and --steps, count from here: what was before somebody\nelse has trained; default: "
     "0, or as --init-state has it",
     &flags.first_step, 0, 1e9},
    {ARG_INT, "batch", "N", "images a step", &flags.batch, 1, 65536},
    {ARG_INT, "accumulate", "N", "batches whose mean gradient one step takes", &flags.accumulate, 1,
     4096},
    {ARG_CHOICE, "optim", "sgd|adam|adamw", "the optimizer", &flags.optim, 0, 0},
    {ARG_REAL, "rate", "X", "learning rate; default 0.01, for adam and adamw 0.0002", &flags.rate,
     0, 1000},
    {ARG_REAL, "momentum", "X", "of sgd; of adam and adamw beta1", &flags.momentum, 0, 0.9999},
    {ARG_FLAG, "nesterov", NULL, "of sgd: look ahead by the momentum", &flags.nesterov, 0, 0},
    {ARG_REAL, "beta2", "X", "of adam, adamw", &flags.beta2, 0, 0.999999},
    {ARG_REAL, "epsilon", "X", "of adam, adamw", &flags.epsilon, 0, 1},
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
    {ARG_REAL, "ema", "X",
     "keep averages of the parameters, with this decay, 0.999 of long\n"
     "runs, and validate with them; default: not (0)",
     &flags.ema, 0, 0.999999},
    {ARG_INT, "patience", "EPOCHS", "stop after so many without a better one; default: never",
     &flags.patience, 0, 100000},
    {ARG_CHOICE, "on-divergence", "stop|skip|back",
     "a loss or a gradient that is not finite: say where it began and\n"
     "stop; go on without that update; or go back to the last\n"
     "checkpoint, to go on at half the rate",
     &flags.on_divergence, 0, 0},
    {ARG_INT, "stuck", "STEPS",
     "a loss that stands still for so many steps at ln(classes), as of\n"
     "a net that tells nothing apart, has diverged too; default: not (0)",
     &flags.stuck, 0, 1e9},
    {ARG_INT, "max-steps", "N", "stop after this many steps in all; default: when done",
     &flags.max_steps, 1, 1e9},

    {ARG_HEADING, .help = "Machine"},
    {ARG_CHOICE, "precision", "default|f32|tf32|bf16|f16",
     "what it computes in; default: the device's choice", &flags.precision, 0, 0},
    /* From here on what may be another when a run goes on: MACHINE of them. */
    {ARG_TEXT, "device", "NAME",
     "\"cuda:0\", \"cuda:0-3\", \"cuda:all\", \"cpu\", \"cpu,threads=2\",\n...; default: the best "
     "there is",
     &flags.device, 0, 0},
    {ARG_INT, "threads", "N",
     "of the loader, and of the CPU unless --device says;\ndefault: every core", &flags.threads, 1,
     1024},
};

enum { OPTIONS = sizeof options / sizeof options[0], MACHINE = 2, MOST = OPTIONS + 24 };

static int parse(const recipe_program *p, const arg *from, int count, int argc, char **argv)
{
    arg all[MOST];
    memcpy(all, from, (size_t)count * sizeof *all);
    if (p->num_own)
        memcpy(all + count, p->own, (size_t)p->num_own * sizeof *all);
    const args a = {.usage = p->usage,
                    .about = p->about,
                    .more = p->more,
                    .options = all,
                    .count = count + p->num_own,
                    .max_words = 1,
                    .others = options,
                    .num_others = OPTIONS,
                    .others_why = p->why_not,
                    .what = p->what};
    const int words = args_parse(&a, argc, argv);
    flags.folder = words > 0 ? argv[1] : NULL;
    return words;
}

void recipe_check(recipe *r, const char *usage)
{
    tn_rate_policy policy;
    if (tn_rate_find(r->policy, &policy) != TN_OK)
        args_fail("--rate-policy: %s", tn_error());
    if (r->synthetic && r->folder)
        args_fail("--synthetic takes no folder, but \"%s\" is given", r->folder);
    if (!r->synthetic && !r->folder)
        args_fail("a folder of images is missing; usage: %s, or --help", usage);
    if (r->val && r->split > 0)
        args_fail("--val and --split cannot both say what to validate on");
    if (r->synthetic && r->overfit)
        args_fail("--overfit wants a folder, --synthetic has none");
    if (r->mixup > 0 && (r->synthetic || r->overfit))
        args_fail("--mixup mixes the images of a set, batch by batch: not with --synthetic or "
                  "--overfit");
    if (r->mixup > 0 && r->batch < 2)
        args_fail("--mixup mixes the images of a batch: --batch 1 has no two");
    if (r->stuck == 1)
        args_fail(
            "--stuck 1: one half of the steps is judged against the other, so there must be 2");
    if (r->stuck > 0 && r->synthetic)
        args_fail("--stuck judges what a net learns of a set: not with --synthetic");
    if (r->rate < 0)
        r->rate = strcmp(r->optim, "sgd") == 0 ? 0.01 : 2e-4;
    if (r->overfit) /* dropout alone is hard enough */
        r->augment = "none";
    if ((r->synthetic || r->overfit) && r->max_steps == 0)
        r->max_steps = r->synthetic ? 20 : 200;
    if (r->synthetic || r->overfit)
        r->epochs = 1;
    if (r->steps && r->first_step >= r->steps)
        args_fail("--first-step %lld leaves none of --steps %lld", (long long)r->first_step,
                  (long long)r->steps);
    const int64_t left = r->steps - r->first_step;
    if (r->steps && (r->max_steps == 0 || r->max_steps > left))
        r->max_steps = left;
    if (r->init_state && !r->init)
        args_fail("--init-state is of the numbers of --init, and none are given");
}

void recipe_parse(recipe *r, int argc, char **argv, const recipe_program *p)
{
    parse(p, options, OPTIONS, argc, argv);
    *r = flags;
}

void recipe_parse_machine(recipe *r, int argc, char **argv, const recipe_program *p)
{
    parse(p, options + OPTIONS - MACHINE, MACHINE, argc, argv);
    *r = flags;
}

void recipe_write(const recipe *r, json *j)
{
    flags = *r;
    args_write(j, options, OPTIONS - MACHINE);
}

char *recipe_json(const recipe *r)
{
    char *text = NULL;
    size_t bytes;
    json j = {.to = open_memstream(&text, &bytes)};
    if (!j.to)
        run_fail("no memory for a recipe");
    json_object(&j, NULL);
    json_text(&j, "folder", r->folder);
    recipe_write(r, &j);
    json_end(&j, '}');
    if (fclose(j.to) != 0)
        run_fail("no memory for a recipe");
    return text;
}

void recipe_read(recipe *r, const json_value *from, const char *path)
{
    flags = *r;
    args_read(from, path, options, OPTIONS - MACHINE);
    *r = flags;
}
