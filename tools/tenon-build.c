/*
 * tenon-build: a trained model becomes an engine, one file that infer.h and tenon-infer run.
 */
#include <stdio.h>

#include "build/build.h"
#include "common/args.h"
#include "common/workspace.h"

static build_question q = {
    .precision = "f32", .weights_in = "f32", .device = "cpu", .rows = "1", .max_drop = 1};

static const char about[] =
    "Makes an engine of a trained model: one file with the net, its numbers, and how a picture\n"
    "becomes its input, which tenon-infer and libtenon-infer run on any machine. What only "
    "training\n"
    "needs is taken out of it, and what numbers alone decide is computed once.\n"
    "\n"
    "MODEL is a file that holds its net (what training saves, a net of Caffe's or ONNX), or a "
    "run,\n"
    "whose best checkpoint is taken. WEIGHTS is the file of numbers of a net that has none in its\n"
    "own: a .caffemodel.";

static const char more[] =
    "Exit status: 0; 1: it could not be built; 2: flags or a model that cannot be; 3: it loses "
    "more\n"
    "than --max-drop, or was right no more often than who guesses, or in f32 is off by more than "
    "1e-3\n"
    "of the largest number (--parity), and nothing was written.\n\n"
    "Examples:\n"
    "  tenon-build flowers.safetensors -o flowers.plan\n"
    "  tenon-build deploy.prototxt lenet.caffemodel -o lenet.plan --scale 0.00390625 \\\n"
    "      --fit \"resize=28 order=grey\"";

static const arg options[] = {
    {ARG_TEXT, "out", "FILE", "the engine's file, FILE.plan; required", &q.out, 0, 0},
    {ARG_FLAG, "force", NULL, "write it anew if it is there", &q.force, 0, 0},
    {ARG_CHOICE, "precision", "f32|int8",
     "int8: whole numbers of 8 bits, of weights and what they meet", &q.precision, 0, 0},
    {ARG_CHOICE, "weights", "f32|bf16|f16",
     "weights of the file become such numbers, in half the bytes; it\ncomputes in f32",
     &q.weights_in, 0, 0},
    {ARG_TEXT, "calibrate", "DATA",
     "pictures that scales of int8 are found with, labelled or not; default:\nweights of dense "
     "layers alone are of 8 bits",
     &q.calibrate, 0, 0},
    {ARG_TEXT, "leave", "LIST", "layers that stay f32: names or patterns, with commas between them",
     &q.leave, 0, 0},
    {ARG_FLAG, "all-int8", NULL, "the first convolution and the last dense layer, too", &q.all_int8,
     0, 0},
    {ARG_TEXT, "check", "DATA",
     "pictures with labels: how many are right before and after; with\n--calibrate layers go back "
     "to f32 until it passes",
     &q.check, 0, 0},
    {ARG_REAL, "max-drop", "POINTS", "of top-1 in per cent that may be lost", &q.max_drop, 0, 100},
    {ARG_TEXT, "parity", "DATA",
     "pictures: how far the engine is from the model, and how many labels\nare equal", &q.parity, 0,
     0},
    {ARG_TEXT, "no-pass", "LIST", "leave these passes out, with commas between them; \"all\": all",
     &q.without, 0, 0},
    {ARG_FLAG, "trained", NULL,
     "what was trained, of a checkpoint that keeps averages of it,\ntoo; default: the averages",
     &q.trained, 0, 0},
    {ARG_HEADING, NULL, NULL, "Of nets of other programs:", NULL, 0, 0},
    {ARG_TEXT, "input", "NAME=SHAPE", "how large inputs are, without the batch: data=3x227x227",
     &q.input, 0, 0},
    {ARG_TEXT, "mean", "R,G,B", "inputs are pictures: what is taken from their bytes, and", &q.mean,
     0, 0},
    {ARG_TEXT, "scale", "R,G,B", "what is multiplied then; either alone will do, or one number",
     &q.scale, 0, 0},
    {ARG_TEXT, "fit", "WORDS",
     "how a picture becomes an input: \"resize=256 order=bgr\"; default:\nas the model says",
     &q.fit, 0, 0},
    {ARG_TEXT, "classes", "FILE", "names of the classes, a line each; default: the model's",
     &q.classes, 0, 0},
    {ARG_HEADING, NULL, NULL, "What is looked at when it is built:", NULL, 0, 0},
    {ARG_TEXT, "batch", "LIST", "that it can be run with so many rows: 1,32", &q.rows, 0, 0},
    {ARG_TEXT, "device", "NAME", "on this device", &q.device, 0, 0},
    {ARG_FLAG, "tune", NULL,
     "there, for each of --batch, time every kernel that can do a layer;\nthe engine says which is "
     "the fastest, and another machine passes\nthat over",
     &q.tune, 0, 0},
    {ARG_FLAG, "describe", NULL, "tell its kernels and layouts there, too", &q.describe, 0, 0},
    {ARG_FLAG, "json", NULL, "tell what was done as JSON; default: as text", &q.json, 0, 0},
    ARG_WORKSPACE(&q.workspace),
};

int main(int argc, char **argv)
{
    const args a = {.usage = "tenon-build MODEL [WEIGHTS] -o FILE.plan [options]",
                    .what = "makes an engine of a trained model, one file that is run anywhere",
                    .about = about,
                    .more = more,
                    .options = options,
                    .count = sizeof options / sizeof options[0],
                    .min_words = 1,
                    .max_words = 2,
                    .words = "a model"};
    build b = {0};
    const int words = args_parse(&a, argc, argv);
    q.model = argv[1];
    q.weights = words > 1 ? argv[2] : NULL;
    if (!q.out)
        args_fail("where is the engine to be written? -o FILE.plan");
    build_open(&b, &q);
    build_number(&b);
    build_tune(&b);
    build_save(&b);
    build_try(&b);
    build_compare(&b);
    (q.json ? build_tell_json : build_tell)(&b, stdout);
    build_close(&b);
    return fflush(stdout) == 0 ? 0 : 1;
}
