/*
 * tenon model text: the net of a model, which tenon train --net and any program take.
 */
#include <stdio.h>

#include "../common/whole.h"
#include "../train/opening.h"
#include "model.h"

static struct {
    const char *out;
    bool force;
    int64_t size;
    opening opening;
} flags;

static const arg options[] = {
    {ARG_TEXT, "out", "FILE", "write it to this file, also -o; default: to stdout", &flags.out, 0,
     0},
    {ARG_FLAG, "force", NULL, "write a file anew that is there", &flags.force, 0, 0},
    {ARG_INT, "size", "PIXELS",
     "side of the pictures, where the file leaves it open; default: not said", &flags.size, 1,
     4096},
    OPENING_ARGS(&flags.opening),
};

int model_text(int argc, char **argv)
{
    const args a = {.usage = "tenon-model text FILE [options]",
                    .about =
                        "Writes the net of a model as text (tenon/text.h), which every program "
                        "takes that takes a model.",
                    .more = "Exit status: 0; 1: it could not be written; 2: flags or a model that "
                            "cannot be.\n\n"
                            "Examples:\n"
                            "  tenon model text train_val.prototxt --size 227 > alexnet.net",
                    .options = options,
                    .count = sizeof options / sizeof options[0],
                    .min_words = 1,
                    .max_words = 1,
                    .words = "a model"};
    whole file = {0};
    tn_model *model = NULL;
    args_parse(&a, argc, argv);
    if (flags.out)
        whole_begin(&file, flags.out, flags.force);
    const tn_model_opts opts = opening_opts(&flags.opening, 0, flags.size);
    if (tn_model_open(&model, argv[1], &opts) != TN_OK)
        args_fail("%s", tn_error());
    opening_tell(model);
    fputs(tn_model_fact(model, "tenon.graph"), flags.out ? file.to : stdout);
    if (flags.out)
        whole_end(&file);
    tn_model_close(model);
    return fflush(stdout) == 0 ? 0 : 1;
}
