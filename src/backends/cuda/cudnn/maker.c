#include "backends/cuda/cudnn/parts.h"

static void note(tn_cudnn_maker *m, cudnnStatus_t s, const char *call)
{
    if (s != CUDNN_STATUS_SUCCESS && m->status == CUDNN_STATUS_SUCCESS) {
        m->status = s;
        m->call = call;
    }
}

cudnnBackendDescriptor_t tn_cudnn_make(tn_cudnn_maker *m, cudnnBackendDescriptorType_t type)
{
    cudnnBackendDescriptor_t d = NULL;
    if (m->status == CUDNN_STATUS_SUCCESS && m->count == TN_CUDNN_MADE)
        note(m, CUDNN_STATUS_INTERNAL_ERROR, "a graph of more descriptors than there is room for");
    if (m->status != CUDNN_STATUS_SUCCESS)
        return NULL;
    note(m, cudnnBackendCreateDescriptor(type, &d), "cudnnBackendCreateDescriptor");
    if (m->status == CUDNN_STATUS_SUCCESS)
        m->made[m->count++] = d;
    return d;
}

void tn_cudnn_set(tn_cudnn_maker *m, cudnnBackendDescriptor_t to, cudnnBackendAttributeName_t name,
                  cudnnBackendAttributeType_t type, int64_t count, const void *elements)
{
    if (m->status == CUDNN_STATUS_SUCCESS)
        note(m, cudnnBackendSetAttribute(to, name, type, count, elements),
             "cudnnBackendSetAttribute");
}

void tn_cudnn_set_number(tn_cudnn_maker *m, cudnnBackendDescriptor_t to,
                         cudnnBackendAttributeName_t name, int64_t number)
{
    tn_cudnn_set(m, to, name, CUDNN_TYPE_INT64, 1, &number);
}

void tn_cudnn_set_part(tn_cudnn_maker *m, cudnnBackendDescriptor_t to,
                       cudnnBackendAttributeName_t name, cudnnBackendDescriptor_t part)
{
    tn_cudnn_set(m, to, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &part);
}

void tn_cudnn_finalize(tn_cudnn_maker *m, cudnnBackendDescriptor_t d)
{
    if (m->status == CUDNN_STATUS_SUCCESS)
        note(m, cudnnBackendFinalize(d), "cudnnBackendFinalize");
}

void tn_cudnn_unmake(tn_cudnn_maker *m, int keep)
{
    while (m->count > keep)
        cudnnBackendDestroyDescriptor(m->made[--m->count]); /* nothing is lost if that fails */
}
