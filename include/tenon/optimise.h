/**
 * @file
 * A model made ready to be used and not to be trained: what only training needs is taken out, and what numbers alone decide is
 * computed once.
 *
 *     tn_model_open(&model, "flowers.safetensors", NULL);
 *     tn_model_optimise(&small, model, NULL);
 *     puts(tn_model_fact(small, "tenon.passes"));
 *     tn_model_save(small, "flowers-small.safetensors");
 *
 * What comes of it is a model as any other: a net that can be written as text, its numbers, its facts. Its outputs are those
 * of before, by the same names, and so are the nodes and parameters that are left. What depends on a device is none of its
 * business; a plan does that.
 *
 * Threads: as model.h has it; the model that is read may be read by others meanwhile.
 */
#ifndef TENON_OPTIMISE_H
#define TENON_OPTIMISE_H

#include <tenon/model.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tn_optimise_opts {
    const char *without; /**< passes to leave out, by name: "batchnorm,affine" */
} tn_optimise_opts;

/**
 * Makes a model that computes the same outputs by fewer steps. To do it again changes nothing.
 *
 * The passes are those that tn_optimise_pass() names, in that order, again and again until none finds anything. The fact
 * "tenon.passes" says which did something, a line each: its name, how often, and to which nodes,
 * `batchnorm 2: bn1 bn2`. Parameters whose numbers the model lacks stay as they are, and so does what reads them.
 * A net with a loss and outputs beside it loses the loss, with the labels and all else that only it needs; one that has no
 * other output than its loss gets what the loss measures, the probabilities of a softmax_xent.
 *
 * @return TN_ERR_ARGUMENT naming those there are if `without` names another pass; if the model has no net, or a net with
 *         neither outputs nor a loss; TN_ERR_SHAPE if its numbers are not the net's; what reading them returns; TN_ERR_MEMORY
 */
TN_API TN_CHECKED tn_status tn_model_optimise(tn_model **out, const tn_model *model,
                                              const tn_optimise_opts *opts);

/** The passes, by name. @return NULL past the last */
TN_API const char *tn_optimise_pass(int index);
/** What the pass of that name does, in a sentence. @return NULL if there is none */
TN_API const char *tn_optimise_what(const char *pass);

#ifdef __cplusplus
}
#endif
#endif
