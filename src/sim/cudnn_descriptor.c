/*
 * Simulated cuDNN: descriptors, and the five calls that make, fill, finalize, read and destroy them.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/cudnn_sim.h"

/* ---- contents ----------------------------------------------------------------------------- */

tn_dnn_contents *tn_dnn_contents_new(cudnnBackendDescriptorType_t type)
{
    tn_dnn_contents *c = tn_sim_new(1, sizeof *c);
    c->references = 1;
    c->type = type;
    c->device.index = -1;
    return c;
}

tn_dnn_contents *tn_dnn_contents_keep(tn_dnn_contents *c)
{
    atomic_fetch_add(&c->references, 1);
    return c;
}

static void forget(tn_dnn_value *v)
{
    if (v->of->type == CUDNN_TYPE_BACKEND_DESCRIPTOR)
        for (int64_t i = 0; i < v->count; i++)
            tn_dnn_contents_drop(((tn_dnn_contents **)v->bytes)[i]);
    free(v->bytes);
}

void tn_dnn_contents_drop(tn_dnn_contents *c)
{
    if (!c || atomic_fetch_sub(&c->references, 1) > 1)
        return;
    for (tn_dnn_value *v = c->values, *next; v; v = next) {
        next = v->next;
        forget(v);
        free(v);
    }
    free(c->program);
    free(c->json);
    free(c);
}

static const tn_dnn_attribute *row_of(cudnnBackendDescriptorType_t type,
                                      cudnnBackendAttributeName_t name)
{
    int n;
    const tn_dnn_attribute *a = tn_dnn_attributes(type, &n);
    for (int i = 0; i < n; i++)
        if (a[i].name == name)
            return &a[i];
    return NULL;
}

static void put(tn_dnn_contents *c, const tn_dnn_attribute *a, int64_t count, void *bytes)
{
    tn_dnn_value *v = c->values;
    while (v && v->of != a)
        v = v->next;
    if (v) {
        forget(v);
    } else {
        v = tn_sim_new(1, sizeof *v);
        v->next = c->values;
        c->values = v;
    }
    v->of = a;
    v->count = count;
    v->bytes = bytes;
}

void tn_dnn_contents_put(tn_dnn_contents *c, cudnnBackendAttributeName_t name, int64_t count,
                         const void *bytes)
{
    const tn_dnn_attribute *a = row_of(c->type, name);
    const size_t size = (size_t)count * tn_dnn_element_bytes(a->type);
    void *copy = tn_sim_new(1, size);
    memcpy(copy, bytes, size);
    if (a->type == CUDNN_TYPE_BACKEND_DESCRIPTOR)
        for (int64_t i = 0; i < count; i++)
            tn_dnn_contents_keep(((tn_dnn_contents **)copy)[i]);
    put(c, a, count, copy);
}

const tn_dnn_value *tn_dnn_value_of(const tn_dnn_contents *c, cudnnBackendAttributeName_t name)
{
    for (const tn_dnn_value *v = c->values; v; v = v->next)
        if (v->of->name == name)
            return v;
    return NULL;
}

tn_dnn_contents *tn_dnn_part_of(const tn_dnn_contents *c, cudnnBackendAttributeName_t name)
{
    const tn_dnn_value *v = tn_dnn_value_of(c, name);
    return v ? *(tn_dnn_contents **)v->bytes : NULL;
}

int64_t tn_dnn_number_of(const tn_dnn_contents *c, cudnnBackendAttributeName_t name,
                         int64_t otherwise)
{
    const tn_dnn_value *v = tn_dnn_value_of(c, name);
    if (!v)
        return otherwise;
    const size_t size = tn_dnn_element_bytes(v->of->type);
    if (size == 8)
        return *(const int64_t *)v->bytes;
    return size == 4 ? *(const int32_t *)v->bytes : *(const bool *)v->bytes;
}

/* ---- descriptors -------------------------------------------------------------------------- */

tn_dnn_descriptor *tn_dnn_descriptor_of(cudnnBackendDescriptor_t d)
{
    tn_sim_check_alive("cuDNN descriptor", d);
    return d;
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                           cudnnBackendDescriptor_t *out)
{
    int rows;
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_fail(CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED, "made to fail");
    if (!out)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "descriptor == NULL");
    if (!tn_dnn_attributes(type, &rows))
        return tn_dnn_fail(CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED,
                           "no descriptor of type %d", (int)type);
    tn_dnn_descriptor *d = tn_sim_new(1, sizeof *d);
    d->type = type;
    d->contents = tn_dnn_contents_new(type);
    tn_sim_born("cuDNN descriptor", d);
    *out = d;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor)
{
    const bool fails = tn_sim_enter(__func__, 0);
    if (!descriptor)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "descriptor == NULL");
    tn_dnn_descriptor *d = descriptor;
    tn_sim_died("cuDNN descriptor", d);
    tn_dnn_contents_drop(d->contents);
    d->contents = NULL; /* the rest stays, as the runtime's objects do */
    return fails ? tn_dnn_fail(CUDNN_STATUS_INTERNAL_ERROR, "made to fail") : CUDNN_STATUS_SUCCESS;
}

/* The contents of descriptors that are set as an attribute's elements. */
static cudnnStatus_t refer(const tn_dnn_attribute *a, int64_t count,
                           const cudnnBackendDescriptor_t *from, tn_dnn_contents **to)
{
    for (int64_t i = 0; i < count; i++) {
        if (!from[i])
            return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: element %lld is NULL", a->text,
                               (long long)i);
        tn_dnn_contents *c = tn_dnn_descriptor_of(from[i])->contents;
        /* The real library takes it for one of the right type, and goes astray later. */
        if (a->refers && a->refers != 1 + (int)c->type)
            tn_sim_break("descriptor", "%s: is given a descriptor of type %s", a->text,
                         tn_dnn_type_name(c->type));
        if (!c->final)
            return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED,
                               "%s: the %s descriptor is not finalized", a->text,
                               tn_dnn_type_name(c->type));
        to[i] = c;
    }
    for (int64_t i = 0; i < count; i++)
        tn_dnn_contents_keep(to[i]);
    return CUDNN_STATUS_SUCCESS;
}

static cudnnStatus_t set(tn_dnn_contents *c, const tn_dnn_attribute *a,
                         cudnnBackendAttributeType_t type, int64_t count, const void *from)
{
    const bool number =
        a->place == TN_DNN_REAL && (type == CUDNN_TYPE_FLOAT || type == CUDNN_TYPE_DOUBLE);
    if (type != a->type && !number)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, "%s: is not of type %d", a->text,
                           (int)type);
    if (count < a->least || count > a->most)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: has %lld to %lld elements, not %lld",
                           a->text, (long long)a->least, (long long)a->most, (long long)count);
    if (number) { /* kept as a double */
        double *x = tn_sim_new(1, sizeof *x);
        *x = type == CUDNN_TYPE_FLOAT ? (double)*(const float *)from : *(const double *)from;
        put(c, a, 1, x);
        return CUDNN_STATUS_SUCCESS;
    }
    const size_t size = (size_t)count * tn_dnn_element_bytes(type);
    void *bytes = tn_sim_new(1, size + 1); /* text ends in 0, whatever its count says */
    if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
        const cudnnStatus_t status = refer(a, count, from, bytes);
        if (status) {
            free(bytes);
            return status;
        }
    } else {
        memcpy(bytes, from, size);
        if (type == CUDNN_TYPE_HANDLE)
            tn_sim_check_alive("cuDNN handle", *(cudnnHandle_t *)bytes);
    }
    put(c, a, count, bytes);
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t count,
                                       const void *elements)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_fail(CUDNN_STATUS_INTERNAL_ERROR, "made to fail");
    if (!descriptor)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "descriptor == NULL");
    tn_dnn_contents *c = tn_dnn_descriptor_of(descriptor)->contents;
    const tn_dnn_attribute *a = row_of(c->type, name);
    if (!a)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "a %s descriptor has no attribute %d",
                           tn_dnn_type_name(c->type), (int)name);
    if (c->final)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: is set after the descriptor was finalized",
                           a->text);
    if (a->computed)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: cannot be set", a->text);
    if (!elements)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: elements == NULL", a->text);
    return set(c, a, type, count, elements);
}

/* ---- finalize ----------------------------------------------------------------------------- */

static tn_dnn_finalize *finalizer(cudnnBackendDescriptorType_t type)
{
    switch (type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
        return tn_dnn_finalize_tensor;
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
        return tn_dnn_finalize_graph;
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
        return tn_dnn_finalize_heuristics;
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR:
        return tn_dnn_finalize_engine;
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
        return tn_dnn_finalize_plan;
    case CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR:
        return tn_dnn_finalize_pack;
    case CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR:
        return tn_dnn_finalize_device;
    default:
        return tn_dnn_finalize_op; /* which leaves alone what is no operation */
    }
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_fail(CUDNN_STATUS_INTERNAL_ERROR, "made to fail");
    if (!descriptor)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "descriptor == NULL");
    tn_dnn_contents *c = tn_dnn_descriptor_of(descriptor)->contents;
    int rows;
    const tn_dnn_attribute *a = tn_dnn_attributes(c->type, &rows);
    if (c->final)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "the %s descriptor was finalized before",
                           tn_dnn_type_name(c->type));
    for (int i = 0; i < rows; i++)
        if (a[i].needed && !tn_dnn_value_of(c, a[i].name))
            return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "%s: is not set", a[i].text);
    const cudnnStatus_t status = finalizer(c->type)(c);
    c->final = status == CUDNN_STATUS_SUCCESS;
    return status;
}

/* ---- get ---------------------------------------------------------------------------------- */

cudnnStatus_t tn_dnn_give(const void *from, int64_t have, size_t element, int64_t asked,
                          int64_t *count, void *out)
{
    const int64_t n = asked < have ? asked : have;
    if (out && n > 0)
        memcpy(out, from, (size_t)n * element);
    if (count)
        *count = n < 0 ? 0 : n;
    return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t tn_dnn_give_text(const char *text, int64_t have, int64_t asked, int64_t *count,
                               void *out)
{
    if (asked > 0 && asked < have)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT,
                           "a text of %lld bytes has no room in %lld", (long long)have,
                           (long long)asked);
    if (asked > 0 && out)
        memcpy(out, text, (size_t)have);
    if (count)
        *count = have;
    return CUDNN_STATUS_SUCCESS;
}

/* Makes descriptors that the caller has created those that are referred to. */
cudnnStatus_t tn_dnn_give_descriptors(const tn_dnn_attribute *a, tn_dnn_contents *const *from,
                                      int64_t have, int64_t asked, int64_t *count, void *out)
{
    cudnnBackendDescriptor_t *to = out;
    int64_t n = 0;
    for (; to && n < asked && n < have; n++) {
        if (!to[n])
            return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "%s: element %lld is NULL",
                               a->text, (long long)n);
        tn_dnn_descriptor *d = tn_dnn_descriptor_of(to[n]);
        if (d->type != from[n]->type)
            tn_sim_break("descriptor", "%s: is read into a descriptor of type %s", a->text,
                         tn_dnn_type_name(d->type));
        tn_dnn_contents *old = d->contents;
        d->contents = tn_dnn_contents_keep(from[n]);
        tn_dnn_contents_drop(old);
    }
    if (count)
        *count = n;
    return CUDNN_STATUS_SUCCESS;
}

static tn_dnn_get *getter(cudnnBackendDescriptorType_t type)
{
    switch (type) {
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
        return tn_dnn_get_heuristics;
    case CUDNN_BACKEND_ENGINE_DESCRIPTOR:
        return tn_dnn_get_engine;
    case CUDNN_BACKEND_ENGINECFG_DESCRIPTOR:
        return tn_dnn_get_config;
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
        return tn_dnn_get_plan;
    case CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR:
        return tn_dnn_get_device;
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
        return tn_dnn_get_graph;
    default:
        return NULL;
    }
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t const descriptor,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t asked,
                                       int64_t *count, void *out)
{
    if (tn_sim_enter(__func__, 0))
        return tn_dnn_fail(CUDNN_STATUS_INTERNAL_ERROR, "made to fail");
    if (!descriptor)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM_NULL_POINTER, "descriptor == NULL");
    const tn_dnn_contents *c = tn_dnn_descriptor_of(descriptor)->contents;
    const tn_dnn_attribute *a = row_of(c->type, name);
    if (!a)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM, "a %s descriptor has no attribute %d",
                           tn_dnn_type_name(c->type), (int)name);
    if (!c->final)
        return tn_dnn_fail(CUDNN_STATUS_NOT_INITIALIZED,
                           "%s: is read before the descriptor was finalized", a->text);
    if (type != a->type)
        return tn_dnn_fail(CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE, "%s: is not of type %d", a->text,
                           (int)type);
    tn_dnn_get *get = getter(c->type);
    cudnnStatus_t status = get ? get(c, a, asked, count, out) : CUDNN_STATUS_NOT_SUPPORTED;
    if (status != CUDNN_STATUS_NOT_SUPPORTED)
        return status;
    const tn_dnn_value *v = tn_dnn_value_of(c, name);
    if (!v)
        return tn_dnn_fail(CUDNN_STATUS_NOT_SUPPORTED, "%s: was not set", a->text);
    if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR)
        return tn_dnn_give_descriptors(a, v->bytes, v->count, asked, count, out);
    return tn_dnn_give(v->bytes, v->count, tn_dnn_element_bytes(type), asked, count, out);
}
