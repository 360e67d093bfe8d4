/*
 * What tenon-plan finds out about a network on a device, without running it.
 */
#ifndef TOOLS_STUDY_H
#define TOOLS_STUDY_H

#include <tenon/tenon.h>

#include "../train/network.h"

typedef struct request {
    origin net;
    int64_t batch;
    int64_t classes, size; /* 0: as a file has it; of a named one they are there */
    tn_precision precision;
    bool inference;
    const char *optim; /* of training: "sgd", "adam", "adamw" */
} request;

/* A network planned for one batch, dry. */
typedef struct planned {
    network net; /* of images and classes, or */
    tn_graph *g; /* whatever a file holds */
    tn_plan *plan;
} planned;

typedef struct study {
    request r;
    tn_device *device;
    planned p;
    int64_t parameters; /* numbers in trained parameters */
    tn_memory_plan memory;
    size_t device_memory; /* in all */

    bool bounded;                /* the peak rates are known */
    char why_not[512];           /* if not */
    double flops, bandwidth;     /* the rates, a second */
    double seconds;              /* lower bound of all steps together */
    double forward, total_flops; /* of one forward pass, of all steps */

    bool searched;
    int64_t largest;    /* batch that fits; 0: none */
    int64_t over;       /* the next one, which does not; 0: none was tried */
    size_t over_bytes;  /* what it takes; 0: it cannot be planned */
    char over_why[512]; /* then this is why */
} study;

enum { LARGEST_BATCH = 1 << 20 }; /* that is tried */

/* TN_OK with p filled, or what the plan says; p is empty then. */
tn_status plan_net(planned *p, tn_device *device, const request *r, int64_t batch);
void planned_free(planned *p);

/* Everything but the largest batch. s->r and s->device are there. */
tn_status study_make(study *s);
/* The largest batch whose plan takes no more than the device's memory. */
void study_search(study *s);
void study_free(study *s);

/* tell.c: to stdout */
void tell_text(const study *s);
void tell_json(const study *s);

#endif
