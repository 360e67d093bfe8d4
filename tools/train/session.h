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
    struct {
        const char *path; /* NULL: none is taken */
        int64_t steps, end;
        tn_profile *taking;
    } profile;
    sets sets;
    feed train, val;
    bool validates;
    network net;
    tn_model *from;  /* whose numbers it begins with: of resume, evaluate, --init; NULL: none */
    tn_model *text;  /* of --net, if that is a file, or of a run that goes on */
    int *label_of;   /* the network's number of each class of the set; NULL: the same */
    int32_t *labels; /* a batch's, so numbered */
    uint8_t *pixels; /* a batch's, blue first, for a net that takes them so; NULL: as they are */
    float *ones;     /* shares of images that are not mixed; NULL: none ever are */
    tn_eval *eval;   /* what a validation finds, class by class; NULL: nobody asks */
    float *scores;   /* a batch's logits, for it */
    double *per_class;

    tn_device *device;
    tn_plan *plan;
    tn_rate rate;

    tn_run *run;
    tn_run_orders now;
    network_fit fit; /* facts of the network, in each checkpoint of the run */
    recipe_text said;
    char *names;
    tn_meta meta[3];

    int64_t steps, per_epoch; /* updates of the whole run, and of an epoch */
    tn_run_score seen;        /* of the epoch, when it was last looked at */
    int64_t images;           /* trained on by this program */
    float last_rate;          /* of the last update */
    char trouble[512];        /* of the run, as it was told last */
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

/* The clock of tell_speed(): begins, and leaves out what was no training. */
void session_start_clock(session *s);
void session_skip_clock(session *s, double idle);

/* ---- running.c: in a run ---------------------------------------------------------------------- */

/* Opens the run; what is the same for all is filled in, and `said`, the recipe, is in its checkpoints if it is not NULL. From then on
 * signals are told to it: in a folder as stop_catch_run() has it, else as stop_catch(). */
void session_run(session *s, tn_run_opts opts, const recipe_text *said);

/* The run has failed: it is closed, and the program ended. */
_Noreturn void session_fail(session *s, const char *why);
void session_must(session *s, tn_status status);

/* The next batch of an epoch, to the plan and the run; the status is that of the data. */
tn_status session_next(session *s);
/* After an update: what the run has to say of it. One that has diverged ends the program. */
void session_step(session *s);

/* All of a feed, in evaluation mode. False: the run is to stop (s->now.stop), and has not seen all. */
bool session_validate(session *s, feed *f, tn_run_score *val);

/* That was ordered, and is not done yet: also of a run that ended before it was. */
void session_evaluate(session *s);

int64_t session_left(const session *s); /* updates that the epoch has room for yet */
bool session_at_end(const session *s);

/* Sees how it goes, if it is time to; all ranks call it. */
void session_look(session *s);
void session_look_now(session *s);

/* After the last batch of an epoch: on to the next one. */
void session_turn(session *s);

/* Ends the run as it should. Returns the exit status. */
int session_end(session *s);

/* ---- saving.c --------------------------------------------------------------------------------- */

/* To save.path, and the best beside it, "x.best.safetensors". A save that fails is told and tried again after the next
 * epoch. */
void saving_probe(session *s);          /* ends the program if nothing can be written there */
void saving_due(session *s, bool last); /* after an epoch, or at the end: what is due */
bool saving_now(session *s);            /* true: it is saved */
void saving_end(const session *s);      /* tells where it is; ends the program if it is not saved */
/* Tells if s->resume was made with other flags. */
void saving_compare(const session *s);

/* Lines to stdout. */
void tell_start(const session *s);
void tell_init(const session *s);   /* what --init gave, and what it did not */
void tell_bad(session *s, feed *f); /* files that a feed has left out since */
void tell_score(const char *what, const tn_run_score *sum); /* without a line's end */
void tell_resumed(const session *s, const char *path);
void tell_trouble(session *s); /* to stderr: what cannot be written, once each; the run goes on */
/* A step that is to be seen; rate, images and waiting are filled in. */
void tell_step(session *s, progress_step now);

typedef struct epoch_told {
    int64_t epoch, epochs; /* from 1 */
    tn_run_score train;
    const tn_run_score *val; /* NULL: was not validated */
    tn_run_best best;
} epoch_told;
void tell_epoch(session *s, const epoch_told *e);
void tell_speed(const session *s);

#endif
