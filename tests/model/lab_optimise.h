/*
 * Models to be optimised: a text with numbers drawn at random, and what two models make of the same inputs.
 */
#ifndef LAB_OPTIMISE_H
#define LAB_OPTIMISE_H

#include <tenon/tenon.h>

typedef struct lab_optimise_case {
    const char *why;
    const char *text;    /* behind "tenon graph 1" */
    const char *becomes; /* likewise; NULL: nothing is found */
    const char *told;    /* "tenon.passes" */
} lab_optimise_case;

/* The model of a net with numbers for all its parameters, none of which is its start: weights and biases, statistics
 * too. N is 3. */
tn_model *lab_model_of_text(const char *text);
/* Of that graph, whose loss and outputs are kept; weights of more dimensions are drawn as they say themselves. */
tn_model *lab_model_of_graph(const tn_graph *g);

/* That is what the passes do, with and without the numbers in a file; done again they change nothing; and each output has the
 * numbers of before, within 1e-4 of the largest. `only`: the one pass to try, beside `alive`; NULL: all. */
void lab_optimise(const lab_optimise_case *cases, size_t count, const char *only);

/* Both make the same of the same inputs, to each output of b. */
void lab_assert_same_outputs(const tn_model *a, const tn_model *b, const char *why);

/* Each allocation of optimising that model fails once. Takes the model. */
void lab_optimise_without_memory(tn_model *m, long least);

#endif
