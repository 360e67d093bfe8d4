/*
 * A small net with everything that a model must carry, and a plan of it.
 */
#ifndef LAB_MODEL_H
#define LAB_MODEL_H

#include <tenon/tenon.h>

enum { LAB_MODEL_BATCH = 4 };

/* image u8 4 x 6 x 6 x 3, label, "fc" with so many classes, batchnorm, a hidden layer of many weights. */
tn_graph *lab_model_net(int classes);

/* Trained for two steps from random pixels and labels. */
tn_plan *lab_model_train(const tn_graph *g, tn_device *device, const tn_plan_opts *more);

/* The parameter of that name, for free(). */
float *lab_model_param(tn_plan *p, const char *name, int64_t *count);

#endif
