/*
 * The command line of alexnet: what to train, on what, and how.
 */
#ifndef TRAIN_RECIPE_H
#define TRAIN_RECIPE_H

#include <tenon/tenon.h>

#include "network.h"

typedef struct recipe {
    /* Data */
    const char *folder, *val;
    double split; /* per cent; 0: none */
    bool synthetic, overfit;
    int64_t classes; /* of synthetic data; 0: 1000, or as the file has it */
    const char *bad;
    double max_bad;
    /* Network and images */
    const char *net; /* a name or a file; NULL: the file's, else torchvision */
    const char *init, *freeze;
    int64_t size, resize;
    const char *augment, *crop;
    bool no_flip;
    double jitter, lighting; /* below 0: what `augment` says */
    double smoothing;
    /* Training */
    int64_t epochs, batch, accumulate, seed, max_steps;
    const char *optim;
    double rate, momentum, decay, clip;
    const char *policy, *rate_at;
    double gamma, power, period, warmup; /* period and warmup in epochs */
    /* The machine */
    const char *device, *precision;
    int64_t threads;
    /* Files and reports */
    const char *save, *resume, *evaluate;
    int64_t save_every, log_every;
    bool describe, params;
} recipe;

/* All flags; ends the program on --help and on what cannot be. */
void recipe_parse(recipe *r, int argc, char **argv);

tn_optim recipe_optim(const recipe *r);

/* The schedule over `epochs` of so many updates each. */
tn_rate recipe_rate(const recipe *r, int64_t updates_per_epoch);

/* How training images are made, for a network; threads, seed and what to do about bad
 * files are set too. */
tn_loader_opts recipe_loader(const recipe *r, const network *n);

/* Everything that two runs must share to give the same numbers, as text. */
typedef struct recipe_text {
    char text[1024];
} recipe_text;
recipe_text recipe_describe(const recipe *r);

#endif
