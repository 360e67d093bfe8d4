/*
 * How a pass makes a graph of a graph. The nodes of `from` come one after the other; the pass leaves one out, puts something in
 * its place, or does nothing: then it is made again. What reads a value reads what has come of it.
 *
 * A graph is made by adding alone, so what is to become of a node is decided when it comes: a convolution looks at what reads
 * it, and takes the node behind it along.
 */
#ifndef TN_MODEL_REWRITE_H
#define TN_MODEL_REWRITE_H

#include "base/arena.h"
#include "graph/text.h"
#include "model/import.h"

typedef struct tn_rewrite tn_rewrite;

/* What can be done to a model. Each must come to an end: done again and again, with all others between, at last it finds
 * nothing. */
typedef struct tn_model_pass {
    const char *name, *what;
    /* Looks at the whole before the first node. */
    tn_status (*begin)(tn_rewrite *r);
    /* true in *done if n is left out, or something stands in its place. */
    tn_status (*node)(tn_rewrite *r, const tn_node *n, bool *done);
    /* After the last node, and the outputs. */
    tn_status (*end)(tn_rewrite *r);
} tn_model_pass;

/* What a pass has done, in all its turns. */
typedef struct tn_told {
    int times;
    tn_text nodes; /* " name" of each */
} tn_told;

struct tn_rewrite {
    const tn_model_pass *pass;
    tn_told *told;
    tn_model *model; /* the numbers of `from`, which the pass may change as it changes the graph */
    const tn_graph *from;
    tn_graph *to;
    tn_arena arena; /* for what is needed meanwhile */

    /* Of values of `from`, by id - 1. */
    int32_t *became; /* the id in `to`; 0: nothing yet */
    int *
        readers; /* nodes, counted as often as they read it, and the graph as an output or the loss */
    int32_t *reader; /* one of these nodes */
    bool *is_output;
    /* Of nodes, by their place. */
    bool *gone;          /* a node before has taken it along */
    const char **called; /* its name in `to`; NULL: as ever */
    unsigned char *mark; /* the pass's own */
    void *own;           /* likewise, of the whole */
    /* Of the graph. */
    bool *keeps_output; /* of each: is it still one? */
    bool keeps_loss;
};

/* The model that is to be: the facts of m, and its numbers as floats of its own. *out is the caller's also after an error. And
 * when its net is there, the text of that is a fact, and numbers that it has no use for go. */
tn_status tn_rewrite_begin(tn_model **out, const tn_model *m);
tn_status tn_rewrite_end(tn_model *m, const tn_graph *g, int64_t batch);

/* The graph that the pass makes of g; *out is NULL if it did nothing. */
tn_status tn_rewrite_graph(tn_graph **out, const tn_graph *g, tn_model *numbers,
                           const tn_model_pass *pass, tn_told *told);

/* Of `from`: the place of a node, the node that makes a value. */
int32_t tn_rewrite_place(const tn_rewrite *r, const tn_node *n);
const tn_node *tn_rewrite_maker(const tn_rewrite *r, int32_t id);
/* The node that alone reads what n makes, once, as an input: nobody else would see it changed. NULL: there is none. */
const tn_node *tn_rewrite_only_reader(const tn_rewrite *r, const tn_node *n);
/* What a parameter or a constant of f32 holds; NULL: it is neither, or its numbers are not there. */
const float *tn_rewrite_numbers(const tn_rewrite *r, int32_t id);

/* Makes n again, with other options or another name: NULL is its own. Its values become those of the new node, and its
 * parameters keep their numbers. */
tn_status tn_rewrite_copy(tn_rewrite *r, const tn_node *n, const void *opts, const char *name);
/* Reading other values of `from`. */
tn_status tn_rewrite_copy_of(tn_rewrite *r, const tn_node *n, const int32_t *in, const void *opts);
/* A value of `from` becomes one of `to`, which has the same shape, type and batch. */
tn_status tn_rewrite_map(tn_rewrite *r, int32_t id, tn_value v);
/* What has come of it. */
tn_status tn_rewrite_value(const tn_rewrite *r, int32_t id, tn_value *out);
/* May n be called so? Not if that, or its parameters' names then, are names of others. `from` is a node that goes, whose
 * names may be taken; NULL: none. */
bool tn_rewrite_may_call(const tn_rewrite *r, const tn_node *n, const char *name,
                         const tn_node *from);
/* Is that no name of a value of `from`, but for those of a node that goes? */
bool tn_rewrite_is_free(const tn_rewrite *r, const char *name, const tn_node *from);
/* The pass has done something to that node, to be told. */
void tn_rewrite_tell(tn_rewrite *r, const char *node);

#endif
