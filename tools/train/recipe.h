/*
 * A recipe: what to train, on what, and how. What alexnet and tenon-train have in common of their command lines.
 */
#ifndef TRAIN_RECIPE_H
#define TRAIN_RECIPE_H

#include <tenon/tenon.h>

#include "../common/args.h"
#include "../common/json.h"
#include "../common/json_read.h"
#include "network.h"
#include "opening.h"

typedef struct recipe {
    /* Data */
    const char *folder, *val, *exclude;
    double split; /* per cent; 0: none */
    bool synthetic, overfit;
    int64_t classes; /* of synthetic data; 0: 1000, or as the file has it */
    const char *bad;
    double max_bad;
    /* Network and images */
    const char *net; /* a name or a file; NULL: the file's, else torchvision */
    const char *init, *init_state, *freeze;
    opening opening;
    int64_t size, resize;
    const char *augment, *crop;
    bool no_flip;
    double jitter, lighting; /* below 0: what `augment` says */
    double smoothing, mixup;
    /* Training */
    int64_t epochs, steps, batch, accumulate, seed, max_steps,
        patience;  /* steps: in place of epochs */
    int64_t stuck; /* steps; 0: not judged */
    const char *on_divergence;
    int64_t first_step; /* of the schedule: those before it somebody else has made */
    double ema;         /* 0: none */
    const char *optim;
    double rate, momentum, decay, clip, beta2, epsilon;
    bool nesterov;
    const char *policy, *rate_at;
    double gamma, power, period, warmup; /* period and warmup in epochs, or in steps */
    /* The machine */
    const char *precision, *device;
    int64_t threads;
} recipe;

/* A program whose options are those of a recipe and some of its own. */
typedef struct recipe_program {
    const char *usage, *about, *more; /* as of args */
    const arg *own;
    int num_own;
    const char *why_not; /* recipe_parse_machine(): why it takes no other */
    const char *what;    /* as of args */
} recipe_program;

/* Ends the program on --help and on what cannot be. */
void recipe_parse(recipe *r, int argc, char **argv, const recipe_program *p);

/* Only what may be another when a run goes on: device and threads. */
void recipe_parse_machine(recipe *r, int argc, char **argv, const recipe_program *p);

/* Ends the program if it cannot be; completes what depends on other options. */
void recipe_check(recipe *r, const char *usage);

/* All but device and threads as members of an object, and back from one; `path` names it in errors. */
void recipe_write(const recipe *r, json *j);
char *recipe_json(const recipe *r); /* such an object with the folder, for free() */
void recipe_read(recipe *r, const json_value *from, const char *path);

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
