/*
 * The simulated cuDNN's functions of their own, without graphs: what they share.
 *
 * A call takes its tensors, says what is wrong with them, and enqueues a copy of itself, which begins
 * with a tn_dnn_legacy.
 */
#ifndef TN_SIM_CUDNN_LEGACY_H
#define TN_SIM_CUDNN_LEGACY_H

#include "sim/cudnn_run.h"

typedef struct tn_dnn_legacy {
    const char *what; /* the function */
    int device;
    bool has[TN_DNN_SLOTS];
    tn_dnn_tensor t[TN_DNN_SLOTS];
    void *p[TN_DNN_SLOTS];
} tn_dnn_legacy;

/* For calls that were made to fail. */
cudnnStatus_t tn_dnn_made_to_fail(void);
cudnnStatus_t tn_dnn_no_object(void);

/* Puts a tensor in. A descriptor that was not set and a NULL pointer are errors. */
cudnnStatus_t tn_dnn_legacy_take(tn_dnn_legacy *l, tn_dnn_slot slot, cudnnTensorDescriptor_t d,
                                 const void *p);
/* An error unless both are of the same type and shape. */
cudnnStatus_t tn_dnn_legacy_alike(const tn_dnn_legacy *l, tn_dnn_slot a, tn_dnn_slot b);
/* Breaks the rule "overlap" if what is written lies where something else is read. */
void tn_dnn_legacy_apart(const tn_dnn_legacy *l, tn_dnn_slot written, tn_dnn_slot read);
/* An error unless a result is to be written as it is, which is all that this part of the simulation does. */
cudnnStatus_t tn_dnn_legacy_unscaled(const tn_dnn_legacy *l, const void *alpha, const void *beta);

/* Enqueues `size` bytes from `l` on, unless `status` is an error already; `body` runs them, and checks
 * the memory once more. */
cudnnStatus_t tn_dnn_legacy_run(tn_dnn_legacy *l, size_t size, cudnnHandle_t handle,
                                cudnnStatus_t status, void (*body)(void *));
void tn_dnn_legacy_check_memory(const tn_dnn_legacy *l);

#endif
