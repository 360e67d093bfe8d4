/*
 * The passes, one file each; optimise.c says in which order they come.
 */
#ifndef TN_MODEL_PASSES_H
#define TN_MODEL_PASSES_H

#include "model/passes/rewrite.h"

extern const tn_model_pass tn_model_pass_evaluation, tn_model_pass_alive;

#endif
