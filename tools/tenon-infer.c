/*
 * tenon-infer: an engine is run on pictures, timed and compared.
 */
#include <stdio.h>
#include <string.h>

#include "common/args.h"
#include "common/workspace.h"
#include "infer/infer.h"

static infer_question q = {
    .device = "cpu", .precision = "f32", .rows = 1, .contexts = 1, .top = 5, .runs = 20};

static const char about[] =
    "Runs an engine that tenon-build made, or any other model, of which it makes one first: a "
    "file\n"
    "that training saves, a net of Caffe's or ONNX, or a run, whose best checkpoint is taken. Of "
    "each\n"
    "picture it tells the likeliest classes; INPUT is a picture, a folder of pictures, a list of\n"
    "their paths (*.txt, a line each), or - for such a list from stdin. One that cannot be read "
    "is\n"
    "named, and the others go on; with --json it has \"error\" in place of \"classes\".\n"
    "\n"
    "- alone stays up: each line is answered at once, with --json by an object in a line.\n"
    "\n"
    "In place of that it says how fast the engine is (--bench), which of its layers take how long\n"
    "(--profile), how good it is on pictures whose classes are known (--evaluate), or how far it "
    "is\n"
    "from the model that it was built of (--parity).";

static const char more[] =
    "Exit status: 0; 1: a picture could not be read, or the run failed, or --parity found a\n"
    "difference above 1e-3 of the largest number; 2: flags or an engine that cannot be.\n\n"
    "Examples:\n"
    "  tenon-infer flowers.plan rose.jpg\n"
    "  tenon-infer flowers.plan flowers/val --npy probabilities.npy\n"
    "  tenon-infer flowers.plan --bench 10 --rows 32 --threads 2\n"
    "  tenon-infer flowers.plan --parity flowers.safetensors rose.jpg --layers";

static const arg options[] = {
    {ARG_INT, "top", "N", "how many classes to tell of each picture", &q.top, 1, 1000},
    {ARG_FLAG, "json", NULL, "tell all as JSON; default: as text", &q.json, 0, 0},
    {ARG_TEXT, "npy", "FILE",
     "write the first output of every picture there, for numpy; NaN of\none that cannot be read",
     &q.npy, 0, 0},
    {ARG_FLAG, "force", NULL, "write that anew if it is there", &q.force, 0, 0},
    {ARG_FLAG, "report", NULL, "what the engine is, how it was built and what was measured then",
     &q.report, 0, 0},
    {ARG_TEXT, "evaluate", "DATA",
     "a folder with one folder a class, or another set with labels:\nhow many pictures it gets "
     "right",
     &q.evaluate, 0, 0},
    {ARG_REAL, "bench", "SECONDS", "run it for so long, and tell how fast it is", &q.bench,
     ARG_ABOVE_0, 3600},
    {ARG_TEXT, "profile", "FILE",
     "what happened when in --runs runs, for ui.perfetto.dev, and a table\nof what each step took",
     &q.profile, 0, 0},
    {ARG_INT, "runs", "N", "of --profile", &q.runs, 1, 100000},
    {ARG_TEXT, "parity", "MODEL",
     "compare each output with this model's, computed as its formulas\nstand there", &q.parity, 0,
     0},
    {ARG_FLAG, "layers", NULL, "and each value that both have, and which is the first that is\noff",
     &q.layers, 0, 0},
    {ARG_HEADING, NULL, NULL, "How it is run:", NULL, 0, 0},
    {ARG_INT, "rows", "N", "pictures at a time; changes no number", &q.rows, 1, 65536},
    {ARG_INT, "threads", "N", "of each context; default: every core", &q.threads, 1, 1024},
    {ARG_INT, "contexts", "N", "of --bench: so many at once, each in a thread", &q.contexts, 1,
     INFER_CONTEXTS},
    {ARG_TEXT, "device", "NAME", "\"cpu\", \"cuda:0\", ...", &q.device, 0, 0},
    {ARG_CHOICE, "precision", "f32|tf32|bf16|f16", "what it computes in, where the device can",
     &q.precision, 0, 0},
    ARG_WORKSPACE(&q.workspace),
    OPENING_ARGS(&q.opening),
};

int main(int argc, char **argv)
{
    const args a = {.usage = "tenon-infer MODEL INPUT... [options]\n"
                             "tenon-infer MODEL --report | --bench SECONDS | --profile FILE | "
                             "--evaluate DATA",
                    .what = "runs an engine on pictures, times it, and compares it with its model",
                    .about = about,
                    .more = more,
                    .options = options,
                    .count = sizeof options / sizeof options[0],
                    .min_words = 1,
                    .max_words = -1,
                    .words = "a model"};
    session s = {0};
    const int words = args_parse(&a, argc, argv);
    bool good = true;
    const bool names = !q.report && !(q.bench > 0) && !q.profile && !q.evaluate && !q.parity;
    const bool stays = names && words == 2 && strcmp(argv[2], "-") == 0 && !q.npy;
    infer_open(&s, &q, argv[1]);
    if (!stays)
        infer_files(&s, argv + 2, words - 1);
    if (q.report)
        infer_report(&s);
    else if (q.bench > 0)
        infer_bench(&s);
    else if (q.profile)
        infer_profile(&s);
    else if (q.evaluate)
        infer_evaluate(&s);
    else if (q.parity)
        good = infer_parity(&s);
    else
        good = stays ? infer_stay(&s) : infer_name(&s);
    infer_close(&s);
    return fflush(stdout) == 0 && good ? 0 : 1;
}
