/*
 * The op lab: one operation, a table of cases, every device that this build has.
 *
 * For each case and device, through the public API only, it checks
 *   - y and the loss of a training run against the naive reference in double,
 *   - the gradient of every f32 input and trained parameter against central differences of the loss
 *     through that reference (in big cases against the reference's own gradient),
 *   - y in evaluation mode, from the training plan and from a plan without a loss,
 *   - the same without fusion and without gradients of inputs,
 *   - that a second plan gives the same bits, a run allocates nothing, nothing is read that was not
 *     written (all memory is filled with NaN before each run), a dry plan's memory is the real one's,
 *   - in the first case of the table, which should be small: every allocation failing once.
 *
 * One rule of tolerance for all operations: |got - want| <= 1e-5 (max |want| + unit), the maximum over
 * the tensor, unit being 1 for values and 1 / elements of y for gradients, which is what the loss
 * hands to each element of y. 1e-5 is 168 roundings of f32 (2^-24): the longest sum of any network
 * here has 9216 terms (AlexNet's fc6), whose roundings add up like a random walk to
 * sqrt(9216) = 96 of them, and what is left is for what surrounds the sum.
 *
 * On a GPU all of it is done once more in bf16 and f16. All numbers given are then ones that both types
 * can hold, so that the reference sees what the device does. Sums are f32 there too; what is rounded is
 * each tensor on its way to memory: y, the gradient of y, and the gradient asked for, which errs by what
 * the two before it did as well. Four roundings: 4 * 2^-8 in bf16, 4 * 2^-11 in f16, in place of 1e-5.
 */
#ifndef TN_LAB_OP_H
#define TN_LAB_OP_H

#include "lab.h"

enum { LAB_MAX_X = 8, LAB_MAX_W = 8, LAB_SEED = 20151 /* of every plan that the lab makes */ };

/* Devices to test on, up to NULL: the CPU, and a GPU with and without cuDNN. The GPU is the one that
 * $TENON_TEST_GPU names ("cuda:0"; empty: none), else the simulated one if this build has it. */
const char *const *lab_devices(void);

/* Has this build the kernels that "cpu,prefer=..." chooses among? Else a line says that it is skipped. */
bool lab_can_prefer(void);

/* An input of a case, filled with numbers drawn evenly from [low, high] (both 0: [-1, 1]); u8 and i32
 * with whole ones. */
typedef struct lab_tensor {
    tn_shape shape;
    tn_dtype dtype;
    double low, high;
    bool no_batch; /* the same for any: no dimension is the batch; else the first is */
    bool apart;    /* no two alike, none 0, in random order: for what has kinks, max or relu */
    bool coarse;   /* the lab's own: numbers with 8 bits, which bf16 and f16 hold too */
} lab_tensor;

typedef struct lab_case {
    const char *why;
    lab_tensor x[LAB_MAX_X]; /* ndim 0 ends them */
    const void *opts;        /* for the three callbacks */
    bool big;                /* differences would take too long: gradients from `backward` */
    bool f32_only;           /* what it is about does not show in coarser numbers */
} lab_case;

/* What the reference is given. All in double, canonical. */
typedef struct lab_ref {
    const void *opts;
    bool training; /* seed: LAB_SEED, step: 0 */
    int num_x;
    tn_shape x_shape[LAB_MAX_X];
    const double *x[LAB_MAX_X];
    tn_shape w_shape[LAB_MAX_W];
    const double *w[LAB_MAX_W]; /* in the order of lab_op.param; NULL: the layer has none such */
    tn_shape y_shape;
    double *y;
    /* backward only; dx[i] and dw[i] come zeroed and are NULL where there is no gradient. */
    const double *dy;
    double *dx[LAB_MAX_X];
    double *dw[LAB_MAX_W];
} lab_ref;

typedef struct lab_op {
    /* Adds the operation. */
    tn_value (*build)(tn_graph *g, const tn_value *x, int num_x, const void *opts);
    /* Writes y, by loops that are too simple to be wrong. */
    void (*reference)(const lab_ref *r);
    /* Adds to dx and dw; only for big cases. */
    void (*backward)(const lab_ref *r);
    /* Parameters by the last part of their names or all of it, those of tn_param() by all of it, and what they are filled with. */
    struct {
        const char *name;
        double low, high; /* both 0: [-1, 1] */
    } param[LAB_MAX_W];
    /* y is a loss itself. Otherwise the lab puts tn_mse() against random numbers behind it. */
    bool loss;
} lab_op;

/* What a number of options means. */
static inline double lab_option(float given, float fallback)
{
    return given == 0 ? (double)fallback : given == TN_ZERO ? 0 : (double)given;
}

/* The pad that a layer with windows takes from its options; see <tenon/options.h>. */
static inline int lab_pad(const int kernel[2], const int pad[2], int direction)
{
    if (direction == 1 && pad[1] == 0 && kernel[1] == 0)
        direction = 0;
    return pad[direction] == TN_ZERO ? 0 : pad[direction];
}

void lab_check_op(const lab_op *op, const lab_case *cases, size_t count);
/* The same of cases that are all big. */
void lab_check_big(const lab_op *op, const lab_case *cases, size_t count);

/* One kernel. */
typedef struct lab_kernel {
    const char *device; /* that prefers it */
    const char *name;   /* its description begins so */
    bool no_dx;         /* it is not taken where the gradient of x is asked for */
} lab_kernel;

/* The same on that device alone; fails unless it is the kernel that does it. */
void lab_check_kernel(const lab_kernel *k, const lab_op *op, const lab_case *cases, size_t count);

/* Fails, naming `what` and the worst element, unless got is want by the rule above. */
void lab_assert_close(const char *what, const float *got, const double *want, int64_t count,
                      double unit);

#endif
