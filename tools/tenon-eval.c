/*
 * tenon-eval: how good a model is on a set of pictures, as a whole and class by class.
 */
#include <stdio.h>

#include "common/args.h"
#include "common/whole.h"
#include "common/workspace.h"
#include "eval/eval.h"

static question q = {.batch = 64, .precision = "default"};

static struct {
    const char *svg, *out, *pictures;
    bool json, force;
} flags;

static const char about[] =
    "Measures a model on every picture of a set, each once: top-1, top-5 and the loss, each class\n"
    "by itself, and which classes are taken for which. Pictures that cannot be read are named and\n"
    "in no number.\n"
    "\n"
    "MODEL is a file that holds its net, such as training saves, or a run, whose best checkpoint\n"
    "is taken. DATA is a folder with one folder a class, a list, or what `tenon data pack` wrote.\n"
    "Its classes are the model's of the same names; it may lack some. Of a folder that holds "
    "train\n"
    "and val, val is measured.";

static const char more[] = "Exit status: 0; 1: it could not be measured, or what the net says is "
                           "no number; 2: flags,\na model or a set that cannot be.\n\n"
                           "Examples:\n"
                           "  tenon-eval flowers.safetensors flowers/val --svg confusion.svg\n"
                           "  tenon-eval runs/first flowers/val --ten-crop --json";

static const arg options[] = {
    {ARG_FLAG, "ten-crop", NULL,
     "the mean of the probabilities of ten crops: corners, centre, and\nall of them mirrored "
     "(Krizhevsky 2012)",
     &q.ten_crop, 0, 0},
    {ARG_FLAG, "trained", NULL,
     "measure what was trained, of a checkpoint that keeps averages of\nit, too; default: the "
     "averages",
     &q.trained, 0, 0},
    {ARG_FLAG, "known", NULL, "leave pictures of classes out that the model does not know",
     &q.known, 0, 0},
    {ARG_TEXT, "exclude", "FILE",
     "leave out the pictures that FILE names (tenon data check writes it)", &q.exclude, 0, 0},
    {ARG_INT, "resize", "PIXELS", "short side before the crop; default: as the model says",
     &q.resize, 1, 8192},
    {ARG_FLAG, "json", NULL, "the report as JSON; default: as text", &flags.json, 0, 0},
    {ARG_TEXT, "out", "FILE", "write it to this file; default: to stdout", &flags.out, 0, 0},
    {ARG_TEXT, "svg", "FILE", "draw the confusion matrix", &flags.svg, 0, 0},
    {ARG_TEXT, "pictures", "FILE",
     "write what each picture is and what the model says, a line of\nJSON each", &flags.pictures, 0,
     0},
    {ARG_FLAG, "force", NULL, "write files anew that are there", &flags.force, 0, 0},
    {ARG_TEXT, "device", "NAME",
     "\"cuda:0\", \"cpu\", \"cpu,threads=2\", ...; default: the best there is", &q.device, 0, 0},
    {ARG_INT, "batch", "N", "pictures at a time; changes no count", &q.batch, 1, 65536},
    {ARG_CHOICE, "precision", "default|f32|tf32|bf16|f16",
     "what it computes in; default: the device's choice", &q.precision, 0, 0},
    {ARG_INT, "threads", "N", "that read pictures; default: every core", &q.threads, 1, 1024},
    ARG_WORKSPACE(&q.workspace),
    {ARG_FLAG, "quiet", NULL, "do not show how far it is", &q.quiet, 0, 0},
    OPENING_ARGS(&q.opening),
};

int main(int argc, char **argv)
{
    const args a = {.usage = "tenon-eval MODEL DATA [options]",
                    .what =
                        "how good a model is on a set of pictures, as a whole and class by class",
                    .about = about,
                    .more = more,
                    .options = options,
                    .count = sizeof options / sizeof options[0],
                    .min_words = 2,
                    .max_words = 2,
                    .words = "a model and a set of pictures, or one of them,"};
    evaluation e;
    whole report = {0}, picture = {0}, pictures = {0};
    args_parse(&a, argc, argv);
    q.model = argv[1];
    q.data = argv[2];
    if (flags.out)
        whole_begin(&report, flags.out, flags.force);
    if (flags.svg)
        whole_begin(&picture, flags.svg, flags.force);
    if (flags.pictures)
        whole_begin(&pictures, flags.pictures, flags.force);
    eval_open(&e, &q);
    eval_measure(&e);
    (flags.json ? eval_tell_json : eval_tell)(&e, flags.out ? report.to : stdout);
    if (flags.out)
        whole_end(&report);
    if (flags.svg) {
        eval_draw(&e, picture.to);
        whole_end(&picture);
    }
    if (flags.pictures) {
        eval_tell_pictures(&e, pictures.to);
        whole_end(&pictures);
    }
    if (e.total.unsaid)
        run_fail("%s: what its net says of %lld of %lld pictures is no number", e.path,
                 (long long)e.total.unsaid, (long long)e.total.rows);
    eval_close(&e);
    return fflush(stdout) == 0 ? 0 : 1;
}
