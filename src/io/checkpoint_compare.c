/* In which tensors two files differ. */
#include <math.h>
#include <string.h>

#include <tenon/checkpoint.h>

#include "base/base.h"
#include "io/safetensors.h"

struct tn_checkpoint_differences {
    tn_safetensors *a, *b; /* which have the names */
    tn_tensor_difference *at;
    size_t count, capacity;
    int64_t of;
};

static tn_status add(tn_checkpoint_differences *d, const tn_tensor_difference *one)
{
    TN_TRY(tn_grow((void **)&d->at, d->count, &d->capacity, sizeof *d->at, "differences"));
    d->at[d->count++] = *one;
    return TN_OK;
}

/* Of two tensors of f32. */
static void measure(tn_tensor_difference *one, const float *x, const float *y)
{
    one->differ = 0;
    one->largest = 0;
    for (int64_t i = 0; i < one->count; i++) {
        if (memcmp(&x[i], &y[i], sizeof *x) == 0)
            continue;
        const double difference = fabs((double)x[i] - (double)y[i]);
        one->differ++;
        if (!(difference <= one->largest) && !isnan(one->largest))
            one->largest = difference;
    }
}

static tn_status compare_bytes(tn_checkpoint_differences *d, const tn_safetensor *x,
                               const tn_safetensor *y, char *bytes)
{
    TN_TRY(tn_safetensors_read(d->a, x, bytes));
    TN_TRY(tn_safetensors_read(d->b, y, bytes + x->bytes));
    if (memcmp(bytes, bytes + x->bytes, x->bytes) == 0)
        return TN_OK;
    tn_tensor_difference one = {.name = x->name, .largest = (double)NAN};
    TN_TRY(tn_shape_count(&x->shape, &one.count));
    const size_t each = one.count > 0 ? x->bytes / (size_t)one.count : 1;
    for (size_t i = 0; i < x->bytes; i += each)
        one.differ += memcmp(bytes + i, bytes + x->bytes + i, each) != 0;
    if (x->dtype == TN_F32)
        measure(&one, (const float *)bytes, (const float *)(bytes + x->bytes));
    return add(d, &one);
}

static bool same_shape(const tn_shape *x, const tn_shape *y)
{
    return x->ndim == y->ndim && memcmp(x->dim, y->dim, (size_t)x->ndim * sizeof *x->dim) == 0;
}

/* Tensors that the files say cannot be read as what they say to be are an error of reading them. */
static tn_status compare_one(tn_checkpoint_differences *d, const tn_safetensor *x)
{
    const tn_safetensor *y = tn_safetensors_find(d->b, x->name);
    tn_tensor_difference one = {.name = x->name, .largest = (double)NAN};
    if (!y)
        one.why = "only in a";
    else if (strcmp(x->type, y->type) != 0)
        one.why = "another type";
    else if (x->bytes != y->bytes || !same_shape(&x->shape, &y->shape))
        one.why = "another shape";
    if (one.why)
        return add(d, &one);
    char *bytes = tn_alloc_aligned(2 * x->bytes);
    if (!bytes)
        return tn_no_memory(x->name, 2 * x->bytes);
    const tn_status status = compare_bytes(d, x, y, bytes);
    tn_free(bytes);
    return status;
}

static tn_status compare_all(tn_checkpoint_differences *d, const char *a, const char *b)
{
    const tn_safetensor *t;
    TN_TRY(tn_safetensors_open(&d->a, a));
    TN_TRY(tn_safetensors_open(&d->b, b));
    d->of = (int64_t)tn_safetensors_count(d->a);
    for (size_t i = 0; (t = tn_safetensors_at(d->a, i)); i++)
        TN_TRY(compare_one(d, t));
    for (size_t i = 0; (t = tn_safetensors_at(d->b, i)); i++) {
        const tn_tensor_difference one = {
            .name = t->name, .why = "only in b", .largest = (double)NAN};
        if (tn_safetensors_find(d->a, t->name))
            continue;
        d->of++;
        TN_TRY(add(d, &one));
    }
    return TN_OK;
}

tn_status tn_checkpoint_compare(tn_checkpoint_differences **out, const char *a, const char *b)
{
    TN_NEED(out, "out");
    TN_NEED(a, "a");
    TN_NEED(b, "b");
    tn_checkpoint_differences *d = tn_alloc(1, sizeof *d);
    const tn_status status =
        d ? compare_all(d, a, b) : tn_no_memory("differences of checkpoints", sizeof *d);
    if (status != TN_OK)
        tn_checkpoint_differences_close(d);
    else
        *out = d;
    return status;
}

void tn_checkpoint_differences_close(tn_checkpoint_differences *d)
{
    if (!d)
        return;
    tn_safetensors_close(d->a);
    tn_safetensors_close(d->b);
    tn_free(d->at);
    tn_free(d);
}

int64_t tn_checkpoint_differences_count(const tn_checkpoint_differences *d, int64_t *of)
{
    if (of)
        *of = d ? d->of : 0;
    return d ? (int64_t)d->count : 0;
}

const tn_tensor_difference *tn_checkpoint_differences_at(const tn_checkpoint_differences *d,
                                                         int64_t index)
{
    return index >= 0 && index < tn_checkpoint_differences_count(d, NULL) ? &d->at[index] : NULL;
}
