#include "dnn.h"

#include <stdio.h>
#include <string.h>

enum { MOST = 512 };
static dnn_desc all[MOST];
static int count;

void dnn_assert(cudnnStatus_t got, cudnnStatus_t want, const char *call, const char *file, int line)
{
    char text[512] = "";
    if (got == want)
        return;
    cudnnGetLastErrorString(text, sizeof text);
    fprintf(stderr, "%s:%d: %s: %s, not %s (%s)\n", file, line, call, cudnnGetErrorString(got),
            cudnnGetErrorString(want), text);
    _assert_true(0, call, file, line);
}

void assert_says(cudnnStatus_t got, cudnnStatus_t want, const char *text)
{
    char said[512];
    cudnnGetLastErrorString(said, sizeof said);
    assert_dnn_is(got, want);
    if (!strstr(said, text))
        fail_msg("\"%s\" does not say \"%s\"", said, text);
}

/* ---- descriptors -------------------------------------------------------------------------- */

dnn_desc dnn_new(cudnnBackendDescriptorType_t type)
{
    assert_true(count < MOST);
    assert_dnn(cudnnBackendCreateDescriptor(type, &all[count]));
    return all[count++];
}

void dnn_end(void)
{
    while (count > 0)
        assert_dnn(cudnnBackendDestroyDescriptor(all[--count]));
}

void dnn_set(dnn_desc d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
             int64_t n, const void *values)
{
    assert_dnn(cudnnBackendSetAttribute(d, name, type, n, values));
}

void dnn_set_desc(dnn_desc d, cudnnBackendAttributeName_t name, dnn_desc value)
{
    dnn_set(d, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value);
}

void dnn_set_int(dnn_desc d, cudnnBackendAttributeName_t name, int64_t value)
{
    dnn_set(d, name, CUDNN_TYPE_INT64, 1, &value);
}

dnn_desc dnn_finalize(dnn_desc d)
{
    assert_dnn(cudnnBackendFinalize(d));
    return d;
}

/* ---- operations --------------------------------------------------------------------------- */

dnn_desc dnn_tensor_open(const dnn_tensor *t)
{
    const int64_t c = t->channels ? t->channels : t->dim[1], h = t->dim[2], w = t->dim[3];
    const int64_t nhwc[4] = {h * w * c, 1, w * c, c}, nchw[4] = {c * h * w, h * w, w, 1};
    dnn_desc d = dnn_new(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    dnn_set(d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &t->type);
    dnn_set(d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, t->dim);
    dnn_set(d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, t->nchw ? nchw : nhwc);
    dnn_set_int(d, CUDNN_ATTR_TENSOR_UNIQUE_ID, t->uid);
    dnn_set_int(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, t->align ? t->align : 16);
    dnn_set(d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &t->is_virtual);
    dnn_set(d, CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, 1, &t->by_value);
    return d;
}

dnn_desc dnn_tensor_new(const dnn_tensor *t)
{
    return dnn_finalize(dnn_tensor_open(t));
}

static dnn_desc conv_desc(const dnn_window *w)
{
    const cudnnDataType_t math = CUDNN_DATA_FLOAT;
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    int64_t stride[2], dilation[2];
    for (int i = 0; i < 2; i++) {
        stride[i] = w->stride[i] ? w->stride[i] : 1;
        dilation[i] = w->dilation[i] ? w->dilation[i] : 1;
    }
    dnn_desc d = dnn_new(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
    dnn_set(d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &math);
    dnn_set(d, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    dnn_set_int(d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, 2);
    dnn_set(d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, w->pre);
    dnn_set(d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, w->post);
    dnn_set(d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, stride);
    dnn_set(d, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, dilation);
    return dnn_finalize(d);
}

dnn_desc dnn_conv(int kind, const dnn_window *window, dnn_desc x, dnn_desc weights, dnn_desc y,
                  float alpha, float beta)
{
    static const struct {
        cudnnBackendDescriptorType_t type;
        cudnnBackendAttributeName_t x, w, y, conv, alpha, beta;
    } kinds[] = {
        {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
         CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
         CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
         CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
         CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
         CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
        {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
        {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA},
    };
    dnn_desc d = dnn_new(kinds[kind].type);
    dnn_set_desc(d, kinds[kind].conv, conv_desc(window));
    dnn_set_desc(d, kinds[kind].x, x);
    dnn_set_desc(d, kinds[kind].w, weights);
    dnn_set_desc(d, kinds[kind].y, y);
    dnn_set(d, kinds[kind].alpha, CUDNN_TYPE_FLOAT, 1, &alpha);
    dnn_set(d, kinds[kind].beta, CUDNN_TYPE_FLOAT, 1, &beta);
    return dnn_finalize(d);
}

void dnn_set_pointwise(dnn_desc how, cudnnPointwiseMode_t mode)
{
    const cudnnDataType_t math = CUDNN_DATA_FLOAT;
    dnn_set(how, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &mode);
    dnn_set(how, CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, 1, &math);
}

dnn_desc dnn_pointwise_by(dnn_desc how, dnn_desc x, dnn_desc b, dnn_desc y, bool backward)
{
    dnn_desc d = dnn_new(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    dnn_set_desc(d, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, dnn_finalize(how));
    dnn_set_desc(d, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (b)
        dnn_set_desc(d,
                     backward ? CUDNN_ATTR_OPERATION_POINTWISE_DYDESC
                              : CUDNN_ATTR_OPERATION_POINTWISE_BDESC,
                     b);
    dnn_set_desc(
        d, backward ? CUDNN_ATTR_OPERATION_POINTWISE_DXDESC : CUDNN_ATTR_OPERATION_POINTWISE_YDESC,
        y);
    return dnn_finalize(d);
}

dnn_desc dnn_pointwise(cudnnPointwiseMode_t mode, dnn_desc x, dnn_desc b, dnn_desc y)
{
    dnn_desc how = dnn_new(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    dnn_set_pointwise(how, mode);
    return dnn_pointwise_by(how, x, b, y, (int)mode >= 200 && (int)mode < 300);
}

static void set_fractions(dnn_desc d, cudnnBackendAttributeName_t name, const int64_t *value)
{
    const cudnnFraction_t f[2] = {{value[0], 1}, {value[1], 1}};
    dnn_set(d, name, CUDNN_TYPE_FRACTION, 2, f);
}

dnn_desc dnn_pool(cudnnResampleMode_t mode, const dnn_window *w)
{
    const cudnnDataType_t math = CUDNN_DATA_FLOAT;
    const cudnnPaddingMode_t padding =
        mode == CUDNN_RESAMPLE_MAXPOOL ? CUDNN_NEG_INF_PAD : CUDNN_ZERO_PAD;
    dnn_desc d = dnn_new(CUDNN_BACKEND_RESAMPLE_DESCRIPTOR);
    dnn_set(d, CUDNN_ATTR_RESAMPLE_MODE, CUDNN_TYPE_RESAMPLE_MODE, 1, &mode);
    dnn_set(d, CUDNN_ATTR_RESAMPLE_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &math);
    dnn_set(d, CUDNN_ATTR_RESAMPLE_PADDING_MODE, CUDNN_TYPE_PADDING_MODE, 1, &padding);
    dnn_set_int(d, CUDNN_ATTR_RESAMPLE_SPATIAL_DIMS, 2);
    set_fractions(d, CUDNN_ATTR_RESAMPLE_WINDOW_DIMS, w->window);
    set_fractions(d, CUDNN_ATTR_RESAMPLE_PRE_PADDINGS, w->pre);
    set_fractions(d, CUDNN_ATTR_RESAMPLE_POST_PADDINGS, w->post);
    set_fractions(d, CUDNN_ATTR_RESAMPLE_STRIDES, w->stride);
    return dnn_finalize(d);
}

/* ---- graphs, engines, plans --------------------------------------------------------------- */

dnn_desc dnn_graph(int n, const dnn_desc *ops)
{
    dnn_desc d = dnn_new(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    dnn_set(d, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, n, ops);
    return dnn_finalize(d);
}

int dnn_configs(cudnnHandle_t h, dnn_desc graph, cudnnBackendHeurMode_t mode, int room,
                dnn_desc *out)
{
    dnn_desc device = dnn_new(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
    dnn_set(device, CUDNN_ATTR_DEVICEPROP_HANDLE, CUDNN_TYPE_HANDLE, 1, &h);
    dnn_desc d = dnn_new(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
    dnn_set_desc(d, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
    dnn_set(d, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode);
    dnn_set_desc(d, CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, dnn_finalize(device));
    dnn_finalize(d);
    for (int i = 0; i < room; i++)
        out[i] = dnn_new(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    int64_t n = -1;
    assert_dnn(cudnnBackendGetAttribute(d, CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                        CUDNN_TYPE_BACKEND_DESCRIPTOR, room, &n, out));
    return (int)n;
}

static unsigned notes_of(dnn_desc config, cudnnBackendAttributeName_t name,
                         cudnnBackendAttributeType_t type)
{
    int32_t note[16];
    int64_t n = 0;
    unsigned bits = 0;
    dnn_desc engine = dnn_new(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    assert_dnn(cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE,
                                        CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &n, &engine));
    assert_dnn(cudnnBackendGetAttribute(engine, name, type, 16, &n, note));
    for (int64_t i = 0; i < n; i++)
        bits |= 1u << note[i];
    return bits;
}

unsigned dnn_notes(dnn_desc config)
{
    return notes_of(config, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE);
}

unsigned dnn_behaviour(dnn_desc config)
{
    return notes_of(config, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE);
}

int64_t dnn_workspace(dnn_desc plan)
{
    int64_t bytes = -1, n;
    assert_dnn(cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                        CUDNN_TYPE_INT64, 1, &n, &bytes));
    return bytes;
}

dnn_desc dnn_plan(dnn_desc config)
{
    dnn_desc d = dnn_new(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    dnn_set_desc(d, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config);
    return dnn_finalize(d);
}

dnn_desc dnn_plan_of(cudnnHandle_t h, int n, const dnn_desc *ops, unsigned not )
{
    const cudnnBackendHeurMode_t modes[] = {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_FALLBACK};
    dnn_desc config[8], graph = dnn_graph(n, ops);
    for (int m = 0; m < 2; m++) {
        const int found = dnn_configs(h, graph, modes[m], 8, config);
        for (int i = 0; i < found; i++)
            if (!(dnn_notes(config[i]) & not ))
                return dnn_plan(config[i]);
    }
    fail_msg("no engine without the notes %x", not );
    return NULL;
}

/* ---- running ------------------------------------------------------------------------------ */

dnn_desc dnn_pack(int n, const int64_t *uids, void *const *pointers, void *workspace)
{
    dnn_desc d = dnn_new(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    dnn_set(d, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, n, uids);
    dnn_set(d, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, n, pointers);
    dnn_set(d, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    return dnn_finalize(d);
}

void dnn_run(cudnnHandle_t h, dnn_desc plan, int n, const int64_t *uids, void *const *pointers)
{
    const int64_t bytes = dnn_workspace(plan);
    void *workspace = bytes ? new_device((size_t)bytes) : NULL;
    assert_dnn(cudnnBackendExecute(h, plan, dnn_pack(n, uids, pointers, workspace)));
    assert_cuda(cudaDeviceSynchronize());
    if (workspace)
        assert_cuda(cudaFree(workspace));
}
