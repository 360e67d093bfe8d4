/**
 * @file
 * Layers of a program's own, as functions on host memory. They work on every device: on a GPU their inputs are copied
 * down and what they make is copied up, and steps are not replayed as one, so that they are for what is small or rare, and
 * for trying things out. What is to be fast there has a kernel: <tenon/sys/kernel.h>.
 *
 *     static tn_status forward(void *arg, const tn_custom_call *c)
 *     {
 *         const float *x = c->x[0].data;
 *         float *y = c->y.data;
 *         for (int64_t i = 0; i < c->elements; i++)
 *             y[i] = x[i] / (1 + expf(-x[i]));
 *         return TN_OK;
 *     }
 *
 *     y = tn_custom(g, 1, &x, &(tn_custom_opts){.name = "swish1", .forward = forward, .backward = backward});
 *
 * Threads: a plan calls them in the thread that runs it. On several devices each replica does so in a thread of its own,
 * at the same time as the others and with its rows alone, so what @p arg points to must be fit for that.
 */
#ifndef TENON_CUSTOM_H
#define TENON_CUSTOM_H

#include <stdbool.h>
#include <stdint.h>

#include <tenon/graph.h>
#include <tenon/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What forward() and backward() are given. All tensors are canonical, in memory of the host, valid for the call. */
typedef struct tn_custom_call {
    const char *name; /**< of the layer */
    int num_x;
    const tn_tensor *x;
    tn_tensor y;     /**< f32; forward writes all of it, backward may read it */
    const float *dy; /**< backward: of y; forward: NULL */
    float *const
        *dx; /**< backward: to be overwritten, one an input; NULL: not asked for. forward: NULL */
    int64_t elements; /**< of y */
    int64_t
        rows; /**< of x[0] that hold a sample, where its first dimension is the batch: a mean or a statistic
                              is over these */
    bool training; /**< false: an evaluation */
    uint64_t seed,
        step; /**< of the plan, and how many runs it has had: what random numbers may depend on */
} tn_custom_call;

typedef struct tn_custom_opts {
    const char *name;
    /** Checks what comes in and says what shape y has; asked when the graph is built, and again for other batches. x has
     *  no data; *y is x[0]'s shape to begin with. NULL: that is y's. An error by tn_fail() is the graph's. */
    tn_status (*infer)(void *arg, int num_x, const tn_tensor *x, tn_shape *y);
    tn_status (*forward)(void *arg, const tn_custom_call *c); /**< required */
    tn_status (*backward)(
        void *arg,
        const tn_custom_call *c); /**< NULL: an error where a gradient is wanted through it */
    /** y is not made row by row (dimension 0, of the batch), as a mean over all of them or a norm across them is: then
     *  several devices cannot share the batch, and a plan for such is refused. */
    bool mixes_rows;
    void *arg; /**< handed to all of them; borrowed for as long as the graph and its plans live */
} tn_custom_opts;

/**
 * @param n  inputs, 1 to 32, of any type; a gradient goes to those of f32
 *
 * What a function reports by tn_fail() is what the run returns, with the layer's name before it. A net with such a layer
 * cannot be written as text: its functions have no name that another program would know.
 */
TN_API tn_value tn_custom(tn_graph *g, int n, const tn_value *x, const tn_custom_opts *opts);

#ifdef __cplusplus
}
#endif
#endif
