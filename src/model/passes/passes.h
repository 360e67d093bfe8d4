/*
 * The passes, one file each; optimise.c says in which order they come.
 */
#ifndef TN_MODEL_PASSES_H
#define TN_MODEL_PASSES_H

#include "model/passes/rewrite.h"

extern const tn_model_pass tn_model_pass_evaluation, tn_model_pass_alive, tn_model_pass_constant,
    tn_model_pass_common, tn_model_pass_pad, tn_model_pass_batchnorm, tn_model_pass_affine;

#endif
