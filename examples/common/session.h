/*
 * What is around alexnet's training: the session's parts are made from its flags, saved and resumed, and
 * told of.
 */
#ifndef EXAMPLES_SESSION_H
#define EXAMPLES_SESSION_H

#include "../../tools/common/progress.h"
#include "feed.h"
#include "model.h"
#include "recipe.h"

typedef struct session {
    recipe r;
    sets sets;
    feed train, val;
    bool validates;
    model model;

    tn_graph *g;
    tn_device *device;
    tn_plan *plan;
    tn_value image, label;
    tn_loss loss;
    tn_rate rate;

    int64_t steps, per_epoch; /* updates of the whole run, and of an epoch */
    int64_t epoch, index;     /* of the next batch */
    double best;              /* top-1 on the validation set */
    int64_t images;           /* trained on by this program */
    bool stops;               /* a rank was told to stop, and all know */
    progress progress;
    /* Speed is measured from the end of the first step, without validation and saving. */
    double clock, clock_waited;
    int64_t clock_images;
} session;

/* Sums over a number of batches. */
typedef struct score {
    double loss;
    int64_t top_1, top_5, images;
} score;

/* Everything from the sets to the plan, by the flags; ends the program with a sentence if it cannot. */
void session_open(session *s);
void session_close(session *s);

/* Loaders and schedule; a session that is only described has none. */
void session_feeds(session *s);

/* To r.save, from r.resume. */
void session_save(session *s);
void session_resume(session *s);

/* Lines to stdout. */
void tell_start(const session *s);
void tell_bad(session *s, feed *f);                  /* files that a feed has left out since */
void tell_score(const char *what, const score *sum); /* without a line's end */
void tell_speed(const session *s);

#endif
