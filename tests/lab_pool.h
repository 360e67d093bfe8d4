/*
 * Pooling for the op lab: the reference, loops in double. A case's opts are a tn_pool2d_opts.
 */
#ifndef TN_LAB_POOL_H
#define TN_LAB_POOL_H

#include "lab_op.h"

#define POOL(...) (&(const tn_pool2d_opts){__VA_ARGS__})
#define X(...)                                            \
    {                                                     \
        {                                                 \
            .shape = TN_SHAPE(__VA_ARGS__), .apart = true \
        }                                                 \
    }

void lab_pool_reference(const lab_ref *r);
void lab_pool_backward(const lab_ref *r);

#endif
