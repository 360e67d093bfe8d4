/*
 * Graphs of the simulated cuDNN in few words. Everything that is made is destroyed by dnn_end().
 */
#ifndef TN_TEST_SIM_DNN_H
#define TN_TEST_SIM_DNN_H

#include <cudnn.h>

#include "rules.h"

typedef cudnnBackendDescriptor_t dnn_desc;

#define assert_dnn(call) dnn_assert((call), CUDNN_STATUS_SUCCESS, #call, __FILE__, __LINE__)
#define assert_dnn_is(call, status) dnn_assert((call), (status), #call, __FILE__, __LINE__)
void dnn_assert(cudnnStatus_t got, cudnnStatus_t want, const char *call, const char *file,
                int line);

/* That status, and a sentence with that text in it. */
void assert_says(cudnnStatus_t got, cudnnStatus_t want, const char *text);

typedef struct dnn_tensor {
    int64_t uid;
    cudnnDataType_t type; /* default FLOAT */
    int64_t dim[4];
    bool nchw;        /* default NHWC */
    int64_t channels; /* default dim[1]: in memory, which this is a slice of */
    bool is_virtual, by_value;
    int64_t align; /* default 16 */
} dnn_tensor;

typedef struct dnn_window {
    int64_t pre[2], post[2], stride[2], dilation[2], window[2]; /* stride, dilation: default 1 */
} dnn_window;

dnn_desc dnn_new(cudnnBackendDescriptorType_t type);
/* Sets, and asserts that it went well. */
void dnn_set(dnn_desc d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
             int64_t count, const void *values);
void dnn_set_desc(dnn_desc d, cudnnBackendAttributeName_t name, dnn_desc value);
void dnn_set_int(dnn_desc d, cudnnBackendAttributeName_t name, int64_t value);
dnn_desc dnn_finalize(dnn_desc d);

/* All of it set, but not finalized. */
dnn_desc dnn_tensor_open(const dnn_tensor *t);
dnn_desc dnn_tensor_new(const dnn_tensor *t);

/* kind: 0 forward, 1 backward data, 2 backward filter; x, w, y or their gradients. */
dnn_desc dnn_conv(int kind, const dnn_window *w, dnn_desc x, dnn_desc weights, dnn_desc y,
                  float alpha, float beta);
/* backward: b is dy, y is dx. */
dnn_desc dnn_pointwise(cudnnPointwiseMode_t mode, dnn_desc x, dnn_desc b, dnn_desc y);
/* The same by a descriptor that is still open: mode and precision set, then what else there is to say. */
void dnn_set_pointwise(dnn_desc how, cudnnPointwiseMode_t mode);
dnn_desc dnn_pointwise_by(dnn_desc how, dnn_desc x, dnn_desc b, dnn_desc y, bool backward);
dnn_desc dnn_pool(cudnnResampleMode_t mode, const dnn_window *w);

dnn_desc dnn_graph(int n, const dnn_desc *ops);
/* Configurations for the handle's device, at most `room`. */
int dnn_configs(cudnnHandle_t h, dnn_desc graph, cudnnBackendHeurMode_t mode, int room,
                dnn_desc *out);
/* Bits of numerical notes, or of behaviour notes. */
unsigned dnn_notes(dnn_desc config);
unsigned dnn_behaviour(dnn_desc config);
int64_t dnn_workspace(dnn_desc plan);
dnn_desc dnn_plan(dnn_desc config);
/* The first plan none of whose notes is in `not`, of mode A or then FALLBACK. */
dnn_desc dnn_plan_of(cudnnHandle_t h, int n, const dnn_desc *ops, unsigned not );

dnn_desc dnn_pack(int n, const int64_t *uids, void *const *pointers, void *workspace);
/* Executes, with a workspace of its own, and waits. */
void dnn_run(cudnnHandle_t h, dnn_desc plan, int n, const int64_t *uids, void *const *pointers);

void dnn_end(void);

#endif
