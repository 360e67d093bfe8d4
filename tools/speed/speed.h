/*
 * The parts of tenon-speed: columns of its table, each a device in one precision that trains one network on one batch; what makes a
 * comparison unfair; and how it is told.
 */
#ifndef TOOLS_SPEED_H
#define TOOLS_SPEED_H

#include <tenon/tenon.h>

#include "../../nets/nets.h"
#include "../doctor/doctor.h"

/* What the columns are; ratios are to the first two. */
enum { CPU, NO_CUDNN, CUDNN_F32, CUDNN_TF32, CUDNN_BF16, CUDNN_F16, COLUMNS };

/* What all columns share. */
typedef struct task {
    const net *net;
    int64_t batch, size, classes;
    int64_t warm_up, rounds; /* steps before the first round; rounds */
    bool per_layer;
    tn_tensor images, labels; /* the one batch of them all */
} task;

/* Forward, backward and what belongs to them, of one node. */
typedef struct layer {
    char name[80];
    double seconds; /* the median over the rounds */
} layer;

typedef struct column {
    const char *title;
    char device[256];
    tn_precision precision;
    int64_t steps; /* a round */

    bool absent;
    char why[768]; /* if so */
    bool simulated;

    char description[768]; /* the device's own */
    const char *computes_in;
    double median, least, most; /* seconds a step, of the rounds */
    float first_loss, last_loss;
    tn_memory_plan memory;
    int64_t skipped; /* updates left out, in f16 */
    layer *layers;
    int num_layers;
} column;

/* Random numbers by a fixed seed. */
void task_make_batch(task *t);
void task_free(task *t);

/* Fills in the column, or says in it why there is nothing to fill in. */
void column_measure(column *c, const task *t);
void column_free(column *c);

/* By a device's name. How long a simulation takes is no speed: it is refused. */
bool device_is_simulated(const char *name);

/* Seconds of that layer; below 0 if the column has none of that name. */
double column_layer(const column *c, const char *name);

/* Times as fast as another column; below 0: that is not there. */
double column_ratio(const column *c, const column *to);

/* "" if the column's first loss is the CPU's, as near as its precision allows, and its last one is a number;
 * else what is wrong, which makes its times worth nothing. */
const char *column_doubt(const column *c, const column *cpu);

/* ---- fair.c ------------------------------------------------------------------------------------ */

/* What of the machine makes its figures worth less, as the doctor says it: of what happens between the two. */
void fair_begin(void);
void fair_end(const column *c, findings *out);

/* ---- tell.c, draw.c: all COLUMNS of them -------------------------------------------------------- */

void columns_print(const column *c, const task *t, const findings *unfair); /* to stdout */
void columns_json(const column *c, const task *t, const findings *unfair);  /* likewise */
void columns_csv(const column *c, const task *t, FILE *to);
void columns_draw(const column *c, const task *t, const findings *unfair, FILE *to); /* SVG */

#endif
