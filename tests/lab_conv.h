/*
 * Convolutions for the op lab: cases, and the reference, loops in double.
 */
#ifndef TN_LAB_CONV_H
#define TN_LAB_CONV_H

#include "lab_op.h"

typedef struct lab_conv_case {
    tn_conv2d_opts conv;
    bool relu;
} lab_conv_case;

#define OPTS(...)            \
    &(const lab_conv_case)   \
    {                        \
        {__VA_ARGS__}, false \
    }
#define RELU(...)           \
    &(const lab_conv_case)  \
    {                       \
        {__VA_ARGS__}, true \
    }

extern const lab_op lab_conv_op;

#endif
