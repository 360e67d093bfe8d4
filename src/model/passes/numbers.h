/*
 * The numbers of a model while passes change it: all of them floats of its own, by the names of the graph's parameters.
 */
#ifndef TN_MODEL_PASS_NUMBERS_H
#define TN_MODEL_PASS_NUMBERS_H

#include "graph/graph.h"
#include "model/import.h"

/* Copies those of m that are the graph's; TN_ERR_SHAPE if one has another shape there. */
tn_status tn_numbers_take(tn_model *to, const tn_model *m, const tn_graph *g);
/* Of that name; NULL if there are none. */
tn_model_number *tn_numbers_find(const tn_model *m, const char *name);
/* In place of those that had the new name. */
tn_status tn_numbers_rename(tn_model *m, const char *name, const char *to);
/* Those that are no parameter's of the graph go. */
void tn_numbers_leave(tn_model *m, const tn_graph *g);

#endif
