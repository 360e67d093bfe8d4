#include "dnn_numbers.h"

#include <math.h>
#include <stdlib.h>

#include "sim/numbers.h"

cudnnHandle_t numbers_handle;

int64_t numbers_offset(const dnn_tensor *t, int64_t i)
{
    const int64_t c = t->channels ? t->channels : t->dim[1], h = t->dim[2], w = t->dim[3];
    const int64_t x = i % w, y = i / w % h, k = i / w / h % t->dim[1], n = i / w / h / t->dim[1];
    return t->nchw ? ((n * c + k) * h + y) * w + x : ((n * h + y) * w + x) * c + k;
}

numbers numbers_make(dnn_tensor t, unsigned seed)
{
    numbers a = {.t = t, .count = t.dim[0] * t.dim[1] * t.dim[2] * t.dim[3]};
    a.span = a.count / t.dim[1] * (t.channels ? t.channels : t.dim[1]);
    const size_t bytes = (size_t)a.span * tn_sim_bytes_of(t.type);
    void *host = calloc(1, bytes);
    a.x = calloc((size_t)a.count, sizeof *a.x);
    a.device = new_device(bytes);
    for (int64_t i = 0; i < a.count; i++) {
        seed = seed * 1664525u + 1013904223u;
        float f = (float)(seed >> 8) * 0x1p-23f - 1;
        tn_sim_store(t.type, host, numbers_offset(&t, i), 1, 1, &f);
        tn_sim_load(t.type, host, numbers_offset(&t, i), 1, 1, &f);
        a.x[i] = (double)f;
    }
    assert_cuda(cudaMemcpy(a.device, host, bytes, cudaMemcpyHostToDevice));
    free(host);
    return a;
}

void numbers_drop(numbers *a)
{
    assert_cuda(cudaFree(a->device));
    free(a->x);
}

static void *download(const numbers *a)
{
    const size_t bytes = (size_t)a->span * tn_sim_bytes_of(a->t.type);
    void *host = malloc(bytes);
    assert_non_null(host);
    assert_cuda(cudaMemcpy(host, a->device, bytes, cudaMemcpyDeviceToHost));
    return host;
}

double *numbers_get(const numbers *a)
{
    void *host = download(a);
    double *x = calloc((size_t)a->count, sizeof *x);
    for (int64_t i = 0; i < a->count; i++) {
        float f;
        tn_sim_load(a->t.type, host, numbers_offset(&a->t, i), 1, 1, &f);
        x[i] = (double)f;
    }
    free(host);
    return x;
}

static void check_gaps(const numbers *a)
{
    const float none = 0;
    void *host = download(a);
    for (int64_t i = 0; i < a->count; i++)
        tn_sim_store(a->t.type, host, numbers_offset(&a->t, i), 1, 1, &none);
    for (int64_t i = 0; i < a->span; i++) {
        float f;
        tn_sim_load(a->t.type, host, i, 1, 1, &f);
        assert_true(f == 0);
    }
    free(host);
}

double numbers_error(const numbers *a, const double *should)
{
    double most = 0, largest = 1e-30, *is = numbers_get(a);
    for (int64_t i = 0; i < a->count; i++) {
        most = fmax(most, isnan(is[i]) ? (double)INFINITY : fabs(is[i] - should[i]));
        largest = fmax(largest, fabs(should[i]));
    }
    free(is);
    check_gaps(a);
    return most / largest;
}

double numbers_tolerance(cudnnDataType_t type)
{
    return type == CUDNN_DATA_HALF ? 1e-3 : type == CUDNN_DATA_BFLOAT16 ? 8e-3 : 1e-6;
}

cudnnTensorDescriptor_t numbers_descriptor(int n, cudnnDataType_t type, int c, int h, int w)
{
    cudnnTensorDescriptor_t d;
    assert_dnn(cudnnCreateTensorDescriptor(&d));
    assert_dnn(cudnnSetTensor4dDescriptor(d, CUDNN_TENSOR_NHWC, type, n, c, h, w));
    return d;
}

int numbers_open(void **state)
{
    assert_dnn(cudnnCreate(&numbers_handle));
    *state = new_stream();
    assert_dnn(cudnnSetStream(numbers_handle, *state));
    return 0;
}

int numbers_close(void **state)
{
    assert_dnn(cudnnDestroy(numbers_handle));
    assert_cuda(cudaStreamDestroy(*state));
    tn_sim_check_leaks();
    return 0;
}
