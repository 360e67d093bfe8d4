/*
 * NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss: of each label, and what is made of all of them. A mean of logits,
 * also where a LogSoftmax of its own stands before, is softmax_xent, which counts what is right, too, and is what training
 * minimises.
 */
#include <tenon/layers.h>
#include <tenon/shapes.h>

#include "onnx/known.h"

/* Weights of classes, which are not trained; the zero handle: none. False: refused. */
static bool read_weights(tn_onnx *o, const tn_onnx_node *n, tn_value *out)
{
    tn_onnx_known *k = tn_onnx_given(n, 2);
    float *data;
    *out = (tn_value){0};
    if (!tn_onnx_has(n, 2))
        return true;
    if (!k)
        return tn_onnx_x(o, n, 2, out);
    if (k->shape.ndim != 1 || k->count < 1 || !tn_onnx_is_real(k->type)) {
        (void)tn_onnx_refuse(o, n, "its weights are %s of %s", tn_shape_format(&k->shape).text,
                             tn_onnx_type_name(k->type));
        return false;
    }
    const tn_status status = tn_onnx_copy(o, k, &data);
    *out = status == TN_OK ? tn_onnx_constant(o, tn_onnx_name(o, n, "weights"), k->shape, data)
                           : tn_graph_refuse(o->g, status);
    return out->id != 0;
}

static tn_value sum_of(tn_onnx *o, const tn_onnx_node *n, const char *part, tn_value x)
{
    return tn_reduce(o->g, x,
                     &(tn_reduce_opts){.name = tn_onnx_name(o, n, part), .kind = TN_REDUCE_SUM});
}

typedef struct losses {
    int word;       /* how they are reduced: -1: refused */
    int64_t ignore; /* a label that is left out */
    bool ignores;   /* that is said */
    tn_value labels, weights;
} losses;

enum { MEAN, SUM, NONE };

static bool read_losses(tn_onnx *o, const tn_onnx_node *n, losses *l)
{
    static const char *const words[] = {[MEAN] = "mean", [SUM] = "sum", [NONE] = "none", NULL};
    tn_proto attr;
    l->word = tn_onnx_word(o, n, "reduction", words, MEAN);
    l->ignore = tn_onnx_int(n, "ignore_index", -1);
    l->ignores = tn_onnx_attr(n, "ignore_index", &attr);
    if (l->ignore > INT32_MIN && l->ignore <= INT32_MAX)
        return l->word >= 0 && read_weights(o, n, &l->weights);
    (void)tn_onnx_refuse(o, n, "its ignore_index is %lld", (long long)l->ignore);
    return false;
}

/* PyTorch writes -100 where nobody has said what is left out. */
enum { OF_PYTORCH = -100 };

static bool is_counted(const losses *l)
{
    return l->word == MEAN && (!l->ignores || l->ignore == -1 || l->ignore == OF_PYTORCH);
}

static tn_status add_counted(tn_onnx *o, const tn_onnx_node *n, const losses *l, tn_value logits)
{
    if (l->ignores && l->ignore == OF_PYTORCH)
        TN_TRY(tn_onnx_note(o, n, "a label that is left out is -1 here, and %d there", OF_PYTORCH));
    const tn_loss loss =
        tn_softmax_xent_weighted(o->g, logits, l->labels, (tn_value){0}, l->weights,
                                 &(tn_softmax_xent_opts){.name = n->name});
    if (n->out[0] && n->out[0]->output)
        tn_minimise(o->g, loss.loss);
    return tn_onnx_give(o, n, 0, loss.loss);
}

/* The losses of x, logarithms of probabilities. */
static tn_status add_losses(tn_onnx *o, const tn_onnx_node *n, const losses *l, tn_value x)
{
    const bool none = l->word == NONE, sum = l->word == SUM, plain = !l->weights.id && !l->ignores;
    const tn_nll_loss y =
        tn_nll(o->g, x, l->labels, l->weights,
               &(tn_nll_opts){.name = none ? n->name : tn_onnx_name(o, n, "losses"),
                              .ignore = TN_EXACTLY((int)l->ignore)});
    if (none)
        return tn_onnx_give(o, n, 0, y.losses);
    if (sum || plain)
        return tn_onnx_give(
            o, n, 0,
            tn_reduce(
                o->g, y.losses,
                &(tn_reduce_opts){.name = n->name, .kind = sum ? TN_REDUCE_SUM : TN_REDUCE_MEAN}));
    const tn_value all = sum_of(o, n, "sum", y.losses),
                   divisor = sum_of(o, n, "divisor", y.weights);
    return tn_onnx_give(o, n, 0, tn_div(o->g, all, divisor, &(tn_layer_opts){n->name}));
}

/* Both inputs, and what is said; false: refused. */
static bool read_inputs(tn_onnx *o, const tn_onnx_node *n, tn_value *x, losses *l)
{
    tn_dtype dtype;
    if (!tn_onnx_x(o, n, 0, x) || !tn_onnx_any(o, n, 1, &l->labels) || n->num_out < 1)
        return false;
    if (tn_value_dtype(o->g, l->labels, &dtype) != TN_OK || dtype == TN_I32)
        return read_losses(o, n, l);
    (void)tn_onnx_refuse(o, n, "its labels are %s", tn_dtype_name(dtype));
    return false;
}

static tn_status add_nll(tn_onnx *o, const tn_onnx_node *n)
{
    losses l = {0};
    tn_value x;
    if (!read_inputs(o, n, &x, &l))
        return TN_OK;
    const tn_value logits = n->in[0]->logits;
    return logits.id && is_counted(&l) ? add_counted(o, n, &l, logits) : add_losses(o, n, &l, x);
}

static tn_status add_cross_entropy(tn_onnx *o, const tn_onnx_node *n)
{
    losses l = {0};
    tn_value x, log_prob = {0};
    const bool wants_log = tn_onnx_wants(n, 1);
    if (!read_inputs(o, n, &x, &l))
        return TN_OK;
    if (wants_log || !is_counted(&l)) {
        log_prob =
            tn_log_softmax(o->g, x, &(tn_softmax_opts){.name = tn_onnx_name(o, n, "log_prob")});
        TN_TRY(tn_onnx_give(o, n, 1, log_prob));
    }
    return is_counted(&l) ? add_counted(o, n, &l, x) : add_losses(o, n, &l, log_prob);
}

const tn_onnx_ops tn_onnx_ops_loss = {{{"NegativeLogLikelihoodLoss", 12, add_nll},
                                       {"SoftmaxCrossEntropyLoss", 12, add_cross_entropy}}};
