/*
 * What is around alexnet's training: the session's parts are made from its flags, saved and resumed, and
 * told of.
 */
#ifndef TRAIN_SESSION_H
#define TRAIN_SESSION_H

#include <tenon/eval.h>
#include <tenon/run.h>

#include "../common/progress.h"
#include "feed.h"
#include "network.h"
#include "recipe.h"

double score_top_1(const tn_run_score *sum); /* as a share; 0 of no images */

typedef struct session {
    recipe r;
    /* Set before session_open(): the checkpoint that it goes on from, or the one that is only measured; a plan that takes no
     * memory. */
    const char *resume, *evaluate;
    bool dry;
    const char *
        known_as; /* what the net in `text` is called, which a run goes on with; NULL: the flags say which */
    struct {
        const char *path; /* NULL: nothing is saved */
        bool params;      /* nothing to go on from */
        int64_t every;    /* epochs */
    } save;
    sets sets;
    feed train, val;
    bool validates;
    network net;
    tn_model *from;  /* whose numbers it begins with: of resume, evaluate, --init; NULL: none */
    tn_model *text;  /* of --net, if that is a file, or of a run that goes on */
    int *label_of;   /* the network's number of each class of the set; NULL: the same */
    int32_t *labels; /* a batch's, so numbered */
    float *ones;     /* shares of images that are not mixed; NULL: none ever are */
    tn_eval *eval;   /* what a validation finds, class by class; NULL: nobody asks */
    float *scores;   /* a batch's logits, for it */
    double *per_class;

    tn_device *device;
    tn_plan *plan;
    tn_rate rate;

    int64_t steps, per_epoch; /* updates of the whole run, and of an epoch */
    int64_t epoch, index;     /* of the next batch */
    tn_run_score sum;         /* of this epoch's batches, those before a resume too */
    int64_t rows;             /* images in each of the runs that are in no sum yet */
    double best;              /* top-1 on the validation set, ... */
    int64_t best_epoch;       /* ... reached after this epoch; 0: none */
    int64_t images;           /* trained on by this program */
    float last_rate;          /* of the last update */
    bool stops;               /* a rank was told to stop, and all know */
    progress progress;
    /* Saving: what is to be in the file, and is not since the last try failed. */
    bool last_unsaved, best_unsaved;
    int64_t best_saved; /* the epoch that was saved as the best */
    /* Speed is measured from the end of the first step, without validation and saving. */
    double clock, clock_waited;
    int64_t clock_images;
} session;

/* choose.c: the network, by the flags and the files that they name. */
void session_choose(session *s);

/* Everything from the sets to the plan, by the flags; ends the program with a sentence if it cannot. */
void session_open(session *s);
void session_close(session *s);

/* Loaders and schedule; a session that is only described has none. */
void session_feeds(session *s);

/* A batch to the plan; its labels in the network's numbers. */
void session_set(session *s, const tn_batch *batch);
tn_tensor session_labels(session *s, const tn_tensor *labels);

/* classes.c: of a validation, class by class: forget the one before; after each evaluation of the plan; and the share of each
 * class that was right, NaN of those that were not seen. */
void classes_begin(session *s);
void classes_count(session *s, const tn_batch *batch);
const double *classes_right(const session *s);
void classes_close(session *s);

/* Ranks look together, when the first one wants to, and stop together, when one was told to (s->stops). */
bool session_agree(session *s, bool looks);

/* The clock of tell_speed(): begins, and leaves out what was no training. */
void session_start_clock(session *s);
void session_skip_clock(session *s, double idle);

/* From the checkpoint. */
void session_resume(session *s);

/* To save.path, and the best beside it, "x.best.safetensors". A save that fails is told and tried again after the next
 * epoch. */
void saving_probe(session *s);          /* ends the program if nothing can be written there */
void saving_due(session *s, bool last); /* after an epoch, or at the end: what is due */
bool saving_now(session *s);            /* true: it is saved */
void saving_end(const session *s);      /* tells where it is; ends the program if it is not saved */

/* Lines to stdout. */
void tell_start(const session *s);
void tell_init(const session *s);   /* what --init gave, and what it did not */
void tell_bad(session *s, feed *f); /* files that a feed has left out since */
void tell_score(const char *what, const tn_run_score *sum); /* without a line's end */
/* A step that is to be seen; rate, images and waiting are filled in. */
void tell_step(session *s, progress_step now);

typedef struct epoch_told {
    int64_t epoch, epochs; /* from 1 */
    tn_run_score train;
    const tn_run_score *val; /* NULL: was not validated */
    bool cut_short;          /* validating was */
    double best;             /* top-1, ... */
    int64_t best_epoch;      /* ... reached after this one */
} epoch_told;
void tell_epoch(session *s, const epoch_told *e);
void tell_speed(const session *s);

#endif
